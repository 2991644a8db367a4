/* An object that is made from files, and made anew when one of them changes. Requests take the one in force; a broken
 * new file keeps the last good one. */
#ifndef MTO_WATCHED_OBJECT_H
#define MTO_WATCHED_OBJECT_H

#include "io/says.h"

#include <apr_pools.h>
#include <apr_tables.h>
#include <stddef.h>

/* Bytes of the reason why an object could not be made, NUL included. */
#define MTO_WATCHED_REASON_SIZE 400

/* One file of an object. */
typedef struct {
    const char *directive; /* that names it, for messages */
    const char *name;
    size_t      most;      /* bytes */
    int         is_secret; /* root alone may be let read it; what changes in it then waits for a restart */
} mto_object_file_t;

/* What an object is. All functions may run in any thread. */
typedef struct {
    /* Makes one, with one reference, from the NUL-terminated texts of its files, in the order of the files; NULL with
     * *wrong, the index of the file at fault (-1: no file is), and reason. */
    void *(*make)(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                  char reason[MTO_WATCHED_REASON_SIZE]);
    void *(*retain)(void *object);
    void (*release)(void *object);
} mto_object_class_t;

typedef struct mto_watched_object_t mto_watched_object_t;

/* Reads the files (mto_object_file_t) and makes the object. All arguments must outlive it; it lives as
 * long as pool. Returns NULL with *error, from pool, naming directive, file and reason. */
mto_watched_object_t *mto_watched_object_create(const mto_object_class_t *class, const void *baton,
                                                const apr_array_header_t *files, const char **error, apr_pool_t *pool);

/* The object in force, a new reference; never NULL. Any thread. */
void *mto_watched_object_get(mto_watched_object_t *object);

/* The files it is made of (mto_object_file_t). */
const apr_array_header_t *mto_watched_object_files(const mto_watched_object_t *object);

/* Whether an object is made of the same files, named by the same directives, by the same class. */
int mto_watched_object_is(const mto_watched_object_t *object, const mto_object_class_t *class,
                          const apr_array_header_t   *files);

/* Makes it anew when a file changed, and tells of it. A file that is no good counts as it was when it last was; the
 * others count as they are. One thread at a time. */
void mto_watched_object_renew(mto_watched_object_t *object, mto_says_fn *say, void *baton);

#endif
