#include "core/escape.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* A character that a place has another way to write. Of each place the rows end with a NULL text. */
typedef struct {
    char        character;
    const char *text;
} substitute_t;

static const substitute_t substitutes[][8] = {
    [MTO_ESCAPE_HTML] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}},
    [MTO_ESCAPE_LABEL] = {{'\\', "\\\\"}, {'"', "\\\""}, {0, NULL}},
    [MTO_ESCAPE_PLAIN] = {{0, NULL}},
};

/* The longest substitute. */
#define LONGEST 6

/* Bytes of the well-formed character (RFC 3629) at text, and *code; 0: there is none. */
static size_t read_character(const unsigned char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t                length = text[0] < 0x80   ? 1
                                   : text[0] < 0xc2 ? 0
                                   : text[0] < 0xe0 ? 2
                                   : text[0] < 0xf0 ? 3
                                   : text[0] < 0xf5 ? 4
                                                    : 0;
    size_t                i;

    *code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        *code = *code << 6 | (text[i] & 0x3f);
    }
    return length != 0 && *code >= least[length] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff) ? length
                                                                                                            : 0;
}

/* Controls, line and paragraph separators, and what turns the direction, so that no text can look like another. */
static int is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || (code >= 0x200e && code <= 0x200f)
           || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static const char *substitute_of(mto_escape_t place, uint32_t code)
{
    const substitute_t *row = substitutes[place];

    while (row->text != NULL && (uint32_t)(unsigned char)row->character != code) {
        row++;
    }
    return row->text;
}

const char *mto_escape(apr_pool_t *pool, mto_escape_t place, const char *text)
{
    const unsigned char *from = (const unsigned char *)(text != NULL ? text : "");
    char                *escaped = apr_palloc(pool, LONGEST * strlen((const char *)from) + 1), *to = escaped;

    while (*from != '\0') {
        uint32_t    code;
        size_t      length = read_character(from, &code);
        const char *instead = length == 0 || is_harmful(code) ? REPLACEMENT : substitute_of(place, code);

        length = length != 0 ? length : 1;
        if (instead != NULL) {
            memcpy(to, instead, strlen(instead));
            to += strlen(instead);
        }
        else {
            memcpy(to, from, length);
            to += length;
        }
        from += length;
    }
    *to = '\0';
    return escaped;
}
