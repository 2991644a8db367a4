/* certificate_field: a header of a trusted proxy is one whole certificate in its format, or nothing. */
#include "support.h"

#include "core/certificate_field.h"

#include <string.h>

/* A SEQUENCE of five zeros: the smallest that is read to its end. */
#define FIVE  "MAUAAAAAAA=="
#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

typedef struct {
    const char *name;
    const char *format, *field;
    int         good;
} field_t;

static const field_t fields[] = {
    {"RFC 9440 section 2.2", "rfc9440", ":" FIVE ":", 1},
    {"no colons", "rfc9440", FIVE, 0},
    {"no colon at the end", "rfc9440", ":" FIVE, 0},
    {"one colon", "rfc9440", ":", 0},
    {"two colons", "rfc9440", "::", 0},
    {"nothing", "rfc9440", "", 0},
    {"a list", "rfc9440", ":" FIVE ":, :" FIVE ":", 0},
    {"a parameter", "rfc9440", ":" FIVE ":;a=1", 0},
    {"a blank inside", "rfc9440", ":MAUA AAAAAA==:", 0},
    {"a blank in front", "rfc9440", ": " FIVE ":", 0},
    {"without padding", "rfc9440", ":MAUAAAAAAA:", 0},
    {"too much padding", "rfc9440", ":MAUAAAAAA====:", 0},
    {"padding inside", "rfc9440", ":MA==AAAAAAAA:", 0},
    {"base64url", "rfc9440", ":MAUAAAAA-_==:", 0},
    {"a cut certificate", "rfc9440", ":MAUAAAAA:", 0},
    {"no certificate", "rfc9440", ":AAAAAAAA:", 0},
    {"PEM instead", "rfc9440", BEGIN " " FIVE " " END, 0},
    {"PEM on one line", "pem", BEGIN " " FIVE " " END, 1},
    {"PEM with a blank at the end", "pem", BEGIN " " FIVE " " END " ", 1},
    {"PEM in lines", "pem", BEGIN "\n" FIVE "\n" END "\n", 1},
    {"PEM with tabs and broken lines", "pem", BEGIN "\n\tMAUA\n\tAAAAAA==\n\t" END, 1},
    {"PEM of another thing", "pem", "-----BEGIN PUBLIC KEY----- " FIVE " -----END PUBLIC KEY-----", 0},
    {"two certificates", "pem", BEGIN " " FIVE " " END " " BEGIN " " FIVE " " END, 0},
    {"text in front", "pem", "x " BEGIN " " FIVE " " END, 0},
    {"text behind", "pem", BEGIN " " FIVE " " END " x", 0},
    {"no end", "pem", BEGIN " " FIVE, 0},
    {"(null)", "pem", "(null)", 0},
    {"not base64", "pem", BEGIN " MAUA*AAAAA== " END, 0},
    {"of nginx", "pem-urlencoded", "-----BEGIN%20CERTIFICATE-----%0AMAUAAAAAAA%3D%3D%0A-----END%20CERTIFICATE-----%0A",
     1},
    {"small hexadecimal", "pem-urlencoded",
     "-----BEGIN%20CERTIFICATE-----%0aMAUAAAAAAA%3d%3d%0a-----END%20CERTIFICATE-----", 1},
    {"a plus sign is itself", "pem-urlencoded", BEGIN "%0AMAUA+AAAAA==%0A" END, 1},
    {"a cut escape", "pem-urlencoded", BEGIN "%0A" FIVE "%0A" END "%0", 0},
    {"no escape", "pem-urlencoded", BEGIN "%0A" FIVE "%zz" END, 0},
    {"NUL", "pem-urlencoded", BEGIN "%0A" FIVE "%0A" END "%00", 0},
    {"an encoded list", "pem-urlencoded", BEGIN "%0A" FIVE "%0A" END "%2C" BEGIN "%0A" FIVE "%0A" END, 0},
    {"of HAProxy", "der-base64", FIVE, 1},
    {"colons", "der-base64", ":" FIVE ":", 0},
    {"blanks", "der-base64", "MAUA AAAAAA==", 0},
    {"empty", "der-base64", "", 0},
};

static void field_is_one_certificate(const void *data)
{
    const field_t    *row = data;
    mto_certificate_t certificate;
    int               format = mto_word_value(mto_field_format_words, row->format);
    const char       *wrong;

    assert_int_not_equal(format, MTO_UNSET);
    wrong = mto_certificate_read_field(&certificate, (mto_field_format_t)format, row->field, support_pool());
    assert_int_equal(wrong == NULL, row->good);
    if (row->good) {
        assert_int_equal(certificate.der_size, 7);
        assert_int_equal(certificate.der[0], 0x30);
    }
}

static void long_field_is_refused(const void *unused)
{
    static char       field[MTO_CERTIFICATE_FIELD_SIZE + 2];
    mto_certificate_t certificate;

    (void)unused;
    memset(field, 'A', sizeof field - 1);
    assert_string_equal(mto_certificate_read_field(&certificate, MTO_FIELD_DER_BASE64, field, support_pool()),
                        "is too long");
}

int main(void)
{
    support_table("RFC 9440 section 2.2, and what other proxies write", field_is_one_certificate, TABLE(fields));
    support_case("a field has an end", long_field_is_refused);
    return support_run("certificate_field");
}
