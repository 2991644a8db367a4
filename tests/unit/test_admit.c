/* admit: what every request demands of a proven token anew (DESIGN sections 2 to 4; issue and RFC named per table). */
#include "hierarchy.h"
#include "tokens.h"

#include <string.h>

/* --- Time (RFC 7519 section 4.1) ------------------------------------------------------------------------ */

typedef struct {
    const char   *name;
    const char   *times;    /* members behind CLAIMS; the request is at 1700000000 */
    int           skew;     /* seconds */
    int           lifetime; /* seconds; 0: off */
    apr_time_t    offset;   /* microseconds that the request is later */
    mto_refusal_t refusal;
} instant_t;

#define SECOND   APR_USEC_PER_SEC
#define EXPIRED  MTO_TOKEN_EXPIRED
#define NOT_YET  MTO_TOKEN_NOT_YET_VALID
#define TOO_LONG MTO_LIFETIME_EXCEEDED

static const instant_t times[] = {
    {"before exp", ",\"exp\":1700000000", 0, 0, -1, MTO_ADMITTED},
    {"at exp", ",\"exp\":1700000000", 0, 0, 0, EXPIRED},
    {"1 us before exp and skew", ",\"exp\":1700000000", 30, 0, 30 * SECOND - 1, MTO_ADMITTED},
    {"at exp and skew", ",\"exp\":1700000000", 30, 0, 30 * SECOND, EXPIRED},
    {"1 s after exp and skew", ",\"exp\":1700000000", 30, 0, 31 * SECOND, EXPIRED},
    {"exp with a fraction, 1 us before", ",\"exp\":1700000000.5", 0, 0, SECOND / 2 - 1, MTO_ADMITTED},
    {"exp with a fraction, at it", ",\"exp\":1700000000.5", 0, 0, SECOND / 2, EXPIRED},
    {"exp 0", ",\"exp\":0", 300, 0, 0, EXPIRED},
    {"exp at the end of time", ",\"exp\":1e308", 300, 0, 0, MTO_ADMITTED},
    {"exp the largest integer", ",\"exp\":9223372036854775807", 300, 0, 0, MTO_ADMITTED},

    {"at nbf", ",\"exp\":1700000300,\"nbf\":1700000000", 0, 0, 0, MTO_ADMITTED},
    {"1 us before nbf", ",\"exp\":1700000300,\"nbf\":1700000000", 0, 0, -1, NOT_YET},
    {"skew before nbf", ",\"exp\":1700000300,\"nbf\":1700000030", 30, 0, 0, MTO_ADMITTED},
    {"skew and 1 us before nbf", ",\"exp\":1700000300,\"nbf\":1700000030", 30, 0, -1, NOT_YET},
    {"nbf at the end of time", ",\"exp\":1e308,\"nbf\":1e308", 300, 0, 0, NOT_YET},
    {"nbf 0", ",\"exp\":1700000300,\"nbf\":0", 0, 0, 0, MTO_ADMITTED},
    {"at iat", ",\"exp\":1700000300,\"iat\":1700000000", 0, 0, 0, MTO_ADMITTED},
    {"1 us before iat", ",\"exp\":1700000300,\"iat\":1700000000", 0, 0, -1, NOT_YET},
    {"skew before iat", ",\"exp\":1700000300,\"iat\":1700000030", 30, 0, 0, MTO_ADMITTED},
    {"skew and 1 us before iat", ",\"exp\":1700000300,\"iat\":1700000030", 30, 0, -1, NOT_YET},
    {"iat at the end of time", ",\"exp\":1e308,\"iat\":1e308", 300, 0, 0, NOT_YET},
    {"expired and not yet valid", ",\"exp\":1600000000,\"nbf\":1800000000", 30, 0, 0, EXPIRED},

    {"lifetime just allowed", ",\"exp\":1700003500,\"iat\":1699999900", 30, 3600, 0, MTO_ADMITTED},
    {"lifetime 1 s too long", ",\"exp\":1700003501,\"iat\":1699999900", 30, 3600, 0, TOO_LONG},
    {"lifetime 1 us too long", ",\"exp\":1700003500.000001,\"iat\":1699999900", 30, 3600, 0, TOO_LONG},
    {"lifetime too long, later", ",\"exp\":1700003501,\"iat\":1699999900", 30, 3600, 3000 * SECOND, TOO_LONG},
    {"lifetime without iat just allowed", ",\"exp\":1700003600", 30, 3600, 0, MTO_ADMITTED},
    {"lifetime without iat 1 us too long", ",\"exp\":1700003600", 30, 3600, -1, TOO_LONG},
    {"lifetime off", ",\"exp\":9999999999,\"iat\":0", 30, 0, 0, MTO_ADMITTED},
    {"lifetime from 0 to the end of time", ",\"exp\":1e308,\"iat\":0", 30, 3600, 0, TOO_LONG},
    {"lifetime to the end of time without iat", ",\"exp\":1e308", 30, 3600, 0, TOO_LONG},
    {"exp before iat, both within the skew", ",\"exp\":1699999990,\"iat\":1700000010", 30, 3600, 0, MTO_ADMITTED},
    {"nbf does not begin the lifetime", ",\"exp\":1700003501,\"iat\":1699999900,\"nbf\":1700000000", 30, 3600, 0,
     TOO_LONG},
};

static mto_refusal_t admit_at(const mto_token_t *token, const mto_keyset_t *keys, apr_time_t now,
                              mto_verdict_t *verdict)
{
    const mto_demand_t   nothing = {0};
    const mto_occasion_t occasion = {now, NULL, keys, &nothing, NULL, NULL};

    return mto_token_admit(token, &occasion, verdict);
}

static void time_is_kept_to_the_microsecond(const void *data)
{
    const instant_t    *row = data;
    mto_policy_t       *policy = support_policy();
    const mto_keyset_t *keys = signing_keys();
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    mto_refusal_t       refusal;
    mto_token_t        *token;

    policy->settings.clock_skew = apr_time_from_sec(row->skew);
    policy->settings.max_token_lifetime = apr_time_from_sec(row->lifetime);
    token = proven(signed_token(support_text("{" CLAIMS "%s}", row->times)), keys, policy);
    refusal = admit_at(token, keys, NOW + row->offset, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* --- Issuer and audience ---------------------------------------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *aud;      /* of the token; NULL: absent */
    const char   *block;    /* MTLSOAuthAudience of the block; NULL: any */
    const char   *location; /* of the Location; NULL: not written */
    const char   *accepted; /* MTLSOAuthAcceptIssuers of the Location; NULL: not written */
    mto_refusal_t refusal;
} audience_t;

static const audience_t audiences[] = {
    {"block", "\"a\"", "a", NULL, NULL, MTO_ADMITTED},
    {"block, in a list", "[\"x\",\"a\"]", "a", NULL, NULL, MTO_ADMITTED},
    {"block, another", "\"b\"", "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block, absent", NULL, "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block, empty list", "[]", "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block any, absent", NULL, NULL, NULL, NULL, MTO_ADMITTED},
    {"block any, Location", "\"b\"", NULL, "b", NULL, MTO_ADMITTED},
    {"block any, Location another", "\"a\"", NULL, "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"block any, Location, absent", NULL, NULL, "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"block and Location", "[\"a\",\"b\"]", "a", "b", NULL, MTO_ADMITTED},
    {"block, not Location", "[\"a\"]", "a", "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"Location, not block", "[\"b\"]", "a", "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"issuer accepted", "\"a\"", "a", NULL, ISSUER, MTO_ADMITTED},
    {"issuer accepted by name", "\"a\"", "a", NULL, "main", MTO_ADMITTED},
    {"issuer not accepted", "\"a\"", "a", NULL, "https://other.example", MTO_ISSUER_NOT_ACCEPTED},
    {"issuer not accepted, audience wrong", "\"b\"", "a", NULL, "other", MTO_ISSUER_NOT_ACCEPTED},
};

static void issuer_and_audience_are_demanded(const void *data)
{
    const audience_t  *row = data;
    const mto_demand_t location = {row->accepted != NULL ? support_texts(row->accepted, NULL) : NULL,
                                   row->location != NULL ? support_texts(row->location, NULL) : NULL, 0};
    const mto_keyset_t  *keys = signing_keys();
    const mto_occasion_t occasion = {NOW, NULL, keys, &location, NULL, NULL};
    const char          *aud = row->aud != NULL ? support_text(",\"aud\":%s", row->aud) : "";
    mto_verdict_t        verdict = MTO_VERDICT_INIT;
    mto_policy_t        *policy = support_policy();
    mto_refusal_t        refusal;
    mto_token_t         *token;

    policy->name = "main";
    policy->audiences = row->block != NULL ? support_texts(row->block, NULL) : NULL;
    token = proven(signed_token(support_text("{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"exp\":1700000300%s}", aud)), keys,
                   policy);
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* --- Keys in force (DESIGN section 2, mto_token_t) --------------------------------------------------------- */

static mto_keyset_t *keys_same(void)
{
    return support_keyset(support_jwk(signing_key(), "k", NULL), NULL);
}

static mto_keyset_t *keys_added(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "a", NULL),
                          support_jwk(signing_key(), "k", NULL), NULL);
}

static mto_keyset_t *keys_renamed(void)
{
    return support_keyset(support_jwk(signing_key(), "new", NULL), NULL);
}

static mto_keyset_t *keys_replaced(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "k", NULL), NULL);
}

static mto_keyset_t *keys_removed(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "a", NULL), NULL);
}

static mto_keyset_t *keys_none(void)
{
    return NULL;
}

static mto_keyset_t *keys_empty(void)
{
    return support_keyset(NULL, NULL);
}

typedef struct {
    const char *name;
    mto_keyset_t *(*make)(void);
    mto_refusal_t refusal;
} keys_t;

static const keys_t key_sets[] = {
    {"the same keys read again", keys_same, MTO_ADMITTED},
    {"a key was added", keys_added, MTO_ADMITTED},
    {"the key has another kid", keys_renamed, MTO_ADMITTED},
    {"the key was replaced under its kid", keys_replaced, MTO_KEY_UNKNOWN},
    {"the key was removed", keys_removed, MTO_KEY_UNKNOWN},
    {"all keys were removed", keys_empty, MTO_KEY_UNKNOWN},
    {"no keys in force", keys_none, MTO_KEYS_UNAVAILABLE},
};

static void key_is_still_in_force(const void *data)
{
    const keys_t       *row = data;
    const mto_keyset_t *keys = signing_keys();
    mto_token_t        *token = proven(signed_token(GOOD), keys, support_policy());
    mto_verdict_t       before = MTO_VERDICT_INIT, verdict = MTO_VERDICT_INIT;
    mto_refusal_t       refusal;

    assert_int_equal(admit_at(token, keys, NOW, &before), MTO_ADMITTED);
    refusal = admit_at(token, row->make(), NOW, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* The same key, now for another algorithm alone, no longer stands for the token. */
static void key_with_another_alg_is_another_key(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_RSA, 0);
    mto_token_t  *token = proven(support_token("RS256", key, "k", GOOD),
                                 support_keyset(support_jwk(key, "k", NULL), NULL), support_policy());
    mto_verdict_t same = MTO_VERDICT_INIT, other = MTO_VERDICT_INIT;

    (void)unused;
    assert_int_equal(admit_at(token, support_keyset(support_jwk(key, "k", "RS256"), NULL), NOW, &same), MTO_ADMITTED);
    assert_int_equal(admit_at(token, support_keyset(support_jwk(key, "k", "PS256"), NULL), NOW, &other),
                     MTO_KEY_UNKNOWN);
    mto_token_release(token);
}

/* --- Binding, and what the reported policy says (DESIGN section 3) ------------------------------------------
 */

#define NONE     MTO_MUTUAL_TLS_NONE
#define REQUEST  MTO_MUTUAL_TLS_REQUEST
#define REQUIRED MTO_MUTUAL_TLS_REQUIRED

#define JKT ",\"cnf\":{\"jkt\":\"a\"}"

typedef enum { NO_CERTIFICATE, MATCHING, DIFFERING } shown_t;

typedef struct {
    const char      *name;
    const char      *cnf; /* member behind the other claims */
    mto_mutual_tls_t use, report;
    int              location_requires;
    shown_t          shown;
    const char      *outcome; /* word of the binding or code of the refusal */
    mto_refusal_t    reported;
} binding_t;

static const binding_t bindings[] = {
    {"unbound, request", "", REQUEST, NONE, 0, MATCHING, "unbound", MTO_ADMITTED},
    {"unbound, required", "", REQUIRED, NONE, 0, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, Location requires", "", REQUEST, NONE, 1, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, none, Location requires", "", NONE, NONE, 1, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, none, report request", "", NONE, REQUEST, 0, NO_CERTIFICATE, "unbound", MTO_ADMITTED},
    {"unbound, none, report required", "", NONE, REQUIRED, 0, NO_CERTIFICATE, "unbound", MTO_BINDING_MISSING},
    {"unbound, request, report required", "", REQUEST, REQUIRED, 0, NO_CERTIFICATE, "unbound", MTO_BINDING_MISSING},
    {"unbound, required, report required", "", REQUIRED, REQUIRED, 0, NO_CERTIFICATE, "binding_missing", MTO_ADMITTED},
    {"bound, request, match", BOUND_TO, REQUEST, NONE, 0, MATCHING, "bound", MTO_ADMITTED},
    {"bound, request, other", BOUND_TO, REQUEST, NONE, 0, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, request, none shown", BOUND_TO, REQUEST, NONE, 0, NO_CERTIFICATE, "certificate_missing", MTO_ADMITTED},
    {"bound, required, match", BOUND_TO, REQUIRED, NONE, 0, MATCHING, "bound", MTO_ADMITTED},
    {"bound, required, other", BOUND_TO, REQUIRED, NONE, 0, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, none, other", BOUND_TO, NONE, NONE, 0, DIFFERING, "unchecked", MTO_ADMITTED},
    {"bound, none, Location requires, other", BOUND_TO, NONE, NONE, 1, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, none, Location requires, match", BOUND_TO, NONE, NONE, 1, MATCHING, "bound", MTO_ADMITTED},
    {"bound, none, report request, other", BOUND_TO, NONE, REQUEST, 0, DIFFERING, "unchecked",
     MTO_CERTIFICATE_MISMATCH},
    {"bound, none, report request, none shown", BOUND_TO, NONE, REQUEST, 0, NO_CERTIFICATE, "unchecked",
     MTO_CERTIFICATE_MISSING},
    {"bound, none, report request, match", BOUND_TO, NONE, REQUEST, 0, MATCHING, "unchecked", MTO_ADMITTED},
    {"bound, request, report required, match", BOUND_TO, REQUEST, REQUIRED, 0, MATCHING, "bound", MTO_ADMITTED},
    {"report weaker than what is enforced", "", REQUIRED, REQUEST, 0, MATCHING, "binding_missing", MTO_ADMITTED},
    {"malformed, none, report request", ",\"cnf\":1", NONE, REQUEST, 0, MATCHING, "unchecked", MTO_BINDING_MALFORMED},
    {"jkt, none", JKT, NONE, NONE, 0, MATCHING, "binding_unsupported", MTO_ADMITTED},
    {"jkt, none, report required", JKT, NONE, REQUIRED, 0, MATCHING, "binding_unsupported", MTO_ADMITTED},
    {"unknown, none, report required", ",\"cnf\":{}", NONE, REQUIRED, 0, MATCHING, "unchecked",
     MTO_BINDING_UNSUPPORTED},
};

/* The certificate of the connection, NULL when it shows none. */
static const mto_certificate_t *shown_certificate(shown_t shown)
{
    mto_certificate_t *certificate = apr_palloc(support_pool(), sizeof *certificate);
    const char        *pem = shown == MATCHING ? RFC8705_A_PEM : support_certificate_pem(support_key(MTO_KEY_P256, 0));

    assert_true(mto_certificate_read_pem(certificate, pem, support_pool()));
    return shown == NO_CERTIFICATE ? NULL : certificate;
}

static void binding_is_decided_and_reported(const void *data)
{
    const binding_t     *row = data;
    const mto_demand_t   location = {NULL, NULL, row->location_requires};
    const mto_keyset_t  *keys = signing_keys();
    const mto_occasion_t occasion = {NOW, shown_certificate(row->shown), keys, &location, NULL, NULL};
    mto_verdict_t        verdict = MTO_VERDICT_INIT;
    mto_policy_t        *policy = support_policy();
    mto_refusal_t        refusal;
    mto_token_t         *token;

    policy->settings.use_mutual_tls = (int)row->use;
    policy->settings.report_mutual_tls = (int)row->report;
    token = proven(signed_token(support_text("{" CLAIMS ",\"exp\":1700000300%s}", row->cnf)), keys, policy);
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    assert_int_equal(refusal, verdict.refusal);
    assert_string_equal(refusal == MTO_ADMITTED ? mto_binding_word(verdict.binding) : mto_refusal_row(refusal)->code,
                        row->outcome);
    assert_int_equal(verdict.reported, row->reported);
    assert_true((verdict.detail[0] != '\0') == (refusal != MTO_ADMITTED || row->reported != MTO_ADMITTED));
}

/* MTLSOAuthBindingCACertificateFile counts for the policy that is enforced and for the one that is reported. */
static void trust_is_asked_by_both_policies(const void *unused)
{
    static const struct {
        mto_mutual_tls_t use, report;
        mto_refusal_t    refusal, reported;
    } rows[] = {
        {REQUEST, NONE, MTO_CERTIFICATE_UNTRUSTED, MTO_ADMITTED},
        {NONE, REQUEST, MTO_ADMITTED, MTO_CERTIFICATE_UNTRUSTED},
        {NONE, NONE, MTO_ADMITTED, MTO_ADMITTED},
    };
    const mto_demand_t   location = {NULL, NULL, 0};
    const mto_keyset_t  *keys = signing_keys();
    mto_trust_t         *trust = trust_of(ca_root(), NULL);
    const mto_occasion_t occasion = {NOW, shown_certificate(MATCHING), keys, &location, trust, NULL};
    mto_policy_t        *policy = support_policy();
    size_t               i;

    (void)unused;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mto_verdict_t verdict = MTO_VERDICT_INIT;
        mto_token_t  *token;

        policy->settings.use_mutual_tls = (int)rows[i].use;
        policy->settings.report_mutual_tls = (int)rows[i].report;
        token = proven(signed_token("{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}"), keys, policy);
        support_assert_refusal(mto_token_admit(token, &occasion, &verdict), rows[i].refusal, &verdict);
        assert_int_equal(verdict.reported, rows[i].reported);
        mto_token_release(token);
    }
    mto_trust_release(trust);
}

/* --- Of several faults the first is told ---------------------------------------------------------------------
 */

typedef struct {
    const char *name;
    int         faults; /* how many of issuer, time, block, Location, key, binding, counted from the last, are wrong */
    mto_refusal_t refusal;
} order_t;

static const order_t orders[] = {
    {"nothing", 0, MTO_ADMITTED},
    {"binding", 1, MTO_CERTIFICATE_MISSING},
    {"key", 2, MTO_KEY_UNKNOWN},
    {"audience of the Location", 3, MTO_AUDIENCE_MISMATCH},
    {"audience of the block", 4, MTO_AUDIENCE_MISMATCH},
    {"time", 5, MTO_TOKEN_EXPIRED},
    {"issuer", 6, MTO_ISSUER_NOT_ACCEPTED},
};

static void admit_has_an_order(const void *data)
{
    const order_t     *row = data;
    const mto_demand_t location = {row->faults >= 6 ? support_texts("other", NULL) : NULL,
                                   row->faults >= 3 ? support_texts("location", NULL) : NULL, 0};
    mto_policy_t        *policy = support_policy();
    const mto_keyset_t  *keys = signing_keys();
    mto_token_t         *token = proven(signed_token("{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}"), keys, policy);
    const mto_occasion_t occasion = {row->faults >= 5 ? NOW + apr_time_from_sec(400) : NOW,
                                     shown_certificate(row->faults >= 1 ? NO_CERTIFICATE : MATCHING),
                                     row->faults >= 2 ? keys_removed() : keys,
                                     &location,
                                     NULL,
                                     NULL};
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal;

    policy->audiences = row->faults >= 4 ? support_texts("block", NULL) : policy->audiences;
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
    if (row->refusal == MTO_AUDIENCE_MISMATCH) {
        assert_non_null(strstr(verdict.detail, row->faults == 3 ? "[location]" : "[block]"));
    }
}

int main(void)
{
    support_table("RFC 7519 section 4.1, time", time_is_kept_to_the_microsecond, TABLE(times));
    support_table("DESIGN section 4, issuer and audience", issuer_and_audience_are_demanded, TABLE(audiences));
    support_table("DESIGN section 2, the key still in force", key_is_still_in_force, TABLE(key_sets));
    support_case("DESIGN section 2, a key now for another alg", key_with_another_alg_is_another_key);
    support_table("DESIGN section 3, binding", binding_is_decided_and_reported, TABLE(bindings));
    support_case("DESIGN section 3, a chain is wanted by both policies", trust_is_asked_by_both_policies);
    support_table("the order of admit", admit_has_an_order, TABLE(orders));
    return support_run("admit");
}
