/* The panels of the status page. */
#include "httpd/status_page.h"
#include "httpd/times.h"

#include <apr_strings.h>
#include <http_protocol.h>

/* Rows of lists that others can make long. */
#define KEYS_SHOWN    50
#define CLIENTS_SHOWN 20

/* "5 min ago", "in 5 min", "never". */
static const char *when(request_rec *r, apr_time_t now, apr_time_t time)
{
    return time <= 0 ? "never" : mto_ago_text(r->pool, now, time);
}

static void pair(request_rec *r, const char *term, const char *value)
{
    ap_rvputs(r, "<div><dt>", term, "</dt><dd>", value, "</dd></div>\n", NULL);
}

/* What an issuer is called: its ISS and NAME. */
static const char *title_of(request_rec *r, const mto_view_row_t *row)
{
    return apr_pstrcat(r->pool, mto_status_text(r, row->issuer), *row->name != '\0' ? " <span class=\"dim\">" : "",
                       mto_status_text(r, row->name), *row->name != '\0' ? "</span>" : "", NULL);
}

/* --- Issuers ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *kind, *text;
} healths[] = {
    [MTO_HEALTH_GOOD] = {"good", "keys in order"},
    [MTO_HEALTH_WAITING] = {"warn", "no keys yet"},
    [MTO_HEALTH_FAILING] = {"warn", "keys cannot be renewed"},
    [MTO_HEALTH_DEAD] = {"bad", "no keys: every token is refused"},
};

static void print_keys(request_rec *r, const mto_view_row_t *row, size_t number)
{
    size_t count = row->keys.keys != NULL ? mto_keyset_count(row->keys.keys) : 0, i;

    ap_rprintf(r, "<details id=\"keys%" APR_SIZE_T_FMT "\"><summary>%" APR_SIZE_T_FMT " key%s</summary>\n", number,
               (apr_size_t)count, count == 1 ? "" : "s");
    if (count > 0) {
        ap_rputs("<table><tr><th>kid</th><th>alg</th></tr>\n", r);
    }
    for (i = 0; i < count && i < KEYS_SHOWN; i++) {
        const mto_key_t *key = mto_keyset_at(row->keys.keys, i);

        ap_rvputs(r, "<tr><td class=\"mono\">",
                  key->kid != NULL ? mto_status_text(r, key->kid) : "<span class=\"dim\">none</span>", "</td><td>",
                  key->algorithm != NULL ? key->algorithm->name : "any that fits", "</td></tr>\n", NULL);
    }
    ap_rputs(count > 0 ? "</table>\n" : "", r);
    if (count > KEYS_SHOWN) {
        ap_rprintf(r, "<p class=\"dim\">and %" APR_SIZE_T_FMT " more</p>\n", (apr_size_t)(count - KEYS_SHOWN));
    }
    ap_rputs("</details>\n", r);
}

static void print_source(request_rec *r, const mto_view_t *view, const mto_view_row_t *row)
{
    const mto_keys_report_t *keys = &row->keys;

    if (keys->is_local) {
        pair(r, "Key files changed", when(r, view->now, row->keys_modified));
    }
    else {
        pair(r, "Keys fetched", when(r, view->now, keys->fetched));
        if (row->keys_end > 0) {
            pair(r, row->keys_end > view->now ? "Good until" : "Used no more", when(r, view->now, row->keys_end));
        }
        pair(r, "Next fetch",
             keys->is_fetching                 ? "under way"
             : keys->next_attempt <= view->now ? "due"
                                               : when(r, view->now, keys->next_attempt));
        pair(r, "Fetches",
             apr_psprintf(r->pool, "%" APR_UINT64_T_FMT " ok, %" APR_UINT64_T_FMT " failed", keys->went_well,
                          keys->went_wrong));
    }
}

static void print_issuer(request_rec *r, const mto_view_t *view, const mto_view_row_t *row, size_t number)
{
    const mto_view_numbers_t *numbers = &row->numbers;
    const mto_settings_t     *settings = &row->counted->issuer->policy.settings;

    ap_rprintf(r, "<div class=\"card\"><div class=\"head\"><h3>%s</h3><span class=\"badge %s\">%s</span></div>\n",
               title_of(r, row), healths[row->health].kind, healths[row->health].text);
    ap_rprintf(r, "<p class=\"dim\">%s</p>\n<dl>\n", mto_status_text(r, row->counted->server));
    pair(r, "Admitted", mto_status_count(r, numbers->admitted));
    pair(r, "Bound / not",
         apr_pstrcat(r->pool, mto_status_count(r, mto_view_bound(numbers)), " / ",
                     mto_status_count(r, mto_view_unbound(numbers)), NULL));
    pair(r, "Refused", mto_status_count(r, numbers->refused));
    pair(r, "Mutual TLS", mto_word_of(mto_mutual_tls_words, settings->use_mutual_tls));
    print_source(r, view, row);
    if (numbers->asking.count > 0) {
        pair(r, "Asked about tokens",
             apr_pstrcat(r->pool, mto_status_count(r, numbers->asked[MTO_ASKED_PROVEN]), " active, ",
                         mto_status_count(r, numbers->asked[MTO_ASKED_REFUSED]), " refused, ",
                         mto_status_count(r, numbers->asked[MTO_ASKED_UNAVAILABLE]), " no answer", NULL));
    }
    ap_rputs("</dl>\n", r);
    if (row->keys.error[0] != '\0') {
        ap_rvputs(r, "<p class=\"note ", row->health == MTO_HEALTH_GOOD ? "" : healths[row->health].kind,
                  "\">Last error, ", when(r, view->now, row->keys.went_wrong_at), ": ",
                  mto_status_text(r, row->keys.error), "</p>\n", NULL);
    }
    print_keys(r, row, number);
    mto_status_curve(r, &row->curve, 0);
    ap_rputs("</div>\n", r);
}

/* What has no issuer: a line each. */
static void print_rest(request_rec *r, const mto_view_t *view)
{
    static const char *const names[] = {
        [MTO_COUNTED_SERVER] = "no token, or of no known issuer",
        [MTO_COUNTED_CLIENTS] = "OAuth clients, by certificate",
        [MTO_COUNTED_OTHERS] = "more issuers than are counted apart",
    };
    int    any = 0;
    size_t i;

    for (i = 0; i < view->row_count; i++) {
        const mto_view_row_t *row = &view->rows[i];

        if (row->counted->kind == MTO_COUNTED_ISSUER || row->numbers.admitted + row->numbers.refused == 0) {
            continue;
        }
        ap_rputs(any++ ? ""
                       : "<div class=\"card\"><table><tr><th>Beside these</th><th class=\"n\">Admitted"
                         "</th><th class=\"n\">Refused</th></tr>\n",
                 r);
        ap_rvputs(r, "<tr><td>", names[row->counted->kind], "<br><span class=\"dim\">",
                  mto_status_text(r, row->counted->server), "</span></td><td class=\"n\">",
                  mto_status_count(r, row->numbers.admitted), "</td><td class=\"n\">",
                  mto_status_count(r, row->numbers.refused), "</td></tr>\n", NULL);
    }
    ap_rputs(any ? "</table></div>\n" : "", r);
}

void mto_status_issuers(request_rec *r, const mto_view_t *view)
{
    size_t i;

    ap_rputs("<h2>Issuers</h2>\n<div class=\"two\">\n", r);
    for (i = 0; i < view->row_count; i++) {
        if (view->rows[i].counted->kind == MTO_COUNTED_ISSUER) {
            print_issuer(r, view, &view->rows[i], i);
        }
    }
    ap_rputs("</div>\n<div class=\"stack\">", r);
    print_rest(r, view);
    ap_rputs("</div>\n", r);
}

/* --- Ready for required? ------------------------------------------------------------------------------------------ */

static const struct {
    const char *kind, *badge, *text;
} readies[] = {
    [MTO_READY_IN_FORCE] = {"good", "in force", "Every token of this issuer must be bound."},
    [MTO_READY_NOT_ASKED] = {"none", "not known",
                             "Add <code>MTLSOAuthReportMutualTLS required</code> to the block: it refuses nobody, and "
                             "tells here whom <code>required</code> would."},
    [MTO_READY_NOT_SEEN] = {"none", "nothing seen yet", "No request has been admitted since reports are made."},
    [MTO_READY_NO] = {"bad", "not yet", "Requests of these clients would be refused:"},
    [MTO_READY_AS_FAR_AS_SEEN] = {"good", "ready, as far as seen",
                                  "All that was admitted would have been admitted under "
                                  "<code>MTLSOAuthUseMutualTLS required</code>. When every client has been here, say "
                                  "so."},
};

static void print_clients(request_rec *r, const mto_view_row_t *row)
{
    size_t i;

    ap_rputs("<table><tr><th>client_id</th><th class=\"w\"></th><th class=\"n\">Requests</th></tr>\n", r);
    for (i = 0; i < row->client_count && i < CLIENTS_SHOWN; i++) {
        const mto_ranked_t *client = &row->clients[i];

        ap_rvputs(r, "<tr><td class=\"mono\">",
                  client->name[0] != '\0' ? mto_status_text(r, client->name) : "<span class=\"dim\">none</span>",
                  "</td><td class=\"w\">", NULL);
        mto_status_bar(r, client->count, row->numbers.reported, "no");
        ap_rvputs(r, "</td><td class=\"n\">", client->inherited > 0 ? "at most " : "",
                  mto_status_count(r, client->count), "</td></tr>\n", NULL);
    }
    ap_rputs("</table>\n", r);
    if (row->client_count > CLIENTS_SHOWN) {
        ap_rprintf(r, "<p class=\"dim\">and %s%" APR_SIZE_T_FMT " more</p>\n",
                   row->client_count == MTO_RANKING_ENTRIES ? "at least " : "",
                   (apr_size_t)(row->client_count - CLIENTS_SHOWN));
    }
}

static void print_reasons(request_rec *r, const mto_view_row_t *row)
{
    int i, any = 0;

    ap_rputs("<p class=\"dim\">", r);
    for (i = 1; i < MTO_REFUSAL_COUNT; i++) {
        if (row->numbers.by_reported[i] > 0) {
            ap_rvputs(r, any++ ? ", " : "", mto_refusal_row((mto_refusal_t)i)->code, " ",
                      mto_status_count(r, row->numbers.by_reported[i]), NULL);
        }
    }
    ap_rputs("</p>\n", r);
}

void mto_status_readiness(request_rec *r, const mto_view_t *view)
{
    size_t i;

    ap_rputs("<h2>Ready for <code>required</code>?</h2>\n<div class=\"two\">\n", r);
    for (i = 0; i < view->row_count; i++) {
        const mto_view_row_t *row = &view->rows[i];

        if (row->counted->kind != MTO_COUNTED_ISSUER) {
            continue;
        }
        ap_rvputs(r, "<div class=\"card\"><div class=\"head\"><h3>", title_of(r, row), "</h3><span class=\"badge ",
                  readies[row->ready].kind, "\">", readies[row->ready].badge, "</span></div>\n<p>", NULL);
        if (row->ready == MTO_READY_NO || row->ready == MTO_READY_AS_FAR_AS_SEEN) {
            ap_rvputs(r, mto_status_count(r, row->numbers.reported), " of ", mto_status_count(r, row->observed),
                      " admitted requests in ", mto_interval_text(r->pool, view->now - row->observed_since),
                      " would have been refused. ", NULL);
        }
        ap_rvputs(r, readies[row->ready].text, "</p>\n", NULL);
        if (row->ready == MTO_READY_NO) {
            print_reasons(r, row);
            print_clients(r, row);
        }
        ap_rputs("</div>\n", r);
    }
    ap_rputs("</div>\n", r);
}

/* --- Refusals ----------------------------------------------------------------------------------------------------- */

/* Refusals in the order of how often they came: fills order and returns how many there are. */
static int sort_refusals(const uint64_t *numbers, int order[MTO_REFUSAL_COUNT])
{
    int count = 0, i, j;

    for (i = 1; i < MTO_REFUSAL_COUNT; i++) {
        if (numbers[i] == 0) {
            continue;
        }
        for (j = count++; j > 0 && numbers[order[j - 1]] < numbers[i]; j--) {
            order[j] = order[j - 1];
        }
        order[j] = i;
    }
    return count;
}

void mto_status_refusals(request_rec *r, const mto_view_t *view)
{
    uint64_t numbers[MTO_COUNTER_CODES] = {0}, all = 0;
    int      order[MTO_REFUSAL_COUNT], count, i;
    size_t   j;

    for (j = 0; j < view->row_count; j++) {
        for (i = 0; i < MTO_REFUSAL_COUNT; i++) {
            numbers[i] += view->rows[j].numbers.by_refusal[i];
            all += view->rows[j].numbers.by_refusal[i];
        }
    }
    count = sort_refusals(numbers, order);
    ap_rputs("<h2>Refusals by cause</h2>\n<div class=\"card\">\n", r);
    if (count == 0) {
        ap_rputs("<p class=\"dim\">Nobody has been refused.</p></div>\n", r);
        return;
    }
    ap_rputs("<table><tr><th>Code, and what to do</th><th class=\"w\"></th><th class=\"n\">Requests</th></tr>\n", r);
    for (i = 0; i < count; i++) {
        const mto_refusal_row_t *row = mto_refusal_row((mto_refusal_t)order[i]);

        ap_rprintf(r,
                   "<tr><td><details id=\"code-%s\"><summary><code>%s</code> <span class=\"dim\">%d</span></summary>\n",
                   row->code, row->code, row->status);
        ap_rvputs(r, "<p>", mto_status_text(r, row->cause), "</p>\n<p><b>Remedy:</b> ", mto_status_text(r, row->remedy),
                  "</p>\n<p class=\"dim\">docs/refusals.md#", row->code, "</p></details></td><td class=\"w\">", NULL);
        mto_status_bar(r, numbers[order[i]], all, "no");
        ap_rvputs(r, "</td><td class=\"n\">", mto_status_count(r, numbers[order[i]]), "</td></tr>\n", NULL);
    }
    ap_rputs("</table></div>\n", r);
}

/* --- Caches and times --------------------------------------------------------------------------------------------- */

static const char *bound_of(request_rec *r, size_t bucket)
{
    uint32_t    bound = mto_time_bounds[bucket < MTO_TIME_BOUNDS ? bucket : MTO_TIME_BOUNDS - 1];
    const char *text = bound >= 1000000 ? apr_psprintf(r->pool, "%u s", (unsigned)(bound / 1000000))
                       : bound >= 1000  ? apr_psprintf(r->pool, "%u ms", (unsigned)(bound / 1000))
                                        : apr_psprintf(r->pool, "%u \xc2\xb5s", (unsigned)bound);

    return apr_pstrcat(r->pool, bucket < MTO_TIME_BOUNDS ? "up to " : "over ", text, NULL);
}

static void print_times(request_rec *r, const char *title, const mto_view_times_t *times)
{
    size_t i;

    ap_rvputs(r, "<div class=\"card\"><h3>", title, "</h3>\n", NULL);
    if (times->count == 0) {
        ap_rputs("<p class=\"dim\">None yet.</p></div>\n", r);
        return;
    }
    ap_rprintf(r, "<p class=\"dim\">%s, %" APR_UINT64_T_FMT " \xc2\xb5s on average</p>\n<table>\n",
               mto_status_count(r, times->count), times->microseconds / times->count);
    for (i = 0; i < MTO_TIME_BUCKETS; i++) {
        if (times->buckets[i] == 0) {
            continue;
        }
        ap_rvputs(r, "<tr><td>", bound_of(r, i), "</td><td class=\"w\">", NULL);
        mto_status_bar(r, times->buckets[i], times->count, "yes");
        ap_rvputs(r, "</td><td class=\"n\">", mto_status_count(r, times->buckets[i]), "</td></tr>\n", NULL);
    }
    ap_rputs("</table></div>\n", r);
}

void mto_status_costs(request_rec *r, const mto_view_t *view)
{
    const mto_cache_sums_t *caches = &view->caches;
    uint64_t                asked = caches->hits + caches->misses;

    ap_rputs("<h2>Caches and time</h2>\n<div class=\"two\">\n<div class=\"card\"><h3>Token cache</h3>\n<dl>\n", r);
    pair(r, "Found", asked > 0 ? mto_status_share(r, caches->hits, asked) : "\xe2\x80\x93");
    pair(r, "Hits", mto_status_count(r, caches->hits));
    pair(r, "Misses", mto_status_count(r, caches->misses));
    pair(r, "Gave way", mto_status_count(r, caches->evictions));
    pair(r, "Tokens held",
         apr_pstrcat(r->pool, mto_status_count(r, caches->entries), " of ", mto_status_count(r, caches->capacity),
                     NULL));
    pair(r, "Memory", apr_psprintf(r->pool, "%" APR_UINT64_T_FMT " KiB", caches->bytes / 1024));
    ap_rputs("</dl>\n", r);
    mto_status_bar(r, caches->entries, caches->capacity, "yes");
    ap_rputs("</div>\n", r);
    print_times(r, "Proving tokens not seen before", &view->all.proving);
    if (view->all.asking.count > 0) {
        print_times(r, "Answers of issuers about tokens", &view->all.asking);
    }
    ap_rputs("</div>\n", r);
}
