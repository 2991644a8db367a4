/* state_file: what was tampered with is not believed (DESIGN section 7). */
#include "states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A state that was written, and the bytes of its file. */
typedef struct {
    mto_state_place_t place;
    const char       *path;
    char             *text; /* to be freed */
    size_t            size;
} written_t;

static written_t write_one(void)
{
    written_t          written = {.place = fresh_place()};
    mto_watched_file_t file = {.name = NULL};

    write_state(&written.place, &source, JWKS);
    file.name = written.path = file_of(written.place.directory);
    assert_null(mto_watched_file_read(&file, &written.text, &written.size, 16 * 1024 * 1024));
    return written;
}

static void flipped_bit_is_refused(const void *unused)
{
    written_t written = write_one();
    size_t    i;

    (void)unused;
    for (i = 0; i < 8 * written.size; i++) {
        written.text[i / 8] = (char)(written.text[i / 8] ^ 1 << i % 8);
        support_write(written.path, written.text, written.size);
        assert_refused(&written.place, &source, 0);
        written.text[i / 8] = (char)(written.text[i / 8] ^ 1 << i % 8);
    }
    support_write(written.path, written.text, written.size);
    assert_believed(&written.place, &source, JWKS);
    free(written.text);
}

static void cut_file_is_refused(const void *unused)
{
    written_t written = write_one();
    size_t    i;

    (void)unused;
    for (i = 0; i < written.size; i++) {
        support_write(written.path, written.text, i);
        assert_refused(&written.place, &source, 0);
    }
    free(written.text);
}

/* Changes the state file at path, of source, in the place. */
typedef void tamper_fn(const mto_state_place_t *place, const char *path);

static void append(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "ab");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void append_newline(const mto_state_place_t *place, const char *path)
{
    (void)place;
    append(path, "\n", 1);
}

static void append_nul(const mto_state_place_t *place, const char *path)
{
    (void)place;
    append(path, "", 1);
}

static void append_much(const mto_state_place_t *place, const char *path)
{
    (void)place;
    assert_int_equal(truncate(path, 4 * MTO_KEYSET_BYTES), 0);
}

static void replace_by_link(const mto_state_place_t *place, const char *path)
{
    const char *away = support_text("%s/away", place->directory);

    assert_int_equal(rename(path, away), 0);
    assert_int_equal(symlink(away, path), 0);
}

static void replace_by_link_to_nothing(const mto_state_place_t *place, const char *path)
{
    (void)place;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nothing", path), 0);
}

static void replace_by_directory(const mto_state_place_t *place, const char *path)
{
    (void)place;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void replace_by_pipe(const mto_state_place_t *place, const char *path)
{
    (void)place;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void remove_it(const mto_state_place_t *place, const char *path)
{
    (void)place;
    assert_int_equal(unlink(path), 0);
}

typedef struct {
    const char *name;
    tamper_fn  *tamper;
    int         missing;
} tampering_t;

static const tampering_t tamperings[] = {
    {"a newline behind", append_newline, 0},
    {"a NUL behind", append_nul, 0},
    {"too large", append_much, 0},
    {"a link to the very file", replace_by_link, 0},
    {"a link to nothing", replace_by_link_to_nothing, 0},
    {"a directory", replace_by_directory, 0},
    {"a pipe", replace_by_pipe, 0},
    {"not there, which is said", remove_it, 1},
};

static void tampered_file_is_refused(const void *data)
{
    const tampering_t *row = data;
    mto_state_place_t  place = fresh_place();

    write_state(&place, &source, JWKS);
    row->tamper(&place, file_of(place.directory));
    (void)alarm(5);
    assert_refused(&place, &source, row->missing);
    (void)alarm(0);
}

static void other_key_is_refused(const void *unused)
{
    mto_state_place_t place = fresh_place();
    int               i;

    (void)unused;
    write_state(&place, &source, JWKS);
    for (i = 0; i < MTO_STATE_KEY_SIZE; i++) {
        place.key[i] ^= 1;
        assert_refused(&place, &source, 0);
        place.key[i] ^= 1;
    }
    assert_believed(&place, &source, JWKS);
}

int main(void)
{
    support_case("DESIGN section 7, each flipped bit is refused", flipped_bit_is_refused);
    support_case("DESIGN section 7, each shorter file is refused", cut_file_is_refused);
    support_table("DESIGN section 7, foreign files", tampered_file_is_refused, TABLE(tamperings));
    support_case("DESIGN section 7, each byte of the key counts", other_key_is_refused);
    return support_run("state_tampered");
}
