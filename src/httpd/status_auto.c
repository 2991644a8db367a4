/* ?auto: one "Key: value" a line, for scripts. Keys are ours alone; what others wrote stands behind the colon. */
#include "core/escape.h"
#include "httpd/status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#define PREFIX "MTLSOAuth"

static void line(request_rec *r, const char *row, const char *key, uint64_t value)
{
    ap_rprintf(r, PREFIX "%s%s: %" APR_UINT64_T_FMT "\n", row, key, value);
}

static void text_line(request_rec *r, const char *row, const char *key, const char *value)
{
    ap_rprintf(r, PREFIX "%s%s: %s\n", row, key, mto_escape(r->pool, MTO_ESCAPE_PLAIN, value));
}

static void codes(request_rec *r, const char *row, const char *key, const uint64_t *numbers)
{
    int i;

    for (i = 1; i < MTO_REFUSAL_COUNT; i++) {
        if (numbers[i] > 0) {
            ap_rprintf(r, PREFIX "%s%s_%s: %" APR_UINT64_T_FMT "\n", row, key, mto_refusal_row((mto_refusal_t)i)->code,
                       numbers[i]);
        }
    }
}

static void print_issuer(request_rec *r, const mto_view_t *view, const mto_view_row_t *row, const char *prefix)
{
    apr_time_t since = row->keys.is_local ? row->keys_modified : row->keys.fetched;
    size_t     i;

    text_line(r, prefix, "Issuer", row->issuer);
    text_line(r, prefix, "Name", row->name);
    text_line(r, prefix, "Health", mto_health_word(row->health));
    line(r, prefix, "Keys", row->keys.keys != NULL ? mto_keyset_count(row->keys.keys) : 0);
    if (since > 0 && since <= view->now) {
        line(r, prefix, "KeysAgeSeconds", (uint64_t)apr_time_sec(view->now - since));
    }
    line(r, prefix, "KeyFetchesOk", row->keys.went_well);
    line(r, prefix, "KeyFetchesFailed", row->keys.went_wrong);
    if (row->keys.error[0] != '\0') {
        text_line(r, prefix, "KeysLastError", row->keys.error);
    }
    for (i = 0; i < MTO_ASKED_OUTCOMES; i++) {
        if (row->numbers.asked[i] > 0) {
            ap_rprintf(r, PREFIX "%sIntrospections_%s: %" APR_UINT64_T_FMT "\n", prefix, mto_asked_word((mto_asked_t)i),
                       row->numbers.asked[i]);
        }
    }
    text_line(r, prefix, "ReadyForRequired", mto_ready_word(row->ready));
    line(r, prefix, "Observed", row->observed);
    for (i = 0; i < row->client_count; i++) {
        ap_rprintf(r, PREFIX "%sReportedClient: %" APR_UINT64_T_FMT " %s\n", prefix, row->clients[i].count,
                   mto_escape(r->pool, MTO_ESCAPE_PLAIN, row->clients[i].name));
    }
}

static void print_row(request_rec *r, const mto_view_t *view, size_t number)
{
    static const char *const kinds[] = {"issuer", "server", "clients", "others"};
    const mto_view_row_t    *row = &view->rows[number];
    const char              *prefix = apr_psprintf(r->pool, "Slot%" APR_SIZE_T_FMT "_", (apr_size_t)number);

    text_line(r, prefix, "Kind", kinds[row->counted->kind]);
    text_line(r, prefix, "Server", row->counted->server);
    if (row->counted->kind == MTO_COUNTED_ISSUER) {
        print_issuer(r, view, row, prefix);
    }
    line(r, prefix, "Admitted", row->numbers.admitted);
    line(r, prefix, "AdmittedBound", mto_view_bound(&row->numbers));
    line(r, prefix, "Refused", row->numbers.refused);
    codes(r, prefix, "Refused", row->numbers.by_refusal);
    line(r, prefix, "Reported", row->numbers.reported);
    codes(r, prefix, "Reported", row->numbers.by_reported);
}

void mto_status_auto(request_rec *r, const mto_view_t *view, int full)
{
    const mto_view_scalar_t *scalar;
    size_t                   i;

    text_line(r, "", "Version", MTO_VERSION);
    for (scalar = mto_view_scalars; scalar->in_auto != NULL; scalar++) {
        line(r, "", scalar->in_auto, scalar->read(view));
    }
    codes(r, "", "Refused", view->all.by_refusal);
    for (i = 0; full && i < view->row_count; i++) {
        print_row(r, view, i);
    }
}
