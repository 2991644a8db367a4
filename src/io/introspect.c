#include "io/introspect.h"

#include "core/json.h"
#include "io/asker_private.h"
#include "io/waiting.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAULT_SIZE 120

typedef enum { WANTED, UNDER_WAY, LANDED } stage_t;

/* One question on its way to an issuer and back. */
typedef struct flight_t {
    struct flight_t    *next; /* among those that have not landed */
    mto_introspector_t *introspector;
    mto_asker_t        *asker;
    unsigned char       id[MTO_ANSWER_ID_SIZE];
    char               *token;
    size_t              length;
    char                url[MTO_INTROSPECTION_URL_SIZE];
    apr_time_t          begun;
    /* -------- under the lock */
    stage_t        stage;
    unsigned       references; /* requests that wait, and the list */
    pthread_cond_t landed;
    char          *json; /* NULL: fault says why */
    size_t         size;
    apr_time_t     answered;
    char           fault[FAULT_SIZE];
} flight_t;

typedef struct {
    unsigned char id[MTO_ANSWER_ID_SIZE];
    apr_time_t    until;
} inactive_t;

struct mto_introspector_t {
    mto_fetcher_t              *fetcher;
    const mto_shared_answers_t *shared;
    mto_says_fn                *say;
    void                       *baton;
    pthread_mutex_t             lock; /* guards what follows, flights and circuits */
    flight_t                   *flights;
    unsigned                    count;
    int                         closed;
    inactive_t                  inactive[MTO_INACTIVE_TOKENS];
};

/* --- Flights ------------------------------------------------------------------------------------------------------ */

static void flight_free(flight_t *flight)
{
    if (flight->token != NULL) {
        OPENSSL_cleanse(flight->token, flight->length);
    }
    free(flight->token);
    free(flight->json);
    (void)pthread_cond_destroy(&flight->landed);
    free(flight);
}

/* Under the lock. */
static void flight_release(flight_t *flight)
{
    if (--flight->references == 0) {
        flight_free(flight);
    }
}

static flight_t *flight_create(mto_introspector_t *introspector, const mto_question_t *question,
                               const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, apr_time_t now)
{
    flight_t          *flight = calloc(1, sizeof *flight);
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

static flight_t *find_flight(const mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE])
{
    flight_t *flight = introspector->flights;

    while (flight != NULL && memcmp(flight->id, id, sizeof flight->id) != 0) {
        flight = flight->next;
    }
    return flight;
}

/* Whether an issuer that was asked a while ago has not answered yet. */
static int is_slow(const mto_introspector_t *introspector, const mto_asker_t *asker, apr_time_t now)
{
    const flight_t *flight;

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
    return status < 400 || status >= 500 || status == 401 || status == 403 || status == 404 || status == 405
           || status == 408 || status == 429;
}

/* Why an exchange brought no answer; NULL: it brought one. *counts: whether the issuer is to blame. */
static const char *fault_of(const mto_fetched_t *fetched, char text[FAULT_SIZE], int *counts)
{
    const char *reason;
    json_t     *object;

    *counts = 1;
    if (fetched->error != NULL) {
        return fetched->error;
    }
    if (fetched->status != 200) {
        *counts = blames_issuer(fetched->status);
        (void)snprintf(text, FAULT_SIZE, "HTTP status %ld", fetched->status);
        return text;
    }
    object = mto_json_read_object(fetched->body, fetched->size, &reason);
    if (object == NULL) {
        (void)snprintf(text, FAULT_SIZE, "the answer is %s", reason);
        return text;
    }
    json_decref(object);
    return NULL;
}

/* Ends a flight: json, which it takes over, or fault. */
static void land(flight_t *flight, char *json, size_t size, const char *fault, int counts)
{
    mto_introspector_t *introspector = flight->introspector;
    char                text[MTO_INTROSPECTION_URL_SIZE + 300];
    flight_t          **link;
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
    flight->stage = LANDED;
    (void)pthread_cond_broadcast(&flight->landed);
    flight_release(flight);
    (void)pthread_mutex_unlock(&introspector->lock);
    if (tells) {
        introspector->say(introspector->baton, worse ? MTO_SAYS_WARNING : MTO_SAYS_INFO, text);
    }
}

static void took_answer(void *baton, const mto_fetched_t *fetched)
{
    char        text[FAULT_SIZE];
    int         counts;
    const char *fault = fault_of(fetched, text, &counts);
    char       *json = fault == NULL ? malloc(fetched->size + 1) : NULL;

    if (json != NULL) {
        memcpy(json, fetched->body, fetched->size + 1);
    }
    land(baton, json, fetched->size, fault != NULL ? fault : "out of memory", counts);
}

/* Sends a flight off. */
static void start(mto_introspector_t *introspector, flight_t *flight)
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
    flight_t *flight;

    for (;;) {
        (void)pthread_mutex_lock(&introspector->lock);
        flight = introspector->flights;
        while (flight != NULL && flight->stage != WANTED) {
            flight = flight->next;
        }
        if (flight != NULL) {
            flight->stage = UNDER_WAY;
        }
        (void)pthread_mutex_unlock(&introspector->lock);
        if (flight == NULL) {
            return;
        }
        start(introspector, flight);
    }
}

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

static struct timespec in(apr_interval_time_t wait)
{
    struct timespec end;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += apr_time_sec(wait);
    end.tv_nsec += 1000 * (wait % APR_USEC_PER_SEC);
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    return end;
}

/* A flight about this token, with a reference of the caller; NULL after a refusal. Under the lock. */
static flight_t *board(mto_introspector_t *introspector, const mto_question_t *question,
                       const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, int has_place, mto_verdict_t *why)
{
    apr_time_t now = apr_time_now();
    flight_t  *flight = find_flight(introspector, id);

    if (introspector->closed) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "the process ends");
        return NULL;
    }
    if (!has_place && is_slow(introspector, question->asker, now)) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "too many requests wait");
        return NULL;
    }
    if (flight == NULL) {
        if (!mto_circuit_lets(&question->asker->circuit, now)) {
            mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "the issuer fails, and is left alone for a while");
            return NULL;
        }
        flight = introspector->count < MTO_FLIGHTS ? flight_create(introspector, question, id, url, now) : NULL;
        if (flight == NULL) {
            mto_circuit_forget(&question->asker->circuit);
            mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "too many questions are under way");
            return NULL;
        }
        flight->next = introspector->flights;
        introspector->flights = flight;
        introspector->count++;
        /* Under the lock, so that nobody wakes a fetcher that has been destroyed after mto_introspector_close. */
        mto_fetcher_wake(introspector->fetcher);
    }
    flight->references++;
    return flight;
}

/* Waits for an answer. Returns a flight that has landed with one, to be left with leave; NULL after a refusal. */
static flight_t *ask(mto_introspector_t *introspector, const mto_question_t *question,
                     const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, mto_verdict_t *why)
{
    int             has_place = mto_waiting_enter(question->most), status = 0;
    struct timespec end = in(has_place ? MTO_ANSWER_WAIT : MTO_ANSWER_GRACE);
    flight_t       *flight;

    (void)pthread_mutex_lock(&introspector->lock);
    flight = board(introspector, question, id, url, has_place, why);
    while (flight != NULL && flight->stage != LANDED && !introspector->closed && status != ETIMEDOUT) {
        status = pthread_cond_timedwait(&flight->landed, &introspector->lock, &end);
    }
    if (flight != NULL && flight->json == NULL) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "%s",
                           flight->stage == LANDED ? flight->fault : "no answer in time");
        flight_release(flight);
        flight = NULL;
    }
    (void)pthread_mutex_unlock(&introspector->lock);
    if (has_place) {
        mto_waiting_leave();
    }
    return flight;
}

static void leave(mto_introspector_t *introspector, flight_t *flight)
{
    (void)pthread_mutex_lock(&introspector->lock);
    flight_release(flight);
    (void)pthread_mutex_unlock(&introspector->lock);
}

/* --- What is known ------------------------------------------------------------------------------------------------ */

static int make_id(const mto_question_t *question, unsigned char id[MTO_ANSWER_ID_SIZE])
{
    unsigned char both[MTO_ASKER_IDENTITY_SIZE + 32];

    memcpy(both, mto_asker_identity(question->asker), MTO_ASKER_IDENTITY_SIZE);
    return EVP_Digest(question->text, question->length, both + MTO_ASKER_IDENTITY_SIZE, NULL, EVP_sha256(), NULL) == 1
           && EVP_Digest(both, sizeof both, id, NULL, EVP_sha256(), NULL) == 1;
}

/* The one place that a token may have among the inactive ones. */
static inactive_t *inactive_at(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE])
{
    return &introspector->inactive[(id[0] << 8 | id[1]) % MTO_INACTIVE_TOKENS];
}

static int is_known_inactive(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE],
                             apr_time_t now)
{
    const inactive_t *place = inactive_at(introspector, id);
    int               known;

    (void)pthread_mutex_lock(&introspector->lock);
    known =
        memcmp(place->id, id, MTO_ANSWER_ID_SIZE) == 0 && now < place->until && place->until - now <= MTO_INACTIVE_TIME;
    (void)pthread_mutex_unlock(&introspector->lock);
    return known;
}

static void know_inactive(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE],
                          apr_interval_time_t cache)
{
    inactive_t *place = inactive_at(introspector, id);

    (void)pthread_mutex_lock(&introspector->lock);
    memcpy(place->id, id, MTO_ANSWER_ID_SIZE);
    place->until = apr_time_now() + (cache < MTO_INACTIVE_TIME ? cache : MTO_INACTIVE_TIME);
    (void)pthread_mutex_unlock(&introspector->lock);
}

/* A token proven by an answer that others got, as long as it holds here too; NULL: none. */
static mto_token_t *prove_shared(const mto_introspector_t *introspector, const mto_question_t *question,
                                 const unsigned char id[MTO_ANSWER_ID_SIZE])
{
    const mto_shared_answers_t *shared = introspector->shared;
    mto_verdict_t               why = MTO_VERDICT_INIT;
    mto_token_t                *token = NULL;
    apr_time_t                  answered;
    char                       *json;
    size_t                      size;

    if (shared == NULL || (json = malloc(MTO_ANSWER_SIZE)) == NULL) {
        return NULL;
    }
    size = shared->get(shared->baton, id, json, MTO_ANSWER_SIZE, &answered);
    if (size > 0) {
        (void)mto_token_prove_answer(&token, json, size, question->jwt, question->policy, answered, &why);
    }
    free(json);
    if (token != NULL && !mto_token_holds(token, apr_time_now())) {
        mto_token_release(token);
        return NULL;
    }
    return token;
}

/* Remembers what an answer said, as far as the block lets it be remembered. */
static void remember(mto_introspector_t *introspector, const mto_question_t *question,
                     const unsigned char id[MTO_ANSWER_ID_SIZE], const flight_t *flight, const mto_token_t *token,
                     mto_refusal_t refusal)
{
    const mto_shared_answers_t *shared = introspector->shared;

    if (question->policy->introspection_cache == 0) {
        return;
    }
    if (refusal == MTO_TOKEN_INACTIVE) {
        know_inactive(introspector, id, question->policy->introspection_cache);
    }
    else if (token != NULL && shared != NULL && mto_token_holds(token, apr_time_now())) {
        shared->put(shared->baton, id, flight->json, flight->size, flight->answered, mto_token_answer_end(token));
    }
}

/* --- Outside ------------------------------------------------------------------------------------------------------ */

mto_introspector_t *mto_introspector_create(mto_fetcher_t *fetcher, const mto_shared_answers_t *shared,
                                            mto_says_fn *say, void *baton)
{
    mto_introspector_t *introspector = calloc(1, sizeof *introspector);

    if (introspector != NULL) {
        introspector->fetcher = fetcher;
        introspector->shared = shared;
        introspector->say = say;
        introspector->baton = baton;
        (void)pthread_mutex_init(&introspector->lock, NULL);
    }
    return introspector;
}

void mto_introspector_close(mto_introspector_t *introspector)
{
    flight_t *flight;

    (void)pthread_mutex_lock(&introspector->lock);
    introspector->closed = 1;
    while ((flight = introspector->flights) != NULL) {
        introspector->flights = flight->next;
        introspector->count--;
        (void)pthread_cond_broadcast(&flight->landed);
        flight_release(flight); /* nobody will land it */
    }
    (void)pthread_mutex_unlock(&introspector->lock);
}

/* Where to ask. The metadata may not have been seen yet: then it comes with the keys. */
static int find_url(const mto_question_t *question, char url[MTO_INTROSPECTION_URL_SIZE])
{
    mto_keyset_t *keys;

    if (mto_asker_url(question->asker, url)) {
        return 1;
    }
    if (question->asker->settings->uri != NULL) {
        return 0;
    }
    (void)mto_keystore_ask(question->asker->store, NULL, question->most, &keys);
    mto_keyset_release(keys);
    return mto_asker_url(question->asker, url);
}

mto_refusal_t mto_introspect(mto_token_t **out, mto_introspector_t *introspector, const mto_question_t *question,
                             mto_verdict_t *why)
{
    int           remembers = question->policy->introspection_cache != 0;
    unsigned char id[MTO_ANSWER_ID_SIZE];
    char          url[MTO_INTROSPECTION_URL_SIZE];
    mto_refusal_t refusal;
    flight_t     *flight;

    *out = NULL;
    if (!make_id(question, id)) {
        return mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "out of memory");
    }
    if (remembers && is_known_inactive(introspector, id, apr_time_now())) {
        return mto_verdict_refuse(why, MTO_TOKEN_INACTIVE, "the issuer said so less than 10 s ago");
    }
    if (remembers && (*out = prove_shared(introspector, question, id)) != NULL) {
        return MTO_ADMITTED;
    }
    if (!find_url(question, url)) {
        return mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE,
                                  "no introspection_endpoint of the issuer's metadata is known");
    }
    flight = ask(introspector, question, id, url, why);
    if (flight == NULL) {
        return why->refusal;
    }
    refusal =
        mto_token_prove_answer(out, flight->json, flight->size, question->jwt, question->policy, flight->answered, why);
    remember(introspector, question, id, flight, *out, refusal);
    leave(introspector, flight);
    return refusal;
}
