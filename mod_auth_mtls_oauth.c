/* mod_auth_mtls_oauth: bearer tokens that work only over the TLS connection of the client they were issued to (RFC
 * 8705).
 *
 * This file is the story of one request under AuthType mTLS-OAuth, and the module record. The story of AuthType
 * TLS-Client-Auth is in client_auth.c. */
#include "core/token_cache.h"
#include "httpd/answer.h"
#include "httpd/authorize.h"
#include "httpd/bearer.h"
#include "httpd/checks.h"
#include "httpd/client_auth.h"
#include "httpd/directives.h"
#include "httpd/dump.h"
#include "httpd/form.h"
#include "httpd/forward.h"
#include "httpd/peer.h"
#include "httpd/refresh.h"
#include "httpd/registry.h"
#include "httpd/servers.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <mpm_common.h>
#include <string.h>

/* --- One request -------------------------------------------------------------------------------------------------- */

static apr_status_t release_token(void *token)
{
    mto_token_release(token);
    return APR_SUCCESS;
}

/* Proves the token with the keys in force and, where these cannot decide, with those that the issuer has by now. *keys:
 * the set that decided, a new reference, or NULL. */
static mto_refusal_t prove_with_keys(mto_exchange_t *exchange, mto_presented_t *presented, apr_time_t now,
                                     mto_keyset_t **keys, mto_token_t **token, mto_verdict_t *verdict)
{
    const mto_policy_t *policy = &exchange->issuer->policy;
    mto_keystore_t     *keystore = exchange->issuer->keystore;
    mto_verdict_t       first = MTO_VERDICT_INIT;
    mto_keyset_t       *newer;
    mto_keys_t          outcome;

    *keys = mto_keystore_keys(keystore, now);
    if (mto_token_prove(token, presented, *keys, policy, &first) != MTO_KEY_UNKNOWN
        && first.refusal != MTO_KEYS_UNAVAILABLE) {
        *verdict = first;
        return first.refusal;
    }
    outcome = mto_keystore_ask(keystore, *keys, mto_refresh_waiters(), &newer);
    if (outcome == MTO_KEYS_NEWER) {
        mto_keyset_release(*keys);
        *keys = newer;
        return mto_token_prove(token, presented, newer, policy, verdict);
    }
    if (outcome == MTO_KEYS_NONE) {
        return mto_verdict_refuse(verdict, MTO_KEYS_UNAVAILABLE, "no fresh keys of the issuer could be had");
    }
    *verdict = first;
    return first.refusal;
}

/* The exchange keeps the reference to its token for as long as the request lives. */
static void take_token(request_rec *r, mto_exchange_t *exchange, mto_token_t *token)
{
    exchange->token = token;
    exchange->issuer = mto_issuer_of(mto_token_policy(token));
    apr_pool_cleanup_register(r->pool, token, release_token, apr_pool_cleanup_null);
}

/* Decides on a proven token, with the keys in force and the trust that the block has for certificates. */
static void admit(mto_exchange_t *exchange, const mto_keyset_t *keys, mto_occasion_t *occasion, mto_verdict_t *verdict)
{
    mto_watched_object_t *trust = exchange->issuer->binding_trust;

    occasion->keys = keys;
    occasion->trust = mto_registry_take_trust(trust);
    (void)mto_token_admit(exchange->token, occasion, verdict);
    exchange->chain_trust = verdict->binding == MTO_BINDING_BOUND ? trust : NULL;
    mto_trust_release(occasion->trust);
    occasion->keys = NULL;
    occasion->trust = NULL;
}

/* A token that this process has proven before at this server. Returns 0 when that does not help: the key that proved it
 * is no longer in force, or here the token falls under another block; then it is to be looked at as if never seen. */
static int decide_seen(request_rec *r, mto_exchange_t *exchange, mto_occasion_t *occasion, mto_verdict_t *verdict)
{
    const mto_policy_t *policy = mto_token_policy(exchange->token);
    mto_keyset_t       *keys;

    if (exchange->issuer->has_siblings
        && mto_policy_choose(&policy, mto_server_config_of(r->server)->policies, occasion->location,
                             mto_token_claims(exchange->token), verdict)
               != MTO_ADMITTED) {
        return 1;
    }
    if (policy != mto_token_policy(exchange->token)) {
        return 0;
    }
    keys = mto_keystore_keys(exchange->issuer->keystore, occasion->now);
    admit(exchange, keys, occasion, verdict);
    mto_keyset_release(keys);
    return verdict->refusal != MTO_KEY_UNKNOWN && verdict->refusal != MTO_KEYS_UNAVAILABLE;
}

/* Whose rules the token falls under, whether its signature and claims hold to them, and then everything that depends on
 * this request. *presented: the caller's to free. *token: what has been proven, a new reference, or NULL. */
static mto_refusal_t decide_unseen(request_rec *r, mto_exchange_t *exchange, mto_occasion_t *occasion,
                                   mto_presented_t **presented, mto_token_t **token, mto_verdict_t *verdict)
{
    const mto_policy_t *policy;
    mto_keyset_t       *keys;

    *token = NULL;
    if (mto_presented_read(presented, exchange->bearer.text, exchange->bearer.length, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    exchange->presented = *presented;
    if (mto_policy_choose(&policy, mto_server_config_of(r->server)->policies, occasion->location,
                          mto_presented_claims(*presented), verdict)
        != MTO_ADMITTED) {
        return verdict->refusal;
    }
    exchange->issuer = mto_issuer_of(policy);
    if (prove_with_keys(exchange, *presented, occasion->now, &keys, token, verdict) == MTO_ADMITTED) {
        take_token(r, exchange, *token);
        admit(exchange, keys, occasion, verdict);
    }
    mto_keyset_release(keys);
    return verdict->refusal;
}

/* What has been proven is remembered; what depends on this request is decided anew each time. */
static mto_refusal_t decide(request_rec *r, const mto_demand_t *demand, mto_exchange_t *exchange,
                            mto_presented_t **presented, mto_verdict_t *verdict)
{
    const mto_server_config_t *server = mto_server_config_of(r->server);
    mto_token_cache_t         *tokens = server->tokens;
    mto_occasion_t  occasion = {.now = r->request_time, .certificate = exchange->certificate, .location = demand};
    mto_token_key_t key;
    mto_token_t    *token;

    if (tokens != NULL && !mto_token_cache_key(tokens, server, exchange->bearer.text, exchange->bearer.length, &key)) {
        tokens = NULL;
    }
    token = tokens != NULL ? mto_token_cache_get(tokens, &key) : NULL;
    if (token != NULL) {
        take_token(r, exchange, token);
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, "token seen before");
        if (decide_seen(r, exchange, &occasion, verdict)) {
            return verdict->refusal;
        }
        *verdict = (mto_verdict_t)MTO_VERDICT_INIT;
        exchange->token = NULL;
        exchange->issuer = NULL;
    }
    (void)decide_unseen(r, exchange, &occasion, presented, &token, verdict);
    if (token != NULL && tokens != NULL) {
        mto_token_cache_put(tokens, &key, token, occasion.now);
    }
    return verdict->refusal;
}

static int authenticate(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange)
{
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_presented_t *presented = NULL;
    int              status;

    if (mto_bearer_find(&exchange->bearer, r, directory, &verdict) == MTO_ADMITTED) {
        if (directory->require_tls != 0 && !mto_peer_is_tls(r)) {
            mto_verdict_refuse(&verdict, MTO_TLS_REQUIRED, "a token over clear text");
        }
        exchange->certificate = mto_peer_certificate(r);
    }
    if (verdict.refusal == MTO_ADMITTED) {
        (void)decide(r, &directory->demand, exchange, &presented, &verdict);
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
            return mto_unknown_issuer_text(directory, APR_ARRAY_IDX(issuers, i, const char *), r->pool);
        }
    }
    return directory->mistake;
}

static int check_user_id(request_rec *r)
{
    const mto_directory_config_t *directory = mto_directory_config_of(r);
    const char                   *type = ap_auth_type(r), *mistake;
    int                           is_client_auth;

    if (type == NULL) {
        return DECLINED;
    }
    is_client_auth = strcasecmp(type, MTO_CLIENT_AUTH_TYPE) == 0;
    if (!is_client_auth && strcasecmp(type, MTO_AUTH_TYPE) != 0) {
        return DECLINED;
    }
    mistake = mistake_of(r, directory);
    if (mistake != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s", mistake);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    r->user = NULL;
    return is_client_auth ? mto_client_authenticate(r, directory) : authenticate(r, directory, mto_exchange_create(r));
}

/* --- Start -------------------------------------------------------------------------------------------------------- */

/* Runs at every start and under -t: all that is wrong with the configuration is said here or by its directive. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)plog;
    (void)ptemp;
    if (mto_servers_finish(pconf, main_server) != OK) {
        return !OK;
    }
    mto_checks_collect(pconf, main_server);
    return OK;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    /* httpd reads its configuration twice at start; the first time nothing is served with it. */
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        mto_checks_log(main_server);
        mto_refresh_prepare(main_server);
    }
    return OK;
}

static void child_init(apr_pool_t *pchild, server_rec *main_server)
{
    mto_servers_remember_tokens(main_server);
    mto_refresh_start(pchild, main_server);
}

static void register_hooks(apr_pool_t *pool)
{
    static const char *const authz_core[] = {"mod_authz_core.c", NULL};

    mto_form_register();
    mto_authorize_register(pool);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(mto_dump, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(mto_refresh_watch, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    mto_peer_watch();
    ap_hook_check_authn(check_user_id, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(mto_authorize, NULL, authz_core, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_post_read_request(mto_forward_strip, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(mto_checks_unprotected, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_fixups(mto_forward_set, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_filter(mto_form_replay, NULL, NULL, APR_HOOK_MIDDLE);
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
