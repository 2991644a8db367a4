/* state_file: what was tampered with is not believed (DESIGN section 7). */
#include "states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *content_of(const char *path, size_t *size)
{
    mto_watched_file_t file = {.name = path};
    char              *text;

    assert_null(mto_watched_file_read(&file, &text, size, 16 * 1024 * 1024));
    return text;
}

static void flipped_bit_is_refused(const void *unused)
{
    mto_state_place_t place = fresh_place();
    const char       *path;
    char             *text;
    size_t            size, i;

    (void)unused;
    write_state(&place, &source, JWKS);
    path = file_of(place.directory);
    text = content_of(path, &size);
    for (i = 0; i < 8 * size; i++) {
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
        support_write(path, text, size);
        assert_refused(&place, &source, 0);
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    }
    support_write(path, text, size);
    assert_believed(&place, &source, JWKS);
    free(text);
}

static void cut_file_is_refused(const void *unused)
{
    mto_state_place_t place = fresh_place();
    const char       *path;
    char             *text;
    size_t            size, i;

    (void)unused;
    write_state(&place, &source, JWKS);
    path = file_of(place.directory);
    text = content_of(path, &size);
    for (i = 0; i < size; i++) {
        support_write(path, text, i);
        assert_refused(&place, &source, 0);
    }
    free(text);
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
