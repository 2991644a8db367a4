/* JSON Web Signature in compact form (RFC 7515): read what stands there, then verify it with the keys of an issuer. */
#ifndef MTO_JWS_H
#define MTO_JWS_H

#include "core/algorithm.h"
#include "core/json_memory.h"
#include "core/keyset.h"
#include "core/refusal.h"

#include <jansson.h>
#include <stddef.h>

/* Most keys that are tried on one token: a forger must not make us work through a whole set. */
#define MTO_JWS_CANDIDATES 4

/* A compact JWS taken apart. Nothing in it is proven before mto_jws_verify. Zero-initialised it holds nothing. */
typedef struct {
    const char            *text;        /* borrowed from the caller, for as long as the JWS is used */
    size_t                 signed_size; /* bytes of text under the signature: header, dot, payload */
    json_t                *header;
    mto_json_region_t     *region; /* what header lies in */
    const char            *kid;    /* NULL: none. Points into header */
    const char            *type;   /* typ, likewise */
    const mto_algorithm_t *algorithm;
    unsigned char         *payload; /* start of the one buffer behind both */
    size_t                 payload_size;
    const unsigned char   *signature;
    size_t                 signature_size;
} mto_jws_t;

/* Takes text[0..length) apart. Refuses with token_malformed (not three segments of canonical base64url, an empty header
 * or signature, header not a strict JSON object, kid or typ no string, an encrypted JWE), critical_header (crit or b64
 * present, RFC 7515 section 4.1.11, RFC 7797) or algorithm_not_allowed (alg is none of ours). The header's jku, x5u,
 * jwk and x5c are never looked at (RFC 8725 section 3.10). *jws is mto_jws_clear's to free, also after a refusal. */
mto_refusal_t mto_jws_read(mto_jws_t *jws, const char *text, size_t length, mto_verdict_t *verdict);

/* Verifies the signature with the keys that the token's kid and algorithm allow: with a kid, keys of that kid and then
 * keys without one, else all that fit the algorithm; at most MTO_JWS_CANDIDATES of them. algorithms: set of the allowed
 * ones. Refuses with algorithm_not_allowed (also when the kid's key is for another algorithm), key_unknown or
 * signature_invalid; else *signer is the key that verified, borrowed from keys. Thread-safe for shared keys. */
mto_refusal_t mto_jws_verify(const mto_jws_t *jws, const mto_keyset_t *keys, unsigned algorithms,
                             const mto_key_t **signer, mto_verdict_t *verdict);

/* Frees what a JWS holds, not the text. */
void mto_jws_clear(mto_jws_t *jws);

#endif
