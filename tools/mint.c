/* mtls-oauth mint: an access token, for tests and smoke checks. */
#include "input.h"
#include "signing_key.h"
#include "verb.h"

#include "core/base64url.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* Random bytes of a jti: two tokens never share one. */
#define JTI_SIZE 16

#define DEFAULT_LIFETIME 300

typedef struct {
    const char         *key_file, *issuer, *subject, *certificate_file, *kid, *alg, *type;
    apr_array_header_t *audiences, *claims;
    const apr_int64_t  *lifetime;
    const apr_time_t   *at;
} mint_t;

static int read_key(mto_signing_key_t *key, const char *path, apr_pool_t *pool)
{
    size_t      length;
    char       *text = mto_input_read(path, &length, pool);
    const char *reason;

    if (text == NULL) {
        return 0;
    }
    reason = mto_signing_key_read(key, text, length);
    if (reason != NULL) {
        mto_complain("--key %s: %s", path, reason);
    }
    return reason == NULL;
}

/* The algorithm to sign with; NULL: the one asked for does not go with the key, which has been said then. */
static const mto_algorithm_t *choose_algorithm(const mto_signing_key_t *key, const char *alg)
{
    const mto_algorithm_t *algorithm = alg != NULL ? mto_algorithm_find(alg) : mto_signing_key_algorithm(key);

    if (algorithm == NULL) {
        mto_complain("--alg %s: not one of the algorithms here", alg);
    }
    else if (!mto_key_fits(&key->verifier, algorithm)) {
        mto_complain("--alg %s: the key is not for this algorithm", alg);
        algorithm = NULL;
    }
    return algorithm;
}

static json_t *make_header(const mint_t *mint, const mto_signing_key_t *key, const mto_algorithm_t *algorithm)
{
    const char *kid = mint->kid != NULL ? mint->kid : key->verifier.kid;
    const char *type = mint->type != NULL ? mint->type : "at+jwt";

    /* An empty kid or typ stands for none. */
    return json_pack("{s:s, s:s*, s:s*}", "alg", algorithm->name, "typ", *type != '\0' ? type : NULL, "kid",
                     kid != NULL && *kid != '\0' ? kid : NULL);
}

/* One audience is a string, several are an array (RFC 7519 section 4.1.3). */
static json_t *make_audience(const apr_array_header_t *audiences)
{
    json_t *array = json_array();
    int     i;

    if (audiences->nelts == 1) {
        json_decref(array);
        return json_string(APR_ARRAY_IDX(audiences, 0, const char *));
    }
    for (i = 0; i < audiences->nelts; i++) {
        (void)json_array_append_new(array, json_string(APR_ARRAY_IDX(audiences, i, const char *)));
    }
    return array;
}

/* The claims before --claim; NULL: a text is not UTF-8, or there are no random bytes. */
static json_t *make_claims(const mint_t *mint, const mto_certificate_t *certificate)
{
    json_int_t    now = (json_int_t)apr_time_sec(mint->at != NULL ? *mint->at : apr_time_now());
    json_int_t    lifetime = mint->lifetime != NULL ? (json_int_t)*mint->lifetime : DEFAULT_LIFETIME;
    char          x5t[MTO_X5T_TEXT_LENGTH + 1], jti[MTO_BASE64URL_ENCODED_SIZE(JTI_SIZE)];
    unsigned char random[JTI_SIZE];
    json_t       *claims;

    if (RAND_bytes(random, sizeof random) != 1) {
        return NULL;
    }
    mto_base64url_encode(jti, random, sizeof random);
    claims =
        json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:s}", "iss", mint->issuer, "aud", make_audience(mint->audiences),
                  "sub", mint->subject, "client_id", mint->subject, "iat", now, "exp", now + lifetime, "jti", jti);
    if (claims != NULL && certificate != NULL) {
        mto_certificate_x5t_text(certificate, x5t);
        (void)json_object_set_new(claims, "cnf", json_pack("{s:s}", "x5t#S256", x5t));
    }
    return claims;
}

/* Replaces, adds or (without a value) removes one claim. text: NAME=JSON. Returns 0 when it is not that, which has been
 * said then. */
static int apply_claim(json_t *claims, const char *text, apr_pool_t *pool)
{
    const char  *equals = strchr(text, '=');
    json_error_t error;
    json_t      *value;
    char        *name;

    if (equals == NULL || equals == text) {
        mto_complain("--claim %s: NAME=JSON is needed", text);
        return 0;
    }
    name = apr_pstrmemdup(pool, text, (size_t)(equals - text));
    if (equals[1] == '\0') {
        (void)json_object_del(claims, name);
        return 1;
    }
    value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL || json_object_set_new(claims, name, value) != 0) {
        mto_complain("--claim %s: the value is not JSON; a string needs its quotes: --claim '%s=\"text\"'", name, name);
        return 0;
    }
    return 1;
}

static int apply_claims(json_t *claims, const apr_array_header_t *texts, apr_pool_t *pool)
{
    int i;

    for (i = 0; texts != NULL && i < texts->nelts; i++) {
        if (!apply_claim(claims, APR_ARRAY_IDX(texts, i, const char *), pool)) {
            return 0;
        }
    }
    return 1;
}

/* Prints the token. Returns the exit code. */
static int print_token(const mint_t *mint, const mto_signing_key_t *key, const mto_algorithm_t *algorithm,
                       const mto_certificate_t *certificate, apr_pool_t *pool)
{
    json_t     *header = make_header(mint, key, algorithm), *claims = make_claims(mint, certificate);
    int         code = MTO_EXIT_USAGE;
    const char *reason;
    char       *token;

    if (header == NULL || claims == NULL) {
        mto_complain("the token cannot be made: an option is not valid UTF-8");
    }
    else if (apply_claims(claims, mint->claims, pool)) {
        token = mto_signing_key_sign(key, algorithm, header, claims, &reason);
        if (token != NULL) {
            (void)puts(token);
            code = MTO_EXIT_OK;
        }
        else {
            mto_complain("--key %s: %s", mint->key_file, reason);
        }
        free(token);
    }
    json_decref(header);
    json_decref(claims);
    return code;
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    const mint_t          *mint = request;
    mto_signing_key_t      key = {0};
    mto_certificate_t      certificate;
    const mto_algorithm_t *algorithm;
    int                    code = MTO_EXIT_USAGE;

    (void)operand;
    if ((mint->certificate_file == NULL || mto_input_certificate(&certificate, mint->certificate_file, pool))
        && read_key(&key, mint->key_file, pool) && (algorithm = choose_algorithm(&key, mint->alg)) != NULL) {
        code = print_token(mint, &key, algorithm, mint->certificate_file != NULL ? &certificate : NULL, pool);
    }
    mto_signing_key_clear(&key);
    return code;
}

static const mto_option_t options[] = {
    {"key", "FILE|-", "private key to sign with: PEM (not encrypted) or a private JWK", mto_option_text,
     offsetof(mint_t, key_file), MTO_OPTION_REQUIRED},
    {"issuer", "ISS", "iss", mto_option_text, offsetof(mint_t, issuer), MTO_OPTION_REQUIRED},
    {"audience", "AUD", "aud; an array when given several times", mto_option_texts, offsetof(mint_t, audiences),
     MTO_OPTION_REQUIRED | MTO_OPTION_REPEATABLE},
    {"subject", "SUB", "sub, and client_id unless --claim says another", mto_option_text, offsetof(mint_t, subject),
     MTO_OPTION_REQUIRED},
    {"cert", "FILE", "bind the token to this certificate: cnf with its x5t#S256", mto_option_text,
     offsetof(mint_t, certificate_file), 0},
    {"claim", "NAME=JSON", "add or replace a claim; NAME= removes it", mto_option_texts, offsetof(mint_t, claims),
     MTO_OPTION_REPEATABLE},
    {"lifetime", "SECONDS", "exp - iat; default 300", mto_option_number, offsetof(mint_t, lifetime), 0},
    {"kid", "KID", "kid of the header; default: the JWK's; empty: none", mto_option_text, offsetof(mint_t, kid), 0},
    {"alg", "ALG", "algorithm; default: the JWK's, else what fits the key", mto_option_text, offsetof(mint_t, alg), 0},
    {"typ", "TYP", "typ of the header; default at+jwt; empty: none", mto_option_text, offsetof(mint_t, type), 0},
    {"at", "TIME", "iat, in seconds since 1970 or as 2024-12-31T23:59:59Z; default: now", mto_option_time,
     offsetof(mint_t, at), 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const mto_verb_t mto_mint_verb = {
    .name = "mint",
    .operand = NULL,
    .summary = "Make an access token, for tests and smoke checks.",
    .help = "The token has iss, aud, sub, client_id, iat, exp, jti and, with --cert, cnf.\n"
            "Example: mtls-oauth mint --key key.jwk --issuer https://as.example --audience https://api.example \\\n"
            "             --subject reports --cert client.pem --claim 'scope=\"read\"'\n",
    .options = options,
    .request_size = sizeof(mint_t),
    .run = run,
};
