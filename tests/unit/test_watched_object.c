/* watched_object: made of its files, made anew when one changes, kept when the new one is no good. */
#include "support.h"

#include "io/watched_object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The object of these tests: the texts of its files, one behind the other; a text that begins with "bad" is refused. */
typedef struct {
    int  references;
    char text[64];
} joined_t;

static int alive;

static void *make_joined(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                         char reason[MTO_WATCHED_REASON_SIZE])
{
    const int *count = baton;
    joined_t  *joined = calloc(1, sizeof *joined);
    int        i;

    assert_non_null(joined);
    for (i = 0; i < *count; i++) {
        assert_int_equal(strlen(texts[i]), sizes[i]);
        if (strncmp(texts[i], "bad", 3) == 0) {
            *wrong = i;
            (void)snprintf(reason, MTO_WATCHED_REASON_SIZE, "is no good");
            free(joined);
            return NULL;
        }
        strcat(joined->text, texts[i]);
    }
    joined->references = 1;
    alive++;
    return joined;
}

static void *retain_joined(void *object)
{
    ((joined_t *)object)->references++;
    return object;
}

static void release_joined(void *object)
{
    joined_t *joined = object;

    if (--joined->references == 0) {
        free(joined);
        alive--;
    }
}

static const mto_object_class_t class = {make_joined, retain_joined, release_joined};

/* --- One object of two files --------------------------------------------------------------------------------- */

typedef struct {
    apr_pool_t           *pool;
    const char           *paths[2];
    apr_array_header_t   *files;
    mto_watched_object_t *object;
    const char           *error;
    int                   count;
} bench_t;

static void write_file(const char *path, const char *text)
{
    /* A new file each time, as a careful administrator does it. */
    const char *fresh = support_text("%s.new", path);

    support_write(fresh, text, strlen(text));
    assert_int_equal(rename(fresh, path), 0);
}

static void set_up(bench_t *bench, const char *first, const char *second)
{
    static int  number;
    const char *texts[] = {first, second};
    int         i;

    assert_int_equal(apr_pool_create(&bench->pool, support_pool()), APR_SUCCESS);
    bench->files = apr_array_make(bench->pool, 2, sizeof(mto_object_file_t));
    bench->count = 2;
    bench->error = NULL;
    for (i = 0; i < 2; i++) {
        mto_object_file_t *file = apr_array_push(bench->files);

        bench->paths[i] = support_path(support_text("object%d", number++));
        if (texts[i] != NULL) {
            write_file(bench->paths[i], texts[i]);
        }
        file->directive = i == 0 ? "First" : "Second";
        file->name = bench->paths[i];
        file->most = 20;
    }
    bench->object = mto_watched_object_create(&class, &bench->count, bench->files, &bench->error, bench->pool);
}

static void assert_in_force(bench_t *bench, const char *text)
{
    joined_t *joined = mto_watched_object_get(bench->object);

    assert_string_equal(joined->text, text);
    release_joined(joined);
}

/* --- What it says -------------------------------------------------------------------------------------------- */

typedef struct {
    int        count;
    mto_says_t grave;
    char       text[1000];
} said_t;

static void hear(void *baton, mto_says_t grave, const char *text)
{
    said_t *said = baton;

    said->count++;
    said->grave = grave;
    (void)snprintf(said->text, sizeof said->text, "%s", text);
}

static said_t renew(bench_t *bench)
{
    said_t said = {0, MTO_SAYS_INFO, ""};

    mto_watched_object_renew(bench->object, hear, &said);
    return said;
}

/* --- Cases --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *first, *second; /* NULL: the file is not there */
    const char *error;                 /* that is in the error; NULL: it is made */
} create_row_t;

static const create_row_t creations[] = {
    {"both good", "a", "b", NULL},
    {"both empty", "", "", NULL},
    {"first missing", NULL, "b", "First "},
    {"second missing", "a", NULL, "Second "},
    {"second bad", "a", "bad", "is no good"},
    {"second too large", "a", "123456789012345678901", "too large"},
};

static void check_creation(const void *data)
{
    const create_row_t *row = data;
    bench_t             bench;

    set_up(&bench, row->first, row->second);
    assert_int_equal(bench.object != NULL, row->error == NULL);
    if (row->error != NULL) {
        assert_non_null(strstr(bench.error, row->error));
    }
    else {
        assert_in_force(&bench, support_text("%s%s", row->first, row->second));
    }
    apr_pool_destroy(bench.pool);
    assert_int_equal(alive, 0);
}

static void check_untouched(const void *data)
{
    bench_t bench;

    (void)data;
    set_up(&bench, "a", "b");
    assert_int_equal(renew(&bench).count, 0);
    assert_in_force(&bench, "ab");
    apr_pool_destroy(bench.pool);
}

static void check_changed(const void *data)
{
    bench_t   bench;
    joined_t *taken;
    said_t    said;

    (void)data;
    set_up(&bench, "a", "b");
    taken = mto_watched_object_get(bench.object);
    write_file(bench.paths[1], "new");
    said = renew(&bench);
    assert_int_equal(said.count, 1);
    assert_int_equal(said.grave, MTO_SAYS_INFO);
    assert_non_null(strstr(said.text, support_text("Second %s", bench.paths[1])));
    assert_in_force(&bench, "anew");
    /* Who took the old one still has it. */
    assert_string_equal(taken->text, "ab");
    release_joined(taken);
    assert_int_equal(renew(&bench).count, 0);
    apr_pool_destroy(bench.pool);
    assert_int_equal(alive, 0);
}

static void check_broken(const void *data)
{
    bench_t bench;
    said_t  said;

    (void)data;
    set_up(&bench, "a", "b");
    write_file(bench.paths[0], "bad");
    said = renew(&bench);
    assert_int_equal(said.count, 1);
    assert_int_equal(said.grave, MTO_SAYS_ERROR);
    assert_non_null(strstr(said.text, "is no good"));
    assert_in_force(&bench, "ab");
    assert_int_equal(renew(&bench).count, 0); /* told once */
    assert_int_equal(unlink(bench.paths[0]), 0);
    assert_int_equal(renew(&bench).grave, MTO_SAYS_ERROR);
    assert_in_force(&bench, "ab");
    write_file(bench.paths[0], "c");
    assert_int_equal(renew(&bench).grave, MTO_SAYS_INFO);
    assert_in_force(&bench, "cb");
    apr_pool_destroy(bench.pool);
    assert_int_equal(alive, 0);
}

static void check_broken_beside_changed(const void *data)
{
    bench_t bench;
    said_t  said;

    (void)data;
    set_up(&bench, "a", "b");
    write_file(bench.paths[0], "bad");
    write_file(bench.paths[1], "new");
    said = renew(&bench);
    assert_int_equal(said.count, 2); /* of the one, and of the other */
    assert_in_force(&bench, "anew");
    write_file(bench.paths[1], "newer"); /* what is good of the broken file is still known */
    (void)renew(&bench);
    assert_in_force(&bench, "anewer");
    assert_int_equal(unlink(bench.paths[0]), 0);
    write_file(bench.paths[1], "bad");
    said = renew(&bench);
    assert_int_equal(said.count, 2);
    assert_int_equal(said.grave, MTO_SAYS_ERROR);
    assert_in_force(&bench, "anewer");
    write_file(bench.paths[0], "c");
    (void)renew(&bench);
    assert_in_force(&bench, "cnewer");
    apr_pool_destroy(bench.pool);
    assert_int_equal(alive, 0);
}

static void check_same(const void *data)
{
    bench_t             a, b;
    apr_array_header_t *renamed;

    (void)data;
    set_up(&a, "a", "b");
    set_up(&b, "a", "b");
    assert_true(mto_watched_object_is(a.object, &class, a.files));
    assert_false(mto_watched_object_is(a.object, &class, b.files));
    renamed = apr_array_copy(a.pool, a.files);
    APR_ARRAY_IDX(renamed, 0, mto_object_file_t).directive = "Other";
    assert_false(mto_watched_object_is(a.object, &class, renamed));
    renamed->nelts = 1;
    assert_false(mto_watched_object_is(a.object, &class, renamed));
    apr_pool_destroy(a.pool);
    apr_pool_destroy(b.pool);
}

int main(void)
{
    support_table("an object is made of all of its files, or the error names file and reason", check_creation,
                  TABLE(creations));
    support_case("files that do not change make nothing", check_untouched);
    support_case("a changed file makes a new object", check_changed);
    support_case("a broken file keeps the last good object, and is told of once", check_broken);
    support_case("a broken file holds up no other", check_broken_beside_changed);
    support_case("objects are the same by class, files and directives", check_same);
    return support_run("watched_object");
}
