/* A process that asks an issuer about tokens, and that issuer, a server of the unit program on 127.0.0.1. */
#ifndef MTO_TEST_ASKING_H
#define MTO_TEST_ASKING_H

#include "io/introspect.h"

#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

#define ACTIVE "{\"active\":true,\"sub\":\"alice\",\"aud\":\"" AUDIENCE "\"}"
#define MINUTE apr_time_from_sec(60)

typedef struct {
    int                   listener, port;
    pthread_t             thread;
    atomic_int            stop, questions;
    _Atomic int           delay; /* milliseconds before an answer; -1: none comes */
    _Atomic(const char *) answer;
    char                  last[4000]; /* question; read it when its answer has come */
} issuer_t;

typedef struct {
    issuer_t             issuer;
    apr_pool_t          *pool;
    mto_key_source_t     source;
    mto_asker_settings_t settings;
    mto_asker_t         *asker;
    mto_policy_t        *policy;
    mto_fetcher_t       *fetcher;
    mto_introspector_t  *introspector;
    mto_shared_answers_t shared;
    pthread_t            thread;
    atomic_int           stop, told;
    unsigned             most;
    /* what the shared cache was asked, and has */
    atomic_int gets, puts;
    char       kept[1000];
    apr_time_t kept_answered, kept_end;
} process_t;

/* An HTTP answer that ends with its connection. */
const char *with_status(const char *status, const char *body);

/* Starts both. method: of mto_asker_methods. */
void process_begin(process_t *process, const char *method);

/* Ends both. waits: a request that still waits; NULL: none. */
void process_end_with(process_t *process, const pthread_t *waits);
void process_end(process_t *process);

/* Asks about a token. */
mto_refusal_t ask(process_t *process, const char *token, mto_verdict_t *why);

/* Asks about a token, of which that must come. */
void asks(process_t *process, const char *token, mto_refusal_t wanted);

#endif
