/* Tokens, users, clients, certificates and keys that are refused whatever else is right about them: a list that an
 * operator keeps by hand or has kept by a script. */
#ifndef MTO_DENYLIST_H
#define MTO_DENYLIST_H

#include <stddef.h>

/* Most bytes of a list: about a million lines. */
#define MTO_DENYLIST_BYTES (64 * 1024 * 1024)

/* Bytes of a text that says why a list was refused. */
#define MTO_DENYLIST_REASON_SIZE 400

/* What a line denies. */
typedef enum {
    MTO_DENIED_JTI = 0, /* one token */
    MTO_DENIED_SUB,     /* all tokens of a subject */
    MTO_DENIED_CLIENT,  /* all tokens of an OAuth client */
    MTO_DENIED_X5T,     /* a client certificate: SHA-256 of its DER in base64url */
    MTO_DENIED_KID,     /* all tokens that were signed with a key */
    MTO_DENIED_KINDS
} mto_denied_kind_t;

typedef struct mto_denylist_t mto_denylist_t;

/* Reads text[0..size): lines of KIND:VALUE, then perhaps iss=ISSUER; comments from a # on, empty lines. A VALUE or
 * ISSUER with white space or a # in it stands in double quotes, in which a backslash precedes a quote or a backslash.
 * Returns the list with one reference, immutable from then on, or NULL with reason, which names the line. */
mto_denylist_t *mto_denylist_create(const char *text, size_t size, char reason[MTO_DENYLIST_REASON_SIZE]);

/* Takes and drops a reference; the last one frees. NULL is allowed. Thread-safe. */
mto_denylist_t *mto_denylist_retain(mto_denylist_t *list);
void            mto_denylist_release(mto_denylist_t *list);

/* Entries of the list. */
size_t mto_denylist_count(const mto_denylist_t *list);

/* The line that denies that value, compared byte for byte, to tokens of the block with this ISS and NAME (NULL: none);
 * 0: no line does. value NULL: 0. Constant time in the length of the list. */
unsigned long mto_denylist_find(const mto_denylist_t *list, mto_denied_kind_t kind, const char *value,
                                const char *issuer, const char *name);

/* The ISSUER of entry i, NULL: it has none. For whoever wants to know that each of them exists. */
const char *mto_denylist_issuer_at(const mto_denylist_t *list, size_t i);

/* The word that a line begins with: jti, sub, client, x5t, kid. */
const char *mto_denied_kind_word(mto_denied_kind_t kind);

#endif
