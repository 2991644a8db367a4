#include "httpd/metrics.h"

#include "core/escape.h"
#include "httpd/status.h"
#include "httpd/view.h"

#include <apr_strings.h>
#include <http_protocol.h>

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What a family prints its samples with. */
typedef struct {
    request_rec          *r;
    const mto_view_t     *view;
    const mto_view_row_t *row;    /* of a family that has samples for each row; else NULL */
    const char           *name;   /* of the family */
    const char           *labels; /* of the row: server="…",issuer="…",name="…"; "" without one */
} output_t;

/* Which rows a family has samples of. ISSUED: issuers, and those that are counted together. */
typedef enum { ONCE, TOKENS, ISSUED, ISSUERS, CLIENTS } scope_t;

/* One metric. */
typedef struct {
    const char *name, *type, *help;
    scope_t     scope;
    void (*print)(const output_t *out);
} family_t;

/* --- Samples ------------------------------------------------------------------------------------------------------ */

/* One sample; more: labels beside the row's, NULL: none. */
static void sample(const output_t *out, const char *suffix, const char *more, const char *value)
{
    int has_row = *out->labels != '\0';

    ap_rvputs(out->r, out->name, suffix, NULL);
    if (has_row || more != NULL) {
        ap_rvputs(out->r, "{", out->labels, has_row && more != NULL ? "," : "", more != NULL ? more : "", "}", NULL);
    }
    ap_rvputs(out->r, " ", value, "\n", NULL);
}

static void number(const output_t *out, const char *more, uint64_t value)
{
    sample(out, "", more, apr_psprintf(out->r->pool, "%" APR_UINT64_T_FMT, value));
}

static const char *seconds(const output_t *out, uint64_t microseconds)
{
    return apr_psprintf(out->r->pool, "%" APR_UINT64_T_FMT ".%06u", microseconds / 1000000,
                        (unsigned)(microseconds % 1000000));
}

static void time_of(const output_t *out, apr_time_t time)
{
    if (time > 0) { /* what never happened has no time */
        sample(out, "", NULL, seconds(out, (uint64_t)time));
    }
}

static void histogram(const output_t *out, const mto_view_times_t *times)
{
    uint64_t below = 0;
    size_t   i;

    for (i = 0; i < MTO_TIME_BUCKETS; i++) {
        const char *bound = i < MTO_TIME_BOUNDS ? seconds(out, mto_time_bounds[i]) : "+Inf";

        below += times->buckets[i];
        sample(out, "_bucket", apr_pstrcat(out->r->pool, "le=\"", bound, "\"", NULL),
               apr_psprintf(out->r->pool, "%" APR_UINT64_T_FMT, below));
    }
    sample(out, "_sum", NULL, seconds(out, times->microseconds));
    sample(out, "_count", NULL, apr_psprintf(out->r->pool, "%" APR_UINT64_T_FMT, below));
}

/* Samples for those codes that have been seen. */
static void codes(const output_t *out, const uint64_t *numbers)
{
    int i;

    for (i = 1; i < MTO_REFUSAL_COUNT; i++) {
        if (numbers[i] > 0) {
            number(out, apr_pstrcat(out->r->pool, "code=\"", mto_refusal_row((mto_refusal_t)i)->code, "\"", NULL),
                   numbers[i]);
        }
    }
}

/* --- Families ----------------------------------------------------------------------------------------------------- */

static void print_admitted(const output_t *out)
{
    int i;

    for (i = MTO_BINDING_NONE + 1; i < MTO_COUNTER_BINDINGS; i++) {
        const char *word = i <= MTO_BINDING_UNCHECKED ? mto_binding_word((mto_binding_t)i) : NULL;

        if (word != NULL) {
            number(out, apr_pstrcat(out->r->pool, "binding=\"", word, "\"", NULL), out->row->numbers.by_binding[i]);
        }
    }
}

static void print_refused(const output_t *out)
{
    codes(out, out->row->numbers.by_refusal);
}

static void print_reported(const output_t *out)
{
    codes(out, out->row->numbers.by_reported);
}

static void print_observed(const output_t *out)
{
    number(out, NULL, out->row->observed);
}

static void print_proving(const output_t *out)
{
    histogram(out, &out->row->numbers.proving);
}

static void print_asking(const output_t *out)
{
    if (out->row->numbers.asking.count > 0) {
        histogram(out, &out->row->numbers.asking);
    }
}

static void print_asked(const output_t *out)
{
    int i;

    for (i = 0; i < MTO_ASKED_OUTCOMES; i++) {
        number(out, apr_pstrcat(out->r->pool, "outcome=\"", mto_asked_word((mto_asked_t)i), "\"", NULL),
               out->row->numbers.asked[i]);
    }
}

static void print_fetches(const output_t *out)
{
    number(out, "outcome=\"ok\"", out->row->keys.went_well);
    number(out, "outcome=\"failed\"", out->row->keys.went_wrong);
}

static void print_keys(const output_t *out)
{
    number(out, NULL, out->row->keys.keys != NULL ? mto_keyset_count(out->row->keys.keys) : 0);
}

static void print_failures(const output_t *out)
{
    number(out, NULL, out->row->keys.failures);
}

static void print_fetched(const output_t *out)
{
    time_of(out, out->row->keys.fetched);
}

static void print_next(const output_t *out)
{
    if (!out->row->keys.is_local) {
        time_of(out, out->row->keys.next_attempt);
    }
}

static void print_modified(const output_t *out)
{
    time_of(out, out->row->keys_modified);
}

static void print_end(const output_t *out)
{
    time_of(out, out->row->keys_end);
}

static void print_clients_admitted(const output_t *out)
{
    number(out, NULL, out->row->numbers.admitted);
}

static void print_hits(const output_t *out)
{
    number(out, NULL, out->view->caches.hits);
}

static void print_misses(const output_t *out)
{
    number(out, NULL, out->view->caches.misses);
}

static void print_evictions(const output_t *out)
{
    number(out, NULL, out->view->caches.evictions);
}

static void print_entries(const output_t *out)
{
    number(out, NULL, out->view->caches.entries);
}

static void print_capacity(const output_t *out)
{
    number(out, NULL, out->view->caches.capacity);
}

static void print_bytes(const output_t *out)
{
    number(out, NULL, out->view->caches.bytes);
}

static void print_processes(const output_t *out)
{
    number(out, NULL, out->view->processes);
}

static void print_shared(const output_t *out)
{
    number(out, NULL, (uint64_t)(out->view->is_shared != 0));
}

static void print_started(const output_t *out)
{
    time_of(out, out->view->started);
}

static void print_build(const output_t *out)
{
    number(out, "version=\"" MTO_VERSION "\"", 1);
}

/* Names and units as https://prometheus.io/docs/practices/naming/ has them. */
static const family_t families[] = {
    {"mtls_oauth_requests_admitted_total", "counter", "Requests admitted, by how their token is bound.", ISSUED,
     print_admitted},
    {"mtls_oauth_requests_refused_total", "counter", "Requests refused, by code (docs/refusals.md).", TOKENS,
     print_refused},
    {"mtls_oauth_requests_reported_total", "counter",
     "Requests admitted that the policy of MTLSOAuthReportMutualTLS would have refused, by code.", ISSUED,
     print_reported},
    {"mtls_oauth_requests_observed_total", "counter",
     "Requests admitted while the policy of MTLSOAuthReportMutualTLS was decided as well.", ISSUED, print_observed},
    {"mtls_oauth_token_proof_seconds", "histogram", "Time to prove a token not seen before, waiting for keys included.",
     ISSUED, print_proving},
    {"mtls_oauth_introspections_total", "counter", "Proofs by the issuer's answer, by outcome.", ISSUED, print_asked},
    {"mtls_oauth_introspection_seconds", "histogram", "Time until the issuer's answer, shared cache included.", ISSUED,
     print_asking},
    {"mtls_oauth_key_fetches_total", "counter", "Attempts to fetch the issuer's keys, by outcome.", ISSUERS,
     print_fetches},
    {"mtls_oauth_keys", "gauge", "Keys of the issuer in force.", ISSUERS, print_keys},
    {"mtls_oauth_key_fetch_failures", "gauge", "Attempts to fetch keys that failed since the last that did not.",
     ISSUERS, print_failures},
    {"mtls_oauth_keys_fetched_timestamp_seconds", "gauge", "When the keys in force were fetched.", ISSUERS,
     print_fetched},
    {"mtls_oauth_keys_next_fetch_timestamp_seconds", "gauge", "When keys are fetched next.", ISSUERS, print_next},
    {"mtls_oauth_keys_end_timestamp_seconds", "gauge", "When fetched keys are used no more unless others are fetched.",
     ISSUERS, print_end},
    {"mtls_oauth_key_files_modified_timestamp_seconds", "gauge", "When the files were that keys are read from.",
     ISSUERS, print_modified},
    {"mtls_oauth_clients_admitted_total", "counter", "OAuth clients authenticated by certificate.", CLIENTS,
     print_clients_admitted},
    {"mtls_oauth_clients_refused_total", "counter", "OAuth clients refused, by code (docs/refusals.md).", CLIENTS,
     print_refused},
    {"mtls_oauth_token_cache_hits_total", "counter", "Tokens found among those proven before.", ONCE, print_hits},
    {"mtls_oauth_token_cache_misses_total", "counter", "Tokens not found there.", ONCE, print_misses},
    {"mtls_oauth_token_cache_evictions_total", "counter", "Proven tokens that gave way to others.", ONCE,
     print_evictions},
    {"mtls_oauth_token_cache_entries", "gauge", "Proven tokens remembered, in all processes.", ONCE, print_entries},
    {"mtls_oauth_token_cache_capacity", "gauge", "Proven tokens that could be.", ONCE, print_capacity},
    {"mtls_oauth_token_cache_bytes", "gauge", "Bytes that they take.", ONCE, print_bytes},
    {"mtls_oauth_processes", "gauge", "Processes of httpd that told of themselves lately.", ONCE, print_processes},
    {"mtls_oauth_counters_shared", "gauge", "1: these numbers are of all processes; 0: of the one that answers.", ONCE,
     print_shared},
    {"mtls_oauth_start_time_seconds", "gauge", "When counting began.", ONCE, print_started},
    {"mtls_oauth_build_info", "gauge", "The module's version.", ONCE, print_build},
};

/* --- The answer --------------------------------------------------------------------------------------------------- */

static int is_in(const mto_view_row_t *row, scope_t scope)
{
    mto_counted_kind_t kind = row->counted->kind;

    return scope == CLIENTS   ? kind == MTO_COUNTED_CLIENTS
           : scope == ISSUED  ? kind == MTO_COUNTED_ISSUER || kind == MTO_COUNTED_OTHERS
           : scope == ISSUERS ? kind == MTO_COUNTED_ISSUER
                              : kind != MTO_COUNTED_CLIENTS;
}

static const char *labels_of(apr_pool_t *pool, const mto_view_row_t *row, scope_t scope)
{
    const char *server =
        apr_pstrcat(pool, "server=\"", mto_escape(pool, MTO_ESCAPE_LABEL, row->counted->server), "\"", NULL);

    return scope == CLIENTS ? server
                            : apr_pstrcat(pool, server, ",issuer=\"", mto_escape(pool, MTO_ESCAPE_LABEL, row->issuer),
                                          "\",name=\"", mto_escape(pool, MTO_ESCAPE_LABEL, row->name), "\"", NULL);
}

static void print_family(request_rec *r, const mto_view_t *view, const family_t *family)
{
    output_t out = {r, view, NULL, family->name, ""};
    size_t   i;

    ap_rvputs(r, "# HELP ", family->name, " ", family->help, "\n# TYPE ", family->name, " ", family->type, "\n", NULL);
    if (family->scope == ONCE) {
        family->print(&out);
        return;
    }
    for (i = 0; i < view->row_count; i++) {
        if (is_in(&view->rows[i], family->scope)) {
            out.row = &view->rows[i];
            out.labels = labels_of(r->pool, out.row, family->scope);
            family->print(&out);
        }
    }
}

int mto_metrics_handle(request_rec *r)
{
    const mto_view_t *view;
    size_t            i;
    int               status = mto_status_prepare(r, MTO_METRICS_HANDLER, CONTENT_TYPE, &view);

    if (status != OK || r->header_only) {
        return status;
    }
    for (i = 0; i < sizeof families / sizeof *families; i++) {
        print_family(r, view, &families[i]);
    }
    return OK;
}
