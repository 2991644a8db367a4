#include "jwks.h"

#include "core/json.h"

#include <openssl/err.h>
#include <string.h>

void assert_reason(const char *reason, const char *wanted)
{
    if (wanted == NULL) {
        if (reason != NULL) {
            fail_msg("refused: %s", reason);
        }
        return;
    }
    if (reason == NULL) {
        fail_msg("accepted, wanted: %s", wanted);
    }
    assert_string_equal(reason, wanted);
}

void check_jwk(json_t *jwk, mto_jwk_mode_t mode, const char *wanted, int wanted_harmless)
{
    mto_key_t   key = {0};
    int         harmless = -1;
    const char *reason = mto_key_read_jwk(&key, jwk, mode, &harmless);

    json_decref(jwk);
    if (reason == NULL) {
        assert_non_null(key.pkey);
    }
    mto_key_clear(&key);
    ERR_clear_error();
    assert_reason(reason, wanted);
    assert_int_equal(harmless, wanted_harmless);
}

void write_thumbprint(const json_t *jwk, unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    static const char *const required[] = {"crv", "e", "kty", "n", "x", "y"};
    const char              *text = "";
    size_t                   i;

    for (i = 0; i < sizeof required / sizeof required[0]; i++) {
        const char *value = mto_json_string(jwk, required[i]);
        if (value != NULL) {
            text = support_text("%s%s\"%s\":\"%s\"", text, *text != '\0' ? "," : "", required[i], value);
        }
    }
    text = support_text("{%s}", text);
    assert_int_equal(EVP_Digest(text, strlen(text), thumbprint, NULL, EVP_sha256(), NULL), 1);
}

void check_thumbprint(const json_t *jwk, const unsigned char wanted[MTO_THUMBPRINT_SIZE])
{
    mto_key_t key;
    int       harmless;

    assert_reason(mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless), NULL);
    assert_memory_equal(key.thumbprint, wanted, MTO_THUMBPRINT_SIZE);
    mto_key_clear(&key);
}
