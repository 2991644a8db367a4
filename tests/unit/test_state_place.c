/* state_file: the directory that state is kept in, and the key in it (DESIGN section 7, "State files"). What needs root
 * is skipped without. */
#include "states.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user and a group that are not root. */
#define CHILD       65534U
#define CHILD_GROUP 65533U

/* Makes a place whose directory must not be believed before; the reason. */
static const char *make_place(mto_state_place_t *place, const char *directory, unsigned user, unsigned group)
{
    memset(place, 0, sizeof *place);
    place->directory = "/of/an/earlier/start";
    return mto_state_place_make(place, directory, user, group);
}

static void assert_made(mto_state_place_t *place, const char *directory, unsigned user, unsigned group)
{
    const char *reason = make_place(place, directory, user, group);

    if (reason != NULL) {
        fail_msg("%s", reason);
    }
    assert_string_equal(place->directory, directory);
}

/* Refused, and the place holds no directory, so that nobody keeps anything there. */
static void assert_not_made(const char *directory, unsigned user, const char *wanted)
{
    mto_state_place_t place;
    const char       *reason = make_place(&place, directory, user, user);

    assert_non_null(reason);
    if (wanted != NULL) {
        assert_string_equal(reason, wanted);
    }
    assert_null(place.directory);
}

static struct stat look_at(const char *path)
{
    struct stat now;

    assert_int_equal(lstat(path, &now), 0);
    return now;
}

static const char *key_of(const char *directory)
{
    return support_text("%s/key", directory);
}

static void assert_key_is_ours(const mto_state_place_t *place)
{
    const char   *path = key_of(place->directory);
    struct stat   now = look_at(path);
    unsigned char key[MTO_STATE_KEY_SIZE + 1];
    FILE         *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fread(key, 1, sizeof key, file), MTO_STATE_KEY_SIZE);
    assert_int_equal(fclose(file), 0);
    assert_memory_equal(key, place->key, MTO_STATE_KEY_SIZE);
    assert_true(S_ISREG(now.st_mode));
    assert_int_equal(now.st_mode & 07777, 0600);
    assert_int_equal(now.st_uid, geteuid());
    assert_int_equal(now.st_nlink, 1);
}

/* --- The directory ------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    mode_t      mode;  /* of an empty directory that is there; 0: none is */
    int         given; /* whether it is the child's already; else this user's */
    mode_t      mask;  /* the process's */
} directory_t;

static const directory_t directories[] = {
    {"not there yet", 0, 0, 022},  {"not there yet, no mask", 0, 0, 0}, {"not there yet, a mask of all", 0, 0, 0777},
    {"there, 0755", 0755, 0, 022}, {"there, 0777", 0777, 0, 022},       {"there, 0700", 0700, 0, 022},
    {"there, 0500", 0500, 0, 022}, {"the child's, 0700", 0700, 1, 022}, {"the child's, 0755", 0755, 1, 022},
};

static void directory_becomes_the_childs(const void *data)
{
    const directory_t *row = data;
    const char        *directory = fresh_path(), *reason;
    mto_state_place_t  place;
    struct stat        now;
    unsigned           child = geteuid() == 0 ? CHILD : geteuid();
    mode_t             mask;

    if (row->mask == 0777 && geteuid() != 0) {
        skip(); /* it could not even open what it makes */
    }
    if (row->mode != 0) {
        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(chmod(directory, row->mode), 0);
        if (row->given) {
            assert_int_equal(chown(directory, child, (gid_t)-1), 0);
        }
    }
    mask = umask(row->mask);
    reason = make_place(&place, directory, CHILD, CHILD_GROUP);
    (void)umask(mask);
    assert_null(reason);
    assert_string_equal(place.directory, directory);
    now = look_at(directory);
    assert_int_equal(now.st_mode & 0777, 0700);
    assert_int_equal(now.st_uid, child);
    if (geteuid() == 0 && !row->given) {
        assert_int_equal(now.st_gid, CHILD_GROUP);
    }
    if (row->mask == 022) {
        assert_key_is_ours(&place);
    }
}

static void key_outlives_a_restart(const void *unused)
{
    const char       *directory = fresh_path();
    mto_state_place_t first, second;
    int               i;

    (void)unused;
    assert_made(&first, directory, geteuid(), getegid());
    for (i = 0; i < 3; i++) {
        support_write(support_text("%s/state%d", directory, i), "a", 1); /* it is not empty any more */
        assert_made(&second, directory, geteuid(), getegid());
        assert_memory_equal(second.key, first.key, MTO_STATE_KEY_SIZE);
        assert_key_is_ours(&second);
    }
}

static void what_is_missing_above_is_made(const void *unused)
{
    const char *top = fresh_path(), *middle = support_text("%s/a", top), *directory = support_text("%s/b", middle);
    mode_t      mask = umask(022);
    mto_state_place_t place;
    const char       *reason = make_place(&place, directory, geteuid(), getegid());

    (void)unused;
    (void)umask(mask);
    assert_null(reason);
    assert_int_equal(look_at(directory).st_mode & 0777, 0700);
    assert_int_equal(look_at(middle).st_mode & 0777, 0755);
    assert_int_equal(look_at(top).st_mode & 0777, 0755);
    assert_key_is_ours(&place);
}

static void each_place_has_its_key(const void *unused)
{
    mto_state_place_t first, second;

    (void)unused;
    assert_made(&first, fresh_path(), geteuid(), getegid());
    assert_made(&second, fresh_path(), geteuid(), getegid());
    assert_memory_not_equal(first.key, second.key, MTO_STATE_KEY_SIZE);
}

/* --- Directories that are left alone ------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    mode_t      mode;
    int         is_root_only; /* it is root's, and the child another */
    const char *entry;        /* what is in it */
} foreign_t;

static const foreign_t foreigners[] = {
    {"another's, such as /etc", 0755, 1, "passwd"},        {"another's, 0700", 0700, 1, "passwd"},
    {"another's, with a hidden file", 0755, 1, ".hidden"}, {"another's, with a key", 0755, 1, "key"},
    {"its user's, but open to others", 0755, 0, "file"},   {"its user's, but open to the group", 0710, 0, "file"},
    {"its user's, writable by all", 0777, 0, "file"},
};

static void foreign_directory_is_left_alone(const void *data)
{
    const foreign_t *row = data;
    const char      *directory = fresh_path(), *entry = support_text("%s/%s", directory, row->entry);
    struct stat      before, after;

    if (row->is_root_only && geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(chmod(directory, row->mode), 0);
    support_write(entry, "12345678901234567890123456789012", MTO_STATE_KEY_SIZE);
    before = look_at(directory);
    assert_not_made(directory, row->is_root_only ? CHILD : geteuid(), NULL);
    after = look_at(directory);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(rmdir(directory), 0); /* nothing was put in */
}

static void name_must_be_a_directory(const void *unused)
{
    const char *path = fresh_path();

    (void)unused;
    support_write(path, "a", 1);
    assert_not_made(path, geteuid(), strerror(ENOTDIR));
    assert_not_made(support_text("%s/below", path), geteuid(), strerror(ENOTDIR));
    assert_not_made(support_repeat("/x", 1000), geteuid(), NULL);
}

static void link_to_a_directory_is_refused(const void *unused)
{
    const char *link = fresh_path(), *target = fresh_path();

    (void)unused;
    assert_int_equal(mkdir(target, 0755), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_not_made(link, geteuid(), NULL);
    assert_int_equal(look_at(target).st_mode & 0777, 0755);
}

/* As a user who is not root: a parent that cannot be written, and a directory of somebody else. */
static void other_users_directory_is_refused(const void *unused)
{
    const char       *parent = fresh_path(), *theirs = fresh_path();
    mto_state_place_t inside, over;
    const char       *reasons[2];

    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(support_path(""), 0755), 0);
    assert_int_equal(mkdir(parent, 0755), 0);
    assert_int_equal(mkdir(theirs, 0755), 0);
    assert_int_equal(seteuid(CHILD), 0);
    reasons[0] = make_place(&inside, support_text("%s/new", parent), CHILD, CHILD);
    reasons[1] = make_place(&over, theirs, CHILD, CHILD);
    assert_int_equal(seteuid(0), 0);
    assert_non_null(reasons[0]);
    assert_non_null(reasons[1]);
    assert_null(inside.directory);
    assert_null(over.directory);
    assert_int_equal(look_at(theirs).st_uid, 0);
    assert_int_equal(look_at(theirs).st_mode & 0777, 0755);
}

static void user_other_than_root_keeps_its_directory(const void *unused)
{
    const char       *parent = fresh_path(), *directory = support_text("%s/new", parent);
    mto_state_place_t place, again;
    const char       *reason, *second;

    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(support_path(""), 0755), 0);
    assert_int_equal(mkdir(parent, 0755), 0);
    assert_int_equal(chown(parent, CHILD, CHILD_GROUP), 0);
    assert_int_equal(seteuid(CHILD), 0);
    reason = make_place(&place, directory, 12345, 12345); /* httpd's User means nothing then */
    second = make_place(&again, directory, 12345, 12345);
    assert_int_equal(seteuid(0), 0);
    assert_null(reason);
    assert_null(second);
    assert_memory_equal(again.key, place.key, MTO_STATE_KEY_SIZE);
    assert_int_equal(look_at(directory).st_uid, CHILD);
    assert_int_equal(look_at(directory).st_mode & 0777, 0700);
}

/* --- The key ------------------------------------------------------------------------------------------------ */

/* Does something to a good key file. */
typedef void spoil_fn(const char *path);

static void open_to_others(const char *path)
{
    assert_int_equal(chmod(path, 0604), 0);
}

static void open_to_group(const char *path)
{
    assert_int_equal(chmod(path, 0640), 0);
}

static void writable_by_others(const char *path)
{
    assert_int_equal(chmod(path, 0602), 0);
}

static void owned_by_the_child(const char *path)
{
    assert_int_equal(chown(path, CHILD, (gid_t)-1), 0);
}

static void linked_twice(const char *path)
{
    assert_int_equal(link(path, support_text("%s2", path)), 0);
}

static void a_byte_short(const char *path)
{
    assert_int_equal(truncate(path, MTO_STATE_KEY_SIZE - 1), 0);
}

static void a_byte_long(const char *path)
{
    assert_int_equal(truncate(path, MTO_STATE_KEY_SIZE + 1), 0);
}

static void emptied(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void behind_a_link(const char *path)
{
    const char *away = support_text("%s2", path);

    assert_int_equal(rename(path, away), 0);
    assert_int_equal(symlink(away, path), 0);
}

static void a_pipe(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void removed(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static const struct {
    const char *name;
    spoil_fn   *spoil;
} spoils[] = {
    {"readable by others", open_to_others},
    {"readable by the group", open_to_group},
    {"writable by others", writable_by_others},
    {"owned by the child", owned_by_the_child},
    {"linked twice", linked_twice},
    {"a byte short", a_byte_short},
    {"a byte long", a_byte_long},
    {"empty", emptied},
    {"behind a link", behind_a_link},
    {"a pipe", a_pipe},
    {"removed", removed},
};

static void spoiled_key_is_replaced(const void *data)
{
    const struct {
        const char *name;
        spoil_fn   *spoil;
    } *row = data;
    const char       *directory = fresh_path();
    mto_state_place_t first, second, third;

    if (row->spoil == owned_by_the_child && geteuid() != 0) {
        skip();
    }
    assert_made(&first, directory, geteuid(), getegid());
    row->spoil(key_of(directory));
    (void)alarm(5);
    assert_made(&second, directory, geteuid(), getegid());
    (void)alarm(0);
    assert_memory_not_equal(second.key, first.key, MTO_STATE_KEY_SIZE);
    assert_key_is_ours(&second);
    assert_made(&third, directory, geteuid(), getegid());
    assert_memory_equal(third.key, second.key, MTO_STATE_KEY_SIZE);
}

/* What a link named key points to is not touched. */
static void target_of_a_link_is_left_alone(const void *unused)
{
    static const char text[] = "12345678901234567890123456789012";
    const char       *directory = fresh_path(), *target = fresh_path();
    mto_state_place_t place;
    char              now[sizeof text] = "";
    FILE             *file;

    (void)unused;
    support_write(target, text, MTO_STATE_KEY_SIZE);
    assert_int_equal(chmod(target, 0600), 0);
    assert_made(&place, directory, geteuid(), getegid());
    assert_int_equal(unlink(key_of(directory)), 0);
    assert_int_equal(symlink(target, key_of(directory)), 0);
    assert_made(&place, directory, geteuid(), getegid());
    assert_key_is_ours(&place);
    assert_memory_not_equal(place.key, text, MTO_STATE_KEY_SIZE);
    file = fopen(target, "rb");
    assert_non_null(file);
    assert_int_equal(fread(now, 1, sizeof now, file), MTO_STATE_KEY_SIZE);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(now, text);
}

/* A key that cannot be made: nothing is kept under one that the next start would not know. */
static void place_without_a_key_is_refused(const void *unused)
{
    const char       *directory = fresh_path();
    mto_state_place_t place;

    (void)unused;
    assert_made(&place, directory, geteuid(), getegid());
    assert_int_equal(unlink(key_of(directory)), 0);
    assert_int_equal(mkdir(key_of(directory), 0700), 0);
    assert_not_made(directory, geteuid(), NULL);
}

/* Who only looks finds what a start made, and makes nothing himself. */
static void looking_makes_nothing(const void *unused)
{
    const char       *directory = fresh_path();
    mto_state_place_t made, found = {.directory = "before"};
    struct stat       now;

    (void)unused;
    assert_string_equal(mto_state_place_find(&found, directory), "no server has kept anything there yet");
    assert_null(found.directory);
    assert_int_equal(lstat(directory, &now), -1);
    assert_made(&made, directory, geteuid(), getegid());
    assert_null(mto_state_place_find(&found, directory));
    assert_string_equal(found.directory, directory);
    assert_memory_equal(found.key, made.key, MTO_STATE_KEY_SIZE);
    assert_int_equal(chmod(key_of(directory), 0640), 0);
    assert_string_equal(mto_state_place_find(&found, directory), "only who starts the server can read it");
    assert_null(found.directory);
    assert_int_equal(unlink(key_of(directory)), 0);
    assert_non_null(mto_state_place_find(&found, directory));
    assert_int_equal(lstat(key_of(directory), &now), -1);
}

int main(void)
{
    support_table("DESIGN section 7, a directory 0700 of the children's user", directory_becomes_the_childs,
                  TABLE(directories));
    support_case("DESIGN section 7, a key that is made once", key_outlives_a_restart);
    support_case("what is missing above the directory is made", what_is_missing_above_is_made);
    support_case("each place has a key of its own", each_place_has_its_key);
    support_table("a directory that holds other things is left alone", foreign_directory_is_left_alone,
                  TABLE(foreigners));
    support_case("the name must be that of a directory", name_must_be_a_directory);
    support_case("a link to a directory is refused", link_to_a_directory_is_refused);
    support_case("another user's directory is refused", other_users_directory_is_refused);
    support_case("a user other than root keeps its own directory", user_other_than_root_keeps_its_directory);
    support_table("DESIGN section 7, a key that only who starts the server has", spoiled_key_is_replaced,
                  TABLE(spoils));
    support_case("the target of a link is left alone", target_of_a_link_is_left_alone);
    support_case("a place without a key is refused", place_without_a_key_is_refused);
    support_case("who only looks makes nothing", looking_makes_nothing);
    return support_run("state_place");
}
