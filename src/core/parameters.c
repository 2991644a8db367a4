#include "core/parameters.h"

#include <ctype.h>
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

/* Whether a name, as some back ends read it, is another: in any case (ASP.NET), with the form's byte order mark (Node's
 * raw-body), blanks (PHP) or brackets (Rack, qs) in front, blanks and dots for underscores (PHP), an element of an
 * array (PHP, Rails) or with other brackets behind it. */
static int reads_like(const char *name, const char *wanted)
{
    static const char mark[] = "\xef\xbb\xbf";

    name += strncmp(name, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;
    name += strspn(name, " \t\r\n\v\f[]");
    for (; *wanted != '\0'; name++, wanted++) {
        int letter = strchr(" .[", *name) != NULL && *name != '\0' ? '_' : tolower((unsigned char)*name);

        if (letter != tolower((unsigned char)*wanted)) {
            return 0;
        }
    }
    return *name == '\0' || *name == '[' || *name == ']';
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
        int is_it = strcmp(name, names[i]) == 0;

        if (is_it && found[i].count++ == 0) {
            found[i].value = value;
            found[i].length = value_length;
        }
        else if (!is_it && reads_like(name, names[i])) {
            wrong = "a name that some read as another";
        }
    }
    return wrong;
}

/* Whether a pair is several to who takes semicolons for ampersands, and one of these a parameter that is looked for.
 * The pair has been decoded before, whole. */
static int hides_one(const char *const names[], size_t count, const char *pair, size_t length, apr_pool_t *pool)
{
    const char *end = pair + length, *piece = memchr(pair, ';', length) != NULL ? pair : NULL, *next, *name;
    size_t      size, i;

    for (; piece != NULL; piece = next) {
        const char *stop = piece;

        while (stop < end && *stop != '=' && *stop != ';') {
            stop++;
        }
        next = memchr(stop, ';', (size_t)(end - stop));
        next = next != NULL ? next + 1 : NULL;
        if (piece == pair && *stop == '=') {
            continue; /* this name is the pair's to everybody */
        }
        if (mto_parameters_decode(&name, &size, piece, (size_t)(stop - piece), pool) != NULL) {
            return 1;
        }
        for (i = 0; i < count; i++) {
            if (reads_like(name, names[i])) {
                return 1;
            }
        }
    }
    return 0;
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
        if (next > text && wrong == NULL && hides_one(names, count, text, (size_t)(next - text), pool)) {
            wrong = "a semicolon next to a name, which some read as an ampersand";
        }
        text = next + (next < end);
    }
    return wrong;
}
