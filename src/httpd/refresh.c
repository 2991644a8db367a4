#include "httpd/refresh.h"

#include "httpd/counting.h"
#include "httpd/directives.h"
#include "httpd/servers.h"
#include "httpd/shared_cache.h"
#include "io/lease.h"
#include "io/renewal.h"
#include "io/state_file.h"

#include <ap_mpm.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <http_log.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unixd.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* Sources that one server can share among its processes; for more, each process fetches for itself. */
#define SLOTS 1024

/* Under which the shared memory is found again after a restart; it outlives this object, and its layout is in the name.
 */
#define SHARED_KEY "mod_auth_mtls_oauth leases 3"

/* How often files are looked at. */
#define WATCH_INTERVAL apr_time_from_sec(1)

/* Seconds that the end of a child waits for its thread. The thread itself needs none; a signal that came while a
 * request held a lock may. */
#define JOIN_SECONDS 3

/* In memory that all processes see. */
typedef struct {
    uint64_t    configurations; /* starts and restarts so far. Parent only */
    mto_lease_t slots[SLOTS];
} shared_t;

/* Made by the parent, inherited by the children. */
static struct {
    mto_state_place_t   place;
    apr_array_header_t *leases; /* mto_lease_t *, one for each keystore; NULL: nothing is shared */
} prepared;

/* The thread of this child; in the parent only main_server is used, for the log. */
static struct {
    server_rec         *main_server;
    mto_renewal_t      *renewal;
    mto_introspector_t *introspector; /* NULL: nobody is asked about tokens */
    pthread_t           thread;
    int                 has_thread;
    pthread_t           watcher; /* reads files again */
    int                 has_watcher;
    pthread_mutex_t     lock; /* with stopping: the end of the watcher's wait */
    pthread_cond_t      stopping;
    atomic_int          stop;
    unsigned            waiters;
} child;

/* --- The parent --------------------------------------------------------------------------------------------------- */

static shared_t *shared_memory(server_rec *main_server)
{
    apr_pool_t  *process = main_server->process->pool;
    void        *known = NULL;
    apr_shm_t   *memory;
    apr_status_t status;

    (void)apr_pool_userdata_get(&known, SHARED_KEY, process);
    if (known != NULL) {
        return known;
    }
    status = apr_shm_create(&memory, sizeof(shared_t), NULL, process);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, main_server,
                     "no shared memory for the keys of issuers: each process fetches for itself");
        return NULL;
    }
    known = apr_shm_baseaddr_get(memory);
    memset(known, 0, sizeof(shared_t));
    /* _set and not _setn: the key must outlive this object, which a restart may map elsewhere. */
    (void)apr_pool_userdata_set(known, SHARED_KEY, NULL, process);
    return known;
}

static apr_array_header_t *assign_leases(shared_t *shared, const apr_array_header_t *stores, apr_pool_t *pool)
{
    apr_array_header_t *leases = apr_array_make(pool, stores->nelts, sizeof(mto_lease_t *));
    unsigned char       identity[MTO_LEASE_IDENTITY_SIZE];
    int                 i;

    shared->configurations++;
    for (i = 0; i < stores->nelts; i++) {
        const mto_key_source_t *source = mto_keystore_source(APR_ARRAY_IDX(stores, i, mto_keystore_t *));
        mto_lease_t            *lease = NULL;

        if (!mto_key_source_is_local(source)) {
            mto_key_source_identity(source, identity, pool);
            lease = mto_lease_assign(shared->slots, SLOTS, identity, shared->configurations);
        }
        APR_ARRAY_PUSH(leases, mto_lease_t *) = lease;
    }
    return leases;
}

static int has_remote_source(const apr_array_header_t *stores)
{
    int i;

    for (i = 0; i < stores->nelts; i++) {
        if (!mto_key_source_is_local(mto_keystore_source(APR_ARRAY_IDX(stores, i, mto_keystore_t *)))) {
            return 1;
        }
    }
    return 0;
}

const char *mto_refresh_state_directory(const server_rec *main_server)
{
    const char *directory = mto_server_config_of(main_server)->state_directory;

    return directory != NULL ? directory : MTO_STATE_DIR;
}

const char *mto_refresh_find_state(const server_rec *main_server, mto_state_place_t *place)
{
    const char *directory = mto_refresh_state_directory(main_server);

    place->directory = NULL;
    return *directory != '\0' ? mto_state_place_find(place, directory) : "off";
}

void mto_refresh_prepare(server_rec *main_server)
{
    const apr_array_header_t *stores = mto_servers_keystores(main_server);
    const char               *directory = mto_refresh_state_directory(main_server), *reason;
    apr_pool_t               *pool = main_server->process->pconf;
    shared_t                 *shared;

    memset(&prepared, 0, sizeof prepared);
    if (!has_remote_source(stores) || *directory == '\0') {
        return;
    }
    reason = mto_state_place_make(&prepared.place, directory, ap_unixd_config.user_id, ap_unixd_config.group_id);
    if (reason != NULL) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, main_server,
            "MTLSOAuthStateDir %s: %s; until then each process fetches for itself, and a restart starts without keys",
            directory, reason);
        return;
    }
    shared = shared_memory(main_server);
    prepared.leases = shared != NULL ? assign_leases(shared, stores, pool) : NULL;
}

/* --- The child ---------------------------------------------------------------------------------------------------- */

static void log_says(void *baton, mto_says_t grave, const char *text)
{
    static const int levels[] = {
        [MTO_SAYS_INFO] = APLOG_INFO, [MTO_SAYS_WARNING] = APLOG_WARNING, [MTO_SAYS_ERROR] = APLOG_ERR};

    (void)baton;
    ap_log_error(APLOG_MARK, levels[grave], 0, child.main_server, "%s", text);
}

int mto_refresh_watch(apr_pool_t *pool, server_rec *main_server)
{
    (void)pool;
    child.main_server = main_server;
    mto_renewal_watch(mto_servers_keystores(main_server), log_says, NULL);
    mto_servers_renew_watched(main_server, log_says, NULL);
    return DECLINED;
}

static void *renew_until_stopped(void *unused)
{
    apr_time_t told_at = 0;

    while (!atomic_load(&child.stop)) {
        apr_time_t now = apr_time_now();

        if (now - told_at >= WATCH_INTERVAL || now < told_at) {
            told_at = now;
            mto_counting_tell(child.main_server);
        }
        if (child.introspector != NULL) {
            mto_introspector_step(child.introspector);
        }
        mto_renewal_step(child.renewal);
    }
    return unused;
}

/* Reading a large file takes seconds, and a file system that is away takes longer: no question to an issuer waits for
 * it. */
static void *watch_until_stopped(void *unused)
{
    struct timespec next;

    (void)pthread_mutex_lock(&child.lock);
    while (!atomic_load(&child.stop)) {
        (void)pthread_mutex_unlock(&child.lock);
        mto_servers_renew_watched(child.main_server, log_says, NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += apr_time_sec(WATCH_INTERVAL);
        (void)pthread_mutex_lock(&child.lock);
        if (!atomic_load(&child.stop)) {
            (void)pthread_cond_timedwait(&child.stopping, &child.lock, &next);
        }
    }
    (void)pthread_mutex_unlock(&child.lock);
    return unused;
}

static apr_status_t stop_threads(void *unused)
{
    struct timespec end;

    (void)unused;
    (void)pthread_mutex_lock(&child.lock);
    atomic_store(&child.stop, 1);
    (void)pthread_cond_broadcast(&child.stopping);
    (void)pthread_mutex_unlock(&child.lock);
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += JOIN_SECONDS;
    if (child.has_thread) {
        mto_renewal_wake(child.renewal);
    }
    if (child.has_watcher) {
        (void)pthread_timedjoin_np(child.watcher, NULL, &end); /* what it uses outlives this */
    }
    if (child.has_thread) {
        if (pthread_timedjoin_np(child.thread, NULL, &end) != 0) {
            return APR_SUCCESS; /* the process ends all the same; what the thread uses is left to it */
        }
    }
    if (child.introspector != NULL) {
        mto_introspector_close(child.introspector);
    }
    mto_counting_leave(child.main_server);
    mto_renewal_destroy(child.renewal);
    curl_global_cleanup();
    return APR_SUCCESS;
}

/* A thread takes no signals but those of its own faults: they are for the thread that the MPM expects them in. *runs:
 * whether it does, which is known before a signal can end this process. */
static void start_thread(pthread_t *thread, int *runs, void *(*run)(void *), const char *without)
{
    sigset_t before;
    int      status;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    (void)apr_setup_signal_thread();
    status = pthread_create(thread, NULL, run, NULL);
    *runs = status == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, child.main_server, "no thread: %s in this process", without);
    }
}

void mto_refresh_start(apr_pool_t *pool, server_rec *main_server)
{
    const apr_array_header_t *stores = mto_servers_keystores(main_server);
    pthread_condattr_t        attributes;
    int                       threads = 1;

    memset(&child, 0, sizeof child);
    child.main_server = main_server;
    (void)ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    child.waiters = threads >= 16 ? (unsigned)threads / 8 : 1;
    if (stores->nelts == 0 && mto_server_config_of(main_server)->watched->nelts == 0) {
        return;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    child.renewal = mto_renewal_create(stores, prepared.leases, &prepared.place, log_says, NULL);
    if (child.renewal == NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR, APR_ENOMEM, main_server, "keys are not renewed in this process");
        return;
    }
    if (mto_servers_askers(main_server)->nelts > 0) {
        child.introspector =
            mto_introspector_create(mto_renewal_fetcher(child.renewal), mto_shared_cache_start(pool), log_says, NULL);
    }
    (void)pthread_mutex_init(&child.lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* a clock that is set back must not hold up files */
    (void)pthread_cond_init(&child.stopping, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    apr_pool_pre_cleanup_register(pool, NULL, stop_threads);
    start_thread(&child.thread, &child.has_thread, renew_until_stopped, "keys are not renewed");
    if (mto_server_config_of(main_server)->watched->nelts > 0) {
        start_thread(&child.watcher, &child.has_watcher, watch_until_stopped, "files are not read again");
    }
}

unsigned mto_refresh_waiters(void)
{
    return child.waiters;
}

mto_introspector_t *mto_refresh_introspector(void)
{
    return child.introspector;
}
