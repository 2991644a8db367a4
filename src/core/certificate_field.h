/* The client's certificate as a proxy that ended TLS writes it into a header field: one certificate, one value. */
#ifndef MTO_CERTIFICATE_FIELD_H
#define MTO_CERTIFICATE_FIELD_H

#include "core/certificate.h"
#include "core/policy.h"

/* The formats of MTLSOAuthClientCertHeader. */
typedef enum {
    MTO_FIELD_RFC9440,        /* a byte sequence of structured fields: base64 of the DER between colons */
    MTO_FIELD_PEM,            /* PEM whose line ends have become blanks, as mod_headers writes it */
    MTO_FIELD_PEM_URLENCODED, /* PEM with %XX, as nginx's $ssl_client_escaped_cert; a plus sign is a plus sign */
    MTO_FIELD_DER_BASE64,     /* base64 of the DER, as HAProxy's ssl_c_der,base64 */
} mto_field_format_t;

extern const mto_word_t mto_field_format_words[]; /* rfc9440 pem pem-urlencoded der-base64 */

/* Longest field: four times a large certificate. */
#define MTO_CERTIFICATE_FIELD_SIZE (32 * 1024)

/* Reads a field (RFC 9440 section 2.2: a singleton, a list does not pass). Returns NULL, or a static text that says
 * what is wrong. The DER is allocated from pool. */
const char *mto_certificate_read_field(mto_certificate_t *certificate, mto_field_format_t format, const char *field,
                                       apr_pool_t *pool);

#endif
