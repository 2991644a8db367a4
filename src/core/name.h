/* The names in a certificate, and what one of them must equal for tls_client_auth (RFC 8705 section 2.1.2). */
#ifndef MTO_NAME_H
#define MTO_NAME_H

#include <openssl/x509.h>
#include <stddef.h>

/* Which name of the certificate a registered value is compared with. */
typedef enum {
    MTO_NAME_DN,    /* subject distinguished name: RFC 4514 text, compared by RFC 4517 distinguishedNameMatch */
    MTO_NAME_DNS,   /* subjectAltName dNSName: ASCII, without case */
    MTO_NAME_URI,   /* subjectAltName uniformResourceIdentifier: byte for byte */
    MTO_NAME_IP,    /* subjectAltName iPAddress: in binary */
    MTO_NAME_EMAIL, /* subjectAltName rfc822Name: local part byte for byte, domain without case */
    MTO_NAME_KINDS
} mto_name_kind_t;

/* Longest registered value, and most alternative names of a certificate that are looked at, in bytes and in number; a
 * certificate with more has no alternative name. */
#define MTO_NAME_SIZE         1024
#define MTO_NAME_ALTERNATIVES 1000

/* The member of RFC 8705 section 2.1.2 for a kind, such as "tls_client_auth_san_dns", and its word in
 * MTLSOAuthClientSubject, such as "dns". */
const char *mto_name_member(mto_name_kind_t kind);
const char *mto_name_word(mto_name_kind_t kind);

/* Checks a value that is to be registered: RFC 4514 text that is not empty (blanks after commas and around '=' allowed,
 * attribute types by any short name OpenSSL knows, in any case, or by OID, values as text or #hex); a host name without
 * wildcard; an absolute URI; an IPv4 or IPv6 address without zone; local@domain. Printable ASCII, but for a DN's
 * values, which may be UTF-8. Returns NULL, or a static text saying what is wrong. */
const char *mto_name_check(mto_name_kind_t kind, const char *value);

/* Whether the certificate's name of that kind equals value, which mto_name_check found right. Never: an empty subject,
 * an alternative name with NUL or control characters in it or with a wildcard, one of another type. Several alternative
 * names: any of them. Order and number of RDNs count; order within a multi-valued RDN does not. */
int mto_name_matches(const X509 *certificate, mto_name_kind_t kind, const char *value);

/* Writes what the certificate has of that kind, for a log or an operator: the subject as RFC 4514 text, or its
 * alternative names of the kind with commas between; control characters, and what is not UTF-8, escaped; cut to size,
 * NUL included; "none" when there is none. */
void mto_name_describe(const X509 *certificate, mto_name_kind_t kind, char *text, size_t size);

#endif
