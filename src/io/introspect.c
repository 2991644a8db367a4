#include "io/introspect_private.h"
#include "io/waiting.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
static mto_flight_t *board(mto_introspector_t *introspector, const mto_question_t *question,
                           const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, int has_place,
                           mto_verdict_t *why)
{
    apr_time_t    now = apr_time_now();
    mto_flight_t *flight = mto_flight_find(introspector, id);

    if (introspector->closed) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "the process ends");
        return NULL;
    }
    if (!has_place && mto_flight_is_slow(introspector, question->asker, now)) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "too many requests wait");
        return NULL;
    }
    if (flight == NULL) {
        if (!mto_circuit_lets(&question->asker->circuit, now)) {
            mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "the issuer fails, and is left alone for a while");
            return NULL;
        }
        flight = introspector->count < MTO_FLIGHTS ? mto_flight_create(introspector, question, id, url, now) : NULL;
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
static mto_flight_t *ask(mto_introspector_t *introspector, const mto_question_t *question,
                         const unsigned char id[MTO_ANSWER_ID_SIZE], const char *url, mto_verdict_t *why)
{
    int             has_place = mto_waiting_enter(question->most), status = 0;
    struct timespec end = in(has_place ? MTO_ANSWER_WAIT : MTO_ANSWER_GRACE);
    mto_flight_t   *flight;

    (void)pthread_mutex_lock(&introspector->lock);
    flight = board(introspector, question, id, url, has_place, why);
    while (flight != NULL && flight->stage != MTO_FLIGHT_LANDED && !introspector->closed && status != ETIMEDOUT) {
        status = pthread_cond_timedwait(&flight->landed, &introspector->lock, &end);
    }
    if (flight != NULL && flight->json == NULL) {
        mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "%s",
                           flight->stage == MTO_FLIGHT_LANDED ? flight->fault : "no answer in time");
        mto_flight_release(flight);
        flight = NULL;
    }
    (void)pthread_mutex_unlock(&introspector->lock);
    if (has_place) {
        mto_waiting_leave();
    }
    return flight;
}

static void leave(mto_introspector_t *introspector, mto_flight_t *flight)
{
    (void)pthread_mutex_lock(&introspector->lock);
    mto_flight_release(flight);
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
static mto_inactive_t *inactive_at(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE])
{
    return &introspector->inactive[(id[0] << 8 | id[1]) % MTO_INACTIVE_TOKENS];
}

static int is_known_inactive(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE],
                             apr_time_t now)
{
    const mto_inactive_t *place = inactive_at(introspector, id);
    int                   known;

    (void)pthread_mutex_lock(&introspector->lock);
    known =
        memcmp(place->id, id, MTO_ANSWER_ID_SIZE) == 0 && now < place->until && place->until - now <= MTO_INACTIVE_TIME;
    (void)pthread_mutex_unlock(&introspector->lock);
    return known;
}

static void know_inactive(mto_introspector_t *introspector, const unsigned char id[MTO_ANSWER_ID_SIZE],
                          apr_interval_time_t cache)
{
    mto_inactive_t *place = inactive_at(introspector, id);

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
                     const unsigned char id[MTO_ANSWER_ID_SIZE], const mto_flight_t *flight, const mto_token_t *token,
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
    mto_flight_t *flight;

    (void)pthread_mutex_lock(&introspector->lock);
    introspector->closed = 1;
    while ((flight = introspector->flights) != NULL) {
        introspector->flights = flight->next;
        introspector->count--;
        (void)pthread_cond_broadcast(&flight->landed);
        mto_flight_release(flight); /* nobody will land it */
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
    mto_flight_t *flight;

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
