/* The last good key set of a source on disk: for the other processes, and for the next start. Sealed, so that nothing
 * that this installation did not write is ever believed. */
#ifndef MTO_STATE_FILE_H
#define MTO_STATE_FILE_H

#include "core/issuer_metadata.h"
#include "io/key_source.h"

#include <apr_time.h>
#include <stddef.h>

#define MTO_STATE_KEY_SIZE 32

/* Where state is kept. */
typedef struct {
    const char   *directory; /* NULL: nowhere */
    unsigned char key[MTO_STATE_KEY_SIZE];
} mto_state_place_t;

/* What is kept of a source. Zero-initialised it holds nothing. */
typedef struct {
    apr_time_t            fetched;
    char                 *jwks; /* the document as it came, NUL-terminated */
    size_t                jwks_size;
    mto_issuer_metadata_t metadata; /* of a source that is not a bare jwks_uri */
} mto_state_t;

/* Writes the state of a source beside its place and renames it there. Returns NULL or why not. */
const char *mto_state_write(const mto_state_place_t *place, const mto_key_source_t *source, const mto_state_t *state);

/* Reads it back. Returns NULL, or why there is nothing to believe: *missing says whether there just is no file.
 * Refused: a link, too large, a wrong seal, of another source, from after now. *state is mto_state_clear's to free in
 * either case. */
const char *mto_state_read(mto_state_t *state, const mto_state_place_t *place, const mto_key_source_t *source,
                           apr_time_t now, int *missing);

void mto_state_clear(mto_state_t *state);

/* Makes the directory, 0700 and the children's (user and group; left alone when not root), and the key in it, which
 * only who starts the server can read. Returns NULL with the place filled, or why not, in strerror's words or a static
 * text. */
const char *mto_state_place_make(mto_state_place_t *place, const char *directory, unsigned user, unsigned group);

/* The place that an earlier start made, for who only looks into it. Returns NULL with the place filled, or why not. */
const char *mto_state_place_find(mto_state_place_t *place, const char *directory);

#endif
