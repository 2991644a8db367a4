/* A state file. The first byte says whether the rest is a file that somebody put there, a document with the right seal,
 * in which @o is the origin of the source, or (behind a line of changes) a key set that was written. What is believed
 * was written here, of this source, and not later than now. */
#include "harness.h"

#include "../unit/states.h"

#include "core/json.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define SEAL 64 /* hexadecimal digits in front of the newline */

/* libFuzzer comes by what is sealed in the one place (see fuzz_seal.c); in the other nothing is. */
static mto_state_place_t place, silent;
static const char       *path, *silent_path, *origin;

static const char *make_place(mto_state_place_t *made)
{
    *made = fresh_place();
    write_state(made, &source, JWKS);
    return file_of(made->directory);
}

void fuzz_prepare(void)
{
    path = make_place(&place);
    silent_path = make_place(&silent);
    origin = strrchr(path, '/') + 1;
}

static const char *read_state(mto_state_t *state, const mto_state_place_t *where)
{
    int         missing = 9;
    const char *wrong = mto_state_read(state, where, &source, NOW, &missing);

    CHECK(missing == 0 && (wrong == NULL || wrong[0] != '\0'));
    return wrong;
}

static void check_put(const char *data, size_t size)
{
    mto_state_t state;

    support_write(silent_path, data, size);
    CHECK(read_state(&state, &silent) != NULL);
    mto_state_clear(&state);
}

static const char *meaning_of(char letter)
{
    return letter == 'o' ? origin : NULL;
}

static void check_document(const char *data, size_t size)
{
    unsigned char mac[32];
    char         *file;
    mto_state_t   state;
    json_t       *document;
    const char   *reason;
    int           i;

    data = fuzz_fill_in(data, &size, meaning_of);
    file = apr_palloc(support_pool(), SEAL + 1 + size);
    (void)HMAC(EVP_sha256(), place.key, sizeof place.key, (const unsigned char *)data, size, mac, NULL);
    for (i = 0; i < 32; i++) {
        (void)snprintf(file + 2 * i, 3, "%02x", mac[i]);
    }
    file[SEAL] = '\n';
    memcpy(file + SEAL + 1, data, size);
    support_write(path, file, SEAL + 1 + size);
    document = mto_json_read_object(data, size, &reason);
    if (read_state(&state, &place) == NULL) {
        CHECK(strcmp(mto_json_string(document, "origin"), origin) == 0);
        CHECK(state.fetched <= NOW && state.jwks != NULL && strlen(state.jwks) == state.jwks_size);
        CHECK(strcmp(mto_json_string(document, "jwks"), state.jwks) == 0);
    }
    mto_state_clear(&state);
    json_decref(document);
}

static void check_written(const char *data, size_t size)
{
    size_t             length;
    const char        *edits = fuzz_line(&data, &size, &length), *jwks = fuzz_text(data, size), *wrong;
    mto_state_t        written = state_of(jwks), state;
    mto_watched_file_t file = {.name = path};
    char              *text, *changed;
    size_t             text_size, changed_size;

    if (mto_state_write(&place, &source, &written) != NULL) {
        CHECK(!json_is_string(json_string(jwks))); /* not UTF-8 */
        return;
    }
    CHECK(mto_watched_file_read(&file, &text, &text_size, 1024 * 1024) == NULL);
    changed_size = text_size;
    changed = fuzz_edit(text, &changed_size, edits, length);
    support_write(path, changed, changed_size);
    wrong = read_state(&state, &place);
    CHECK((wrong == NULL) == (changed_size == text_size && memcmp(changed, text, text_size) == 0));
    CHECK(wrong != NULL || (strcmp(state.jwks, jwks) == 0 && state.fetched == NOW));
    mto_state_clear(&state);
    free(text);
}

void fuzz_one(const char *data, size_t size)
{
    static void (*const checks[])(const char *data, size_t size) = {check_put, check_document, check_written};
    unsigned choice = fuzz_choice(&data, &size, 3);

    checks[choice](data, size);
}
