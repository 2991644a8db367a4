/* What keystore.c, which serves requests, renewal.c and attempt.c, which renew, share. */
#ifndef MTO_KEYSTORE_PRIVATE_H
#define MTO_KEYSTORE_PRIVATE_H

#include "io/keystore.h"
#include "io/outgoing.h"

#include <pthread.h>

struct mto_keystore_t {
    const mto_key_source_t *source;
    pthread_mutex_t         lock; /* guards what follows, up to the line */
    pthread_cond_t          changed;
    mto_keyset_t           *keys;    /* in force; NULL: none */
    apr_time_t              fetched; /* when; of a local source 0 */
    mto_issuer_metadata_t   metadata;
    uint64_t                ended;   /* attempts that were seen to end */
    _Atomic int             in_need; /* a request asks for an attempt */
    void (*wake)(void *baton);       /* the renewing thread; NULL: there is none */
    void *wake_baton;
    /* -------- only the renewing thread from here on; before it starts, whoever makes it */
    mto_lease_t           own;        /* where nothing is shared */
    mto_lease_t          *shared;     /* NULL: there is none */
    uint64_t              generation; /* of the set in force, by shared */
    uint64_t              shared_ended;
    apr_array_header_t   *files;         /* mto_watched_file_t: keys of a local source */
    unsigned char         jwks_hash[32]; /* SHA-256 of the document in force */
    int                   unwritable;    /* was told of */
    struct mto_attempt_t *attempt;       /* under way; NULL: none */
    mto_outgoing_files_t  outgoing;
};

/* The lease that holds for this process now. */
mto_lease_t *mto_keystore_lease(mto_keystore_t *store);

/* How often attempts of this source are made. */
mto_pace_t mto_keystore_pace(const mto_keystore_t *store);

/* Puts a set into force, taking over its reference, and what metadata holds, and tells those who wait. */
void mto_keystore_put(mto_keystore_t *store, mto_keyset_t *keys, apr_time_t fetched, mto_issuer_metadata_t *metadata);

/* Tells those who wait that an attempt has ended without a new set. */
void mto_keystore_tell(mto_keystore_t *store);

#endif
