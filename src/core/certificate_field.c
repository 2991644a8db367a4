#include "core/certificate_field.h"

#include <openssl/evp.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END   "-----END CERTIFICATE-----"

#define WHITE_SPACE " \t\r\n"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const mto_word_t mto_field_format_words[] = {
    {"rfc9440", MTO_FIELD_RFC9440},
    {"pem", MTO_FIELD_PEM},
    {"pem-urlencoded", MTO_FIELD_PEM_URLENCODED},
    {"der-base64", MTO_FIELD_DER_BASE64},
    {NULL, 0},
};

/* text[0..length): base64 (RFC 4648 section 4) with its padding and nothing else; NUL-terminated behind that or not. */
static const char *read_base64(mto_certificate_t *certificate, const char *text, size_t length, apr_pool_t *pool)
{
    size_t         digits = strspn(text, base64_digits), padding;
    unsigned char *der;
    int            size;

    if (digits > length) {
        digits = length;
    }
    padding = length - digits;
    if (length == 0 || length % 4 != 0 || padding > 2 || memcmp(text + digits, "==", padding) != 0) {
        return "is not base64";
    }
    der = apr_palloc(pool, length / 4 * 3);
    size = EVP_DecodeBlock(der, (const unsigned char *)text, (int)length);
    return size > 0 && mto_certificate_read_der(certificate, der, (size_t)size - padding) ? NULL
                                                                                          : "is not one certificate";
}

static const char *read_rfc9440(mto_certificate_t *certificate, const char *field, apr_pool_t *pool)
{
    size_t length = strlen(field);

    return length >= 2 && field[0] == ':' && field[length - 1] == ':'
               ? read_base64(certificate, field + 1, length - 2, pool)
               : "is not base64 between colons";
}

static const char *read_pem(mto_certificate_t *certificate, const char *field, apr_pool_t *pool)
{
    const char *text = field + strspn(field, WHITE_SPACE), *end = strstr(text, PEM_END);
    char       *base64, *to;

    if (strncmp(text, PEM_BEGIN, sizeof PEM_BEGIN - 1) != 0 || end == NULL) {
        return "has no BEGIN and END CERTIFICATE";
    }
    if (end[sizeof PEM_END - 1 + strspn(end + sizeof PEM_END - 1, WHITE_SPACE)] != '\0') {
        return "has something behind the certificate";
    }
    base64 = to = apr_palloc(pool, (size_t)(end - text) + 1);
    for (text += sizeof PEM_BEGIN - 1; text < end; text++) {
        if (strchr(WHITE_SPACE, *text) == NULL) {
            *to++ = *text;
        }
    }
    *to = '\0';
    return read_base64(certificate, base64, (size_t)(to - base64), pool);
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char       *found = digit != '\0' ? strchr(digits, digit) : NULL;

    return found != NULL ? (int)((found - digits) % 16) : -1;
}

static const char *read_pem_urlencoded(mto_certificate_t *certificate, const char *field, apr_pool_t *pool)
{
    char *decoded = apr_palloc(pool, strlen(field) + 1), *to = decoded;

    for (; *field != '\0'; field++) {
        if (*field == '%') {
            int high = hex_value(field[1]), low = high >= 0 ? hex_value(field[2]) : -1;

            if (low < 0 || high + low == 0) {
                return "has a % without two hexadecimal digits, or a NUL";
            }
            *to++ = (char)(high * 16 + low);
            field += 2;
        }
        else {
            *to++ = *field;
        }
    }
    *to = '\0';
    return read_pem(certificate, decoded, pool);
}

static const char *read_der_base64(mto_certificate_t *certificate, const char *field, apr_pool_t *pool)
{
    return read_base64(certificate, field, strlen(field), pool);
}

const char *mto_certificate_read_field(mto_certificate_t *certificate, mto_field_format_t format, const char *field,
                                       apr_pool_t *pool)
{
    static const char *(*const readers[])(mto_certificate_t * certificate, const char *field, apr_pool_t *pool) = {
        [MTO_FIELD_RFC9440] = read_rfc9440,
        [MTO_FIELD_PEM] = read_pem,
        [MTO_FIELD_PEM_URLENCODED] = read_pem_urlencoded,
        [MTO_FIELD_DER_BASE64] = read_der_base64,
    };

    return strlen(field) > MTO_CERTIFICATE_FIELD_SIZE ? "is too long" : readers[format](certificate, field, pool);
}
