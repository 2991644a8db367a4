#include "core/name.h"

#include "core/distinguished_name.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* Longest host name (RFC 1035 section 2.3.4, less the length bytes at both ends). */
#define HOST_NAME_SIZE 253

typedef struct {
    const char *member;
    const char *word;
    int         type; /* of the alternative name (GEN_...) */
    const char *(*check)(const char *value);
} kind_row_t;

/* --- What may be registered --------------------------------------------------------------------------------------- */

/* Labels of letters, digits, '-' and '_', with dots between. A certificate's name in any other spelling equals none. */
static int is_host_name(const char *value)
{
    size_t length = strlen(value);

    return length > 0 && length <= HOST_NAME_SIZE && strspn(value, LETTERS DIGITS "-_.") == length && value[0] != '.'
           && value[length - 1] != '.' && strstr(value, "..") == NULL;
}

static const char *check_dns(const char *value)
{
    if (strchr(value, '*') != NULL) {
        return "a wildcard";
    }
    return is_host_name(value) ? NULL : "not a host name (in ASCII, without a dot at the end)";
}

static const char *check_uri(const char *value)
{
    const char *at;
    size_t      scheme = strspn(value, LETTERS DIGITS "+-.");

    if (scheme == 0 || strchr(LETTERS, value[0]) == NULL || value[scheme] != ':' || value[scheme + 1] == '\0') {
        return "not an absolute URI";
    }
    for (at = value; *at != '\0'; at++) {
        if (*at <= 0x20 || *at >= 0x7f) {
            return "a character that no URI has";
        }
    }
    return strchr(value, '*') != NULL ? "a wildcard" : NULL;
}

/* The address in binary: 4 or 16 bytes; 0: it is none. */
static size_t read_ip(const char *value, unsigned char address[16])
{
    return inet_pton(AF_INET, value, address) == 1 ? 4 : inet_pton(AF_INET6, value, address) == 1 ? 16 : 0;
}

static const char *check_ip(const char *value)
{
    unsigned char address[16];

    return read_ip(value, address) > 0 ? NULL : "not an IPv4 or IPv6 address";
}

static const char *check_email(const char *value)
{
    const char *at = strchr(value, '@'), *c;

    for (c = value; *c != '\0'; c++) {
        if (*c <= 0x20 || *c >= 0x7f || *c == '*') {
            return "a character that no registered mail address has";
        }
    }
    return at != NULL && at > value && is_host_name(at + 1) ? NULL : "not local@domain";
}

/* In the order of mto_name_kind_t. */
static const kind_row_t kinds[MTO_NAME_KINDS] = {
    [MTO_NAME_DN] = {"tls_client_auth_subject_dn", "dn", -1, mto_distinguished_name_check},
    [MTO_NAME_DNS] = {"tls_client_auth_san_dns", "dns", GEN_DNS, check_dns},
    [MTO_NAME_URI] = {"tls_client_auth_san_uri", "uri", GEN_URI, check_uri},
    [MTO_NAME_IP] = {"tls_client_auth_san_ip", "ip", GEN_IPADD, check_ip},
    [MTO_NAME_EMAIL] = {"tls_client_auth_san_email", "email", GEN_EMAIL, check_email},
};

const char *mto_name_member(mto_name_kind_t kind)
{
    return kinds[kind].member;
}

const char *mto_name_word(mto_name_kind_t kind)
{
    return kinds[kind].word;
}

const char *mto_name_check(mto_name_kind_t kind, const char *value)
{
    if (*value == '\0') {
        return "empty";
    }
    if (strlen(value) >= MTO_NAME_SIZE) {
        return "longer than 1023 bytes";
    }
    return kinds[kind].check(value);
}

/* --- Comparing ---------------------------------------------------------------------------------------------------- */

/* The alternative names; NULL: none, too many, or the extension is there twice or cannot be read. */
static GENERAL_NAMES *read_alternatives(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    if (names != NULL && sk_GENERAL_NAME_num(names) > MTO_NAME_ALTERNATIVES) {
        GENERAL_NAMES_free(names);
        names = NULL;
    }
    return names;
}

/* Whether size bytes, which may be anything, are value: what no registered value has (NUL, control characters,
 * wildcards) cannot be equal. The first `exact` bytes are compared with, the others without regard to ASCII case. */
static int is_same(const unsigned char *bytes, size_t size, const char *value, size_t exact)
{
    return size == strlen(value) && memcmp(bytes, value, exact) == 0
           && strncasecmp((const char *)bytes + exact, value + exact, size - exact) == 0;
}

/* name is of the type that belongs to kind. */
static int alternative_matches(const GENERAL_NAME *name, mto_name_kind_t kind, const char *value)
{
    const ASN1_STRING   *string = GENERAL_NAME_get0_value(name, NULL);
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    size_t               size = (size_t)ASN1_STRING_length(string);
    unsigned char        address[16];

    switch (kind) {
    case MTO_NAME_DNS:
        return is_same(bytes, size, value, 0);
    case MTO_NAME_URI:
        return is_same(bytes, size, value, strlen(value));
    case MTO_NAME_EMAIL:
        return is_same(bytes, size, value, (size_t)(strchr(value, '@') - value));
    case MTO_NAME_IP:
        return size == read_ip(value, address) && memcmp(bytes, address, size) == 0;
    default:
        return 0;
    }
}

static int any_alternative_matches(const X509 *certificate, mto_name_kind_t kind, const char *value)
{
    GENERAL_NAMES *names = read_alternatives(certificate);
    int            i, type, matches = 0;

    for (i = 0; !matches && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        (void)GENERAL_NAME_get0_value(name, &type);
        matches = type == kinds[kind].type && alternative_matches(name, kind, value);
    }
    GENERAL_NAMES_free(names);
    return matches;
}

int mto_name_matches(const X509 *certificate, mto_name_kind_t kind, const char *value)
{
    X509_NAME *name;
    int        matches;

    if (kind == MTO_NAME_DN) {
        name = mto_distinguished_name_read(value);
        matches = name != NULL && mto_distinguished_name_equals(X509_get_subject_name(certificate), name);
        X509_NAME_free(name);
    }
    else {
        matches = any_alternative_matches(certificate, kind, value);
    }
    ERR_clear_error();
    return matches;
}

/* --- Showing ------------------------------------------------------------------------------------------------------ */

/* Writes one alternative name; returns the bytes written. */
static size_t describe_alternative(const GENERAL_NAME *name, char *text, size_t size)
{
    char               address[INET6_ADDRSTRLEN];
    int                type;
    const ASN1_STRING *string = GENERAL_NAME_get0_value(name, &type);
    int                length = ASN1_STRING_length(string);

    if (type == GEN_IPADD && (length == 4 || length == 16)
        && inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(string), address, sizeof address)
               != NULL) {
        return mto_printable_write(text, size, address, strlen(address));
    }
    return mto_printable_write(text, size, ASN1_STRING_get0_data(string), (size_t)length);
}

void mto_name_describe(const X509 *certificate, mto_name_kind_t kind, char *text, size_t size)
{
    GENERAL_NAMES *names;
    size_t         used = 0;
    int            i, type;

    if (kind == MTO_NAME_DN) {
        mto_distinguished_name_describe(X509_get_subject_name(certificate), text, size);
        return;
    }
    names = read_alternatives(certificate);
    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        (void)GENERAL_NAME_get0_value(name, &type);
        if (type == kinds[kind].type) {
            used += used > 0 ? mto_printable_write(text + used, size - used, ", ", 2) : 0;
            used += describe_alternative(name, text + used, size - used);
        }
    }
    if (used == 0) {
        (void)mto_printable_write(text, size, "none", 4);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}
