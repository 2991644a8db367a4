#include "httpd/registry.h"

#include <apr_strings.h>
#include <string.h>

/* --- Trusts ------------------------------------------------------------------------------------------------------- */

const mto_trust_directives_t mto_binding_trust_directives = {"MTLSOAuthBindingCACertificateFile",
                                                             "MTLSOAuthBindingCRLFile"};
const mto_trust_directives_t mto_client_trust_directives = {"MTLSOAuthClientCACertificateFile",
                                                            "MTLSOAuthClientCRLFile"};

/* baton: whether the second text is there. */
static void *make_trust(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                        char reason[MTO_WATCHED_REASON_SIZE])
{
    const char  *why = NULL;
    int          has_crl = baton != NULL;
    mto_trust_t *trust = mto_trust_create(texts[0], sizes[0], has_crl ? texts[1] : NULL, has_crl ? sizes[1] : 0, &why);

    if (trust == NULL) {
        *wrong = has_crl && strstr(why, "CRL") != NULL;
        apr_snprintf(reason, MTO_WATCHED_REASON_SIZE, "%s", why);
    }
    return trust;
}

static void *retain_trust(void *trust)
{
    return mto_trust_retain(trust);
}

static void release_trust(void *trust)
{
    mto_trust_release(trust);
}

static const mto_object_class_t trust_class = {make_trust, retain_trust, release_trust};

/* Adds an object to those that the main server watches. */
static void watch(const mto_registry_t *registry, mto_watched_object_t *object)
{
    APR_ARRAY_PUSH(mto_server_config_of(registry->main_server)->watched, mto_watched_object_t *) = object;
}

static void add_file(apr_array_header_t *files, const char *directive, const char *name, size_t most)
{
    mto_object_file_t *file = apr_array_push(files);

    file->directive = directive;
    file->name = name;
    file->most = most;
}

const char *mto_registry_check_trust(const mto_registry_t *registry, const mto_trust_files_t *files,
                                     const mto_trust_directives_t *directives)
{
    return files->ca_file != NULL || files->crl_file == NULL
               ? NULL
               : apr_psprintf(registry->pool, "%s %s: belongs to the %s of the same place; add that there",
                              directives->crl_file, files->crl_file, directives->ca_file);
}

mto_watched_object_t *mto_registry_trust(const mto_registry_t *registry, const mto_trust_files_t *files,
                                         const mto_trust_directives_t *directives, const char **error)
{
    const apr_array_header_t *watched = mto_server_config_of(registry->main_server)->watched;
    apr_array_header_t       *list = apr_array_make(registry->pool, 2, sizeof(mto_object_file_t));
    mto_watched_object_t     *object;
    int                       i;

    *error = mto_registry_check_trust(registry, files, directives);
    if (files->ca_file == NULL) {
        return NULL;
    }
    add_file(list, directives->ca_file, files->ca_file, MTO_TRUST_CA_BYTES);
    if (files->crl_file != NULL) {
        add_file(list, directives->crl_file, files->crl_file, MTO_TRUST_CRL_BYTES);
    }
    for (i = 0; i < watched->nelts; i++) {
        object = APR_ARRAY_IDX(watched, i, mto_watched_object_t *);
        if (mto_watched_object_is(object, &trust_class, list)) {
            return object;
        }
    }
    object = mto_watched_object_create(&trust_class, files->crl_file, list, error, registry->pool);
    if (object != NULL) {
        watch(registry, object);
    }
    return object;
}

mto_trust_t *mto_registry_take_trust(mto_watched_object_t *trust)
{
    return trust != NULL ? mto_watched_object_get(trust) : NULL;
}

/* --- Clients ------------------------------------------------------------------------------------------------------ */

/* What the clients of one server are made of. */
typedef struct {
    int                   has_file;      /* the first text is MTLSOAuthClientsFile's */
    apr_array_header_t   *registrations; /* mto_registration_t without what stands in files */
    apr_array_header_t   *sections;      /* const mto_client_section_t *, one for each registration */
    mto_watched_object_t *trust;         /* the server's; NULL: none */
} plan_t;

/* Adds one section; the next of the texts is its file's, if it has one. Returns 0 with reason. */
static int add_section(mto_clients_t *clients, const plan_t *plan, int i, char *const texts[], int *text,
                       char reason[MTO_CLIENT_REASON_SIZE])
{
    mto_registration_t          registration = APR_ARRAY_IDX(plan->registrations, i, mto_registration_t);
    const mto_client_section_t *section = APR_ARRAY_IDX(plan->sections, i, const mto_client_section_t *);
    char                        why[MTO_CLIENT_REASON_SIZE];

    registration.certificate = section->certificate_file != NULL ? texts[*text] : NULL;
    registration.jwks = section->jwks_file != NULL ? texts[*text] : NULL;
    if (!mto_clients_add(clients, &registration, why)) {
        apr_snprintf(reason, MTO_CLIENT_REASON_SIZE, "%s: <MTLSOAuthClient %s>: %s%s%s", section->where, section->id,
                     why, section->key_id != NULL ? "; MTLSOAuthClientKeyID " : "",
                     section->key_id != NULL ? section->key_id : "");
        return 0;
    }
    *text += section->subject == NULL;
    return 1;
}

/* baton: the plan. */
static void *make_clients(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                          char reason[MTO_WATCHED_REASON_SIZE])
{
    const plan_t       *plan = baton;
    mto_clients_t      *clients = mto_clients_create();
    const mto_client_t *without;
    int                 text = 0, good = clients != NULL, i;

    *wrong = 0;
    if (!good) {
        apr_snprintf(reason, MTO_WATCHED_REASON_SIZE, "out of memory");
    }
    if (good && plan->has_file) {
        good = mto_clients_add_json(clients, texts[0], sizes[0], reason);
        text = 1;
    }
    for (i = 0; good && i < plan->sections->nelts; i++) {
        *wrong = APR_ARRAY_IDX(plan->sections, i, const mto_client_section_t *)->subject == NULL ? text : -1;
        good = add_section(clients, plan, i, texts, &text, reason);
    }
    without = good && plan->trust == NULL ? mto_clients_without_trust(clients) : NULL;
    if (without != NULL) {
        *wrong = plan->has_file ? 0 : -1;
        apr_snprintf(reason, MTO_WATCHED_REASON_SIZE,
                     "client %s is registered for tls_client_auth, and no CA is; add MTLSOAuthClientCACertificateFile",
                     without->id);
        good = 0;
    }
    if (!good) {
        mto_clients_release(clients);
        return NULL;
    }
    return clients;
}

static void *retain_clients(void *clients)
{
    return mto_clients_retain(clients);
}

static void release_clients(void *clients)
{
    mto_clients_release(clients);
}

static const mto_object_class_t clients_class = {make_clients, retain_clients, release_clients};

static int is_in(const mto_client_section_t *section, const apr_array_header_t *sections)
{
    int i;

    for (i = 0; i < sections->nelts; i++) {
        if (strcmp(section->id, APR_ARRAY_IDX(sections, i, const mto_client_section_t *)->id) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Own sections, then those of the main server whose client has none here. */
static apr_array_header_t *sections_of(const mto_registry_t *registry, const server_rec *server)
{
    const apr_array_header_t *own = mto_server_config_of(server)->client_sections;
    const apr_array_header_t *inherited = mto_server_config_of(registry->main_server)->client_sections;
    apr_array_header_t       *sections = apr_array_copy(registry->pool, own);
    int                       i;

    for (i = 0; inherited != own && i < inherited->nelts; i++) {
        const mto_client_section_t *section = APR_ARRAY_IDX(inherited, i, const mto_client_section_t *);

        if (!is_in(section, own)) {
            APR_ARRAY_PUSH(sections, const mto_client_section_t *) = section;
        }
    }
    return sections;
}

/* Adds a section to the plan and its file to files. Returns NULL or what is wrong. */
static const char *plan_section(const mto_registry_t *registry, plan_t *plan, const mto_client_section_t *section,
                                apr_array_header_t *files)
{
    mto_registration_t *registration = apr_array_push(plan->registrations);
    const char         *error;

    memset(registration, 0, sizeof *registration);
    registration->id = section->id;
    registration->subject_kind = section->subject_kind;
    registration->subject = section->subject;
    registration->key_id = section->key_id;
    registration->trust = mto_registry_trust(registry, &section->trust, &mto_client_trust_directives, &error);
    if (section->certificate_file != NULL) {
        add_file(files, "MTLSOAuthClientCertificateFile", section->certificate_file, MTO_TRUST_CA_BYTES);
    }
    if (section->jwks_file != NULL) {
        add_file(files, "MTLSOAuthClientJWKSFile", section->jwks_file, MTO_TRUST_CA_BYTES);
    }
    return error == NULL
               ? NULL
               : apr_psprintf(registry->pool, "%s: <MTLSOAuthClient %s>: %s", section->where, section->id, error);
}

const char *mto_registry_finish(const mto_registry_t *registry, server_rec *server)
{
    mto_server_config_t       *config = mto_server_config_of(server);
    const mto_server_config_t *outer = mto_server_config_of(registry->main_server);
    apr_array_header_t        *files = apr_array_make(registry->pool, 4, sizeof(mto_object_file_t));
    plan_t                    *plan = apr_pcalloc(registry->pool, sizeof *plan);
    const mto_trust_files_t   *trust = &config->client_trust_files;
    const char *clients_file = config->clients_file != NULL ? config->clients_file : outer->clients_file, *error;
    int         i;

    /* A CRL goes with the CAs of the same place. */
    if (trust->ca_file == NULL && trust->crl_file == NULL) {
        trust = &outer->client_trust_files;
    }
    config->client_trust = plan->trust = mto_registry_trust(registry, trust, &mto_client_trust_directives, &error);
    if (error == NULL && config != outer && config->clients_file == NULL && config->client_sections->nelts == 0
        && trust == &outer->client_trust_files) {
        config->clients = outer->clients;
        return NULL;
    }
    plan->sections = sections_of(registry, server);
    plan->registrations = apr_array_make(registry->pool, 4, sizeof(mto_registration_t));
    plan->has_file = clients_file != NULL;
    if (plan->has_file) {
        add_file(files, "MTLSOAuthClientsFile", clients_file, MTO_CLIENTS_BYTES);
    }
    for (i = 0; error == NULL && i < plan->sections->nelts; i++) {
        error = plan_section(registry, plan, APR_ARRAY_IDX(plan->sections, i, const mto_client_section_t *), files);
    }
    if (error != NULL || (!plan->has_file && plan->sections->nelts == 0)) {
        return error;
    }
    config->clients = mto_watched_object_create(&clients_class, plan, files, &error, registry->pool);
    if (config->clients == NULL) {
        return error;
    }
    watch(registry, config->clients);
    return NULL;
}

mto_clients_t *mto_registry_clients(const server_rec *server)
{
    mto_watched_object_t *clients = mto_server_config_of(server)->clients;

    return clients != NULL ? mto_watched_object_get(clients) : NULL;
}

mto_watched_object_t *mto_registry_trust_of(const server_rec *server, const mto_client_t *client)
{
    /* The set does not look into what the registration left with it. */
    return client->trust != NULL ? (mto_watched_object_t *)client->trust : mto_server_config_of(server)->client_trust;
}
