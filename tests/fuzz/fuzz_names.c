/* The names in a client's certificate. The first byte says whether the rest is a value that is registered (a line) and
 * a certificate in DER, or names that a certificate is made of. A registered value equals what RFC 8705 section 2.1.2
 * says, and what the certificate says can be shown. */
#include "harness.h"

#include "../unit/certificates.h"

#include "core/certificate.h"
#include "core/client_check.h"
#include "core/distinguished_name.h"
#include "core/name.h"

#include <openssl/err.h>
#include <string.h>
#include <strings.h>

static X509 *blank; /* a certificate whose names are replaced */

void fuzz_prepare(void)
{
    blank = certificate_make((specification_t){.common_name = NULL});
}

/* What a log shows of the names, in rooms of several sizes. */
static void check_shown(const X509 *certificate)
{
    static const size_t sizes[] = {1, 4, 70, 4000};
    mto_name_kind_t     kind;
    size_t              i;

    for (kind = MTO_NAME_DN; kind < MTO_NAME_KINDS; kind++) {
        for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char *text = apr_palloc(support_pool(), sizes[i]);

            mto_name_describe(certificate, kind, text, sizes[i]);
            CHECK(strnlen(text, sizes[i]) < sizes[i] && fuzz_is_plain(text));
        }
    }
}

/* What is no value to register equals nothing; a NUL, which no value has, hides nothing. */
static void check_value(const X509 *certificate, const char *value)
{
    mto_name_kind_t kind;

    for (kind = MTO_NAME_DN; kind < MTO_NAME_KINDS; kind++) {
        if (mto_name_check(kind, value) == NULL) {
            (void)mto_name_matches(certificate, kind, value);
            CHECK(ERR_peek_error() == 0);
            CHECK(kind == MTO_NAME_DN || strchr(value, '*') == NULL);
        }
    }
}

/* --- Any DER ------------------------------------------------------------------------------------------------------ */

static const mto_client_t *registered(mto_clients_t *clients, mto_registration_t *registration)
{
    char reason[MTO_CLIENT_REASON_SIZE];

    registration->id = "app";
    if (!mto_clients_add(clients, registration, reason)) {
        CHECK(reason[0] != '\0');
        return NULL;
    }
    return mto_clients_find(clients, "app", 3);
}

/* A client that is registered for its name, and no CA that would vouch for it. */
static void check_client(const mto_certificate_t *certificate, const char *value)
{
    mto_registration_t  registration = {.subject_kind = MTO_NAME_DN, .subject = value};
    mto_clients_t      *clients = mto_clients_create();
    const mto_client_t *client = registered(clients, &registration);
    mto_verdict_t       verdict = MTO_VERDICT_INIT;

    if (client != NULL) {
        mto_refusal_t refusal = mto_client_check(client, certificate, NULL, NOW, &verdict);

        fuzz_check_verdict(refusal, &verdict);
        CHECK(refusal == MTO_CLIENT_UNTRUSTED);
    }
    mto_clients_release(clients);
}

static void check_der(const char *data, size_t size)
{
    const char          *value = fuzz_line_text(&data, &size);
    const unsigned char *end = (const unsigned char *)data;
    mto_certificate_t    certificate;
    int                  is_one = mto_certificate_read_der(&certificate, (const unsigned char *)data, size);
    X509                *x509 = d2i_X509(NULL, &end, (long)size);

    ERR_clear_error();
    if (is_one) {
        CHECK(strlen(certificate.x5t_text) == MTO_X5T_TEXT_LENGTH);
        check_client(&certificate, value);
    }
    if (x509 != NULL) {
        check_shown(x509);
        check_value(x509, value);
    }
    X509_free(x509);
}

/* --- Names of any kind -------------------------------------------------------------------------------------------- */

/* One alternative name as it goes in. */
typedef struct {
    int         type;
    const char *bytes;
    size_t      size;
} alternative_t;

#define ALTERNATIVES 8

static const int types[] = {GEN_DNS, GEN_URI, GEN_IPADD, GEN_EMAIL};
static const int strings[] = {MBSTRING_UTF8,     V_ASN1_IA5STRING,  V_ASN1_BMPSTRING,      V_ASN1_T61STRING,
                              V_ASN1_UTF8STRING, V_ASN1_BIT_STRING, V_ASN1_UNIVERSALSTRING};

/* Each line is a name: its kind, and its bytes. The subject's attributes go in as they come, those that cannot do not.
 */
static size_t take_names(X509 *certificate, alternative_t out[ALTERNATIVES], const char *data, size_t size)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    X509_NAME     *subject = X509_get_subject_name(certificate);
    size_t         count = 0;

    while (size > 0 && count < ALTERNATIVES) {
        unsigned    kind = fuzz_choice(&data, &size, 5), string = fuzz_choice(&data, &size, 7);
        size_t      length;
        const char *bytes = fuzz_line(&data, &size, &length);

        if (kind < 4) {
            certificate_add_alternative(names, types[kind], bytes, (int)length);
            out[count++] = (alternative_t){types[kind], bytes, length};
        }
        else {
            (void)X509_NAME_add_entry_by_NID(subject, string < 4 ? NID_commonName : NID_organizationName,
                                             strings[string], (const unsigned char *)bytes, (int)length, -1, 0);
        }
    }
    CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE) == 1);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return count;
}

/* RFC 5280 section 7, as far as the registered values go. */
static int is_equal(const alternative_t *name, mto_name_kind_t kind, const char *value)
{
    size_t length = strlen(value), at;

    if (kind == MTO_NAME_IP || name->size != length) {
        return 0; /* addresses: below */
    }
    switch (kind) {
    case MTO_NAME_DNS:
        return name->type == GEN_DNS && strncasecmp(name->bytes, value, length) == 0;
    case MTO_NAME_URI:
        return name->type == GEN_URI && memcmp(name->bytes, value, length) == 0;
    default:
        at = strcspn(value, "@");
        return name->type == GEN_EMAIL && memcmp(name->bytes, value, at) == 0
               && strncasecmp(name->bytes + at, value + at, length - at) == 0;
    }
}

static const char *text_of_address(const alternative_t *name)
{
    const unsigned char *byte = (const unsigned char *)name->bytes;
    const char          *text = "";
    size_t               i;

    if (name->size == 4) {
        return support_text("%d.%d.%d.%d", byte[0], byte[1], byte[2], byte[3]);
    }
    for (i = 0; i < name->size; i += 2) {
        text = support_text("%s%s%02x%02x", text, i > 0 ? ":" : "", byte[i], byte[i + 1]);
    }
    return text;
}

static void check_alternatives(const X509 *certificate, const alternative_t *names, size_t count, const char *value)
{
    static const mto_name_kind_t kinds[] = {MTO_NAME_DNS, MTO_NAME_URI, MTO_NAME_EMAIL};
    size_t                       i, j;

    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int wanted = 0;

        if (mto_name_check(kinds[i], value) != NULL) {
            continue;
        }
        for (j = 0; j < count; j++) {
            wanted = wanted || is_equal(&names[j], kinds[i], value);
        }
        CHECK(mto_name_matches(certificate, kinds[i], value) == wanted);
    }
    for (i = 0; i < count; i++) {
        if (names[i].type == GEN_IPADD && (names[i].size == 4 || names[i].size == 16)) {
            const char *address = text_of_address(&names[i]);

            CHECK(mto_name_check(MTO_NAME_IP, address) == NULL && mto_name_matches(certificate, MTO_NAME_IP, address));
        }
    }
}

/* The subject, as it is shown, is what one registers; and what is registered must be that name. */
static void check_subject(X509 *certificate, const char *value)
{
    X509_NAME *subject = X509_get_subject_name(certificate), *read = mto_distinguished_name_read(value);
    int        equal = read != NULL && mto_distinguished_name_equals(subject, read);

    CHECK((mto_name_check(MTO_NAME_DN, value) == NULL) == (read != NULL));
    CHECK(read == NULL || mto_name_matches(certificate, MTO_NAME_DN, value) == equal);
    CHECK(!equal || X509_NAME_entry_count(subject) == X509_NAME_entry_count(read));
    CHECK(X509_NAME_entry_count(subject) > 0 || !equal);
    X509_NAME_free(read);
}

static void check_made(const char *data, size_t size)
{
    const char   *value = fuzz_line_text(&data, &size);
    X509         *certificate = X509_dup(blank);
    alternative_t names[ALTERNATIVES];
    size_t        count = take_names(certificate, names, data, size);

    check_shown(certificate);
    check_value(certificate, value);
    check_alternatives(certificate, names, count, value);
    check_subject(certificate, value);
    X509_free(certificate);
}

void fuzz_one(const char *data, size_t size)
{
    (fuzz_choice(&data, &size, 2) == 0 ? check_der : check_made)(data, size);
}
