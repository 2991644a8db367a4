/* What is allowed and probably not meant: warnings at start, and one at the first request that shows it. */
#ifndef MTO_CHECKS_H
#define MTO_CHECKS_H

#include <httpd.h>

/* Adds to each server's warnings, each once, what directives.md lists under DUMP_MTLS_OAUTH. After mto_servers_finish,
 * while the configuration tree is there. */
void mto_checks_collect(apr_pool_t *pool, server_rec *main_server);

/* Warns once a process and place when a request under this module's AuthType is served without having been
 * authenticated, since no Require line asked for a user. Two of many places may count as one. Hook of the fixups phase;
 * always DECLINED. */
int mto_checks_unprotected(request_rec *r);

#endif
