/* base64url: one spelling per value (RFC 7515 section 2, RFC 4648 section 3.5). */
#include "support.h"

#include "core/base64url.h"

#include <stdlib.h>
#include <string.h>

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* Decodes into a buffer of exactly the promised size, so that a byte too many is found by AddressSanitizer,
 * or by the mark behind it. */
static long decode(const char *text, size_t length, unsigned char *copy)
{
    size_t         room = MTO_BASE64URL_DECODED_SIZE(length);
    unsigned char *out = malloc(room + 1);
    long           size;

    out[room] = 0xa5;
    size = mto_base64url_decode(out, text, length);
    assert_int_equal(out[room], 0xa5);
    assert_true(size >= -1 && size <= (long)room);
    if (size > 0 && copy != NULL) {
        memcpy(copy, out, (size_t)size);
    }
    free(out);
    return size;
}

typedef struct {
    const char *name;
    const char *bytes;
    size_t      size;
    const char *text;
} pair_t;

static const pair_t pairs[] = {
    {"RFC 4648 section 10, empty", "", 0, ""},
    {"RFC 4648 section 10, f", "f", 1, "Zg"},
    {"RFC 4648 section 10, fo", "fo", 2, "Zm8"},
    {"RFC 4648 section 10, foo", "foo", 3, "Zm9v"},
    {"RFC 4648 section 10, foob", "foob", 4, "Zm9vYg"},
    {"RFC 4648 section 10, fooba", "fooba", 5, "Zm9vYmE"},
    {"RFC 4648 section 10, foobar", "foobar", 6, "Zm9vYmFy"},
    {"RFC 7515 appendix C", "\x03\xec\xff\xe0\xc1", 5, "A-z_4ME"},
    {"characters 62 and 63", "\xfb\xff\xbf", 3, "-_-_"},
    {"NUL bytes", "\0\0\0\0", 4, "AAAAAA"},
    {"all ones", "\xff\xff", 2, "__8"},
};

static void pair_is_one_value(const void *data)
{
    const pair_t *row = data;
    char          text[32];
    unsigned char bytes[32];

    mto_base64url_encode(text, (const unsigned char *)row->bytes, row->size);
    assert_string_equal(text, row->text);
    assert_int_equal(decode(row->text, strlen(row->text), bytes), row->size);
    assert_memory_equal(bytes, row->bytes, row->size);
}

typedef struct {
    const char *name;
    const char *text;
    size_t      length; /* 0: up to its NUL */
} refused_t;

static const refused_t refused[] = {
    {"two characters padded", "Zg==", 0},
    {"two characters half padded", "Zg=", 0},
    {"three characters padded", "Zm8=", 0},
    {"four characters padded", "Zm9v=", 0},
    {"four characters padded to eight", "Zm9v====", 0},
    {"padding alone", "====", 0},
    {"one padding character", "=", 0},
    {"padding in the middle", "Zg==Zg==", 0},
    {"padding in front", "=Zm9", 0},
    {"standard alphabet, plus", "+m9v", 0},
    {"standard alphabet, slash", "Zm9/", 0},
    {"space in front", " Zm9v", 0},
    {"space behind", "Zm9v ", 0},
    {"line feed behind", "Zm9v\n", 0},
    {"line feed in the middle", "Zm9v\nZm9v", 0},
    {"carriage return and line feed", "Zm\r\n", 0},
    {"NUL behind", "Zm9v\0Zm9v", 5},
    {"NUL in the middle", "Zm\0v", 4},
    {"dot", "Zm.v", 0},
    {"percent escape", "Zm%3D", 0},
    {"tilde", "Zm9~", 0},
    {"a letter that is not ASCII", "Zm\xc3\xa9", 0},
};

static void text_is_refused(const void *data)
{
    const refused_t *row = data;

    assert_int_equal(decode(row->text, row->length > 0 ? row->length : strlen(row->text), NULL), -1);
}

static void only_the_alphabet_is_read(const void *unused)
{
    int byte, place;

    (void)unused;
    for (byte = 0; byte < 256; byte++) {
        int is_letter = byte != 0 && strchr(ALPHABET, byte) != NULL;
        for (place = 0; place < 4; place++) {
            char text[4] = {'A', 'A', 'A', 'A'};
            text[place] = (char)byte;
            assert_int_equal(decode(text, sizeof text, NULL), is_letter ? 3 : -1);
        }
    }
}

static void length_of_4n_plus_1_is_impossible(const void *unused)
{
    const char *text = support_repeat("A", 70);
    size_t      length;

    (void)unused;
    for (length = 0; length <= 70; length++) {
        assert_int_equal(decode(text, length, NULL), length % 4 == 1 ? -1 : (long)(length * 3 / 4));
    }
}

/* Of the 64 last characters of a text of 4n + 2 four are canonical, of one of 4n + 3 sixteen. */
static void trailing_bits_must_be_zero(const void *unused)
{
    unsigned first, last;

    (void)unused;
    for (first = 0; first < 64; first++) {
        for (last = 0; last < 64; last++) {
            char two[2] = {ALPHABET[first], ALPHABET[last]}, three[3] = {'Q', ALPHABET[first], ALPHABET[last]};
            assert_int_equal(decode(two, 2, NULL), last % 16 == 0 ? 1 : -1);
            assert_int_equal(decode(three, 3, NULL), last % 4 == 0 ? 2 : -1);
        }
    }
}

static void what_was_encoded_decodes(const void *unused)
{
    unsigned char bytes[300], back[300];
    size_t        size, i;

    (void)unused;
    for (size = 0; size <= sizeof bytes; size++) {
        char *text = malloc(MTO_BASE64URL_ENCODED_SIZE(size));
        for (i = 0; i < size; i++) {
            bytes[i] = (unsigned char)(i * 167 + size * 59);
        }
        mto_base64url_encode(text, bytes, size);
        assert_int_equal(strlen(text), MTO_BASE64URL_ENCODED_SIZE(size) - 1);
        assert_int_equal(strspn(text, ALPHABET), strlen(text));
        assert_int_equal(decode(text, strlen(text), back), size);
        assert_memory_equal(back, bytes, size);
        free(text);
    }
}

static void what_decodes_encodes_to_itself(const void *unused)
{
    unsigned char bytes[8];
    char          text[4], back[16];
    int           a, b, c;
    long          size;

    (void)unused;
    for (a = 0; a < 64; a++) {
        for (b = 0; b < 64; b++) {
            for (c = 0; c <= 64; c++) {
                size_t length = c < 64 ? 3 : 2;
                text[0] = ALPHABET[a], text[1] = ALPHABET[b], text[2] = c < 64 ? ALPHABET[c] : '\0', text[3] = '\0';
                size = mto_base64url_decode(bytes, text, length);
                if (size >= 0) {
                    mto_base64url_encode(back, bytes, (size_t)size);
                    assert_string_equal(back, text);
                }
            }
        }
    }
}

int main(void)
{
    support_table("RFC 7515 section 2, values", pair_is_one_value, TABLE(pairs));
    support_table("RFC 7515 section 2, no padding, no white space", text_is_refused, TABLE(refused));
    support_case("RFC 4648 section 5, every byte as a character", only_the_alphabet_is_read);
    support_case("RFC 4648 section 4, lengths", length_of_4n_plus_1_is_impossible);
    support_case("RFC 4648 section 3.5, unused bits", trailing_bits_must_be_zero);
    support_case("round trip of 0 to 300 bytes", what_was_encoded_decodes);
    support_case("one spelling per value", what_decodes_encodes_to_itself);
    return support_run("base64url");
}
