/* State files for the unit programs: written in places of this user, believed or refused. */
#ifndef MTO_TEST_STATES_H
#define MTO_TEST_STATES_H

#include "io/state_file.h"

#include "support.h"

#define JWKS "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}"

/* What most of them are of. */
extern const mto_key_source_t source;

/* The path of a directory that is not there yet. */
const char *fresh_path(void);

/* A place of this user with a key of its own. */
mto_state_place_t fresh_place(void);

/* A state of these keys, fetched NOW; borrows the text. */
mto_state_t state_of(const char *jwks);

void write_state(const mto_state_place_t *place, const mto_key_source_t *of, const char *jwks);

/* The one file of a directory beside its key. */
const char *file_of(const char *directory);

/* Fail the case unless what is kept of a source is these keys, or is refused; is_missing: because there is nothing. */
void assert_believed(const mto_state_place_t *place, const mto_key_source_t *of, const char *jwks);
void assert_refused(const mto_state_place_t *place, const mto_key_source_t *of, int is_missing);

#endif
