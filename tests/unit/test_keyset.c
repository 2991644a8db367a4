/* keyset: what of a document gets in, in which order, how a key is found, how long a set lives (DESIGN sections 2, 4).
 */
#include "support.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define GOOD support_key(MTO_KEY_ED25519, 0)

static const char *add(mto_keyset_t *set, const char *json)
{
    return mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_PUBLIC, NULL, NULL);
}

/* --- Whole documents ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *json;
    const char *refused; /* NULL: taken, and then no key is in it */
} document_t;

static const document_t documents[] = {
    {"no keys", "{\"keys\":[]}", NULL},
    {"members beside keys", "{\"a\":1,\"keys\":[],\"b\":{}}", NULL},
    {"only what is no JWK", "{\"keys\":[1,null,\"a\",[],{}]}", NULL},
    {"not JSON", "<html>", "not JSON"},
    {"nothing", "", "not JSON"},
    {"an array", "[]", "not a JSON object"},
    {"keys absent", "{}", "no array \"keys\""},
    {"keys an object", "{\"keys\":{}}", "no array \"keys\""},
    {"keys null", "{\"keys\":null}", "no array \"keys\""},
    {"a JWK alone", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "no array \"keys\""},
    {"keys twice", "{\"keys\":[],\"keys\":[]}", "a member occurs twice"},
    {"a member of a key twice", "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}", "a member occurs twice"},
    {"bytes behind", "{\"keys\":[]}{}", "not JSON"},
    {"invalid UTF-8", "{\"keys\":[{\"kid\":\"\xff\"}]}", "not valid UTF-8"},
    {"NUL in a kid", "{\"keys\":[{\"kid\":\"a\\u0000b\"}]}", "a NUL character in a string"},
};

static void document_is_taken_or_refused(const void *data)
{
    const document_t *row = data;
    mto_keyset_t     *set = mto_keyset_create();
    const char       *refused;

    assert_null(add(set, support_jwks(support_jwk(GOOD, "before", NULL), NULL)));
    refused = add(set, row->json);
    assert_int_equal(mto_keyset_count(set), 1);
    mto_keyset_release(set);
    if (row->refused == NULL) {
        assert_null(refused);
        return;
    }
    assert_non_null(refused);
    assert_string_equal(refused, row->refused);
}

/* --- Keys that are left out among others --------------------------------------------------------------------- */

typedef struct {
    char text[1000];
} log_t;

static void note_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    log_t *log = baton;
    size_t used = strlen(log->text);

    (void)apr_snprintf(log->text + used, sizeof log->text - used, "%d %s %s: %s\n", (int)position,
                       kid != NULL ? kid : "-", harmless ? "harmless" : "bad", reason);
}

static json_t *parsed(const char *json)
{
    return json_loads(json, JSON_DECODE_ANY, NULL);
}

static void bad_keys_are_left_out_and_told(const void *unused)
{
    const char *json = support_jwks(
        parsed("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"kid\":\"short\"}"),
        support_jwk(GOOD, "first", NULL), parsed("{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"secret\"}"), parsed("1"),
        parsed("{\"kty\":\"AKP\",\"kid\":\"new\"}"), parsed("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":7}"),
        support_jwk(support_key(MTO_KEY_P256, 0), "second", "ES256"), NULL);
    mto_keyset_t *set = mto_keyset_create();
    log_t         log = {""};

    (void)unused;
    assert_null(mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_PUBLIC, note_skipped, &log));
    assert_int_equal(mto_keyset_count(set), 2);
    mto_keyset_release(set);
    assert_string_equal(log.text, "0 short bad: its members do not make a key\n"
                                  "2 secret bad: a symmetric key\n"
                                  "3 - bad: not a JSON object\n"
                                  "4 new harmless: a kty or crv that is not used here\n"
                                  "5 - bad: kid or alg is not a string\n");
}

static void private_keys_are_left_out_unless_ignored(const void *unused)
{
    json_t       *jwk = support_jwk(GOOD, NULL, NULL);
    mto_keyset_t *set = mto_keyset_create();
    const char   *json;

    (void)unused;
    json_object_set_new(jwk, "d", json_string("AAAA"));
    json = support_jwks(jwk, NULL);
    assert_null(add(set, json));
    assert_int_equal(mto_keyset_count(set), 0);
    assert_null(mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_IGNORE_PRIVATE, NULL, NULL));
    assert_int_equal(mto_keyset_count(set), 1);
    mto_keyset_release(set);
}

/* --- Bounds -------------------------------------------------------------------------------------------------- */

/* A document of count times the same key. */
static const char *document_of(int count)
{
    const char *jwk = support_json(support_jwk(GOOD, NULL, NULL));

    return support_text("{\"keys\":[%s%s]}", support_repeat(support_text("%s,", jwk), count - 1), jwk);
}

typedef struct {
    const char *name;
    int         before; /* keys of a first document */
    int         then;   /* keys of a second one */
    const char *refused;
    size_t      count;
} bound_t;

static const bound_t bounds[] = {
    {"1000 keys in one document", 1, 999, NULL, 1000},
    {"1001 keys in one document", 1, 1001, "more than 1000 keys", 1},
    {"1000 keys in two documents", 600, 400, NULL, 1000},
    {"1001 keys in two documents", 600, 401, "more than 1000 keys", 600},
};

static void keys_are_bounded(const void *data)
{
    const bound_t *row = data;
    mto_keyset_t  *set = mto_keyset_create();
    const char    *refused;

    assert_null(add(set, document_of(row->before)));
    refused = add(set, document_of(row->then));
    assert_int_equal(mto_keyset_count(set), row->count);
    mto_keyset_release(set);
    assert_true((refused == NULL) == (row->refused == NULL));
    assert_true(refused == NULL || strcmp(refused, row->refused) == 0);
}

/* Keys that would be left out count too: whoever writes so many wants us to work. */
static void entries_are_counted_not_good_keys(const void *unused)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *refused;

    (void)unused;
    assert_null(add(set, support_text("{\"keys\":[%s0]}", support_repeat("0,", 999))));
    refused = add(set, support_text("{\"keys\":[%s0]}", support_repeat("0,", 1000)));
    mto_keyset_release(set);
    assert_non_null(refused);
    assert_string_equal(refused, "more than 1000 keys");
}

static void pem_counts_as_a_key(const void *unused)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *pem = support_pem(GOOD);

    (void)unused;
    assert_null(add(set, document_of(1000)));
    assert_string_equal(mto_keyset_add_pem(set, pem, strlen(pem), NULL, NULL), "more than 1000 keys");
    assert_int_equal(mto_keyset_count(set), 1000);
    mto_keyset_release(set);
}

static void documents_are_bounded(const void *unused)
{
    const char   *json = support_jwks(support_jwk(GOOD, NULL, NULL), NULL), *pem = support_pem(GOOD);
    char         *large = malloc(MTO_KEYSET_BYTES + 1);
    mto_keyset_t *set = mto_keyset_create();

    (void)unused;
    memset(large, ' ', MTO_KEYSET_BYTES + 1);
    memcpy(large, json, strlen(json));
    assert_null(mto_keyset_add_jwks(set, large, MTO_KEYSET_BYTES, MTO_JWK_PUBLIC, NULL, NULL));
    assert_string_equal(mto_keyset_add_jwks(set, large, MTO_KEYSET_BYTES + 1, MTO_JWK_PUBLIC, NULL, NULL),
                        "larger than 1 MiB");
    memset(large, '\n', MTO_KEYSET_BYTES + 1);
    memcpy(large, pem, strlen(pem));
    assert_null(mto_keyset_add_pem(set, large, MTO_KEYSET_BYTES, NULL, NULL));
    assert_string_equal(mto_keyset_add_pem(set, large, MTO_KEYSET_BYTES + 1, NULL, NULL), "larger than 1 MiB");
    assert_int_equal(mto_keyset_count(set), 2);
    mto_keyset_release(set);
    free(large);
}

/* --- Order and lookup ---------------------------------------------------------------------------------------- */

/* The set of every lookup: in document order, key number i of P-256 has this kid. */
static const char *const kids[] = {"b", NULL, "a", "b", "", NULL, "ab", "b"};

static mto_keyset_t *lookup_set(void)
{
    json_t *jwks[8];
    int     i;

    for (i = 0; i < 8; i++) {
        jwks[i] = support_jwk(support_key(MTO_KEY_P256, i), kids[i], NULL);
    }
    return support_keyset(jwks[0], jwks[1], jwks[2], jwks[3], jwks[4], jwks[5], jwks[6], jwks[7], NULL);
}

/* The numbers of keys[0..count), as digits. */
static const char *numbers_of(const mto_key_t *keys, size_t count)
{
    const char *numbers = "";
    size_t      i;
    int         number;

    for (i = 0; i < count; i++) {
        for (number = 0; EVP_PKEY_eq(keys[i].pkey, support_key(MTO_KEY_P256, number)) != 1; number++) {
        }
        numbers = support_text("%s%d", numbers, number);
    }
    return numbers;
}

static const struct {
    const char *name;
    const char *kid;
    const char *numbers;
} lookups[] = {
    {"three keys of one kid, in document order", "b", "037"},
    {"keys without a kid", NULL, "15"},
    {"one key", "a", "2"},
    {"a longer kid", "ab", "6"},
    {"the empty kid", "", "4"},
    {"unknown, before all", "\x01", ""},
    {"unknown, between", "aa", ""},
    {"unknown, behind all", "c", ""},
    {"another case", "B", ""},
    {"a prefix", "abc", ""},
};

static void kid_is_found(const void *data)
{
    const char *const *row = data;
    mto_keyset_t      *set = lookup_set();
    size_t             count = 99;
    const mto_key_t   *first = mto_keyset_find_kid(set, row[1], &count);

    assert_int_equal(count, strlen(row[2]));
    assert_true((first == NULL) == (count == 0));
    assert_string_equal(numbers_of(first, count), row[2]);
}

static void sealed_set_is_ordered_by_kid(const void *unused)
{
    mto_keyset_t *set = lookup_set();

    (void)unused;
    assert_int_equal(mto_keyset_count(set), 8);
    assert_string_equal(numbers_of(mto_keyset_at(set, 0), 8), "15426037");
}

static void empty_set_has_no_key(const void *unused)
{
    mto_keyset_t *set = mto_keyset_create();
    size_t        count = 99;

    (void)unused;
    mto_keyset_seal(set);
    assert_int_equal(mto_keyset_count(set), 0);
    assert_null(mto_keyset_find_kid(set, "a", &count));
    assert_int_equal(count, 0);
    assert_null(mto_keyset_find_kid(set, NULL, &count));
    assert_int_equal(count, 0);
    mto_keyset_release(set);
}

/* --- Holding a key ------------------------------------------------------------------------------------------- */

typedef struct {
    const char    *name;
    int            number; /* of the key asked for; the set has RSA key 0 for PS256 and P-256 key 0 */
    mto_key_kind_t kind;
    const char    *alg; /* it was used with */
    int            held;
} hold_t;

static const hold_t holds[] = {
    {"key that is there", 0, MTO_KEY_P256, "ES256", 1},
    {"another key of that kind", 1, MTO_KEY_P256, "ES256", 0},
    {"key that is there, for its alg", 0, MTO_KEY_RSA, "PS256", 1},
    {"key that is there, now for another alg", 0, MTO_KEY_RSA, "RS256", 0},
    {"key of a kind that is not there", 0, MTO_KEY_ED25519, "EdDSA", 0},
};

static void set_holds_key(const void *data)
{
    const hold_t *row = data;
    mto_keyset_t *set = support_keyset(support_jwk(support_key(MTO_KEY_RSA, 0), "new kid", "PS256"),
                                       support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
    mto_keyset_t *other = support_keyset(support_jwk(support_key(row->kind, row->number), "a", NULL), NULL);

    assert_int_equal(mto_keyset_holds(set, mto_keyset_at(other, 0)->thumbprint, mto_algorithm_find(row->alg)) != 0,
                     row->held);
}

/* Whatever the order of kids and thumbprints, and though a key may stand there twice, once for each of two algs. */
static void large_set_holds_each_key(const void *unused)
{
    const mto_algorithm_t *algorithm = mto_algorithm_find("EdDSA");
    mto_keyset_t          *set = mto_keyset_create(), *absent;
    int                    i;

    (void)unused;
    for (i = 0; i < 7; i++) {
        assert_null(add(set, support_jwks(support_jwk(support_key(MTO_KEY_ED25519, i), support_text("%d", 9 - i), NULL),
                                          support_jwk(support_key(MTO_KEY_RSA, 0), support_text("%d", i), "PS256"),
                                          support_jwk(support_key(MTO_KEY_RSA, 0), "twice", "RS512"), NULL)));
    }
    mto_keyset_seal(set);
    for (i = 0; i < (int)mto_keyset_count(set); i++) {
        const mto_key_t *key = mto_keyset_at(set, (size_t)i);

        assert_int_equal(mto_keyset_holds(set, key->thumbprint, algorithm) != 0, key->kind == MTO_KEY_ED25519);
        assert_int_equal(mto_keyset_holds(set, key->thumbprint, mto_algorithm_find("RS512")) != 0,
                         key->kind == MTO_KEY_RSA);
        assert_int_equal(mto_keyset_holds(set, key->thumbprint, mto_algorithm_find("PS256")) != 0,
                         key->kind == MTO_KEY_RSA);
        assert_false(mto_keyset_holds(set, key->thumbprint, mto_algorithm_find("RS256")));
    }
    absent = support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 7), "1", NULL), NULL);
    assert_false(mto_keyset_holds(set, mto_keyset_at(absent, 0)->thumbprint, algorithm));
    mto_keyset_release(set);
}

/* --- PEM ----------------------------------------------------------------------------------------------------- */

static void pem_gets_its_kid_and_alg(const void *unused)
{
    const char            *pem = support_certificate_pem(support_key(MTO_KEY_RSA, 0));
    const mto_algorithm_t *algorithm = mto_algorithm_find("PS384");
    mto_keyset_t          *set = mto_keyset_create();
    const mto_key_t       *key;
    size_t                 count;

    (void)unused;
    assert_null(mto_keyset_add_pem(set, pem, strlen(pem), "mine", algorithm));
    mto_keyset_seal(set);
    key = mto_keyset_find_kid(set, "mine", &count);
    assert_int_equal(count, 1);
    assert_ptr_equal(key->algorithm, algorithm);
    mto_keyset_release(set);
}

static void bad_pem_changes_nothing(const void *unused)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *pem = support_pem(GOOD);

    (void)unused;
    assert_non_null(mto_keyset_add_pem(set, "-----BEGIN PUBLIC KEY-----\n", 27, NULL, NULL));
    assert_non_null(mto_keyset_add_pem(set, pem, strlen(pem), NULL, mto_algorithm_find("ES256")));
    assert_int_equal(mto_keyset_count(set), 0);
    mto_keyset_release(set);
}

/* --- Life ---------------------------------------------------------------------------------------------------- */

static void last_reference_frees(const void *unused)
{
    mto_keyset_t *set = mto_keyset_create();
    int           i;

    (void)unused;
    assert_null(add(set, support_jwks(support_jwk(GOOD, "a", NULL), NULL)));
    mto_keyset_seal(set);
    for (i = 0; i < 3; i++) {
        assert_ptr_equal(mto_keyset_retain(set), set);
    }
    for (i = 0; i < 3; i++) {
        mto_keyset_release(set);
        assert_string_equal(mto_keyset_at(set, 0)->kid, "a"); /* AddressSanitizer watches */
    }
    mto_keyset_release(set);
    assert_null(mto_keyset_retain(NULL));
    mto_keyset_release(NULL);
}

static void key_outlives_the_set_it_was_copied_from(const void *unused)
{
    EVP_PKEY     *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    mto_keyset_t *set = mto_keyset_create();
    const char   *json = support_jwks(support_jwk(pkey, "a", NULL), NULL);
    char         *copy = strdup(json);

    (void)unused;
    assert_null(add(set, copy));
    memset(copy, 'x', strlen(copy)); /* nothing points into the document */
    free(copy);
    EVP_PKEY_free(pkey);
    mto_keyset_seal(set);
    assert_string_equal(mto_keyset_at(set, 0)->kid, "a");
    mto_keyset_release(set);
}

static void every_sealed_set_has_its_number(const void *unused)
{
    mto_keyset_t *sets[10];
    int           i, j;

    (void)unused;
    for (i = 0; i < 10; i++) {
        sets[i] = support_keyset(support_jwk(GOOD, "a", NULL), NULL);
        for (j = 0; j < i; j++) {
            assert_true(mto_keyset_serial(sets[i]) != mto_keyset_serial(sets[j]));
        }
        assert_true(mto_keyset_serial(sets[i]) != 0);
    }
}

int main(void)
{
    support_table("RFC 7517 section 5, whole documents", document_is_taken_or_refused, TABLE(documents));
    support_case("DESIGN section 7, a bad key is skipped, the rest live", bad_keys_are_left_out_and_told);
    support_case("private keys are left out unless they are ignored", private_keys_are_left_out_unless_ignored);
    support_table("DESIGN section 4, at most 1000 keys", keys_are_bounded, TABLE(bounds));
    support_case("DESIGN section 4, at most 1000 entries", entries_are_counted_not_good_keys);
    support_case("DESIGN section 4, at most 1000 keys with PEM", pem_counts_as_a_key);
    support_case("DESIGN section 4, at most 1 MiB", documents_are_bounded);
    support_table("lookup by kid", kid_is_found, TABLE(lookups));
    support_case("a sealed set is ordered by kid, those without first", sealed_set_is_ordered_by_kid);
    support_case("an empty set has no key", empty_set_has_no_key);
    support_table("whether a set holds a key, by thumbprint and alg", set_holds_key, TABLE(holds));
    support_case("a large set holds each of its keys", large_set_holds_each_key);
    support_case("a PEM key gets the kid and alg it is given", pem_gets_its_kid_and_alg);
    support_case("a bad PEM key changes nothing", bad_pem_changes_nothing);
    support_case("the last reference frees", last_reference_frees);
    support_case("a set keeps nothing of the document", key_outlives_the_set_it_was_copied_from);
    support_case("every sealed set has a number of its own", every_sealed_set_has_its_number);
    return support_run("keyset");
}
