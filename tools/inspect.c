/* mtls-oauth inspect: what a token says, proven or not. */
#include "input.h"
#include "verb.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/token.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Said before and after, so that neither head nor tail of the output goes without it. */
#define WARNING_BEFORE                                                                                                 \
    "UNVERIFIED: nothing below has been checked, and anybody can write it. To check: mtls-oauth check"
#define WARNING_AFTER "UNVERIFIED: nothing above has been checked."

/* Claims that are times (RFC 7519 section 4.1, OpenID Connect Core sections 2 and 5.1). */
static const char *const time_claims[] = {"iat", "nbf", "exp", "auth_time", "updated_at"};

/* Decodes a segment as the JSON object that it must be; NULL when it is none, which has been said then. */
static json_t *decode_segment(const char *title, const char *text, size_t length, apr_pool_t *pool)
{
    unsigned char *bytes = apr_palloc(pool, MTO_BASE64URL_DECODED_SIZE(length));
    long           size = mto_base64url_decode(bytes, text, length);
    const char    *reason;
    json_t        *object;

    if (size < 0) {
        (void)printf("%s: not base64url (%zu characters)\n", title, length);
        return NULL;
    }
    object = mto_json_read_object((const char *)bytes, (size_t)size, &reason);
    if (object == NULL) {
        (void)printf("%s: %s (%ld bytes)\n", title, reason, size);
    }
    return object;
}

/* Prints an object; what is not ASCII is escaped, since a stranger wrote it and a terminal may obey. */
static void print_object(const char *title, const json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII);

    (void)printf("%s:\n%s\n", title, text != NULL ? text : "");
    free(text);
}

/* Prints the seconds between two times in the largest unit that is whole. */
static void print_distance(apr_time_t time, apr_time_t now)
{
    static const struct {
        const char *name;
        apr_int64_t seconds;
    } units[] = {{"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1}};
    apr_int64_t distance = apr_time_sec(time) - apr_time_sec(now), size = distance < 0 ? -distance : distance;
    size_t      i = 0;

    /* From two of a unit on, so that "1 days" never appears and 90 minutes are not an hour. */
    while (units[i].seconds > 1 && size < 2 * units[i].seconds) {
        i++;
    }
    (void)printf(distance < 0 ? "(%" APR_INT64_T_FMT " %s ago)\n" : "(in %" APR_INT64_T_FMT " %s)\n",
                 size / units[i].seconds, units[i].name);
}

static void print_times(const json_t *claims)
{
    apr_time_t now = apr_time_now();
    char       text[MTO_TIME_TEXT_SIZE];
    size_t     i;

    for (i = 0; i < sizeof time_claims / sizeof time_claims[0]; i++) {
        const json_t *claim = json_object_get(claims, time_claims[i]);
        double        seconds = json_number_value(claim);

        if (!json_is_number(claim)) {
            continue;
        }
        if (seconds < 0 || seconds > MTO_LAST_SECOND) {
            (void)printf("%-10s no time before the year 10000\n", time_claims[i]);
            continue;
        }
        (void)printf("%-10s %s ", time_claims[i], mto_time_text(text, apr_time_from_sec((apr_time_t)seconds)));
        print_distance(apr_time_from_sec((apr_time_t)seconds), now);
    }
}

/* Prints why the module would refuse this token whatever the keys are; nothing when it would not. */
static void print_form(const char *text, size_t length)
{
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_presented_t *presented;

    if (mto_presented_read(&presented, text, length, &verdict) != MTO_ADMITTED) {
        (void)printf("would be refused as %s: ", mto_refusal_row(verdict.refusal)->code);
        mto_print_text(stdout, verdict.detail);
        (void)puts("");
    }
    mto_presented_free(presented);
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    size_t      length, header_length = 0, payload_length = 0;
    const char *text = mto_input_token(operand, &length, pool), *payload;
    json_t     *header, *claims = NULL;
    int         code;

    (void)request;
    if (text == NULL) {
        return MTO_EXIT_USAGE;
    }
    (void)puts(WARNING_BEFORE);
    while (header_length < length && text[header_length] != '.') {
        header_length++;
    }
    header = decode_segment("header", text, header_length, pool);
    if (header != NULL) {
        print_object("header", header);
    }
    if (header_length < length) {
        payload = text + header_length + 1;
        while (payload + payload_length < text + length && payload[payload_length] != '.') {
            payload_length++;
        }
        claims = decode_segment("claims", payload, payload_length, pool);
    }
    else {
        (void)puts("claims: no second segment");
    }
    if (claims != NULL) {
        print_object("claims", claims);
        print_times(claims);
    }
    print_form(text, length);
    (void)puts(WARNING_AFTER);
    code = header != NULL && claims != NULL ? MTO_EXIT_OK : MTO_EXIT_REFUSED;
    json_decref(header);
    json_decref(claims);
    return code;
}

static const mto_option_t options[] = {{NULL, NULL, NULL, NULL, 0, 0}};

const mto_verb_t mto_inspect_verb = {
    .name = "inspect",
    .operand = "TOKEN|-",
    .summary = "Show the header and the claims of a token, UNVERIFIED.",
    .help = "- reads the token from standard input, which keeps it out of the list of processes.\n"
            "Exit code 1: header or claims cannot be shown, since this is no JWT.\n",
    .options = options,
    .request_size = 0,
    .run = run,
};
