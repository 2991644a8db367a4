#include "core/json.h"
#include "io/introspect_private.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- Flights ------------------------------------------------------------------------------------------------------ */

static void flight_free(mto_flight_t *flight)
{
    if (flight->token != NULL) {
        OPENSSL_cleanse(flight->token, flight->length);
    }
    free(flight->token);
    free(flight->json);
    (void)pthread_cond_destroy(&flight->landed);
    free(flight);
}

void mto_flight_release(mto_flight_t *flight)
{
    if (--flight->references == 0) {
        flight_free(flight);
    }
}

mto_flight_t *mto_flight_create(mto_introspector_t *introspector, const mto_question_t *question,
                                const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, apr_time_t now)
{
    mto_flight_t      *flight = calloc(1, sizeof *flight);
    pthread_condattr_t attributes;

    if (flight == NULL || (flight->token = malloc(question->length + 1)) == NULL) {
        free(flight);
        return NULL;
    }
    memcpy(flight->token, question->text, question->length);
    flight->length = question->length;
    flight->introspector = introspector;
    flight->asker = question->asker;
    memcpy(flight->id, id, sizeof flight->id);
    memcpy(flight->url, url, strlen(url) + 1);
    flight->begun = now;
    flight->references = 1;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&flight->landed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return flight;
}

mto_flight_t *mto_flight_find(const mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE])
{
    mto_flight_t *flight = introspector->flights;

    while (flight != NULL && memcmp(flight->id, id, sizeof flight->id) != 0) {
        flight = flight->next;
    }
    return flight;
}

int mto_flight_is_slow(const mto_introspector_t *introspector, const mto_asker_t *asker, apr_time_t now)
{
    const mto_flight_t *flight;

    for (flight = introspector->flights; flight != NULL; flight = flight->next) {
        if (flight->asker == asker && now - flight->begun > MTO_ANSWER_GRACE) {
            return 1;
        }
    }
    return 0;
}

/* --- Landing ------------------------------------------------------------------------------------------------------ */

/* Whether a status tells of the issuer or of our place there, and not of this token. */
static int blames_issuer(long status)
{
    return status == 401 || status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

/* Why an exchange brought no answer; NULL: it brought one. *counts: whether the issuer is to blame. */
static const char *fault_of(const mto_fetched_t *fetched, char text[MTO_FAULT_SIZE], int *counts)
{
    const char *reason;
    json_t     *object;

    if (fetched->error != NULL) {
        *counts = !fetched->too_large;
        return fetched->error;
    }
    if (fetched->status != 200) {
        *counts = blames_issuer(fetched->status);
        (void)snprintf(text, MTO_FAULT_SIZE, "HTTP status %ld", fetched->status);
        return text;
    }
    *counts = 0;
    object = mto_json_read_object(fetched->body, fetched->size, &reason);
    if (object == NULL) {
        (void)snprintf(text, MTO_FAULT_SIZE, "the answer is %s", reason);
        return text;
    }
    json_decref(object);
    return NULL;
}

/* Ends a flight: json, which it takes over, or fault. */
static void land(mto_flight_t *flight, char *json, size_t size, const char *fault, int counts)
{
    mto_introspector_t *introspector = flight->introspector;
    char                text[MTO_INTROSPECTION_URL_SIZE + 300];
    mto_flight_t      **link;
    apr_time_t          now = apr_time_now();
    int                 tells = 0, worse = json == NULL;

    (void)pthread_mutex_lock(&introspector->lock);
    for (link = &introspector->flights; *link != flight; link = &(*link)->next) {
    }
    *link = flight->next;
    introspector->count--;
    if (json != NULL || !counts) {
        tells = mto_circuit_close(&flight->asker->circuit);
        (void)snprintf(text, sizeof text, "introspection at %s: it answers again", flight->url);
    }
    else if ((tells = mto_circuit_count(&flight->asker->circuit, now)) != 0) {
        (void)snprintf(text, sizeof text, "introspection at %s: %s; nobody asks it for %ld s", flight->url, fault,
                       (long)apr_time_sec(flight->asker->circuit.pause));
    }
    flight->json = json;
    flight->size = size;
    flight->answered = now;
    if (json == NULL) {
        (void)snprintf(flight->fault, sizeof flight->fault, "%s", fault);
    }
    flight->stage = MTO_FLIGHT_LANDED;
    (void)pthread_cond_broadcast(&flight->landed);
    mto_flight_release(flight);
    (void)pthread_mutex_unlock(&introspector->lock);
    if (tells) {
        introspector->say(introspector->baton, worse ? MTO_SAYS_WARNING : MTO_SAYS_INFO, text);
    }
}

static void took_answer(void *baton, const mto_fetched_t *fetched)
{
    char        text[MTO_FAULT_SIZE];
    int         counts;
    const char *fault = fault_of(fetched, text, &counts);
    char       *json = fault == NULL ? malloc(fetched->size + 1) : NULL;

    if (json != NULL) {
        memcpy(json, fetched->body, fetched->size + 1);
    }
    land(baton, json, fetched->size, fault != NULL ? fault : "out of memory", counts);
}

/* Sends a flight off. */
static void start(mto_introspector_t *introspector, mto_flight_t *flight)
{
    mto_asker_request_t request;
    mto_post_t          post;
    mto_outgoing_t      outgoing;
    const char         *refused = mto_fetch_refused_url(flight->url), *fault = "the request cannot be made";
    int                 started = 0;

    if (refused == NULL
        && mto_asker_request(flight->asker, &request, flight->token, flight->length, introspector->say,
                             introspector->baton)) {
        post.body = request.body;
        post.size = request.size;
        post.headers = request.headers;
        outgoing = mto_asker_outgoing(flight->asker);
        started = mto_fetcher_post(introspector->fetcher, flight->url, &outgoing, &post, MTO_ANSWER_SIZE, took_answer,
                                   flight);
    }
    if (refused == NULL) {
        mto_asker_request_clear(&request);
    }
    if (!started) {
        land(flight, NULL, 0, refused != NULL ? refused : fault, 1);
    }
}

void mto_introspector_step(mto_introspector_t *introspector)
{
    mto_flight_t *flight;

    for (;;) {
        (void)pthread_mutex_lock(&introspector->lock);
        flight = introspector->flights;
        while (flight != NULL && flight->stage != MTO_FLIGHT_WANTED) {
            flight = flight->next;
        }
        if (flight != NULL) {
            flight->stage = MTO_FLIGHT_UNDER_WAY;
        }
        (void)pthread_mutex_unlock(&introspector->lock);
        if (flight == NULL) {
            return;
        }
        start(introspector, flight);
    }
}
