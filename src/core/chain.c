#include "core/distinguished_name.h"
#include "core/trust_private.h"

#include <apr_strings.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What OpenSSL calls 112 bits of security: RSA of 2048 bits, no SHA-1. */
#define AUTH_LEVEL 2

static_assert(MTO_CHAIN_MEMO_LINKS == MTO_TRUST_DEPTH + 1, "a verdict holds the longest chain");

/* --- How long a verdict holds ------------------------------------------------------------------------------------- */

/* Narrows the period to that in which both certificate and time say the same. */
static void narrow(mto_period_t *period, int64_t from, int64_t until)
{
    period->from = from > period->from ? from : period->from;
    period->until = until < period->until ? until : period->until;
}

/* The verdict of a good chain and how long it holds: while each of its certificates is valid, and no CRL comes into
 * force or ends. */
static void describe_good(const mto_trust_t *trust, X509_STORE_CTX *context, const mto_certificate_t *leaf,
                          int64_t second, mto_chain_verdict_t *good)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    size_t i;
    int    depth;

    memset(good, 0, sizeof *good);
    memcpy(good->x5t, leaf->x5t, MTO_X5T_SIZE);
    good->period = (mto_period_t){INT64_MIN, INT64_MAX};
    for (depth = 0; depth < sk_X509_num(chain); depth++) {
        const X509 *link = sk_X509_value(chain, depth);

        narrow(&good->period, mto_trust_seconds(X509_get0_notBefore(link)),
               mto_trust_seconds(X509_get0_notAfter(link)));
        for (i = 0; depth > 0 && i < trust->ca_count; i++) {
            if (trust->ca[i].x509 == link && good->link_count < MTO_CHAIN_MEMO_LINKS) {
                good->links[good->link_count++] = (uint16_t)i;
                break;
            }
        }
    }
    for (i = 0; i < trust->change_count; i++) {
        if (trust->changes[i] <= second) {
            narrow(&good->period, trust->changes[i], INT64_MAX);
        }
        else {
            narrow(&good->period, INT64_MIN, trust->changes[i]);
        }
    }
}

/* --- Verifying ---------------------------------------------------------------------------------------------------- */

#define NAME_SIZE 100

static void describe_time(const ASN1_TIME *time, char text[24])
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(text, 24, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        (void)snprintf(text, 24, "an unknown time");
    }
}

/* The reason of a refusal, with the certificate or CRL that it is about. */
static void describe(X509_STORE_CTX *context, char *detail, size_t size)
{
    X509     *certificate = X509_STORE_CTX_get_current_cert(context);
    X509_CRL *crl = X509_STORE_CTX_get0_current_crl(context);
    int       error = X509_STORE_CTX_get_error(context);
    char      subject[NAME_SIZE] = "none", issuer[NAME_SIZE] = "none", time[24];

    if (certificate != NULL) {
        mto_distinguished_name_describe(X509_get_subject_name(certificate), subject, sizeof subject);
        mto_distinguished_name_describe(X509_get_issuer_name(certificate), issuer, sizeof issuer);
    }
    if (error == X509_V_ERR_CERT_HAS_EXPIRED && certificate != NULL) {
        describe_time(X509_get0_notAfter(certificate), time);
        (void)snprintf(detail, size, "the certificate of %s ended at %s", subject, time);
    }
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID && certificate != NULL) {
        describe_time(X509_get0_notBefore(certificate), time);
        (void)snprintf(detail, size, "the certificate of %s begins at %s", subject, time);
    }
    else if (error == X509_V_ERR_CRL_HAS_EXPIRED && crl != NULL) {
        describe_time(X509_CRL_get0_nextUpdate(crl), time);
        (void)snprintf(detail, size, "the CRL of %s ended at %s", issuer, time);
    }
    else if (error == X509_V_ERR_CRL_NOT_YET_VALID && crl != NULL) {
        describe_time(X509_CRL_get0_lastUpdate(crl), time);
        (void)snprintf(detail, size, "the CRL of %s begins at %s", issuer, time);
    }
    else if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
        (void)snprintf(detail, size, "there is no CRL of %s", issuer);
    }
    else if (error == X509_V_ERR_CERT_REVOKED) {
        (void)snprintf(detail, size, "the CRL of %s names the certificate of %s", issuer, subject);
    }
    else if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT) {
        (void)snprintf(detail, size, "no CA here is %s, who issued the certificate of %s", issuer, subject);
    }
    else {
        (void)snprintf(detail, size, "%s: the certificate of %s", X509_verify_cert_error_string(error), subject);
    }
}

/* Where a verification says why it failed. */
typedef struct {
    char  *detail;
    size_t size;
} note_t;

/* An anchor's own issuer, when it is another, is not known here, and neither would its CRL be: there a CRL that is
 * missing is no fault. Of other faults the reason is noted now, as OpenSSL forgets which CRL it was about. */
static int judge(int ok, X509_STORE_CTX *context)
{
    const note_t *note = X509_STORE_CTX_get_app_data(context);
    int           error = X509_STORE_CTX_get_error(context);
    int           top = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;

    if (ok) {
        return 1;
    }
    if ((error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER) && top > 0
        && X509_STORE_CTX_get_error_depth(context) == top) {
        X509_STORE_CTX_set_error(context, X509_V_OK);
        return 1;
    }
    describe(context, note->detail, note->size);
    return 0;
}

static mto_chain_t verdict_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return MTO_CHAIN_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return MTO_CHAIN_REVOKED;
    default:
        return MTO_CHAIN_UNTRUSTED;
    }
}

/* Makes the context ready to verify leaf as of that second. */
static int prepare(const mto_trust_t *trust, X509_STORE_CTX *context, X509 *leaf, int64_t second, note_t *note)
{
    X509_VERIFY_PARAM *parameters;
    unsigned long      flags = X509_V_FLAG_PARTIAL_CHAIN;

    if (X509_STORE_CTX_init(context, trust->store, leaf, trust->issuers) != 1) {
        return 0;
    }
    if (trust->change_count > 0) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    }
    X509_STORE_CTX_set_verify_cb(context, judge);
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)second);
    X509_VERIFY_PARAM_set_depth(parameters, MTO_TRUST_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
    return X509_VERIFY_PARAM_set_flags(parameters, flags) == 1
           && X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1
           && X509_STORE_CTX_set_app_data(context, note) == 1;
}

/* A verification that nothing is remembered of. */
static mto_chain_t verify(mto_trust_t *trust, const mto_certificate_t *leaf, int64_t second, mto_chain_verdict_t *good,
                          char *detail, size_t size)
{
    const unsigned char *end = leaf->der;
    X509                *x509 = d2i_X509(NULL, &end, (long)leaf->der_size);
    X509_STORE_CTX      *context = X509_STORE_CTX_new();
    mto_chain_t          verdict = MTO_CHAIN_UNTRUSTED;
    note_t               note = {detail, size};

    if (x509 == NULL || end != leaf->der + leaf->der_size) {
        (void)snprintf(detail, size, "it cannot be read");
    }
    else if (X509_check_ca(x509) != 0) {
        (void)snprintf(detail, size, "it is itself a CA's certificate");
    }
    else if (context == NULL || !prepare(trust, context, x509, second, &note)) {
        (void)snprintf(detail, size, "out of memory");
    }
    else if (X509_verify_cert(context) == 1) {
        describe_good(trust, context, leaf, second, good);
        verdict = MTO_CHAIN_GOOD;
    }
    else {
        verdict = verdict_of(X509_STORE_CTX_get_error(context));
        if (size > 0 && detail[0] == '\0') {
            (void)snprintf(detail, size, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        }
    }
    X509_STORE_CTX_free(context);
    X509_free(x509);
    ERR_clear_error();
    return verdict;
}

/* The whole verdict; *good is filled when it is good. */
static mto_chain_t decide(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now, mto_chain_verdict_t *good,
                          char *detail, size_t size)
{
    int64_t     second = apr_time_sec(now);
    mto_chain_t verdict;

    if (size > 0) {
        detail[0] = '\0';
    }
    if (mto_chain_memo_recall(trust->memo, leaf->x5t, second, good)) {
        return MTO_CHAIN_GOOD;
    }
    verdict = verify(trust, leaf, second, good, detail, size);
    if (verdict == MTO_CHAIN_GOOD) {
        mto_chain_memo_keep(trust->memo, good);
    }
    return verdict;
}

mto_chain_t mto_trust_verify(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now, char *detail,
                             size_t detail_size)
{
    mto_chain_verdict_t good;

    return decide(trust, leaf, now, &good, detail, detail != NULL ? detail_size : 0);
}

apr_array_header_t *mto_trust_chain(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now, apr_pool_t *pool)
{
    apr_array_header_t *chain;
    mto_chain_verdict_t good;
    unsigned            i;

    if (decide(trust, leaf, now, &good, NULL, 0) != MTO_CHAIN_GOOD) {
        return NULL;
    }
    chain = apr_array_make(pool, MTO_CHAIN_MEMO_LINKS, sizeof(mto_certificate_t));
    for (i = 0; i < good.link_count; i++) {
        const mto_trust_ca_t *ca = &trust->ca[good.links[i]];
        mto_certificate_t    *link;

        if ((X509_get_extension_flags(ca->x509) & EXFLAG_SS) != 0) {
            break;
        }
        link = apr_array_push(chain);
        *link = ca->certificate;
        link->der = apr_pmemdup(pool, ca->certificate.der, ca->certificate.der_size);
    }
    return chain;
}
