/* The files that the finished configuration is made of, and that are read again when they change. */
#ifndef MTO_FILES_H
#define MTO_FILES_H

#include "io/key_source.h"

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <httpd.h>

typedef struct {
    const char *directive; /* that names it */
    const char *name;
    apr_time_t  modified;  /* 0: it is not there any more */
    int         is_secret; /* or goes with a secret: root alone may read it */
} mto_named_file_t;

/* All of them (mto_named_file_t), each once a directive, the last modified first. After mto_servers_finish. */
apr_array_header_t *mto_files_list(const server_rec *main_server, apr_pool_t *pool);

/* When the last of a local source's files was modified; 0: there is none any more. */
apr_time_t mto_source_modified(const mto_key_source_t *source);

/* When a file was modified; 0: there is none, or none that can be seen. */
apr_time_t mto_file_modified(const char *name);

#endif
