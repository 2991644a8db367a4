/* A file that is read again when it changes. */
#ifndef MTO_WATCHED_FILE_H
#define MTO_WATCHED_FILE_H

#include <stddef.h>
#include <sys/stat.h>

/* Zero-initialised with its name it has not been read yet. */
typedef struct {
    const char     *name;
    int             no_follow; /* a symbolic link is refused */
    dev_t           device;    /* what the file was when it was last read, or last looked at in vain */
    ino_t           inode;
    off_t           size;
    struct timespec modified, changed;
    int             again; /* it could not be read for a reason that has nothing to do with it */
} mto_watched_file_t;

/* Reads all of a regular file of at most most bytes into *text, which is the caller's to free, NUL-terminated, and
 * remembers what the file was. Returns NULL or why not: a static text, or strerror's. */
const char *mto_watched_file_read(mto_watched_file_t *file, char **text, size_t *size, size_t most);

/* Whether the file is to be read: it is another than when it was last read or this was last asked, or it could not be
 * read for want of memory or descriptors, by an error of its disk, or while somebody wrote it. A file that vanished has
 * changed once. */
int mto_watched_file_has_changed(mto_watched_file_t *file);

#endif
