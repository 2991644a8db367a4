#include "httpd/form.h"

#include "httpd/trailers.h"

#include <apr_buckets.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>
#include <util_filter.h>

#define FILTER_NAME "MTLS-OAUTH-FORM"
#define MEDIA_TYPE  "application/x-www-form-urlencoded"

/* Where in r->pool's user data the form of a request is: an internal redirect begins the request's configuration anew,
 * but keeps the pool, as the form stays read. */
#define FORM_KEY "mod_auth_mtls_oauth form"

/* How much of the form one instance of the filter has played. */
typedef struct {
    const mto_form_t *form;
    apr_size_t        played;
} player_t;

static ap_filter_rec_t *filter;

/* --- Playing back ------------------------------------------------------------------------------------------------- */

/* Length of the line at the start of text, its end included. */
static apr_size_t line_length(const char *text, apr_size_t length)
{
    const char *end = memchr(text, '\n', length);

    return end != NULL ? (apr_size_t)(end - text) + 1 : length;
}

static apr_status_t play(ap_filter_t *f, apr_bucket_brigade *brigade, ap_input_mode_t mode, apr_read_type_e block,
                         apr_off_t most)
{
    player_t   *player = f->ctx;
    const char *next = player->form->text + player->played;
    apr_size_t  left = player->form->length - player->played, length = left;

    (void)block;
    if (mode == AP_MODE_INIT) {
        return APR_SUCCESS;
    }
    if (mode == AP_MODE_EATCRLF) {
        return APR_ENOTIMPL;
    }
    if (mode == AP_MODE_GETLINE) {
        length = line_length(next, left);
    }
    else if (mode != AP_MODE_EXHAUSTIVE && most >= 0 && (apr_size_t)most < left) {
        length = (apr_size_t)most;
    }
    if (length > 0) {
        APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_pool_create(next, length, f->r->pool, f->c->bucket_alloc));
    }
    if (mode != AP_MODE_SPECULATIVE) {
        player->played += length;
    }
    if (length == left) {
        APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(f->c->bucket_alloc));
    }
    return APR_SUCCESS;
}

void mto_form_register(void)
{
    /* Next to the filter that takes chunks apart, so that everything else reads from here. */
    filter = ap_register_input_filter(FILTER_NAME, play, NULL, AP_FTYPE_PROTOCOL - 1);
}

static void add_player(request_rec *r, const mto_form_t *form)
{
    player_t *player = apr_pcalloc(r->pool, sizeof *player);

    player->form = form;
    ap_add_input_filter_handle(filter, player, r, r->connection);
}

static int has_player(const request_rec *r)
{
    const ap_filter_t *f;

    for (f = r->input_filters; f != NULL; f = f->next) {
        if (f->frec == filter) {
            return 1;
        }
    }
    return 0;
}

/* The form that was read for r, for what it was redirected from, or for the request that r is a part of. */
static const mto_form_t *form_of(const request_rec *r)
{
    void *form = NULL;

    while (r->main != NULL) {
        r = r->main;
    }
    (void)apr_pool_userdata_get(&form, FORM_KEY, r->pool);
    return form;
}

void mto_form_replay(request_rec *r)
{
    const mto_form_t *form = r->main == NULL ? form_of(r) : NULL;

    if (form != NULL && !has_player(r)) {
        add_player(r, form);
    }
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int is_form(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t  length = type != NULL ? strcspn(type, "; \t") : 0;

    return length == sizeof MEDIA_TYPE - 1 && strncasecmp(type, MEDIA_TYPE, length) == 0;
}

/* What the names and values are to us, they must be to the back end: that may read them in the charset. */
static int has_foreign_charset(const char *type)
{
    const char *charset = ap_strcasestr(type, "charset");

    for (; charset != NULL; charset = ap_strcasestr(charset, "charset")) {
        charset += sizeof "charset" - 1;
        charset += strspn(charset, "= \t\"'");
        if (strncasecmp(charset, "utf-8", 5) != 0 || apr_isalnum(charset[5]) || charset[5] == '-') {
            return 1;
        }
    }
    return 0;
}

static const char *encoding_of(const request_rec *r)
{
    const char *encoding = apr_table_get(r->headers_in, "Content-Encoding");

    return encoding != NULL && strcasecmp(encoding, "identity") != 0 ? encoding : NULL;
}

/* Appends what the brigade holds to the form; *end: the body has come to its end. */
static apr_status_t take(mto_form_t *form, char *room, apr_bucket_brigade *brigade, int *end)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char  *data;
        apr_size_t   length;
        apr_status_t status;

        if (APR_BUCKET_IS_EOS(bucket)) {
            *end = 1;
            return APR_SUCCESS;
        }
        if (APR_BUCKET_IS_METADATA(bucket)) {
            continue;
        }
        status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
        if (status != APR_SUCCESS) {
            return status;
        }
        if (length > MTO_FORM_SIZE - form->length) {
            return APR_ENOSPC;
        }
        memcpy(room + form->length, data, length);
        form->length += length;
    }
    return APR_SUCCESS;
}

/* Reads the whole body. APR_ENOSPC: it is too large. */
static apr_status_t read_body(mto_form_t *form, request_rec *r)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    char               *room = apr_palloc(r->pool, MTO_FORM_SIZE);
    apr_table_t        *before = r->headers_in;
    apr_status_t        status = APR_SUCCESS;
    int                 end = 0;

    form->text = room;
    while (status == APR_SUCCESS && !end) {
        status = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ, HUGE_STRING_LEN);
        if (status == APR_SUCCESS && APR_BRIGADE_EMPTY(brigade)) {
            status = APR_EOF;
        }
        if (status == APR_SUCCESS) {
            status = take(form, room, brigade, &end);
        }
        apr_brigade_cleanup(brigade);
    }
    apr_brigade_destroy(brigade);
    mto_trailers_sift(r, before);
    return status;
}

static mto_refusal_t too_large(mto_verdict_t *verdict)
{
    return mto_verdict_refuse(verdict, MTO_FORM_TOO_LARGE, "the body is larger than %d bytes", MTO_FORM_SIZE);
}

static mto_refusal_t check_type(const request_rec *r, mto_verdict_t *verdict)
{
    if (!is_form(r)) {
        return mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "Content-Type is not " MEDIA_TYPE);
    }
    if (has_foreign_charset(apr_table_get(r->headers_in, "Content-Type"))) {
        return mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "a charset other than UTF-8");
    }
    return encoding_of(r) == NULL ? MTO_ADMITTED
                                  : mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "the body has a Content-Encoding");
}

mto_refusal_t mto_form_read(const mto_form_t **form, request_rec *r, int *status, mto_verdict_t *verdict)
{
    const char  *announced = apr_table_get(r->headers_in, "Content-Length");
    mto_form_t  *read;
    apr_status_t got;

    *status = OK;
    *form = form_of(r);
    if (*form != NULL || r->main != NULL) {
        static const mto_form_t none = {"", 0};

        *form = *form != NULL ? *form : &none;
        mto_form_replay(r);
        return MTO_ADMITTED;
    }
    if (announced != NULL && apr_atoi64(announced) > MTO_FORM_SIZE) {
        return too_large(verdict);
    }
    read = apr_pcalloc(r->pool, sizeof *read);
    got = read_body(read, r);
    if (got == APR_ENOSPC) {
        return too_large(verdict);
    }
    if (got != APR_SUCCESS) {
        *status = ap_map_http_request_error(got, HTTP_BAD_REQUEST);
        return mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "the body did not come whole");
    }
    (void)apr_pool_userdata_setn(read, FORM_KEY, NULL, r->pool);
    *form = read;
    add_player(r, read);
    return read->length > 0 ? check_type(r, verdict) : MTO_ADMITTED;
}
