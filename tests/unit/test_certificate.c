/* certificate: the x5t#S256 of RFC 8705 section 3.1 from DER and PEM; what is no whole certificate is none. */
#include "support.h"

#include "core/certificate.h"
#include "vectors.h"

#include <stdlib.h>
#include <string.h>

/* --- DER ----------------------------------------------------------------------------------------------------- */

/* A SEQUENCE header, then zeros up to size. */
typedef struct {
    const char *name;
    const char *header;
    size_t      header_size;
    size_t      size;
    int         good;
} der_t;

static const der_t ders[] = {
    {"empty SEQUENCE", "\x30\x00", 2, 2, 1},
    {"short length", "\x30\x05", 2, 7, 1},
    {"longest short length", "\x30\x7f", 2, 129, 1},
    {"length of one octet", "\x30\x81\x80", 3, 131, 1},
    {"length of two octets", "\x30\x82\x01\x06", 4, 266, 1},
    {"length of three octets", "\x30\x83\x01\x00\x00", 5, 65541, 1},
    {"nothing", "", 0, 0, 0},
    {"one byte", "\x30", 1, 1, 0},
    {"one byte missing", "\x30\x05", 2, 6, 0},
    {"one byte too many", "\x30\x05", 2, 8, 0},
    {"long form, one byte missing", "\x30\x82\x01\x06", 4, 265, 0},
    {"long form, one byte too many", "\x30\x82\x01\x06", 4, 267, 0},
    {"SET", "\x31\x05", 2, 7, 0},
    {"OCTET STRING", "\x04\x05", 2, 7, 0},
    {"zeros", "\x00\x00", 2, 2, 0},
    {"text of a PEM file", "-----BEGIN", 10, 10, 0},
    {"indefinite length", "\x30\x80", 2, 4, 0},
    {"reserved length octet", "\x30\xff", 2, 200, 0},
    {"length octets cut", "\x30\x82\x01", 3, 3, 0},
    {"length of five octets", "\x30\x85\x00\x00\x00\x00\x05", 7, 12, 0},
    {"length of eight octets that wraps", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xfe", 10, 10, 0},
    {"length of four octets, largest", "\x30\x84\xff\xff\xff\xff", 6, 10, 0},
};

static void der_is_one_whole_sequence(const void *data)
{
    const der_t      *row = data;
    unsigned char    *der = calloc(1, row->size > 0 ? row->size : 1);
    mto_certificate_t certificate;

    memcpy(der, row->header, row->header_size);
    assert_int_equal(mto_certificate_read_der(&certificate, der, row->size) != 0, row->good);
    free(der);
}

/* --- PEM ----------------------------------------------------------------------------------------------------- */

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"

/* A SEQUENCE of five zeros: the smallest text that is read to its end. */
#define FIVE "MAUAAAAAAA=="

typedef struct {
    const char *name;
    const char *pem;
    int         good;
} pem_t;

static const pem_t pems[] = {
    {"RFC 8705 appendix A", RFC8705_A_PEM, 1},
    {"text in front", "subject=CN = mtls\nissuer=CN = mtls\n" RFC8705_A_PEM, 1},
    {"text behind", RFC8705_A_PEM "garbage", 1},
    {"a second certificate behind", RFC8705_A_PEM BEGIN FIVE "\n" END, 1},
    {"a key in front", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" RFC8705_A_PEM, 1},
    {"another certificate in front", BEGIN FIVE "\n" END RFC8705_A_PEM, 0},
    {"nothing", "", 0},
    {"no block", "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0w", 0},
    {"block without an end", BEGIN "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAP\n", 0},
    {"end before the beginning", END BEGIN FIVE "\n", 0},
    {"empty block", BEGIN END, 0},
    {"empty lines alone", BEGIN "\n\n\r\n" END, 0},
    {"letters outside of base64", BEGIN "MAUA!AAAAA==\n" END, 0},
    {"base64url letters", BEGIN "MAUA-_AAAA==\n" END, 0},
    {"a character missing", BEGIN "MAUAAAAAA==\n" END, 0},
    {"cut", BEGIN "MAUAAAAA\n" END, 0},
    {"padding alone", BEGIN "====\n" END, 0},
    {"encrypted", BEGIN "Proc-Type: 4,ENCRYPTED\n\n" FIVE "\n" END, 0},
    {"a block of another kind", "-----BEGIN X509 CRL-----\n" FIVE "\n-----END X509 CRL-----\n", 0},
};

static int has_a_x5t(const char *pem)
{
    mto_certificate_t certificate;
    char              text[MTO_X5T_TEXT_LENGTH + 1];

    if (!mto_certificate_read_pem(&certificate, pem, support_pool())) {
        return 0;
    }
    mto_certificate_x5t_text(&certificate, text);
    assert_int_equal(strlen(text), MTO_X5T_TEXT_LENGTH);
    return strcmp(text, RFC8705_A_X5T) == 0;
}

static void pem_has_the_published_thumbprint_or_not(const void *data)
{
    const pem_t *row = data;

    assert_int_equal(has_a_x5t(row->pem), row->good);
}

/* The PEM of RFC 8705 appendix A in lines of `width`, with these line ends. */
static const char *wrapped(size_t width, const char *line_end)
{
    const char *at = RFC8705_A_PEM;
    const char *text = support_text("-----BEGIN CERTIFICATE-----%s", line_end);
    size_t      column = 0;

    for (at += strlen(BEGIN); *at != '-'; at++) {
        if (*at == '\n') {
            continue;
        }
        text = support_text("%s%c%s", text, *at, ++column % width == 0 ? line_end : "");
    }
    return support_text("%s%s-----END CERTIFICATE-----", text, line_end);
}

typedef struct {
    const char *name;
    const char *line_end;
    size_t      width;
} wrapping_t;

static const wrapping_t wrappings[] = {
    {"line feeds", "\n", 64},
    {"CRLF", "\r\n", 64},
    {"lines of 76", "\n", 76},
    {"one long line", "\n", 100000},
    {"empty lines between", "\n\n", 64},
    {"no line end at all", "", 64},
};

static void line_ends_change_nothing(const void *data)
{
    const wrapping_t *row = data;

    assert_true(has_a_x5t(wrapped(row->width, row->line_end)));
}

typedef struct {
    const char *name;
    const char *pem;
    size_t      size;
} padding_t;

static const padding_t paddings[] = {
    {"none", BEGIN "MAQAAAAA\n" END, 6},
    {"one character", BEGIN "MAMAAAA=\n" END, 5},
    {"two characters", BEGIN "MAUAAAAAAA==\n" END, 7},
};

static void padding_is_no_byte(const void *data)
{
    const padding_t  *row = data;
    mto_certificate_t certificate;

    assert_true(mto_certificate_read_pem(&certificate, row->pem, support_pool()));
    assert_int_equal(certificate.der_size, row->size);
}

static void der_and_pem_agree(const void *unused)
{
    const char       *pem = support_certificate_pem(support_key(MTO_KEY_P256, 0));
    mto_certificate_t from_pem, from_der;
    unsigned char     digest[32];

    (void)unused;
    assert_true(mto_certificate_read_pem(&from_pem, pem, support_pool()));
    assert_true(mto_certificate_read_der(&from_der, from_pem.der, from_pem.der_size));
    assert_memory_equal(from_pem.x5t, from_der.x5t, MTO_X5T_SIZE);
    assert_int_equal(EVP_Digest(from_pem.der, from_pem.der_size, digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(from_pem.x5t, digest, MTO_X5T_SIZE);
}

static void cut_pem_is_no_certificate(const void *unused)
{
    static const char pem[] = RFC8705_A_PEM;
    const size_t      end = (size_t)(strstr(pem, "-----END") - pem);
    size_t            length;

    (void)unused;
    for (length = 0; length < end - 1; length++) {
        assert_false(has_a_x5t(support_text("%.*s\n%s", (int)length, pem, END)));
    }
}

int main(void)
{
    support_table("X.690 section 8.1, one whole SEQUENCE", der_is_one_whole_sequence, TABLE(ders));
    support_table("RFC 8705 section 3.1, of the DER in the first block", pem_has_the_published_thumbprint_or_not,
                  TABLE(pems));
    support_table("RFC 7468 section 3, line ends", line_ends_change_nothing, TABLE(wrappings));
    support_table("RFC 4648 section 4, padding", padding_is_no_byte, TABLE(paddings));
    support_case("RFC 8705 section 3.1, SHA-256 of the DER", der_and_pem_agree);
    support_case("a cut certificate is none", cut_pem_is_no_certificate);
    return support_run("certificate");
}
