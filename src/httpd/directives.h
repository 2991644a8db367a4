/* The directives: what the configuration files say, as it was written, before servers.c finishes it. */
#ifndef MTO_DIRECTIVES_H
#define MTO_DIRECTIVES_H

#include "core/name.h"
#include "core/policy.h"
#include "core/token_cache.h"
#include "io/counters.h"
#include "io/introspection_client.h"
#include "io/key_source.h"
#include "io/keystore.h"
#include "io/watched_object.h"

#include <apr_network_io.h>
#include <httpd.h>

#include <http_config.h>

extern module AP_MODULE_DECLARE_DATA auth_mtls_oauth_module;

/* The AuthTypes that this module answers to; compared without case. */
#define MTO_AUTH_TYPE        "mTLS-OAuth"
#define MTO_CLIENT_AUTH_TYPE "TLS-Client-Auth"

/* The files of a trust, which go together; NULL: none. */
typedef struct {
    const char *ca_file, *crl_file;
} mto_trust_files_t;

/* The settings that stand in servers and blocks alike, as written. */
typedef struct {
    mto_settings_t        policy;
    mto_source_settings_t source;
    mto_trust_files_t     binding_trust;
} mto_written_t;

/* What a block says of introspection, as written; texts are NULL when nobody wrote them. */
typedef struct {
    const char               *uri;
    int                       jwt;   /* 1, 0 or MTO_UNSET: off */
    apr_interval_time_t       cache; /* 0: off; MTO_ANSWER_UNTIL_EXP; or MTO_UNSET */
    const char               *client_id, *secret_file;
    const mto_asker_method_t *method;
} mto_introspection_written_t;

/* One <MTLSOAuthIssuer> section. */
typedef struct {
    const char                 *issuer;
    const char                 *name;  /* NULL: none */
    const char                 *where; /* "file:line", for messages */
    mto_written_t               written;
    const apr_array_header_t   *audiences;    /* const char *; NULL: MTLSOAuthAudience not written, or any */
    int                         any_audience; /* MTLSOAuthAudience any */
    mto_key_source_t            keys;         /* as written; servers.c finishes it */
    mto_introspection_written_t introspection;
} mto_block_t;

/* One <MTLSOAuthClient> section; texts are NULL when nobody wrote them. */
typedef struct {
    const char       *id;
    const char       *where; /* "file:line", for messages */
    mto_name_kind_t   subject_kind;
    const char       *subject;
    const char       *certificate_file;
    const char       *jwks_file;
    const char       *key_id;
    mto_trust_files_t trust;
} mto_client_section_t;

/* Where a token is looked for. */
typedef struct {
    const char *cookie; /* name of the cookie; NULL: the Authorization header */
} mto_token_source_t;

/* A claim and what it is handed to the back end as. */
typedef struct {
    const char             *name; /* of a variable, or of a header */
    const mto_claim_path_t *path;
} mto_claim_target_t;

/* A resource of RFC 9728: metadata.h. */
typedef struct mto_published_t mto_published_t;

/* What stands in a <Location>, <Directory> or .htaccess. */
typedef struct {
    mto_demand_t              demand;
    const char               *accepted_where; /* "file:line" of MTLSOAuthAcceptIssuers */
    int                       accepted_in_htaccess;
    const apr_array_header_t *token_sources;                   /* mto_token_source_t; NULL: unset, header */
    int                       require_tls;                     /* 1, 0 or MTO_UNSET: on */
    int                       other_clients;                   /* 1: passed on, 0: refused, or MTO_UNSET: refused */
    const apr_array_header_t *claim_variables, *claim_headers; /* mto_claim_target_t; NULL: none */
    mto_published_t          *resource;                        /* MTLSOAuthResource and its like; NULL: none */
    int                       forward_token;                   /* 1, 0 or MTO_UNSET: on */
    int                       preflight;     /* 1: passed without a token, 0: guarded, or MTO_UNSET: guarded */
    const char               *opaque_issuer; /* ISS or NAME; NULL: the server's */
    const char               *opaque_where;  /* "file:line" of it */
    int                       opaque_in_htaccess;
    const char               *mistake; /* what is wrong in an .htaccess, and where; NULL: nothing */
} mto_directory_config_t;

/* An address or network of MTLSOAuthTrustedProxy. */
typedef struct {
    const char     *text;
    apr_ipsubnet_t *subnet;
} mto_trusted_proxy_t;

/* Issuers that a Location names by ISS or NAME, to be checked when all servers are known. */
typedef struct {
    const char               *directive, *where; /* "file:line" */
    const apr_array_header_t *issuers;           /* const char * */
} mto_issuer_names_t;

/* What stands in a server, and what servers.c makes of it. */
typedef struct {
    mto_written_t             written;         /* outside of blocks */
    apr_array_header_t       *blocks;          /* mto_block_t * */
    apr_array_header_t       *issuer_names;    /* mto_issuer_names_t of its Locations */
    mto_block_t              *open_block;      /* the section being read; NULL: none */
    const apr_array_header_t *policies;        /* finished: const mto_policy_t *, each the start of a mto_issuer_t */
    apr_array_header_t       *warnings;        /* mto_warning_t: what is allowed and probably not meant */
    const char               *state_directory; /* MTLSOAuthStateDir of the main server; NULL: unset, "": off */
    apr_array_header_t       *keystores;       /* of the main server: mto_keystore_t *, all there are */
    apr_array_header_t       *watched;         /* of the main server: mto_watched_object_t *, all there are */
    struct mto_log_limit_t   *log_limits;      /* one a refusal, for requests of no known issuer: answer.c */
    apr_array_header_t       *client_sections; /* mto_client_section_t * */
    mto_client_section_t     *open_client;     /* the section being read; NULL: none */
    const char               *clients_file;    /* NULL: none */
    mto_trust_files_t         client_trust_files;
    mto_watched_object_t     *clients;             /* finished: mto_clients_t; NULL: none is registered */
    mto_watched_object_t     *client_trust;        /* finished: mto_trust_t; NULL: none */
    const char               *forward_client_cert; /* header; NULL and "": off */
    mto_counter_slot_t       *counters;            /* of requests of no known issuer; NULL: not counted */
    mto_counter_slot_t       *client_counters;     /* of AuthType TLS-Client-Auth, likewise */
    mto_published_t          *resource;            /* MTLSOAuthResource and its like of the whole server; NULL: none */
    apr_array_header_t       *resources;           /* mto_published_t *: that, and those of Locations */
    apr_array_header_t       *published;           /* finished: mto_published_t * */
    const apr_array_header_t *trusted_proxies;     /* mto_trusted_proxy_t; NULL: unset, none */
    const char               *certificate_header;  /* of trusted proxies; NULL: unset, "": off */
    int                       certificate_format;  /* mto_field_format_t */
    apr_array_header_t       *own_headers; /* const char *: that directives of this server name, besides the former */
    const apr_array_header_t *stripped_headers; /* finished: const char *, that no request may bring in */
    int                       token_cache;      /* entries of MTLSOAuthTokenCache; 0: off; MTO_UNSET: not written */
    mto_token_cache_t        *tokens;           /* of this process; NULL: none are remembered */
    const char               *opaque_issuer;    /* ISS or NAME of the block that opaque tokens fall under; NULL: none */
    const char               *opaque_where;     /* "file:line" of it; NULL: inherited */
    apr_array_header_t *opaque_places;  /* mto_directory_config_t * with an MTLSOAuthOpaqueTokenIssuer of this server */
    apr_array_header_t *askers;         /* of the main server: mto_asker_t *, all there are */
    const char         *deny_file;      /* NULL: none */
    mto_watched_object_t *denied;       /* finished: mto_denylist_t; NULL: none */
    const char           *shared_cache; /* PROVIDER[:ARGS] of the main server; NULL: unset */
    const char           *shared_cache_key; /* file; NULL: none */
} mto_server_config_t;

/* Handler of a directive of context D; returns NULL or the error, in an .htaccess too. */
typedef const char *mto_location_fn(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[]);

extern const command_rec mto_directives[];

/* Hooks of the module record. */
void *mto_server_config_create(apr_pool_t *pool, server_rec *server);
void *mto_directory_config_create(apr_pool_t *pool, char *directory);
void *mto_directory_config_merge(apr_pool_t *pool, void *base, void *over);

/* The module's configuration of a server, and of the place that a request is for; never NULL. A virtual host without
 * any directive of this module shares the main server's. */
mto_server_config_t          *mto_server_config_of(const server_rec *server);
const mto_directory_config_t *mto_directory_config_of(const request_rec *r);

/* Whether that is one of this module's AuthTypes. NULL, which is none, is not. */
int mto_authenticates(const char *auth_type);

#endif
