#include "httpd/answer.h"

#include "httpd/counting.h"
#include "httpd/forward.h"
#include "httpd/metadata.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* Lines of one refusal and issuer in one process and window, in seconds: a flood must not fill the disk, and the first
 * ten tell what there is to tell. At LogLevel debug nothing is left out. */
#define LOG_LINES  10
#define LOG_WINDOW 10

/* Characters of a value in the log line, before escaping. */
#define LOG_VALUE_SIZE 100

/* Seconds after which a client may try again while keys are missing. */
#define RETRY_AFTER "30"

struct mto_log_limit_t {
    _Atomic uint64_t state; /* number of the window << 32 | lines in it, also those left out */
};

mto_log_limit_t *mto_log_limits_create(apr_pool_t *pool)
{
    return apr_pcalloc(pool, MTO_REFUSAL_COUNT * sizeof(mto_log_limit_t));
}

/* Whether a line may be written now; *left_out: how many were not in the last window that had any. */
static int may_log(mto_log_limit_t *limit, apr_time_t now, unsigned *left_out)
{
    uint64_t window = (uint64_t)apr_time_sec(now) / LOG_WINDOW & 0xffffffff, old = atomic_load(&limit->state), new;

    do {
        new = old >> 32 == window ? old + ((uint32_t)old < UINT32_MAX) : window << 32 | 1;
    } while (!atomic_compare_exchange_weak(&limit->state, &old, new));
    *left_out = old >> 32 != window && (uint32_t)old > LOG_LINES ? (uint32_t)old - LOG_LINES : 0;
    return (uint32_t) new <= LOG_LINES;
}

/* --- The exchange ------------------------------------------------------------------------------------------------- */

static mto_exchange_t *any_exchange(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &auth_mtls_oauth_module);
}

mto_exchange_t *mto_exchange_of(const request_rec *r)
{
    mto_exchange_t *exchange = any_exchange(r);

    return exchange != NULL && !exchange->log_only ? exchange : NULL;
}

mto_exchange_t *mto_exchange_in_force(const request_rec *r)
{
    mto_exchange_t *exchange = mto_exchange_of(r);

    while (exchange == NULL) {
        const request_rec *before = r->main != NULL ? r->main : r->prev;

        if (before == NULL || before->per_dir_config != r->per_dir_config) {
            return NULL;
        }
        r = before;
        exchange = mto_exchange_of(r);
    }
    return exchange;
}

const mto_exchange_t *mto_exchange_with_token(const request_rec *r)
{
    while ((r = r->main != NULL ? r->main : r->prev) != NULL) {
        const mto_exchange_t *exchange = mto_exchange_of(r);

        if (exchange != NULL && exchange->token_removed) {
            return exchange;
        }
    }
    return NULL;
}

mto_exchange_t *mto_exchange_create(request_rec *r)
{
    const mto_exchange_t *before = any_exchange(r);
    mto_exchange_t       *exchange = apr_pcalloc(r->pool, sizeof *exchange);

    if (before != NULL) {
        exchange->refusal_logged = before->refusal_logged;
        exchange->report_logged = before->report_logged;
        exchange->refusal_counted = before->refusal_counted;
        exchange->admission_counted = before->admission_counted;
    }
    ap_set_module_config(r->request_config, &auth_mtls_oauth_module, exchange);
    return exchange;
}

mto_exchange_t *mto_exchange_of_top(request_rec *r)
{
    mto_exchange_t *exchange;

    while (r->main != NULL || r->prev != NULL) {
        r = r->main != NULL ? r->main : r->prev;
    }
    exchange = any_exchange(r);
    if (exchange == NULL) {
        exchange = mto_exchange_create(r);
        exchange->log_only = 1; /* what was done for a part of r says nothing of r */
    }
    return exchange;
}

/* --- The log line ------------------------------------------------------------------------------------------------- */

/* One field: printable ASCII without space, quote or backslash stays, the rest is \xHH, so that a value can neither end
 * its field nor its line. NULL is "-". */
static const char *escape(apr_pool_t *pool, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    char             *escaped, *to;
    int               left = LOG_VALUE_SIZE;

    if (value == NULL) {
        return "-";
    }
    escaped = to = apr_palloc(pool, 4 * LOG_VALUE_SIZE + sizeof "...");
    for (; *value != '\0' && left > 0; value++, left--) {
        unsigned char byte = (unsigned char)*value;

        if (byte > 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            *to++ = (char)byte;
        }
        else {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    memcpy(to, *value != '\0' ? "..." : "", *value != '\0' ? sizeof "..." : 1);
    return escaped;
}

/* The first 8 hexadecimal digits of the token's SHA-256: enough to follow one token, nothing to use it with. */
static const char *fingerprint(apr_pool_t *pool, const mto_bearer_t *bearer)
{
    unsigned char hash[32];

    if (bearer->text == NULL || EVP_Digest(bearer->text, bearer->length, hash, NULL, EVP_sha256(), NULL) != 1) {
        return "-";
    }
    return apr_psprintf(pool, "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

/* The first 8 characters of an x5t#S256. */
static const char *thumbprint_start(apr_pool_t *pool, const unsigned char *x5t)
{
    mto_certificate_t certificate;
    char              text[MTO_X5T_TEXT_LENGTH + 1];

    memcpy(certificate.x5t, x5t, sizeof certificate.x5t);
    mto_certificate_x5t_text(&certificate, text);
    return apr_pstrmemdup(pool, text, 8);
}

static const char *client_of(const mto_exchange_t *exchange, const mto_claims_t *claims)
{
    if (exchange->token != NULL) {
        return mto_token_texts(exchange->token)->client_id;
    }
    return claims == NULL || exchange->issuer == NULL
               ? NULL
               : json_string_value(mto_claims_find_first(claims, exchange->issuer->policy.settings.client_id_claims));
}

/* "iss=… client=… kid=… token=… cert=… want=…" */
static const char *describe(request_rec *r, const mto_exchange_t *exchange)
{
    const mto_claims_t *claims = NULL;
    const char         *issuer, *kid = NULL, *cert = "-", *want = "-";

    if (exchange->token != NULL) {
        claims = mto_token_claims(exchange->token);
        kid = mto_token_kid(exchange->token);
    }
    else if (exchange->presented != NULL) {
        claims = mto_presented_claims(exchange->presented);
        kid = mto_presented_kid(exchange->presented);
    }
    if (exchange->certificate != NULL) {
        cert = thumbprint_start(r->pool, exchange->certificate->x5t);
    }
    if (claims != NULL && claims->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT) {
        want = thumbprint_start(r->pool, claims->confirmation.x5t);
    }
    /* An opaque token does not say; the place does. */
    issuer = claims != NULL ? claims->issuer : NULL;
    issuer = exchange->issuer != NULL ? exchange->issuer->policy.issuer : issuer;
    return apr_pstrcat(r->pool, "iss=", escape(r->pool, issuer),
                       " client=", escape(r->pool, client_of(exchange, claims)), " kid=", escape(r->pool, kid),
                       " token=", fingerprint(r->pool, &exchange->bearer), " cert=", cert, " want=", want, NULL);
}

/* "client=… cert=…" */
static const char *describe_client(request_rec *r, const mto_exchange_t *exchange)
{
    return apr_pstrcat(
        r->pool, "client=", escape(r->pool, exchange->client_id),
        " cert=", exchange->certificate != NULL ? thumbprint_start(r->pool, exchange->certificate->x5t) : "-", NULL);
}

/* verb: "refused" or "reported". *written: whether the top-level request has its line of that kind. */
static void write_line(request_rec *r, const mto_exchange_t *exchange, const char *verb, mto_refusal_t refusal,
                       const char *detail, int *written)
{
    int              level = refusal == MTO_NO_TOKEN ? APLOG_DEBUG : APLOG_WARNING;
    mto_log_limit_t *limits =
        exchange->issuer != NULL ? exchange->issuer->log_limits : mto_server_config_of(r->server)->log_limits;
    unsigned    left_out = 0;
    const char *others;

    if (*written || !APLOG_R_IS_LEVEL(r, level)) {
        return;
    }
    *written = 1;
    if (!may_log(&limits[refusal], apr_time_now(), &left_out) && !APLOGrdebug(r)) {
        return;
    }
    others = left_out > 0 ? apr_psprintf(r->pool, " (%u lines like this were left out)", left_out) : "";
    /* The detail is a sentence of ours with values in it: unlike in the fields, its spaces stay. */
    ap_log_rerror(APLOG_MARK, level, 0, r, "%s %s %s: %s%s", verb, mto_refusal_row(refusal)->code,
                  exchange->is_client_auth ? describe_client(r, exchange) : describe(r, exchange),
                  ap_escape_logitem(r->pool, detail), others);
}

/* --- Refuse ------------------------------------------------------------------------------------------------------- */

/* The configured realm: AuthName, whose quotes httpd has escaped, else ServerName; never the Host header. */
static const char *realm_of(request_rec *r)
{
    const char *name = ap_auth_name(r);

    if (name == NULL) {
        name = r->server->server_hostname;
    }
    return name != NULL ? name : MTO_AUTH_TYPE;
}

/* All of it is fixed text or configuration. */
static const char *challenge_of(request_rec *r, const mto_refusal_row_t *row, const char *parameters)
{
    const char *challenge = apr_pstrcat(r->pool, "Bearer realm=\"", realm_of(r), "\"", NULL);
    const char *metadata = mto_metadata_url(r);

    if (row->error != NULL) {
        challenge = apr_pstrcat(r->pool, challenge, ", error=\"", row->error, "\", error_description=\"",
                                row->description, "\"", parameters, NULL);
    }
    return metadata != NULL ? apr_pstrcat(r->pool, challenge, ", resource_metadata=\"", metadata, "\"", NULL)
                            : challenge;
}

int mto_answer_refuse(request_rec *r, const mto_exchange_t *exchange, const mto_verdict_t *verdict)
{
    const mto_refusal_row_t *row = mto_refusal_row(verdict->refusal);

    apr_table_setn(r->subprocess_env, "MTLS_OAUTH_REFUSAL", row->code);
    if (row->status == HTTP_UNAUTHORIZED || row->error != NULL) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate", challenge_of(r, row, exchange->parameters));
    }
    if (row->status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    }
    mto_counting_refused(r, exchange, verdict->refusal);
    write_line(r, exchange, "refused", verdict->refusal, verdict->detail, &mto_exchange_of_top(r)->refusal_logged);
    return row->status;
}

/* Sends the JSON of RFC 6749 section 5.2 in place of httpd's own page. */
static int send_client_error(request_rec *r, const mto_refusal_row_t *row)
{
    const char *body = apr_pstrcat(r->pool, "{\"error\":\"", row->error, "\",\"error_description\":\"",
                                   row->description, "\"}\n", NULL);

    if (row->status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        r->connection->keepalive = AP_CONN_CLOSE; /* what is left of the body is not worth reading */
    }
    r->status = row->status;
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)strlen(body));
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    ap_run_insert_error_filter(r);
    ap_rputs(body, r);
    return DONE;
}

int mto_answer_refuse_client(request_rec *r, const mto_exchange_t *exchange, const mto_verdict_t *verdict)
{
    const mto_refusal_row_t *row = mto_refusal_row(verdict->refusal);

    apr_table_setn(r->subprocess_env, "MTLS_OAUTH_REFUSAL", row->code);
    /* RFC 6749 section 5.2: the challenge is for who tried with an Authorization header. */
    if (row->status == HTTP_UNAUTHORIZED && apr_table_get(r->headers_in, "Authorization") != NULL) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate",
                       apr_pstrcat(r->pool, "Basic realm=\"", realm_of(r), "\"", NULL));
    }
    mto_counting_refused(r, exchange, verdict->refusal);
    write_line(r, exchange, "refused", verdict->refusal, verdict->detail, &mto_exchange_of_top(r)->refusal_logged);
    return r->main != NULL ? row->status : send_client_error(r, row);
}

/* --- Admit -------------------------------------------------------------------------------------------------------- */

static void set_variable(request_rec *r, const char *name, const char *value)
{
    if (value != NULL) {
        apr_table_setn(r->subprocess_env, name, value);
    }
}

static void set_environment(request_rec *r, const mto_exchange_t *exchange)
{
    const mto_token_texts_t *texts = mto_token_texts(exchange->token);

    set_variable(r, "MTLS_OAUTH_ISSUER", mto_token_policy(exchange->token)->issuer);
    set_variable(r, "MTLS_OAUTH_SUBJECT", texts->subject);
    set_variable(r, "MTLS_OAUTH_CLIENT_ID", texts->client_id);
    set_variable(r, "MTLS_OAUTH_SCOPE", texts->scope);
    set_variable(r, "MTLS_OAUTH_JTI", texts->jti);
    set_variable(r, "MTLS_OAUTH_BINDING", mto_binding_word(exchange->binding));
    if (exchange->certificate != NULL) {
        set_variable(r, "MTLS_OAUTH_CERT_THUMBPRINT", exchange->certificate->x5t_text);
    }
    if (exchange->reported != MTO_ADMITTED) {
        set_variable(r, "MTLS_OAUTH_REPORTED", mto_refusal_row(exchange->reported)->code);
    }
    mto_forward_variables(r, exchange);
}

static void set_client_environment(request_rec *r, const mto_exchange_t *exchange)
{
    set_variable(r, "MTLS_OAUTH_CLIENT_ID", exchange->client_id);
    set_variable(r, "MTLS_OAUTH_CLIENT_AUTH_METHOD", exchange->client_method);
    set_variable(r, "MTLS_OAUTH_CERT_THUMBPRINT", exchange->certificate->x5t_text);
}

int mto_answer_inherit(request_rec *r)
{
    const mto_exchange_t *exchange = mto_exchange_of(r) == NULL ? mto_exchange_in_force(r) : NULL;

    if (exchange != NULL && exchange->admitted) {
        if (exchange->is_client_auth) {
            set_client_environment(r, exchange);
        }
        else {
            set_environment(r, exchange);
        }
    }
    return DECLINED;
}

int mto_answer_admit_client(request_rec *r, mto_exchange_t *exchange)
{
    exchange->admitted = 1;
    r->user = (char *)exchange->client_id;
    r->ap_auth_type = MTO_CLIENT_AUTH_TYPE;
    r->no_cache = 1; /* no Authorization header tells mod_cache whose answer it is */
    set_client_environment(r, exchange);
    return OK;
}

int mto_answer_admit(request_rec *r, mto_exchange_t *exchange, const mto_verdict_t *verdict)
{
    exchange->admitted = 1;
    exchange->binding = verdict->binding;
    exchange->reported = verdict->reported;
    r->user = (char *)mto_token_user(exchange->token);
    r->ap_auth_type = MTO_AUTH_TYPE;
    set_environment(r, exchange);
    if (verdict->reported != MTO_ADMITTED) {
        write_line(r, exchange, "reported", verdict->reported, verdict->detail, &mto_exchange_of_top(r)->report_logged);
    }
    return OK;
}
