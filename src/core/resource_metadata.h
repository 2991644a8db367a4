/* What this server says of a protected resource: an RFC 9728 document out. */
#ifndef MTO_RESOURCE_METADATA_H
#define MTO_RESOURCE_METADATA_H

#include "core/policy.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* The directives about one resource; what is NULL is left out of the document. */
typedef struct {
    const char               *identifier; /* an https URL (RFC 9728 section 1.2) */
    const char               *name, *documentation, *policy_uri;
    const apr_array_header_t *scopes; /* const char * */
} mto_resource_t;

/* What is known of it beside that. */
typedef struct {
    const apr_array_header_t *policies; /* const mto_policy_t *: of the server */
    const mto_demand_t       *demand;   /* of the place; NULL: none */
    int                       header;   /* tokens are taken from the Authorization header */
} mto_resource_facts_t;

/* What is wrong with a resource identifier, or with another URL of a document: NULL, or a static text. An identifier is
 * https, without fragment, and here also without query; all must be fit for a quoted string. */
const char *mto_resource_check_identifier(const char *identifier);
const char *mto_resource_check_url(const char *url);

/* The path, and the URL, of the document about a resource (RFC 9728 section 3.1: the well-known part between host and
 * path). From pool; the identifier has been found good. */
const char *mto_resource_metadata_path(const char *identifier, apr_pool_t *pool);
const char *mto_resource_metadata_url(const char *identifier, apr_pool_t *pool);

/* The document (RFC 9728 section 2), from pool; NULL: a text in it is not UTF-8, or no memory. Signature algorithms of
 * access tokens are a member of their own, which section 2 allows: resource_signing_alg_values_supported is about
 * responses that a resource signs. */
const char *mto_resource_metadata_write(const mto_resource_t *resource, const mto_resource_facts_t *facts,
                                        apr_pool_t *pool);

#endif
