/* The finished policies of every server: blocks inherited, values filled in, keys loaded, contradictions refused. */
#ifndef MTO_SERVERS_H
#define MTO_SERVERS_H

#include "core/policy.h"
#include "httpd/directives.h"
#include "io/counters.h"

#include <httpd.h>

/* A finished policy and what belongs to it in this process. */
typedef struct {
    mto_policy_t            policy; /* first, so that a policy leads back here: mto_issuer_of */
    const mto_block_t      *block;
    int                     has_siblings;  /* another block of this server is for the same ISS */
    mto_keystore_t         *keystore;      /* shared with every block that names the same source */
    mto_watched_object_t   *binding_trust; /* mto_trust_t that certificates of bound tokens must be under; NULL: any */
    mto_source_settings_t   outgoing;      /* how the block goes out */
    mto_asker_t            *asker;         /* shared likewise; NULL: its issuer is not asked about tokens */
    struct mto_log_limit_t *log_limits;    /* one a refusal: answer.c */
    mto_counter_slot_t    **counters;      /* where it is counted: counting.c; *counters NULL: nowhere */
} mto_issuer_t;

/* The issuer that a policy of mto_server_config_t.policies is the start of. */
const mto_issuer_t *mto_issuer_of(const mto_policy_t *policy);

/* Finishes all servers (DESIGN section 4, "Finishing"). Returns OK, or !OK after an error line for each mistake.
 * Without a network call. pool lives as long as the configuration. */
int mto_servers_finish(apr_pool_t *pool, server_rec *main_server);

/* Gives each server the cache for tokens that MTLSOAuthTokenCache asks for: its own where it says so itself, else the
 * main server's. For a new child process. */
void mto_servers_remember_tokens(server_rec *main_server);

/* How many tokens MTLSOAuthTokenCache has a server remember; 0: off. */
int mto_server_token_cache(const server_rec *server, const server_rec *main_server);

/* All keystores (mto_keystore_t *) of the finished servers, each once. */
const apr_array_header_t *mto_servers_keystores(const server_rec *main_server);

/* All askers (mto_asker_t *), likewise. */
const apr_array_header_t *mto_servers_askers(const server_rec *main_server);

/* Makes the trusts, clients and lists of all servers anew whose files changed. One thread at a time. */
void mto_servers_renew_watched(const server_rec *main_server, mto_says_fn *say, void *baton);

/* Whether that block is among blocks (mto_block_t *). */
int mto_block_is_in(const mto_block_t *block, const apr_array_header_t *blocks);

/* Whether a policy of the server has that ISS or NAME. */
int mto_server_knows(const server_rec *server, const char *issuer);

/* What to say of a directive that names an issuer which is not there. */
const char *mto_unknown_issuer_text(const char *where, const char *directive, const char *issuer, apr_pool_t *pool);

/* All servers (server_rec *), the main server first and the others as they stand in the configuration. */
const apr_array_header_t *mto_servers_in_order(server_rec *main_server, apr_pool_t *pool);

/* Whether a server has directives of its own: a virtual host without shares the main server's configuration. */
int mto_server_is_own(const server_rec *server, const server_rec *main_server);

#endif
