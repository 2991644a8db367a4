/* Strict base64url as JOSE wants it (RFC 7515 section 2): no padding, no white space, one spelling per value. */
#ifndef MTO_BASE64URL_H
#define MTO_BASE64URL_H

#include <stddef.h>

/* Room for the decoded form of `length` characters. */
#define MTO_BASE64URL_DECODED_SIZE(length) ((length) / 4 * 3 + 2)

/* Room for the encoded form of `length` bytes, final NUL included. */
#define MTO_BASE64URL_ENCODED_SIZE(length) (((length)*4 + 2) / 3 + 1)

/* Decodes text[0..length) into out, which has MTO_BASE64URL_DECODED_SIZE(length) bytes. Returns the number of bytes, or
 * -1 when a character is outside the alphabet, the length is impossible or the unused trailing bits are not zero. */
long mto_base64url_decode(unsigned char *out, const char *text, size_t length);

/* The same for the alphabet with '+' and '/', and with padding (RFC 4648 section 4), as x5c has it (RFC 7517 section
 * 4.7). */
long mto_base64_decode(unsigned char *out, const char *text, size_t length);

/* Encodes data[0..length) into out, which has MTO_BASE64URL_ENCODED_SIZE(length) bytes; NUL-terminated. */
void mto_base64url_encode(char *out, const unsigned char *data, size_t length);

#endif
