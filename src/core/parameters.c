#include "core/parameters.h"

#include <string.h>

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char       *at;

    if (digit >= 'A' && digit <= 'F') {
        digit = (char)(digit - 'A' + 'a');
    }
    at = digit != '\0' ? strchr(digits, digit) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

const char *mto_parameters_decode(const char **decoded, size_t *decoded_length, const char *text, size_t length,
                                  apr_pool_t *pool)
{
    const char *end = text + length;
    char       *to = apr_palloc(pool, length + 1);

    *decoded = to;
    for (; text < end; text++) {
        int byte = (unsigned char)*text;

        if (byte == '+') {
            byte = ' ';
        }
        else if (byte == '%') {
            int high = end - text > 2 ? hex_value(text[1]) : -1, low = high >= 0 ? hex_value(text[2]) : -1;

            if (low < 0) {
                return "a % without two hexadecimal digits";
            }
            byte = high * 16 + low;
            text += 2;
        }
        if (byte == 0) {
            return "a NUL";
        }
        *to++ = (char)byte;
    }
    *to = '\0';
    *decoded_length = (size_t)(to - *decoded);
    return NULL;
}

/* One name=value; the value of a name that is wanted is kept. */
static const char *read_pair(mto_parameter_t found[], const char *const names[], size_t count, const char *pair,
                             size_t length, apr_pool_t *pool)
{
    const char *equals = memchr(pair, '=', length), *name, *value = "", *wrong;
    size_t      name_length, value_length = 0, i;

    wrong = mto_parameters_decode(&name, &name_length, pair, equals != NULL ? (size_t)(equals - pair) : length, pool);
    if (wrong == NULL && equals != NULL) {
        wrong = mto_parameters_decode(&value, &value_length, equals + 1, length - (size_t)(equals + 1 - pair), pool);
    }
    for (i = 0; wrong == NULL && i < count; i++) {
        if (strcmp(name, names[i]) == 0 && found[i].count++ == 0) {
            found[i].value = value;
            found[i].length = value_length;
        }
    }
    return wrong;
}

const char *mto_parameters_find(mto_parameter_t found[], const char *const names[], size_t count, const char *text,
                                size_t length, apr_pool_t *pool)
{
    const char *end = text + length, *wrong = NULL;

    memset(found, 0, count * sizeof *found);
    while (wrong == NULL && text < end) {
        const char *ampersand = memchr(text, '&', (size_t)(end - text)), *next = ampersand != NULL ? ampersand : end;

        if (next > text) {
            wrong = read_pair(found, names, count, text, (size_t)(next - text), pool);
        }
        text = next + (next < end);
    }
    return wrong;
}
