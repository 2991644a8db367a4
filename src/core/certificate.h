/* The client's certificate as the binding needs it: its DER and the SHA-256 of that (RFC 8705 section 3.1). */
#ifndef MTO_CERTIFICATE_H
#define MTO_CERTIFICATE_H

#include <apr_pools.h>
#include <stddef.h>

/* Bytes of an x5t#S256 thumbprint, and characters of its base64url form. */
#define MTO_X5T_SIZE        32
#define MTO_X5T_TEXT_LENGTH 43

typedef struct {
    const unsigned char *der;
    size_t               der_size;
    unsigned char        x5t[MTO_X5T_SIZE]; /* SHA-256 of der */
    char x5t_text[MTO_X5T_TEXT_LENGTH + 1]; /* as x5t#S256 shows it: what a connection has is shown often */
} mto_certificate_t;

/* Hashes the der[0..size) of a certificate; borrowed, not parsed. Returns 0 when it is not one DER SEQUENCE, whole. */
int mto_certificate_read_der(mto_certificate_t *certificate, const unsigned char *der, size_t size);

/* The same for the first CERTIFICATE block of a PEM text; the DER is allocated from pool. */
int mto_certificate_read_pem(mto_certificate_t *certificate, const char *pem, apr_pool_t *pool);

/* Writes the thumbprint as x5t#S256 shows it: 43 characters of base64url and a NUL. */
void mto_certificate_x5t_text(const mto_certificate_t *certificate, char out[MTO_X5T_TEXT_LENGTH + 1]);

#endif
