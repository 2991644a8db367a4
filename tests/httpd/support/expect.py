"""What an answer must look like: one function for the admitted, one for the refused."""

import re

# refusal code -> status and OAuth error, as the specification lists them
REFUSALS = {
    "no_token": (401, None),
    "token_repeated": (400, "invalid_request"), "request_malformed": (400, "invalid_request"),
    "tls_required": (403, None), "claim_denied": (403, None), "scope_insufficient": (403, "insufficient_scope"),
    "authentication_too_weak": (401, "insufficient_user_authentication"),
    "authentication_too_old": (401, "insufficient_user_authentication"),
    **{code: (401, "invalid_token") for code in """
        token_malformed token_too_large algorithm_not_allowed key_unknown signature_invalid type_not_allowed
        critical_header claims_malformed issuer_unknown issuer_not_accepted audience_mismatch token_expired
        token_not_yet_valid lifetime_exceeded claim_missing user_claim_missing user_claim_malformed token_inactive
        token_revoked binding_missing
        binding_malformed binding_unsupported certificate_missing certificate_mismatch""".split()},
}

# what the environment tells of an admitted token
PROVEN = ("X-User", "X-Auth-Type", "X-Issuer", "X-Subject", "X-Client-Id", "X-Scope", "X-Jti", "X-Binding",
          "X-Cert-Thumbprint", "X-Reported")

# what Require lines refuse
AFTER_AUTHENTICATION = ("claim_denied", "scope_insufficient", "authentication_too_weak", "authentication_too_old")

# what a challenge may say beside that: RFC 6750 section 3, RFC 9470 section 3, RFC 9728 section 5.1
PARAMETERS = r'(, (scope|acr_values|max_age|resource_metadata)="[\x20\x21\x23-\x5b\x5d-\x7e]+")*'

# RFC 6750 section 3: the characters of a quoted error or error_description
DESCRIPTION = r'[\x20\x21\x23-\x5b\x5d-\x7e]+'


def admitted(answer, user="alice", binding="unbound"):
    assert (answer.status, answer.refusal) == (200, None), answer
    assert answer.user == user, answer
    assert answer.binding == binding, answer
    assert answer.challenge is None, answer
    assert answer.body == b"the secret\n", answer.body


def refused(answer, *codes, realm="localhost"):
    """The answer names one of these codes and looks as that code must."""
    assert answer.refusal in codes, (answer, codes)
    status, error = REFUSALS[answer.refusal]
    assert answer.status == status, answer
    assert b"the secret" not in answer.body
    if answer.refusal not in AFTER_AUTHENTICATION and not answer.user:
        # nothing of a token that was not admitted is told to anybody; a Require line refuses somebody who is known
        assert not any(answer.header(name) for name in PROVEN), answer.headers
    if status == 403 and not error:
        assert answer.challenge is None, answer
        return
    assert re.fullmatch(challenge(realm, error) + PARAMETERS, answer.challenge or ""), answer


def challenge(realm, error):
    """The pattern of the one WWW-Authenticate field of a refusal."""
    opening = f'Bearer realm="{re.escape(realm)}"'
    return f'{opening}, error="{error}", error_description="{DESCRIPTION}"' if error else opening
