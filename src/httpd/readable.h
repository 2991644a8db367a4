/* Files that whoever starts the server can read, and the processes that serve requests cannot read again. */
#ifndef MTO_READABLE_H
#define MTO_READABLE_H

#include <httpd.h>

/* Adds to the main server's warnings, one for each file that decides who is let in and that httpd's User cannot read: a
 * change of it would be lost on the processes that run. A process of its own finds out, with the account that those
 * have, and has ended when this returns, within seconds. Nothing is done unless root starts the server. After
 * mto_servers_finish. */
void mto_readable_check(apr_pool_t *pool, server_rec *main_server);

#endif
