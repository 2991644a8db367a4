/* What is counted, and where: the slots of every server's issuers in memory that outlives graceful restarts. */
#ifndef MTO_COUNTING_H
#define MTO_COUNTING_H

#include "httpd/answer.h"
#include "httpd/servers.h"
#include "io/counters.h"

#include <httpd.h>

/* Of what a slot is. */
typedef enum {
    MTO_COUNTED_ISSUER,  /* an issuer of a server */
    MTO_COUNTED_SERVER,  /* requests of a server whose issuer is not known: no token, an unknown one */
    MTO_COUNTED_CLIENTS, /* AuthType TLS-Client-Auth at a server */
    MTO_COUNTED_OTHERS,  /* all that found no slot of its own */
} mto_counted_kind_t;

/* One slot of the configuration in force. */
typedef struct {
    mto_counted_kind_t        kind;
    const mto_counter_slot_t *slot;
    const char               *server; /* name and port */
    const mto_issuer_t       *issuer; /* of MTO_COUNTED_ISSUER; else NULL */
} mto_counted_t;

/* Finds or makes the memory, and in it the slots of all servers. For post_config's second pass. Where no memory can be
 * shared each process counts for itself, after a warning. */
void mto_counting_prepare(server_rec *main_server);

/* The counters, the slots (mto_counted_t) in the order of the configuration, and whether all processes share them. */
const mto_counters_t     *mto_counting_counters(void);
const apr_array_header_t *mto_counting_slots(void);
int                       mto_counting_is_shared(void);

/* Counts a refusal, once a top-level request. */
void mto_counting_refused(request_rec *r, const mto_exchange_t *exchange, mto_refusal_t refusal);

/* Counts an admitted request, once, when nothing stands before its handler any more. Hook fixups; always DECLINED. */
int mto_counting_admitted(request_rec *r);

/* Tells the others what the token caches of this process hold and have seen, and notes the histories where that is due.
 * One thread a process, about once a second. */
void mto_counting_tell(server_rec *main_server);

/* Tells for the last time. When that thread has ended. */
void mto_counting_leave(server_rec *main_server);

#endif
