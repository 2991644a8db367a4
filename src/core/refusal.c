#include "core/refusal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* One public text for all that is wrong with a token, and one for all that is wrong with its binding: the client that
 * may not use a token learns nothing from the difference (DESIGN section 3). */
#define TOKEN_TEXT   "The access token is not valid here"
#define BINDING_TEXT "The access token is not bound to the certificate of this connection"
/* RFC 9470 section 3: what the user would have to do is in acr_values and max_age. */
#define STEP_UP_TEXT "A different authentication of the user is required"
/* Likewise for whatever is wrong with a client (RFC 6749 section 5.2). */
#define CLIENT_TEXT "Client authentication failed"

static const mto_refusal_row_t rows[] = {
    [MTO_ADMITTED] = {"admitted", 200, NULL, NULL, "Every step of prove and admit passed.", "Nothing to do."},
    [MTO_NO_TOKEN] = {"no_token", 401, NULL, NULL,
                      "The request has no Authorization header, or one of another scheme than Bearer.",
                      "The client sends \"Authorization: Bearer TOKEN\". A token in the query or the body is not read. "
                      "Behind a proxy, see that it passes the header on."},
    [MTO_TOKEN_REPEATED] = {"token_repeated", 400, "invalid_request", "The request carries more than one token",
                            "More than one token was sent: several Authorization headers (httpd joins them with a "
                            "comma), a cookie that occurs twice, or a header beside an access_token query parameter.",
                            "The client sends exactly one token, in one place (RFC 6750 section 2)."},
    [MTO_REQUEST_MALFORMED] =
        {"request_malformed", 400, "invalid_request", "The request is malformed",
         "The Authorization header says Bearer and then no token, or something other than a space "
         "stands between the two; or a trusted proxy sent MTLSOAuthClientCertHeader twice, or with something else than "
         "one certificate in its format.",
         "The detail says which. The client sends \"Authorization: Bearer TOKEN\" with a single space: an empty "
         "variable in a script is the usual cause. The proxy sets the header, without keeping what its client sent, "
         "in the format that the directive names."},
    [MTO_TLS_REQUIRED] = {"tls_required", 403, NULL, NULL,
                          "A token came over a connection without TLS, where anybody could read it.",
                          "The client uses https. The token that was sent must be taken for stolen. Where TLS ends "
                          "before this server by design, say \"MTLSOAuthRequireTLS off\"."},
    [MTO_TOKEN_MALFORMED] = {"token_malformed", 401, "invalid_token", TOKEN_TEXT,
                             "The token is not a signed JWT in compact form: three base64url segments without padding, "
                             "the first a JSON object (RFC 7515 section 7.1).",
                             "See what the client sends with \"mtls-oauth inspect\". An opaque token or an encrypted "
                             "one (JWE) cannot be read here; ask the issuer for signed JWT access tokens."},
    [MTO_TOKEN_TOO_LARGE] = {"token_too_large", 401, "invalid_token", TOKEN_TEXT, "The token is longer than 16 KiB.",
                             "Ask the issuer to put fewer claims (groups, roles) into access tokens."},
    [MTO_ALGORITHM_NOT_ALLOWED] =
        {"algorithm_not_allowed", 401, "invalid_token", TOKEN_TEXT,
         "The token's alg is missing, is not one of MTLSOAuthAlgorithms, or contradicts the key that its kid names.",
         "Compare the alg that \"mtls-oauth inspect\" shows with MTLSOAuthAlgorithms and with alg, kty and crv of the "
         "key. none and HS* are never accepted."},
    [MTO_KEY_UNKNOWN] =
        {"key_unknown", 401, "invalid_token", TOKEN_TEXT,
         "None of the issuer's keys in force has the token's kid, or fits its algorithm.",
         "Compare the kid with the issuer's key set. After a key rotation a JWK Set file must be updated. A "
         "kid from another environment (test, production) is the usual cause."},
    [MTO_SIGNATURE_INVALID] = {"signature_invalid", 401, "invalid_token", TOKEN_TEXT,
                               "No key that fits the token verifies its signature.",
                               "The token was changed or cut on its way, or the key set is another issuer's. A forged "
                               "token looks like this too."},
    [MTO_TYPE_NOT_ALLOWED] = {"type_not_allowed", 401, "invalid_token", TOKEN_TEXT,
                              "The token is no access token by the profile in force: its typ is another one, or it "
                              "carries the marks of an ID, refresh or logout token.",
                              "The client sends the access token, not the ID token. An issuer that does not write "
                              "\"at+jwt\" needs \"MTLSOAuthProfile jwt\"."},
    [MTO_CRITICAL_HEADER] = {"critical_header", 401, "invalid_token", TOKEN_TEXT,
                             "The token's header has crit or b64: extensions that must be understood and are not.",
                             "Ask the issuer for tokens without critical header parameters (RFC 7515 section 4.1.11)."},
    [MTO_CLAIMS_MALFORMED] =
        {"claims_malformed", 401, "invalid_token", TOKEN_TEXT,
         "The payload is not a strict JSON object (no member twice, at most 32 levels, valid UTF-8) "
         "or a registered claim has the wrong type (RFC 7519 section 4.1).",
         "The detail names the claim. This is for the issuer to mend."},
    [MTO_ISSUER_UNKNOWN] = {"issuer_unknown", 401, "invalid_token", TOKEN_TEXT,
                            "No <MTLSOAuthIssuer> block of this server has the token's iss, or the token has none.",
                            "Compare iss byte for byte with the block: a slash at the end, http for https and the port "
                            "count. \"httpd -t -D DUMP_MTLS_OAUTH\" lists each server's issuers."},
    [MTO_ISSUER_NOT_ACCEPTED] = {"issuer_not_accepted", 401, "invalid_token", TOKEN_TEXT,
                                 "The issuer is known to this server, but this Location does not accept it.",
                                 "Add it to MTLSOAuthAcceptIssuers of the Location, if it should be accepted there."},
    [MTO_AUDIENCE_MISMATCH] = {"audience_mismatch", 401, "invalid_token", TOKEN_TEXT,
                               "The token's aud has none of the audiences that the issuer block, or the Location, asks "
                               "for, or blocks of one issuer cannot be told apart by it.",
                               "The detail shows both lists. The client asks its issuer for a token for this API "
                               "(resource or audience parameter), or MTLSOAuthAudience is mended."},
    [MTO_TOKEN_EXPIRED] = {"token_expired", 401, "invalid_token", TOKEN_TEXT,
                           "The time is exp plus MTLSOAuthClockSkew, or later.",
                           "The client fetches a new token. When fresh tokens are refused, compare the clocks."},
    [MTO_TOKEN_NOT_YET_VALID] = {"token_not_yet_valid", 401, "invalid_token", TOKEN_TEXT,
                                 "nbf or iat is ahead of the time by more than MTLSOAuthClockSkew.",
                                 "Compare the clocks of this machine and of the issuer."},
    [MTO_LIFETIME_EXCEEDED] = {"lifetime_exceeded", 401, "invalid_token", TOKEN_TEXT,
                               "The token was issued for longer than MTLSOAuthMaxTokenLifetime.",
                               "Shorten the lifetime of access tokens at the issuer, or raise the limit."},
    [MTO_CLAIM_MISSING] = {"claim_missing", 401, "invalid_token", TOKEN_TEXT,
                           "A claim that every token must have (exp), that the profile demands or that "
                           "MTLSOAuthRequiredClaims names is missing or null.",
                           "The detail names the claim. Have the issuer add it."},
    [MTO_USER_CLAIM_MISSING] = {"user_claim_missing", 401, "invalid_token", TOKEN_TEXT,
                                "None of the claims of MTLSOAuthRemoteUserClaim is in the token.",
                                "Name a claim that the issuer's tokens have; \"mtls-oauth inspect\" shows them."},
    [MTO_USER_CLAIM_MALFORMED] = {"user_claim_malformed", 401, "invalid_token", TOKEN_TEXT,
                                  "The user claim is not a string (or non-negative integer) of 1 to 255 bytes of UTF-8 "
                                  "without control characters.",
                                  "Choose another claim with MTLSOAuthRemoteUserClaim, or have the issuer mend it."},
    [MTO_TOKEN_INACTIVE] =
        {"token_inactive", 401, "invalid_token", TOKEN_TEXT,
         "The issuer, asked about the token, says that it is not active: expired, revoked, unknown or not for us.",
         "The client fetches a new token. When fresh tokens are refused, see that the issuer lets the client of "
         "MTLSOAuthIntrospectionClientID ask about other clients' tokens, and that the answer has \"active\": true."},
    [MTO_TOKEN_REVOKED] = {"token_revoked", 401, "invalid_token", TOKEN_TEXT,
                           "A line of MTLSOAuthDenyFile names the token, its subject, client, key or certificate.",
                           "The detail names kind and line. Take the line out of the file when it was a mistake; the "
                           "file is read again within seconds."},
    [MTO_BINDING_MISSING] = {"binding_missing", 401, "invalid_token", BINDING_TEXT,
                             "The policy is required, or the Location says \"Require oauth-bound\", and the token "
                             "names no certificate (no cnf) that was checked.",
                             "Have the issuer bind tokens to client certificates (RFC 8705 section 3). The client must "
                             "use its certificate when it fetches the token."},
    [MTO_BINDING_MALFORMED] =
        {"binding_malformed", 401, "invalid_token", BINDING_TEXT,
         "cnf is not an object, its x5t#S256 is not 43 characters of canonical base64url, or the token and the "
         "introspection answer about it have different ones.",
         "The detail names the mistake. This is for the issuer to mend: base64url of the 32 bytes "
         "of SHA-256 over the DER certificate, not hex, not padded (RFC 8705 section 3.1)."},
    [MTO_BINDING_UNSUPPORTED] =
        {"binding_unsupported", 401, "invalid_token", BINDING_TEXT,
         "The token is bound in a way that a bearer token over TLS cannot prove (jkt: DPoP; jwk, "
         "jwe, kid, jku), or in none that is known here.",
         "Have the issuer bind this client's tokens by certificate (x5t#S256)."},
    [MTO_CERTIFICATE_MISSING] = {"certificate_missing", 401, "invalid_token", BINDING_TEXT,
                                 "The token is bound to a certificate, and the client showed none on this connection.",
                                 "The client presents its certificate to this server too. Check that the virtual host "
                                 "has \"SSLVerifyClient optional_no_ca\" (or optional, require): otherwise it never "
                                 "asks for one. A token without its certificate may be a stolen one."},
    [MTO_CERTIFICATE_MISMATCH] = {"certificate_mismatch", 401, "invalid_token", BINDING_TEXT,
                                  "The token is bound to another certificate than the one of this connection.",
                                  "After a certificate was renewed the client must fetch a new token (RFC 8705 section "
                                  "6.3). Otherwise somebody else uses this client's token: treat it as stolen."},
    [MTO_CERTIFICATE_UNTRUSTED] =
        {"certificate_untrusted", 401, "invalid_token", BINDING_TEXT,
         "The certificate is the one that the token names, but it does not chain to "
         "MTLSOAuthBindingCACertificateFile, is not for TLS clients, or no CRL in force covers it.",
         "The detail says which. Add the CA, or the intermediate that is missing, to the file: the module never uses "
         "what the client sends beside its certificate. See that MTLSOAuthBindingCRLFile has a CRL in force of each "
         "CA."},
    [MTO_CERTIFICATE_EXPIRED] = {"certificate_expired", 401, "invalid_token", BINDING_TEXT,
                                 "A certificate of the chain is not valid yet or no longer.",
                                 "The client renews its certificate and fetches a new token with it. When it is a CA's "
                                 "certificate that ended, renew that in MTLSOAuthBindingCACertificateFile."},
    [MTO_CERTIFICATE_REVOKED] = {"certificate_revoked", 401, "invalid_token", BINDING_TEXT,
                                 "A CRL of MTLSOAuthBindingCRLFile names the certificate, or one above it.",
                                 "Its CA says that this certificate must not be used any more: find out why before "
                                 "anything else."},
    [MTO_AUTHENTICATION_TOO_WEAK] =
        {"authentication_too_weak", 401, "insufficient_user_authentication", STEP_UP_TEXT,
         "The token is good, but its acr is none of those that \"Require oauth-acr\" names, or it has none.",
         "The client sends the user to the issuer again, with the acr_values of the challenge (RFC 9470 section 4). "
         "When the user has done that, see that the issuer writes acr into access tokens."},
    [MTO_AUTHENTICATION_TOO_OLD] =
        {"authentication_too_old", 401, "insufficient_user_authentication", STEP_UP_TEXT,
         "The token is good, but the user authenticated longer ago than \"Require oauth-auth-age\" allows, or the "
         "token "
         "has no auth_time.",
         "The client sends the user to the issuer again, with the max_age of the challenge (RFC 9470 section 4). "
         "When the user has done that, see that the issuer writes auth_time into access tokens."},
    [MTO_SCOPE_INSUFFICIENT] = {"scope_insufficient", 403, "insufficient_scope",
                                "The access token does not have the scope that this needs",
                                "The token is good, but has none of the scopes of a \"Require oauth-scope\" line.",
                                "The detail names them, and so does scope in the challenge. The client asks its issuer "
                                "for a token with that scope, if it may have it."},
    [MTO_CLAIM_DENIED] = {"claim_denied", 403, NULL, NULL,
                          "The token is good, but a Require line of the Location refuses its user.",
                          "httpd's own log line at level info names the Require lines that failed."},
    [MTO_KEYS_UNAVAILABLE] =
        {"keys_unavailable", 503, NULL, NULL,
         "No keys of the issuer are in force, or none has the token's kid and the issuer could not "
         "be asked for newer ones.",
         "The error log has a line \"keys of ISS: ...\" for each attempt to fetch them. Check URL, "
         "DNS, proxy, firewall and MTLSOAuthOutgoingCACertificateFile from this machine."},
    [MTO_INTROSPECTION_UNAVAILABLE] =
        {"introspection_unavailable", 503, NULL, NULL,
         "The issuer must be asked about the token, and gave no answer that can be used, or none in time.",
         "The detail says what came instead. The error log has a line \"introspection at URL: ...\" when an issuer "
         "begins to fail. Check URL, DNS, proxy, firewall, MTLSOAuthOutgoingCACertificateFile, and client id, secret "
         "or certificate of MTLSOAuthIntrospection...; status 401 or 403 means the latter."},
    [MTO_MEMORY_UNAVAILABLE] =
        {"memory_unavailable", 503, NULL, NULL, "Memory ran out before it was decided.",
         "Give the machine, the container or the process (ulimit -v) more memory, or httpd fewer processes."},
    [MTO_CLIENT_ID_MISSING] = {"client_id_missing", 400, "invalid_request", "The request names no client_id",
                               "The form has no client_id, and no other way of authenticating a client either. One in "
                               "the query is not read.",
                               "The client sends client_id in the body of each request, also beside a certificate (RFC "
                               "8705 section 2)."},
    [MTO_CLIENT_ID_REPEATED] =
        {"client_id_repeated", 400, "invalid_request", "The request repeats a parameter",
         "client_id, or a parameter that authenticates a client, stands in the form twice, or in "
         "form and query.",
         "The client sends each parameter once (RFC 6749 section 3.2), in the body."},
    [MTO_CLIENT_AUTH_MIXED] =
        {"client_auth_mixed", 400, "invalid_request", "The request authenticates the client in more than one way",
         "The client is registered for authentication by certificate, and the request has an Authorization header, a "
         "client_secret or a client_assertion as well.",
         "The client uses one method per request (RFC 6749 section 2.3): it sends client_id and its certificate, "
         "nothing else, or it is registered for the other method."},
    [MTO_FORM_MALFORMED] = {"form_malformed", 400, "invalid_request", "The request body is not a well-formed form",
                            "The body is not application/x-www-form-urlencoded, is encoded or cut, or has a bad % "
                            "escape or a NUL.",
                            "The detail says which. The client sends its parameters as RFC 6749 appendix B has them."},
    [MTO_FORM_TOO_LARGE] = {"form_too_large", 413, "invalid_request", "The request body is too large",
                            "The body is larger than 64 KiB.",
                            "A form for a token, introspection, revocation or PAR endpoint is smaller; see what the "
                            "client sends."},
    [MTO_CLIENT_UNKNOWN] =
        {"client_unknown", 401, "invalid_client", CLIENT_TEXT,
         "The client_id is not registered here, or for another method than tls_client_auth and "
         "self_signed_tls_client_auth.",
         "Add it to MTLSOAuthClientsFile or as <MTLSOAuthClient>. Where clients of other methods are "
         "for the back end to authenticate, say \"MTLSOAuthOtherClients pass\"."},
    [MTO_CLIENT_CERTIFICATE_MISSING] =
        {"client_certificate_missing", 401, "invalid_client", CLIENT_TEXT,
         "The client is registered for authentication by certificate, and showed none on this connection.",
         "The client presents its certificate. Check that the virtual host has \"SSLVerifyClient optional_no_ca\" (or "
         "optional, require): otherwise it never asks for one."},
    [MTO_CLIENT_SUBJECT_MISMATCH] =
        {"client_subject_mismatch", 401, "invalid_client", CLIENT_TEXT,
         "The certificate is trusted, but its name is not the one registered for this client_id.",
         "The detail shows both. \"mtls-oauth check-client\" compares them attribute by attribute. When the names are "
         "of different clients, somebody tries to speak for another."},
    [MTO_CLIENT_UNTRUSTED] =
        {"client_untrusted", 401, "invalid_client", CLIENT_TEXT,
         "The client is registered for tls_client_auth, and its certificate does not chain to "
         "MTLSOAuthClientCACertificateFile, is not for TLS clients, not valid now, revoked, or under no CRL in force.",
         "The detail says which. Add the CA, or the intermediate that is missing, to the file: the module never uses "
         "what the client sends beside its certificate. A CRL past its nextUpdate refuses everybody."},
    [MTO_CLIENT_CERTIFICATE_UNREGISTERED] =
        {"client_certificate_unregistered", 401, "invalid_client", CLIENT_TEXT,
         "The client is registered for self_signed_tls_client_auth, and its certificate is none of those registered "
         "for "
         "it.",
         "After a certificate was renewed register the new one: x5c in the client's jwks, or "
         "MTLSOAuthClientCertificateFile. The key alone is not enough (RFC 8705 section 2.2)."},
};

static_assert(sizeof rows / sizeof rows[0] == MTO_REFUSAL_COUNT, "every refusal has a row");

const mto_refusal_row_t *mto_refusal_row(mto_refusal_t refusal)
{
    return &rows[(unsigned)refusal < MTO_REFUSAL_COUNT ? refusal : MTO_TOKEN_MALFORMED];
}

const char *mto_binding_word(mto_binding_t binding)
{
    static const char *const words[] = {NULL, "unbound", "bound", "bound-forwarded", "unchecked"};
    return words[binding];
}

mto_refusal_t mto_verdict_refuse(mto_verdict_t *verdict, mto_refusal_t refusal, const char *format, ...)
{
    va_list arguments;

    if (verdict->refusal != MTO_ADMITTED) {
        return verdict->refusal;
    }
    verdict->refusal = refusal;
    va_start(arguments, format);
    (void)vsnprintf(verdict->detail, sizeof verdict->detail, format, arguments);
    va_end(arguments);
    return refusal;
}

mto_refusal_t mto_verdict_mind_memory(mto_verdict_t *verdict)
{
    if (verdict->refusal != MTO_ADMITTED && errno == ENOMEM) {
        verdict->refusal = MTO_MEMORY_UNAVAILABLE;
        (void)snprintf(verdict->detail, sizeof verdict->detail, "memory ran out");
    }
    return verdict->refusal;
}
