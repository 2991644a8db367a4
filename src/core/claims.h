/* The claims of an access token, typed where the standards give them a type (RFC 7519 section 4.1, RFC 7800, RFC 8705).
 */
#ifndef MTO_CLAIMS_H
#define MTO_CLAIMS_H

#include "core/certificate.h"
#include "core/refusal.h"

#include <apr_tables.h>
#include <apr_time.h>
#include <jansson.h>
#include <stddef.h>

/* The value of a time claim that the token does not have. */
#define MTO_TIME_ABSENT ((apr_time_t)-1)

/* What the confirmation claim (cnf) is, as DESIGN section 3 tells its shapes apart. */
typedef enum {
    MTO_CONFIRMATION_ABSENT,      /* no cnf */
    MTO_CONFIRMATION_THUMBPRINT,  /* a well-formed x5t#S256, alone or beside members unknown here */
    MTO_CONFIRMATION_UNSUPPORTED, /* jkt, jwk, jwe, kid or jku is among the members */
    MTO_CONFIRMATION_UNKNOWN,     /* {} or only unknown members */
    MTO_CONFIRMATION_MALFORMED,   /* no object, or an x5t#S256 that is none */
} mto_confirmation_shape_t;

typedef struct {
    mto_confirmation_shape_t shape;
    unsigned char            x5t[MTO_X5T_SIZE]; /* THUMBPRINT: the 32 bytes */
    const char              *detail;            /* UNSUPPORTED: the member; MALFORMED: the mistake; else NULL. Static */
} mto_confirmation_t;

/* Zero-initialised it holds nothing. Strings point into root. */
typedef struct {
    json_t            *root;
    const char        *issuer;   /* iss; NULL: absent */
    const json_t      *audience; /* aud: a string or an array of strings; NULL: absent */
    apr_time_t         expires, not_before, issued_at;
    mto_confirmation_t confirmation;
} mto_claims_t;

/* The way to a claim: names of members, outermost first. */
typedef struct {
    const char *text; /* as written, borrowed */
    int         count;
    const char *names[];
} mto_claim_path_t;

/* Reads the payload of a token. Refuses with claims_malformed: not a strict JSON object; iss no string; aud neither a
 * string nor an array of strings; exp, nbf or iat no finite number of 0 or more (a fraction is allowed; what is beyond
 * apr_time_t counts as its end). *claims is mto_claims_clear's to free, also after a refusal. */
mto_refusal_t mto_claims_read(mto_claims_t *claims, const char *json, size_t length, mto_verdict_t *verdict);

void mto_claims_clear(mto_claims_t *claims);

/* Whether aud is, or has among its elements, one of audiences (const char *, compared exactly, RFC 7519 section 4.1.3).
 */
int mto_claims_audience_is_one_of(const mto_claims_t *claims, const apr_array_header_t *audiences);

/* The claim at the end of a path, borrowed; NULL when it is absent or null. */
const json_t *mto_claims_find(const mto_claims_t *claims, const mto_claim_path_t *path);

/* The first claim that is present, of the paths (const mto_claim_path_t *) in their order; NULL: none is. */
const json_t *mto_claims_find_first(const mto_claims_t *claims, const apr_array_header_t *paths);

/* Parses "a.b.c"; a backslash makes the dot (or backslash) after it part of a name. Allocated from pool; NULL with a
 * static *reason: a name is empty, or a backslash stands before something else. */
const mto_claim_path_t *mto_claim_path_parse(const char *text, apr_pool_t *pool, const char **reason);

#endif
