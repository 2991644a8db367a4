#include "core/distinguished_name.h"

#include "core/name.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>
#include <strings.h>

/* Longest name or OID of an attribute type, NUL included. */
#define TYPE_SIZE 128

/* Of an OID's text, its NUL included, as X509_NAME_print_ex shows it whole. */
#define OID_SIZE 80

/* Reads the attributes of a text, one after the other. */
typedef struct {
    const char   *at;
    char          separator; /* in front of the attribute: ',' (also for the first) or '+' */
    ASN1_OBJECT  *type;
    int           string_type; /* V_ASN1_UTF8STRING unless the value is #hex */
    unsigned char value[MTO_NAME_SIZE];
    size_t        size;
} reader_t;

/* --- UTF-8 -------------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at the start of data[0..size), which is not empty; 0: it is none. */
static size_t sequence_length(const unsigned char *data, size_t size)
{
    size_t length = data[0] < 0x80 ? 1 : data[0] < 0xe0 ? 2 : data[0] < 0xf0 ? 3 : 4, i;

    if (length > size || (data[0] >= 0x80 && data[0] < 0xc2) || data[0] > 0xf4) {
        return 0;
    }
    for (i = 1; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
    if ((data[0] == 0xe0 && data[1] < 0xa0) || (data[0] == 0xed && data[1] > 0x9f)
        || (data[0] == 0xf0 && data[1] < 0x90) || (data[0] == 0xf4 && data[1] > 0x8f)) {
        return 0;
    }
    return length;
}

static int is_utf8(const unsigned char *data, size_t size)
{
    size_t length, i;

    for (i = 0; i < size; i += length) {
        length = sequence_length(data + i, size - i);
        if (length == 0) {
            return 0;
        }
    }
    return 1;
}

size_t mto_printable_write(char *text, size_t size, const void *data, size_t length)
{
    static const char    digits[] = "0123456789ABCDEF";
    const unsigned char *from = data;
    size_t               used = 0, i, taken;

    for (i = 0; i < length; i += taken) {
        size_t sequence = sequence_length(from + i, length - i);
        int is_plain = sequence > 0 && from[i] >= 0x20 && from[i] != 0x7f && !(from[i] == 0xc2 && from[i + 1] < 0xa0);

        taken = is_plain ? sequence : 1;
        if (used + (is_plain ? taken : 3) >= size) {
            break;
        }
        if (is_plain) {
            memcpy(text + used, from + i, taken);
            used += taken;
        }
        else {
            text[used++] = '\\';
            text[used++] = digits[from[i] >> 4];
            text[used++] = digits[from[i] & 15];
        }
    }
    if (size > 0) {
        text[used] = '\0';
    }
    return used;
}

/* --- Attribute types ---------------------------------------------------------------------------------------------- */

/* What most names consist of, so that a hundred thousand of them are read quickly. The rows come before OpenSSL's own
 * names: there "uid" is another type than "UID", while RFC 4514 section 3 has one, in any case. */
static const struct {
    const char *name;
    int         nid;
} common_types[] = {
    {"CN", NID_commonName},
    {"OU", NID_organizationalUnitName},
    {"O", NID_organizationName},
    {"C", NID_countryName},
    {"L", NID_localityName},
    {"ST", NID_stateOrProvinceName},
    {"DC", NID_domainComponent},
    {"UID", NID_userId},
    {"STREET", NID_streetAddress},
    {"serialNumber", NID_serialNumber},
    {"emailAddress", NID_pkcs9_emailAddress},
    {"E", NID_pkcs9_emailAddress},
    {"organizationIdentifier", NID_organizationIdentifier},
};

/* OpenSSL's own look-up is by exact case. */
static int nid_in_any_case(const char *name)
{
    int nid, end = OBJ_new_nid(0);

    for (nid = 1; nid < end; nid++) {
        const char *short_name = OBJ_nid2sn(nid), *long_name = OBJ_nid2ln(nid);

        if ((short_name != NULL && strcasecmp(name, short_name) == 0)
            || (long_name != NULL && strcasecmp(name, long_name) == 0)) {
            return nid;
        }
    }
    return NID_undef;
}

/* Whether it is an OID (RFC 4512 section 1.4, numericoid), and no longer than OpenSSL can show one. OpenSSL itself
 * takes "1..2" and "01.2" for one. */
static int is_oid(const char *name)
{
    size_t length, arcs = 0, all = strlen(name);

    for (;; name += length + 1) {
        length = strspn(name, "0123456789");
        if (length == 0 || (length > 1 && *name == '0')) {
            return 0;
        }
        arcs++;
        if (name[length] != '.') {
            return name[length] == '\0' && arcs > 1 && all < OID_SIZE;
        }
    }
}

/* The attribute type of that name or OID, for ASN1_OBJECT_free; NULL: there is none. */
static ASN1_OBJECT *find_type(const char *name)
{
    size_t i;
    int    nid;

    if (name[0] >= '0' && name[0] <= '9') {
        return is_oid(name) ? OBJ_txt2obj(name, 1) : NULL;
    }
    for (i = 0; i < sizeof common_types / sizeof common_types[0]; i++) {
        if (strcasecmp(name, common_types[i].name) == 0) {
            return OBJ_nid2obj(common_types[i].nid);
        }
    }
    nid = OBJ_txt2nid(name);
    if (nid == NID_undef) {
        nid = nid_in_any_case(name);
    }
    /* Some names of OpenSSL have no OID, and no certificate has them. */
    return nid != NID_undef && OBJ_length(OBJ_nid2obj(nid)) > 0 ? OBJ_nid2obj(nid) : NULL;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static void skip_blanks(reader_t *reader)
{
    while (*reader->at == ' ') {
        reader->at++;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Two hexadecimal digits as a byte; -1: they are none. */
static int hex_pair(const char *at)
{
    int high = hex_digit(at[0]), low = high >= 0 ? hex_digit(at[1]) : -1;

    return low >= 0 ? high << 4 | low : -1;
}

static const char *read_type(reader_t *reader)
{
    char   name[TYPE_SIZE];
    /* '_' and '/' are in names of OpenSSL's own, and so in what it shows. */
    size_t length = strspn(reader->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/");

    if (length == 0) {
        return "an attribute type is missing";
    }
    if (length >= sizeof name) {
        return "an attribute type that OpenSSL does not know";
    }
    memcpy(name, reader->at, length);
    name[length] = '\0';
    reader->at += length;
    skip_blanks(reader);
    if (*reader->at != '=') {
        return "an attribute without '='";
    }
    reader->at++;
    skip_blanks(reader);
    reader->type = find_type(name);
    return reader->type != NULL ? NULL : "an attribute type that OpenSSL does not know";
}

/* Whether a value has a NUL, or is no text at all. */
static int is_unfit(const ASN1_STRING *value)
{
    unsigned char *text = NULL;
    int            size = ASN1_STRING_to_UTF8(&text, value);
    int            unfit = size < 0 || memchr(text, '\0', (size_t)size) != NULL;

    OPENSSL_free(text);
    return unfit;
}

/* #hex: the DER of the value, which may be of any string type (RFC 4514 section 2.4). */
static const char *read_der(reader_t *reader)
{
    unsigned char        der[MTO_NAME_SIZE];
    const unsigned char *end = der;
    size_t               size = 0;
    ASN1_STRING         *value;
    const char          *reason = NULL;
    int                  byte;

    for (reader->at++; (byte = hex_pair(reader->at)) >= 0; reader->at += 2) {
        der[size++] = (unsigned char)byte;
    }
    value = d2i_ASN1_PRINTABLE(NULL, &end, (long)size);
    if (value == NULL || end != der + size) {
        reason = "what follows '#' is not the DER of a value in hexadecimal";
    }
    else if (is_unfit(value) || ASN1_STRING_length(value) == 0) {
        reason = "the DER of a value is no text, is empty or has a NUL";
    }
    else {
        reader->string_type = ASN1_STRING_type(value);
        reader->size = (size_t)ASN1_STRING_length(value);
        memcpy(reader->value, ASN1_STRING_get0_data(value), reader->size);
    }
    ASN1_STRING_free(value);
    return reason;
}

/* One escape, behind its backslash. */
static const char *read_escape(reader_t *reader)
{
    int byte = hex_pair(reader->at);

    if (byte == 0) {
        return "a NUL";
    }
    if (byte < 0 && (*reader->at == '\0' || strchr(" \"#+,;<=>\\", *reader->at) == NULL)) {
        return "a backslash that escapes nothing";
    }
    reader->value[reader->size++] = (unsigned char)(byte < 0 ? *reader->at : byte);
    reader->at += byte < 0 ? 1 : 2;
    return NULL;
}

static const char *read_text(reader_t *reader)
{
    size_t      kept = 0; /* blanks behind this are not part of the value */
    const char *reason;

    while (*reader->at != '\0' && *reader->at != ',' && *reader->at != '+') {
        unsigned char c = (unsigned char)*reader->at++;

        if (c == '\\') {
            if ((reason = read_escape(reader)) != NULL) {
                return reason;
            }
            kept = reader->size;
            continue;
        }
        if (strchr("\";<>", c) != NULL) {
            return "one of \" ; < > without a backslash";
        }
        if (c < 0x20 || c == 0x7f) {
            return "a control character";
        }
        reader->value[reader->size++] = c;
        kept = c != ' ' ? reader->size : kept;
    }
    reader->size = kept;
    if (kept == 0) {
        return "an empty value";
    }
    return is_utf8(reader->value, kept) ? NULL : "a value that is not UTF-8";
}

/* Reads the next attribute and the separator behind it. Returns NULL, or what is wrong; reader->type must be freed
 * either way. */
static const char *read_attribute(reader_t *reader)
{
    const char *reason;

    reader->type = NULL;
    reader->string_type = V_ASN1_UTF8STRING;
    reader->size = 0;
    skip_blanks(reader);
    if ((reason = read_type(reader)) != NULL
        || (reason = *reader->at == '#' ? read_der(reader) : read_text(reader)) != NULL) {
        return reason;
    }
    skip_blanks(reader);
    return *reader->at == '\0' || *reader->at == ',' || *reader->at == '+' ? NULL : "more behind the end of a value";
}

/* Reads all of text; name (NULL: text is only checked) gets the attributes. */
static const char *read_all(const char *text, X509_NAME *name)
{
    reader_t    reader;
    const char *reason;

    if (strlen(text) >= MTO_NAME_SIZE) {
        return "longer than 1023 bytes";
    }
    reader.at = text;
    reader.separator = ',';
    while ((reason = read_attribute(&reader)) == NULL) {
        /* Each RDN goes in front of those before it; an attribute behind '+' joins the one in front. */
        if (name != NULL) {
            X509_NAME_ENTRY *entry =
                X509_NAME_ENTRY_create_by_OBJ(NULL, reader.type, reader.string_type, reader.value, (int)reader.size);
            int ok = entry != NULL && X509_NAME_add_entry(name, entry, 0, reader.separator == '+');

            X509_NAME_ENTRY_free(entry);
            reason = ok ? NULL : "out of memory";
        }
        ASN1_OBJECT_free(reader.type);
        reader.type = NULL;
        if (*reader.at == '\0' || reason != NULL) {
            break;
        }
        reader.separator = *reader.at++;
    }
    ASN1_OBJECT_free(reader.type);
    return reason;
}

const char *mto_distinguished_name_check(const char *text)
{
    const char *reason = read_all(text, NULL);

    ERR_clear_error();
    return reason;
}

X509_NAME *mto_distinguished_name_read(const char *text)
{
    X509_NAME *name = X509_NAME_new();

    if (name != NULL && read_all(text, name) != NULL) {
        X509_NAME_free(name);
        name = NULL;
    }
    ERR_clear_error();
    return name;
}

/* --- Comparing, showing ------------------------------------------------------------------------------------------- */

/* Whether a name is one that may equal another. */
static int is_comparable(const X509_NAME *name)
{
    int i, count = X509_NAME_entry_count(name);

    for (i = 0; i < count; i++) {
        if (is_unfit(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)))) {
            return 0;
        }
    }
    return count > 0;
}

int mto_distinguished_name_equals(const X509_NAME *a, const X509_NAME *b)
{
    int equal = is_comparable(a) && is_comparable(b) && X509_NAME_cmp(a, b) == 0;

    ERR_clear_error();
    return equal;
}

void mto_distinguished_name_describe(const X509_NAME *name, char *text, size_t size)
{
    BIO  *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long  length;

    if (X509_NAME_entry_count(name) == 0) {
        (void)mto_printable_write(text, size, "none", 4);
    }
    else if (bio == NULL
             || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0) {
        (void)mto_printable_write(text, size, "a name that cannot be shown", 27);
    }
    else {
        length = BIO_get_mem_data(bio, &data);
        (void)mto_printable_write(text, size, data, (size_t)length);
    }
    BIO_free(bio);
    ERR_clear_error();
}
