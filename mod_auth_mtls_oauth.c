/* mod_auth_mtls_oauth: bearer tokens that work only over the TLS connection of the client they were issued to (RFC
 * 8705).
 *
 * This file is the story of one request under AuthType mTLS-OAuth, and the module record. Whether its token is admitted
 * is decide.c's; the story of AuthType TLS-Client-Auth is in client_auth.c. */
#include "core/json_memory.h"
#include "httpd/answer.h"
#include "httpd/authorize.h"
#include "httpd/bearer.h"
#include "httpd/checks.h"
#include "httpd/client_auth.h"
#include "httpd/counting.h"
#include "httpd/decide.h"
#include "httpd/directives.h"
#include "httpd/dump.h"
#include "httpd/expression.h"
#include "httpd/form.h"
#include "httpd/forward.h"
#include "httpd/introspection.h"
#include "httpd/metadata.h"
#include "httpd/metrics.h"
#include "httpd/peer.h"
#include "httpd/preflight.h"
#include "httpd/readable.h"
#include "httpd/refresh.h"
#include "httpd/require.h"
#include "httpd/servers.h"
#include "httpd/shared_cache.h"
#include "httpd/status.h"
#include "httpd/trailers.h"
#include "httpd/trusted_proxy.h"
#include "httpd/warnings.h"
#include "httpd/whoami.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <mpm_common.h>
#include <string.h>

/* --- One request -------------------------------------------------------------------------------------------------- */

static int authenticate(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange)
{
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_presented_t *presented = NULL;
    int              status;

    if (mto_bearer_find(&exchange->bearer, r, directory, &verdict) == MTO_ADMITTED) {
        if (directory->require_tls != 0 && !mto_peer_is_tls(r) && !mto_proxy_is_trusted(r)) {
            mto_verdict_refuse(&verdict, MTO_TLS_REQUIRED, "a token over clear text");
        }
        (void)mto_proxy_certificate(&exchange->certificate, &exchange->certificate_forwarded, r, &verdict);
    }
    if (verdict.refusal == MTO_ADMITTED) {
        (void)mto_decide(r, directory, exchange, &presented, &verdict);
    }
    status = verdict.refusal == MTO_ADMITTED ? mto_answer_admit(r, exchange, &verdict)
                                             : mto_answer_refuse(r, exchange, &verdict);
    mto_presented_free(presented);
    exchange->presented = NULL;
    return status;
}

/* What configtest could not see, since only an .htaccess says it; NULL: nothing is wrong. */
static const char *mistake_of(const request_rec *r, const mto_directory_config_t *directory)
{
    const apr_array_header_t *issuers = directory->accepted_in_htaccess ? directory->demand.accepted_issuers : NULL;
    int                       i;

    for (i = 0; issuers != NULL && i < issuers->nelts; i++) {
        if (!mto_server_knows(r->server, APR_ARRAY_IDX(issuers, i, const char *))) {
            return mto_unknown_issuer_text(directory->accepted_where, "MTLSOAuthAcceptIssuers",
                                           APR_ARRAY_IDX(issuers, i, const char *), r->pool);
        }
    }
    return directory->mistake != NULL ? directory->mistake : mto_opaque_mistake(r, directory);
}

static int check_user_id(request_rec *r)
{
    const mto_directory_config_t *directory = mto_directory_config_of(r);
    const char                   *type = ap_auth_type(r), *mistake;
    int                           is_client_auth;

    if (!mto_authenticates(type)) {
        return DECLINED;
    }
    is_client_auth = strcasecmp(type, MTO_CLIENT_AUTH_TYPE) == 0;
    mistake = mistake_of(r, directory);
    if (mistake != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s", mistake);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    if (mto_preflight_passes(r, directory)) {
        mto_exchange_create(r)->preflight = 1;
        r->user = (char *)""; /* httpd wants somebody; mto_authorize takes it back */
        return mto_preflight_scrub(r);
    }
    r->user = NULL;
    return is_client_auth ? mto_client_authenticate(r, directory) : authenticate(r, directory, mto_exchange_create(r));
}

/* An index file that is protected, in a directory that is not, has been authenticated as a subrequest, whose place
 * httpd then gives to the request without its user. Whether that is so only a trace in the environment tells, which is
 * nothing to rely on: the request is decided for itself. */
static int recognise(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type != NULL && strcasecmp(type, MTO_AUTH_TYPE) == 0 && r->user == NULL && mto_exchange_in_force(r) == NULL
                   && apr_table_get(r->subprocess_env, "MTLS_OAUTH_ISSUER") != NULL
               ? check_user_id(r)
               : OK;
}

/* The last word before the handler. */
static int fixup_last(request_rec *r)
{
    int status = recognise(r);

    return status == OK ? mto_forward_set(r) : status;
}

/* --- Start -------------------------------------------------------------------------------------------------------- */

/* httpd reads its configuration twice at start; the first time nothing is served with it. */
static int is_first_reading(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

/* Runs at every start and under -t: all that is wrong with the configuration is said here or by its directive. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)plog;
    if (mto_servers_finish(pconf, main_server) != OK || mto_shared_cache_check(pconf, ptemp, main_server) != 0) {
        return !OK;
    }
    mto_checks_collect(pconf, main_server);
    if (!is_first_reading() || ap_exists_config_define("DUMP_MTLS_OAUTH")) { /* else nobody is told what comes of it */
        mto_readable_check(pconf, main_server);
    }
    return OK;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)plog;
    (void)ptemp;
    if (!is_first_reading()) {
        mto_warnings_log(main_server);
        mto_refresh_prepare(main_server);
        mto_counting_prepare(main_server);
        mto_shared_cache_prepare(pconf, main_server);
    }
    return OK;
}

static void child_init(apr_pool_t *pchild, server_rec *main_server)
{
    mto_servers_remember_tokens(main_server);
    mto_refresh_start(pchild, main_server);
}

static apr_status_t remove_json_memory(void *unused)
{
    (void)unused;
    mto_json_memory_remove();
    return APR_SUCCESS;
}

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    if (!mto_json_memory_install()) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, NULL,
                     "the process has no thread-specific key left for jansson's memory");
        return !OK;
    }
    apr_pool_cleanup_register(pconf, NULL, remove_json_memory, apr_pool_cleanup_null);
    return mto_shared_cache_register(pconf);
}

static void register_hooks(apr_pool_t *pool)
{
    static const char *const authz_core[] = {"mod_authz_core.c", NULL};

    mto_form_register();
    mto_trailers_register();
    mto_require_register(pool);
    ap_hook_expr_lookup(mto_expression_lookup, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(mto_dump, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(mto_refresh_watch, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    mto_peer_watch();
    ap_hook_force_authn(mto_require_user, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_authn(check_user_id, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(mto_authorize, NULL, authz_core, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_quick_handler(mto_metadata_publish, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(mto_metadata_handle, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(mto_forward_strip, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(mto_answer_inherit, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(mto_checks_unprotected, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_fixups(fixup_last, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_fixups(mto_counting_admitted, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(mto_status_handle, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(mto_metrics_handle, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(mto_whoami_handle, NULL, NULL, APR_HOOK_MIDDLE);
    mto_status_register();
    ap_hook_insert_filter(mto_form_replay, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_filter(mto_trailers_watch, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(auth_mtls_oauth) = {
    STANDARD20_MODULE_STUFF,
    mto_directory_config_create,
    mto_directory_config_merge,
    mto_server_config_create,
    NULL, /* servers are finished in check_config, when all are known */
    mto_directives,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
