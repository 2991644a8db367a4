/* jwk: under which thumbprint a key is known (RFC 7638). */
#include "jwks.h"

#include "core/base64url.h"
#include "core/json.h"
#include "vectors.h"

#include <string.h>

static const struct {
    const char *name;
    const char *jwk;
    const char *thumbprint;
} published[] = {
    {"RFC 7638 section 3.1", RFC7638_3_1_JWK, RFC7638_3_1_THUMBPRINT},
    {"RFC 8037 appendix A.3", RFC8037_A_2_JWK, RFC8037_A_3_THUMBPRINT},
};

static void thumbprint_is_the_published_one(const void *data)
{
    const char *const *row = data;
    unsigned char      wanted[MTO_BASE64URL_DECODED_SIZE(43)];
    json_t            *jwk = json_loads(row[1], 0, NULL);

    assert_int_equal(mto_base64url_decode(wanted, row[2], strlen(row[2])), MTO_THUMBPRINT_SIZE);
    check_thumbprint(jwk, wanted);
    json_decref(jwk);
}

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
} kind_t;

static const kind_t kinds[] = {
    {"RSA", MTO_KEY_RSA},    {"P-256", MTO_KEY_P256},      {"P-384", MTO_KEY_P384},
    {"P-521", MTO_KEY_P521}, {"Ed25519", MTO_KEY_ED25519}, {"Ed448", MTO_KEY_ED448},
};

static void thumbprint_is_of_the_required_members(const void *data)
{
    json_t       *jwk = support_jwk(support_key(((const kind_t *)data)->kind, 0), NULL, NULL);
    unsigned char wanted[MTO_THUMBPRINT_SIZE];

    write_thumbprint(jwk, wanted);
    json_object_set_new(jwk, "kid", json_string("a"));
    json_object_set_new(jwk, "use", json_string("sig"));
    check_thumbprint(jwk, wanted);
    json_decref(jwk);
}

/* RFC 7518 section 6.3.1.1 warns of the extra zero octet that some write; it is the same key. */
static void leading_zero_octets_of_rsa_numbers_change_nothing(const void *unused)
{
    json_t       *jwk = support_jwk(support_key(MTO_KEY_RSA, 0), NULL, NULL);
    unsigned char wanted[MTO_THUMBPRINT_SIZE], bytes[1 + MTO_BASE64URL_DECODED_SIZE(342)] = {0};
    const char   *n = mto_json_string(jwk, "n");

    (void)unused;
    write_thumbprint(jwk, wanted);
    assert_int_equal(mto_base64url_decode(bytes + 1, n, strlen(n)), 256);
    json_object_set_new(jwk, "n", json_string(support_base64url(bytes, 257)));
    json_object_set_new(jwk, "e", json_string("AAEAAQ"));
    check_thumbprint(jwk, wanted);
    json_decref(jwk);
}

int main(void)
{
    support_table("thumbprint of an RFC", thumbprint_is_the_published_one, TABLE(published));
    support_table("RFC 7638 section 3.2, thumbprint", thumbprint_is_of_the_required_members, TABLE(kinds));
    support_case("RFC 7518 section 6.3.1.1, leading zero octets", leading_zero_octets_of_rsa_numbers_change_nothing);
    return support_run("thumbprint");
}
