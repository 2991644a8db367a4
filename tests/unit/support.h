/* What the unit programs share: tables of tests, keys made at run time, their JWKs, signed tokens, policies,
 * the time. */
#ifndef MTO_TEST_SUPPORT_H
#define MTO_TEST_SUPPORT_H

#include "core/algorithm.h"
#include "core/keyset.h"
#include "core/policy.h"

#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The time of every test, a whole second: 2023-11-14T22:13:20Z. */
#define NOW_SECONDS 1700000000
#define NOW         apr_time_from_sec(NOW_SECONDS)

#define ISSUER   "https://as.example"
#define AUDIENCE "https://api.example"

/* --- Tests: each row of a table is a case of its own
 * -------------------------------------------------------- */

/* Checks one row of a table with cmocka's assertions. OpenSSL's error queue must be empty when it returns
 * (DESIGN section 2: it is after every function of the core). */
typedef void support_check_fn(const void *row);

/* Adds a case for each row of a table. The first member of a row is its name, a const char *. rule: what all
 * rows hold, and where that is written. */
void support_table(const char *rule, support_check_fn *check, const void *rows, size_t count, size_t row_size);

/* What a table is, for support_table. */
#define TABLE(rows) (rows), sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0])

/* Adds a single case; row is NULL. */
void support_case(const char *rule, support_check_fn *check);

/* Runs all that was added; the exit code of the program. */
int support_run(const char *program);

/* Lives until the program ends. */
apr_pool_t *support_pool(void);

/* Has support_pool() be another one from here on, for what shall not live that long. Returns the one that it was. */
apr_pool_t *support_pool_change(apr_pool_t *other);

/* A text that printf would write, from the pool. */
const char *support_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* text, count times, from the pool. */
const char *support_repeat(const char *text, int count);

/* Fails the case unless refusal is the wanted one, and shows both codes. */
void support_assert_refusal(mto_refusal_t refusal, mto_refusal_t wanted, const mto_verdict_t *verdict);

/* --- Files
 * -------------------------------------------------------------------------------------------------- */

/* The path of a name in a directory that is this program's alone and is removed when it ends; "": the directory. */
const char *support_path(const char *name);

/* Makes or overwrites a file. */
void support_write(const char *path, const void *data, size_t size);

/* --- Keys
 * --------------------------------------------------------------------------------------------------- */

/* Private key `number` (0 to 7) of a kind, made when it is first asked for (RSA: 2048 bits); borrowed. */
EVP_PKEY *support_key(mto_key_kind_t kind, int number);

/* A kind that signs alg; EdDSA: Ed25519. */
mto_key_kind_t support_kind_of(const char *alg);

/* The public JWK of a key, a new reference. kid and alg may be NULL. */
json_t *support_jwk(EVP_PKEY *pkey, const char *kid, const char *alg);

/* The text of a JSON value, whose reference it takes. */
const char *support_json(json_t *json);

/* The text of a JWK Set of these JWKs, whose references it takes; end with NULL. */
const char *support_jwks(json_t *jwk, ...);

/* A sealed set of these JWKs, likewise; borrowed. Fails the case when one of them is left out. */
mto_keyset_t *support_keyset(json_t *jwk, ...);

/* What was written into a memory BIO, which it frees, as a text from the pool. */
const char *support_take(BIO *bio);

/* The public key as PEM. */
const char *support_pem(EVP_PKEY *pkey);

/* A self-signed certificate for a key (private), as PEM. */
const char *support_certificate_pem(EVP_PKEY *pkey);

/* The same with another serial number than 1. */
const char *support_certificate_pem_of(EVP_PKEY *pkey, long serial);

/* A public RSA key of this modulus and exponent as a JWK, a new reference. */
json_t *support_rsa_jwk(const BIGNUM *modulus, const BIGNUM *exponent);

/* --- Tokens
 * ------------------------------------------------------------------------------------------------- */

const char *support_base64url(const void *data, size_t size);

/* The signature of text by alg as JOSE writes it (RFC 7518 section 3), *size bytes from the pool. salt: bytes
 * of a PSS salt, RSA_PSS_SALTLEN_DIGEST for the right one. */
unsigned char *support_signature(const char *alg, EVP_PKEY *pkey, const char *text, int salt, size_t *size);

/* A compact JWS: header and payload as they are written, signed by alg whatever the header says. */
const char *support_jws(const char *alg, EVP_PKEY *pkey, const char *header, const char *payload);

/* A compact JWS with alg and kid (may be NULL) in its header. */
const char *support_token(const char *alg, EVP_PKEY *pkey, const char *kid, const char *payload);

/* --- Policies
 * ----------------------------------------------------------------------------------------------- */

/* A list of const char *; end with NULL. */
apr_array_header_t *support_texts(const char *text, ...);

/* A list of claim paths; end with NULL. */
apr_array_header_t *support_paths(const char *path, ...);

/* The block <MTLSOAuthIssuer ISSUER> with MTLSOAuthAudience AUDIENCE and the defaults, for a case to change.
 */
mto_policy_t *support_policy(void);

#endif
