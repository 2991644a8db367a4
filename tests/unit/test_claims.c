/* claims: types of the registered claims, the confirmation, claim paths (RFC 7519 section 4.1, RFC 8705 section 3.1).
 */
#include "support.h"

#include "core/claims.h"
#include "vectors.h"

#include <string.h>

/* --- Whole payloads ------------------------------------------------------------------------------------------ */

typedef struct {
    const char   *name;
    const char   *payload;
    mto_refusal_t refusal;
} payload_t;

static const payload_t payloads[] = {
    {"empty object", "{}", MTO_ADMITTED},
    {"iss", "{\"iss\":\"https://as.example\"}", MTO_ADMITTED},
    {"iss empty", "{\"iss\":\"\"}", MTO_ADMITTED},
    {"iss null", "{\"iss\":null}", MTO_CLAIMS_MALFORMED},
    {"iss a number", "{\"iss\":1}", MTO_CLAIMS_MALFORMED},
    {"iss a list", "{\"iss\":[\"https://as.example\"]}", MTO_CLAIMS_MALFORMED},
    {"iss an object", "{\"iss\":{}}", MTO_CLAIMS_MALFORMED},
    {"aud a string", "{\"aud\":\"a\"}", MTO_ADMITTED},
    {"aud a list", "{\"aud\":[\"a\",\"b\"]}", MTO_ADMITTED},
    {"aud an empty list", "{\"aud\":[]}", MTO_ADMITTED},
    {"aud null", "{\"aud\":null}", MTO_CLAIMS_MALFORMED},
    {"aud a number", "{\"aud\":1}", MTO_CLAIMS_MALFORMED},
    {"aud an object", "{\"aud\":{\"a\":\"a\"}}", MTO_CLAIMS_MALFORMED},
    {"aud with a number", "{\"aud\":[\"a\",1]}", MTO_CLAIMS_MALFORMED},
    {"aud with null", "{\"aud\":[null]}", MTO_CLAIMS_MALFORMED},
    {"aud with a list", "{\"aud\":[[\"a\"]]}", MTO_CLAIMS_MALFORMED},
    {"other claims of any type", "{\"sub\":1,\"jti\":[],\"scope\":{},\"cnf\":null}", MTO_ADMITTED},
    {"exp twice", "{\"exp\":1,\"exp\":2}", MTO_CLAIMS_MALFORMED},
    {"exp and its escaped twin", "{\"exp\":1,\"\\u0065xp\":2}", MTO_CLAIMS_MALFORMED},
    {"iss with NUL", "{\"iss\":\"https://as.example\\u0000.evil\"}", MTO_CLAIMS_MALFORMED},
    {"not JSON", "Payload", MTO_CLAIMS_MALFORMED},
    {"an array", "[{\"iss\":\"a\"}]", MTO_CLAIMS_MALFORMED},
    {"nothing", "", MTO_CLAIMS_MALFORMED},
};

static mto_refusal_t read_payload(mto_claims_t *claims, const char *payload, mto_verdict_t *verdict)
{
    return mto_claims_read(claims, payload, strlen(payload), verdict);
}

static void payload_is_read_or_refused(const void *data)
{
    const payload_t *row = data;
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_claims_t     claims;

    support_assert_refusal(read_payload(&claims, row->payload, &verdict), row->refusal, &verdict);
    mto_claims_clear(&claims);
}

/* --- Times: each row for exp, nbf and iat -------------------------------------------------------------------- */

#define REFUSED ((apr_time_t)-2)

typedef struct {
    const char *name;
    const char *value; /* NULL: the claim is absent */
    apr_time_t  time;
} when_t;

static const when_t times[] = {
    {"absent", NULL, MTO_TIME_ABSENT},
    {"0", "0", 0},
    {"-0", "-0", 0},
    {"-0.0", "-0.0", 0},
    {"1", "1", APR_USEC_PER_SEC},
    {"1.5", "1.5", APR_USEC_PER_SEC * 3 / 2},
    {"0.000001", "0.000001", 1},
    {"0.25", "0.25", APR_USEC_PER_SEC / 4},
    {"1700000000", "1700000000", NOW},
    {"1700000000.0", "1700000000.0", NOW},
    {"1.7e9", "1.7e9", NOW},
    {"17E8", "17E8", NOW},
    {"1e-400, too small to tell from 0", "1e-400", 0},
    {"largest that is counted", "9223372036854", 9223372036854 * APR_USEC_PER_SEC},
    {"one more counts as the end of time", "9223372036855", APR_INT64_MAX},
    {"largest 64-bit integer", "9223372036854775807", APR_INT64_MAX},
    {"9223372036854.0", "9223372036854.0", APR_INT64_MAX},
    {"9223372036855.5", "9223372036855.5", APR_INT64_MAX},
    {"2 to the 63 as a fraction", "9223372036854775808.0", APR_INT64_MAX},
    {"1e308", "1e308", APR_INT64_MAX},
    {"-1", "-1", REFUSED},
    {"-0.5", "-0.5", REFUSED},
    {"-1e308", "-1e308", REFUSED},
    {"-9223372036855, whose microseconds overflow", "-9223372036855", REFUSED},
    {"smallest 64-bit integer", "-9223372036854775808", REFUSED},
    {"2 to the 63", "9223372036854775808", REFUSED},
    {"1e309", "1e309", REFUSED},
    {"a string", "\"1700000000\"", REFUSED},
    {"an empty string", "\"\"", REFUSED},
    {"null", "null", REFUSED},
    {"true", "true", REFUSED},
    {"a list", "[1700000000]", REFUSED},
    {"an object", "{}", REFUSED},
    {"NaN", "NaN", REFUSED},
    {"Infinity", "Infinity", REFUSED},
};

static void check_time(const char *claim, const when_t *row, size_t offset)
{
    const char   *payload = row->value != NULL ? support_text("{\"%s\":%s}", claim, row->value) : "{}";
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_claims_t  claims;
    mto_refusal_t refusal = read_payload(&claims, payload, &verdict);

    support_assert_refusal(refusal, row->time == REFUSED ? MTO_CLAIMS_MALFORMED : MTO_ADMITTED, &verdict);
    if (refusal == MTO_ADMITTED) {
        assert_int_equal(*(const apr_time_t *)(const void *)((const char *)&claims + offset), row->time);
    }
    mto_claims_clear(&claims);
}

static void numeric_date_is_a_number_of_0_or_more(const void *data)
{
    check_time("exp", data, offsetof(mto_claims_t, expires));
    check_time("nbf", data, offsetof(mto_claims_t, not_before));
    check_time("iat", data, offsetof(mto_claims_t, issued_at));
}

/* --- Confirmation (DESIGN section 3) ------------------------------------------------------------------------- */

#define X5T "\"x5t#S256\":\"" RFC8705_A_X5T "\""

typedef struct {
    const char              *name;
    const char              *cnf; /* NULL: absent */
    mto_confirmation_shape_t shape;
    const char              *detail;
} confirmation_t;

static const confirmation_t confirmations[] = {
    {"absent", NULL, MTO_CONFIRMATION_ABSENT, NULL},
    {"thumbprint", "{" X5T "}", MTO_CONFIRMATION_THUMBPRINT, NULL},
    {"thumbprint and an unknown member", "{" X5T ",\"x5t\":\"a\",\"y\":{}}", MTO_CONFIRMATION_THUMBPRINT, NULL},
    {"jkt", "{\"jkt\":\"a\"}", MTO_CONFIRMATION_UNSUPPORTED, "jkt"},
    {"jwk", "{\"jwk\":{}}", MTO_CONFIRMATION_UNSUPPORTED, "jwk"},
    {"jwe", "{\"jwe\":\"a\"}", MTO_CONFIRMATION_UNSUPPORTED, "jwe"},
    {"kid", "{\"kid\":\"a\"}", MTO_CONFIRMATION_UNSUPPORTED, "kid"},
    {"jku", "{\"jku\":\"a\"}", MTO_CONFIRMATION_UNSUPPORTED, "jku"},
    {"jkt null", "{\"jkt\":null}", MTO_CONFIRMATION_UNSUPPORTED, "jkt"},
    {"jkt behind the thumbprint", "{" X5T ",\"jkt\":\"a\"}", MTO_CONFIRMATION_UNSUPPORTED, "jkt"},
    {"jkt before the thumbprint", "{\"jkt\":\"a\"," X5T "}", MTO_CONFIRMATION_UNSUPPORTED, "jkt"},
    {"kid beside a bad thumbprint", "{\"kid\":\"a\",\"x5t#S256\":1}", MTO_CONFIRMATION_UNSUPPORTED, "kid"},
    {"empty", "{}", MTO_CONFIRMATION_UNKNOWN, NULL},
    {"x5t alone", "{\"x5t\":\"T8Qp8fPmVYqb9iHyzQUaAbxBedY\"}", MTO_CONFIRMATION_UNKNOWN, NULL},
    {"thumbprint under another case", "{\"X5T#s256\":\"" RFC8705_A_X5T "\"}", MTO_CONFIRMATION_UNKNOWN, NULL},
    {"JKT", "{\"JKT\":\"a\"}", MTO_CONFIRMATION_UNKNOWN, NULL},
    {"thumbprint one level down", "{\"cnf\":{" X5T "}}", MTO_CONFIRMATION_UNKNOWN, NULL},
    {"null", "null", MTO_CONFIRMATION_MALFORMED, "cnf is not an object"},
    {"a string", "\"" RFC8705_A_X5T "\"", MTO_CONFIRMATION_MALFORMED, "cnf is not an object"},
    {"a list", "[{" X5T "}]", MTO_CONFIRMATION_MALFORMED, "cnf is not an object"},
    {"a number", "1", MTO_CONFIRMATION_MALFORMED, "cnf is not an object"},
    {"false", "false", MTO_CONFIRMATION_MALFORMED, "cnf is not an object"},
    {"thumbprint a number", "{\"x5t#S256\":1}", MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not a string"},
    {"thumbprint null", "{\"x5t#S256\":null}", MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not a string"},
    {"thumbprint in a list", "{\"x5t#S256\":[\"" RFC8705_A_X5T "\"]}", MTO_CONFIRMATION_MALFORMED,
     "x5t#S256 is not a string"},
    {"thumbprint empty", "{\"x5t#S256\":\"\"}", MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not 43 characters long"},
    {"thumbprint padded", "{\"x5t#S256\":\"" RFC8705_A_X5T "=\"}", MTO_CONFIRMATION_MALFORMED, "x5t#S256 is padded"},
    {"thumbprint with a line feed", "{\"x5t#S256\":\"" RFC8705_A_X5T "\\n\"}", MTO_CONFIRMATION_MALFORMED,
     "x5t#S256 is not 43 characters long"},
    {"thumbprint with a space", "{\"x5t#S256\":\" 4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}",
     MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not canonical base64url"},
    {"thumbprint in hex", "{\"x5t#S256\":\"0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd\"}",
     MTO_CONFIRMATION_MALFORMED, "x5t#S256 is hex; it must be base64url of the 32 bytes"},
    {"thumbprint in capital hex", "{\"x5t#S256\":\"0380ED2F626650C840B2F263E6D2B29FAE12AB39AE5DB32B25AD27EFAD72E6FD\"}",
     MTO_CONFIRMATION_MALFORMED, "x5t#S256 is hex; it must be base64url of the 32 bytes"},
    {"thumbprint in the standard alphabet", "{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5+0\"}",
     MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not canonical base64url"},
    {"thumbprint with trailing bits", "{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v1\"}",
     MTO_CONFIRMATION_MALFORMED, "x5t#S256 is not canonical base64url"},
    {"the example of RFC 8705 section 3.1, which has trailing bits",
     "{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"}", MTO_CONFIRMATION_MALFORMED,
     "x5t#S256 is not canonical base64url"},
    {"that example, canonical", "{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0\"}",
     MTO_CONFIRMATION_THUMBPRINT, NULL},
};

static void confirmation_has_a_shape(const void *data)
{
    const confirmation_t *row = data;
    const char           *payload = row->cnf != NULL ? support_text("{\"cnf\":%s}", row->cnf) : "{}";
    mto_verdict_t         verdict = MTO_VERDICT_INIT;
    mto_claims_t          claims;

    support_assert_refusal(read_payload(&claims, payload, &verdict), MTO_ADMITTED, &verdict);
    assert_int_equal(claims.confirmation.shape, row->shape);
    if (row->detail == NULL) {
        assert_null(claims.confirmation.detail);
    }
    else {
        assert_non_null(claims.confirmation.detail);
        assert_string_equal(claims.confirmation.detail, row->detail);
    }
    mto_claims_clear(&claims);
}

static void thumbprint_is_the_32_bytes(const void *unused)
{
    static const unsigned char wanted[] = {0x03, 0x80, 0xed, 0x2f, 0x62, 0x66, 0x50, 0xc8, 0x40, 0xb2, 0xf2,
                                           0x63, 0xe6, 0xd2, 0xb2, 0x9f, 0xae, 0x12, 0xab, 0x39, 0xae, 0x5d,
                                           0xb3, 0x2b, 0x25, 0xad, 0x27, 0xef, 0xad, 0x72, 0xe6, 0xfd};
    mto_verdict_t              verdict = MTO_VERDICT_INIT;
    mto_claims_t               claims;

    (void)unused;
    support_assert_refusal(read_payload(&claims, "{\"cnf\":{" X5T "}}", &verdict), MTO_ADMITTED, &verdict);
    assert_memory_equal(claims.confirmation.x5t, wanted, sizeof wanted);
    mto_claims_clear(&claims);
}

/* --- Audience (RFC 7519 section 4.1.3) ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *aud;  /* NULL: absent */
    const char *held; /* NULL: no match */
} audiences[] = {
    {"absent", NULL, NULL},
    {"the string", "\"https://api.example\"", "yes"},
    {"the second of the wanted", "\"urn:api\"", "yes"},
    {"first of a list", "[\"https://api.example\",\"b\"]", "yes"},
    {"last of a list", "[\"a\",\"b\",\"https://api.example\"]", "yes"},
    {"an empty list", "[]", NULL},
    {"a list of others", "[\"a\",\"b\"]", NULL},
    {"an empty string", "\"\"", NULL},
    {"a slash behind", "\"https://api.example/\"", NULL},
    {"a prefix", "\"https://api.exampl\"", NULL},
    {"another case", "\"https://API.example\"", NULL},
    {"both in one string", "\"https://api.example urn:api\"", NULL},
    {"a space behind", "\"https://api.example \"", NULL},
};

static void audience_is_one_of_the_wanted(const void *data)
{
    const char *const  *row = data;
    const char         *payload = row[1] != NULL ? support_text("{\"aud\":%s}", row[1]) : "{}";
    apr_array_header_t *wanted = support_texts("https://api.example", "urn:api", NULL);
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    mto_claims_t        claims;

    support_assert_refusal(read_payload(&claims, payload, &verdict), MTO_ADMITTED, &verdict);
    assert_int_equal(mto_claims_audience_is_one_of(&claims, wanted) != 0, row[2] != NULL);
    assert_false(mto_claims_audience_is_one_of(&claims, support_texts(NULL, NULL)));
    mto_claims_clear(&claims);
}

/* --- Paths --------------------------------------------------------------------------------------------------- */

#define TREE                                                                                                           \
    "{\"a\":{\"b\":{\"c\":\"abc\"},\"null\":null,\"list\":[\"x\"]},\"a.b\":{\"c\":\"dot\"},"                           \
    "\"https://x.example/roles\":\"uri\",\"back\\\\slash\":\"back\",\".\":\"only\",\" \":\"space\","                   \
    "\"\xc3\xa9\":\"accent\",\"null\":null,\"false\":false,\"0\":\"digit\"}"

typedef struct {
    const char *name;
    const char *path;
    const char *names; /* each in <>; NULL: not a path */
    const char *found; /* the string at its end; "*": something else; NULL: nothing */
} path_t;

static const path_t paths[] = {
    {"a member", "a", "<a>", "*"},
    {"three levels", "a.b.c", "<a><b><c>", "abc"},
    {"a dot in a name", "a\\.b.c", "<a.b><c>", "dot"},
    {"a name of dots", "https://x\\.example/roles", "<https://x.example/roles>", "uri"},
    {"a backslash in a name", "back\\\\slash", "<back\\slash>", "back"},
    {"a name that is a dot", "\\.", "<.>", "only"},
    {"a name that is a space", " ", "< >", "space"},
    {"beyond ASCII", "\xc3\xa9", "<\xc3\xa9>", "accent"},
    {"a digit", "0", "<0>", "digit"},
    {"backslash, then a dot that parts", "a\\\\.b", "<a\\><b>", NULL},
    {"absent", "nope", "<nope>", NULL},
    {"absent below an absent one", "nope.a", "<nope><a>", NULL},
    {"below a string", "a.b.c.d", "<a><b><c><d>", NULL},
    {"below a list", "a.list.0", "<a><list><0>", NULL},
    {"null counts as absent", "null", "<null>", NULL},
    {"null inside counts as absent", "a.null", "<a><null>", NULL},
    {"below null", "null.a", "<null><a>", NULL},
    {"false is present", "false", "<false>", "*"},
    {"another case", "A", "<A>", NULL},
    {"empty", "", NULL, NULL},
    {"dot alone", ".", NULL, NULL},
    {"dot in front", ".a", NULL, NULL},
    {"dot behind", "a.", NULL, NULL},
    {"two dots", "a..b", NULL, NULL},
    {"backslash behind", "a\\", NULL, NULL},
    {"backslash alone", "\\", NULL, NULL},
    {"backslash before a letter", "a\\b", NULL, NULL},
    {"three backslashes", "a\\\\\\", NULL, NULL},
};

static void path_leads_to_a_claim(const void *data)
{
    const path_t           *row = data;
    const char             *reason = NULL, *names = "";
    const mto_claim_path_t *path = mto_claim_path_parse(row->path, support_pool(), &reason);
    mto_verdict_t           verdict = MTO_VERDICT_INIT;
    const json_t           *found;
    mto_claims_t            claims;
    int                     i;

    if (row->names == NULL) {
        assert_null(path);
        assert_non_null(reason);
        return;
    }
    assert_non_null(path);
    assert_string_equal(path->text, row->path);
    for (i = 0; i < path->count; i++) {
        names = support_text("%s<%s>", names, path->names[i]);
    }
    assert_string_equal(names, row->names);
    support_assert_refusal(read_payload(&claims, TREE, &verdict), MTO_ADMITTED, &verdict);
    found = mto_claims_find(&claims, path);
    assert_true((found == NULL) == (row->found == NULL));
    if (found != NULL && *row->found != '*') {
        assert_string_equal(json_string_value(found), row->found);
    }
    mto_claims_clear(&claims);
}

static void first_present_path_wins(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_claims_t  claims;

    (void)unused;
    support_assert_refusal(read_payload(&claims, TREE, &verdict), MTO_ADMITTED, &verdict);
    assert_string_equal(
        json_string_value(mto_claims_find_first(&claims, support_paths("nope", "null", "a.b.c", "0", NULL))), "abc");
    assert_null(mto_claims_find_first(&claims, support_paths("nope", "null", NULL)));
    assert_null(mto_claims_find_first(&claims, support_paths(NULL, NULL)));
    mto_claims_clear(&claims);
}

static void cleared_claims_hold_nothing(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_claims_t  claims = {0};

    (void)unused;
    mto_claims_clear(&claims);
    support_assert_refusal(read_payload(&claims, "{\"iss\":\"a\"}", &verdict), MTO_ADMITTED, &verdict);
    mto_claims_clear(&claims);
    assert_null(claims.root);
    assert_null(claims.issuer);
    mto_claims_clear(&claims);
}

/* --- Values ------------------------------------------------------------------------------------------------------- */

/* The claim v: what it is outside of the token (NULL: nothing), and whether it, or an element, is the text "1". */
typedef struct {
    const char *name, *payload, *value;
    int         matches;
} value_t;

static const value_t values[] = {
    {"a string is itself", "{\"v\":\"1\"}", "1", 1},
    {"a number is its JSON text", "{\"v\":1}", "1", 1},
    {"a fraction keeps its digits", "{\"v\":1.1}", "1.1", 0},
    {"a negative number", "{\"v\":-9223372036854775807}", "-9223372036854775807", 0},
    {"the largest number", "{\"v\":1.7976931348623157e308}", "1.79769313486232e308", 0},
    {"a boolean is its JSON text", "{\"v\":true}", "true", 0},
    {"an array is a JSON list", "{\"v\":[\"a\", 1, {\"b\": null}]}", "[\"a\",1,{\"b\":null}]", 1},
    {"an empty array", "{\"v\":[]}", "[]", 0},
    {"letters outside of ASCII", "{\"v\":[\"\xc3\xa9\"]}", "[\"\xc3\xa9\"]", 0},
    {"elements of elements do not match", "{\"v\":[[1]]}", "[[1]]", 0},
    {"an object is nothing", "{\"v\":{\"1\":1}}", NULL, 0},
    {"null is nothing", "{\"v\":null}", NULL, 0},
    {"absent is nothing", "{}", NULL, 0},
    {"a line feed is not shown", "{\"v\":\"a\\nb\"}", NULL, 0},
    {"nor DEL in a list", "{\"v\":[\"1\",\"\x7f\"]}", NULL, 1},
    {"nor C1 in a list's object's name", "{\"v\":[{\"\\u0085\":1}]}", NULL, 0},
};

static int is_text(const char *text, const void *wanted)
{
    return strcmp(text, wanted) == 0;
}

static void value_is_shown_and_matched(const void *data)
{
    const value_t *row = data;
    mto_verdict_t  verdict = MTO_VERDICT_INIT;
    mto_claims_t   claims;
    const json_t  *claim;
    const char    *value;

    support_assert_refusal(read_payload(&claims, row->payload, &verdict), MTO_ADMITTED, &verdict);
    claim = json_object_get(claims.root, "v");
    value = mto_claim_value(claim, support_pool());
    assert_true((value == NULL) == (row->value == NULL));
    if (value != NULL) {
        assert_string_equal(value, row->value);
    }
    assert_int_equal(mto_claim_matches(claim, is_text, "1"), row->matches);
    mto_claims_clear(&claims);
}

/* Whether the scope "b" is there. */
typedef struct {
    const char *name, *payload;
    int         has;
} scope_t;

static const scope_t scopes[] = {
    {"alone", "{\"scope\":\"b\"}", 1},
    {"first", "{\"scope\":\"b a\"}", 1},
    {"in the middle", "{\"scope\":\"a b c\"}", 1},
    {"last, after two blanks", "{\"scope\":\"a  b\"}", 1},
    {"part of a word", "{\"scope\":\"ab bc abc\"}", 0},
    {"of another case", "{\"scope\":\"B\"}", 0},
    {"behind a tab", "{\"scope\":\"a\\tb\"}", 0},
    {"an element", "{\"scope\":[\"a\",\"b\"]}", 1},
    {"a word of an element", "{\"scope\":[\"a b\"]}", 0},
    {"scp, a string", "{\"scp\":\"a b\"}", 1},
    {"scp, an array", "{\"scp\":[\"b\"]}", 1},
    {"scp beside scope", "{\"scope\":\"a\",\"scp\":\"b\"}", 0},
    {"an object", "{\"scope\":{\"b\":1}}", 0},
    {"empty", "{\"scope\":\"\"}", 0},
    {"absent", "{}", 0},
};

static void scope_is_there(const void *data)
{
    const scope_t *row = data;
    mto_verdict_t  verdict = MTO_VERDICT_INIT;
    mto_claims_t   claims;

    support_assert_refusal(read_payload(&claims, row->payload, &verdict), MTO_ADMITTED, &verdict);
    assert_int_equal(mto_claims_has_scope(&claims, "b"), row->has);
    mto_claims_clear(&claims);
}

int main(void)
{
    support_table("RFC 7519 section 4.1, types", payload_is_read_or_refused, TABLE(payloads));
    support_table("RFC 7519 section 2, NumericDate", numeric_date_is_a_number_of_0_or_more, TABLE(times));
    support_table("DESIGN section 3, shape of cnf", confirmation_has_a_shape, TABLE(confirmations));
    support_case("RFC 8705 appendix A, the 32 bytes", thumbprint_is_the_32_bytes);
    support_table("RFC 7519 section 4.1.3, aud", audience_is_one_of_the_wanted, TABLE(audiences));
    support_table("DESIGN section 2, claim paths", path_leads_to_a_claim, TABLE(paths));
    support_case("DESIGN section 4, the first claim present wins", first_present_path_wins);
    support_table("DESIGN section 4, values of claims", value_is_shown_and_matched, TABLE(values));
    support_table("RFC 8693 section 4.2, scope", scope_is_there, TABLE(scopes));
    support_case("cleared claims hold nothing", cleared_claims_hold_nothing);
    return support_run("claims");
}
