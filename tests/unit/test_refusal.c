/* refusal: the rows are the public interface of DESIGN section 5; a verdict carries the first reason. */
#include "support.h"

#include <string.h>

typedef struct {
    const char   *code;
    mto_refusal_t refusal;
    int           status;
    const char   *error;
} row_t;

static const row_t rows[] = {
    {"admitted", MTO_ADMITTED, 200, NULL},
    {"no_token", MTO_NO_TOKEN, 401, NULL},
    {"token_repeated", MTO_TOKEN_REPEATED, 400, "invalid_request"},
    {"request_malformed", MTO_REQUEST_MALFORMED, 400, "invalid_request"},
    {"tls_required", MTO_TLS_REQUIRED, 403, NULL},
    {"token_malformed", MTO_TOKEN_MALFORMED, 401, "invalid_token"},
    {"token_too_large", MTO_TOKEN_TOO_LARGE, 401, "invalid_token"},
    {"algorithm_not_allowed", MTO_ALGORITHM_NOT_ALLOWED, 401, "invalid_token"},
    {"key_unknown", MTO_KEY_UNKNOWN, 401, "invalid_token"},
    {"signature_invalid", MTO_SIGNATURE_INVALID, 401, "invalid_token"},
    {"type_not_allowed", MTO_TYPE_NOT_ALLOWED, 401, "invalid_token"},
    {"critical_header", MTO_CRITICAL_HEADER, 401, "invalid_token"},
    {"claims_malformed", MTO_CLAIMS_MALFORMED, 401, "invalid_token"},
    {"issuer_unknown", MTO_ISSUER_UNKNOWN, 401, "invalid_token"},
    {"issuer_not_accepted", MTO_ISSUER_NOT_ACCEPTED, 401, "invalid_token"},
    {"audience_mismatch", MTO_AUDIENCE_MISMATCH, 401, "invalid_token"},
    {"token_expired", MTO_TOKEN_EXPIRED, 401, "invalid_token"},
    {"token_not_yet_valid", MTO_TOKEN_NOT_YET_VALID, 401, "invalid_token"},
    {"lifetime_exceeded", MTO_LIFETIME_EXCEEDED, 401, "invalid_token"},
    {"claim_missing", MTO_CLAIM_MISSING, 401, "invalid_token"},
    {"user_claim_missing", MTO_USER_CLAIM_MISSING, 401, "invalid_token"},
    {"user_claim_malformed", MTO_USER_CLAIM_MALFORMED, 401, "invalid_token"},
    {"token_inactive", MTO_TOKEN_INACTIVE, 401, "invalid_token"},
    {"token_revoked", MTO_TOKEN_REVOKED, 401, "invalid_token"},
    {"binding_missing", MTO_BINDING_MISSING, 401, "invalid_token"},
    {"binding_malformed", MTO_BINDING_MALFORMED, 401, "invalid_token"},
    {"binding_unsupported", MTO_BINDING_UNSUPPORTED, 401, "invalid_token"},
    {"certificate_missing", MTO_CERTIFICATE_MISSING, 401, "invalid_token"},
    {"certificate_mismatch", MTO_CERTIFICATE_MISMATCH, 401, "invalid_token"},
    {"certificate_untrusted", MTO_CERTIFICATE_UNTRUSTED, 401, "invalid_token"},
    {"certificate_expired", MTO_CERTIFICATE_EXPIRED, 401, "invalid_token"},
    {"certificate_revoked", MTO_CERTIFICATE_REVOKED, 401, "invalid_token"},
    {"authentication_too_weak", MTO_AUTHENTICATION_TOO_WEAK, 401, "insufficient_user_authentication"},
    {"authentication_too_old", MTO_AUTHENTICATION_TOO_OLD, 401, "insufficient_user_authentication"},
    {"scope_insufficient", MTO_SCOPE_INSUFFICIENT, 403, "insufficient_scope"},
    {"claim_denied", MTO_CLAIM_DENIED, 403, NULL},
    {"keys_unavailable", MTO_KEYS_UNAVAILABLE, 503, NULL},
    {"introspection_unavailable", MTO_INTROSPECTION_UNAVAILABLE, 503, NULL},
    {"memory_unavailable", MTO_MEMORY_UNAVAILABLE, 503, NULL},
    {"client_id_missing", MTO_CLIENT_ID_MISSING, 400, "invalid_request"},
    {"client_id_repeated", MTO_CLIENT_ID_REPEATED, 400, "invalid_request"},
    {"client_auth_mixed", MTO_CLIENT_AUTH_MIXED, 400, "invalid_request"},
    {"form_malformed", MTO_FORM_MALFORMED, 400, "invalid_request"},
    {"form_too_large", MTO_FORM_TOO_LARGE, 413, "invalid_request"},
    {"client_unknown", MTO_CLIENT_UNKNOWN, 401, "invalid_client"},
    {"client_certificate_missing", MTO_CLIENT_CERTIFICATE_MISSING, 401, "invalid_client"},
    {"client_subject_mismatch", MTO_CLIENT_SUBJECT_MISMATCH, 401, "invalid_client"},
    {"client_untrusted", MTO_CLIENT_UNTRUSTED, 401, "invalid_client"},
    {"client_certificate_unregistered", MTO_CLIENT_CERTIFICATE_UNREGISTERED, 401, "invalid_client"},
};

static void assert_same_text(const char *text, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_string_equal(text, wanted);
}

static void row_is_as_designed(const void *data)
{
    const row_t             *row = data;
    const mto_refusal_row_t *refusal = mto_refusal_row(row->refusal);

    assert_string_equal(refusal->code, row->code);
    assert_int_equal(refusal->status, row->status);
    assert_same_text(refusal->error, row->error);
    assert_true((refusal->description == NULL) == (refusal->error == NULL));
    assert_true(strlen(refusal->cause) > 0);
    assert_true(strlen(refusal->remedy) > 0);
}

/* RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E, which also keeps a quoted-string whole. */
static void row_is_fit_for_a_header(const void *data)
{
    const mto_refusal_row_t *refusal = mto_refusal_row(((const row_t *)data)->refusal);
    const char              *at;

    for (at = refusal->description; at != NULL && *at != '\0'; at++) {
        assert_true(*at >= 0x20 && *at <= 0x7e && *at != '"' && *at != '\\');
    }
}

static void every_refusal_is_tested(const void *unused)
{
    size_t i;

    (void)unused;
    assert_int_equal(sizeof rows / sizeof rows[0], MTO_REFUSAL_COUNT);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rows[i].refusal, i);
    }
}

/* Those that follow one another have one description. */
static void assert_same_description(mto_refusal_t first, mto_refusal_t last)
{
    mto_refusal_t refusal;

    for (refusal = first; refusal <= last; refusal++) {
        assert_string_equal(mto_refusal_row(refusal)->description, mto_refusal_row(first)->description);
    }
}

static void binding_refusals_look_the_same(const void *unused)
{
    (void)unused;
    assert_same_description(MTO_BINDING_MISSING, MTO_CERTIFICATE_REVOKED);
}

static void client_refusals_look_the_same(const void *unused)
{
    (void)unused;
    assert_same_description(MTO_CLIENT_UNKNOWN, MTO_CLIENT_CERTIFICATE_UNREGISTERED);
}

static void number_without_a_row_refuses(const void *unused)
{
    (void)unused;
    assert_int_equal(mto_refusal_row(MTO_REFUSAL_COUNT)->status, 401);
    assert_int_equal(mto_refusal_row((mto_refusal_t)-1)->status, 401);
    assert_int_equal(mto_refusal_row((mto_refusal_t)1000000)->status, 401);
}

typedef struct {
    const char   *word;
    mto_binding_t binding;
} word_t;

static const word_t words[] = {
    {"unbound", MTO_BINDING_UNBOUND},
    {"bound", MTO_BINDING_BOUND},
    {"unchecked", MTO_BINDING_UNCHECKED},
};

static void word_is_as_designed(const void *data)
{
    const word_t *row = data;

    assert_string_equal(mto_binding_word(row->binding), row->word);
}

static void nothing_decided_has_no_word(const void *unused)
{
    (void)unused;
    assert_null(mto_binding_word(MTO_BINDING_NONE));
}

static void first_refusal_stands(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;

    (void)unused;
    assert_int_equal(verdict.refusal, MTO_ADMITTED);
    assert_int_equal(mto_verdict_refuse(&verdict, MTO_TOKEN_EXPIRED, "%d s ago", 7), MTO_TOKEN_EXPIRED);
    assert_int_equal(mto_verdict_refuse(&verdict, MTO_NO_TOKEN, "later"), MTO_TOKEN_EXPIRED);
    assert_int_equal(verdict.refusal, MTO_TOKEN_EXPIRED);
    assert_string_equal(verdict.detail, "7 s ago");
}

static void long_detail_is_cut(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;

    (void)unused;
    mto_verdict_refuse(&verdict, MTO_TOKEN_EXPIRED, "%s", support_repeat("x", 1000));
    assert_int_equal(strlen(verdict.detail), MTO_DETAIL_SIZE - 1);
}

int main(void)
{
    support_table("DESIGN section 5, code, status and error", row_is_as_designed, TABLE(rows));
    support_table("RFC 6750 section 3, characters of error_description", row_is_fit_for_a_header, TABLE(rows));
    support_case("every refusal has a row here", every_refusal_is_tested);
    support_case("DESIGN section 3, binding refusals look the same to the client", binding_refusals_look_the_same);
    support_case("RFC 6749 section 5.2, a client learns nothing from the difference", client_refusals_look_the_same);
    support_case("a refusal without a row refuses", number_without_a_row_refuses);
    support_table("DESIGN section 4, words of MTLS_OAUTH_BINDING", word_is_as_designed, TABLE(words));
    support_case("DESIGN section 4, no word while nothing is decided", nothing_decided_has_no_word);
    support_case("the first refusal stands", first_refusal_stands);
    support_case("a long detail is cut and ends", long_detail_is_cut);
    return support_run("refusal");
}
