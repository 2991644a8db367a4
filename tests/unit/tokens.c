#include "tokens.h"

#include <string.h>

mto_refusal_t verify_length(const char *text, size_t length, const mto_keyset_t *keys, unsigned algorithms,
                            const mto_key_t **signer, mto_verdict_t *verdict)
{
    const mto_key_t *key = NULL;
    mto_refusal_t    refusal;
    mto_jws_t        jws;

    refusal = mto_jws_read(&jws, text, length, verdict);
    if (refusal == MTO_ADMITTED) {
        refusal = mto_jws_verify(&jws, keys, algorithms, &key, verdict);
        assert_true((key != NULL) == (refusal == MTO_ADMITTED));
    }
    if (signer != NULL) {
        *signer = key;
    }
    mto_jws_clear(&jws);
    return refusal;
}

mto_refusal_t verify(const char *text, const mto_keyset_t *keys, mto_verdict_t *verdict)
{
    return verify_length(text, strlen(text), keys, MTO_ALGORITHMS_ALL, NULL, verdict);
}

void assert_verdict(const char *text, const mto_keyset_t *keys, mto_refusal_t wanted)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal = verify(text, keys, &verdict);

    support_assert_refusal(refusal, wanted, &verdict);
}

EVP_PKEY *signing_key(void)
{
    return support_key(MTO_KEY_ED25519, 0);
}

const mto_keyset_t *signing_keys(void)
{
    return support_keyset(support_jwk(signing_key(), "k", NULL), NULL);
}

const char *signed_token(const char *payload)
{
    return support_token("EdDSA", signing_key(), "k", payload);
}

mto_refusal_t prove(mto_token_t **token, const char *text, const mto_keyset_t *keys, const mto_policy_t *policy,
                    mto_verdict_t *why)
{
    mto_presented_t *presented;
    mto_refusal_t    refusal = mto_presented_read(&presented, text, strlen(text), why);

    *token = NULL;
    if (refusal == MTO_ADMITTED) {
        refusal = mto_token_prove(token, presented, keys, policy, why);
    }
    assert_true((*token != NULL) == (refusal == MTO_ADMITTED));
    mto_presented_free(presented);
    return refusal;
}

mto_token_t *proven(const char *text, const mto_keyset_t *keys, const mto_policy_t *policy)
{
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_token_t  *token;

    support_assert_refusal(prove(&token, text, keys, policy, &why), MTO_ADMITTED, &why);
    return token;
}
