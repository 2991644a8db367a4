/* We as the client that asks an issuer about tokens (RFC 7662 section 2.1): where, as whom, and the request. */
#ifndef MTO_INTROSPECTION_CLIENT_H
#define MTO_INTROSPECTION_CLIENT_H

#include "io/fetch.h"
#include "io/keystore.h"
#include "io/outgoing.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* Bytes of what tells the answers for one asker from those for another. */
#define MTO_ASKER_IDENTITY_SIZE 32

/* Most bytes of a client secret and of a URL. */
#define MTO_CLIENT_SECRET_SIZE     1024
#define MTO_INTROSPECTION_URL_SIZE 2048

/* How we authenticate (RFC 7591 section 2, RFC 8705 section 2). */
typedef struct {
    const char *word; /* as in token_endpoint_auth_method */
    int         needs_secret;
    int         needs_certificate;
    int         in_header; /* id and secret go into Authorization (RFC 6749 section 2.3.1) */
} mto_asker_method_t;

/* client_secret_basic, client_secret_post, tls_client_auth, self_signed_tls_client_auth; ends with a NULL word. */
extern const mto_asker_method_t mto_asker_methods[];

/* What a block says about it; must outlive the asker. */
typedef struct {
    const char               *issuer;
    const apr_array_header_t *audiences; /* const char *; NULL: any */
    const char               *uri;       /* NULL: the one of the issuer's metadata */
    const char               *client_id;
    const char               *secret_file; /* NULL: none */
    const mto_asker_method_t *method;
    mto_source_settings_t     outgoing;
} mto_asker_settings_t;

/* The asker of a block, and how its issuer has answered lately. */
typedef struct mto_asker_t mto_asker_t;

/* Reads the files that settings name. store: the issuer's, for its metadata. Lives as long as pool. Returns NULL with
 * *error, from pool, naming directive, file and reason. */
mto_asker_t *mto_asker_create(const mto_asker_settings_t *settings, mto_keystore_t *store, const char **error,
                              apr_pool_t *pool);

const mto_asker_settings_t *mto_asker_settings(const mto_asker_t *asker);

/* SHA-256 over issuer, audiences, URI and client id: answers for one are answers for all that have the same. */
const unsigned char *mto_asker_identity(const mto_asker_t *asker);

/* SHA-256 over all settings: two askers of one keystore with the same are one. */
void mto_asker_key(const mto_asker_settings_t *settings, unsigned char key[MTO_ASKER_IDENTITY_SIZE], apr_pool_t *pool);

/* Where to ask, into url; 0: the issuer's metadata has not been seen yet, or names no endpoint. Any thread. */
int mto_asker_url(const mto_asker_t *asker, char url[MTO_INTROSPECTION_URL_SIZE]);

/* A request about a token: the form, and the headers around it. */
typedef struct {
    char       *body;
    size_t      size;
    char       *authorization; /* header with its name; NULL: none */
    const char *headers[4];    /* for mto_post_t */
} mto_asker_request_t;

/* Makes the request, with secret and files as they are by now; what is wrong with a file that changed is told, and what
 * it held before stays in use. One thread only. Returns 0 when out of memory. *request is mto_asker_request_clear's to
 * free in either case. */
int mto_asker_request(mto_asker_t *asker, mto_asker_request_t *request, const char *token, size_t length,
                      mto_says_fn *say, void *baton);

/* How to go out, after mto_asker_request. The same thread. */
mto_outgoing_t mto_asker_outgoing(const mto_asker_t *asker);

/* Wipes and frees. */
void mto_asker_request_clear(mto_asker_request_t *request);

#endif
