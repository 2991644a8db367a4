/* What introspection_client.c, which makes requests, introspect.c and flight.c, which have them answered, share. */
#ifndef MTO_ASKER_PRIVATE_H
#define MTO_ASKER_PRIVATE_H

#include "io/circuit.h"
#include "io/introspection_client.h"
#include "io/watched_file.h"

struct mto_asker_t {
    const mto_asker_settings_t *settings;
    mto_keystore_t             *store;
    unsigned char               identity[MTO_ASKER_IDENTITY_SIZE];
    /* -------- only the thread that goes out */
    mto_outgoing_files_t outgoing;
    mto_watched_file_t   secret_file;
    char                 secret[MTO_CLIENT_SECRET_SIZE + 1];
    mto_circuit_t        circuit; /* under the lock of the introspector */
};

#endif
