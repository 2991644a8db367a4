/* What an authorization server says of itself: an RFC 8414 (or OpenID Connect Discovery) document in, the endpoints
 * that are used here out. */
#ifndef MTO_ISSUER_METADATA_H
#define MTO_ISSUER_METADATA_H

#include <stddef.h>

/* Most bytes of a metadata document. */
#define MTO_ISSUER_METADATA_BYTES (256 * 1024)

/* Each owned, NULL: not in the document. Zero-initialised it holds nothing. */
typedef struct {
    char *jwks_uri;
    char *introspection_endpoint;
    char *mtls_introspection_endpoint; /* of mtls_endpoint_aliases (RFC 8705 section 5) */
} mto_issuer_metadata_t;

/* Reads a document that must be about issuer: its issuer (RFC 8414 section 3.3), or where AD FS says
 * access_token_issuer, that, compared byte for byte, and that must name a jwks_uri. Returns NULL or a static text
 * saying why it is refused; *metadata is mto_issuer_metadata_clear's to free in either case. */
const char *mto_issuer_metadata_read(mto_issuer_metadata_t *metadata, const char *json, size_t size,
                                     const char *issuer);

void mto_issuer_metadata_clear(mto_issuer_metadata_t *metadata);

/* The two well-known places of an https issuer's document: RFC 8414 section 3.1 (the well-known part before the
 * issuer's path), and OpenID Connect Discovery section 4 (behind it). Written into out[0..size); returns 0 when it does
 * not fit or the issuer has no host. */
int mto_issuer_metadata_url(char *out, size_t size, const char *issuer);
int mto_issuer_metadata_openid_url(char *out, size_t size, const char *issuer);

#endif
