#include "httpd/decide.h"

#include "core/token_cache.h"
#include "httpd/denials.h"
#include "httpd/introspection.h"
#include "httpd/refresh.h"
#include "httpd/registry.h"
#include "httpd/servers.h"

#include <http_log.h>

APLOG_USE_MODULE(auth_mtls_oauth);

static apr_status_t release_token(void *token)
{
    mto_token_release(token);
    return APR_SUCCESS;
}

/* The exchange keeps the reference to its token for as long as the request lives. */
static void take_token(request_rec *r, mto_exchange_t *exchange, mto_token_t *token)
{
    exchange->token = token;
    exchange->issuer = mto_issuer_of(mto_token_policy(token));
    apr_pool_cleanup_register(r->pool, token, release_token, apr_pool_cleanup_null);
}

/* What depends on this request, decided anew each time. */
static mto_refusal_t admit(mto_exchange_t *exchange, mto_occasion_t *occasion, const mto_keyset_t *keys,
                           mto_verdict_t *verdict)
{
    mto_watched_object_t *trust = exchange->issuer->binding_trust;

    occasion->keys = keys;
    occasion->trust = mto_registry_take_trust(trust);
    (void)mto_token_admit(exchange->token, occasion, verdict);
    exchange->chain_trust = verdict->binding == MTO_BINDING_BOUND ? trust : NULL;
    if (verdict->binding == MTO_BINDING_BOUND && exchange->certificate_forwarded) {
        verdict->binding = MTO_BINDING_BOUND_FORWARDED;
    }
    mto_trust_release(occasion->trust);
    occasion->trust = NULL;
    occasion->keys = NULL;
    return verdict->refusal;
}

/* --- A token that was seen before --------------------------------------------------------------------------------- */

/* The policy that a token seen before falls under at this place; NULL: none, or one that says so anew. */
static const mto_policy_t *policy_here(const request_rec *r, const mto_directory_config_t *directory,
                                       const mto_exchange_t *exchange, mto_verdict_t *verdict)
{
    const mto_policy_t *policy = mto_token_policy(exchange->token);
    const mto_issuer_t *opaque;

    if (mto_token_proof(exchange->token) == MTO_PROOF_ANSWER) {
        opaque = mto_opaque_issuer(r->server, directory);
        return opaque != NULL ? &opaque->policy : NULL;
    }
    if (exchange->issuer->has_siblings) {
        (void)mto_policy_choose(&policy, mto_server_config_of(r->server)->policies, &directory->demand,
                                mto_token_jwt_claims(exchange->token), verdict);
    }
    return policy;
}

/* A token that this process has proven before at this server. Returns 0 when that does not help: what proved it is no
 * longer in force, or here the token falls under another block; then it is to be looked at as if never seen. */
static int decide_seen(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange,
                       mto_occasion_t *occasion, mto_verdict_t *verdict)
{
    const mto_policy_t *policy = policy_here(r, directory, exchange, verdict);
    mto_keyset_t       *keys;

    if (verdict->refusal != MTO_ADMITTED) {
        return 1;
    }
    if (policy != mto_token_policy(exchange->token) || !mto_token_holds(exchange->token, occasion->now)) {
        return 0;
    }
    keys = mto_keystore_keys(exchange->issuer->keystore, occasion->now);
    (void)admit(exchange, occasion, keys, verdict);
    mto_keyset_release(keys);
    return verdict->refusal != MTO_KEY_UNKNOWN && verdict->refusal != MTO_KEYS_UNAVAILABLE;
}

/* --- A token that was not ----------------------------------------------------------------------------------------- */

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

/* Has the token proven by its issuer's answer. jwt: what it proved to be; NULL: an opaque token. */
static mto_refusal_t prove_by_answer(mto_exchange_t *exchange, mto_token_t *jwt, mto_token_t **token,
                                     mto_verdict_t *verdict)
{
    mto_introspector_t *introspector = mto_refresh_introspector();
    mto_question_t      question = {.asker = exchange->issuer->asker, .jwt = jwt, .most = mto_refresh_waiters()};
    apr_time_t          began;

    question.policy = &exchange->issuer->policy;
    question.text = exchange->bearer.text;
    question.length = exchange->bearer.length;
    if (introspector == NULL) {
        return mto_verdict_refuse(verdict, MTO_INTROSPECTION_UNAVAILABLE, "nobody in this process asks");
    }
    began = apr_time_now();
    (void)mto_introspect(token, introspector, &question, verdict);
    mto_counters_asked(*exchange->issuer->counters,
                       *token != NULL                                      ? MTO_ASKED_PROVEN
                       : verdict->refusal == MTO_INTROSPECTION_UNAVAILABLE ? MTO_ASKED_UNAVAILABLE
                                                                           : MTO_ASKED_REFUSED,
                       apr_time_now() - began);
    return verdict->refusal;
}

/* An opaque token says nothing: the place says whose it is, and only that issuer sees it. */
static mto_refusal_t decide_opaque(request_rec *r, mto_exchange_t *exchange, mto_occasion_t *occasion,
                                   mto_token_t **token, mto_verdict_t *verdict)
{
    const apr_array_header_t *accepted = occasion->location->accepted_issuers;

    if (mto_token_check_opaque(exchange->bearer.text, exchange->bearer.length, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    if (accepted != NULL && !mto_policy_is_one_of(&exchange->issuer->policy, accepted)) {
        return mto_verdict_refuse(verdict, MTO_ISSUER_NOT_ACCEPTED, "not in MTLSOAuthAcceptIssuers of this Location");
    }
    if (prove_by_answer(exchange, NULL, token, verdict) == MTO_ADMITTED) {
        take_token(r, exchange, *token);
        (void)admit(exchange, occasion, NULL, verdict);
    }
    return verdict->refusal;
}

/* A proven JWT whose issuer is to be asked, unless it is refused without that. *token: the JWT, then what the answer
 * proved; both references are the exchange's. */
static mto_refusal_t decide_asked(request_rec *r, mto_exchange_t *exchange, mto_occasion_t *occasion,
                                  const mto_keyset_t *keys, mto_token_t **token, mto_verdict_t *verdict)
{
    mto_trust_t  *trust = mto_registry_take_trust(exchange->issuer->binding_trust);
    mto_token_t  *jwt = *token;
    mto_verdict_t early = MTO_VERDICT_INIT;

    *token = NULL;
    occasion->keys = keys;
    occasion->trust = trust;
    (void)mto_token_preadmit(jwt, occasion, &early);
    occasion->keys = NULL;
    occasion->trust = NULL;
    mto_trust_release(trust);
    if (early.refusal != MTO_ADMITTED) {
        *verdict = early;
        return early.refusal;
    }
    if (prove_by_answer(exchange, jwt, token, verdict) == MTO_ADMITTED) {
        take_token(r, exchange, *token);
        (void)admit(exchange, occasion, keys, verdict);
    }
    return verdict->refusal;
}

/* Whose rules the token falls under, whether its signature and claims hold to them, and then everything that depends on
 * this request. *token: what has been proven, a new reference, or NULL. */
static mto_refusal_t decide_unseen(request_rec *r, mto_exchange_t *exchange, mto_occasion_t *occasion,
                                   mto_presented_t **presented, mto_token_t **token, mto_verdict_t *verdict)
{
    const mto_policy_t *policy;
    mto_keyset_t       *keys;
    apr_time_t          began;
    mto_refusal_t       proven;

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
    began = apr_time_now();
    proven = prove_with_keys(exchange, *presented, occasion->now, &keys, token, verdict);
    mto_counters_proven(*exchange->issuer->counters, apr_time_now() - began);
    if (proven == MTO_ADMITTED) {
        take_token(r, exchange, *token);
        (void)(policy->introspect_jwt ? decide_asked(r, exchange, occasion, keys, token, verdict)
                                      : admit(exchange, occasion, keys, verdict));
    }
    mto_keyset_release(keys);
    return verdict->refusal;
}

/* What was proven before is taken from tokens, what is proven now put there; tokens NULL: neither. */
static mto_refusal_t decide(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange,
                            mto_occasion_t *occasion, mto_presented_t **presented, mto_verdict_t *verdict)
{
    const mto_server_config_t *server = mto_server_config_of(r->server);
    mto_token_cache_t         *tokens = server->tokens;
    const mto_issuer_t        *opaque;
    mto_token_key_t            key;
    mto_token_t               *token;

    if (tokens != NULL && !mto_token_cache_key(tokens, server, exchange->bearer.text, exchange->bearer.length, &key)) {
        tokens = NULL;
    }
    token = tokens != NULL ? mto_token_cache_get(tokens, &key) : NULL;
    if (token != NULL) {
        take_token(r, exchange, token);
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, "token seen before");
        if (decide_seen(r, directory, exchange, occasion, verdict)) {
            return verdict->refusal;
        }
        *verdict = (mto_verdict_t)MTO_VERDICT_INIT;
        exchange->token = NULL;
        exchange->issuer = NULL;
        token = NULL;
    }
    opaque = mto_opaque_issuer(r->server, directory);
    if (opaque != NULL && mto_token_is_opaque(exchange->bearer.text, exchange->bearer.length)) {
        exchange->issuer = opaque;
        (void)decide_opaque(r, exchange, occasion, &token, verdict);
    }
    else {
        (void)decide_unseen(r, exchange, occasion, presented, &token, verdict);
    }
    if (token != NULL && tokens != NULL && mto_token_holds(token, occasion->now)) {
        mto_token_cache_put(tokens, &key, token, occasion->now);
    }
    return verdict->refusal;
}

mto_refusal_t mto_decide(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange,
                         mto_presented_t **presented, mto_verdict_t *verdict)
{
    mto_denylist_t *denied = mto_denials_take(r->server);
    /* Not r->request_time: that is when the request line came, and its fields may take minutes. */
    mto_occasion_t occasion = {.now = apr_time_now(), .denied = denied};

    occasion.certificate = exchange->certificate;
    occasion.location = &directory->demand;
    (void)decide(r, directory, exchange, &occasion, presented, verdict);
    mto_denylist_release(denied);
    return verdict->refusal;
}
