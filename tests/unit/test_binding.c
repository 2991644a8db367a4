/* binding: every cell of the table in DESIGN section 3, and the certificate of RFC 8705 appendix A. */
#include "hierarchy.h"

#include "core/binding.h"
#include "vectors.h"

#include <string.h>

#define NONE     MTO_MUTUAL_TLS_NONE
#define REQUEST  MTO_MUTUAL_TLS_REQUEST
#define REQUIRED MTO_MUTUAL_TLS_REQUIRED

#define THUMBPRINT "\"x5t#S256\":\"" RFC8705_A_X5T "\""

/* The outcome is the word of the binding, or the code of the refusal. */
typedef struct {
    const char      *name;
    const char      *cnf; /* NULL: the token has none */
    mto_mutual_tls_t use;
    const char      *absent;    /* A: no certificate on this connection */
    const char      *matching;  /* M: the one that the thumbprint is of */
    const char      *differing; /* X: another one */
} cell_t;

#define BOUND         "bound"
#define UNBOUND       "unbound"
#define UNCHECKED     "unchecked"
#define B_MISSING     "binding_missing"
#define B_MALFORMED   "binding_malformed"
#define B_UNSUPPORTED "binding_unsupported"
#define C_MISSING     "certificate_missing"
#define C_MISMATCH    "certificate_mismatch"

/* The same in all three columns. */
#define ALL(outcome) outcome, outcome, outcome

static const cell_t cells[] = {
    {"no cnf, none", NULL, NONE, ALL(UNBOUND)},
    {"no cnf, request", NULL, REQUEST, ALL(UNBOUND)},
    {"no cnf, required", NULL, REQUIRED, ALL(B_MISSING)},

    {"thumbprint, none", "{" THUMBPRINT "}", NONE, ALL(UNCHECKED)},
    {"thumbprint, request", "{" THUMBPRINT "}", REQUEST, C_MISSING, BOUND, C_MISMATCH},
    {"thumbprint, required", "{" THUMBPRINT "}", REQUIRED, C_MISSING, BOUND, C_MISMATCH},
    {"thumbprint beside an unknown member, none", "{\"a\":1," THUMBPRINT "}", NONE, ALL(UNCHECKED)},
    {"thumbprint beside an unknown member, request", "{\"a\":1," THUMBPRINT "}", REQUEST, C_MISSING, BOUND, C_MISMATCH},
    {"thumbprint beside an unknown member, required", "{\"a\":1," THUMBPRINT "}", REQUIRED, C_MISSING, BOUND,
     C_MISMATCH},

    {"jkt, none", "{\"jkt\":\"a\"}", NONE, ALL(B_UNSUPPORTED)},
    {"jkt, request", "{\"jkt\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"jkt, required", "{\"jkt\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"jwk, none", "{\"jwk\":{}}", NONE, ALL(B_UNSUPPORTED)},
    {"jwk, request", "{\"jwk\":{}}", REQUEST, ALL(B_UNSUPPORTED)},
    {"jwk, required", "{\"jwk\":{}}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"jwe, none", "{\"jwe\":\"a\"}", NONE, ALL(B_UNSUPPORTED)},
    {"jwe, request", "{\"jwe\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"jwe, required", "{\"jwe\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"kid, none", "{\"kid\":\"a\"}", NONE, ALL(B_UNSUPPORTED)},
    {"kid, request", "{\"kid\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"kid, required", "{\"kid\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"jku, none", "{\"jku\":\"a\"}", NONE, ALL(B_UNSUPPORTED)},
    {"jku, request", "{\"jku\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"jku, required", "{\"jku\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"jkt beside the thumbprint, none", "{\"jkt\":\"a\"," THUMBPRINT "}", NONE, ALL(B_UNSUPPORTED)},
    {"jkt beside the thumbprint, request", "{\"jkt\":\"a\"," THUMBPRINT "}", REQUEST, ALL(B_UNSUPPORTED)},
    {"jkt beside the thumbprint, required", "{\"jkt\":\"a\"," THUMBPRINT "}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"kid beside the thumbprint, none", "{" THUMBPRINT ",\"kid\":\"a\"}", NONE, ALL(B_UNSUPPORTED)},
    {"kid beside the thumbprint, request", "{" THUMBPRINT ",\"kid\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"kid beside the thumbprint, required", "{" THUMBPRINT ",\"kid\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},

    {"empty, none", "{}", NONE, ALL(UNCHECKED)},
    {"empty, request", "{}", REQUEST, ALL(B_UNSUPPORTED)},
    {"empty, required", "{}", REQUIRED, ALL(B_UNSUPPORTED)},
    {"only unknown members, none", "{\"x5t\":\"a\"}", NONE, ALL(UNCHECKED)},
    {"only unknown members, request", "{\"x5t\":\"a\"}", REQUEST, ALL(B_UNSUPPORTED)},
    {"only unknown members, required", "{\"x5t\":\"a\"}", REQUIRED, ALL(B_UNSUPPORTED)},

    {"cnf null, none", "null", NONE, ALL(UNCHECKED)},
    {"cnf null, request", "null", REQUEST, ALL(B_MALFORMED)},
    {"cnf null, required", "null", REQUIRED, ALL(B_MALFORMED)},
    {"cnf a string, none", "\"" RFC8705_A_X5T "\"", NONE, ALL(UNCHECKED)},
    {"cnf a string, request", "\"" RFC8705_A_X5T "\"", REQUEST, ALL(B_MALFORMED)},
    {"cnf a string, required", "\"" RFC8705_A_X5T "\"", REQUIRED, ALL(B_MALFORMED)},
    {"cnf a list, none", "[{" THUMBPRINT "}]", NONE, ALL(UNCHECKED)},
    {"cnf a list, request", "[{" THUMBPRINT "}]", REQUEST, ALL(B_MALFORMED)},
    {"cnf a list, required", "[{" THUMBPRINT "}]", REQUIRED, ALL(B_MALFORMED)},
    {"thumbprint a number, none", "{\"x5t#S256\":1}", NONE, ALL(UNCHECKED)},
    {"thumbprint a number, request", "{\"x5t#S256\":1}", REQUEST, ALL(B_MALFORMED)},
    {"thumbprint a number, required", "{\"x5t#S256\":1}", REQUIRED, ALL(B_MALFORMED)},
    {"thumbprint padded, none", "{\"x5t#S256\":\"" RFC8705_A_X5T "=\"}", NONE, ALL(UNCHECKED)},
    {"thumbprint padded, request", "{\"x5t#S256\":\"" RFC8705_A_X5T "=\"}", REQUEST, ALL(B_MALFORMED)},
    {"thumbprint padded, required", "{\"x5t#S256\":\"" RFC8705_A_X5T "=\"}", REQUIRED, ALL(B_MALFORMED)},
};

/* The certificate of RFC 8705 appendix A. */
static mto_certificate_t published_certificate(void)
{
    mto_certificate_t certificate;

    assert_true(mto_certificate_read_pem(&certificate, RFC8705_A_PEM, support_pool()));
    return certificate;
}

static mto_certificate_t other_certificate(void)
{
    mto_certificate_t certificate;

    assert_true(
        mto_certificate_read_pem(&certificate, support_certificate_pem(support_key(MTO_KEY_P256, 0)), support_pool()));
    return certificate;
}

/* Decides over a token with this cnf and sees the outcome. */
static void check(const char *cnf, const mto_certificate_t *certificate, mto_mutual_tls_t use, const char *wanted)
{
    const char   *payload = cnf != NULL ? support_text("{\"cnf\":%s}", cnf) : "{}", *outcome;
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_claims_t  claims;

    refusal = mto_claims_read(&claims, payload, strlen(payload), &verdict);
    if (refusal == MTO_ADMITTED) {
        const mto_shown_t shown = {certificate, NULL, NOW};

        refusal = mto_binding_decide(&claims.confirmation, &shown, use, &verdict);
    }
    mto_claims_clear(&claims);
    assert_int_equal(refusal, verdict.refusal);
    outcome = refusal == MTO_ADMITTED ? mto_binding_word(verdict.binding) : mto_refusal_row(refusal)->code;
    assert_non_null(outcome);
    assert_string_equal(outcome, wanted);
    if (refusal != MTO_ADMITTED) {
        assert_int_equal(verdict.binding, MTO_BINDING_NONE);
        assert_true(verdict.detail[0] != '\0');
    }
}

static void cell_is_as_designed(const void *data)
{
    const cell_t     *row = data;
    mto_certificate_t matching = published_certificate(), differing = other_certificate();

    check(row->cnf, NULL, row->use, row->absent);
    check(row->cnf, &matching, row->use, row->matching);
    check(row->cnf, &differing, row->use, row->differing);
}

/* Shapes that issuers were seen to write; each with the certificate of the connection under each setting. */
typedef struct {
    const char *name;
    const char *cnf;
    const char *enforced; /* request and required */
    const char *none;
} shape_t;

#define SHAPE(x5t) "{\"x5t#S256\":\"" x5t "\"}"

static const shape_t shapes[] = {
    {"exact", SHAPE(RFC8705_A_X5T), BOUND, UNCHECKED},
    {"padded", SHAPE(RFC8705_A_X5T "="), B_MALFORMED, UNCHECKED},
    {"trailing bits", SHAPE("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v1"), B_MALFORMED, UNCHECKED},
    {"cut to 42", SHAPE("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v"), B_MALFORMED, UNCHECKED},
    {"empty string", SHAPE(""), B_MALFORMED, UNCHECKED},
    {"hex of the digest", SHAPE("0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd"), B_MALFORMED,
     UNCHECKED},
    {"base64url of the hex",
     SHAPE("MDM4MGVkMmY2MjY2NTBjODQwYjJmMjYzZTZkMmIyOWZhZTEyYWIzOWFlNWRiMzJiMjVhZDI3ZWZhZDcyZTZmZA"), B_MALFORMED,
     UNCHECKED},
    {"SHA-1 thumbprint", SHAPE("T8Qp8fPmVYqb9iHyzQUaAbxBedY"), B_MALFORMED, UNCHECKED},
    {"SHA-1 as x5t alone", "{\"x5t\":\"T8Qp8fPmVYqb9iHyzQUaAbxBedY\"}", B_UNSUPPORTED, UNCHECKED},
    {"digest of the PEM text", SHAPE("RZUyid0cUQWEONv2uroCiSi6CqAXdVZueQmkxBeJ0gc"), C_MISMATCH, UNCHECKED},
    {"digest of the public key", SHAPE("Wfn777VsDXE-cW3Wvzm7CuMw6D6h15KRhVqq3o80H48"), C_MISMATCH, UNCHECKED},
    {"upper case", SHAPE("A4DTL2JMUMHASVJJ5TKYN64SQZMUXBMRJA0N761Y5V0"), C_MISMATCH, UNCHECKED},
    {"list", "{\"x5t#S256\":[\"" RFC8705_A_X5T "\"]}", B_MALFORMED, UNCHECKED},
    {"number", "{\"x5t#S256\":1}", B_MALFORMED, UNCHECKED},
    {"null", "{\"x5t#S256\":null}", B_MALFORMED, UNCHECKED},
    {"line feed behind", SHAPE(RFC8705_A_X5T "\\n"), B_MALFORMED, UNCHECKED},
    {"NUL behind: no JSON for us", SHAPE(RFC8705_A_X5T "\\u0000"), "claims_malformed", "claims_malformed"},
    {"jkt alone", "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}", B_UNSUPPORTED, B_UNSUPPORTED},
    {"empty cnf", "{}", B_UNSUPPORTED, UNCHECKED},
    {"cnf a string", "\"" RFC8705_A_X5T "\"", B_MALFORMED, UNCHECKED},
    {"cnf null", "null", B_MALFORMED, UNCHECKED},
    {"name in another case", "{\"X5T#s256\":\"" RFC8705_A_X5T "\"}", B_UNSUPPORTED, UNCHECKED},
};

static void shape_is_told(const void *data)
{
    const shape_t    *row = data;
    mto_certificate_t certificate = published_certificate();

    check(row->cnf, &certificate, REQUEST, row->enforced);
    check(row->cnf, &certificate, REQUIRED, row->enforced);
    check(row->cnf, &certificate, NONE, row->none);
}

/* RFC 8705 section 6.3: the certificate is compared, not its key. */
static void renewed_certificate_differs(const void *unused)
{
    EVP_PKEY         *key = support_key(MTO_KEY_RSA, 0);
    mto_certificate_t before, after;
    char              x5t[MTO_X5T_TEXT_LENGTH + 1];

    (void)unused;
    assert_true(mto_certificate_read_pem(&before, support_certificate_pem(key), support_pool()));
    assert_true(mto_certificate_read_pem(&after, support_certificate_pem_of(key, 2), support_pool()));
    mto_certificate_x5t_text(&before, x5t);
    check(support_text(SHAPE("%s"), x5t), &before, REQUEST, BOUND);
    check(support_text(SHAPE("%s"), x5t), &after, REQUEST, C_MISMATCH);
}

static void every_bit_of_the_thumbprint_counts(const void *unused)
{
    mto_certificate_t certificate = published_certificate();
    int               bit;

    (void)unused;
    for (bit = 0; bit < 8 * MTO_X5T_SIZE; bit++) {
        certificate.x5t[bit / 8] ^= (unsigned char)(1 << bit % 8);
        check(SHAPE(RFC8705_A_X5T), &certificate, REQUEST, C_MISMATCH);
        certificate.x5t[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    check(SHAPE(RFC8705_A_X5T), &certificate, REQUEST, BOUND);
}

static void detail_names_a_hex_thumbprint(const void *unused)
{
    mto_confirmation_t confirmation = {MTO_CONFIRMATION_MALFORMED, {0}, "x5t#S256 is hex"};
    const mto_shown_t  shown = {NULL, NULL, NOW};
    mto_verdict_t      verdict = MTO_VERDICT_INIT;

    (void)unused;
    assert_int_equal(mto_binding_decide(&confirmation, &shown, REQUEST, &verdict), MTO_BINDING_MALFORMED);
    assert_string_equal(verdict.detail, "x5t#S256 is hex");
}

/* --- MTLSOAuthBindingCACertificateFile: cell M of the table asks for more ------------------------------------------
 */

typedef struct {
    const char *name;
    const char *(*crl)(void);
    X509 *(*shown)(void);
    const char *request; /* and required */
    const char *none;
} chain_t;

static X509 *leaf_self_signed(void)
{
    return certificate_make((specification_t){.common_name = "leaf"});
}

static const chain_t chains[] = {
    {"good", NULL, leaf, BOUND, UNCHECKED},
    {"good by the CRLs", crls_leaf_revoked, leaf, BOUND, UNCHECKED},
    {"self-signed", NULL, leaf_self_signed, "certificate_untrusted", UNCHECKED},
    {"a CA's", NULL, middle, "certificate_untrusted", UNCHECKED},
    {"expired", NULL, leaf_expired, "certificate_expired", UNCHECKED},
    {"revoked", crls_leaf_revoked, leaf_revoked, "certificate_revoked", UNCHECKED},
    {"no CRL in force", crls_begin_later, leaf, "certificate_untrusted", UNCHECKED},
};

/* The outcome for a token whose cnf has this thumbprint; "": none. */
static void check_under_trust(const char *x5t, const mto_shown_t *shown, mto_mutual_tls_t use, const char *wanted)
{
    const char   *payload = support_text("{\"cnf\":" SHAPE("%s") "}", x5t), *outcome;
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_claims_t  claims;

    if (*x5t == '\0') {
        payload = "{}";
    }
    assert_int_equal(mto_claims_read(&claims, payload, strlen(payload), &verdict), MTO_ADMITTED);
    refusal = mto_binding_decide(&claims.confirmation, shown, use, &verdict);
    mto_claims_clear(&claims);
    outcome = refusal == MTO_ADMITTED ? mto_binding_word(verdict.binding) : mto_refusal_row(refusal)->code;
    assert_string_equal(outcome, wanted);
    assert_true((refusal != MTO_ADMITTED) == (verdict.detail[0] != '\0'));
}

static void chain_counts_where_the_thumbprint_matches(const void *data)
{
    const chain_t    *row = data;
    mto_trust_t      *trust = trust_of(ca_both(), row->crl != NULL ? row->crl() : NULL);
    mto_certificate_t certificate = certificate_der(row->shown());
    const mto_shown_t shown = {&certificate, trust, NOW}, nothing = {NULL, trust, NOW};
    char              x5t[MTO_X5T_TEXT_LENGTH + 1];

    mto_certificate_x5t_text(&certificate, x5t);
    check_under_trust(x5t, &shown, REQUEST, row->request);
    check_under_trust(x5t, &shown, REQUIRED, row->request);
    check_under_trust(x5t, &shown, NONE, row->none);
    check_under_trust(RFC8705_A_X5T, &shown, REQUEST, C_MISMATCH);
    check_under_trust(x5t, &nothing, REQUEST, C_MISSING);
    check_under_trust("", &shown, REQUEST, UNBOUND);
    mto_trust_release(trust);
}

int main(void)
{
    support_table("DESIGN section 3", cell_is_as_designed, TABLE(cells));
    support_table("RFC 8705 section 3.1, shapes seen in the wild", shape_is_told, TABLE(shapes));
    support_case("RFC 8705 section 6.3, a renewed certificate differs", renewed_certificate_differs);
    support_case("all 256 bits are compared", every_bit_of_the_thumbprint_counts);
    support_case("DESIGN section 3, the detail names a hex thumbprint", detail_names_a_hex_thumbprint);
    support_table("DESIGN section 3, a chain is wanted", chain_counts_where_the_thumbprint_matches, TABLE(chains));
    return support_run("binding");
}
