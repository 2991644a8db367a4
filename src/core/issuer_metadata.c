#include "core/issuer_metadata.h"

#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mto_issuer_metadata_read(mto_issuer_metadata_t *metadata, const char *json, size_t size, const char *issuer)
{
    const char *reason, *says;
    json_t     *document;

    memset(metadata, 0, sizeof *metadata);
    if (size > MTO_ISSUER_METADATA_BYTES) {
        return "larger than 256 KiB";
    }
    document = mto_json_read_object(json, size, &reason);
    if (document == NULL) {
        return reason;
    }
    says = mto_json_string(document, "access_token_issuer");
    if (says == NULL) {
        says = mto_json_string(document, "issuer");
    }
    reason = NULL;
    if (!mto_json_copy(document, "jwks_uri", &metadata->jwks_uri)
        || !mto_json_copy(document, "introspection_endpoint", &metadata->introspection_endpoint)
        || !mto_json_copy(json_object_get(document, "mtls_endpoint_aliases"), "introspection_endpoint",
                          &metadata->mtls_introspection_endpoint)) {
        reason = "out of memory";
    }
    else if (says == NULL || strcmp(says, issuer) != 0) {
        reason = "it is about another issuer";
    }
    else if (metadata->jwks_uri == NULL || *metadata->jwks_uri == '\0') {
        reason = "it names no jwks_uri";
    }
    json_decref(document);
    return reason;
}

void mto_issuer_metadata_clear(mto_issuer_metadata_t *metadata)
{
    free(metadata->jwks_uri);
    free(metadata->introspection_endpoint);
    free(metadata->mtls_introspection_endpoint);
    memset(metadata, 0, sizeof *metadata);
}

/* The issuer's path, without the slashes at its end, and how long it is; NULL: the issuer has no host. */
static const char *path_of(const char *issuer, size_t *size)
{
    const char *host = strstr(issuer, "://"), *path;

    if (host == NULL || host[3] == '\0' || strchr("/:?#", host[3]) != NULL) {
        return NULL;
    }
    path = host + 3 + strcspn(host + 3, "/?#");
    *size = strcspn(path, "?#");
    while (*size > 0 && path[*size - 1] == '/') {
        --*size;
    }
    return path;
}

static int fits(int written, size_t size)
{
    return written > 0 && (size_t)written < size;
}

int mto_issuer_metadata_url(char *out, size_t size, const char *issuer)
{
    size_t      path_size;
    const char *path = path_of(issuer, &path_size);

    return path != NULL
           && fits(snprintf(out, size, "%.*s/.well-known/oauth-authorization-server%.*s", (int)(path - issuer), issuer,
                            (int)path_size, path),
                   size);
}

int mto_issuer_metadata_openid_url(char *out, size_t size, const char *issuer)
{
    size_t      path_size;
    const char *path = path_of(issuer, &path_size);

    return path != NULL
           && fits(snprintf(out, size, "%.*s/.well-known/openid-configuration", (int)(path - issuer + (long)path_size),
                            issuer),
                   size);
}
