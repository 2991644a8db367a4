#include "core/client_check.h"

#include "core/base64url.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

/* What a detail has room for of a name. */
#define SHOWN_SIZE 70

/* The certificate whole; NULL: it is none. */
static X509 *parse(const mto_certificate_t *certificate)
{
    const unsigned char *end = certificate->der;
    X509                *x509 = d2i_X509(NULL, &end, (long)certificate->der_size);

    ERR_clear_error();
    return x509;
}

static mto_refusal_t check_tls(const mto_client_t *client, const mto_certificate_t *certificate, mto_trust_t *trust,
                               apr_time_t now, mto_verdict_t *verdict)
{
    char  detail[MTO_DETAIL_SIZE], shown[SHOWN_SIZE];
    X509 *x509;
    int   matches;

    if (trust == NULL) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_UNTRUSTED, "there is no CA certificate to trust");
    }
    if (mto_trust_verify(trust, certificate, now, detail, sizeof detail) != MTO_CHAIN_GOOD) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_UNTRUSTED, "%s", detail);
    }
    x509 = parse(certificate);
    if (x509 == NULL) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_UNTRUSTED, "the certificate cannot be read");
    }
    matches = mto_name_matches(x509, client->subject_kind, client->subject);
    if (!matches) {
        mto_name_describe(x509, client->subject_kind, shown, sizeof shown);
        (void)mto_verdict_refuse(verdict, MTO_CLIENT_SUBJECT_MISMATCH, "%s: registered %.*s, shown %s",
                                 mto_name_word(client->subject_kind), SHOWN_SIZE, client->subject, shown);
    }
    X509_free(x509);
    return matches ? MTO_ADMITTED : verdict->refusal;
}

static int has_key(const mto_certificate_t *certificate, const unsigned char key[MTO_THUMBPRINT_SIZE])
{
    X509           *x509 = parse(certificate);
    const EVP_PKEY *pkey = x509 != NULL ? X509_get0_pubkey(x509) : NULL;
    unsigned char   thumbprint[MTO_THUMBPRINT_SIZE];
    int             ok =
        pkey != NULL && mto_public_key_thumbprint(thumbprint, pkey) && memcmp(thumbprint, key, sizeof thumbprint) == 0;

    X509_free(x509);
    ERR_clear_error();
    return ok;
}

static mto_refusal_t check_self_signed(const mto_client_t *client, const mto_certificate_t *certificate,
                                       mto_verdict_t *verdict)
{
    char     shown[MTO_X5T_TEXT_LENGTH + 1], first[MTO_X5T_TEXT_LENGTH + 1];
    unsigned i, found = 0;

    /* A certificate may have been registered twice, once with the right key. */
    for (i = 0; i < client->certificate_count; i++) {
        const mto_registered_certificate_t *registered = &client->certificates[i];

        if (memcmp(registered->x5t, certificate->x5t, MTO_X5T_SIZE) == 0) {
            if (!registered->has_key || has_key(certificate, registered->key)) {
                return MTO_ADMITTED;
            }
            found = 1;
        }
    }
    if (found) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_CERTIFICATE_UNREGISTERED,
                                  "the certificate is registered, but its JWK has another key than the certificate");
    }
    mto_certificate_x5t_text(certificate, shown);
    mto_base64url_encode(first, client->certificates[0].x5t, MTO_X5T_SIZE);
    return mto_verdict_refuse(verdict, MTO_CLIENT_CERTIFICATE_UNREGISTERED, "x5t#S256 shown %s, registered %s%s", shown,
                              first, client->certificate_count > 1 ? " and others" : "");
}

mto_refusal_t mto_client_check(const mto_client_t *client, const mto_certificate_t *certificate, mto_trust_t *trust,
                               apr_time_t now, mto_verdict_t *verdict)
{
    if (client->method == MTO_CLIENT_OTHER) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_UNKNOWN, "registered for %.60s", client->method_name);
    }
    if (certificate == NULL) {
        return mto_verdict_refuse(verdict, MTO_CLIENT_CERTIFICATE_MISSING, "the client showed no certificate");
    }
    errno = 0;
    (void)(client->method == MTO_CLIENT_TLS ? check_tls(client, certificate, trust, now, verdict)
                                            : check_self_signed(client, certificate, verdict));
    return mto_verdict_mind_memory(verdict);
}
