/* jwk: which keys get in by what their members say, and what they may verify (RFC 7517, RFC 7518 section 6, RFC 8037,
 * RFC 8725 section 3). */
#include "jwks.h"

#include <string.h>

/* --- JWKs that differ from a good one in the members named ------------------------------------------------- */

#define NO_KIND  "a kty or crv that is not used here"
#define PRIVATE  "published with its private part: anybody can sign with it"
#define EXPONENT "RSA exponent not an odd number from 3 to 64 bits"

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
    const char    *change;  /* members to set, as JSON; NULL: none */
    const char    *without; /* member to take out; NULL: none */
    const char    *reason;  /* NULL: the key is good */
    int            harmless;
} change_t;

static const change_t changes[] = {
    {"RSA", MTO_KEY_RSA, NULL, NULL, NULL, 0},
    {"P-256", MTO_KEY_P256, NULL, NULL, NULL, 0},
    {"P-384", MTO_KEY_P384, NULL, NULL, NULL, 0},
    {"P-521", MTO_KEY_P521, NULL, NULL, NULL, 0},
    {"Ed25519", MTO_KEY_ED25519, NULL, NULL, NULL, 0},
    {"Ed448", MTO_KEY_ED448, NULL, NULL, NULL, 0},
    {"unknown members", MTO_KEY_P256, "{\"x5c\":[],\"x5t\":1,\"exp\":{},\"crit\":[\"a\"]}", NULL, NULL, 0},

    {"alg RS512 on RSA", MTO_KEY_RSA, "{\"alg\":\"RS512\"}", NULL, NULL, 0},
    {"alg PS256 on RSA", MTO_KEY_RSA, "{\"alg\":\"PS256\"}", NULL, NULL, 0},
    {"alg ES256 on RSA", MTO_KEY_RSA, "{\"alg\":\"ES256\"}", NULL, CONTRADICTION, 0},
    {"alg EdDSA on RSA", MTO_KEY_RSA, "{\"alg\":\"EdDSA\"}", NULL, CONTRADICTION, 0},
    {"alg RS256 on P-256", MTO_KEY_P256, "{\"alg\":\"RS256\"}", NULL, CONTRADICTION, 0},
    {"alg ES384 on P-256", MTO_KEY_P256, "{\"alg\":\"ES384\"}", NULL, CONTRADICTION, 0},
    {"alg ES512 on P-384", MTO_KEY_P384, "{\"alg\":\"ES512\"}", NULL, CONTRADICTION, 0},
    {"alg ES512 on P-521", MTO_KEY_P521, "{\"alg\":\"ES512\"}", NULL, NULL, 0},
    {"alg EdDSA on Ed448", MTO_KEY_ED448, "{\"alg\":\"EdDSA\"}", NULL, NULL, 0},
    {"alg Ed25519 on Ed25519", MTO_KEY_ED25519, "{\"alg\":\"Ed25519\"}", NULL, NULL, 0},
    {"alg Ed25519 on Ed448", MTO_KEY_ED448, "{\"alg\":\"Ed25519\"}", NULL, CONTRADICTION, 0},
    {"alg Ed448 on Ed25519", MTO_KEY_ED25519, "{\"alg\":\"Ed448\"}", NULL, CONTRADICTION, 0},
    {"alg HS256 on RSA", MTO_KEY_RSA, "{\"alg\":\"HS256\"}", NULL, "an alg that is not used here", 1},
    {"alg none on RSA", MTO_KEY_RSA, "{\"alg\":\"none\"}", NULL, "an alg that is not used here", 1},
    {"alg RSA-OAEP on RSA", MTO_KEY_RSA, "{\"alg\":\"RSA-OAEP\"}", NULL, "an alg that is not used here", 1},
    {"alg rs256 on RSA", MTO_KEY_RSA, "{\"alg\":\"rs256\"}", NULL, "an alg that is not used here", 1},
    {"alg null", MTO_KEY_RSA, "{\"alg\":null}", NULL, "kid or alg is not a string", 0},
    {"alg a number", MTO_KEY_RSA, "{\"alg\":256}", NULL, "kid or alg is not a string", 0},
    {"alg a list", MTO_KEY_RSA, "{\"alg\":[\"RS256\"]}", NULL, "kid or alg is not a string", 0},

    {"use sig", MTO_KEY_P256, "{\"use\":\"sig\"}", NULL, NULL, 0},
    {"use enc", MTO_KEY_P256, "{\"use\":\"enc\"}", NULL, "use is not sig", 1},
    {"use enc and alg ES256", MTO_KEY_P256, "{\"use\":\"enc\",\"alg\":\"ES256\"}", NULL, "use is not sig", 1},
    {"use SIG", MTO_KEY_P256, "{\"use\":\"SIG\"}", NULL, "use is not sig", 1},
    {"use null", MTO_KEY_P256, "{\"use\":null}", NULL, "use is not sig", 1},
    {"use a list", MTO_KEY_P256, "{\"use\":[\"sig\"]}", NULL, "use is not sig", 1},
    {"key_ops verify", MTO_KEY_P256, "{\"key_ops\":[\"verify\"]}", NULL, NULL, 0},
    {"key_ops sign and verify", MTO_KEY_P256, "{\"key_ops\":[\"sign\",\"verify\"]}", NULL, NULL, 0},
    {"key_ops sign", MTO_KEY_P256, "{\"key_ops\":[\"sign\"]}", NULL, "key_ops has no verify", 1},
    {"key_ops empty", MTO_KEY_P256, "{\"key_ops\":[]}", NULL, "key_ops has no verify", 1},
    {"key_ops a string", MTO_KEY_P256, "{\"key_ops\":\"verify\"}", NULL, "key_ops has no verify", 1},
    {"key_ops null", MTO_KEY_P256, "{\"key_ops\":null}", NULL, "key_ops has no verify", 1},
    {"key_ops of a number", MTO_KEY_P256, "{\"key_ops\":[1]}", NULL, "key_ops has no verify", 1},
    {"use sig against key_ops encrypt", MTO_KEY_RSA, "{\"use\":\"sig\",\"key_ops\":[\"encrypt\"]}", NULL,
     "key_ops has no verify", 1},

    {"kty absent", MTO_KEY_RSA, NULL, "kty", NO_KIND, 1},
    {"kty null", MTO_KEY_RSA, "{\"kty\":null}", NULL, NO_KIND, 1},
    {"kty rsa", MTO_KEY_RSA, "{\"kty\":\"rsa\"}", NULL, NO_KIND, 1},
    {"kty AKP", MTO_KEY_RSA, "{\"kty\":\"AKP\"}", NULL, NO_KIND, 1},
    {"kty EC without crv", MTO_KEY_P256, NULL, "crv", NO_KIND, 1},
    {"crv secp256k1", MTO_KEY_P256, "{\"crv\":\"secp256k1\"}", NULL, NO_KIND, 1},
    {"crv p-256", MTO_KEY_P256, "{\"crv\":\"p-256\"}", NULL, NO_KIND, 1},
    {"crv X25519", MTO_KEY_ED25519, "{\"crv\":\"X25519\"}", NULL, NO_KIND, 1},
    {"crv Ed25519 of kty EC", MTO_KEY_ED25519, "{\"kty\":\"EC\"}", NULL, NO_KIND, 1},
    {"crv P-256 of kty OKP", MTO_KEY_P256, "{\"kty\":\"OKP\"}", NULL, NO_KIND, 1},
    {"kty oct", MTO_KEY_P256, "{\"kty\":\"oct\",\"k\":\"AAAA\"}", NULL, "a symmetric key", 0},
    {"kty oct without k", MTO_KEY_P256, "{\"kty\":\"oct\"}", NULL, NO_KIND, 1},
    {"k beside a public key", MTO_KEY_RSA, "{\"k\":\"AAAA\"}", NULL, "a symmetric key", 0},
    {"P-256 point called P-384", MTO_KEY_P256, "{\"crv\":\"P-384\"}", NULL, NO_KEY, 0},
    {"P-384 point called P-256", MTO_KEY_P384, "{\"crv\":\"P-256\"}", NULL, NO_KEY, 0},
    {"EC key called RSA", MTO_KEY_P256, "{\"kty\":\"RSA\"}", NULL, NO_KEY, 0},
    {"RSA key called EC", MTO_KEY_RSA, "{\"kty\":\"EC\",\"crv\":\"P-256\"}", NULL, NO_KEY, 0},
    {"Ed448 called Ed25519", MTO_KEY_ED448, "{\"crv\":\"Ed25519\"}", NULL, NO_KEY, 0},
    {"Ed25519 called Ed448", MTO_KEY_ED25519, "{\"crv\":\"Ed448\"}", NULL, NO_KEY, 0},

    {"kid empty", MTO_KEY_P256, "{\"kid\":\"\"}", NULL, NULL, 0},
    {"kid a number", MTO_KEY_P256, "{\"kid\":1}", NULL, "kid or alg is not a string", 0},
    {"kid null", MTO_KEY_P256, "{\"kid\":null}", NULL, "kid or alg is not a string", 0},
    {"kid a list", MTO_KEY_P256, "{\"kid\":[\"a\"]}", NULL, "kid or alg is not a string", 0},

    {"x absent", MTO_KEY_P256, NULL, "x", NO_KEY, 0},
    {"y absent", MTO_KEY_P256, NULL, "y", NO_KEY, 0},
    {"x empty", MTO_KEY_P256, "{\"x\":\"\"}", NULL, NO_KEY, 0},
    {"x a number", MTO_KEY_P256, "{\"x\":1}", NULL, NO_KEY, 0},
    {"x null", MTO_KEY_P256, "{\"x\":null}", NULL, NO_KEY, 0},
    {"x padded", MTO_KEY_P256, "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}", NULL, NO_KEY, 0},
    {"point not on the curve", MTO_KEY_P256, "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}", NULL, NO_KEY,
     0},
    {"point 0, 0", MTO_KEY_P256,
     "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
     "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
     NULL, NO_KEY, 0},
    {"coordinate not below the field prime", MTO_KEY_P256, "{\"x\":\"__________________________________________8\"}",
     NULL, NO_KEY, 0},
    {"Ed25519 of 31 bytes", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}", NULL, NO_KEY, 0},
    {"Ed25519 of 33 bytes", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}", NULL, NO_KEY,
     0},
    {"Ed25519 without x", MTO_KEY_ED25519, NULL, "x", NO_KEY, 0},
    {"Ed25519 x with trailing bits", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp\"}", NULL,
     NO_KEY, 0},

    {"n absent", MTO_KEY_RSA, NULL, "n", NO_KEY, 0},
    {"e absent", MTO_KEY_RSA, NULL, "e", NO_KEY, 0},
    {"n of standard base64", MTO_KEY_RSA, "{\"n\":\"+/+/\"}", NULL, NO_KEY, 0},
    {"n of 24 bits", MTO_KEY_RSA, "{\"n\":\"____\"}", NULL, SIZE, 0},
    {"n of 0", MTO_KEY_RSA, "{\"n\":\"AAAA\"}", NULL, SIZE, 0},
    {"e of 0", MTO_KEY_RSA, "{\"e\":\"AA\"}", NULL, EXPONENT, 0},
    {"e of 1", MTO_KEY_RSA, "{\"e\":\"AQ\"}", NULL, EXPONENT, 0},
    {"e of 2", MTO_KEY_RSA, "{\"e\":\"Ag\"}", NULL, EXPONENT, 0},
    {"e of 65536", MTO_KEY_RSA, "{\"e\":\"AQAA\"}", NULL, EXPONENT, 0},
    {"e of 3", MTO_KEY_RSA, "{\"e\":\"Aw\"}", NULL, NULL, 0},
    {"e of 64 bits", MTO_KEY_RSA, "{\"e\":\"__________8\"}", NULL, NULL, 0},
    {"e of 65 bits", MTO_KEY_RSA, "{\"e\":\"Af_________-\"}", NULL, EXPONENT, 0},
    {"e of 65 bits, odd", MTO_KEY_RSA, "{\"e\":\"Af__________\"}", NULL, EXPONENT, 0},

    {"d", MTO_KEY_P256, "{\"d\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"d of RSA", MTO_KEY_RSA, "{\"d\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"d null", MTO_KEY_RSA, "{\"d\":null}", NULL, PRIVATE, 0},
    {"d with use enc", MTO_KEY_P256, "{\"d\":\"AAAA\",\"use\":\"enc\"}", NULL, PRIVATE, 0},
    {"p, a factor of n, without d", MTO_KEY_RSA, "{\"p\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"q, a factor of n, without d", MTO_KEY_RSA, "{\"q\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"dp, which gives p away, without d", MTO_KEY_RSA, "{\"dp\":\"AAAA\"}", NULL, PRIVATE, 0},
};

static json_t *changed_jwk(const change_t *row)
{
    json_t *jwk = support_jwk(support_key(row->kind, 0), NULL, NULL);

    if (row->without != NULL) {
        json_object_del(jwk, row->without);
    }
    if (row->change != NULL) {
        json_object_update_new(jwk, json_loads(row->change, 0, NULL));
    }
    return jwk;
}

static void jwk_is_taken_or_left(const void *data)
{
    const change_t *row = data;

    check_jwk(changed_jwk(row), MTO_JWK_PUBLIC, row->reason, row->harmless);
}

/* DESIGN section 2: OpenSSL's error queue is empty when a function returns. */
static void jwk_leaves_no_errors(const void *data)
{
    const change_t *row = data;
    json_t         *jwk = changed_jwk(row);
    mto_key_t       key;
    int             harmless;

    (void)mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless);
    mto_key_clear(&key);
    json_decref(jwk);
}

static void private_members_are_ignored_on_demand(const void *unused)
{
    json_t *jwk = support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL);

    (void)unused;
    json_object_set_new(jwk, "d", json_string("AAAA"));
    check_jwk(jwk, MTO_JWK_IGNORE_PRIVATE, NULL, 0);
}

static void jwk_that_is_no_object_is_left_out(const void *unused)
{
    (void)unused;
    check_jwk(json_string("RSA"), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_null(), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_array(), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_object(), MTO_JWK_PUBLIC, NO_KIND, 1);
}

/* --- What a key may verify (RFC 8725 section 3.1) ----------------------------------------------------------- */

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
    const char    *key_alg; /* NULL: the JWK has none */
    const char    *fitting; /* names of all algorithms that fit, each with a space behind */
} fit_t;

static const fit_t fits[] = {
    {"RSA", MTO_KEY_RSA, NULL, "RS256 RS384 RS512 PS256 PS384 PS512 "},
    {"RSA for RS256", MTO_KEY_RSA, "RS256", "RS256 "},
    {"RSA for PS256", MTO_KEY_RSA, "PS256", "PS256 "},
    {"P-256", MTO_KEY_P256, NULL, "ES256 "},
    {"P-384", MTO_KEY_P384, NULL, "ES384 "},
    {"P-521 for ES512", MTO_KEY_P521, "ES512", "ES512 "},
    {"Ed25519", MTO_KEY_ED25519, NULL, "EdDSA Ed25519 "},
    {"Ed448", MTO_KEY_ED448, NULL, "EdDSA Ed448 "},
    {"Ed25519 for EdDSA, both names of RFC 9864", MTO_KEY_ED25519, "EdDSA", "EdDSA Ed25519 "},
    {"Ed448 for EdDSA, both names of RFC 9864", MTO_KEY_ED448, "EdDSA", "EdDSA Ed448 "},
};

static void key_fits_these(const void *data)
{
    const fit_t *row = data;
    json_t      *jwk = support_jwk(support_key(row->kind, 0), NULL, row->key_alg);
    const char  *fitting = "";
    mto_key_t    key;
    int          harmless, i;

    assert_reason(mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless), NULL);
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        if (mto_key_fits(&key, mto_algorithm_at(i))) {
            fitting = support_text("%s%s ", fitting, mto_algorithm_at(i)->name);
        }
    }
    mto_key_clear(&key);
    json_decref(jwk);
    assert_string_equal(fitting, row->fitting);
}

int main(void)
{
    support_table("RFC 7517 section 4, members of a JWK", jwk_is_taken_or_left, TABLE(changes));
    support_table("DESIGN section 2, an empty error queue after a JWK", jwk_leaves_no_errors, TABLE(changes));
    support_case("private members are ignored on demand", private_members_are_ignored_on_demand);
    support_case("RFC 7517 section 4, a JWK is an object", jwk_that_is_no_object_is_left_out);
    support_table("RFC 8725 section 3.1, algorithms that fit", key_fits_these, TABLE(fits));
    return support_run("jwk");
}
