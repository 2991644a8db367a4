#include "core/resource_metadata.h"

#include "core/json_memory.h"

#include "core/algorithm.h"

#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME     "https://"
#define WELL_KNOWN "/.well-known/oauth-protected-resource"

/* --- URLs --------------------------------------------------------------------------------------------------------- */

/* RFC 3986 section 2: what a URL is written with; a quote or a backslash is not among it. */
static int has_only_url_characters(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text >= 0x7f || strchr("\"\\<>^`{|}", *text) != NULL) {
            return 0;
        }
    }
    return 1;
}

const char *mto_resource_check_url(const char *url)
{
    const char *host = strstr(url, "://");

    return host != NULL && (strncmp(url, "https", 5) == 0 || strncmp(url, "http", 4) == 0) && host[3] != '\0'
                   && host[3] != '/' && has_only_url_characters(url)
               ? NULL
               : "is not an http or https URL";
}

const char *mto_resource_check_identifier(const char *identifier)
{
    const char *host = identifier + sizeof SCHEME - 1;

    if (strncmp(identifier, SCHEME, sizeof SCHEME - 1) != 0 || *host == '\0' || strchr("/?#:@", *host) != NULL) {
        return "is not an https URL";
    }
    if (!has_only_url_characters(identifier) || strpbrk(host, "?#@") != NULL) {
        return "has a query, a fragment, a user name or a character that does not belong into a URL";
    }
    return NULL;
}

/* Without a slash that is all of it. */
static const char *path_of(const char *identifier)
{
    const char *path = identifier + sizeof SCHEME - 1 + strcspn(identifier + sizeof SCHEME - 1, "/");

    return strcmp(path, "/") == 0 ? "" : path;
}

const char *mto_resource_metadata_path(const char *identifier, apr_pool_t *pool)
{
    return apr_pstrcat(pool, WELL_KNOWN, path_of(identifier), NULL);
}

const char *mto_resource_metadata_url(const char *identifier, apr_pool_t *pool)
{
    size_t origin = sizeof SCHEME - 1 + strcspn(identifier + sizeof SCHEME - 1, "/");

    return apr_pstrcat(pool, apr_pstrmemdup(pool, identifier, origin), WELL_KNOWN, path_of(identifier), NULL);
}

/* --- The document ------------------------------------------------------------------------------------------------- */

/* Sets a member, which takes over value. Returns 0 when either is not to be had. */
static int set(json_t *document, const char *member, json_t *value)
{
    return json_object_set_new(document, member, value) == 0;
}

static int set_text(json_t *document, const char *member, const char *text)
{
    return text == NULL || set(document, member, json_string(text));
}

/* Section 3.2: a list without elements is left out. Takes over list. */
static int set_list(json_t *document, const char *member, json_t *list)
{
    if (list != NULL && json_array_size(list) == 0) {
        json_decref(list);
        return 1;
    }
    return set(document, member, list);
}

static int has(const json_t *list, const char *text)
{
    const json_t *element;
    size_t        i;

    json_array_foreach(list, i, element)
    {
        if (strcmp(json_string_value(element), text) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_accepted(const mto_policy_t *policy, const mto_resource_facts_t *facts)
{
    return facts->demand == NULL || facts->demand->accepted_issuers == NULL
           || mto_policy_is_one_of(policy, facts->demand->accepted_issuers);
}

/* Returns 0 for a text that is not UTF-8, and without memory. */
static int append(json_t *list, const char *text)
{
    return json_array_append_new(list, json_string(text)) == 0;
}

/* What the accepted policies say: issuers, each once; algorithms of any; whether any looks at certificates. */
static int set_policies(json_t *document, const mto_resource_facts_t *facts)
{
    json_t  *issuers = json_array(), *names = json_array();
    unsigned algorithms = 0;
    int      i, ok = 1, bound = facts->demand != NULL && facts->demand->requires_mutual_tls;

    for (i = 0; i < facts->policies->nelts; i++) {
        const mto_policy_t *policy = APR_ARRAY_IDX(facts->policies, i, const mto_policy_t *);

        if (is_accepted(policy, facts)) {
            algorithms |= policy->settings.algorithms;
            bound |= policy->settings.use_mutual_tls != MTO_MUTUAL_TLS_NONE;
            if (!has(issuers, policy->issuer)) {
                ok &= append(issuers, policy->issuer);
            }
        }
    }
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        if ((algorithms & mto_algorithm_bit(mto_algorithm_at(i))) != 0) {
            ok &= append(names, mto_algorithm_at(i)->name);
        }
    }
    ok &= set_list(document, "authorization_servers", issuers);
    ok &= set_list(document, "access_token_signing_alg_values_supported", names);
    return ok & set(document, "tls_client_certificate_bound_access_tokens", json_boolean(bound));
}

static int set_texts(json_t *document, const char *member, const apr_array_header_t *texts)
{
    json_t *list = json_array();
    int     i, ok = 1;

    for (i = 0; texts != NULL && i < texts->nelts; i++) {
        ok &= append(list, APR_ARRAY_IDX(texts, i, const char *));
    }
    return set_list(document, member, list) & ok;
}

const char *mto_resource_metadata_write(const mto_resource_t *resource, const mto_resource_facts_t *facts,
                                        apr_pool_t *pool)
{
    mto_json_memory_t memory;
    int               ok = mto_json_memory_begin(&memory);
    json_t           *document = json_object(), *methods = json_array();
    char             *text = NULL;
    const char       *kept = NULL;

    ok &= !facts->header || append(methods, "header");
    /* Section 2: an empty list says that there is none of the methods of RFC 6750. */
    ok &= set(document, "bearer_methods_supported", methods);
    if (ok && set_text(document, "resource", resource->identifier) && set_policies(document, facts)
        && set_texts(document, "scopes_supported", resource->scopes)
        && set_text(document, "resource_name", resource->name)
        && set_text(document, "resource_documentation", resource->documentation)
        && set_text(document, "resource_policy_uri", resource->policy_uri)) {
        text = json_dumps(document, JSON_INDENT(2) | JSON_SORT_KEYS);
    }
    mto_json_memory_end(&memory);
    mto_json_memory_end(&memory);
    json_decref(document);
    if (text != NULL) {
        kept = apr_pstrcat(pool, text, "\n", NULL);
        free(text);
    }
    return kept;
}
