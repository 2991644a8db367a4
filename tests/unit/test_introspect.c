/* introspect: the question, who waits for its answer and how long, what is remembered (RFC 7662, DESIGN section 8). */
#include "asking.h"

#include "io/circuit.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- The question --------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *name, *wanted[2], *unwanted;
} method_row_t;

static const method_row_t methods[] = {
    {"client_secret_basic",
     {"\r\nAuthorization: Basic ciUyMHM6cyUyNmNyZXQ=\r\n", "\r\n\r\ntoken=a%2Bb%2F%3D&token_type_hint=access_token"},
     "client_id"},
    {"client_secret_post",
     {"\r\nContent-Type: application/x-www-form-urlencoded\r\n",
      "\r\n\r\ntoken=a%2Bb%2F%3D&token_type_hint=access_token&client_id=r%20s&client_secret=s%26cret"},
     "Authorization"},
    {"tls_client_auth",
     {"POST /introspect HTTP/1.1\r\n", "\r\n\r\ntoken=a%2Bb%2F%3D&token_type_hint=access_token&client_id=r%20s"},
     "secret"},
    {"self_signed_tls_client_auth",
     {"\r\nAccept: application/json\r\n", "\r\n\r\ntoken=a%2Bb%2F%3D&token_type_hint=access_token&client_id=r%20s"},
     "Authorization"},
};

static void question_is_a_form(const void *data)
{
    const method_row_t *row = data;
    process_t           process;

    process_begin(&process, row->name);
    asks(&process, "a+b/=", MTO_ADMITTED);
    process_end(&process);
    assert_non_null(strstr(process.issuer.last, row->wanted[0]));
    assert_non_null(strstr(process.issuer.last, row->wanted[1]));
    assert_null(strstr(process.issuer.last, row->unwanted));
    assert_null(strstr(process.issuer.last, "Expect"));
}

/* --- The answer ----------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char   *name, *status, *body;
    mto_refusal_t refusal;
} answer_row_t;

static const answer_row_t answers[] = {
    {"active", "200 OK", ACTIVE, MTO_ADMITTED},
    {"not active", "200 OK", "{\"active\":false}", MTO_TOKEN_INACTIVE},
    {"no JSON", "200 OK", "<html>", MTO_INTROSPECTION_UNAVAILABLE},
    {"an array", "200 OK", "[]", MTO_INTROSPECTION_UNAVAILABLE},
    {"nothing", "200 OK", "", MTO_INTROSPECTION_UNAVAILABLE},
    {"created", "201 Created", ACTIVE, MTO_INTROSPECTION_UNAVAILABLE},
    {"elsewhere", "302 Found", ACTIVE, MTO_INTROSPECTION_UNAVAILABLE},
    {"bad request", "400 Bad", ACTIVE, MTO_INTROSPECTION_UNAVAILABLE},
    {"not for us", "401 No", ACTIVE, MTO_INTROSPECTION_UNAVAILABLE},
    {"out of order", "500 No", ACTIVE, MTO_INTROSPECTION_UNAVAILABLE},
};

static void answer_decides(const void *data)
{
    const answer_row_t *row = data;
    process_t           process;

    process_begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status(row->status, row->body));
    asks(&process, "token", row->refusal);
    process_end(&process);
    assert_int_equal(atomic_load(&process.issuer.questions), 1);
}

/* --- What is remembered --------------------------------------------------------------------------------------------
 */

static void shared_answer_saves_the_question(const void *unused)
{
    process_t process;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    asks(&process, "token", MTO_ADMITTED);
    assert_int_equal(atomic_load(&process.puts), 1);
    assert_string_equal(process.kept, ACTIVE);
    assert_true(process.kept_end == process.kept_answered + MINUTE);
    asks(&process, "token", MTO_ADMITTED);
    assert_int_equal(atomic_load(&process.issuer.questions), 1);
    /* What holds no longer here, what is not active, what is no answer: the issuer is asked. */
    process.kept_answered -= MINUTE;
    asks(&process, "token", MTO_ADMITTED);
    (void)snprintf(process.kept, sizeof process.kept, "{\"active\":false}");
    asks(&process, "token", MTO_ADMITTED);
    (void)snprintf(process.kept, sizeof process.kept, "rubbish");
    asks(&process, "token", MTO_ADMITTED);
    assert_int_equal(atomic_load(&process.issuer.questions), 4);
    /* From what is the future here: the clocks differ, and nobody knows by how much. */
    process.kept_answered = apr_time_now() + 2 * MTO_CLOCK_SKEW_MOST;
    asks(&process, "token", MTO_ADMITTED);
    assert_int_equal(atomic_load(&process.issuer.questions), 5);
    process_end(&process);
}

static void off_remembers_nothing(const void *unused)
{
    process_t process;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    process.policy->introspection_cache = 0;
    asks(&process, "token", MTO_ADMITTED);
    asks(&process, "token", MTO_ADMITTED);
    atomic_store(&process.issuer.answer, with_status("200 OK", "{\"active\":false}"));
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    process_end(&process);
    assert_int_equal(atomic_load(&process.issuer.questions), 4);
    assert_int_equal(atomic_load(&process.gets) + atomic_load(&process.puts), 0);
}

static void inactive_is_remembered(const void *unused)
{
    process_t process;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("200 OK", "{\"active\":false}"));
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "other", MTO_TOKEN_INACTIVE);
    process_end(&process);
    assert_int_equal(atomic_load(&process.issuer.questions), 2);
    assert_int_equal(atomic_load(&process.puts), 0);
}

/* --- Waiting --------------------------------------------------------------------------------------------------------
 */

typedef struct {
    process_t          *process;
    const char         *token;
    mto_refusal_t       refusal;
    apr_interval_time_t took;
} request_t;

static void *request(void *data)
{
    request_t    *one = data;
    mto_verdict_t why = MTO_VERDICT_INIT;
    apr_time_t    begun = apr_time_now();

    one->refusal = ask(one->process, one->token, &why);
    one->took = apr_time_now() - begun;
    return NULL;
}

#define REQUESTS 8

static void ask_at_once(process_t *process, request_t requests[REQUESTS], int same)
{
    pthread_t threads[REQUESTS];
    int       i;

    for (i = 0; i < REQUESTS; i++) {
        requests[i].process = process;
        requests[i].token = same ? "token" : support_text("token-%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, request, &requests[i]), 0);
    }
    for (i = 0; i < REQUESTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void one_question_a_token(const void *unused)
{
    process_t process;
    request_t requests[REQUESTS];
    int       i;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    process.policy->introspection_cache = 0;
    atomic_store(&process.issuer.delay, 100);
    ask_at_once(&process, requests, 1);
    process_end(&process);
    for (i = 0; i < REQUESTS; i++) {
        assert_int_equal(requests[i].refusal, MTO_ADMITTED);
    }
    /* One, or two when a thread came late. */
    assert_in_range(atomic_load(&process.issuer.questions), 1, 2);
}

static void waiting_is_bounded(const void *unused)
{
    process_t process;
    request_t requests[REQUESTS];
    int       i, long_waits = 0;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    process.most = 2;
    atomic_store(&process.issuer.delay, -1);
    ask_at_once(&process, requests, 0);
    for (i = 0; i < REQUESTS; i++) {
        assert_int_equal(requests[i].refusal, MTO_INTROSPECTION_UNAVAILABLE);
        assert_true(requests[i].took < MTO_ANSWER_WAIT + APR_USEC_PER_SEC);
        long_waits += requests[i].took > MTO_ANSWER_WAIT - APR_USEC_PER_SEC / 2;
    }
    assert_int_equal(long_waits, 2);
    atomic_store(&process.issuer.delay, 0);
    process_end(&process);
}

static void end_sends_waiting_away(const void *unused)
{
    process_t process;
    request_t one = {&process, "token", MTO_ADMITTED, 0};
    pthread_t thread;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.delay, -1);
    assert_int_equal(pthread_create(&thread, NULL, request, &one), 0);
    while (atomic_load(&process.issuer.questions) == 0) {
        (void)usleep(1000);
    }
    process_end_with(&process, &thread);
    assert_int_equal(one.refusal, MTO_INTROSPECTION_UNAVAILABLE);
    assert_true(one.took < MTO_ANSWER_WAIT - APR_USEC_PER_SEC / 4);
}

/* What is told comes a moment after who waited was served. */
static void is_told(process_t *process, int times)
{
    int i;

    for (i = 0; i < 100 && atomic_load(&process->told) < times; i++) {
        (void)usleep(10000);
    }
    assert_int_equal(atomic_load(&process->told), times);
}

/* --- An issuer that fails ------------------------------------------------------------------------------------------
 */

static void failing_issuer_is_left_alone(const void *unused)
{
    process_t process;
    int       i;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("503 No", ""));
    for (i = 0; i < 20; i++) {
        asks(&process, "token", MTO_INTROSPECTION_UNAVAILABLE);
    }
    assert_int_equal(atomic_load(&process.issuer.questions), MTO_CIRCUIT_FAILURES);
    is_told(&process, 1);
    (void)usleep((useconds_t)MTO_CIRCUIT_PAUSE + 50000);
    atomic_store(&process.issuer.answer, with_status("200 OK", ACTIVE));
    asks(&process, "token", MTO_ADMITTED);
    asks(&process, "another", MTO_ADMITTED);
    process_end(&process);
    assert_int_equal(atomic_load(&process.told), 2);
}

static void bad_tokens_lock_nobody_out(const void *unused)
{
    process_t process;
    int       i;

    (void)unused;
    process_begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("400 Bad", "{\"error\":\"invalid_request\"}"));
    for (i = 0; i < 3 * MTO_CIRCUIT_FAILURES; i++) {
        asks(&process, "token", MTO_INTROSPECTION_UNAVAILABLE);
    }
    atomic_store(&process.issuer.answer, with_status("200 OK", ACTIVE));
    asks(&process, "token", MTO_ADMITTED);
    process_end(&process);
    assert_int_equal(atomic_load(&process.told), 0);
}

int main(void)
{
    int code;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    support_table("RFC 7662 section 2.1, RFC 6749 section 2.3.1", question_is_a_form, TABLE(methods));
    support_table("RFC 7662 section 2.2, the answer", answer_decides, TABLE(answers));
    support_case("a shared answer saves the question", shared_answer_saves_the_question);
    support_case("off remembers nothing", off_remembers_nothing);
    support_case("not active is remembered", inactive_is_remembered);
    support_case("one question a token at a time", one_question_a_token);
    support_case("DESIGN section 4, waiting is bounded", waiting_is_bounded);
    support_case("the end of a process sends those who wait away", end_sends_waiting_away);
    support_case("issue 6, a failing issuer is left alone", failing_issuer_is_left_alone);
    support_case("what is wrong with one token opens no circuit", bad_tokens_lock_nobody_out);
    code = support_run("introspect");
    curl_global_cleanup();
    return code;
}
