/* mtls-oauth check-client: may this certificate speak for this client, and what is in the way when it may not. */
#include "input.h"
#include "verb.h"

#include "core/base64url.h"
#include "core/client_check.h"
#include "core/distinguished_name.h"

#include <openssl/x509.h>
#include <string.h>

/* Room for one attribute, and for all alternative names of a certificate that are shown. */
#define ATTRIBUTE_SIZE    1200
#define ALTERNATIVES_SIZE 8192

typedef struct {
    const char       *clients_file, *client_id, *certificate_file, *ca_file, *crl_file;
    const apr_time_t *at;
} check_client_t;

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* A name of one attribute; the caller frees it. */
static X509_NAME *single(const X509_NAME_ENTRY *entry)
{
    X509_NAME *name = X509_NAME_new();

    if (name != NULL) {
        (void)X509_NAME_add_entry(name, entry, -1, 0);
    }
    return name;
}

static int is_equal(const X509_NAME_ENTRY *a, const X509_NAME_ENTRY *b)
{
    X509_NAME *first = single(a), *second = single(b);
    int        equal = first != NULL && second != NULL && mto_distinguished_name_equals(first, second);

    X509_NAME_free(first);
    X509_NAME_free(second);
    return equal;
}

/* A line about an attribute; shown (NULL: none) is what the certificate has instead. */
static void print_attribute(const char *word, const X509_NAME_ENTRY *entry, const X509_NAME_ENTRY *shown)
{
    X509_NAME *names[] = {single(entry), shown != NULL ? single(shown) : NULL};
    char       text[ATTRIBUTE_SIZE];

    (void)printf("  %-9s  ", word);
    if (names[0] != NULL) {
        mto_distinguished_name_describe(names[0], text, sizeof text);
        mto_print_text(stdout, text);
    }
    if (names[1] != NULL) {
        mto_distinguished_name_describe(names[1], text, sizeof text);
        (void)fputs("  the certificate has  ", stdout);
        mto_print_text(stdout, text);
    }
    (void)puts("");
    X509_NAME_free(names[0]);
    X509_NAME_free(names[1]);
}

/* The first attribute of RDN `rdn` that is not taken, equal to wanted (NULL: any); -1: there is none. */
static int find_attribute(const X509_NAME *name, int rdn, const char *taken, const X509_NAME_ENTRY *wanted)
{
    int i;

    for (i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);

        if (X509_NAME_ENTRY_set(entry) == rdn && !taken[i] && (wanted == NULL || is_equal(entry, wanted))) {
            return i;
        }
    }
    return -1;
}

/* One RDN: what is equal first, then the others side by side. */
static void compare_rdn(const X509_NAME *registered, char *told, const X509_NAME *shown, char *taken, int rdn)
{
    int i, at;

    for (i = 0; i < X509_NAME_entry_count(registered); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(registered, i);

        if (X509_NAME_ENTRY_set(entry) == rdn && (at = find_attribute(shown, rdn, taken, entry)) >= 0) {
            told[i] = taken[at] = 1;
            print_attribute("equal", entry, NULL);
        }
    }
    while ((i = find_attribute(registered, rdn, told, NULL)) >= 0) {
        at = find_attribute(shown, rdn, taken, NULL);
        print_attribute(at >= 0 ? "differs" : "missing", X509_NAME_get_entry(registered, i),
                        at >= 0 ? X509_NAME_get_entry(shown, at) : NULL);
        told[i] = 1;
        if (at >= 0) {
            taken[at] = 1;
        }
    }
    while ((at = find_attribute(shown, rdn, taken, NULL)) >= 0) {
        print_attribute("more", X509_NAME_get_entry(shown, at), NULL);
        taken[at] = 1;
    }
}

/* The number of RDNs. */
static int rdn_count(const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name);

    return count > 0 ? X509_NAME_ENTRY_set(X509_NAME_get_entry(name, count - 1)) + 1 : 0;
}

static void compare_subject(const char *value, const X509 *x509, apr_pool_t *pool)
{
    X509_NAME       *registered = mto_distinguished_name_read(value);
    const X509_NAME *shown = X509_get_subject_name(x509);
    char            *told, *taken;
    int              rdn;

    if (registered == NULL) {
        return;
    }
    told = apr_pcalloc(pool, (size_t)X509_NAME_entry_count(registered) + 1);
    taken = apr_pcalloc(pool, (size_t)X509_NAME_entry_count(shown) + 1);
    for (rdn = 0; rdn < rdn_count(registered) || rdn < rdn_count(shown); rdn++) {
        compare_rdn(registered, told, shown, taken, rdn);
    }
    X509_NAME_free(registered);
}

static void print_names(const mto_client_t *client, const mto_certificate_t *certificate, apr_pool_t *pool)
{
    const unsigned char *end = certificate->der;
    X509                *x509 = d2i_X509(NULL, &end, (long)certificate->der_size);
    char                 shown[ALTERNATIVES_SIZE];

    if (x509 == NULL) {
        return;
    }
    mto_name_describe(x509, client->subject_kind, shown, sizeof shown);
    (void)printf("registered   %s %s\nshown        %s ", mto_name_word(client->subject_kind), client->subject,
                 mto_name_word(client->subject_kind));
    mto_print_text(stdout, shown);
    (void)printf("\nname         %s\n",
                 mto_name_matches(x509, client->subject_kind, client->subject) ? "equal" : "differs");
    if (client->subject_kind == MTO_NAME_DN) {
        compare_subject(client->subject, x509, pool);
    }
    X509_free(x509);
}

/* --- The answer --------------------------------------------------------------------------------------------------- */

static void print_chain(mto_trust_t *trust, const mto_certificate_t *certificate, apr_time_t now)
{
    static const char *const words[] = {
        [MTO_CHAIN_GOOD] = "good",
        [MTO_CHAIN_UNTRUSTED] = "untrusted",
        [MTO_CHAIN_EXPIRED] = "expired",
        [MTO_CHAIN_REVOKED] = "revoked",
    };
    char        detail[ATTRIBUTE_SIZE] = "there is no --ca";
    mto_chain_t chain = MTO_CHAIN_UNTRUSTED;

    if (trust != NULL) {
        chain = mto_trust_verify(trust, certificate, now, detail, sizeof detail);
    }
    (void)printf("chain        %s%s", words[chain], detail[0] != '\0' ? ": " : "");
    mto_print_text(stdout, detail);
    (void)puts("");
}

static void print_registered(const mto_client_t *client, const mto_certificate_t *certificate)
{
    char     x5t[MTO_X5T_TEXT_LENGTH + 1];
    unsigned i;

    for (i = 0; i < client->certificate_count; i++) {
        const mto_registered_certificate_t *registered = &client->certificates[i];
        int is_shown = certificate != NULL && memcmp(registered->x5t, certificate->x5t, MTO_X5T_SIZE) == 0;

        mto_base64url_encode(x5t, registered->x5t, MTO_X5T_SIZE);
        (void)printf("registered   %s %s%s", x5t, is_shown ? "equal" : "differs",
                     registered->kid != NULL ? " kid " : "");
        mto_print_text(stdout, registered->kid != NULL ? registered->kid : "");
        (void)puts("");
    }
}

/* client: NULL when it is not registered, which the verdict says, too. */
static int print_verdict(const mto_client_t *client, const mto_verdict_t *verdict)
{
    (void)puts("");
    if (client == NULL || verdict->refusal != MTO_ADMITTED) {
        return mto_print_refusal(verdict);
    }
    (void)printf("admitted\nrule         %s\n", client->method == MTO_CLIENT_TLS
                                                    ? mto_name_member(client->subject_kind)
                                                    : "the certificate is one of those registered");
    return MTO_EXIT_OK;
}

/* certificate: NULL when none is shown. */
static int answer(const mto_clients_t *clients, const check_client_t *check, const mto_certificate_t *certificate,
                  mto_trust_t *trust, apr_pool_t *pool)
{
    const mto_client_t *client = mto_clients_find(clients, check->client_id, strlen(check->client_id));
    apr_time_t          now = check->at != NULL ? *check->at : apr_time_now();
    char                time[MTO_TIME_TEXT_SIZE], x5t[MTO_X5T_TEXT_LENGTH + 1] = "none (no --cert)";
    mto_verdict_t       verdict = MTO_VERDICT_INIT;

    if (certificate != NULL) {
        mto_certificate_x5t_text(certificate, x5t);
    }
    (void)fputs("client       ", stdout);
    mto_print_text(stdout, check->client_id);
    (void)fputs("\nmethod       ", stdout);
    mto_print_text(stdout, client != NULL ? client->method_name : "none: not registered");
    (void)printf("\ncertificate  %s\ntime         %s%s\n", x5t, mto_time_text(time, now),
                 check->at != NULL ? " (--at)" : "");
    if (client == NULL) {
        (void)mto_verdict_refuse(&verdict, MTO_CLIENT_UNKNOWN, "not in %.100s", check->clients_file);
        return print_verdict(client, &verdict);
    }
    if (client->method == MTO_CLIENT_TLS && certificate != NULL) {
        print_chain(trust, certificate, now);
        print_names(client, certificate, pool);
    }
    else if (client->method == MTO_CLIENT_SELF_SIGNED) {
        print_registered(client, certificate);
    }
    (void)mto_client_check(client, certificate, trust, now, &verdict);
    return print_verdict(client, &verdict);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

/* NULL: there are none, which has been said then. */
static mto_clients_t *read_clients(const char *path, apr_pool_t *pool)
{
    size_t         length;
    const char    *json = mto_input_read_most(path, MTO_CLIENTS_BYTES, &length, pool);
    mto_clients_t *clients = json != NULL ? mto_clients_create() : NULL;
    char           reason[MTO_CLIENT_REASON_SIZE] = "out of memory";

    if (json != NULL && (clients == NULL || !mto_clients_add_json(clients, json, length, reason))) {
        mto_complain("%s: %s", path, reason);
        mto_clients_release(clients);
        clients = NULL;
    }
    return clients;
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    const check_client_t *check = request;
    mto_certificate_t     certificate;
    mto_clients_t        *clients;
    mto_trust_t          *trust = NULL;
    int                   code = MTO_EXIT_USAGE;

    (void)operand;
    if (check->crl_file != NULL && check->ca_file == NULL) {
        return mto_complain("--crl without --ca");
    }
    clients = read_clients(check->clients_file, pool);
    if (clients != NULL
        && (check->certificate_file == NULL || mto_input_certificate(&certificate, check->certificate_file, pool))
        && (check->ca_file == NULL || (trust = mto_input_trust(check->ca_file, check->crl_file, pool)) != NULL)) {
        code = answer(clients, check, check->certificate_file != NULL ? &certificate : NULL, trust, pool);
    }
    mto_trust_release(trust);
    mto_clients_release(clients);
    return code;
}

static const mto_option_t options[] = {
    {"clients", "FILE", "the registered clients, as in MTLSOAuthClientsFile", mto_option_text,
     offsetof(check_client_t, clients_file), MTO_OPTION_REQUIRED},
    {"client-id", "ID", "the client_id of the request", mto_option_text, offsetof(check_client_t, client_id),
     MTO_OPTION_REQUIRED},
    {"cert", "FILE", "the client's certificate, PEM or DER; default: the client shows none", mto_option_text,
     offsetof(check_client_t, certificate_file), 0},
    {"ca", "FILE", "CA certificates, as in MTLSOAuthClientCACertificateFile; default: nobody is trusted",
     mto_option_text, offsetof(check_client_t, ca_file), 0},
    {"crl", "FILE", "CRLs, as in MTLSOAuthClientCRLFile; default: revocation is not looked at", mto_option_text,
     offsetof(check_client_t, crl_file), 0},
    {"at", "TIME", "decide as of then: seconds since 1970 or 2024-12-31T23:59:59Z; default: now", mto_option_time,
     offsetof(check_client_t, at), 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const mto_verb_t mto_check_client_verb = {
    .name = "check-client",
    .operand = NULL,
    .summary = "Tell whether a certificate may speak for a client, and what differs.",
    .help = "Exit code: 0 admitted, 1 refused, 2 a mistake on the command line or unreadable input.\n",
    .options = options,
    .request_size = sizeof(check_client_t),
    .run = run,
};
