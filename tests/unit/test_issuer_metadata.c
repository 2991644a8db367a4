/* issuer_metadata: which documents are about an issuer, what is taken from them, where they are looked for (RFC 8414).
 */
#include "support.h"

#include "core/issuer_metadata.h"

#include <stdlib.h>
#include <string.h>

/* --- Documents ---------------------------------------------------------------------------------------------- */

#define ABOUT "\"issuer\":\"" ISSUER "\""
#define KEYS  "\"jwks_uri\":\"https://as.example/jwks\""

#define ANOTHER "it is about another issuer"
#define NO_KEYS "it names no jwks_uri"

typedef struct {
    const char *name;
    const char *json;
    const char *refused; /* NULL: taken */
} document_t;

static const document_t documents[] = {
    {"issuer and jwks_uri", "{" ABOUT "," KEYS "}", NULL},
    {"members that are not used here", "{\"a\":[{}]," ABOUT "," KEYS ",\"scopes_supported\":[\"a\"]}", NULL},
    {"issuer spelled with an escape", "{\"issuer\":\"https:\\/\\/as.example\"," KEYS "}", NULL},
    {"issuer absent", "{" KEYS "}", ANOTHER},
    {"issuer empty", "{\"issuer\":\"\"," KEYS "}", ANOTHER},
    {"issuer null", "{\"issuer\":null," KEYS "}", ANOTHER},
    {"issuer a list", "{\"issuer\":[\"" ISSUER "\"]," KEYS "}", ANOTHER},
    {"issuer in another case", "{\"issuer\":\"https://AS.example\"," KEYS "}", ANOTHER},
    {"issuer with a slash behind", "{\"issuer\":\"" ISSUER "/\"," KEYS "}", ANOTHER},
    {"issuer with a space behind", "{\"issuer\":\"" ISSUER " \"," KEYS "}", ANOTHER},
    {"issuer with its port", "{\"issuer\":\"" ISSUER ":443\"," KEYS "}", ANOTHER},
    {"issuer cut short", "{\"issuer\":\"https://as.exampl\"," KEYS "}", ANOTHER},
    {"issuer over http", "{\"issuer\":\"http://as.example\"," KEYS "}", ANOTHER},
    {"issuer one level down", "{\"a\":{" ABOUT "}," KEYS "}", ANOTHER},
    {"access_token_issuer alone", "{\"access_token_issuer\":\"" ISSUER "\"," KEYS "}", NULL},
    {"access_token_issuer before another issuer",
     "{\"access_token_issuer\":\"" ISSUER "\",\"issuer\":\"https://adfs.example\"," KEYS "}", NULL},
    {"access_token_issuer behind another issuer",
     "{\"issuer\":\"https://adfs.example\"," KEYS ",\"access_token_issuer\":\"" ISSUER "\"}", NULL},
    {"another access_token_issuer beside the issuer",
     "{" ABOUT ",\"access_token_issuer\":\"http://adfs.example\"," KEYS "}", ANOTHER},
    {"access_token_issuer empty", "{" ABOUT ",\"access_token_issuer\":\"\"," KEYS "}", ANOTHER},
    {"jwks_uri absent", "{" ABOUT "}", NO_KEYS},
    {"jwks_uri empty", "{" ABOUT ",\"jwks_uri\":\"\"}", NO_KEYS},
    {"jwks_uri null", "{" ABOUT ",\"jwks_uri\":null}", NO_KEYS},
    {"jwks_uri a list", "{" ABOUT ",\"jwks_uri\":[\"https://as.example/jwks\"]}", NO_KEYS},
    {"jwks_uri a number", "{" ABOUT ",\"jwks_uri\":1}", NO_KEYS},
    {"keys in the document itself", "{" ABOUT ",\"jwks\":{\"keys\":[]}}", NO_KEYS},
    {"jwks_uri in another case", "{" ABOUT ",\"JWKS_URI\":\"https://as.example/jwks\"}", NO_KEYS},
    {"issuer twice", "{\"issuer\":\"https://evil.example\"," ABOUT "," KEYS "}", "a member occurs twice"},
    {"jwks_uri twice", "{" ABOUT "," KEYS "," KEYS "}", "a member occurs twice"},
    {"issuer and its escaped twin", "{\"iss\\u0075er\":\"a\"," ABOUT "," KEYS "}", "a member occurs twice"},
    {"a list", "[{" ABOUT "," KEYS "}]", "not a JSON object"},
    {"a string", "\"" ISSUER "\"", "not JSON"},
    {"nothing", "", "not JSON"},
    {"HTML", "<html>", "not JSON"},
    {"bytes behind", "{" ABOUT "," KEYS "}x", "not JSON"},
    {"issuer with NUL", "{\"issuer\":\"" ISSUER "\\u0000.evil\"," KEYS "}", "a NUL character in a string"},
    {"invalid UTF-8", "{" ABOUT "," KEYS ",\"a\":\"\xff\"}", "not valid UTF-8"},
};

static void assert_text(const char *text, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_string_equal(text, wanted);
}

static void document_is_taken_or_refused(const void *data)
{
    const document_t     *row = data;
    mto_issuer_metadata_t metadata;
    const char           *refused, *uri;

    memset(&metadata, 'x', sizeof metadata);
    refused = mto_issuer_metadata_read(&metadata, row->json, strlen(row->json), ISSUER);
    uri = support_text("%s", metadata.jwks_uri != NULL ? metadata.jwks_uri : "none");
    mto_issuer_metadata_clear(&metadata);
    assert_text(refused, row->refused);
    if (refused == NULL) {
        assert_string_equal(uri, "https://as.example/jwks");
    }
}

/* The document is a slice of something longer, and not terminated. */
static void size_bounds_the_document(const void *unused)
{
    static const char     text[] = "{" ABOUT "," KEYS "}trailing";
    size_t                size = sizeof text - sizeof "trailing";
    char                 *slice = malloc(size);
    mto_issuer_metadata_t metadata;

    (void)unused;
    memcpy(slice, text, size);
    assert_null(mto_issuer_metadata_read(&metadata, slice, size, ISSUER));
    mto_issuer_metadata_clear(&metadata);
    assert_non_null(mto_issuer_metadata_read(&metadata, slice, size - 1, ISSUER));
    mto_issuer_metadata_clear(&metadata);
    free(slice);
}

static void documents_are_bounded(const void *unused)
{
    static const char     text[] = "{" ABOUT "," KEYS "}";
    char                 *large = malloc(MTO_ISSUER_METADATA_BYTES + 1);
    mto_issuer_metadata_t metadata;

    (void)unused;
    memset(large, ' ', MTO_ISSUER_METADATA_BYTES + 1);
    memcpy(large, text, sizeof text - 1);
    assert_null(mto_issuer_metadata_read(&metadata, large, MTO_ISSUER_METADATA_BYTES, ISSUER));
    mto_issuer_metadata_clear(&metadata);
    assert_text(mto_issuer_metadata_read(&metadata, large, MTO_ISSUER_METADATA_BYTES + 1, ISSUER),
                "larger than 256 KiB");
    mto_issuer_metadata_clear(&metadata);
    free(large);
}

/* --- Endpoints ---------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *members;
    const char *introspection;
    const char *mtls_introspection;
} endpoints_t;

static const endpoints_t endpoints[] = {
    {"none", "", NULL, NULL},
    {"introspection_endpoint", ",\"introspection_endpoint\":\"https://as.example/i\"", "https://as.example/i", NULL},
    {"its alias", ",\"mtls_endpoint_aliases\":{\"introspection_endpoint\":\"https://mtls.as.example/i\"}", NULL,
     "https://mtls.as.example/i"},
    {"both",
     ",\"introspection_endpoint\":\"https://as.example/i\","
     "\"mtls_endpoint_aliases\":{\"introspection_endpoint\":\"https://mtls.as.example/i\"}",
     "https://as.example/i", "https://mtls.as.example/i"},
    {"aliases of others", ",\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://mtls.as.example/t\"}", NULL, NULL},
    {"jwks_uri among the aliases", ",\"mtls_endpoint_aliases\":{\"jwks_uri\":\"https://evil.example\"}", NULL, NULL},
    {"aliases a list", ",\"mtls_endpoint_aliases\":[\"https://mtls.as.example/i\"]", NULL, NULL},
    {"aliases a string", ",\"mtls_endpoint_aliases\":\"https://mtls.as.example/i\"", NULL, NULL},
    {"aliases null", ",\"mtls_endpoint_aliases\":null", NULL, NULL},
    {"introspection_endpoint a number", ",\"introspection_endpoint\":1", NULL, NULL},
    {"its alias a number", ",\"mtls_endpoint_aliases\":{\"introspection_endpoint\":1}", NULL, NULL},
};

static void endpoints_are_taken(const void *data)
{
    const endpoints_t    *row = data;
    const char           *json = support_text("{" ABOUT "," KEYS "%s}", row->members);
    char                 *copy = strdup(json);
    mto_issuer_metadata_t metadata;

    assert_null(mto_issuer_metadata_read(&metadata, copy, strlen(copy), ISSUER));
    memset(copy, 'x', strlen(copy)); /* nothing points into the document */
    free(copy);
    assert_text(metadata.jwks_uri, "https://as.example/jwks");
    assert_text(metadata.introspection_endpoint, row->introspection);
    assert_text(metadata.mtls_introspection_endpoint, row->mtls_introspection);
    mto_issuer_metadata_clear(&metadata);
}

static void cleared_metadata_holds_nothing(const void *unused)
{
    static const char     text[] = "{" ABOUT "," KEYS ",\"introspection_endpoint\":\"a\"}";
    mto_issuer_metadata_t metadata = {NULL, NULL, NULL};

    (void)unused;
    mto_issuer_metadata_clear(&metadata);
    assert_null(mto_issuer_metadata_read(&metadata, text, sizeof text - 1, ISSUER));
    mto_issuer_metadata_clear(&metadata);
    assert_null(metadata.jwks_uri);
    assert_null(metadata.introspection_endpoint);
    assert_null(metadata.mtls_introspection_endpoint);
    mto_issuer_metadata_clear(&metadata);
}

/* --- Well-known places -------------------------------------------------------------------------------------- */

#define OAUTH  "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"

typedef struct {
    const char *name;
    const char *issuer;
    const char *oauth; /* NULL: there is none */
    const char *openid;
} place_t;

static const place_t places[] = {
    {"no path", "https://as.example", "https://as.example" OAUTH, "https://as.example" OPENID},
    {"a slash alone", "https://as.example/", "https://as.example" OAUTH, "https://as.example" OPENID},
    {"a path", "https://as.example/issuer1", "https://as.example" OAUTH "/issuer1",
     "https://as.example/issuer1" OPENID},
    {"a path with a slash behind", "https://as.example/issuer1/", "https://as.example" OAUTH "/issuer1",
     "https://as.example/issuer1" OPENID},
    {"several segments", "https://as.example/realms/a/b", "https://as.example" OAUTH "/realms/a/b",
     "https://as.example/realms/a/b" OPENID},
    {"several segments with a slash behind", "https://as.example/realms/a/", "https://as.example" OAUTH "/realms/a",
     "https://as.example/realms/a" OPENID},
    {"a port", "https://as.example:8443", "https://as.example:8443" OAUTH, "https://as.example:8443" OPENID},
    {"a port and a path", "https://as.example:8443/a", "https://as.example:8443" OAUTH "/a",
     "https://as.example:8443/a" OPENID},
    {"a port and a slash", "https://as.example:8443/", "https://as.example:8443" OAUTH,
     "https://as.example:8443" OPENID},
    {"an IPv6 address", "https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443" OAUTH "/a",
     "https://[2001:db8::1]:8443/a" OPENID},
    {"a path that is escaped", "https://as.example/a%2Fb", "https://as.example" OAUTH "/a%2Fb",
     "https://as.example/a%2Fb" OPENID},
    {"a path with a colon and slashes", "https://as.example/https://b", "https://as.example" OAUTH "/https://b",
     "https://as.example/https://b" OPENID},
    {"upper case stays", "https://AS.example/Issuer", "https://AS.example" OAUTH "/Issuer",
     "https://AS.example/Issuer" OPENID},
    {"no host", "https://", NULL, NULL},
    {"no host before a path", "https:///issuer1", NULL, NULL},
    {"no host before a port", "https://:8443/issuer1", NULL, NULL},
    {"no host before a query", "https://?a", NULL, NULL},
    {"no host before a fragment", "https://#a", NULL, NULL},
    {"no scheme", "as.example", NULL, NULL},
    {"a path alone", "/issuer1", NULL, NULL},
    {"a URN", "urn:issuer", NULL, NULL},
    {"empty", "", NULL, NULL},
};

typedef int url_fn(char *out, size_t size, const char *issuer);

/* The buffer is of the heap, so that AddressSanitizer sees what lies behind. */
static int writes(url_fn *url_of, const char *issuer, size_t size, const char *wanted)
{
    char *out = malloc(size);
    int   ok = url_of(out, size, issuer) != 0, is_wanted = ok && wanted != NULL && strcmp(out, wanted) == 0;

    free(out);
    assert_int_equal(is_wanted, ok);
    return ok;
}

static void check_url(url_fn *url_of, const char *issuer, const char *wanted)
{
    size_t size = wanted != NULL ? strlen(wanted) + 1 : 200, less;

    assert_int_equal(writes(url_of, issuer, size, wanted), wanted != NULL);
    for (less = 1; less < size; less++) {
        assert_int_equal(writes(url_of, issuer, less, wanted), 0);
    }
}

static void oauth_place_is_before_the_path(const void *data)
{
    const place_t *row = data;

    check_url(mto_issuer_metadata_url, row->issuer, row->oauth);
}

static void openid_place_is_behind_the_path(const void *data)
{
    const place_t *row = data;

    check_url(mto_issuer_metadata_openid_url, row->issuer, row->openid);
}

int main(void)
{
    support_table("RFC 8414 section 3.3, documents", document_is_taken_or_refused, TABLE(documents));
    support_case("the size bounds the document", size_bounds_the_document);
    support_case("DESIGN section 7, at most 256 KiB", documents_are_bounded);
    support_table("RFC 8705 section 5, endpoints", endpoints_are_taken, TABLE(endpoints));
    support_case("cleared metadata holds nothing", cleared_metadata_holds_nothing);
    support_table("RFC 8414 section 3.1, well-known URL", oauth_place_is_before_the_path, TABLE(places));
    support_table("OpenID Connect Discovery section 4, well-known URL", openid_place_is_behind_the_path, TABLE(places));
    return support_run("issuer_metadata");
}
