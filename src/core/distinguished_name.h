/* Distinguished names: RFC 4514 text in, OpenSSL's form of it out; compared by the rules that OpenSSL has for names. */
#ifndef MTO_DISTINGUISHED_NAME_H
#define MTO_DISTINGUISHED_NAME_H

#include <openssl/x509.h>
#include <stddef.h>

/* Checks RFC 4514 text of at least one attribute and at most MTO_NAME_SIZE - 1 bytes. Attribute types are those of the
 * table in RFC 4514 section 3 and every other name that OpenSSL knows, in any case, "E", or OIDs; values are UTF-8 with
 * the escapes of section 2.4, or #hex of a DER string. Blanks around ',', '+' and '=' are allowed. Refused: values in
 * quotation marks (RFC 2253 section 4), ';' between attributes, empty values, NUL. Returns NULL, or a static text
 * saying what is wrong. */
const char *mto_distinguished_name_check(const char *text);

/* The same as a name, in the order of the certificate (RFC 4514 section 2.1 reverses it); the caller's for
 * X509_NAME_free. NULL: mto_distinguished_name_check refuses it, or out of memory. */
X509_NAME *mto_distinguished_name_read(const char *text);

/* Whether two names are equal: same RDNs in the same order, each with the same attributes in any order; values without
 * regard to string type, ASCII case, and number of blanks inside and around (RFC 4517 section 4.2.15, RFC 4518 as far
 * as OpenSSL goes: upper and lower case of letters beyond ASCII differ, and so do composed and decomposed forms). A
 * NumericString, which is no type of a DirectoryString, equals another one only. Empty names, and values with NUL in
 * them, equal nothing. */
int mto_distinguished_name_equals(const X509_NAME *a, const X509_NAME *b);

/* Writes a name as RFC 4514 text: control characters escaped, other UTF-8 as it is; cut to size, NUL included; "none"
 * when it is empty. */
void mto_distinguished_name_describe(const X509_NAME *name, char *text, size_t size);

/* Writes data[0..length) likewise: valid UTF-8 without control characters as it is, other bytes as \XX. Returns the
 * number of bytes written, without the NUL. */
size_t mto_printable_write(char *text, size_t size, const void *data, size_t length);

#endif
