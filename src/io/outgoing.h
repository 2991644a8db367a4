/* The files for going out: trusted CAs, our certificate and its key, read by whoever starts the server and read again
 * when they change. */
#ifndef MTO_OUTGOING_H
#define MTO_OUTGOING_H

#include "io/fetch.h"
#include "io/key_source.h"
#include "io/watched_file.h"

/* Zero-initialised it holds nothing. One thread at a time. */
typedef struct {
    mto_watched_file_t files[3]; /* CA, certificate, key; name NULL: none */
    char              *texts[3];
} mto_outgoing_files_t;

/* Reads the files that settings name; these must outlive *files. Returns NULL, or what is wrong, from pool, naming
 * directive, file and remedy. *files is mto_outgoing_files_clear's to free in either case. */
const char *mto_outgoing_files_read(mto_outgoing_files_t *files, const mto_source_settings_t *settings,
                                    apr_pool_t *pool);

/* Reads those again that changed. Returns NULL, or what is wrong with *file, whose former text stays. */
const char *mto_outgoing_files_reread(mto_outgoing_files_t *files, const char **file);

/* How to go out by these files and settings; borrows from both. */
mto_outgoing_t mto_outgoing_of(const mto_outgoing_files_t *files, const mto_source_settings_t *settings);

void mto_outgoing_files_clear(mto_outgoing_files_t *files);

#endif
