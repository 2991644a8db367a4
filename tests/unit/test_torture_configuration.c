/* What the configuration is made of while memory runs out at every place in turn: it is whole, or not there. */
#include "hierarchy.h"
#include "states.h"
#include "torture.h"

#include "core/certificate_field.h"
#include "core/denylist.h"
#include "core/issuer_metadata.h"
#include "core/resource_metadata.h"
#include "core/seal.h"
#include "core/trust.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* Something is made of a text. */
typedef struct {
    const char *text, *more;
    void       *made;
    const char *reason;
    char        written[500]; /* where the reason goes */
} made_t;

/* It is there, or a reason and memory that ran out. */
static void assert_made(const made_t *made)
{
    if (made->made == NULL) {
        assert_true(failing_count() > 0);
        assert_non_null(made->reason);
        assert_true(*made->reason != '\0');
    }
}

/* --- Keys --------------------------------------------------------------------------------------------------------- */

static void keys_run(void *state)
{
    made_t       *made = state;
    mto_keyset_t *set = mto_keyset_create();

    made->reason = "no set";
    if (set != NULL) {
        made->reason = mto_keyset_add_jwks(set, made->text, strlen(made->text), MTO_JWK_PUBLIC, NULL, NULL);
    }
    if (set != NULL && made->reason == NULL) {
        made->reason = mto_keyset_add_pem(set, made->more, strlen(made->more), "pem", NULL);
    }
    if (set != NULL) {
        mto_keyset_seal(set);
    }
    made->made = made->reason == NULL ? set : NULL;
    if (made->made == NULL) {
        mto_keyset_release(set);
    }
}

static void keys_judge(void *state)
{
    static const char *const kids[] = {"the-kid-of-another-key", "the-kid-of-the-ec-key", "the-kid-of-the-okp-key",
                                       "pem"};
    const made_t            *made = state;
    size_t                   i, count;

    assert_made(made);
    for (i = 0; made->made != NULL && i < sizeof kids / sizeof kids[0]; i++) {
        assert_non_null(mto_keyset_find_kid(made->made, kids[i], &count));
        assert_int_equal(count, 1);
    }
}

static void keys_clean(void *state)
{
    mto_keyset_release(((made_t *)state)->made);
}

static void keys_are_all_there_or_none(const void *unused)
{
    static const piece_t piece = {NULL, keys_run, keys_judge, keys_clean, 0};
    made_t               made = {.text =
                                     support_jwks(support_jwk(support_key(MTO_KEY_P256, 1), "the-kid-of-another-key", NULL),
                                                  support_jwk(support_key(MTO_KEY_P256, 0), "the-kid-of-the-ec-key", NULL),
                                                  support_jwk(support_key(MTO_KEY_ED25519, 0), "the-kid-of-the-okp-key", NULL), NULL),
                                 .more = support_pem(support_key(MTO_KEY_ED25519, 1))};

    (void)unused;
    assert_true(torture(&piece, &made) > 100);
}

/* --- CAs and CRLs ------------------------------------------------------------------------------------------------- */

static void trust_run(void *state)
{
    made_t *made = state;

    made->made = mto_trust_create(made->text, strlen(made->text), made->more, strlen(made->more), &made->reason);
}

/* A trust that was made while memory ran out trusts nobody else. (OpenSSL reads a certificate without its key then, and
 * the CA verifies nothing.) */
static void trust_judge(void *state)
{
    static mto_certificate_t good, revoked, below, strange;
    const made_t            *made = state;

    if (good.der == NULL) {
        good = certificate_der(leaf_of_root());
        revoked = certificate_der(
            make_leaf((specification_t){.issuer = root(), .issuer_key = key_of(ROOT_KEY), .serial = 66}));
        below = certificate_der(leaf()); /* its issuer is revoked */
        strange = certificate_der(make_leaf((specification_t){.issuer_key = key_of(OTHER_KEY)}));
    }
    assert_made(made);
    if (made->made != NULL) {
        assert_true(failing_count() > 0 || mto_trust_verify(made->made, &good, NOW, NULL, 0) == MTO_CHAIN_GOOD);
        assert_int_not_equal(mto_trust_verify(made->made, &revoked, NOW, NULL, 0), MTO_CHAIN_GOOD);
        assert_int_not_equal(mto_trust_verify(made->made, &below, NOW, NULL, 0), MTO_CHAIN_GOOD);
        assert_int_not_equal(mto_trust_verify(made->made, &strange, NOW, NULL, 0), MTO_CHAIN_GOOD);
    }
}

static void trust_clean(void *state)
{
    mto_trust_release(((made_t *)state)->made);
}

static void trust_is_whole_or_none(const void *unused)
{
    static const piece_t piece = {NULL, trust_run, trust_judge, trust_clean, 0};
    const long           serials[] = {2, 66, 0};
    made_t               made = {.text = ca_both()};

    (void)unused;
    made.more =
        support_text("%s%s", crl_pem(root(), key_of(ROOT_KEY), -DAY, DAY, serials), crl_of_middle(-DAY, DAY, 0));
    assert_true(torture(&piece, &made) > 100);
}

/* --- The deny list ------------------------------------------------------------------------------------------------ */

static void denylist_run(void *state)
{
    made_t *made = state;

    made->made = mto_denylist_create(made->text, strlen(made->text), made->written);
    made->reason = made->written;
}

static void denylist_judge(void *state)
{
    const made_t *made = state;

    assert_made(made);
    if (made->made != NULL) {
        assert_int_equal(mto_denylist_find(made->made, MTO_DENIED_SUB, "mallory", ISSUER, NULL), 1);
        assert_int_equal(mto_denylist_find(made->made, MTO_DENIED_JTI, "a token", ISSUER, NULL), 2);
        assert_int_equal(mto_denylist_find(made->made, MTO_DENIED_KID, "k", ISSUER, NULL), 3);
    }
}

static void denylist_clean(void *state)
{
    mto_denylist_release(((made_t *)state)->made);
}

static void denylist_is_whole_or_none(const void *unused)
{
    static const piece_t piece = {NULL, denylist_run, denylist_judge, denylist_clean, 0};
    made_t               made = {.text = "sub:mallory\njti:\"a token\"\nkid:k iss=" ISSUER "\n"};

    (void)unused;
    assert_true(torture(&piece, &made) > 3);
}

/* --- Documents ---------------------------------------------------------------------------------------------------- */

typedef struct {
    mto_issuer_metadata_t metadata;
    const char           *text, *reason;
} metadata_t;

static void metadata_run(void *state)
{
    metadata_t *document = state;

    document->reason = mto_issuer_metadata_read(&document->metadata, document->text, strlen(document->text), ISSUER);
}

static void metadata_judge(void *state)
{
    const metadata_t *document = state;

    assert_true(document->reason == NULL || failing_count() > 0);
    if (document->reason == NULL) {
        assert_string_equal(document->metadata.jwks_uri, "https://as.example/the-keys-of-this-issuer");
        assert_string_equal(document->metadata.introspection_endpoint, "https://as.example/introspection");
        assert_string_equal(document->metadata.mtls_introspection_endpoint, "https://mtls.as.example/introspection");
    }
}

static void metadata_clean(void *state)
{
    mto_issuer_metadata_clear(&((metadata_t *)state)->metadata);
}

static void metadata_is_whole_or_none(const void *unused)
{
    static const piece_t piece = {NULL, metadata_run, metadata_judge, metadata_clean, 0};
    metadata_t           document = {.text =
                                         "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://as.example/the-keys-of-this-issuer\","
                                                   "\"introspection_endpoint\":\"https://as.example/introspection\","
                                                   "\"mtls_endpoint_aliases\":{\"introspection_endpoint\":"
                                                   "\"https://mtls.as.example/introspection\"}}"};

    (void)unused;
    assert_true(torture(&piece, &document) > 10);
}

static void resource_run(void *state)
{
    made_t                    *made = state;
    const mto_resource_t       resource = {"https://api.example/v1", "A name", NULL, NULL,
                                           support_texts("read", "write", NULL)};
    apr_array_header_t        *policies = apr_array_make(support_pool(), 1, sizeof(const mto_policy_t *));
    const mto_resource_facts_t facts = {policies, NULL, 1};

    APR_ARRAY_PUSH(policies, const mto_policy_t *) = support_policy();
    made->made = (void *)mto_resource_metadata_write(&resource, &facts, support_pool());
}

static void resource_judge(void *state)
{
    made_t *made = state;

    if (failing_count() == 0 && made->text == NULL) {
        made->text = made->made;
    }
    assert_true(made->made != NULL || failing_count() > 0);
    if (made->made != NULL) {
        assert_string_equal(made->made, made->text);
    }
}

static void resource_is_whole_or_none(const void *unused)
{
    static const piece_t piece = {NULL, resource_run, resource_judge, NULL, 1};
    made_t               made = {.text = NULL};

    (void)unused;
    assert_true(torture(&piece, &made) > 10);
}

/* --- Seals -------------------------------------------------------------------------------------------------------- */

#define SEAL_TEXT "0123456789012345678901234567890123456789012345678901234567890123\n"

typedef struct {
    mto_seal_t         *seal;
    unsigned char       place[MTO_SEAL_ID_SIZE], sealed[200];
    size_t              size;
    int                 has_place, opens;
    char                reason[MTO_SEAL_REASON_SIZE], json[200];
    mto_sealed_answer_t opened;
} sealing_t;

static const mto_sealed_answer_t answer = {NOW, NOW + 1000, "{\"active\":true}", 15};

static void seal_run(void *state)
{
    static const unsigned char id[MTO_SEAL_ID_SIZE] = {1}, nonce[MTO_SEAL_NONCE_SIZE] = {2};
    sealing_t                 *sealing = state;

    sealing->has_place = sealing->opens = 0;
    sealing->size = 0;
    sealing->seal = mto_seal_create(SEAL_TEXT, strlen(SEAL_TEXT), sealing->reason);
    if (sealing->seal != NULL) {
        sealing->has_place = mto_seal_place(sealing->seal, 0, id, sealing->place);
    }
    if (sealing->has_place) {
        sealing->size = mto_seal_close(sealing->seal, sealing->place, nonce, &answer, sealing->sealed);
    }
    if (sealing->size > 0) {
        sealing->sealed[sealing->size / 2] ^= 1;
        sealing->opens = mto_seal_open(sealing->seal, 0, sealing->place, sealing->sealed, sealing->size, NOW,
                                       sealing->json, &sealing->opened);
        sealing->sealed[sealing->size / 2] ^= 1;
    }
}

/* A seal that was made, or closed, while memory ran out is the one that others have; no changed one opens. */
static void seal_judge(void *state)
{
    const sealing_t    *sealing = state;
    mto_seal_t         *other;
    char                reason[MTO_SEAL_REASON_SIZE], json[200];
    mto_sealed_answer_t opened;

    assert_true(failing_count() > 0 || sealing->size > 0);
    assert_int_equal(sealing->opens, 0);
    if (sealing->size > 0) {
        other = mto_seal_create(SEAL_TEXT, strlen(SEAL_TEXT), reason);
        assert_int_equal(mto_seal_open(other, 0, sealing->place, sealing->sealed, sealing->size, NOW, json, &opened),
                         1);
        assert_int_equal(opened.size, answer.size);
        assert_memory_equal(opened.json, answer.json, answer.size);
        mto_seal_release(other);
    }
}

static void seal_clean(void *state)
{
    mto_seal_release(((sealing_t *)state)->seal);
}

static void seal_is_right_or_none(const void *unused)
{
    static const piece_t piece = {NULL, seal_run, seal_judge, seal_clean, 0};
    sealing_t            sealing = {0};

    (void)unused;
    assert_true(torture(&piece, &sealing) > 20);
}

/* --- State files -------------------------------------------------------------------------------------------------- */

typedef struct {
    mto_state_place_t place;
    mto_state_t       kept, read;
    const char       *wrote, *reason;
    int               missing;
} keeping_t;

static void state_run(void *state)
{
    keeping_t *keeping = state;

    keeping->wrote = mto_state_write(&keeping->place, &source, &keeping->kept);
    keeping->reason = mto_state_read(&keeping->read, &keeping->place, &source, NOW, &keeping->missing);
}

/* The file is whole, whatever was in it before. */
static void state_judge(void *state)
{
    const keeping_t *keeping = state;

    assert_true((keeping->wrote == NULL && keeping->reason == NULL) || failing_count() > 0);
    if (keeping->reason == NULL) {
        assert_string_equal(keeping->read.jwks, JWKS);
        assert_string_equal(keeping->read.metadata.jwks_uri, "https://as.example/keys-of-this-issuer");
        assert_null(keeping->read.metadata.introspection_endpoint);
    }
    assert_believed(&keeping->place, &source, JWKS);
}

static void state_clean(void *state)
{
    mto_state_clear(&((keeping_t *)state)->read);
}

static void state_is_whole_or_as_before(const void *unused)
{
    static const piece_t piece = {NULL, state_run, state_judge, state_clean, 1};
    static char          uri[] = "https://as.example/keys-of-this-issuer";
    keeping_t            keeping = {.place = fresh_place(), .kept = state_of(JWKS)};

    (void)unused;
    keeping.kept.metadata.jwks_uri = uri;
    assert_true(torture(&piece, &keeping) > 20);
}

/* --- Certificates out of fields ----------------------------------------------------------------------------------- */

typedef struct {
    const char       *field;
    mto_certificate_t wanted, certificate;
    const char       *reason;
} field_t;

static void field_run(void *state)
{
    field_t *field = state;

    field->reason = mto_certificate_read_field(&field->certificate, MTO_FIELD_RFC9440, field->field, support_pool());
}

static void field_judge(void *state)
{
    const field_t *field = state;

    assert_true(field->reason == NULL || failing_count() > 0);
    if (field->reason == NULL) {
        assert_memory_equal(field->certificate.x5t, field->wanted.x5t, MTO_X5T_SIZE);
    }
}

static void field_is_read_or_not(const void *unused)
{
    static const piece_t piece = {NULL, field_run, field_judge, NULL, 1};
    field_t              field = {.wanted = certificate_der(leaf())};
    char                *text = apr_palloc(support_pool(), field.wanted.der_size / 3 * 4 + 5);

    (void)unused;
    EVP_EncodeBlock((unsigned char *)text, field.wanted.der, (int)field.wanted.der_size);
    field.field = support_text(":%s:", text);
    (void)torture(&piece, &field);
}

int main(void)
{
    support_case("allocations of reading keys", keys_are_all_there_or_none);
    support_case("allocations of reading CAs and CRLs", trust_is_whole_or_none);
    support_case("allocations of reading a deny list", denylist_is_whole_or_none);
    support_case("allocations of reading an issuer's metadata", metadata_is_whole_or_none);
    support_case("allocations of writing a resource's metadata", resource_is_whole_or_none);
    support_case("allocations of seals", seal_is_right_or_none);
    support_case("allocations of state files", state_is_whole_or_as_before);
    support_case("allocations of certificate fields", field_is_read_or_not);
    return support_run("torture_configuration");
}
