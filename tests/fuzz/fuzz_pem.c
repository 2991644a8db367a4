/* PEM texts. The first byte says where one is read: the client's certificate from mod_ssl, an issuer's key, CA
 * certificates, CRLs, a client's certificate in the configuration. What is taken as a certificate is one, and comes
 * back when it is written; a key is the one of its thumbprint. */
#include "harness.h"

#include "../unit/hierarchy.h"

#include "core/client.h"
#include "core/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static const char       *ca;
static mto_certificate_t certificate;

void fuzz_prepare(void)
{
    ca = ca_both();
    certificate = certificate_der(leaf());
}

static void check_certificate(const char *data, size_t size)
{
    const char       *pem = fuzz_text(data, size), *again;
    mto_certificate_t read, reread;

    if (mto_certificate_read_pem(&read, pem, support_pool())) {
        const unsigned char *end = read.der;
        X509                *own = d2i_X509(NULL, &end, (long)read.der_size);

        CHECK(read.der[0] == 0x30 && strlen(read.x5t_text) == MTO_X5T_TEXT_LENGTH);
        ERR_clear_error();
        if (own != NULL) {
            again = certificates_pem(own, NULL);
            CHECK(mto_certificate_read_pem(&reread, again, support_pool()));
        }
        X509_free(own);
    }
}

static void check_key(const char *data, size_t size)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *wrong = mto_keyset_add_pem(set, data, size, "k", NULL);
    size_t        count;

    mto_keyset_seal(set);
    CHECK(mto_keyset_count(set) == (wrong == NULL));
    if (wrong == NULL) {
        unsigned char    thumbprint[MTO_THUMBPRINT_SIZE];
        const mto_key_t *key = mto_keyset_find_kid(set, "k", &count);

        CHECK(key != NULL && count == 1 && mto_public_key_thumbprint(thumbprint, key->pkey));
        CHECK(memcmp(thumbprint, key->thumbprint, sizeof thumbprint) == 0);
    }
    mto_keyset_release(set);
}

/* A trust, if it is made: it vouches for the leaf only when it has one of the CAs above it. */
static void check_trust(const char *ca_text, size_t ca_size, const char *crl, size_t crl_size)
{
    const char  *reason = NULL;
    mto_trust_t *trust = mto_trust_create(ca_text, ca_size, crl, crl_size, &reason);
    char         detail[100];

    CHECK((trust != NULL) == (reason == NULL));
    if (trust != NULL) {
        (void)mto_trust_verify(trust, &certificate, NOW, detail, sizeof detail);
        CHECK(fuzz_is_plain_but_cut(detail));
    }
    mto_trust_release(trust);
}

static void check_ca(const char *data, size_t size)
{
    check_trust(data, size, NULL, 0);
}

static void check_crl(const char *data, size_t size)
{
    check_trust(ca, strlen(ca), data, size);
}

/* The first certificate of a text, by OpenSSL; NULL: it finds none. */
static X509 *first_of(const char *pem)
{
    BIO  *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ERR_clear_error();
    return x509;
}

static void check_client(const char *data, size_t size)
{
    mto_registration_t registration = {.id = "app", .certificate = fuzz_text(data, size)};
    mto_clients_t     *clients = mto_clients_create();
    char               reason[MTO_CLIENT_REASON_SIZE];
    int                taken = mto_clients_add(clients, &registration, reason);

    CHECK(taken == (mto_clients_count(clients) == 1) && taken == (reason[0] == '\0'));
    if (taken) {
        X509 *x509 = first_of(registration.certificate);

        CHECK(x509 != NULL);
        X509_free(x509);
    }
    mto_clients_release(clients);
}

void fuzz_one(const char *data, size_t size)
{
    static void (*const checks[])(const char *data, size_t size) = {check_certificate, check_key, check_ca, check_crl,
                                                                    check_client};
    unsigned choice = fuzz_choice(&data, &size, 5);

    checks[choice](data, size);
}
