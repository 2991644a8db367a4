#include "core/claims.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/pool.h"

#include <apr_strings.h>
#include <math.h>
#include <string.h>

/* NumericDate (RFC 7519 section 2) to microseconds. Returns 0 when the claim is there and is no such number. */
static int read_time(const json_t *root, const char *name, apr_time_t *time)
{
    const json_t *claim = json_object_get(root, name);
    double        seconds;

    *time = MTO_TIME_ABSENT;
    if (claim == NULL) {
        return 1;
    }
    if (json_is_integer(claim)) {
        json_int_t whole = json_integer_value(claim);
        *time = whole < 0 || whole > APR_INT64_MAX / APR_USEC_PER_SEC ? APR_INT64_MAX : whole * APR_USEC_PER_SEC;
        return whole >= 0;
    }
    seconds = json_real_value(claim);
    if (!json_is_real(claim) || !isfinite(seconds) || seconds < 0) {
        return 0;
    }
    *time = seconds >= (double)(APR_INT64_MAX / APR_USEC_PER_SEC) ? APR_INT64_MAX
                                                                  : (apr_time_t)(seconds * APR_USEC_PER_SEC);
    return 1;
}

static int is_audience(const json_t *claim)
{
    const json_t *element;
    size_t        i;

    if (!json_is_array(claim)) {
        return json_is_string(claim);
    }
    json_array_foreach(claim, i, element)
    {
        if (!json_is_string(element)) {
            return 0;
        }
    }
    return 1;
}

/* What is wrong with the text of an x5t#S256 (RFC 8705 section 3.1); NULL: nothing, and x5t is filled. */
static const char *read_thumbprint(const json_t *member, unsigned char x5t[MTO_X5T_SIZE])
{
    unsigned char bytes[MTO_BASE64URL_DECODED_SIZE(MTO_X5T_TEXT_LENGTH)];
    const char   *text = json_string_value(member);
    size_t        length = json_string_length(member);

    if (text == NULL) {
        return "x5t#S256 is not a string";
    }
    if (length == 64 && strspn(text, "0123456789abcdefABCDEF") == 64) {
        return "x5t#S256 is hex; it must be base64url of the 32 bytes";
    }
    if (length > 0 && text[length - 1] == '=') {
        return "x5t#S256 is padded";
    }
    if (length != MTO_X5T_TEXT_LENGTH) {
        return "x5t#S256 is not 43 characters long";
    }
    if (mto_base64url_decode(bytes, text, length) != MTO_X5T_SIZE) {
        return "x5t#S256 is not canonical base64url";
    }
    memcpy(x5t, bytes, MTO_X5T_SIZE);
    return NULL;
}

static void read_confirmation(mto_confirmation_t *confirmation, const json_t *claim)
{
    /* Confirmation methods that a bearer token over TLS cannot prove (RFC 7800 section 3, RFC 9449 section 6.1). */
    static const char *const unsupported[] = {"jkt", "jwk", "jwe", "kid", "jku"};
    const json_t            *thumbprint = json_object_get(claim, "x5t#S256");
    size_t                   i;

    memset(confirmation, 0, sizeof *confirmation);
    if (claim == NULL) {
        confirmation->shape = MTO_CONFIRMATION_ABSENT;
        return;
    }
    for (i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (json_object_get(claim, unsupported[i]) != NULL) {
            confirmation->shape = MTO_CONFIRMATION_UNSUPPORTED;
            confirmation->detail = unsupported[i];
            return;
        }
    }
    if (!json_is_object(claim)) {
        confirmation->shape = MTO_CONFIRMATION_MALFORMED;
        confirmation->detail = "cnf is not an object";
        return;
    }
    if (thumbprint == NULL) {
        confirmation->shape = MTO_CONFIRMATION_UNKNOWN;
        return;
    }
    confirmation->detail = read_thumbprint(thumbprint, confirmation->x5t);
    confirmation->shape = confirmation->detail == NULL ? MTO_CONFIRMATION_THUMBPRINT : MTO_CONFIRMATION_MALFORMED;
}

mto_refusal_t mto_claims_read(mto_claims_t *claims, const char *json, size_t length, mto_verdict_t *verdict)
{
    const char   *reason;
    const json_t *issuer;

    memset(claims, 0, sizeof *claims);
    claims->root = mto_json_read_object_in(&claims->region, json, length, &reason);
    if (claims->root == NULL) {
        return mto_verdict_refuse(verdict, MTO_CLAIMS_MALFORMED, "the payload is %s", reason);
    }
    issuer = json_object_get(claims->root, "iss");
    if (issuer != NULL && !json_is_string(issuer)) {
        return mto_verdict_refuse(verdict, MTO_CLAIMS_MALFORMED, "iss is not a string");
    }
    claims->issuer = json_string_value(issuer);
    claims->audience = json_object_get(claims->root, "aud");
    if (claims->audience != NULL && !is_audience(claims->audience)) {
        return mto_verdict_refuse(verdict, MTO_CLAIMS_MALFORMED, "aud is neither a string nor an array of strings");
    }
    if (!read_time(claims->root, "exp", &claims->expires) || !read_time(claims->root, "nbf", &claims->not_before)
        || !read_time(claims->root, "iat", &claims->issued_at)) {
        return mto_verdict_refuse(verdict, MTO_CLAIMS_MALFORMED, "exp, nbf or iat is not a number of 0 or more");
    }
    read_confirmation(&claims->confirmation, json_object_get(claims->root, "cnf"));
    return MTO_ADMITTED;
}

void mto_claims_clear(mto_claims_t *claims)
{
    mto_json_region_free(claims->region);
    memset(claims, 0, sizeof *claims);
}

static int is_one_of(const json_t *string, const apr_array_header_t *texts)
{
    int i;

    for (i = 0; i < texts->nelts; i++) {
        if (strcmp(json_string_value(string), APR_ARRAY_IDX(texts, i, const char *)) == 0) {
            return 1;
        }
    }
    return 0;
}

int mto_claims_audience_is_one_of(const mto_claims_t *claims, const apr_array_header_t *audiences)
{
    const json_t *element;
    size_t        i;

    if (json_is_string(claims->audience)) {
        return is_one_of(claims->audience, audiences);
    }
    json_array_foreach(claims->audience, i, element)
    {
        if (is_one_of(element, audiences)) {
            return 1;
        }
    }
    return 0;
}

const json_t *mto_claims_find(const mto_claims_t *claims, const mto_claim_path_t *path)
{
    const json_t *claim = claims->root;
    int           i;

    for (i = 0; i < path->count; i++) {
        claim = json_object_get(claim, path->names[i]);
    }
    return json_is_null(claim) ? NULL : claim;
}

const json_t *mto_claims_find_first(const mto_claims_t *claims, const apr_array_header_t *paths)
{
    const json_t *claim = NULL;
    int           i;

    for (i = 0; claim == NULL && i < paths->nelts; i++) {
        claim = mto_claims_find(claims, APR_ARRAY_IDX(paths, i, const mto_claim_path_t *));
    }
    return claim;
}

/* --- Values ------------------------------------------------------------------------------------------------------- */

int mto_claims_time(const mto_claims_t *claims, const char *name, apr_time_t *time)
{
    return read_time(claims->root, name, time);
}

const char *mto_claim_scalar(const json_t *claim, char buffer[MTO_CLAIM_SCALAR_SIZE])
{
    size_t size;

    if (json_is_string(claim)) {
        return json_string_value(claim);
    }
    if (!json_is_number(claim) && !json_is_boolean(claim)) {
        return NULL;
    }
    /* 15 digits are what a double holds for sure: 1.1 stays 1.1. */
    size = json_dumpb(claim, buffer, MTO_CLAIM_SCALAR_SIZE - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (size == 0 || size >= MTO_CLAIM_SCALAR_SIZE) {
        return NULL;
    }
    buffer[size] = '\0';
    return buffer;
}

static int scalar_matches(const json_t *claim, mto_claim_test_fn *test, const void *baton)
{
    char        buffer[MTO_CLAIM_SCALAR_SIZE];
    const char *text = mto_claim_scalar(claim, buffer);

    return text != NULL && test(text, baton);
}

int mto_claim_matches(const json_t *claim, mto_claim_test_fn *test, const void *baton)
{
    const json_t *element;
    size_t        i;

    if (!json_is_array(claim)) {
        return scalar_matches(claim, test, baton);
    }
    json_array_foreach(claim, i, element)
    {
        if (scalar_matches(element, test, baton)) {
            return 1;
        }
    }
    return 0;
}

static int has_word(const char *words, const char *word)
{
    size_t length = strlen(word), next;

    for (;; words += next + 1) {
        next = strcspn(words, " ");
        if (next == length && memcmp(words, word, length) == 0) {
            return 1;
        }
        if (words[next] == '\0') {
            return 0;
        }
    }
}

int mto_claims_has_scope(const mto_claims_t *claims, const char *scope)
{
    const json_t *granted = json_object_get(claims->root, "scope"), *element;
    size_t        i;

    if (granted == NULL) {
        granted = json_object_get(claims->root, "scp");
    }
    if (json_is_string(granted)) {
        return has_word(json_string_value(granted), scope);
    }
    json_array_foreach(granted, i, element)
    {
        if (json_is_string(element) && strcmp(json_string_value(element), scope) == 0) {
            return 1;
        }
    }
    return 0;
}

int mto_claim_has_controls(const char *text)
{
    const unsigned char *at;

    /* C1 controls are C2 80 to C2 9F. */
    for (at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0)) {
            return 1;
        }
    }
    return 0;
}

const char *mto_claim_text(const json_t *claim)
{
    const char *text = json_string_value(claim);

    return text != NULL && !mto_claim_has_controls(text) ? text : NULL;
}

/* Escaped in JSON, a control character would come back where the list is read. No deeper than the parser let it. */
static int has_controls_inside(const json_t *value)
{
    const json_t *element;
    const char   *name;
    size_t        i;

    if (json_is_string(value)) {
        return mto_claim_has_controls(json_string_value(value));
    }
    json_array_foreach(value, i, element)
    {
        if (has_controls_inside(element)) {
            return 1;
        }
    }
    json_object_foreach((json_t *)value, name, element)
    {
        if (mto_claim_has_controls(name) || has_controls_inside(element)) {
            return 1;
        }
    }
    return 0;
}

const char *mto_claim_value(const json_t *claim, apr_pool_t *pool)
{
    char        buffer[MTO_CLAIM_SCALAR_SIZE];
    const char *text;
    char       *list;
    size_t      size;

    if (has_controls_inside(claim)) {
        return NULL;
    }
    if (!json_is_array(claim)) {
        text = mto_claim_scalar(claim, buffer);
        return text == buffer ? apr_pstrdup(pool, text) : text;
    }
    size = json_dumpb(claim, NULL, 0, JSON_COMPACT | JSON_REAL_PRECISION(15));
    list = apr_palloc(pool, size + 1);
    if (size == 0 || json_dumpb(claim, list, size, JSON_COMPACT | JSON_REAL_PRECISION(15)) != size) {
        mto_pool_end(pool); /* jansson has no other reason */
    }
    list[size] = '\0';
    return list;
}

/* --- Paths -------------------------------------------------------------------------------------------------------- */

const mto_claim_path_t *mto_claim_path_parse(const char *text, apr_pool_t *pool, const char **reason)
{
    size_t            length = strlen(text), dots = 0, i;
    mto_claim_path_t *path;
    char             *name;

    for (i = 0; i < length; i++) {
        dots += text[i] == '.';
    }
    path = apr_palloc(pool, sizeof *path + (dots + 1) * sizeof path->names[0]);
    path->text = text;
    path->count = 0;
    name = apr_palloc(pool, length + 1);
    for (;;) {
        char *to = name;

        for (; *text != '\0' && *text != '.'; text++) {
            if (*text == '\\' && *++text != '.' && *text != '\\') {
                *reason = "a backslash stands only before a dot or a backslash";
                return NULL;
            }
            *to++ = *text;
        }
        if (to == name) {
            *reason = "a name in the path is empty";
            return NULL;
        }
        *to++ = '\0';
        path->names[path->count++] = name;
        name = to;
        if (*text++ == '\0') {
            return path;
        }
    }
}
