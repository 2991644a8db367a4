/* RFC 9728: what a protected resource says of itself, published and named in challenges. */
#ifndef MTO_METADATA_H
#define MTO_METADATA_H

#include "core/resource_metadata.h"
#include "httpd/directives.h"

#include <httpd.h>

/* A resource of a server or of a place in it. */
struct mto_published_t {
    mto_resource_t                resource;
    const mto_directory_config_t *directory;             /* where it was written; NULL: for the whole server */
    const char                   *where;                 /* "file:line" of its first directive */
    const struct mto_published_t *source;                /* finished: what it was made of */
    const char                   *path, *url, *document; /* finished */
};

/* Handler of MTLSOAuthResource, MTLSOAuthResourceName and their like; directory is NULL for the whole server. */
mto_location_fn mto_metadata_set;

/* Finishes the documents of a server, when its policies are: of its own resources and of those of the main server,
 * whose Locations hold in every server. Returns NULL, or what is wrong with one. */
const char *mto_metadata_finish(server_rec *server, const server_rec *main_server, apr_pool_t *pool);

/* The URL that a challenge for r names as resource_metadata (RFC 9728 section 5.1); NULL: none. */
const char *mto_metadata_url(const request_rec *r);

/* Answers GET and HEAD for a document at its well-known path, whoever asks: before anything else looks at the request,
 * so that neither access control nor a proxy to elsewhere is in the way. Hook quick_handler. */
int mto_metadata_publish(request_rec *r, int lookup);

/* The same for "SetHandler mtls-oauth-metadata", wherever that stands. Hook handler. */
int mto_metadata_handle(request_rec *r);

#endif
