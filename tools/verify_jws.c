/* mtls-oauth verify-jws: signatures only, a JSON line in and a JSON line out, for test vectors and comparisons. */
#include "input.h"
#include "verb.h"

#include "core/json.h"
#include "core/jws.h"
#include "core/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longest line: a token and a JWK Set of the largest sizes, each character of them written as an escape (\uXXXX). */
#define LINE_SIZE (6 * (MTO_KEYSET_BYTES + MTO_TOKEN_SIZE) + 1024)

/* The key set of a line, sealed. One that cannot be used is as good as an empty one: key_unknown. NULL: out of memory.
 */
static mto_keyset_t *read_keys(const json_t *jwks)
{
    mto_keyset_t *keys = mto_keyset_create();
    char         *text = jwks != NULL ? json_dumps(jwks, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    if (keys != NULL && text != NULL) {
        (void)mto_keyset_add_jwks(keys, text, strlen(text), MTO_JWK_IGNORE_PRIVATE, NULL, NULL);
    }
    if (keys != NULL) {
        mto_keyset_seal(keys);
    }
    free(text);
    return keys;
}

static mto_refusal_t verify(const char *text, size_t length, const json_t *jwks)
{
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_keyset_t    *keys = NULL;
    const mto_key_t *signer;
    mto_jws_t        jws;

    if (length > MTO_TOKEN_SIZE) {
        return MTO_TOKEN_TOO_LARGE;
    }
    if (mto_jws_read(&jws, text, length, &verdict) == MTO_ADMITTED) {
        keys = read_keys(jwks);
        if (keys == NULL) {
            (void)mto_verdict_refuse(&verdict, MTO_KEYS_UNAVAILABLE, "out of memory");
        }
        else {
            (void)mto_jws_verify(&jws, keys, MTO_ALGORITHMS_ALL, &signer, &verdict);
        }
    }
    mto_keyset_release(keys);
    mto_jws_clear(&jws);
    return verdict.refusal;
}

static mto_refusal_t judge_line(const char *line, size_t length)
{
    const char   *reason;
    json_t       *object = mto_json_read_object(line, length, &reason);
    const json_t *jws = json_object_get(object, "jws");
    mto_refusal_t refusal = MTO_TOKEN_MALFORMED;

    if (json_is_string(jws)) {
        refusal = verify(json_string_value(jws), json_string_length(jws), json_object_get(object, "jwks"));
    }
    json_decref(object);
    return refusal;
}

static int answer(mto_refusal_t refusal)
{
    if (refusal == MTO_ADMITTED) {
        (void)puts("{\"verdict\":\"accept\"}");
    }
    else {
        (void)printf("{\"verdict\":\"reject\",\"reason\":\"%s\"}\n", mto_refusal_row(refusal)->code);
    }
    /* Whoever drives us line by line waits for this one. */
    return fflush(stdout) == 0;
}

/* Reads a line without its end, of which the first LINE_SIZE bytes are kept. Returns its whole length, -1 at the end of
 * the input. */
static long long read_line(char line[LINE_SIZE])
{
    long long length = 0;
    int       c;

    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (length < LINE_SIZE) {
            line[length] = (char)c;
        }
        length++;
    }
    return c == EOF && length == 0 ? -1 : length;
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    char     *line = apr_palloc(pool, LINE_SIZE);
    long long length;
    int       written = 1;

    (void)request;
    (void)operand;
    while (written && (length = read_line(line)) >= 0) {
        written = answer(length > LINE_SIZE ? MTO_TOKEN_TOO_LARGE : judge_line(line, (size_t)length));
    }
    if (ferror(stdin)) {
        return mto_complain("standard input: %s", strerror(errno));
    }
    return MTO_EXIT_OK;
}

static const mto_option_t options[] = {{NULL, NULL, NULL, NULL, 0, 0}};

const mto_verb_t mto_verify_jws_verb = {
    .name = "verify-jws",
    .operand = NULL,
    .summary = "Verify the signature of the JWS in each line of standard input.",
    .help = "A line in:  {\"jws\":\"HEADER.PAYLOAD.SIGNATURE\",\"jwks\":{\"keys\":[...]}}\n"
            "A line out: {\"verdict\":\"accept\"} or {\"verdict\":\"reject\",\"reason\":\"CODE\"}\n\n"
            "Every line gets one answer, in order and at once, whatever it holds; CODE is a refusal code. Only the\n"
            "signature is looked at: all algorithms are allowed, private members of keys are ignored, claims are not\n"
            "read. A line without a usable jws is token_malformed, one without usable jwks key_unknown.\n",
    .options = options,
    .request_size = 0,
    .run = run,
};
