/* What introspect.c, whose requests wait for answers, and flight.c, which goes for them, share. */
#ifndef MTO_INTROSPECT_PRIVATE_H
#define MTO_INTROSPECT_PRIVATE_H

#include "io/asker_private.h"
#include "io/introspect.h"

#include <pthread.h>

#define MTO_FAULT_SIZE 120

typedef enum { MTO_FLIGHT_WANTED, MTO_FLIGHT_UNDER_WAY, MTO_FLIGHT_LANDED } mto_flight_stage_t;

/* One question on its way to an issuer and back. */
typedef struct mto_flight_t {
    struct mto_flight_t *next; /* among those that have not landed */
    mto_introspector_t  *introspector;
    mto_asker_t         *asker;
    unsigned char        id[MTO_ANSWER_ID_SIZE];
    char                *token;
    size_t               length;
    char                 url[MTO_INTROSPECTION_URL_SIZE];
    apr_time_t           begun;
    /* -------- under the lock */
    mto_flight_stage_t stage;
    unsigned           references; /* requests that wait, and the list */
    pthread_cond_t     landed;
    char              *json; /* NULL: fault says why */
    size_t             size;
    apr_time_t         answered;
    char               fault[MTO_FAULT_SIZE];
} mto_flight_t;

typedef struct {
    unsigned char id[MTO_ANSWER_ID_SIZE];
    apr_time_t    until;
} mto_inactive_t;

struct mto_introspector_t {
    mto_fetcher_t              *fetcher;
    const mto_shared_answers_t *shared;
    mto_says_fn                *say;
    void                       *baton;
    pthread_mutex_t             lock; /* guards what follows, flights and circuits */
    mto_flight_t               *flights;
    unsigned                    count;
    int                         closed;
    mto_inactive_t              inactive[MTO_INACTIVE_TOKENS];
};

/* A question for that token and URL, with one reference; NULL when out of memory. */
mto_flight_t *mto_flight_create(mto_introspector_t *introspector, const mto_question_t *question,
                                const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, apr_time_t now);

/* Drops a reference; the last one frees. Under the lock. */
void mto_flight_release(mto_flight_t *flight);

/* The flight about a token that has not landed; NULL: there is none. Under the lock. */
mto_flight_t *mto_flight_find(const mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE]);

/* Whether an issuer that was asked a while ago has not answered yet. Under the lock. */
int mto_flight_is_slow(const mto_introspector_t *introspector, const mto_asker_t *asker, apr_time_t now);

#endif
