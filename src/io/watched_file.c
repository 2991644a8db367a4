#include "io/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remember(mto_watched_file_t *file, const struct stat *now)
{
    file->device = now->st_dev;
    file->inode = now->st_ino;
    file->size = now->st_size;
    file->modified = now->st_mtim;
    file->changed = now->st_ctim;
}

static int same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* read(2) until the end or the limit; the number of bytes, or -1. */
static ssize_t read_all(int descriptor, char *text, size_t size)
{
    size_t  have = 0;
    ssize_t got;

    while (have < size) {
        got = read(descriptor, text + have, size - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* Whether reading may fail so although nothing is wrong with the file, or nothing for long. */
static int may_pass(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO || error == ESTALE || error == EAGAIN;
}

static const char *fail(mto_watched_file_t *file, int error)
{
    file->again = may_pass(error);
    return strerror(error);
}

const char *mto_watched_file_read(mto_watched_file_t *file, char **text, size_t *size, size_t most)
{
    /* O_NONBLOCK: opening a pipe by mistake must not wait for its other end. */
    int         descriptor = open(file->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (file->no_follow ? O_NOFOLLOW : 0));
    const char *reason = NULL;
    struct stat now;
    ssize_t     got;

    *text = NULL;
    if (descriptor < 0) {
        return fail(file, errno);
    }
    if (fstat(descriptor, &now) != 0) {
        reason = fail(file, errno);
    }
    else if (!S_ISREG(now.st_mode)) {
        reason = "not a regular file";
    }
    else if (now.st_size > (off_t)most) {
        reason = "too large";
    }
    else if ((*text = malloc((size_t)now.st_size + 1)) == NULL) {
        reason = fail(file, ENOMEM);
    }
    else if ((got = read_all(descriptor, *text, (size_t)now.st_size)) < 0) {
        reason = fail(file, errno);
    }
    else if (got < now.st_size) {
        reason = "it was cut while it was read";
        file->again = 1;
    }
    else {
        file->again = 0;
        (*text)[got] = '\0';
        *size = (size_t)got;
        remember(file, &now);
    }
    if (reason != NULL) {
        free(*text);
        *text = NULL;
    }
    (void)close(descriptor);
    return reason;
}

int mto_watched_file_has_changed(mto_watched_file_t *file)
{
    struct stat now;
    int         again = file->again;

    file->again = 0;
    if (stat(file->name, &now) != 0) {
        memset(&now, 0, sizeof now);
    }
    if (!again && now.st_dev == file->device && now.st_ino == file->inode && now.st_size == file->size
        && same_time(&now.st_mtim, &file->modified) && same_time(&now.st_ctim, &file->changed)) {
        return 0;
    }
    remember(file, &now);
    return 1;
}
