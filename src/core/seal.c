#include "core/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the layout below; another one must not be read as this. */
#define VERSION 1

/* Version, nonce, then encrypted: when it was given and when it ends in 8 bytes each, the answer; then the tag. */
#define TIMES_SIZE 16
#define TAG_SIZE   16

typedef struct {
    unsigned char k1[32], k2[32];
} pair_t;

struct mto_seal_t {
    atomic_uint references;
    size_t      count;
    pair_t      pairs[MTO_SEAL_KEYS];
};

/* --- Keys --------------------------------------------------------------------------------------------------------- */

/* HKDF-SHA256 (RFC 5869) without salt. */
static int derive(const char *key, size_t length, const char *purpose, unsigned char out[32])
{
    EVP_KDF     *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
    OSSL_PARAM   parameters[] = {
          OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
          OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (char *)key, length),
          OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)purpose, strlen(purpose)),
          OSSL_PARAM_construct_end(),
    };
    int ok = context != NULL && EVP_KDF_derive(context, out, 32, parameters) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(hkdf);
    return ok;
}

static const char *add_key(mto_seal_t *seal, const char *key, size_t length)
{
    pair_t *pair = &seal->pairs[seal->count];
    size_t  i;

    for (i = 0; i < length; i++) {
        if (key[i] <= 0x20 || key[i] >= 0x7f) {
            return "a key is one word of visible ASCII characters";
        }
    }
    if (length < MTO_SEAL_KEY_LENGTH) {
        return "a key has at least 43 characters; \"openssl rand -base64 32\" makes one";
    }
    if (seal->count == MTO_SEAL_KEYS) {
        return "more than two keys; the first seals, the second opens what is from before the change";
    }
    if (!derive(key, length, "mod_auth_mtls_oauth cache place", pair->k1)
        || !derive(key, length, "mod_auth_mtls_oauth cache value", pair->k2)) {
        return "out of memory";
    }
    seal->count++;
    return NULL;
}

/* Where a line's text begins, white space and a comment taken off its ends. */
static const char *trim(const char *line, size_t *length)
{
    const char *comment = memchr(line, '#', *length);

    if (comment != NULL) {
        *length = (size_t)(comment - line);
    }
    while (*length > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        --*length;
    }
    while (*length > 0 && strchr(" \t\r", line[*length - 1]) != NULL) {
        --*length;
    }
    return line;
}

mto_seal_t *mto_seal_create(const char *text, size_t size, char reason[MTO_SEAL_REASON_SIZE])
{
    mto_seal_t   *seal = calloc(1, sizeof *seal);
    const char   *wrong = seal == NULL ? "out of memory" : NULL, *end = text + size, *at = text;
    unsigned long number = 0;

    if (seal != NULL) {
        atomic_init(&seal->references, 1);
    }
    while (wrong == NULL && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *line;
        size_t      length = (size_t)((newline != NULL ? newline : end) - at);

        number++;
        line = trim(at, &length);
        wrong = length > 0 ? add_key(seal, line, length) : NULL;
        at = newline != NULL ? newline + 1 : end;
    }
    if (wrong != NULL) {
        (void)snprintf(reason, MTO_SEAL_REASON_SIZE, "line %lu: %s", number, wrong);
    }
    else if (seal->count == 0) {
        wrong = "no key";
        (void)snprintf(reason, MTO_SEAL_REASON_SIZE, "no key in it; \"openssl rand -base64 32\" makes one");
    }
    ERR_clear_error();
    if (wrong != NULL) {
        mto_seal_release(seal);
        return NULL;
    }
    return seal;
}

mto_seal_t *mto_seal_retain(mto_seal_t *seal)
{
    if (seal != NULL) {
        atomic_fetch_add_explicit(&seal->references, 1, memory_order_relaxed);
    }
    return seal;
}

void mto_seal_release(mto_seal_t *seal)
{
    if (seal == NULL || atomic_fetch_sub_explicit(&seal->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    OPENSSL_cleanse(seal, sizeof *seal);
    free(seal);
}

size_t mto_seal_count(const mto_seal_t *seal)
{
    return seal->count;
}

/* --- Places and values -------------------------------------------------------------------------------------------- */

static int hmac(const unsigned char key[32], const unsigned char in[MTO_SEAL_ID_SIZE], unsigned char out[32])
{
    unsigned size = 32;

    return HMAC(EVP_sha256(), key, 32, in, MTO_SEAL_ID_SIZE, out, &size) != NULL && size == 32;
}

int mto_seal_place(const mto_seal_t *seal, size_t i, const unsigned char id[MTO_SEAL_ID_SIZE],
                   unsigned char place[MTO_SEAL_ID_SIZE])
{
    int ok = hmac(seal->pairs[i].k1, id, place);

    ERR_clear_error();
    return ok;
}

static void write_time(unsigned char out[8], apr_time_t time)
{
    int i;

    for (i = 0; i < 8; i++) {
        out[i] = (unsigned char)((uint64_t)time >> (56 - 8 * i));
    }
}

static apr_time_t read_time(const unsigned char in[8])
{
    uint64_t time = 0;
    int      i;

    for (i = 0; i < 8; i++) {
        time = time << 8 | in[i];
    }
    return (apr_time_t)time;
}

/* Starts AES-256-GCM under the key of a place, with version and place authenticated besides. */
static EVP_CIPHER_CTX *begin(const pair_t *pair, const unsigned char place[MTO_SEAL_ID_SIZE],
                             const unsigned char *nonce, int encrypts)
{
    static const unsigned char version = VERSION;
    EVP_CIPHER_CTX            *context = EVP_CIPHER_CTX_new();
    unsigned char              key[32];
    int                        ignored, ok;

    ok = context != NULL && hmac(pair->k2, place, key)
         && EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, encrypts) == 1
         && EVP_CipherUpdate(context, NULL, &ignored, &version, 1) == 1
         && EVP_CipherUpdate(context, NULL, &ignored, place, MTO_SEAL_ID_SIZE) == 1;
    OPENSSL_cleanse(key, sizeof key);
    if (!ok) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

size_t mto_seal_close(const mto_seal_t *seal, const unsigned char place[MTO_SEAL_ID_SIZE],
                      const unsigned char nonce[MTO_SEAL_NONCE_SIZE], const mto_sealed_answer_t *answer,
                      unsigned char *out)
{
    EVP_CIPHER_CTX *context = begin(&seal->pairs[0], place, nonce, 1);
    unsigned char   times[TIMES_SIZE], *body = out + 1 + MTO_SEAL_NONCE_SIZE;
    int             size, more, ok;

    out[0] = VERSION;
    memcpy(out + 1, nonce, MTO_SEAL_NONCE_SIZE);
    write_time(times, answer->answered);
    write_time(times + 8, answer->end);
    ok = context != NULL && EVP_CipherUpdate(context, body, &size, times, TIMES_SIZE) == 1
         && EVP_CipherUpdate(context, body + TIMES_SIZE, &size, (const unsigned char *)answer->json, (int)answer->size)
                == 1
         && EVP_CipherFinal_ex(context, body + TIMES_SIZE + size, &more) == 1
         && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, body + TIMES_SIZE + answer->size) == 1;
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    return ok ? answer->size + MTO_SEAL_OVERHEAD : 0;
}

int mto_seal_open(const mto_seal_t *seal, size_t i, const unsigned char place[MTO_SEAL_ID_SIZE],
                  const unsigned char *sealed, size_t size, apr_time_t now, char *json, mto_sealed_answer_t *answer)
{
    const unsigned char *body = sealed + 1 + MTO_SEAL_NONCE_SIZE;
    unsigned char        times[TIMES_SIZE];
    EVP_CIPHER_CTX      *context;
    int                  got, more, ok;

    if (size <= MTO_SEAL_OVERHEAD || sealed[0] != VERSION) {
        return 0;
    }
    answer->size = size - MTO_SEAL_OVERHEAD;
    context = begin(&seal->pairs[i], place, sealed + 1, 0);
    ok =
        context != NULL && EVP_CipherUpdate(context, times, &got, body, TIMES_SIZE) == 1
        && EVP_CipherUpdate(context, (unsigned char *)json, &got, body + TIMES_SIZE, (int)answer->size) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, (void *)(body + TIMES_SIZE + answer->size)) == 1
        && EVP_CipherFinal_ex(context, (unsigned char *)json + got, &more) == 1;
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    answer->json = json;
    answer->answered = read_time(times);
    answer->end = read_time(times + 8);
    return ok && now < answer->end;
}
