/* What the parts of the dump share: lines in the words of the directives, indented as in a section. */
#ifndef MTO_DUMP_PRIVATE_H
#define MTO_DUMP_PRIVATE_H

#include "httpd/servers.h"
#include "io/state_file.h"

#include <httpd.h>

typedef struct {
    apr_file_t       *out;
    server_rec       *main_server;
    mto_state_place_t place;    /* where fetched keys are kept */
    const char       *no_place; /* why nothing of it can be read; NULL: it can */
} mto_dump_t;

/* A directive and its value; a text of NULL prints nothing. */
void mto_dump_text(apr_file_t *out, const char *directive, const char *value);
void mto_dump_time(apr_file_t *out, const char *directive, apr_interval_time_t time);

/* How the server goes out. */
void mto_dump_outgoing(apr_file_t *out, const mto_source_settings_t *settings);

/* Where the keys of an issuer come from, which there are, and how old they are. */
void mto_dump_keys(const mto_dump_t *dump, const mto_issuer_t *issuer);

/* Reads what was fetched last for a remote source. Returns 0 with the reason why there is nothing to show. *state is
 * mto_state_clear's to free in either case. */
int mto_dump_read_state(const mto_dump_t *dump, const mto_issuer_t *issuer, mto_state_t *state, const char **reason);

#endif
