/* httpd -t -D DUMP_MTLS_OAUTH: the finished policies of every server, in the words of the directives, how old
 * their keys and files are, and what is probably wrong. */
#ifndef MTO_DUMP_H
#define MTO_DUMP_H

#include <httpd.h>

/* Prints to standard output when that name is defined. */
void mto_dump(apr_pool_t *pool, server_rec *main_server);

#endif
