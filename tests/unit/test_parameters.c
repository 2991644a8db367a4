/* parameters: what a form or a query says, and what is no form (RFC 6749 appendix B). */
#include "support.h"

#include "core/parameters.h"

#include <string.h>

/* --- Decoding ----------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *text;
    const char *wanted; /* NULL: refused */
} decode_row_t;

static const decode_row_t decodings[] = {
    {"nothing", "", ""},
    {"plain", "abc-._~*", "abc-._~*"},
    {"plus is a blank", "a+b", "a b"},
    {"escaped plus", "a%2Bb", "a+b"},
    {"lower case digits", "%2f%3d%26", "/=&"},
    {"UTF-8", "%C3%A4", "\xc3\xa4"},
    {"escaped line end", "a%0D%0Ab", "a\r\nb"},
    {"cut escape", "a%2", NULL},
    {"lone percent", "a%", NULL},
    {"not hexadecimal", "%2g", NULL},
    {"sign in an escape", "%+1", NULL},
    {"escaped NUL", "a%00", NULL},
    {"bare line end", "a\r\nb", "a\r\nb"},
    {"bare high byte", "\xc3\xa4\xff", "\xc3\xa4\xff"},
    {"delete", "\x7f", "\x7f"},
};

static void check_decoding(const void *data)
{
    const decode_row_t *row = data;
    const char         *decoded, *wrong;
    size_t              length;

    wrong = mto_parameters_decode(&decoded, &length, row->text, strlen(row->text), support_pool());
    if (row->wanted == NULL) {
        assert_non_null(wrong);
        return;
    }
    assert_null(wrong);
    assert_string_equal(decoded, row->wanted);
    assert_int_equal(length, strlen(row->wanted));
}

static void check_raw_nul(const void *data)
{
    mto_parameter_t   found;
    const char *const names[] = {"a"};

    (void)data;
    assert_non_null(mto_parameters_find(&found, names, 1, "a=1\0&b=2", 8, support_pool()));
}

/* --- Finding ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name, *text;
    unsigned    count;
    const char *value; /* of client_id; NULL: none, or the text is refused */
    int         refused;
} find_row_t;

static const find_row_t findings[] = {
    {"not there", "a=1&b=2", 0, NULL, 0},
    {"alone", "client_id=x", 1, "x", 0},
    {"in the middle", "a=1&client_id=x&b=2", 1, "x", 0},
    {"twice", "client_id=x&client_id=y", 2, "x", 0},
    {"twice, once escaped", "client_id=x&client%5Fid=y", 2, "x", 0},
    {"escaped name alone", "%63lient_id=x", 1, "x", 0},
    {"twice, first empty", "client_id=&client_id=y", 2, "", 0},
    {"empty value", "client_id=", 1, "", 0},
    {"no value", "client_id", 1, "", 0},
    {"another case, as some do not see", "Client_id=x", 0, NULL, 1},
    {"a dot, as some read an underscore", "client_id=x&client.id=y", 0, NULL, 1},
    {"a blank in front, as some drop it", "client_id=x&+client_id=y", 0, NULL, 1},
    {"a byte order mark in front, as some drop it",
     "\xef\xbb\xbf"
     "client_id=y&client_id=x",
     0, NULL, 1},
    {"the same, escaped", "client_id=x&%EF%BB%BF+client_id=y", 0, NULL, 1},
    {"the same in a value", "client_id=\xef\xbb\xbfx", 1, "\xef\xbb\xbfx", 0},
    {"an element, as some read the whole", "client_id=x&client_id[]=y", 0, NULL, 1},
    {"escaped bracket", "client_id=x&client_id%5B0%5D=y", 0, NULL, 1},
    {"bracket that is not closed", "client[id=y", 0, NULL, 1},
    {"brackets around it, as some drop them", "client_id=x&[client_id]=y", 0, NULL, 1},
    {"brackets in front", "client_id=x&][[client_id=y", 0, NULL, 1},
    {"bracket behind", "client_id=x&client_id]=y", 0, NULL, 1},
    {"brackets behind a semicolon", "client_id=x&a=1;[client_id]=y", 0, NULL, 1},
    {"brackets around another name", "client_id=x&[client]=y", 1, "x", 0},
    {"longer name", "client_id2=x", 0, NULL, 0},
    {"shorter name", "client_i=x", 0, NULL, 0},
    {"inside of a value", "a=client_id=x", 0, NULL, 0},
    {"equals in the value", "client_id=a=b", 1, "a=b", 0},
    {"semicolon separates nothing", "a=1;b=2&client_id=x;y", 1, "x;y", 0},
    {"semicolon, as some read an ampersand", "a=1;client_id=x", 0, NULL, 1},
    {"semicolon instead of a value", "client_id;a=1&client_id=x", 0, NULL, 1},
    {"semicolon and no more", "a=1&client_id;", 0, NULL, 1},
    {"semicolon after the name", "client_id=x;client_id=y", 0, NULL, 1},
    {"escaped semicolon is one", "a=1%3Bclient_id=x", 0, NULL, 0},
    {"empty pairs", "&&client_id=x&", 1, "x", 0},
    {"empty name", "=client_id&client_id=x", 1, "x", 0},
    {"blanks stay", "client_id=+x%20", 1, " x ", 0},
    {"bad escape elsewhere", "client_id=x&a=%zz", 0, NULL, 1},
    {"bad escape in a name", "client_id=x&%z=1", 0, NULL, 1},
    {"NUL elsewhere", "a=%00&client_id=x", 0, NULL, 1},
};

static void check_finding(const void *data)
{
    const find_row_t        *row = data;
    static const char *const names[] = {"other", "client_id"};
    mto_parameter_t          found[2];
    const char              *wrong = mto_parameters_find(found, names, 2, row->text, strlen(row->text), support_pool());

    assert_int_equal(wrong != NULL, row->refused);
    if (row->refused) {
        return;
    }
    assert_int_equal(found[0].count, 0);
    assert_null(found[0].value);
    assert_int_equal(found[1].count, row->count);
    if (row->value == NULL) {
        assert_null(found[1].value);
        return;
    }
    assert_string_equal(found[1].value, row->value);
    assert_int_equal(found[1].length, strlen(row->value));
}

int main(void)
{
    support_table("values are decoded as forms have them, or refused", check_decoding, TABLE(decodings));
    support_case("a bare NUL is refused", check_raw_nul);
    support_table("a parameter is found by its decoded name, and counted", check_finding, TABLE(findings));
    return support_run("parameters");
}
