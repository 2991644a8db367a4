/* The keys of one source as this process has them: a snapshot that requests take, and one thread that renews it
 * (renewal.h). */
#ifndef MTO_KEYSTORE_H
#define MTO_KEYSTORE_H

#include "core/keyset.h"
#include "io/key_source.h"
#include "io/lease.h"
#include "io/says.h"
#include "io/state_file.h"

#include <apr_pools.h>
#include <apr_time.h>

/* How long a request waits for keys, and a watched file or another process's work is looked for. */
#define MTO_KEYSTORE_WAIT apr_time_from_sec(2)

typedef struct mto_keystore_t mto_keystore_t;

/* What came of asking for newer keys. */
typedef enum {
    MTO_KEYS_NEWER,  /* there is another set than the one asked with */
    MTO_KEYS_SPOKEN, /* the set in force is fresh: the issuer has said which keys there are */
    MTO_KEYS_NONE,   /* no fresh set could be had */
} mto_keys_t;

/* A keystore of a source, which must outlive it. Reads the files that the source names: keys (those left out are told
 * to skipped), and certificates and key for going out; no network. Lives as long as pool. Returns NULL with *error,
 * from pool, naming directive, file and reason. */
mto_keystore_t *mto_keystore_create(const mto_key_source_t *source, mto_keyset_skipped_fn *skipped, void *baton,
                                    const char **error, apr_pool_t *pool);

const mto_key_source_t *mto_keystore_source(const mto_keystore_t *store);

/* The keys in force: a new reference, or NULL: none, or older than max_stale. Any thread. */
mto_keyset_t *mto_keystore_keys(mto_keystore_t *store, apr_time_t now);

/* How the keys of a source are, for the operator. */
typedef struct {
    mto_keyset_t *keys;                        /* in force, a reference of the caller's; NULL: none */
    int           is_local;                    /* from files: then there are no fetches */
    int           is_fetching;                 /* an attempt is under way */
    int           is_alone;                    /* not shared: what follows is of this process only */
    apr_time_t    fetched;                     /* when the set was; 0: of files, or none */
    apr_time_t    next_attempt;                /* by schedule; 0: at once */
    unsigned      failures;                    /* since the last success */
    uint64_t      went_well, went_wrong;       /* attempts so far */
    apr_time_t    went_well_at;                /* 0: none did since the start */
    apr_time_t    went_wrong_at;               /* the last that did; 0: none */
    char          error[MTO_SHARED_TEXT_SIZE]; /* what was wrong with it */
} mto_keys_report_t;

/* Tells how the keys are. Any thread. */
void mto_keystore_report(mto_keystore_t *store, apr_time_t now, mto_keys_report_t *report);

/* For a request whose token the set `keys` (NULL: none) cannot decide: has the keys renewed, when that may help, and
 * waits for it for at most MTO_KEYSTORE_WAIT; of `most` requests of this process that wait at once, for whatever
 * source. *newer: the set to try now, a new reference, when MTO_KEYS_NEWER is returned. */
mto_keys_t mto_keystore_ask(mto_keystore_t *store, const mto_keyset_t *keys, unsigned most, mto_keyset_t **newer);

/* The introspection endpoint of the issuer's metadata, for a client that authenticates by certificate the one of
 * mtls_endpoint_aliases if there is one (RFC 8705 section 5), into out[0..size). Returns 0: none is known. Any thread.
 */
int mto_keystore_introspection_endpoint(mto_keystore_t *store, int with_certificate, char *out, size_t size);

#endif
