#include "core/verifier.h"

#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Largest R and S in DER: INTEGERs of 66 bytes and a sign octet; in their SEQUENCE, whose length takes two bytes. */
#define ECDSA_INTEGERS_SIZE (2 * (66 + 1 + 2))
#define ECDSA_DER_SIZE      (ECDSA_INTEGERS_SIZE + 3)

struct mto_verifier_t {
    EVP_PKEY *pkey;
    /* By number of the algorithm; NULL: not needed so far. Published once, only copied from then on. */
    _Atomic(EVP_MD_CTX *) templates[MTO_ALGORITHM_COUNT];
};

mto_verifier_t *mto_verifier_create(EVP_PKEY *pkey)
{
    mto_verifier_t *verifier = calloc(1, sizeof *verifier);

    if (verifier == NULL || EVP_PKEY_up_ref(pkey) != 1) {
        free(verifier);
        return NULL;
    }
    verifier->pkey = pkey;
    return verifier;
}

void mto_verifier_free(mto_verifier_t *verifier)
{
    int i;

    if (verifier == NULL) {
        return;
    }
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        EVP_MD_CTX_free(atomic_load(&verifier->templates[i]));
    }
    EVP_PKEY_free(verifier->pkey);
    free(verifier);
}

/* --- Contexts ----------------------------------------------------------------------------------------------------- */

static EVP_MD_CTX *context_create(EVP_PKEY *pkey, const mto_algorithm_t *algorithm)
{
    EVP_MD_CTX   *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* borrowed from context */
    int           ok = context != NULL
             && EVP_DigestVerifyInit_ex(context, &key_context, algorithm->digest, NULL, NULL, pkey, NULL) == 1;

    if (ok && algorithm->padding != 0) {
        ok = EVP_PKEY_CTX_set_rsa_padding(key_context, algorithm->padding) > 0;
    }
    if (ok && algorithm->padding == RSA_PKCS1_PSS_PADDING) {
        /* RFC 7518 section 3.5: salt as long as the digest, MGF1 with the same digest (OpenSSL's default). */
        ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) > 0;
    }
    if (!ok) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

/* The template of an algorithm, made by whoever needs it first; NULL: it cannot be made. */
static const EVP_MD_CTX *template_of(mto_verifier_t *verifier, const mto_algorithm_t *algorithm)
{
    _Atomic(EVP_MD_CTX *) *place = &verifier->templates[mto_algorithm_number(algorithm)];
    EVP_MD_CTX            *known = atomic_load_explicit(place, memory_order_acquire), *made;

    if (known != NULL) {
        return known;
    }
    made = context_create(verifier->pkey, algorithm);
    if (made != NULL && !atomic_compare_exchange_strong(place, &known, made)) {
        EVP_MD_CTX_free(made); /* another thread was faster */
        return known;
    }
    return made;
}

/* A context to verify one signature with. Where OpenSSL cannot copy (EdDSA in its first releases of 3.0) a new one. */
static EVP_MD_CTX *context_for(mto_verifier_t *verifier, const mto_algorithm_t *algorithm)
{
    const EVP_MD_CTX *made = template_of(verifier, algorithm);
    EVP_MD_CTX       *context = made != NULL ? EVP_MD_CTX_new() : NULL;

    if (context != NULL && EVP_MD_CTX_copy_ex(context, made) != 1) {
        EVP_MD_CTX_free(context);
        context = context_create(verifier->pkey, algorithm);
    }
    if (context != NULL) {
        EVP_MD_CTX_set_flags(context, EVP_MD_CTX_FLAG_FINALISE); /* it ends here: no copy of it for the last step */
    }
    return context;
}

/* --- Signatures --------------------------------------------------------------------------------------------------- */

/* A number of part_size bytes as DER's INTEGER: no leading zeros but the one that keeps it from being negative. Returns
 * where it ends. */
static unsigned char *write_integer(unsigned char *to, const unsigned char *number, size_t part_size)
{
    size_t sign;

    while (part_size > 1 && *number == 0) {
        number++;
        part_size--;
    }
    sign = *number >> 7;
    *to++ = 0x02;
    *to++ = (unsigned char)(part_size + sign);
    *to = 0;
    memcpy(to + sign, number, part_size);
    return to + sign + part_size;
}

/* R and S at their fixed length, as JOSE writes them, in the DER that OpenSSL reads. Returns the size, 0: no such form.
 */
static size_t ecdsa_to_der(unsigned char der[ECDSA_DER_SIZE], const unsigned char *raw, size_t size, size_t part_size)
{
    unsigned char integers[ECDSA_INTEGERS_SIZE], *to = der;
    size_t        integers_size;

    if (size != 2 * part_size) {
        return 0;
    }
    integers_size =
        (size_t)(write_integer(write_integer(integers, raw, part_size), raw + part_size, part_size) - integers);
    *to++ = 0x30;
    if (integers_size > 0x7f) {
        *to++ = 0x81;
    }
    *to++ = (unsigned char)integers_size;
    memcpy(to, integers, integers_size);
    return (size_t)(to - der) + integers_size;
}

int mto_verifier_accepts(mto_verifier_t *verifier, const mto_algorithm_t *algorithm, const unsigned char *signature,
                         size_t signature_size, const void *text, size_t size)
{
    unsigned char der[ECDSA_DER_SIZE];
    EVP_MD_CTX   *context;
    int           ok;

    if (algorithm->part_size > 0) {
        signature_size = ecdsa_to_der(der, signature, signature_size, algorithm->part_size);
        signature = der;
    }
    else if (signature_size != (size_t)EVP_PKEY_get_size(verifier->pkey)) {
        return 0;
    }
    if (signature_size == 0) {
        return 0;
    }
    context = context_for(verifier, algorithm);
    ok = context != NULL && EVP_DigestVerify(context, signature, signature_size, text, size) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}
