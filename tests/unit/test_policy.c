/* policy: words and defaults of the configuration, what overrides what, and which block a token belongs to (DESIGN
 * section 4). */
#include "support.h"

#include "core/algorithm.h"
#include "core/policy.h"

#include <string.h>

/* --- Words --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char       *name;
    const mto_word_t *words;
    const char       *word;
    int               value;
} word_t;

static const word_t words[] = {
    {"none", mto_mutual_tls_words, "none", MTO_MUTUAL_TLS_NONE},
    {"request", mto_mutual_tls_words, "request", MTO_MUTUAL_TLS_REQUEST},
    {"required", mto_mutual_tls_words, "required", MTO_MUTUAL_TLS_REQUIRED},
    {"without case", mto_mutual_tls_words, "ReQuired", MTO_MUTUAL_TLS_REQUIRED},
    {"off is no word of UseMutualTLS", mto_mutual_tls_words, "off", MTO_UNSET},
    {"optional is no word at all", mto_mutual_tls_words, "optional", MTO_UNSET},
    {"a prefix", mto_mutual_tls_words, "require", MTO_UNSET},
    {"a longer word", mto_mutual_tls_words, "requests", MTO_UNSET},
    {"empty", mto_mutual_tls_words, "", MTO_UNSET},
    {"report off", mto_report_mutual_tls_words, "off", MTO_MUTUAL_TLS_NONE},
    {"report request", mto_report_mutual_tls_words, "request", MTO_MUTUAL_TLS_REQUEST},
    {"report required", mto_report_mutual_tls_words, "required", MTO_MUTUAL_TLS_REQUIRED},
    {"report none", mto_report_mutual_tls_words, "none", MTO_UNSET},
    {"profile jwt", mto_profile_words, "jwt", MTO_PROFILE_JWT},
    {"profile rfc9068", mto_profile_words, "rfc9068", MTO_PROFILE_RFC9068},
    {"profile RFC9068", mto_profile_words, "RFC9068", MTO_PROFILE_RFC9068},
    {"profile at+jwt", mto_profile_words, "at+jwt", MTO_UNSET},
};

static void word_has_its_value(const void *data)
{
    const word_t *row = data;

    assert_int_equal(mto_word_value(row->words, row->word), row->value);
    if (row->value != MTO_UNSET) {
        assert_int_equal(strcasecmp(mto_word_of(row->words, row->value), row->word), 0);
    }
}

/* --- Defaults ------------------------------------------------------------------------------------------------ */

static const char *texts_of(const apr_array_header_t *paths)
{
    const char *texts = "";
    int         i;

    for (i = 0; i < paths->nelts; i++) {
        texts = support_text("%s%s ", texts, APR_ARRAY_IDX(paths, i, const mto_claim_path_t *)->text);
    }
    return texts;
}

static void defaults_are_as_designed(const void *unused)
{
    mto_settings_t settings = mto_settings_default(support_pool());

    (void)unused;
    assert_int_equal(settings.use_mutual_tls, MTO_MUTUAL_TLS_REQUEST);
    assert_int_equal(settings.report_mutual_tls, MTO_MUTUAL_TLS_NONE);
    assert_int_equal(settings.profile, MTO_PROFILE_JWT);
    assert_int_equal(settings.algorithms, MTO_ALGORITHMS_ALL);
    assert_int_equal(settings.clock_skew, apr_time_from_sec(30));
    assert_int_equal(settings.max_token_lifetime, 0);
    assert_string_equal(texts_of(settings.remote_user_claims), "sub ");
    assert_string_equal(settings.remote_user_suffix, "");
    assert_string_equal(texts_of(settings.client_id_claims), "client_id azp appid cid ");
    assert_string_equal(texts_of(settings.required_claims), "");
}

/* --- FAPI 2.0 ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    int         profile, use_mutual_tls;
    const char *algorithm; /* beside ES256 */
    int         skew;      /* seconds */
    int         good;
} fapi_t;

static const fapi_t fapis[] = {
    {"nothing beside it", MTO_PROFILE_FAPI2, MTO_UNSET, NULL, MTO_UNSET, 1},
    {"all as strong", MTO_PROFILE_FAPI2, MTO_MUTUAL_TLS_REQUIRED, "PS256", 10, 1},
    {"EdDSA", MTO_PROFILE_FAPI2, MTO_UNSET, "EdDSA", 59, 1},
    {"Ed25519", MTO_PROFILE_FAPI2, MTO_UNSET, "Ed25519", 30, 1},
    {"request", MTO_PROFILE_FAPI2, MTO_MUTUAL_TLS_REQUEST, NULL, MTO_UNSET, 0},
    {"none", MTO_PROFILE_FAPI2, MTO_MUTUAL_TLS_NONE, NULL, MTO_UNSET, 0},
    {"RS256", MTO_PROFILE_FAPI2, MTO_UNSET, "RS256", MTO_UNSET, 0},
    {"ES384", MTO_PROFILE_FAPI2, MTO_UNSET, "ES384", MTO_UNSET, 0},
    {"Ed448", MTO_PROFILE_FAPI2, MTO_UNSET, "Ed448", MTO_UNSET, 0},
    {"9 s", MTO_PROFILE_FAPI2, MTO_UNSET, NULL, 9, 0},
    {"60 s", MTO_PROFILE_FAPI2, MTO_UNSET, NULL, 60, 0},
    {"another profile", MTO_PROFILE_RFC9068, MTO_MUTUAL_TLS_NONE, "RS256", 300, 1},
    {"no profile", MTO_UNSET, MTO_MUTUAL_TLS_NONE, "RS256", 0, 1},
};

static void nothing_is_weaker_than_fapi(const void *data)
{
    const fapi_t  *row = data;
    mto_settings_t written = mto_settings_unset(), finished;

    written.profile = row->profile;
    written.use_mutual_tls = row->use_mutual_tls;
    if (row->algorithm != NULL) {
        written.algorithms =
            mto_algorithm_bit(mto_algorithm_find("ES256")) | mto_algorithm_bit(mto_algorithm_find(row->algorithm));
    }
    if (row->skew != MTO_UNSET) {
        written.clock_skew = apr_time_from_sec(row->skew);
    }
    assert_int_equal(mto_settings_weakness(&written, support_pool()) == NULL, row->good);
    if (row->good && row->profile == MTO_PROFILE_FAPI2) {
        finished = mto_settings_finish(&written, support_pool());
        assert_int_equal(finished.use_mutual_tls, MTO_MUTUAL_TLS_REQUIRED);
        assert_int_equal(finished.algorithms & mto_algorithm_bit(mto_algorithm_find("RS256")), 0);
        finished.profile = MTO_PROFILE_FAPI2;
        assert_null(mto_settings_weakness(&finished, support_pool()));
    }
}

static void unset_sets_nothing(const void *unused)
{
    mto_settings_t builtin = mto_settings_default(support_pool()), unset = mto_settings_unset(), merged;

    (void)unused;
    merged = mto_settings_merge(&builtin, &unset);
    assert_memory_equal(&merged, &builtin, sizeof merged);
    merged = mto_settings_merge(&unset, &unset);
    assert_memory_equal(&merged, &unset, sizeof merged);
}

/* --- Main server, server, block ------------------------------------------------------------------------------ */

/* What the three levels write, in a row of its own where the last writes the value that looks like nothing. */
typedef struct {
    const char *name;
    size_t      offset, size;
    union value {
        int                 number;
        unsigned            set;
        apr_interval_time_t time;
        const void         *pointer;
    } written[3];
} field_t;

static const apr_array_header_t list_one, list_two, list_none;

#define FIELD(member) offsetof(mto_settings_t, member), sizeof(((mto_settings_t *)0)->member)

static const field_t fields[] = {
    {"UseMutualTLS", FIELD(use_mutual_tls), {{.number = 0}, {.number = 2}, {.number = 1}}},
    {"UseMutualTLS, none last", FIELD(use_mutual_tls), {{.number = 2}, {.number = 1}, {.number = 0}}},
    {"ReportMutualTLS", FIELD(report_mutual_tls), {{.number = 1}, {.number = 0}, {.number = 2}}},
    {"ReportMutualTLS, off last", FIELD(report_mutual_tls), {{.number = 1}, {.number = 2}, {.number = 0}}},
    {"Profile", FIELD(profile), {{.number = 0}, {.number = 0}, {.number = 1}}},
    {"Profile, jwt last", FIELD(profile), {{.number = 1}, {.number = 1}, {.number = 0}}},
    {"Algorithms", FIELD(algorithms), {{.set = 1}, {.set = 6}, {.set = 8}}},
    {"ClockSkew", FIELD(clock_skew), {{.time = 1}, {.time = 300000000}, {.time = 7}}},
    {"ClockSkew, 0 last", FIELD(clock_skew), {{.time = 1}, {.time = 2}, {.time = 0}}},
    {"MaxTokenLifetime", FIELD(max_token_lifetime), {{.time = 0}, {.time = 3600000000}, {.time = 60000000}}},
    {"MaxTokenLifetime, off last", FIELD(max_token_lifetime), {{.time = 1}, {.time = 2}, {.time = 0}}},
    {"RemoteUserClaim",
     FIELD(remote_user_claims),
     {{.pointer = &list_one}, {.pointer = &list_two}, {.pointer = &list_none}}},
    {"RemoteUserSuffix", FIELD(remote_user_suffix), {{.pointer = "@a"}, {.pointer = "@b"}, {.pointer = "@c"}}},
    {"RemoteUserSuffix, empty last",
     FIELD(remote_user_suffix),
     {{.pointer = "@a"}, {.pointer = "@b"}, {.pointer = ""}}},
    {"ClientIDClaim",
     FIELD(client_id_claims),
     {{.pointer = &list_one}, {.pointer = &list_two}, {.pointer = &list_none}}},
    {"RequiredClaims",
     FIELD(required_claims),
     {{.pointer = &list_one}, {.pointer = &list_two}, {.pointer = &list_none}}},
};

/* All eight ways to write the field at main server (bit 0), server (bit 1) and block (bit 2): the last that does so is
 * what holds, the built-in default where none does, and no other field changes. */
static void last_level_that_writes_wins(const void *data)
{
    const field_t *row = data;
    mto_settings_t builtin = mto_settings_default(support_pool());
    unsigned       written;
    int            level;

    for (written = 0; written < 8; written++) {
        mto_settings_t finished = builtin, wanted = builtin;
        for (level = 0; level < 3; level++) {
            mto_settings_t settings = mto_settings_unset();
            if (written & 1u << level) {
                memcpy((char *)&settings + row->offset, &row->written[level], row->size);
                memcpy((char *)&wanted + row->offset, &row->written[level], row->size);
            }
            finished = mto_settings_merge(&finished, &settings);
        }
        assert_memory_equal(&finished, &wanted, sizeof finished);
    }
}

static void merging_upwards_first_is_the_same(const void *data)
{
    const field_t *row = data;
    mto_settings_t builtin = mto_settings_default(support_pool()), server = mto_settings_unset(), main = server, both;

    memcpy((char *)&main + row->offset, &row->written[0], row->size);
    memcpy((char *)&server + row->offset, &row->written[2], row->size);
    both = mto_settings_merge(&main, &server);
    assert_memory_equal((char *)&both + row->offset, &row->written[2], row->size);
    builtin = mto_settings_merge(&builtin, &both);
    assert_memory_equal((char *)&builtin + row->offset, &row->written[2], row->size);
}

/* --- Which block ---------------------------------------------------------------------------------------------- */

/* The blocks of the server, in this order. */
static apr_array_header_t *blocks(void)
{
    static const struct {
        const char *issuer, *name, *audience;
    } rows[] = {
        {ISSUER, "a", "api-a"},
        {ISSUER, "b", "api-b"},
        {"https://any.example", NULL, NULL},
        {"http://adfs.example/trust", "adfs", "api-a"},
    };
    apr_array_header_t *policies = apr_array_make(support_pool(), 4, sizeof(const mto_policy_t *));
    size_t              i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mto_policy_t *policy = support_policy();
        policy->issuer = rows[i].issuer;
        policy->name = rows[i].name;
        policy->audiences = rows[i].audience != NULL ? support_texts(rows[i].audience, NULL) : NULL;
        APR_ARRAY_PUSH(policies, const mto_policy_t *) = policy;
    }
    return policies;
}

typedef struct {
    const char   *name;
    const char   *payload;
    const char   *accepted; /* MTLSOAuthAcceptIssuers, one or two; NULL: not written */
    const char   *accepted_too;
    mto_refusal_t refusal;
    int           chosen; /* when nothing is refused */
} choice_t;

#define FROM(iss, aud) "{\"iss\":\"" iss "\",\"aud\":" aud "}"

static const choice_t choices[] = {
    {"first block", FROM(ISSUER, "\"api-a\""), NULL, NULL, MTO_ADMITTED, 0},
    {"second block of that ISS", FROM(ISSUER, "\"api-b\""), NULL, NULL, MTO_ADMITTED, 1},
    {"audience of both blocks", FROM(ISSUER, "[\"api-a\",\"api-b\"]"), NULL, NULL, MTO_AUDIENCE_MISMATCH, 0},
    {"audience of both, one accepted by name", FROM(ISSUER, "[\"api-a\",\"api-b\"]"), "b", NULL, MTO_ADMITTED, 1},
    {"audience of both, both accepted by ISS", FROM(ISSUER, "[\"api-a\",\"api-b\"]"), ISSUER, NULL,
     MTO_AUDIENCE_MISMATCH, 0},
    {"audience of neither", FROM(ISSUER, "\"api-c\""), NULL, NULL, MTO_AUDIENCE_MISMATCH, 0},
    {"audience empty", FROM(ISSUER, "[]"), NULL, NULL, MTO_AUDIENCE_MISMATCH, 0},
    {"audience absent", "{\"iss\":\"" ISSUER "\"}", NULL, NULL, MTO_AUDIENCE_MISMATCH, 0},
    {"any, audience absent", "{\"iss\":\"https://any.example\"}", NULL, NULL, MTO_ADMITTED, 2},
    {"any, any audience", FROM("https://any.example", "\"x\""), NULL, NULL, MTO_ADMITTED, 2},
    {"http", FROM("http://adfs.example/trust", "\"api-a\""), NULL, NULL, MTO_ADMITTED, 3},
    {"accepted by ISS", FROM(ISSUER, "\"api-a\""), ISSUER, NULL, MTO_ADMITTED, 0},
    {"accepted by name", FROM(ISSUER, "\"api-a\""), "a", NULL, MTO_ADMITTED, 0},
    {"accepted second", FROM(ISSUER, "\"api-a\""), "adfs", "a", MTO_ADMITTED, 0},
    {"the other block is accepted", FROM(ISSUER, "\"api-a\""), "b", NULL, MTO_AUDIENCE_MISMATCH, 0},
    {"another issuer is accepted", FROM(ISSUER, "\"api-a\""), "adfs", NULL, MTO_ISSUER_NOT_ACCEPTED, 0},
    {"name in another case", FROM(ISSUER, "\"api-a\""), "A", NULL, MTO_ISSUER_NOT_ACCEPTED, 0},
    {"iss absent", "{\"aud\":\"api-a\"}", NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss empty", FROM("", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss of nobody", FROM("https://evil.example", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss is a name", FROM("a", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss with a slash behind", FROM(ISSUER "/", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss in another case", FROM("https://AS.example", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss with its port", FROM(ISSUER ":443", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss with user information", FROM("https://as.example@evil.example", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN,
     0},
    {"iss a prefix", FROM("https://as.exampl", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss https for http", FROM("https://adfs.example/trust", "\"api-a\""), NULL, NULL, MTO_ISSUER_UNKNOWN, 0},
    {"iss of nobody, accepted", FROM("https://evil.example", "\"api-a\""), "https://evil.example", NULL,
     MTO_ISSUER_UNKNOWN, 0},
};

static void token_belongs_to_one_block(const void *data)
{
    const choice_t     *row = data;
    mto_demand_t        demand = {.accepted_issuers =
                               row->accepted != NULL ? support_texts(row->accepted, row->accepted_too, NULL) : NULL};
    apr_array_header_t *policies = blocks();
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    const mto_policy_t *chosen = NULL;
    mto_refusal_t       refusal;
    mto_claims_t        claims;

    assert_int_equal(mto_claims_read(&claims, row->payload, strlen(row->payload), &verdict), MTO_ADMITTED);
    refusal = mto_policy_choose(&chosen, policies, &demand, &claims, &verdict);
    mto_claims_clear(&claims);
    support_assert_refusal(refusal, row->refusal, &verdict);
    if (row->refusal == MTO_ADMITTED) {
        assert_ptr_equal(chosen, APR_ARRAY_IDX(policies, row->chosen, const mto_policy_t *));
    }
}

static void server_without_blocks_knows_no_issuer(const void *unused)
{
    apr_array_header_t *none = apr_array_make(support_pool(), 1, sizeof(const mto_policy_t *));
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    const mto_policy_t *chosen = NULL;
    mto_demand_t        demand = {0};
    mto_claims_t        claims;

    (void)unused;
    assert_int_equal(mto_claims_read(&claims, "{\"iss\":\"a\"}", 11, &verdict), MTO_ADMITTED);
    support_assert_refusal(mto_policy_choose(&chosen, none, &demand, &claims, &verdict), MTO_ISSUER_UNKNOWN, &verdict);
    mto_claims_clear(&claims);
}

/* --- The detail of audience_mismatch shows both lists (DESIGN section 5) --------------------------------------- */

static const char *audience_detail(const char *payload, const apr_array_header_t *wanted)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_claims_t  claims;
    mto_refusal_t refusal;

    assert_int_equal(mto_claims_read(&claims, payload, strlen(payload), &verdict), MTO_ADMITTED);
    refusal = mto_policy_check_audience(&claims, wanted, "wanted", &verdict);
    mto_claims_clear(&claims);
    support_assert_refusal(refusal, MTO_AUDIENCE_MISMATCH, &verdict);
    return support_text("%s", verdict.detail);
}

static void detail_shows_both_lists(const void *unused)
{
    const apr_array_header_t *wanted = support_texts("x", "y", NULL);

    (void)unused;
    assert_string_equal(audience_detail("{\"aud\":\"a\"}", wanted), "aud [a]; wanted [x y]");
    assert_string_equal(audience_detail("{\"aud\":[\"a\",\"b\"]}", wanted), "aud [a b]; wanted [x y]");
    assert_string_equal(audience_detail("{\"aud\":[]}", wanted), "aud []; wanted [x y]");
    assert_string_equal(audience_detail("{}", wanted), "aud [absent]; wanted [x y]");
}

static void long_lists_are_cut(const void *unused)
{
    const char         *entry = support_repeat("a", 60), *payload;
    apr_array_header_t *wanted = support_texts(support_repeat("w", 200), "x", "y", NULL);
    int                 i;

    (void)unused;
    payload = "{\"aud\":[\"b\"";
    for (i = 0; i < 200; i++) {
        payload = support_text("%s,\"%s%d\"", payload, entry, i);
        APR_ARRAY_PUSH(wanted, const char *) = entry;
    }
    assert_true(strlen(audience_detail(support_text("%s]}", payload), wanted)) < MTO_DETAIL_SIZE);
}

int main(void)
{
    support_table("FAPI 2.0 section 5.3.4, settings", nothing_is_weaker_than_fapi, TABLE(fapis));
    support_table("DESIGN section 4, words", word_has_its_value, TABLE(words));
    support_case("DESIGN section 4, built-in defaults", defaults_are_as_designed);
    support_case("unset sets nothing", unset_sets_nothing);
    support_table("DESIGN section 4, finishing", last_level_that_writes_wins, TABLE(fields));
    support_table("DESIGN section 4, finishing in another order", merging_upwards_first_is_the_same, TABLE(fields));
    support_table("DESIGN section 4, several blocks of one ISS", token_belongs_to_one_block, TABLE(choices));
    support_case("a server without blocks knows no issuer", server_without_blocks_knows_no_issuer);
    support_case("DESIGN section 5, the detail shows both lists", detail_shows_both_lists);
    support_case("DESIGN section 5, long lists are cut", long_lists_are_cut);
    return support_run("policy");
}
