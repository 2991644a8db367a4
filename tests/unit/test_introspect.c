/* introspect: the question, who waits for its answer and how long, what is remembered (RFC 7662, DESIGN section 8). The
 * issuer is a server of this program on 127.0.0.1. */
#include "support.h"

#include "io/circuit.h"
#include "io/introspect.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACTIVE "{\"active\":true,\"sub\":\"alice\",\"aud\":\"" AUDIENCE "\"}"
#define MINUTE apr_time_from_sec(60)

/* --- The issuer ---------------------------------------------------------------------------------------------------
 */

typedef struct {
    int                   listener, port;
    pthread_t             thread;
    atomic_int            stop, questions;
    _Atomic int           delay; /* milliseconds before an answer; -1: none comes */
    _Atomic(const char *) answer;
    char                  last[4000]; /* question; read it when its answer has come */
} issuer_t;

static void answer_one(issuer_t *issuer, int connection)
{
    static const char length_field[] = "Content-Length: ";
    char              request[4000];
    size_t            used = 0, wanted = 0;
    const char       *answer, *field, *end;
    ssize_t           got;

    do {
        got = recv(connection, request + used, sizeof request - 1 - used, 0);
        if (got <= 0) {
            return;
        }
        used += (size_t)got;
        request[used] = '\0';
        end = strstr(request, "\r\n\r\n");
        field = strstr(request, length_field);
        wanted = end != NULL && field != NULL
                     ? (size_t)(end + 4 - request) + strtoul(field + sizeof length_field - 1, NULL, 10)
                     : sizeof request;
    } while (used < wanted);
    memcpy(issuer->last, request, used + 1);
    atomic_fetch_add(&issuer->questions, 1);
    while (atomic_load(&issuer->delay) < 0 && !atomic_load(&issuer->stop)) {
        (void)usleep(10000);
    }
    (void)usleep((useconds_t)(atomic_load(&issuer->delay) > 0 ? 1000 * atomic_load(&issuer->delay) : 0));
    answer = atomic_load(&issuer->answer);
    (void)send(connection, answer, strlen(answer), MSG_NOSIGNAL);
    (void)shutdown(connection, SHUT_WR);
}

static void *serve(void *data)
{
    issuer_t *issuer = data;

    for (;;) {
        int connection = accept(issuer->listener, NULL, NULL);

        if (atomic_load(&issuer->stop)) {
            (void)close(connection);
            return NULL;
        }
        answer_one(issuer, connection);
        (void)close(connection);
    }
}

/* An HTTP answer that ends with its connection. */
static const char *with_status(const char *status, const char *body)
{
    return support_text("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, (int)strlen(body),
                        body);
}

/* --- A process that asks ------------------------------------------------------------------------------------------
 */

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

static void count_tell(void *baton, mto_says_t grave, const char *text)
{
    (void)grave;
    (void)text;
    atomic_fetch_add(&((process_t *)baton)->told, 1);
}

static size_t get(void *baton, const unsigned char id[MTO_ANSWER_ID_SIZE], char *json, size_t room,
                  apr_time_t *answered)
{
    process_t *process = baton;
    size_t     size = strlen(process->kept);

    (void)id;
    atomic_fetch_add(&process->gets, 1);
    assert_true(size <= room);
    memcpy(json, process->kept, size);
    *answered = process->kept_answered;
    return size;
}

static void put(void *baton, const unsigned char id[MTO_ANSWER_ID_SIZE], const char *json, size_t size,
                apr_time_t answered, apr_time_t end)
{
    process_t *process = baton;

    (void)id;
    atomic_fetch_add(&process->puts, 1);
    (void)snprintf(process->kept, sizeof process->kept, "%.*s", (int)size, json);
    process->kept_answered = answered;
    process->kept_end = end;
}

static void *go_out(void *data)
{
    process_t *process = data;

    while (!atomic_load(&process->stop)) {
        mto_introspector_step(process->introspector);
        mto_fetcher_run(process->fetcher, APR_USEC_PER_SEC / 20);
    }
    return NULL;
}

static void start_issuer(issuer_t *issuer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t          size = sizeof address;

    atomic_store(&issuer->answer, with_status("200 OK", ACTIVE));
    issuer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(issuer->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(issuer->listener, 64), 0);
    assert_int_equal(getsockname(issuer->listener, (struct sockaddr *)&address, &size), 0);
    issuer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&issuer->thread, NULL, serve, issuer), 0);
}

/* method: of mto_asker_methods. */
static void begin(process_t *process, const char *method)
{
    const char *error = NULL;

    memset(process, 0, sizeof *process);
    start_issuer(&process->issuer);
    assert_int_equal(apr_pool_create(&process->pool, NULL), APR_SUCCESS);
    support_write(support_path("secret"), "s&cret\n", 7);
    process->source.issuer = ISSUER;
    process->source.jwks_uri = "https://as.example/jwks";
    process->source.settings = mto_source_settings_default();
    process->settings.issuer = ISSUER;
    process->settings.client_id = "r s";
    process->settings.uri = support_text("http://127.0.0.1:%d/introspect", process->issuer.port);
    process->settings.secret_file = support_path("secret");
    process->settings.outgoing = process->source.settings;
    process->settings.outgoing.timeout = apr_time_from_sec(4);
    process->settings.method = mto_asker_methods;
    while (strcmp(process->settings.method->word, method) != 0) {
        process->settings.method++;
    }
    process->asker =
        mto_asker_create(&process->settings, mto_keystore_create(&process->source, NULL, NULL, &error, process->pool),
                         &error, process->pool);
    assert_null(error);
    process->policy = support_policy();
    process->policy->introspection_cache = MINUTE;
    process->most = 4;
    process->shared = (mto_shared_answers_t){get, put, process};
    process->fetcher = mto_fetcher_create();
    process->introspector = mto_introspector_create(process->fetcher, &process->shared, count_tell, process);
    assert_int_equal(pthread_create(&process->thread, NULL, go_out, process), 0);
}

/* waits: a request that still waits; NULL: none. */
static void end_with(process_t *process, const pthread_t *waits)
{
    int                last;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)process->issuer.port)};

    atomic_store(&process->stop, 1);
    mto_fetcher_wake(process->fetcher);
    assert_int_equal(pthread_join(process->thread, NULL), 0);
    mto_introspector_close(process->introspector);
    mto_fetcher_destroy(process->fetcher);
    atomic_store(&process->issuer.stop, 1);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    last = socket(AF_INET, SOCK_STREAM, 0);
    (void)connect(last, (struct sockaddr *)&address, sizeof address);
    assert_int_equal(pthread_join(process->issuer.thread, NULL), 0);
    (void)close(last);
    (void)close(process->issuer.listener);
    if (waits != NULL) {
        assert_int_equal(pthread_join(*waits, NULL), 0);
    }
    free(process->introspector);
    apr_pool_destroy(process->pool);
}

static void end(process_t *process)
{
    end_with(process, NULL);
}

static mto_refusal_t ask(process_t *process, const char *token, mto_verdict_t *why)
{
    mto_question_t question = {process->asker, process->policy, NULL, token, strlen(token), process->most};
    mto_token_t   *proven;
    mto_refusal_t  refusal = mto_introspect(&proven, process->introspector, &question, why);

    assert_true((proven != NULL) == (refusal == MTO_ADMITTED));
    mto_token_release(proven);
    return refusal;
}

static void asks(process_t *process, const char *token, mto_refusal_t wanted)
{
    mto_verdict_t why = MTO_VERDICT_INIT;

    support_assert_refusal(ask(process, token, &why), wanted, &why);
}

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

    begin(&process, row->name);
    asks(&process, "a+b/=", MTO_ADMITTED);
    end(&process);
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

    begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status(row->status, row->body));
    asks(&process, "token", row->refusal);
    end(&process);
    assert_int_equal(atomic_load(&process.issuer.questions), 1);
}

/* --- What is remembered --------------------------------------------------------------------------------------------
 */

static void shared_answer_saves_the_question(const void *unused)
{
    process_t process;

    (void)unused;
    begin(&process, "client_secret_basic");
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
    end(&process);
}

static void off_remembers_nothing(const void *unused)
{
    process_t process;

    (void)unused;
    begin(&process, "client_secret_basic");
    process.policy->introspection_cache = 0;
    asks(&process, "token", MTO_ADMITTED);
    asks(&process, "token", MTO_ADMITTED);
    atomic_store(&process.issuer.answer, with_status("200 OK", "{\"active\":false}"));
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    end(&process);
    assert_int_equal(atomic_load(&process.issuer.questions), 4);
    assert_int_equal(atomic_load(&process.gets) + atomic_load(&process.puts), 0);
}

static void inactive_is_remembered(const void *unused)
{
    process_t process;

    (void)unused;
    begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("200 OK", "{\"active\":false}"));
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "token", MTO_TOKEN_INACTIVE);
    asks(&process, "other", MTO_TOKEN_INACTIVE);
    end(&process);
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
    begin(&process, "client_secret_basic");
    process.policy->introspection_cache = 0;
    atomic_store(&process.issuer.delay, 100);
    ask_at_once(&process, requests, 1);
    end(&process);
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
    begin(&process, "client_secret_basic");
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
    end(&process);
}

static void end_sends_waiting_away(const void *unused)
{
    process_t process;
    request_t one = {&process, "token", MTO_ADMITTED, 0};
    pthread_t thread;

    (void)unused;
    begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.delay, -1);
    assert_int_equal(pthread_create(&thread, NULL, request, &one), 0);
    while (atomic_load(&process.issuer.questions) == 0) {
        (void)usleep(1000);
    }
    end_with(&process, &thread);
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
    begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("500 No", ""));
    for (i = 0; i < 20; i++) {
        asks(&process, "token", MTO_INTROSPECTION_UNAVAILABLE);
    }
    assert_int_equal(atomic_load(&process.issuer.questions), MTO_CIRCUIT_FAILURES);
    is_told(&process, 1);
    (void)usleep((useconds_t)MTO_CIRCUIT_PAUSE + 50000);
    atomic_store(&process.issuer.answer, with_status("200 OK", ACTIVE));
    asks(&process, "token", MTO_ADMITTED);
    asks(&process, "another", MTO_ADMITTED);
    end(&process);
    assert_int_equal(atomic_load(&process.told), 2);
}

static void bad_tokens_lock_nobody_out(const void *unused)
{
    process_t process;
    int       i;

    (void)unused;
    begin(&process, "client_secret_basic");
    atomic_store(&process.issuer.answer, with_status("400 Bad", "{\"error\":\"invalid_request\"}"));
    for (i = 0; i < 3 * MTO_CIRCUIT_FAILURES; i++) {
        asks(&process, "token", MTO_INTROSPECTION_UNAVAILABLE);
    }
    atomic_store(&process.issuer.answer, with_status("200 OK", ACTIVE));
    asks(&process, "token", MTO_ADMITTED);
    end(&process);
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
