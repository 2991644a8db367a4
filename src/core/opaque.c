/* What kind a token is by its looks, and what an opaque one may consist of: see token.h. */
#include "core/base64url.h"
#include "core/json.h"
#include "core/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether text[0..length) is of the alphabet of base64url. */
static int is_base64url(const char *text, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_') {
            return 0;
        }
    }
    return 1;
}

/* Whether text[0..length) decodes to a JSON object; -1: memory ran out. */
static int is_object(const char *text, size_t length)
{
    unsigned char     *bytes;
    long               size;
    int                is;
    const char        *reason;
    mto_json_region_t *object = NULL;

    errno = 0;
    bytes = malloc(MTO_BASE64URL_DECODED_SIZE(length));
    size = bytes != NULL ? mto_base64url_decode(bytes, text, length) : -1;
    is = size > 0 && mto_json_read_object_in(&object, (const char *)bytes, (size_t)size, &reason) != NULL;
    mto_json_region_free(object);
    free(bytes);
    return is ? 1 : errno == ENOMEM ? -1 : 0;
}

int mto_token_is_opaque(const char *text, size_t length)
{
    const char *end = text + length, *first = memchr(text, '.', length), *second;
    int         is_jws;

    second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (length > MTO_TOKEN_SIZE || second == NULL || !is_base64url(first + 1, (size_t)(second - first - 1))
        || !is_base64url(second + 1, (size_t)(end - second - 1))) {
        return 1;
    }
    is_jws = is_object(text, (size_t)(first - text));
    return is_jws < 0 ? -1 : !is_jws;
}

mto_refusal_t mto_token_check_opaque(const char *text, size_t length, mto_verdict_t *why)
{
    size_t i;

    if (length > MTO_TOKEN_SIZE) {
        return mto_verdict_refuse(why, MTO_TOKEN_TOO_LARGE, "%zu bytes", length);
    }
    for (i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && (text[i] == '\0' || strchr("-._~+/=", text[i]) == NULL)) {
            return mto_verdict_refuse(why, MTO_TOKEN_MALFORMED, "a character that no token has (RFC 6750 section 2.1)");
        }
    }
    return MTO_ADMITTED;
}
