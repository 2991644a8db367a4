#include "asking.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- The issuer ---------------------------------------------------------------------------------------------------
 */

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

const char *with_status(const char *status, const char *body)
{
    return support_text("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, (int)strlen(body),
                        body);
}

/* --- A process that asks ------------------------------------------------------------------------------------------
 */

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

void process_begin(process_t *process, const char *method)
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

void process_end_with(process_t *process, const pthread_t *waits)
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

void process_end(process_t *process)
{
    process_end_with(process, NULL);
}

mto_refusal_t ask(process_t *process, const char *token, mto_verdict_t *why)
{
    mto_question_t question = {process->asker, process->policy, NULL, token, strlen(token), process->most};
    mto_token_t   *proven;
    mto_refusal_t  refusal = mto_introspect(&proven, process->introspector, &question, why);

    assert_true((proven != NULL) == (refusal == MTO_ADMITTED));
    mto_token_release(proven);
    return refusal;
}

void asks(process_t *process, const char *token, mto_refusal_t wanted)
{
    mto_verdict_t why = MTO_VERDICT_INIT;

    support_assert_refusal(ask(process, token, &why), wanted, &why);
}
