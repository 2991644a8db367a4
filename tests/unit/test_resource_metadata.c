/* resource_metadata: where the document about a resource is, what is in it, and which URLs may be (RFC 9728). */
#include "support.h"

#include "core/algorithm.h"
#include "core/resource_metadata.h"

#include <stdlib.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/oauth-protected-resource"

/* --- Places --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *identifier;
    const char *path; /* NULL: refused */
    const char *url;
} place_t;

static const place_t places[] = {
    {"RFC 9728 section 3.1, no path", "https://resource.example.com", WELL_KNOWN,
     "https://resource.example.com" WELL_KNOWN},
    {"RFC 9728 section 3.1, a slash", "https://resource.example.com/", WELL_KNOWN,
     "https://resource.example.com" WELL_KNOWN},
    {"RFC 9728 section 3.1, a path", "https://resource.example.com/resource1", WELL_KNOWN "/resource1",
     "https://resource.example.com" WELL_KNOWN "/resource1"},
    {"a port and a longer path", "https://a.example:8443/b/c/", WELL_KNOWN "/b/c/",
     "https://a.example:8443" WELL_KNOWN "/b/c/"},
    {"an IPv6 address", "https://[2001:db8::1]/x", WELL_KNOWN "/x", "https://[2001:db8::1]" WELL_KNOWN "/x"},
    {"http", "http://resource.example.com", NULL, NULL},
    {"no scheme", "resource.example.com", NULL, NULL},
    {"no host", "https:///x", NULL, NULL},
    {"nothing", "", NULL, NULL},
    {"a query", "https://a.example/x?y", NULL, NULL},
    {"a fragment", "https://a.example/x#y", NULL, NULL},
    {"a user", "https://bob@a.example/x", NULL, NULL},
    {"a quote", "https://a.example/\"x", NULL, NULL},
    {"a backslash", "https://a.example/\\x", NULL, NULL},
    {"a blank", "https://a.example/x y", NULL, NULL},
    {"a control character", "https://a.example/x\ny", NULL, NULL},
    {"not ASCII", "https://a.example/\xc3\xa9", NULL, NULL},
};

static void document_has_a_place(const void *data)
{
    const place_t *row = data;

    assert_true((mto_resource_check_identifier(row->identifier) == NULL) == (row->path != NULL));
    if (row->path != NULL) {
        assert_string_equal(mto_resource_metadata_path(row->identifier, support_pool()), row->path);
        assert_string_equal(mto_resource_metadata_url(row->identifier, support_pool()), row->url);
    }
}

static void other_urls_are_http(const void *unused)
{
    (void)unused;
    assert_null(mto_resource_check_url("https://a.example/x?y#z"));
    assert_null(mto_resource_check_url("http://a.example"));
    assert_non_null(mto_resource_check_url("javascript://a.example"));
    assert_non_null(mto_resource_check_url("https:///x"));
    assert_non_null(mto_resource_check_url("https://"));
    assert_non_null(mto_resource_check_url("https://a.example/\""));
    assert_non_null(mto_resource_check_url(""));
}

/* --- Documents ------------------------------------------------------------------------------------------------ */

static mto_policy_t policy_of(const char *issuer, const char *name, int use, const char *algorithm)
{
    mto_policy_t policy = {0};

    policy.issuer = issuer;
    policy.name = name;
    policy.settings = mto_settings_default(support_pool());
    policy.settings.use_mutual_tls = use;
    policy.settings.algorithms = mto_algorithm_bit(mto_algorithm_find(algorithm));
    return policy;
}

static const apr_array_header_t *texts_of(const char *text)
{
    apr_array_header_t *texts = apr_array_make(support_pool(), 1, sizeof(const char *));

    APR_ARRAY_PUSH(texts, const char *) = text;
    return texts;
}

static char *written(const mto_resource_t *resource, const mto_resource_facts_t *facts)
{
    const char *document = mto_resource_metadata_write(resource, facts, support_pool());
    json_t     *json = document != NULL ? json_loads(document, JSON_REJECT_DUPLICATES, NULL) : NULL;
    char       *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    json_decref(json);
    return text;
}

static void document_says_what_is_configured(const void *unused)
{
    mto_policy_t         a1 = policy_of("https://a.example", "one", MTO_MUTUAL_TLS_NONE, "ES256");
    mto_policy_t         a2 = policy_of("https://a.example", "two", MTO_MUTUAL_TLS_NONE, "RS256");
    mto_policy_t         b = policy_of("https://b.example", NULL, MTO_MUTUAL_TLS_REQUEST, "PS256");
    apr_array_header_t  *policies = apr_array_make(support_pool(), 3, sizeof(const mto_policy_t *));
    mto_demand_t         demand = {0};
    mto_resource_t       resource = {.identifier = "https://api.example", .name = "Caf\xc3\xa9 \"API\""};
    mto_resource_facts_t facts = {policies, NULL, 1};
    char                *text;

    (void)unused;
    APR_ARRAY_PUSH(policies, const mto_policy_t *) = &a1;
    APR_ARRAY_PUSH(policies, const mto_policy_t *) = &a2;
    APR_ARRAY_PUSH(policies, const mto_policy_t *) = &b;
    resource.scopes = texts_of("read");
    text = written(&resource, &facts);
    assert_string_equal(text, "{\"access_token_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\"],"
                              "\"authorization_servers\":[\"https://a.example\",\"https://b.example\"],"
                              "\"bearer_methods_supported\":[\"header\"],\"resource\":\"https://api.example\","
                              "\"resource_name\":\"Caf\xc3\xa9 \\\"API\\\"\",\"scopes_supported\":[\"read\"],"
                              "\"tls_client_certificate_bound_access_tokens\":true}");
    free(text);
    demand.accepted_issuers = texts_of("two");
    facts.demand = &demand;
    facts.header = 0;
    resource = (mto_resource_t){.identifier = "https://api.example",
                                .documentation = "https://docs.example",
                                .policy_uri = "https://policy.example"};
    text = written(&resource, &facts);
    assert_string_equal(text,
                        "{\"access_token_signing_alg_values_supported\":[\"RS256\"],"
                        "\"authorization_servers\":[\"https://a.example\"],\"bearer_methods_supported\":[],"
                        "\"resource\":\"https://api.example\",\"resource_documentation\":\"https://docs.example\","
                        "\"resource_policy_uri\":\"https://policy.example\","
                        "\"tls_client_certificate_bound_access_tokens\":false}");
    free(text);
    resource.name = "\xff";
    assert_null(mto_resource_metadata_write(&resource, &facts, support_pool()));
}

int main(void)
{
    support_table("RFC 9728 section 3.1", document_has_a_place, TABLE(places));
    support_case("other URLs are http or https", other_urls_are_http);
    support_case("RFC 9728 section 2", document_says_what_is_configured);
    return support_run("resource_metadata");
}
