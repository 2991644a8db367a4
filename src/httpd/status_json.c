/* The status as one JSON document. */
#include "core/escape.h"
#include "httpd/status.h"

#include <http_protocol.h>
#include <jansson.h>
#include <stdlib.h>

static json_t *text(apr_pool_t *pool, const char *value)
{
    return json_string(mto_escape(pool, MTO_ESCAPE_PLAIN, value));
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Seconds since 1970, or null for what never happened. */
static json_t *moment(apr_time_t time)
{
    return time > 0 ? json_integer((json_int_t)apr_time_sec(time)) : json_null();
}

/* Those codes that have been seen. */
static json_t *codes(const uint64_t *numbers)
{
    json_t *object = json_object();
    int     i;

    for (i = 1; i < MTO_REFUSAL_COUNT; i++) {
        if (numbers[i] > 0) {
            (void)json_object_set_new(object, mto_refusal_row((mto_refusal_t)i)->code, number(numbers[i]));
        }
    }
    return object;
}

static json_t *bindings(const uint64_t *numbers)
{
    json_t *object = json_object();
    int     i;

    for (i = MTO_BINDING_NONE + 1; i <= MTO_BINDING_UNCHECKED; i++) {
        (void)json_object_set_new(object, mto_binding_word((mto_binding_t)i), number(numbers[i]));
    }
    return object;
}

/* Upper bound in microseconds, "inf" for the last, and how many took that long or less but more than the one before. */
static json_t *times(const mto_view_times_t *seen)
{
    json_t *buckets = json_array();
    size_t  i;

    for (i = 0; i < MTO_TIME_BUCKETS; i++) {
        json_t *bound = i < MTO_TIME_BOUNDS ? number(mto_time_bounds[i]) : json_string("inf");

        (void)json_array_append_new(buckets, json_pack("[o, o]", bound, number(seen->buckets[i])));
    }
    return json_pack("{s:o, s:o, s:o}", "count", number(seen->count), "microseconds", number(seen->microseconds),
                     "buckets", buckets);
}

static json_t *curve(const mto_view_curve_t *seen)
{
    json_t *moments = json_array();
    size_t  i;

    for (i = 0; i < seen->count; i++) {
        const mto_moment_t *at = &seen->moments[i];

        (void)json_array_append_new(
            moments, json_pack("[o, o, o]", moment(at->time), number(at->admitted), number(at->refused)));
    }
    return moments;
}

static json_t *keys(apr_pool_t *pool, const mto_view_row_t *row)
{
    const mto_keys_report_t *report = &row->keys;

    json_t *list = json_array();
    size_t  i, count = report->keys != NULL ? mto_keyset_count(report->keys) : 0;

    for (i = 0; i < count; i++) {
        const mto_key_t *key = mto_keyset_at(report->keys, i);

        (void)json_array_append_new(
            list, json_pack("{s:o, s:o}", "kid", key->kid != NULL ? text(pool, key->kid) : json_null(), "alg",
                            key->algorithm != NULL ? text(pool, key->algorithm->name) : json_null()));
    }
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "set", list, "from_files", report->is_local,
                     "files_changed", moment(row->keys_modified), "fetched", moment(report->fetched), "good_until",
                     moment(row->keys_end), "next_fetch", moment(report->is_local ? 0 : report->next_attempt),
                     "fetches_ok", number(report->went_well), "fetches_failed", number(report->went_wrong),
                     "last_failure", moment(report->went_wrong_at), "last_error",
                     report->error[0] != '\0' ? text(pool, report->error) : json_null());
}

static json_t *clients(apr_pool_t *pool, const mto_view_row_t *row)
{
    json_t *list = json_array();
    size_t  i;

    for (i = 0; i < row->client_count; i++) {
        (void)json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "client_id", text(pool, row->clients[i].name),
                                                    "count", number(row->clients[i].count), "at_least",
                                                    number(row->clients[i].count - row->clients[i].inherited)));
    }
    return list;
}

static void add_issuer(apr_pool_t *pool, json_t *object, const mto_view_row_t *row)
{
    const mto_settings_t *settings = &row->counted->issuer->policy.settings;
    json_t               *asked = json_object();
    int                   i;

    for (i = 0; i < MTO_ASKED_OUTCOMES; i++) {
        (void)json_object_set_new(asked, mto_asked_word((mto_asked_t)i), number(row->numbers.asked[i]));
    }
    (void)json_object_set_new(object, "issuer", text(pool, row->issuer));
    (void)json_object_set_new(object, "name", *row->name != '\0' ? text(pool, row->name) : json_null());
    (void)json_object_set_new(object, "use_mutual_tls",
                              text(pool, mto_word_of(mto_mutual_tls_words, settings->use_mutual_tls)));
    (void)json_object_set_new(object, "report_mutual_tls",
                              text(pool, mto_word_of(mto_report_mutual_tls_words, settings->report_mutual_tls)));
    (void)json_object_set_new(object, "health", text(pool, mto_health_word(row->health)));
    (void)json_object_set_new(object, "keys", keys(pool, row));
    (void)json_object_set_new(object, "proving", times(&row->numbers.proving));
    (void)json_object_set_new(object, "introspections", asked);
    (void)json_object_set_new(object, "required",
                              json_pack("{s:o, s:o, s:o, s:o}", "ready", text(pool, mto_ready_word(row->ready)),
                                        "observed", number(row->observed), "observed_since",
                                        moment(row->observed > 0 ? row->observed_since : 0), "clients",
                                        clients(pool, row)));
}

static json_t *row_of(apr_pool_t *pool, const mto_view_row_t *row)
{
    static const char *const  kinds[] = {"issuer", "server", "clients", "others"};
    const mto_view_numbers_t *numbers = &row->numbers;
    json_t                   *object =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind", kinds[row->counted->kind], "server",
                  text(pool, row->counted->server), "admitted", number(numbers->admitted), "refused",
                  codes(numbers->by_refusal), "reported", codes(numbers->by_reported), "history", curve(&row->curve));

    if (object != NULL && row->counted->kind == MTO_COUNTED_ISSUER) {
        (void)json_object_set_new(object, "bindings", bindings(numbers->by_binding));
        add_issuer(pool, object, row);
    }
    return object;
}

void mto_status_json(request_rec *r, const mto_view_t *view)
{
    const mto_view_scalar_t *scalar;
    json_t                  *document = json_object(), *rows = json_array();
    char                    *written;
    size_t                   i;

    (void)json_object_set_new(document, "version", json_string(MTO_VERSION));
    (void)json_object_set_new(document, "now", moment(view->now));
    (void)json_object_set_new(document, "started", moment(view->started));
    (void)json_object_set_new(document, "shared", json_boolean(view->is_shared));
    for (scalar = mto_view_scalars; scalar->in_json != NULL; scalar++) {
        (void)json_object_set_new(document, scalar->in_json, number(scalar->read(view)));
    }
    (void)json_object_set_new(document, "refusals", codes(view->all.by_refusal));
    (void)json_object_set_new(document, "history", curve(&view->curve));
    for (i = 0; i < view->row_count; i++) {
        (void)json_array_append_new(rows, row_of(r->pool, &view->rows[i]));
    }
    (void)json_object_set_new(document, "slots", rows);
    written = json_dumps(document, JSON_COMPACT);
    ap_rputs(written != NULL ? written : "{}", r);
    ap_rputs("\n", r);
    free(written);
    json_decref(document);
}
