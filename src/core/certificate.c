#include "core/certificate.h"

#include "core/base64url.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END   "-----END CERTIFICATE-----"

/* Whether the outermost header says SEQUENCE and exactly the bytes that are there: a cut certificate does not pass. */
static int is_one_sequence(const unsigned char *der, size_t size)
{
    size_t i, octets, length = 0;

    if (size < 2 || der[0] != 0x30) {
        return 0;
    }
    if (der[1] < 0x80) {
        return size == 2 + (size_t)der[1];
    }
    octets = der[1] & 0x7f;
    if (octets < 1 || octets > 4 || size < 2 + octets) {
        return 0;
    }
    for (i = 0; i < octets; i++) {
        length = length << 8 | der[2 + i];
    }
    /* DER has one way to write a length: the short form below 128, and no leading zero. */
    return size == 2 + octets + length && der[2] != 0 && (octets > 1 || length >= 0x80);
}

int mto_certificate_read_der(mto_certificate_t *certificate, const unsigned char *der, size_t size)
{
    certificate->der = der;
    certificate->der_size = size;
    if (!is_one_sequence(der, size)) {
        return 0;
    }
    if (EVP_Digest(der, size, certificate->x5t, NULL, EVP_sha256(), NULL) != 1) {
        ERR_clear_error();
        return 0;
    }
    mto_certificate_x5t_text(certificate, certificate->x5t_text);
    return 1;
}

int mto_certificate_read_pem(mto_certificate_t *certificate, const char *pem, apr_pool_t *pool)
{
    const char    *begin = strstr(pem, PEM_BEGIN), *line = begin != NULL ? begin + sizeof PEM_BEGIN - 1 : NULL;
    const char    *end = line != NULL ? strstr(line, PEM_END) : NULL;
    unsigned char *der, *to;

    if (end == NULL) {
        return 0;
    }
    der = to = apr_palloc(pool, (size_t)(end - line) / 4 * 3 + 3);
    while (line < end) {
        size_t length = strcspn(line, "\r\n");
        int    decoded;

        if (line + length > end) {
            length = (size_t)(end - line);
        }
        if (length > 0) {
            decoded = length % 4 == 0 ? EVP_DecodeBlock(to, (const unsigned char *)line, (int)length) : -1;
            if (decoded < 0) {
                return 0;
            }
            /* EVP_DecodeBlock counts the padding as bytes. */
            to += decoded - (line[length - 1] == '=') - (line[length - 2] == '=');
            line += length;
        }
        line += line < end;
    }
    return mto_certificate_read_der(certificate, der, (size_t)(to - der));
}

void mto_certificate_x5t_text(const mto_certificate_t *certificate, char out[MTO_X5T_TEXT_LENGTH + 1])
{
    mto_base64url_encode(out, certificate->x5t, sizeof certificate->x5t);
}
