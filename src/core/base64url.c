#include "core/base64url.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character plus one; 0: outside the alphabet. */
#define LETTERS_AND_DIGITS                                                                                             \
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10,     \
    ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19,        \
    ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,        \
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,        \
    ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,        \
    ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,        \
    ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
static const unsigned char url_values[256] = {LETTERS_AND_DIGITS, ['-'] = 63, ['_'] = 64};
static const unsigned char plain_values[256] = {LETTERS_AND_DIGITS, ['+'] = 63, ['/'] = 64};

/* The 24 bits of four values plus one; -1 when one of them is outside the alphabet. */
static int32_t join(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return a == 0 || b == 0 || c == 0 || d == 0 ? -1
                                                : (int32_t)((a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1));
}

static long decode(unsigned char *out, const char *text, size_t length, const unsigned char values[256])
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    unsigned char       *to = out;
    int32_t              bits;

    for (; end - at >= 4; at += 4) {
        bits = join(values[at[0]], values[at[1]], values[at[2]], values[at[3]]);
        if (bits < 0) {
            return -1;
        }
        *to++ = (unsigned char)(bits >> 16);
        *to++ = (unsigned char)(bits >> 8 & 0xff);
        *to++ = (unsigned char)(bits & 0xff);
    }
    if (end - at == 1) {
        return -1;
    }
    if (end - at > 0) {
        /* what is missing counts as zero, and so must the bits be that no byte takes up */
        bits = join(values[at[0]], values[at[1]], end - at == 3 ? values[at[2]] : 1, 1);
        if (bits < 0 || (bits & (end - at == 3 ? 0xff : 0xffff)) != 0) {
            return -1;
        }
        *to++ = (unsigned char)(bits >> 16);
        if (end - at == 3) {
            *to++ = (unsigned char)(bits >> 8 & 0xff);
        }
    }
    return to - out;
}

long mto_base64url_decode(unsigned char *out, const char *text, size_t length)
{
    return decode(out, text, length, url_values);
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
    return decode(out, text, length - padding, plain_values);
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
