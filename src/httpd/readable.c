#include "httpd/readable.h"

#include "httpd/files.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <apr_user.h>
#include <errno.h>
#include <fcntl.h>
#include <mpm_common.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <unixd.h>

/* How long the start waits for all answers: a file system that is away gives none. */
#define WAIT_MS 5000

/* How long for the end of the process that gives them. */
#define END_MS 1000

/* All that running processes read again, but secrets: those may be for root alone, and who has not learnt of a new one
 * is refused, not let in. */
static apr_array_header_t *collect(apr_pool_t *pool, const server_rec *main_server)
{
    const apr_array_header_t *all = mto_files_list(main_server, pool);
    apr_array_header_t       *files = apr_array_make(pool, all->nelts + 1, sizeof(mto_named_file_t));
    int                       i;

    for (i = 0; i < all->nelts; i++) {
        const mto_named_file_t *file = &APR_ARRAY_IDX(all, i, const mto_named_file_t);

        if (!file->is_secret) {
            APR_ARRAY_PUSH(files, mto_named_file_t) = *file;
        }
    }
    return files;
}

/* --- A process that tries them ------------------------------------------------------------------------------------ */

/* Writes errno or 0 for each. The account is taken on by the same hook as in the processes that serve requests, so that
 * groups, ChrootDir and what other modules do there count as they do for those. */
static void try_all(const apr_array_header_t *files, int out, apr_pool_t *pool, server_rec *main_server)
{
    int i, descriptor, answer, status = ap_run_drop_privileges(pool, main_server);

    for (i = 0; status == OK && i < files->nelts; i++) {
        descriptor = open(APR_ARRAY_IDX(files, i, const mto_named_file_t).name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        answer = descriptor < 0 ? errno : 0;
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        if (write(out, &answer, sizeof answer) != (ssize_t)sizeof answer) {
            break;
        }
    }
    _exit(0);
}

static int64_t milliseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads size bytes, or what has come when the writer has ended or the time is over. */
static size_t read_answers(int in, char *answers, size_t size)
{
    struct pollfd ready = {in, POLLIN, 0};
    int64_t       end = milliseconds() + WAIT_MS, now;
    size_t        have = 0;
    ssize_t       got = 1;

    while (have < size && got != 0 && (now = milliseconds()) < end) {
        if (poll(&ready, 1, (int)(end - now)) == 1) {
            got = read(in, answers + have, size - have);
            have += got > 0 ? (size_t)got : 0;
        }
    }
    return have;
}

/* What hangs in a file system may not even heed this signal; httpd, which waits for every child, then sees its end. */
static void reap(pid_t process)
{
    int64_t until = milliseconds() + END_MS;

    (void)kill(process, SIGKILL);
    while (waitpid(process, NULL, WNOHANG) == 0 && milliseconds() < until) {
        apr_sleep(APR_USEC_PER_SEC / 1000);
    }
}

/* The answers about the first files, as many as there are. */
static int ask(const apr_array_header_t *files, int *answers, apr_pool_t *pool, server_rec *main_server)
{
    size_t have = 0;
    int    ends[2];
    pid_t  process;

    if (pipe(ends) != 0) {
        return 0;
    }
    process = fork();
    if (process == 0) {
        (void)close(ends[0]);
        try_all(files, ends[1], pool, main_server);
    }
    (void)close(ends[1]);
    if (process > 0) {
        have = read_answers(ends[0], (char *)answers, (size_t)files->nelts * sizeof *answers);
        reap(process);
    }
    (void)close(ends[0]);
    return (int)(have / sizeof *answers);
}

/* --- What is told ------------------------------------------------------------------------------------------------- */

static const char *remedy_of(const mto_named_file_t *file, int answer, apr_pool_t *pool)
{
    char *group;

    if (answer != EACCES) {
        return "have it where they can open it, which under ChrootDir is below that";
    }
    if (apr_gid_name_get(&group, ap_unixd_config.group_id, pool) != APR_SUCCESS) {
        group = apr_psprintf(pool, "#%ld", (long)ap_unixd_config.group_id);
    }
    return apr_psprintf(pool, "chgrp %s '%s' && chmod g+r '%s', and let that group into the directories above it",
                        group, file->name, file->name);
}

static void warn(server_rec *main_server, const mto_named_file_t *file, int answer, apr_pool_t *pool)
{
    mto_warn(
        pool, main_server, remedy_of(file, answer, pool),
        "%s %s: User %s cannot read it (%s): processes that run do not see it change and go on with what they have",
        file->directive, file->name, ap_unixd_config.user_name, strerror(answer));
}

void mto_readable_check(apr_pool_t *pool, server_rec *main_server)
{
    const apr_array_header_t *files;
    int                      *answers, count, i;

    if (geteuid() != 0) {
        return;
    }
    files = collect(pool, main_server);
    answers = apr_pcalloc(pool, (size_t)files->nelts * sizeof *answers);
    count = files->nelts > 0 ? ask(files, answers, pool, main_server) : 0;
    for (i = 0; i < count; i++) {
        if (answers[i] != 0) {
            warn(main_server, &APR_ARRAY_IDX(files, i, const mto_named_file_t), answers[i], pool);
        }
    }
    if (count < files->nelts) {
        const mto_named_file_t *file = &APR_ARRAY_IDX(files, count, const mto_named_file_t);

        mto_warn(pool, main_server, "try it by hand",
                 "%s %s: whether User %s can read it was not to be found out, nor of the %d files after it",
                 file->directive, file->name, ap_unixd_config.user_name, files->nelts - count - 1);
    }
}
