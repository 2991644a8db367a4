#include "httpd/client_auth.h"

#include "core/base64url.h"
#include "core/client_check.h"
#include "core/parameters.h"
#include "httpd/answer.h"
#include "httpd/form.h"
#include "httpd/registry.h"
#include "httpd/trusted_proxy.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* The parameters that say who the client is: client_id, and what belongs to other methods (RFC 6749 section 2.3.1, RFC
 * 7521 section 4.2). */
static const char *const parameter_names[] = {"client_id", "client_secret", "client_assertion",
                                              "client_assertion_type"};

#define CLIENT_ID  0
#define PARAMETERS (sizeof parameter_names / sizeof parameter_names[0])

/* A client_id as it was sent. */
typedef struct {
    const char *text; /* NULL: none */
    size_t      length;
} client_id_t;

/* What a request says of its client. */
typedef struct {
    mto_parameter_t form[PARAMETERS], query[PARAMETERS];
    const char     *authorization; /* NULL: no such header */
    client_id_t     id;            /* of the form */
    client_id_t     basic[2];      /* of Basic credentials: as they are, and decoded as RFC 6749 section 2.3.1 says */
    int             basic_malformed;
    int             other_means; /* it authenticates in another way, too */
} credentials_t;

/* Takes Basic credentials apart (RFC 7617). A back end may be more generous than this, and read what is malformed here:
 * such a request goes nowhere. Other schemes are not looked at. */
static void read_basic(credentials_t *credentials, request_rec *r)
{
    static const char scheme[] = "Basic";
    const char       *value = credentials->authorization;
    unsigned char    *pair;
    char             *user, *colon;
    size_t            length;
    long              size;

    if (value == NULL || strncasecmp(value, scheme, sizeof scheme - 1) != 0 || apr_isalnum(value[sizeof scheme - 1])) {
        return;
    }
    credentials->basic_malformed = 1;
    value += sizeof scheme - 1;
    length = *value == ' ' ? strlen(++value) : 0;
    pair = apr_palloc(r->pool, MTO_BASE64URL_DECODED_SIZE(length) + 1);
    size = length > 0 ? mto_base64_decode(pair, value, length) : -1;
    if (size <= 0 || memchr(pair, '\0', (size_t)size) != NULL) {
        return;
    }
    user = apr_pstrmemdup(r->pool, (const char *)pair, (apr_size_t)size);
    colon = strchr(user, ':');
    if (colon == NULL) {
        return;
    }
    *colon = '\0';
    credentials->basic[0].text = user;
    credentials->basic[0].length = (size_t)(colon - user);
    credentials->basic_malformed = mto_parameters_decode(&credentials->basic[1].text, &credentials->basic[1].length,
                                                         user, credentials->basic[0].length, r->pool)
                                   != NULL;
}

/* Takes form and query apart. */
static mto_refusal_t read_parameters(credentials_t *credentials, request_rec *r, const mto_form_t *form,
                                     mto_verdict_t *verdict)
{
    const char *query = r->args != NULL ? r->args : "", *wrong;
    size_t      i;

    wrong = mto_parameters_find(credentials->form, parameter_names, PARAMETERS, form->text, form->length, r->pool);
    if (wrong != NULL) {
        return mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "the body has %s", wrong);
    }
    wrong = mto_parameters_find(credentials->query, parameter_names, PARAMETERS, query, strlen(query), r->pool);
    if (wrong != NULL) {
        return mto_verdict_refuse(verdict, MTO_FORM_MALFORMED, "the query has %s", wrong);
    }
    for (i = 0; i < PARAMETERS; i++) {
        if (credentials->form[i].count + credentials->query[i].count > 1) {
            return mto_verdict_refuse(verdict, MTO_CLIENT_ID_REPEATED, "%s occurs %u times%s", parameter_names[i],
                                      credentials->form[i].count + credentials->query[i].count,
                                      credentials->query[i].count > 0 ? ", in the query too" : "");
        }
        if (i != CLIENT_ID && credentials->form[i].length + credentials->query[i].length > 0) {
            credentials->other_means = 1;
        }
    }
    return MTO_ADMITTED;
}

/* Who the client says it is. *status: as mto_form_read. */
static mto_refusal_t read_credentials(credentials_t *credentials, request_rec *r, int *status, mto_verdict_t *verdict)
{
    const mto_form_t *form;

    memset(credentials, 0, sizeof *credentials);
    if (mto_form_read(&form, r, status, verdict) != MTO_ADMITTED
        || read_parameters(credentials, r, form, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    credentials->authorization = apr_table_get(r->headers_in, "Authorization");
    credentials->other_means |= credentials->authorization != NULL;
    read_basic(credentials, r);
    if (credentials->form[CLIENT_ID].length > 0) {
        credentials->id.text = credentials->form[CLIENT_ID].value;
        credentials->id.length = credentials->form[CLIENT_ID].length;
    }
    if (credentials->id.text == NULL && !credentials->other_means) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_ID_MISSING,
                                  credentials->query[CLIENT_ID].count > 0 ? "client_id is in the query, not in the body"
                                                                          : "the body has no client_id");
    }
    return MTO_ADMITTED;
}

/* The client that is registered under an id; NULL: none is. */
static const mto_client_t *find(const mto_clients_t *clients, const client_id_t *id)
{
    return clients != NULL && id->text != NULL ? mto_clients_find(clients, id->text, id->length) : NULL;
}

static int has_certificate_method(const mto_client_t *client)
{
    return client != NULL && client->method != MTO_CLIENT_OTHER;
}

/* The request authenticates by more than the certificate, and one of the clients it names may do so by that alone. */
static mto_refusal_t refuse_mixed(const mto_client_t *client, const credentials_t *credentials, mto_verdict_t *verdict)
{
    return mto_verdict_refuse(
        verdict, MTO_CLIENT_AUTH_MIXED, "the client is registered for %s, and sent %s", client->method_name,
        credentials->authorization != NULL ? "an Authorization header" : "a client_secret or client_assertion");
}

/* Whether the client is one of those registered for a certificate, and the one it says. *other: it is none of them, and
 * neither is whoever a back end might take it for. */
static mto_refusal_t decide(request_rec *r, mto_exchange_t *exchange, const credentials_t *credentials,
                            const mto_clients_t *clients, int *other, mto_verdict_t *verdict)
{
    const mto_client_t *client = find(clients, &credentials->id);
    mto_trust_t        *trust;
    int                 i;

    if (has_certificate_method(client) && credentials->other_means) {
        return refuse_mixed(client, credentials, verdict);
    }
    for (i = 0; i < 2; i++) {
        const mto_client_t *basic = find(clients, &credentials->basic[i]);

        if (has_certificate_method(basic)) {
            return refuse_mixed(basic, credentials, verdict);
        }
    }
    if (credentials->basic_malformed) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_UNKNOWN, "the Basic credentials are malformed");
    }
    if (!has_certificate_method(client)) {
        *other = 1;
        return client != NULL
                   ? mto_verdict_refuse(verdict, MTO_CLIENT_UNKNOWN, "registered for %.60s", client->method_name)
                   : mto_verdict_refuse(verdict, MTO_CLIENT_UNKNOWN, "no such client is registered");
    }
    if (client->method == MTO_CLIENT_TLS) {
        exchange->chain_trust = mto_registry_trust_of(r->server, client);
    }
    exchange->client_method = mto_client_method_name(client->method);
    trust = mto_registry_take_trust(exchange->chain_trust);
    (void)mto_client_check(client, exchange->certificate, trust, apr_time_now(), verdict);
    mto_trust_release(trust);
    return verdict->refusal;
}

int mto_client_authenticate(request_rec *r, const mto_directory_config_t *directory)
{
    mto_exchange_t *exchange = mto_exchange_create(r);
    mto_verdict_t   verdict = MTO_VERDICT_INIT;
    credentials_t   credentials;
    mto_clients_t  *clients;
    int             status, other = 0;

    exchange->is_client_auth = 1;
    if (read_credentials(&credentials, r, &status, &verdict) == MTO_ADMITTED
        && mto_proxy_certificate(&exchange->certificate, &exchange->certificate_forwarded, r, &verdict)
               == MTO_ADMITTED) {
        exchange->client_id = credentials.id.text != NULL ? credentials.id.text : credentials.basic[0].text;
        clients = mto_registry_clients(r->server);
        (void)decide(r, exchange, &credentials, clients, &other, &verdict);
        mto_clients_release(clients);
    }
    if (status != OK && status != HTTP_BAD_REQUEST) {
        return status; /* httpd has answered, or has its own answer */
    }
    if (verdict.refusal == MTO_ADMITTED) {
        return mto_answer_admit_client(r, exchange);
    }
    if (other && directory->other_clients == 1) {
        exchange->passed = 1;
        r->user = (char *)""; /* httpd wants somebody; mto_authorize takes it back */
        return OK;
    }
    return mto_answer_refuse_client(r, exchange, &verdict);
}
