#include "httpd/counting.h"

#include "core/token_cache.h"

#include <apr_shm.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_request.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* Under which the memory is found again after a restart, perhaps by another build of this module: whatever changes the
 * layout or the meaning of a number is in the name. */
#define COUNTERS_KEY "mod_auth_mtls_oauth counters 1 " MTO_VERSION

#define CACHE_LINE 64

/* Made by the parent, inherited by the children. */
static struct {
    mto_counters_t     *counters;
    apr_array_header_t *slots; /* mto_counted_t */
    int                 is_shared;
} prepared;

/* What this process has told of its caches; only the thread that tells. */
static mto_cache_sums_t told;

/* --- Memory ------------------------------------------------------------------------------------------------------- */

/* Memory of the process pool that is all zero and aligned. Pages that nobody counts in are never touched. */
static mto_counters_t *make_counters(server_rec *main_server, int *is_shared)
{
    apr_pool_t  *process = main_server->process->pool;
    apr_shm_t   *memory;
    apr_status_t status = apr_shm_create(&memory, sizeof(mto_counters_t) + CACHE_LINE, NULL, process);
    char        *base;

    *is_shared = status == APR_SUCCESS;
    if (*is_shared) {
        base = apr_shm_baseaddr_get(memory);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, main_server,
                     "no shared memory for counters: each process counts for itself");
        base = apr_pcalloc(process, sizeof(mto_counters_t) + CACHE_LINE);
    }
    return (mto_counters_t *)(void *)(base + (CACHE_LINE - (uintptr_t)base % CACHE_LINE) % CACHE_LINE);
}

static void find_counters(server_rec *main_server)
{
    apr_pool_t *process = main_server->process->pool;
    void       *known = NULL, *alone = NULL;

    (void)apr_pool_userdata_get(&known, COUNTERS_KEY, process);
    (void)apr_pool_userdata_get(&alone, COUNTERS_KEY " of one process", process);
    prepared.counters = known;
    prepared.is_shared = alone == NULL;
    if (known == NULL) {
        prepared.counters = make_counters(main_server, &prepared.is_shared);
        prepared.counters->started = apr_time_now();
        /* _set and not _setn: the key must outlive this object, which a restart may map elsewhere. */
        (void)apr_pool_userdata_set(prepared.counters, COUNTERS_KEY, NULL, process);
        if (!prepared.is_shared) {
            (void)apr_pool_userdata_set(prepared.counters, COUNTERS_KEY " of one process", NULL, process);
        }
    }
}

/* --- Slots -------------------------------------------------------------------------------------------------------- */

static const char *label_of(const server_rec *server, apr_pool_t *pool)
{
    apr_port_t port = server->addrs != NULL ? server->addrs->host_port : 0;

    port = port != 0 ? port : server->port;
    return port != 0 ? apr_psprintf(pool, "%s:%u", server->server_hostname, port) : server->server_hostname;
}

static mto_counter_slot_t *assign(mto_counted_kind_t kind, const char *server, const mto_issuer_t *issuer,
                                  apr_pool_t *pool)
{
    unsigned char identity[MTO_COUNTER_IDENTITY_SIZE];
    const char   *name = issuer != NULL && issuer->policy.name != NULL ? issuer->policy.name : "";
    const char   *text =
        apr_psprintf(pool, "%d\n%s\n%s\n%s", (int)kind, server, name, issuer != NULL ? issuer->policy.issuer : "");
    mto_counter_slot_t *slot;
    mto_counted_t      *counted;
    int                 i;

    if (EVP_Digest(text, strlen(text), identity, NULL, EVP_sha256(), NULL) != 1) {
        return NULL;
    }
    slot = mto_counters_assign(prepared.counters, identity);
    kind = slot == &prepared.counters->slots[MTO_COUNTER_SLOTS - 1] ? MTO_COUNTED_OTHERS : kind;
    slot->is_apart = kind == MTO_COUNTED_CLIENTS;
    for (i = 0; i < prepared.slots->nelts; i++) {
        if (APR_ARRAY_IDX(prepared.slots, i, mto_counted_t).slot == slot) {
            return slot; /* two virtual hosts of one name and port */
        }
    }
    counted = apr_array_push(prepared.slots);
    counted->kind = kind;
    counted->slot = slot;
    counted->server = counted->kind == MTO_COUNTED_OTHERS ? "(others)" : server;
    counted->issuer = counted->kind == MTO_COUNTED_ISSUER ? issuer : NULL;
    return slot;
}

static void assign_server(server_rec *server, apr_pool_t *pool)
{
    mto_server_config_t *config = mto_server_config_of(server);
    const char          *label = label_of(server, pool);
    int                  i;

    for (i = 0; i < config->policies->nelts; i++) {
        const mto_issuer_t *issuer = mto_issuer_of(APR_ARRAY_IDX(config->policies, i, const mto_policy_t *));

        *issuer->counters = assign(MTO_COUNTED_ISSUER, label, issuer, pool);
        if (*issuer->counters != NULL) {
            mto_counters_observe(*issuer->counters, issuer->policy.settings.report_mutual_tls, apr_time_now());
        }
    }
    if (config->policies->nelts > 0) {
        config->counters = assign(MTO_COUNTED_SERVER, label, NULL, pool);
    }
    if (config->clients != NULL) {
        config->client_counters = assign(MTO_COUNTED_CLIENTS, label, NULL, pool);
    }
}

void mto_counting_prepare(server_rec *main_server)
{
    apr_pool_t *pool = main_server->process->pconf;
    server_rec *server;

    find_counters(main_server);
    prepared.slots = apr_array_make(pool, 8, sizeof(mto_counted_t));
    prepared.counters->configurations++;
    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            assign_server(server, pool);
        }
    }
}

const mto_counters_t *mto_counting_counters(void)
{
    return prepared.counters;
}

const apr_array_header_t *mto_counting_slots(void)
{
    return prepared.slots;
}

int mto_counting_is_shared(void)
{
    return prepared.is_shared;
}

/* --- Requests ----------------------------------------------------------------------------------------------------- */

static mto_counter_slot_t *slot_of(const request_rec *r, const mto_exchange_t *exchange)
{
    if (exchange->is_client_auth) {
        return mto_server_config_of(r->server)->client_counters;
    }
    return exchange->issuer != NULL ? *exchange->issuer->counters : mto_server_config_of(r->server)->counters;
}

void mto_counting_refused(request_rec *r, const mto_exchange_t *exchange, mto_refusal_t refusal)
{
    mto_exchange_t *top = mto_exchange_of_top(r);

    if (!top->refusal_counted) {
        top->refusal_counted = 1;
        mto_counters_refused(slot_of(r, exchange), refusal);
    }
}

int mto_counting_admitted(request_rec *r)
{
    const mto_exchange_t *exchange = r->main == NULL ? mto_exchange_in_force(r) : NULL;
    mto_exchange_t       *top;

    if (exchange == NULL || !exchange->admitted) {
        return DECLINED;
    }
    top = mto_exchange_of_top(r);
    if (!top->admission_counted) {
        top->admission_counted = 1;
        mto_counters_admitted(slot_of(r, exchange), exchange->binding);
        if (exchange->issuer != NULL && exchange->issuer->policy.settings.report_mutual_tls != MTO_MUTUAL_TLS_NONE) {
            mto_counters_observed(slot_of(r, exchange));
        }
        if (exchange->reported != MTO_ADMITTED) {
            mto_counters_reported(slot_of(r, exchange), exchange->reported, mto_token_texts(exchange->token)->client_id,
                                  r->request_time);
        }
    }
    return DECLINED;
}

/* --- Caches ------------------------------------------------------------------------------------------------------- */

static void add_cache(mto_token_cache_t *cache, size_t capacity, mto_cache_sums_t *sums)
{
    mto_token_cache_counts_t counts;

    mto_token_cache_count(cache, &counts);
    sums->hits += counts.hits;
    sums->misses += counts.misses;
    sums->evictions += counts.evictions;
    sums->entries += counts.entries;
    sums->bytes += counts.bytes;
    sums->capacity += capacity;
}

/* A virtual host that says nothing shares the main server's cache. */
static mto_cache_sums_t sum_caches(const server_rec *main_server)
{
    mto_cache_sums_t         sums = {0};
    const mto_token_cache_t *of_main = mto_server_config_of(main_server)->tokens;
    const server_rec        *server;

    for (server = main_server; server != NULL; server = server->next) {
        mto_token_cache_t *cache = mto_server_config_of(server)->tokens;

        if (cache != NULL && (server == main_server || cache != of_main)) {
            add_cache(cache, (size_t)mto_server_token_cache(server, main_server), &sums);
        }
    }
    return sums;
}

void mto_counting_tell(server_rec *main_server)
{
    mto_cache_sums_t sums = sum_caches(main_server);
    apr_time_t       now = apr_time_now();

    if (prepared.counters != NULL) {
        mto_counters_tell(prepared.counters, getpid(), now, &sums, &told);
        mto_counters_note(prepared.counters, now);
    }
}

void mto_counting_leave(server_rec *main_server)
{
    if (prepared.counters != NULL) {
        mto_counting_tell(main_server);
        mto_counters_leave(prepared.counters, getpid());
    }
}
