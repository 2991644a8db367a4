/* What is sealed for a cache that others can write. The first byte says what the rest is: keys, bytes found in the
 * cache, or an answer that is sealed and then changed. Nothing opens but what was sealed, where it was sealed, until
 * its end. */
#include "harness.h"

#include "core/seal.h"

#include <openssl/rand.h>
#include <string.h>

/* Of two keys each, made anew in each process. libFuzzer remembers what is compared, so it comes by what the one has
 * sealed; the other one seals nothing. */
static mto_seal_t   *seal, *silent;
static unsigned char ids[2][MTO_SEAL_ID_SIZE];

static mto_seal_t *make_seal(void)
{
    unsigned char random[64];
    char          reason[MTO_SEAL_REASON_SIZE];
    const char   *keys;
    mto_seal_t   *made;

    CHECK(RAND_bytes(random, sizeof random) == 1);
    keys = support_text("%s\n%s\n", support_base64url(random, 32), support_base64url(random + 32, 32));
    made = mto_seal_create(keys, strlen(keys), reason);
    CHECK(made != NULL && mto_seal_count(made) == 2);
    return made;
}

void fuzz_prepare(void)
{
    seal = make_seal();
    silent = make_seal();
    CHECK(RAND_bytes(ids[0], sizeof ids) == 1);
}

static int opens(const mto_seal_t *by, size_t key, size_t id, const char *sealed, size_t size, apr_time_t now,
                 mto_sealed_answer_t *answer)
{
    unsigned char place[MTO_SEAL_ID_SIZE];

    CHECK(mto_seal_place(by, key, ids[id], place));
    return mto_seal_open(by, key, place, (const unsigned char *)sealed, size, now, apr_palloc(support_pool(), size),
                         answer);
}

/* A key file: a key has a place of its own; keys that are not taken get a reason that shows nothing of them. */
static void check_keys(const char *data, size_t size)
{
    char          reason[MTO_SEAL_REASON_SIZE] = "";
    unsigned char place[2][MTO_SEAL_ID_SIZE];
    mto_seal_t   *made = mto_seal_create(data, size, reason);

    if (made == NULL) {
        CHECK(reason[0] != '\0' && fuzz_is_plain(reason));
        return;
    }
    CHECK(mto_seal_count(made) >= 1 && mto_seal_count(made) <= MTO_SEAL_KEYS);
    CHECK(size >= MTO_SEAL_KEY_LENGTH * mto_seal_count(made));
    CHECK(mto_seal_place(made, 0, ids[0], place[0]));
    CHECK(mto_seal_place(seal, 0, ids[0], place[1]));
    CHECK(memcmp(place[0], place[1], MTO_SEAL_ID_SIZE) != 0);
    mto_seal_release(made);
}

/* Bytes that nobody sealed. */
static void check_found(const char *data, size_t size)
{
    mto_sealed_answer_t answer;
    size_t              key;

    for (key = 0; key < 2; key++) {
        CHECK(!opens(silent, key, 0, data, size, NOW, &answer));
    }
}

/* An answer, sealed, and changed as the first line says. */
static void check_sealed(const char *data, size_t size)
{
    mto_sealed_answer_t answer = {NOW, NOW + apr_time_from_sec(60), NULL, 0}, opened;
    size_t              edits_size, sealed_size, changed_size;
    const char         *edits = fuzz_line(&data, &size, &edits_size);
    unsigned char       place[MTO_SEAL_ID_SIZE], nonce[MTO_SEAL_NONCE_SIZE], *sealed;
    char               *changed;

    if (size == 0) {
        return; /* an answer is never empty */
    }
    answer.json = data;
    answer.size = size;
    CHECK(mto_seal_place(seal, 0, ids[0], place));
    CHECK(RAND_bytes(nonce, sizeof nonce) == 1);
    sealed = apr_palloc(support_pool(), size + MTO_SEAL_OVERHEAD);
    sealed_size = mto_seal_close(seal, place, nonce, &answer, sealed);
    CHECK(sealed_size == size + MTO_SEAL_OVERHEAD);
    changed_size = sealed_size;
    changed = fuzz_edit((const char *)sealed, &changed_size, edits, edits_size);
    if (changed_size != sealed_size || memcmp(changed, sealed, sealed_size) != 0) {
        CHECK(!opens(seal, 0, 0, changed, changed_size, NOW, &opened));
    }
    CHECK(opens(seal, 0, 0, (const char *)sealed, sealed_size, NOW, &opened));
    CHECK(opened.size == size && memcmp(opened.json, data, size) == 0);
    CHECK(opened.answered == answer.answered && opened.end == answer.end);
    CHECK(!opens(seal, 0, 0, (const char *)sealed, sealed_size, answer.end, &opened));
    CHECK(!opens(seal, 0, 1, (const char *)sealed, sealed_size, NOW, &opened));
    CHECK(!opens(seal, 1, 0, (const char *)sealed, sealed_size, NOW, &opened));
}

void fuzz_one(const char *data, size_t size)
{
    static void (*const checks[])(const char *data, size_t size) = {check_keys, check_found, check_sealed};
    unsigned choice = fuzz_choice(&data, &size, 3);

    checks[choice](data, size);
}
