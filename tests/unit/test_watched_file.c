/* watched_file: what is read and what is refused, and when a file counts as another (DESIGN section 7).
 */
#include "support.h"

#include "io/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 100

/* A fresh path, whose file is not there. */
static const char *fresh_path(void)
{
    static int number;

    return support_path(support_text("file%d", number++));
}

static void write_text(const char *path, const char *text)
{
    support_write(path, text, strlen(text));
}

/* --- Reading ------------------------------------------------------------------------------------------------ */

/* Makes what is to be read at path. */
typedef void make_fn(const char *path);

static void make_nothing(const char *path)
{
    (void)path;
}

static void make_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_pipe(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_text(const char *path)
{
    write_text(path, "text");
}

static void make_link(const char *path)
{
    const char *target = support_text("%s.target", path);

    make_text(target);
    assert_int_equal(symlink(target, path), 0);
}

static void make_link_to_nothing(const char *path)
{
    assert_int_equal(symlink(support_text("%s.nothing", path), path), 0);
}

static void make_link_to_itself(const char *path)
{
    assert_int_equal(symlink(path, path), 0);
}

static void make_link_to_directory(const char *path)
{
    assert_int_equal(symlink(support_path(""), path), 0);
}

static void make_link_to_pipe(const char *path)
{
    const char *target = support_text("%s.target", path);

    make_pipe(target);
    assert_int_equal(symlink(target, path), 0);
}

typedef struct {
    const char *name;
    make_fn    *make;
    int         no_follow;
    const char *reason; /* NULL: read; then it holds "text" */
    int         error;  /* not 0: reason is strerror's of this */
} kind_t;

static const kind_t kinds[] = {
    {"a file", make_text, 0, NULL, 0},
    {"a file, links refused", make_text, 1, NULL, 0},
    {"nothing", make_nothing, 0, "", ENOENT},
    {"a directory", make_directory, 0, "not a regular file", 0},
    {"a pipe that nobody writes to", make_pipe, 0, "not a regular file", 0},
    {"a link", make_link, 0, NULL, 0},
    {"a link, links refused", make_link, 1, "", ELOOP},
    {"a link to nothing", make_link_to_nothing, 0, "", ENOENT},
    {"a link to nothing, links refused", make_link_to_nothing, 1, "", ELOOP},
    {"a link to itself", make_link_to_itself, 0, "", ELOOP},
    {"a link to a directory", make_link_to_directory, 0, "not a regular file", 0},
    {"a link to a pipe", make_link_to_pipe, 0, "not a regular file", 0},
};

static void kind_is_read_or_refused(const void *data)
{
    const kind_t      *row = data;
    mto_watched_file_t file = {.name = fresh_path(), .no_follow = row->no_follow};
    const char        *reason;
    char              *text = NULL;
    size_t             size = 99;

    row->make(file.name);
    (void)alarm(5); /* who opens the pipe to wait for its other end is killed */
    reason = mto_watched_file_read(&file, &text, &size, MOST);
    (void)alarm(0);
    if (row->reason == NULL) {
        assert_null(reason);
        assert_int_equal(size, 4);
        assert_string_equal(text, "text");
        free(text);
        return;
    }
    assert_null(text);
    assert_non_null(reason);
    assert_string_equal(reason, row->error != 0 ? strerror(row->error) : row->reason);
}

static void unreadable_file_is_refused(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};
    const char        *reason;
    char              *text = NULL;
    size_t             size;

    (void)unused;
    write_text(file.name, "text");
    assert_int_equal(chmod(file.name, 0), 0);
    if (geteuid() == 0) {
        assert_int_equal(chmod(support_path(""), 0755), 0);
        assert_int_equal(seteuid(65534), 0);
        reason = mto_watched_file_read(&file, &text, &size, MOST);
        assert_int_equal(seteuid(0), 0);
    }
    else {
        reason = mto_watched_file_read(&file, &text, &size, MOST);
    }
    assert_null(text);
    assert_non_null(reason);
    assert_string_equal(reason, strerror(EACCES));
}

typedef struct {
    const char *name;
    size_t      size;
    size_t      most;
    int         taken;
} edge_t;

static const edge_t edges[] = {
    {"empty", 0, MOST, 1},
    {"empty, nothing allowed", 0, 0, 1},
    {"one byte, nothing allowed", 1, 0, 0},
    {"one byte less", MOST - 1, MOST, 1},
    {"exactly so many", MOST, MOST, 1},
    {"one byte more", MOST + 1, MOST, 0},
    {"far more", 1000 * MOST, MOST, 0},
    {"several pages", 1000 * MOST, 1000 * MOST, 1},
};

static void size_is_bounded(const void *data)
{
    const edge_t      *row = data;
    mto_watched_file_t file = {.name = fresh_path()};
    char              *content = apr_palloc(support_pool(), row->size + 1), *text = NULL;
    const char        *reason;
    size_t             size = 0, i;

    for (i = 0; i < row->size; i++) {
        content[i] = (char)(i * 7 + i / 256); /* NUL is among them */
    }
    support_write(file.name, content, row->size);
    reason = mto_watched_file_read(&file, &text, &size, row->most);
    if (!row->taken) {
        assert_null(text);
        assert_non_null(reason);
        assert_string_equal(reason, "too large");
        return;
    }
    assert_null(reason);
    assert_non_null(text);
    assert_int_equal(size, row->size);
    assert_memory_equal(text, content, size);
    assert_int_equal(text[size], '\0');
    free(text);
}

/* --- Changes ------------------------------------------------------------------------------------------------ */

/* Long enough for the kernel's clock to have moved on. */
static void wait_for_another_time(void)
{
    (void)usleep(20000);
}

static void change_nothing(const char *path)
{
    (void)path;
}

static void change_size(const char *path)
{
    write_text(path, "longer text");
}

static void change_content(const char *path)
{
    write_text(path, "TEXT");
}

/* What cp -p and editors that are too clever do: only the change time, which nobody can set, tells. */
static void change_content_keep_times(const char *path)
{
    struct stat     before;
    struct timespec times[2];

    assert_int_equal(stat(path, &before), 0);
    write_text(path, "TEXT");
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void change_by_rename(const char *path)
{
    const char *other = support_text("%s.new", path);

    write_text(other, "TEXT");
    assert_int_equal(rename(other, path), 0);
}

/* Replaces the file by another one of the same size and times. */
static void change_by_rename_keep_times(const char *path)
{
    const char     *other = support_text("%s.new", path);
    struct stat     before;
    struct timespec times[2];

    assert_int_equal(stat(path, &before), 0);
    write_text(other, "TEXT");
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
    assert_int_equal(rename(other, path), 0);
}

static void change_to_nothing(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void change_to_link(const char *path)
{
    assert_int_equal(unlink(path), 0);
    make_link(path);
}

static void change_mode(const char *path)
{
    assert_int_equal(chmod(path, 0640), 0);
}

typedef struct {
    const char *name;
    make_fn    *change;
    int         changed;
} change_t;

static const change_t changes[] = {
    {"nothing", change_nothing, 0},
    {"another size", change_size, 1},
    {"other bytes, the same size", change_content, 1},
    {"other bytes, the same size and modification time", change_content_keep_times, 1},
    {"replaced by rename", change_by_rename, 1},
    {"replaced by rename, the same size and modification time", change_by_rename_keep_times, 1},
    {"vanished", change_to_nothing, 1},
    {"now a link", change_to_link, 1},
    {"another mode", change_mode, 1},
};

static void read_whole(mto_watched_file_t *file, const char *wanted)
{
    char  *text;
    size_t size;

    assert_null(mto_watched_file_read(file, &text, &size, MOST));
    assert_string_equal(text, wanted);
    free(text);
}

static void change_is_seen_once(const void *data)
{
    const change_t    *row = data;
    mto_watched_file_t file = {.name = fresh_path()};

    write_text(file.name, "text");
    read_whole(&file, "text");
    assert_false(mto_watched_file_has_changed(&file));
    wait_for_another_time();
    row->change(file.name);
    assert_int_equal(mto_watched_file_has_changed(&file) != 0, row->changed);
    assert_false(mto_watched_file_has_changed(&file));
}

static void change_is_gone_once_read(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};

    (void)unused;
    write_text(file.name, "text");
    read_whole(&file, "text");
    wait_for_another_time();
    write_text(file.name, "other");
    read_whole(&file, "other");
    assert_false(mto_watched_file_has_changed(&file));
}

static void vanished_counts_once_and_coming_back_too(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};
    const char        *away = support_text("%s.away", file.name);

    (void)unused;
    write_text(file.name, "text");
    read_whole(&file, "text");
    assert_int_equal(rename(file.name, away), 0);
    assert_true(mto_watched_file_has_changed(&file));
    assert_false(mto_watched_file_has_changed(&file));
    assert_false(mto_watched_file_has_changed(&file));
    assert_int_equal(rename(away, file.name), 0); /* the very file that was read */
    assert_true(mto_watched_file_has_changed(&file));
    assert_false(mto_watched_file_has_changed(&file));
    read_whole(&file, "text");
}

static void missing_from_the_start(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};

    (void)unused;
    assert_false(mto_watched_file_has_changed(&file));
    write_text(file.name, "text");
    assert_true(mto_watched_file_has_changed(&file));
    assert_false(mto_watched_file_has_changed(&file));
}

/* A broken new file is looked at once, not every time, and its repair is seen. */
static void refused_file_is_looked_at_once(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};
    const char        *large = support_repeat("x", MOST + 1);
    char              *text;
    size_t             size;

    (void)unused;
    write_text(file.name, "text");
    read_whole(&file, "text");
    write_text(file.name, large);
    assert_true(mto_watched_file_has_changed(&file));
    assert_non_null(mto_watched_file_read(&file, &text, &size, MOST));
    assert_null(text);
    assert_false(mto_watched_file_has_changed(&file));
    write_text(file.name, "text");
    assert_true(mto_watched_file_has_changed(&file));
    read_whole(&file, "text");
}

/* Nothing is wrong with the file: it is tried until it is read, without another change. */
static void file_is_tried_again_when_descriptors_run_out(const void *unused)
{
    mto_watched_file_t file = {.name = fresh_path()};
    struct rlimit      before, few;
    char              *text;
    size_t             size;
    int                i, lowest = dup(0);

    (void)unused;
    (void)close(lowest);
    write_text(file.name, "text");
    read_whole(&file, "text");
    write_text(file.name, "other text");
    assert_true(mto_watched_file_has_changed(&file));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (i = 0; i < 3; i++) {
        const char *reason = mto_watched_file_read(&file, &text, &size, MOST);

        if (reason == NULL || strcmp(reason, strerror(EMFILE)) != 0 || !mto_watched_file_has_changed(&file)) {
            (void)setrlimit(RLIMIT_NOFILE, &before);
            fail_msg("%s", reason != NULL ? reason : "read");
        }
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    read_whole(&file, "other text");
    assert_false(mto_watched_file_has_changed(&file));
}

/* A file of the kernel's says that it is a page long and has less, as one that is cut at this moment. */
static void cut_file_is_refused_and_tried_again(const void *unused)
{
    mto_watched_file_t file = {.name = "/sys/kernel/mm/transparent_hugepage/enabled"};
    struct stat        now;
    char              *text;
    size_t             size;

    (void)unused;
    if (stat(file.name, &now) != 0 || now.st_size != 4096) {
        skip();
    }
    assert_true(mto_watched_file_has_changed(&file));
    assert_non_null(mto_watched_file_read(&file, &text, &size, 4096));
    assert_null(text);
    assert_true(mto_watched_file_has_changed(&file));
}

static void no_descriptor_is_left_open(const void *unused)
{
    const char *name = fresh_path();
    size_t      i, size;
    int         before = dup(0), after;
    char       *text;

    (void)unused;
    (void)close(before);
    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        mto_watched_file_t file = {.name = support_text("%s.%d", name, (int)i), .no_follow = kinds[i].no_follow};

        kinds[i].make(file.name);
        (void)mto_watched_file_read(&file, &text, &size, MOST);
        free(text);
        (void)mto_watched_file_read(&file, &text, &size, 1);
        free(text);
    }
    after = dup(0);
    (void)close(after);
    assert_int_equal(after, before); /* the lowest that is free */
}

int main(void)
{
    support_table("DESIGN section 7, what is read", kind_is_read_or_refused, TABLE(kinds));
    support_case("DESIGN section 7, what is read: a file without the right to", unreadable_file_is_refused);
    support_table("DESIGN section 4, size limits", size_is_bounded, TABLE(edges));
    support_table("DESIGN section 4, re-read when changed", change_is_seen_once, TABLE(changes));
    support_case("a change is gone once it is read", change_is_gone_once_read);
    support_case("a file that vanished has changed once, and again when it is back",
                 vanished_counts_once_and_coming_back_too);
    support_case("a file that was never there has not changed", missing_from_the_start);
    support_case("a refused file is looked at once", refused_file_is_looked_at_once);
    support_case("a file is tried again when descriptors run out", file_is_tried_again_when_descriptors_run_out);
    support_case("a cut file is refused and tried again", cut_file_is_refused_and_tried_again);
    support_case("no descriptor is left open", no_descriptor_is_left_open);
    return support_run("watched_file");
}
