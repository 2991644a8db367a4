/* The claims of an access token, typed where the standards give them a type (RFC 7519 section 4.1, RFC 7800, RFC 8705).
 */
#ifndef MTO_CLAIMS_H
#define MTO_CLAIMS_H

#include "core/certificate.h"
#include "core/json_memory.h"
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
    mto_json_region_t *region;   /* what root lies in */
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

/* Reads a time claim (NumericDate, RFC 7519 section 2): *time is MTO_TIME_ABSENT when there is none. Returns 0 when it
 * is no finite number of 0 or more. */
int mto_claims_time(const mto_claims_t *claims, const char *name, apr_time_t *time);

/* Bytes of the JSON text of any number or boolean, its NUL included. */
#define MTO_CLAIM_SCALAR_SIZE 40

/* A string as it is, a number or boolean as JSON writes it, into buffer; NULL: claim is neither. */
const char *mto_claim_scalar(const json_t *claim, char buffer[MTO_CLAIM_SCALAR_SIZE]);

/* Whether a claim passes a test, or an element of it when it is an array; each as mto_claim_scalar has it. */
typedef int mto_claim_test_fn(const char *text, const void *baton);
int         mto_claim_matches(const json_t *claim, mto_claim_test_fn *test, const void *baton);

/* Whether scope, else scp, has that scope: among the words of a string (RFC 8693 section 4.2), or the strings of an
 * array. Compared exactly. */
int mto_claims_has_scope(const mto_claims_t *claims, const char *scope);

/* Whether a valid UTF-8 text has a control character: C0, DEL or C1. */
int mto_claim_has_controls(const char *text);

/* The value of a claim that the environment and the log may show: a string without control characters; else NULL. */
const char *mto_claim_text(const json_t *claim);

/* What a claim looks like outside of the token: a scalar as mto_claim_scalar has it, an array as a JSON list. NULL: it
 * is absent, an object, or has a control character anywhere. Allocated from pool, or the claim's own. */
const char *mto_claim_value(const json_t *claim, apr_pool_t *pool);

/* Parses "a.b.c"; a backslash makes the dot (or backslash) after it part of a name. Allocated from pool; NULL with a
 * static *reason: a name is empty, or a backslash stands before something else. */
const mto_claim_path_t *mto_claim_path_parse(const char *text, apr_pool_t *pool, const char **reason);

#endif
