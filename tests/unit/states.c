#include "states.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

const mto_key_source_t source = {.issuer = ISSUER, .jwks_uri = "https://as.example/jwks"};

const char *fresh_path(void)
{
    static int number;

    return support_path(support_text("place%d", number++));
}

mto_state_place_t fresh_place(void)
{
    mto_state_place_t place = {.directory = NULL};

    assert_null(mto_state_place_make(&place, fresh_path(), geteuid(), getegid()));
    return place;
}

mto_state_t state_of(const char *jwks)
{
    mto_state_t state = {.fetched = NOW, .jwks = (char *)jwks, .jwks_size = strlen(jwks)};

    return state;
}

void write_state(const mto_state_place_t *place, const mto_key_source_t *of, const char *jwks)
{
    mto_state_t state = state_of(jwks);

    assert_null(mto_state_write(place, of, &state));
}

/* How many entries a directory has beside its key; *path is the last one. */
static int files_of(const char *directory, const char **path)
{
    DIR           *open = opendir(directory);
    struct dirent *entry;
    int            count = 0;

    assert_non_null(open);
    while ((entry = readdir(open)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "key") != 0) {
            *path = support_text("%s/%s", directory, entry->d_name);
            count++;
        }
    }
    (void)closedir(open);
    return count;
}

const char *file_of(const char *directory)
{
    const char *path = NULL;

    assert_int_equal(files_of(directory, &path), 1);
    return path;
}

void assert_believed(const mto_state_place_t *place, const mto_key_source_t *of, const char *jwks)
{
    mto_state_t state;
    int         missing = 9;

    assert_null(mto_state_read(&state, place, of, NOW, &missing));
    assert_int_equal(missing, 0);
    assert_string_equal(state.jwks, jwks);
    mto_state_clear(&state);
}

void assert_refused(const mto_state_place_t *place, const mto_key_source_t *of, int is_missing)
{
    mto_state_t state;
    int         missing = 9;
    const char *reason = mto_state_read(&state, place, of, NOW, &missing);

    mto_state_clear(&state);
    assert_non_null(reason);
    assert_int_equal(missing, is_missing);
}
