#include "core/base64url.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character plus one; 0: outside the alphabet. */
static const unsigned char values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,
    ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27,
    ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45,
    ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
};

/* last: the alphabet's characters of the values 62 and 63. */
static long decode(unsigned char *out, const char *text, size_t length, const char last[2])
{
    unsigned char *to = out;
    uint32_t       bits = 0;
    unsigned       held = 0;
    size_t         i;

    if (length % 4 == 1) {
        return -1;
    }
    for (i = 0; i < length; i++) {
        unsigned value = text[i] == last[0] ? 63 : text[i] == last[1] ? 64 : values[(unsigned char)text[i]];
        if (value == 0) {
            return -1;
        }
        bits = (bits << 6 | (value - 1)) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (unsigned char)(bits >> held & 0xff);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0) {
        return -1;
    }
    return to - out;
}

long mto_base64url_decode(unsigned char *out, const char *text, size_t length)
{
    return decode(out, text, length, "-_");
}

long mto_base64_decode(unsigned char *out, const char *text, size_t length)
{
    size_t padding = 0;

    if (length % 4 != 0) {
        return -1;
    }
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    return decode(out, text, length - padding, "+/");
}

void mto_base64url_encode(char *out, const unsigned char *data, size_t length)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t   i;

    for (i = 0; i < length; i++) {
        bits = (bits << 8 | data[i]) & 0xffff;
        for (held += 8; held >= 6;) {
            held -= 6;
            *out++ = alphabet[bits >> held & 63];
        }
    }
    if (held > 0) {
        *out++ = alphabet[bits << (6 - held) & 63];
    }
    *out = '\0';
}
