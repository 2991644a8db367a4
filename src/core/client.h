/* Registered OAuth clients: what each has said of itself, to be found by its client_id (RFC 8705 section 2). */
#ifndef MTO_CLIENT_H
#define MTO_CLIENT_H

#include "core/certificate.h"
#include "core/jwk.h"
#include "core/name.h"
#include "core/refusal.h"
#include "core/trust.h"

#include <apr_time.h>
#include <jansson.h>
#include <stddef.h>

/* Most bytes of a clients file, and of a client_id; most certificates registered for one client. */
#define MTO_CLIENTS_BYTES       (256 * 1024 * 1024)
#define MTO_CLIENT_ID_SIZE      512
#define MTO_CLIENT_CERTIFICATES 32

/* Bytes of a text that says why a registration was refused. */
#define MTO_CLIENT_REASON_SIZE 400

typedef enum {
    MTO_CLIENT_OTHER = 0,   /* another method than the two: not authenticated here */
    MTO_CLIENT_TLS,         /* tls_client_auth */
    MTO_CLIENT_SELF_SIGNED, /* self_signed_tls_client_auth */
} mto_client_method_t;

/* The method's name in token_endpoint_auth_method (RFC 8705 section 2), such as "tls_client_auth"; NULL for
 * MTO_CLIENT_OTHER. */
const char *mto_client_method_name(mto_client_method_t method);

/* What is registered of a client by hand, in a section of the configuration: texts, NULL where not given. */
typedef struct {
    const char     *id;
    mto_name_kind_t subject_kind;
    const char     *subject;     /* tls_client_auth: what the certificate's name must equal */
    const char     *certificate; /* self_signed_tls_client_auth: PEM text of one or more certificates, no chain, or */
    const char     *jwks;        /* the client's JWK Set with x5c members */
    const char     *key_id;      /* the only JWK of jwks that counts */
    void           *trust;       /* whatever the caller wants to find again: mto_client_t.trust */
} mto_registration_t;

/* A certificate that is registered for a client. */
typedef struct {
    unsigned char x5t[MTO_X5T_SIZE];        /* SHA-256 of its DER */
    unsigned char key[MTO_THUMBPRINT_SIZE]; /* RFC 7638 thumbprint of the JWK that it came with; has_key 0: none */
    int           has_key;
    const char   *kid; /* of that JWK; NULL: it has none */
} mto_registered_certificate_t;

/* A registered client, immutable. */
typedef struct {
    const char                         *id;
    mto_client_method_t                 method;
    const char                         *method_name; /* as registered; for the log */
    mto_name_kind_t                     subject_kind;
    const char                         *subject;      /* MTO_CLIENT_TLS */
    const mto_registered_certificate_t *certificates; /* MTO_CLIENT_SELF_SIGNED */
    unsigned                            certificate_count;
    void                               *trust; /* of mto_registration_t; NULL: the server's */
} mto_client_t;

typedef struct mto_clients mto_clients_t;

/* A new empty set with one reference, or NULL when out of memory. Fill it with the add functions; then it never changes
 * and may be shared by threads. */
mto_clients_t *mto_clients_create(void);

/* Adds the clients of a JSON array of client metadata (RFC 7591 section 2, RFC 8705 section 2.1.2): client_id must be
 * there, printable ASCII (RFC 6749 appendix A.1); without token_endpoint_auth_method it is client_secret_basic (RFC
 * 7591 section 2); tls_client_auth has exactly one tls_client_auth_* member; self_signed_tls_client_auth a jwks with at
 * least one x5c, not a jwks_uri alone, and may have self_signed_certificate_key_id, the kid of the only JWK that
 * counts (own decision). A member that is null is absent; others are ignored. Of a JWK with x5c the first certificate
 * and the key count; JWKs without x5c, of a type unknown here or not for signatures are left out; one with its private
 * part is an error. Returns 1, or 0 with what is wrong, and with whom, in reason; the set is then good for nothing but
 * release. Certificates are hashed, not parsed, and keys only hashed, so that 100,000 clients take less than 2 s. */
int mto_clients_add_json(mto_clients_t *clients, const char *json, size_t size, char reason[MTO_CLIENT_REASON_SIZE]);

/* Adds a client registered by hand, likewise. Exactly one of subject, certificate and jwks must be there; key_id only
 * beside jwks, and in it. Copies what it needs but trust. The reason does not name the client. */
int mto_clients_add(mto_clients_t *clients, const mto_registration_t *registration,
                    char reason[MTO_CLIENT_REASON_SIZE]);

/* Takes and drops a reference; the last one frees. NULL is allowed. Thread-safe. */
mto_clients_t *mto_clients_retain(mto_clients_t *clients);
void           mto_clients_release(mto_clients_t *clients);

/* A client that is registered for tls_client_auth and left no trust of its own; NULL: there is none. Before the set is
 * shared. */
const mto_client_t *mto_clients_without_trust(const mto_clients_t *clients);

size_t mto_clients_count(const mto_clients_t *clients);

/* The client with exactly this client_id (length bytes), borrowed; NULL: there is none. Constant time in their number.
 */
const mto_client_t *mto_clients_find(const mto_clients_t *clients, const char *id, size_t length);

#endif
