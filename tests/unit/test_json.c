/* json: strict and bounded reading of what others wrote (DESIGN sections 4 and 9). */
#include "support.h"

#include "core/json.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *text;
    const char *reason; /* NULL: accepted */
    size_t      length; /* 0: up to its NUL */
} row_t;

#define NUL_TEXT "a NUL character in a string"
#define TWICE    "a member occurs twice"
#define RANGE    "a number out of range"

static const row_t rows[] = {
    {"empty object", "{}", NULL, 0},
    {"white space around", " \t\r\n{ } \r\n", NULL, 0},
    {"all types", "{\"a\":[1,-1,1.5,true,false,null,\"\"],\"b\":{}}", NULL, 0},
    {"escapes", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}", NULL, 0},
    {"two, three and four bytes of UTF-8", "{\"\xc3\xa9\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}", NULL, 0},
    {"names that differ in case", "{\"exp\":1,\"EXP\":2}", NULL, 0},
    {"the same name at two levels", "{\"a\":{\"a\":{\"a\":1}}}", NULL, 0},
    {"largest 64-bit integer", "{\"a\":9223372036854775807}", NULL, 0},
    {"smallest 64-bit integer", "{\"a\":-9223372036854775808}", NULL, 0},
    {"large double", "{\"a\":1e308}", NULL, 0},
    {"double too small to tell from 0", "{\"a\":1e-400}", NULL, 0},

    {"member twice", "{\"exp\":1,\"exp\":2}", TWICE, 0},
    {"member twice, same value", "{\"exp\":1,\"exp\":1}", TWICE, 0},
    {"escaped twin", "{\"exp\":1,\"\\u0065xp\":2}", TWICE, 0},
    {"escaped twin first", "{\"\\u0065\\u0078\\u0070\":1,\"exp\":2}", TWICE, 0},
    {"escaped twin in capital hex", "{\"a/\":1,\"a\\u002F\":2}", TWICE, 0},
    {"escaped slash", "{\"a/\":1,\"a\\/\":2}", TWICE, 0},
    {"twin beyond the first plane", "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", TWICE, 0},
    {"empty name twice", "{\"\":1,\"\":2}", TWICE, 0},
    {"twice, deep inside", "{\"a\":[{\"b\":{\"c\":1,\"c\":1}}]}", TWICE, 0},

    {"NUL escaped in a value", "{\"a\":\"RS256\\u0000\"}", NUL_TEXT, 0},
    {"NUL escaped in a name", "{\"exp\\u0000\":1}", NUL_TEXT, 0},
    {"NUL byte in a value", "{\"a\":\"b\0c\"}", "not JSON", 11},
    {"NUL byte behind", "{}\0", "not JSON", 3},
    {"NUL byte in front", "\0{}", "not JSON", 3},

    {"lone continuation byte", "{\"a\":\"\x80\"}", "not valid UTF-8", 0},
    {"cut sequence", "{\"a\":\"\xe2\x82\"}", "not valid UTF-8", 0},
    {"overlong slash", "{\"a\":\"\xc0\xaf\"}", "not valid UTF-8", 0},
    {"overlong NUL", "{\"a\":\"\xc0\x80\"}", "not valid UTF-8", 0},
    {"overlong in three bytes", "{\"a\":\"\xe0\x80\xaf\"}", "not valid UTF-8", 0},
    {"surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", "not valid UTF-8", 0},
    {"beyond U+10FFFF", "{\"a\":\"\xf4\x90\x80\x80\"}", "not valid UTF-8", 0},
    {"byte FF", "{\"a\":\"\xff\"}", "not valid UTF-8", 0},
    {"Latin-1 in a name", "{\"\xe9\":1}", "not valid UTF-8", 0},
    {"invalid UTF-8 outside of a string", "{\"a\":1}\xff", "not valid UTF-8", 0},
    {"half a surrogate pair, escaped", "{\"a\":\"\\ud83d\"}", "not JSON", 0},
    {"surrogate pair the wrong way round", "{\"a\":\"\\ude00\\ud83d\"}", "not JSON", 0},
    {"UTF-16", "{\0}\0", "not JSON", 4},
    {"byte order mark", "\xef\xbb\xbf{}", "not JSON", 0},

    {"2 to the 63", "{\"a\":9223372036854775808}", RANGE, 0},
    {"minus 2 to the 63, and one less", "{\"a\":-9223372036854775809}", RANGE, 0},
    {"double too large", "{\"a\":1e309}", RANGE, 0},
    {"double too small", "{\"a\":-1e309}", RANGE, 0},
    {"exponent of 400 digits", NULL, RANGE, 0},

    {"bytes behind", "{}x", "not JSON", 0},
    {"a second object", "{}{}", "not JSON", 0},
    {"a brace behind", "{}}", "not JSON", 0},
    {"nothing", "", "not JSON", 0},
    {"white space alone", "  ", "not JSON", 0},
    {"cut", "{\"a\":1", "not JSON", 0},
    {"cut in a string", "{\"a", "not JSON", 0},
    {"ends with a backslash", "{\"a\\", "not JSON", 0},
    {"trailing comma", "{\"a\":1,}", "not JSON", 0},
    {"single quotes", "{'a':1}", "not JSON", 0},
    {"name without quotes", "{a:1}", "not JSON", 0},
    {"comment", "{/**/}", "not JSON", 0},
    {"NaN", "{\"a\":NaN}", "not JSON", 0},
    {"Infinity", "{\"a\":Infinity}", "not JSON", 0},
    {"leading zero", "{\"a\":01}", "not JSON", 0},
    {"plus sign", "{\"a\":+1}", "not JSON", 0},
    {"hex number", "{\"a\":0x1}", "not JSON", 0},
    {"point without digits", "{\"a\":1.}", "not JSON", 0},
    {"TRUE", "{\"a\":TRUE}", "not JSON", 0},
    {"line feed in a string", "{\"a\":\"\n\"}", "not JSON", 0},
    {"tabulator in a string", "{\"a\":\"\t\"}", "not JSON", 0},
    {"unknown escape", "{\"a\":\"\\x41\"}", "not JSON", 0},

    {"array at the top", "[]", "not a JSON object", 0},
    {"array of an object", "[{}]", "not a JSON object", 0},
    {"string", "\"{}\"", "not JSON", 0},
    {"number", "1", "not JSON", 0},
    {"null", "null", "not JSON", 0},
    {"true", "true", "not JSON", 0},
};

static void check_text(const char *text, size_t length, const char *wanted)
{
    const char        *reason = NULL, *reason_in = NULL;
    mto_json_region_t *region;
    json_t            *value = mto_json_read_object(text, length, &reason);
    json_t            *value_in = mto_json_read_object_in(&region, text, length, &reason_in);

    if (wanted == NULL && (value == NULL || value_in == NULL)) {
        fail_msg("refused: %s, %s", reason, reason_in);
    }
    if (wanted == NULL) {
        assert_true(json_equal(value, value_in));
    }
    else {
        assert_null(value);
        assert_null(value_in);
        assert_null(region);
        assert_non_null(reason);
        assert_string_equal(reason, wanted);
        assert_string_equal(reason_in, wanted);
    }
    json_decref(value);
    mto_json_region_free(region);
}

/* How an array was read: the texts of its elements with a line feed behind each. */
typedef struct {
    char   seen[200];
    size_t stop_at; /* the element that is not wanted */
} elements_t;

static int note_element(void *baton, size_t position, const json_t *element)
{
    elements_t *elements = baton;
    char       *text = json_dumps(element, JSON_COMPACT);

    strncat(elements->seen, support_text("%s\n", text), sizeof elements->seen - strlen(elements->seen) - 1);
    free(text);
    return position != elements->stop_at;
}

typedef struct {
    const char *name;
    const char *text;
    const char *seen;
    const char *reason; /* NULL: accepted */
    size_t      position;
} array_t;

#define NOT_JSON "not JSON"

static const array_t arrays[] = {
    {"empty", "[]", "", NULL, 0},
    {"empty, with white space", " [ \n] \r\n", "", NULL, 0},
    {"one", "[{}]", "{}\n", NULL, 1},
    {"some, with white space", "\t[ {\"a\":1} , {\"b\":[{}]}\n,{\"c\":\"]},{[\\\"\"}]",
     "{\"a\":1}\n{\"b\":[{}]}\n{\"c\":\"]},{[\\\"\"}\n", NULL, 3},

    {"strings that end with a backslash", "[{\"a\":\"\\\\\"},{\"]\":\"\\\\\\\\\"}]",
     "{\"a\":\"\\\\\"}\n{\"]\":\"\\\\\\\\\"}\n", NULL, 2},

    {"an object", "{}", "", "not a JSON array", 0},
    {"nothing", "", "", "not a JSON array", 0},
    {"white space alone", "  ", "", "not a JSON array", 0},
    {"a number in it", "[{},1]", "{}\n", NOT_JSON, 1},
    {"a string in it", "[\"{}\"]", "", NOT_JSON, 0},
    {"an array in it", "[{},[]]", "{}\n", "not a JSON object", 1},
    {"a member twice", "[{},{\"a\":1,\"\\u0061\":2}]", "{}\n", TWICE, 1},
    {"NUL", "[{\"a\":\"\\u0000\"}]", "", NUL_TEXT, 0},
    {"invalid UTF-8", "[{\"a\":\"\xff\"}]", "", "not valid UTF-8", 0},
    {"comma in front", "[,{}]", "", NOT_JSON, 0},
    {"comma behind", "[{},]", "{}\n", NOT_JSON, 1},
    {"comma alone", "[,]", "", NOT_JSON, 0},
    {"comma twice", "[{},,{}]", "{}\n", NOT_JSON, 1},
    {"no comma", "[{}{}]", "{}\n", NOT_JSON, 1},
    {"never closed", "[{}", "{}\n", NOT_JSON, 1},
    {"never closed, comma behind", "[{},", "{}\n", NOT_JSON, 1},
    {"opened alone", "[", "", NOT_JSON, 0},
    {"element never closed", "[{\"a\":1]", "", NOT_JSON, 0},
    {"ends in a string", "[{\"a", "", NOT_JSON, 0},
    {"ends with a backslash", "[{\"a\\", "", NOT_JSON, 0},
    {"closed by the other bracket", "[{]]", "", NOT_JSON, 0},
    {"closed too often", "[{}]]", "{}\n", NOT_JSON, 1},
    {"bytes behind", "[{}]x", "{}\n", NOT_JSON, 1},
    {"a second array", "[{}][{}]", "{}\n", NOT_JSON, 1},
};

static void array_is_read(const void *data)
{
    const array_t *row = data;
    elements_t     elements = {"", 100};
    size_t         position = 100;
    const char    *reason = NULL;
    int whole = mto_json_each_object(row->text, strlen(row->text), note_element, &elements, &position, &reason);

    assert_string_equal(elements.seen, row->seen);
    assert_true(whole == (row->reason == NULL));
    if (!whole) {
        assert_string_equal(reason, row->reason);
    }
    assert_int_equal(position, row->position);
}

static void array_is_left_at_an_unwanted_element(const void *unused)
{
    elements_t  elements = {"", 1};
    size_t      position;
    const char *reason = "";

    (void)unused;
    assert_false(mto_json_each_object("[{},{},{}]", 10, note_element, &elements, &position, &reason));
    assert_string_equal(elements.seen, "{}\n{}\n");
    assert_null(reason);
    assert_int_equal(position, 1);
}

/* The array itself is the first of MTO_JSON_DEPTH levels. */
static void array_depth_is_bounded(const void *unused)
{
    int depth;

    (void)unused;
    for (depth = MTO_JSON_DEPTH - 1; depth <= MTO_JSON_DEPTH; depth++) {
        const char *text = support_text("[%s1%s]", support_repeat("{\"a\":", depth), support_repeat("}", depth));
        const char *reason = NULL;
        elements_t  elements = {"", 100};
        size_t      position;
        int         whole = mto_json_each_object(text, strlen(text), note_element, &elements, &position, &reason);

        assert_true(whole == (depth < MTO_JSON_DEPTH));
        if (!whole) {
            assert_string_equal(reason, "nested too deep");
        }
    }
}

static void row_is_read(const void *data)
{
    const row_t *row = data;
    const char  *text = row->text != NULL ? row->text : support_text("{\"a\":1e%s}", support_repeat("9", 400));

    check_text(text, row->length > 0 ? row->length : strlen(text), row->reason);
}

/* A text of `depth` levels: opening, inside, closing. The object at the top is the first. */
typedef struct {
    const char *name;
    const char *open;
    const char *inside;
    const char *close;
    int         depth;
    const char *reason;
} depth_t;

static const depth_t depths[] = {
    {"32 arrays and objects", "[", "", "]", 32, NULL},
    {"33 arrays and objects", "[", "", "]", 33, "nested too deep"},
    {"32 objects", "{\"a\":", "1", "}", 32, NULL},
    {"33 objects", "{\"a\":", "1", "}", 33, "nested too deep"},
    {"brackets in a string do not count", "[", "\"[[[[[[[[{{{{{{{{[[[[[[[[{{{{{{{{\"", "]", 32, NULL},
    {"an escaped quotation mark ends no string", "[", "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", "]", 2, NULL},
    {"a string may end with an escaped backslash", "[", "\"\\\\\"", "]", 33, "nested too deep"},
    {"brackets that close in a string do not count", "[\"]]]]]]]]]]\",", "1", "]", 33, "nested too deep"},
    {"2049 levels", "[", "", "]", 2049, "nested too deep"},
    {"100000 levels", "[", "", "]", 100000, "nested too deep"},
    {"100000 levels that never close", "[", "", "", 100000, "nested too deep"},
    {"32 levels that never close", "[", "", "", 32, "not JSON"},
};

static void depth_is_bounded(const void *data)
{
    const depth_t *row = data;
    const char    *text = support_text("{\"top\":%s%s%s}", support_repeat(row->open, row->depth - 1), row->inside,
                                       support_repeat(row->close, row->depth - 1));

    check_text(text, strlen(text), row->reason);
}

static void siblings_are_no_depth(const void *unused)
{
    const char *text = support_text("{\"a\":[%s[]]}", support_repeat("[[]],{\"b\":{}},", 1000));

    (void)unused;
    check_text(text, strlen(text), NULL);
}

static void length_is_kept(const void *unused)
{
    (void)unused;
    check_text("{}garbage", 2, NULL);
    check_text("{\"a\":1}", 6, "not JSON");
    check_text("", 0, "not JSON");
}

static void string_member_is_told_from_others(const void *unused)
{
    json_t *object = json_pack("{s:s, s:i, s:n, s:s}", "text", "x", "number", 1, "null", "empty", "");

    (void)unused;
    assert_string_equal(mto_json_string(object, "text"), "x");
    assert_string_equal(mto_json_string(object, "empty"), "");
    assert_null(mto_json_string(object, "number"));
    assert_null(mto_json_string(object, "null"));
    assert_null(mto_json_string(object, "absent"));
    assert_null(mto_json_string(NULL, "text"));
    json_decref(object);
}

int main(void)
{
    support_table("strict JSON objects", row_is_read, TABLE(rows));
    support_table("DESIGN section 4, at most 32 levels", depth_is_bounded, TABLE(depths));
    support_case("3000 siblings are no depth", siblings_are_no_depth);
    support_case("the length decides, not a NUL", length_is_kept);
    support_case("a string member is told from others", string_member_is_told_from_others);
    support_table("an array of objects, as strictly", array_is_read, TABLE(arrays));
    support_case("an array is left at an element that is not wanted", array_is_left_at_an_unwanted_element);
    support_case("DESIGN section 4, at most 32 levels in an array", array_depth_is_bounded);
    return support_run("json");
}
