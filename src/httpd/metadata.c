#include "httpd/metadata.h"

#include "httpd/section.h"
#include "httpd/values.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

#define HANDLER "mtls-oauth-metadata"

/* --- Directives --------------------------------------------------------------------------------------------------- */

/* The directives whose value is one text, and what that must be. */
static const struct {
    const char *directive;
    size_t      offset; /* of a const char * in mto_resource_t */
    const char *(*check)(const char *value);
    const char *remedy;
} texts[] = {
    {"MTLSOAuthResource", offsetof(mto_resource_t, identifier), mto_resource_check_identifier,
     "; write for example https://api.example.com"},
    {"MTLSOAuthResourceName", offsetof(mto_resource_t, name), NULL, NULL},
    {"MTLSOAuthResourceDocumentation", offsetof(mto_resource_t, documentation), mto_resource_check_url, ""},
    {"MTLSOAuthResourcePolicyURI", offsetof(mto_resource_t, policy_uri), mto_resource_check_url, ""},
};

/* The resource that a directive is about, made at the first one. */
static mto_published_t *resource_of(cmd_parms *cmd, mto_directory_config_t *directory)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    mto_published_t    **resource = directory != NULL ? &directory->resource : &server->resource;

    if (*resource == NULL) {
        *resource = apr_pcalloc(cmd->pool, sizeof **resource);
        (*resource)->directory = directory;
        (*resource)->where = mto_value_where(cmd);
        APR_ARRAY_PUSH(server->resources, mto_published_t *) = *resource;
    }
    return *resource;
}

/* MTLSOAuthResourceScopes. */
static const char *set_scopes(cmd_parms *cmd, mto_resource_t *resource, int argc, char *const argv[])
{
    const char *error;

    if (resource->scopes != NULL) {
        return mto_value_twice(cmd);
    }
    resource->scopes = mto_value_texts(cmd, argc, argv, &error);
    return resource->scopes != NULL ? NULL : error;
}

const char *mto_metadata_set(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[])
{
    const char     *value = mto_value_given(cmd, argc, argv), *error = mto_section_outside(cmd, value), *wrong;
    mto_resource_t *resource;
    size_t          i = 0;

    if (error != NULL) {
        return error;
    }
    resource = &resource_of(cmd, directory)->resource;
    while (i < sizeof texts / sizeof texts[0] && strcasecmp(texts[i].directive, cmd->cmd->name) != 0) {
        i++;
    }
    if (i == sizeof texts / sizeof texts[0]) {
        return set_scopes(cmd, resource, argc, argv);
    }
    if (argc != 1 || *value == '\0') {
        return mto_value_error(cmd, value, "takes one value; put one with blanks in quotes");
    }
    wrong = texts[i].check != NULL ? texts[i].check(value) : NULL;
    return wrong == NULL ? mto_value_once(cmd, mto_value_member(resource, texts[i].offset), value)
                         : mto_value_error(cmd, value, apr_pstrcat(cmd->pool, wrong, texts[i].remedy, NULL));
}

/* --- Finishing ---------------------------------------------------------------------------------------------------- */

static mto_published_t *at(const apr_array_header_t *resources, int i)
{
    return APR_ARRAY_IDX(resources, i, mto_published_t *);
}

/* Whether tokens are taken from the Authorization header there. */
static int takes_header(const mto_directory_config_t *directory)
{
    const apr_array_header_t *sources = directory != NULL ? directory->token_sources : NULL;
    int                       i;

    for (i = 0; sources != NULL && i < sources->nelts; i++) {
        if (APR_ARRAY_IDX(sources, i, const mto_token_source_t).cookie == NULL) {
            return 1;
        }
    }
    return sources == NULL;
}

/* Adds the finished form of a resource. Returns NULL, or what is wrong. */
static const char *publish(mto_server_config_t *config, const mto_published_t *source, int is_own, apr_pool_t *pool)
{
    mto_published_t     *published = apr_pmemdup(pool, source, sizeof *source);
    mto_resource_facts_t facts = {config->policies, NULL, takes_header(source->directory)};
    int                  i;

    if (source->resource.identifier == NULL) {
        return apr_pstrcat(pool, source->where,
                           ": MTLSOAuthResourceName and its like stand without MTLSOAuthResource; add it beside them",
                           NULL);
    }
    facts.demand = source->directory != NULL ? &source->directory->demand : NULL;
    published->source = source;
    published->path = mto_resource_metadata_path(source->resource.identifier, pool);
    published->url = mto_resource_metadata_url(source->resource.identifier, pool);
    published->document = mto_resource_metadata_write(&source->resource, &facts, pool);
    if (published->document == NULL) {
        return apr_pstrcat(pool, source->where, ": MTLSOAuthResource ", source->resource.identifier,
                           ": a text about it is not UTF-8; write it so", NULL);
    }
    for (i = 0; i < config->published->nelts; i++) {
        if (strcmp(at(config->published, i)->path, published->path) == 0) {
            return is_own ? apr_pstrcat(pool, source->where, ": MTLSOAuthResource ", source->resource.identifier,
                                        ": would be published where that at ", at(config->published, i)->where,
                                        " is; give each its own path", NULL)
                          : NULL; /* the server's own stands before that of the main server */
        }
    }
    APR_ARRAY_PUSH(config->published, mto_published_t *) = published;
    return NULL;
}

const char *mto_metadata_finish(server_rec *server, const server_rec *main_server, apr_pool_t *pool)
{
    mto_server_config_t      *config = mto_server_config_of(server);
    const apr_array_header_t *lists[] = {config->resources, mto_server_config_of(main_server)->resources};
    const char               *error = NULL;
    int                       i, list;

    config->published = apr_array_make(pool, 2, sizeof(mto_published_t *));
    for (list = 0; list < 2 && (list == 0 || lists[1] != lists[0]); list++) {
        for (i = 0; error == NULL && i < lists[list]->nelts; i++) {
            error = publish(config, at(lists[list], i), list == 0, pool);
        }
    }
    if (config->resource == NULL) {
        config->resource = mto_server_config_of(main_server)->resource;
    }
    return error;
}

/* --- At a request ------------------------------------------------------------------------------------------------- */

/* The document about the place that r is for; NULL: none. */
static const mto_published_t *document_of(const request_rec *r)
{
    const mto_server_config_t *config = mto_server_config_of(r->server);
    const mto_published_t     *resource = mto_directory_config_of(r)->resource;
    int                        i;

    if (resource == NULL) {
        resource = config->resource;
    }
    for (i = 0; resource != NULL && i < config->published->nelts; i++) {
        if (at(config->published, i)->source == resource) {
            return at(config->published, i);
        }
    }
    return NULL;
}

const char *mto_metadata_url(const request_rec *r)
{
    const mto_published_t *document = document_of(r);

    return document != NULL ? document->url : NULL;
}

static int send_document(request_rec *r, const char *document)
{
    int status;

    if (r->method_number != M_GET) { /* HEAD is one, too */
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if ((status = ap_discard_request_body(r)) != OK) {
        return status;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)strlen(document));
    ap_rputs(document, r);
    return OK;
}

int mto_metadata_publish(request_rec *r, int lookup)
{
    const apr_array_header_t *published = mto_server_config_of(r->server)->published;
    int                       i;

    for (i = 0; !lookup && r->uri != NULL && i < published->nelts; i++) {
        if (strcmp(r->uri, at(published, i)->path) == 0) {
            ap_run_insert_filter(r); /* nobody else does here; Header lines of the server are for this answer as well */
            return send_document(r, at(published, i)->document);
        }
    }
    return DECLINED;
}

int mto_metadata_handle(request_rec *r)
{
    const mto_published_t *document;

    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    document = document_of(r);
    if (document == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "SetHandler " HANDLER " without MTLSOAuthResource for this place; add it");
        return HTTP_NOT_FOUND;
    }
    return send_document(r, document->document);
}
