/* The header field in which a proxy tells of the client's certificate: a byte for the format, then the field. What is
 * taken is one certificate, and the same one in every format; a list is none. */
#include "harness.h"

#include "core/certificate_field.h"

#include <stdio.h>
#include <string.h>

void fuzz_prepare(void)
{
}

/* The certificate as each format writes it. */
static const char *write_field(const mto_certificate_t *certificate, mto_field_format_t format)
{
    char       *base64 = apr_palloc(support_pool(), certificate->der_size / 3 * 4 + 5), *escaped, *to;
    const char *at;

    (void)EVP_EncodeBlock((unsigned char *)base64, certificate->der, (int)certificate->der_size);
    switch (format) {
    case MTO_FIELD_RFC9440:
        return support_text(":%s:", base64);
    case MTO_FIELD_DER_BASE64:
        return base64;
    case MTO_FIELD_PEM:
        return support_text("-----BEGIN CERTIFICATE----- %s -----END CERTIFICATE-----", base64);
    default:
        escaped = to = apr_palloc(support_pool(), 3 * strlen(base64) + 200);
        for (at = support_text("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64); *at != '\0';
             at++) {
            to += sprintf(to, "%%%02x", (unsigned char)*at);
        }
        return escaped;
    }
}

static void check_taken(const mto_certificate_t *certificate, const char *field)
{
    unsigned char      hash[MTO_X5T_SIZE];
    mto_certificate_t  again;
    mto_field_format_t format;

    CHECK(strchr(field, ',') == NULL);
    CHECK(certificate->der_size > 1 && certificate->der[0] == 0x30);
    CHECK(EVP_Digest(certificate->der, certificate->der_size, hash, NULL, EVP_sha256(), NULL) == 1);
    CHECK(memcmp(hash, certificate->x5t, sizeof hash) == 0);
    for (format = MTO_FIELD_RFC9440; format <= MTO_FIELD_DER_BASE64; format++) {
        const char *text = write_field(certificate, format);

        if (strlen(text) <= MTO_CERTIFICATE_FIELD_SIZE) {
            CHECK(mto_certificate_read_field(&again, format, text, support_pool()) == NULL);
            CHECK(again.der_size == certificate->der_size && memcmp(again.der, certificate->der, again.der_size) == 0);
        }
    }
}

void fuzz_one(const char *data, size_t size)
{
    mto_field_format_t format = (mto_field_format_t)fuzz_choice(&data, &size, MTO_FIELD_DER_BASE64 + 1);
    const char        *field = fuzz_text(data, size), *wrong;
    mto_certificate_t  certificate;

    wrong = mto_certificate_read_field(&certificate, format, field, support_pool());
    if (wrong == NULL) {
        check_taken(&certificate, field);
    }
    else {
        CHECK(wrong[0] != '\0');
    }
}
