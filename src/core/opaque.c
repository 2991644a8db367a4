/* What kind of token it is by its looks, and what an opaque one may consist of: see token.h. */
#include "core/token.h"

#include <ctype.h>
#include <string.h>

/* The six bits of a character of base64 in either alphabet, -1: none. */
static int bits_of(char character)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char       *at = strchr(digits, character == '+' ? '-' : character == '/' ? '_' : character);

    return character != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* Whether text[0..length) is base64 of what begins like a JSON object, however lenient the reader: in either alphabet,
 * with strange characters in between, blanks and the marks of Unicode's encodings in front. */
static int begins_object(const char *text, size_t length)
{
    static const char between[] = " \t\r\n\xef\xbb\xbf\xfe\xff";
    unsigned          gathered = 0, count = 0;
    size_t            i;
    int               is_open = 0;

    for (i = 0; i < length; i++) {
        int  bits = bits_of(text[i]);
        char byte;

        if (bits < 0) {
            continue;
        }
        gathered = (gathered << 6 | (unsigned)bits) & 0xffff;
        count += 6;
        if (count < 8) {
            continue;
        }
        count -= 8;
        byte = (char)(gathered >> count & 0xff);
        if (strchr(between, byte) != NULL) { /* NUL, too: every other byte of UTF-16 */
            continue;
        }
        if (is_open || byte != '{') {
            return is_open && (byte == '"' || byte == '}');
        }
        is_open = 1;
    }
    return 0;
}

int mto_token_is_opaque(const char *text, size_t length)
{
    const char *end = text + length, *first, *second, *third;

    first = memchr(text, '.', length);
    second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    third = second != NULL ? memchr(second + 1, '.', (size_t)(end - second - 1)) : NULL;
    while (third != NULL && third < end && *third == '.') {
        third++; /* some readers drop empty segments at the end */
    }
    return length > MTO_TOKEN_SIZE || second == NULL || (third != NULL && third < end)
           || !begins_object(text, (size_t)(first - text));
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
