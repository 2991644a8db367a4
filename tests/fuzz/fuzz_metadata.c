/* An issuer's metadata document: a line with the issuer, then the document. One that is taken is about that issuer and
 * names keys; the well-known places are places of the issuer's host. */
#include "harness.h"

#include "core/issuer_metadata.h"
#include "core/json.h"

#include <string.h>

/* Of every issuer whose document is looked for. */
#define SCHEME "https://"

void fuzz_prepare(void)
{
}

/* All owned strings are those of the document. */
static void check_member(const json_t *object, const char *member, const char *value)
{
    const char *says = mto_json_string(object, member);

    CHECK(says == NULL ? value == NULL : strcmp(says, value) == 0);
}

static void check_document(const char *issuer, const char *data, size_t size)
{
    mto_issuer_metadata_t metadata;
    const char           *reason, *wrong = mto_issuer_metadata_read(&metadata, data, size, issuer), *says;
    json_t               *document = mto_json_read_object(data, size, &reason);

    CHECK(wrong == NULL || wrong[0] != '\0');
    if (wrong == NULL) {
        says = mto_json_string(document, "access_token_issuer");
        says = says != NULL ? says : mto_json_string(document, "issuer");
        CHECK(says != NULL && strcmp(says, issuer) == 0);
        CHECK(metadata.jwks_uri != NULL && metadata.jwks_uri[0] != '\0');
        check_member(document, "jwks_uri", metadata.jwks_uri);
        check_member(document, "introspection_endpoint", metadata.introspection_endpoint);
        check_member(json_object_get(document, "mtls_endpoint_aliases"), "introspection_endpoint",
                     metadata.mtls_introspection_endpoint);
    }
    mto_issuer_metadata_clear(&metadata);
    json_decref(document);
}

static void check_url(int (*make)(char *out, size_t size, const char *issuer), const char *issuer)
{
    char  *whole = apr_palloc(support_pool(), strlen(issuer) + 100), *small;
    size_t length, host = sizeof SCHEME - 1;

    if (!make(whole, strlen(issuer) + 100, issuer) || strncmp(issuer, SCHEME, host) != 0) {
        return;
    }
    length = strlen(whole);
    host += strcspn(issuer + host, "/?#");
    CHECK(strncmp(whole, issuer, host) == 0 && whole[host] == '/');
    CHECK(strstr(whole + host, "/.well-known/") != NULL && strpbrk(whole, "?#") == NULL);
    small = apr_palloc(support_pool(), length + 1);
    CHECK(make(small, length + 1, issuer) && strcmp(small, whole) == 0);
    CHECK(!make(small, length, issuer));
}

void fuzz_one(const char *data, size_t size)
{
    const char *issuer = fuzz_line_text(&data, &size);

    check_document(issuer, data, size);
    check_url(mto_issuer_metadata_url, issuer);
    check_url(mto_issuer_metadata_openid_url, issuer);
}
