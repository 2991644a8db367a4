/* fetch: what an exchange is bounded by (DESIGN section 7, "Outgoing"). The other side is a server of this program on
 * 127.0.0.1. */
#include "support.h"

#include "io/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- The server --------------------------------------------------------------------------------------------- */

/* How a server answers. */
enum { ANSWERS, HANGS, DRIPS };

typedef struct {
    int         listener, stop[2], port, manner;
    const char *answer;
    pthread_t   thread;
    atomic_int  connections;
    char        request[2000]; /* the last; read it once the server has stopped */
} server_t;

/* Waits for something to read, or for the end; returns whether there is something. */
static int wait_for(const server_t *server, int descriptor, int milliseconds)
{
    struct pollfd polled[2] = {{server->stop[0], POLLIN, 0}, {descriptor, POLLIN, 0}};

    return poll(polled, descriptor >= 0 ? 2 : 1, milliseconds) > 0 && polled[0].revents == 0;
}

static void serve_one(server_t *server, int connection)
{
    size_t  used = 0, i, size = strlen(server->answer);
    ssize_t got;

    while (strstr(server->request, "\r\n\r\n") == NULL && wait_for(server, connection, 3000)) {
        got = recv(connection, server->request + used, sizeof server->request - 1 - used, 0);
        if (got <= 0) {
            return;
        }
        used += (size_t)got;
        server->request[used] = '\0';
    }
    if (server->manner == HANGS) {
        (void)wait_for(server, -1, -1);
        return;
    }
    if (server->manner == ANSWERS) {
        (void)send(connection, server->answer, size, MSG_NOSIGNAL);
        return;
    }
    for (i = 0; i < size && send(connection, server->answer + i, 1, MSG_NOSIGNAL) == 1; i++) {
        struct pollfd stop = {server->stop[0], POLLIN, 0};

        if (poll(&stop, 1, 100) != 0) {
            return;
        }
    }
}

static void *serve(void *data)
{
    server_t *server = data;
    int       connection;

    while (wait_for(server, server->listener, -1)) {
        connection = accept(server->listener, NULL, NULL);
        atomic_fetch_add(&server->connections, 1);
        server->request[0] = '\0';
        serve_one(server, connection);
        (void)shutdown(connection, SHUT_WR);
        (void)close(connection);
    }
    return NULL;
}

static void start(server_t *server, int manner, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t          size = sizeof address;

    memset(server, 0, sizeof *server);
    server->manner = manner;
    server->answer = answer;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(server_t *server)
{
    assert_int_equal(write(server->stop[1], "", 1), 1);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    (void)close(server->stop[0]);
    (void)close(server->stop[1]);
    (void)close(server->listener);
}

static const char *url_of(const server_t *server)
{
    return support_text("http://127.0.0.1:%d/jwks", server->port);
}

/* --- Exchanges ---------------------------------------------------------------------------------------------- */

typedef struct {
    int         calls, has_error;
    long        status;
    size_t      size;
    const char *body;
} came_t;

static void note(void *baton, const mto_fetched_t *fetched)
{
    came_t *came = baton;

    came->calls++;
    came->has_error = fetched->error != NULL;
    came->status = fetched->status;
    came->size = fetched->size;
    came->body = support_text("%s", fetched->body);
}

/* Runs until there were so many calls, for at most that many seconds; how long it took. */
static apr_interval_time_t run(mto_fetcher_t *fetcher, const came_t *came, int calls, int seconds)
{
    apr_time_t start_of_run = apr_time_now(), now = start_of_run;

    while (came->calls < calls && now - start_of_run < apr_time_from_sec(seconds)) {
        mto_fetcher_run(fetcher, APR_USEC_PER_SEC / 20);
        now = apr_time_now();
    }
    return now - start_of_run;
}

/* One exchange from beginning to end. */
static came_t fetch(const char *url, const char *proxy, size_t cap, apr_interval_time_t *took)
{
    mto_outgoing_t outgoing = {.proxy = proxy, .timeout = APR_USEC_PER_SEC};
    mto_fetcher_t *fetcher = mto_fetcher_create();
    came_t         came = {0};

    assert_int_equal(mto_fetcher_get(fetcher, url, &outgoing, cap, note, &came), 1);
    assert_int_equal(came.calls, 0); /* not before it runs */
    *took = run(fetcher, &came, 1, 5);
    mto_fetcher_run(fetcher, 0);
    mto_fetcher_destroy(fetcher);
    assert_int_equal(came.calls, 1);
    return came;
}

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

typedef struct {
    const char *name;
    const char *answer;
    size_t      cap;
    long        status; /* 0: an error */
    const char *body;
} answer_t;

static const answer_t answers[] = {
    {"200", OK "Content-Length: 5\r\n\r\nhello", 100, 200, "hello"},
    {"200 until the end", OK "\r\nhello", 100, 200, "hello"},
    {"200 in chunks", CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 100, 200, "hello"},
    {"200 without a body", OK "Content-Length: 0\r\n\r\n", 100, 200, ""},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", 100, 200, "hello"},
    {"404", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 100, 404, "gone"},
    {"500", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 100, 500, ""},
    {"401", "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n", 100, 401, ""},
    {"302 is not followed", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 4\r\n\r\nmove",
     100, 302, "move"},
    {"307 is not followed", "HTTP/1.1 307 Temporary\r\nLocation: https://as.invalid/\r\nContent-Length: 0\r\n\r\n", 100,
     307, ""},
    {"as large as may be", OK "Content-Length: 5\r\n\r\nhello", 5, 200, "hello"},
    {"as large as may be, until the end", OK "\r\nhello", 5, 200, "hello"},
    {"as large as may be, in chunks", CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5, 200, "hello"},
    {"empty, where nothing may be", OK "Content-Length: 0\r\n\r\n", 0, 200, ""},
    {"a byte too large", OK "Content-Length: 5\r\n\r\nhello", 4, 0, NULL},
    {"a byte too large, until the end", OK "\r\nhello", 4, 0, NULL},
    {"a byte too large, in chunks", CHUNKED "4\r\nhell\r\n1\r\no\r\n0\r\n\r\n", 4, 0, NULL},
    {"a byte, where nothing may be", OK "Content-Length: 1\r\n\r\na", 0, 0, NULL},
    {"a 404 too large", "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello", 4, 0, NULL},
    {"cut short", OK "Content-Length: 10\r\n\r\nhello", 100, 0, NULL},
    {"cut short in chunks", CHUNKED "5\r\nhello\r\n", 100, 0, NULL},
    {"nothing", "", 100, 0, NULL},
    {"not HTTP", "hello", 100, 0, NULL},
    {"compressed bytes are left as they are", OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 100, 200,
     "hello"},
};

static void answer_comes_back(const void *data)
{
    const answer_t     *row = data;
    apr_interval_time_t took;
    server_t            server;
    came_t              came;

    start(&server, ANSWERS, row->answer);
    came = fetch(url_of(&server), NULL, row->cap, &took);
    stop(&server);
    assert_int_equal(came.has_error, row->status == 0);
    assert_int_equal(atomic_load(&server.connections), 1); /* no redirect, no second try */
    if (row->status != 0) {
        assert_int_equal(came.status, row->status);
        assert_string_equal(came.body, row->body);
        assert_int_equal(came.size, strlen(row->body));
    }
}

static void check_timeout(int manner)
{
    apr_interval_time_t took;
    server_t            server;
    came_t              came;

    start(&server, manner, OK "Content-Length: 5\r\n\r\nhello");
    came = fetch(url_of(&server), NULL, 100, &took);
    stop(&server);
    assert_int_equal(came.has_error, 1);
    assert_in_range(took, APR_USEC_PER_SEC * 8 / 10, APR_USEC_PER_SEC * 2);
}

static void silent_server_ends_in_time(const void *unused)
{
    (void)unused;
    check_timeout(HANGS);
}

/* The time is for the whole exchange: a byte now and then does not prolong it. */
static void slow_server_ends_in_time(const void *unused)
{
    (void)unused;
    check_timeout(DRIPS);
}

static void refused_connection_is_an_error(const void *unused)
{
    apr_interval_time_t took;
    server_t            server;

    (void)unused;
    start(&server, ANSWERS, "");
    stop(&server);
    assert_int_equal(fetch(url_of(&server), NULL, 100, &took).has_error, 1);
    assert_true(took < APR_USEC_PER_SEC);
}

static void hanging_exchange_does_not_delay_another(const void *unused)
{
    mto_outgoing_t      outgoing = {.timeout = apr_time_from_sec(30)};
    mto_fetcher_t      *fetcher = mto_fetcher_create();
    came_t              first = {0}, second = {0};
    apr_interval_time_t took;
    server_t            hanging, good;

    (void)unused;
    start(&hanging, HANGS, "");
    start(&good, ANSWERS, OK "Content-Length: 5\r\n\r\nhello");
    assert_int_equal(mto_fetcher_get(fetcher, url_of(&hanging), &outgoing, 100, note, &first), 1);
    assert_int_equal(mto_fetcher_get(fetcher, url_of(&good), &outgoing, 100, note, &second), 1);
    took = run(fetcher, &second, 1, 5);
    mto_fetcher_destroy(fetcher);
    stop(&hanging);
    stop(&good);
    assert_true(took < APR_USEC_PER_SEC);
    assert_int_equal(second.calls, 1);
    assert_string_equal(second.body, "hello");
    assert_int_equal(first.calls, 0); /* destroyed with it under way, and not called back */
}

typedef struct {
    mto_fetcher_t *fetcher;
    const char    *url;
    came_t         came;
} chain_t;

static void start_the_next(void *baton, const mto_fetched_t *fetched)
{
    mto_outgoing_t outgoing = {.timeout = APR_USEC_PER_SEC};
    chain_t       *chain = baton;

    note(&chain->came, fetched);
    if (chain->came.calls < 3) {
        (void)mto_fetcher_get(chain->fetcher, chain->url, &outgoing, 100, start_the_next, chain);
    }
}

static void callback_may_start_the_next(const void *unused)
{
    mto_outgoing_t outgoing = {.timeout = APR_USEC_PER_SEC};
    server_t       server;
    chain_t        chain = {mto_fetcher_create(), NULL, {0}};

    (void)unused;
    start(&server, ANSWERS, OK "Connection: close\r\nContent-Length: 5\r\n\r\nhello");
    chain.url = url_of(&server);
    assert_int_equal(mto_fetcher_get(chain.fetcher, chain.url, &outgoing, 100, start_the_next, &chain), 1);
    (void)run(chain.fetcher, &chain.came, 3, 5);
    mto_fetcher_destroy(chain.fetcher);
    stop(&server);
    assert_int_equal(chain.came.calls, 3);
    assert_int_equal(chain.came.has_error, 0);
    assert_int_equal(atomic_load(&server.connections), 3);
}

/* --- Waiting ------------------------------------------------------------------------------------------------ */

static void *wake_soon(void *fetcher)
{
    (void)usleep(100000);
    mto_fetcher_wake(fetcher);
    return NULL;
}

static void wake_ends_a_wait(const void *unused)
{
    mto_fetcher_t *fetcher = mto_fetcher_create();
    apr_time_t     began = apr_time_now();
    pthread_t      thread;

    (void)unused;
    mto_fetcher_run(fetcher, APR_USEC_PER_SEC / 10); /* lasts that long by itself */
    assert_in_range(apr_time_now() - began, APR_USEC_PER_SEC / 11, APR_USEC_PER_SEC * 4);
    began = apr_time_now();
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, fetcher), 0);
    mto_fetcher_run(fetcher, apr_time_from_sec(5));
    assert_int_equal(pthread_join(thread, NULL), 0);
    mto_fetcher_wake(fetcher); /* before the wait */
    mto_fetcher_run(fetcher, apr_time_from_sec(5));
    assert_in_range(apr_time_now() - began, APR_USEC_PER_SEC / 11, APR_USEC_PER_SEC * 4);
    mto_fetcher_destroy(fetcher);
    mto_fetcher_destroy(NULL);
}

/* --- The environment ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *url;     /* NULL: the server's */
    int         named;   /* whether the configuration names the proxy */
    const char *request; /* how what the proxy gets begins; NULL: nothing */
} proxied_t;

static const proxied_t proxieds[] = {
    {"none named, loopback", NULL, 0, NULL},
    {"none named, https", "https://localhost:1/jwks", 0, NULL},
    {"one named, loopback", NULL, 1, NULL},
    {"one named, https to loopback", "https://127.0.0.1:1/jwks", 1, NULL},
    {"one named, https", "https://as.invalid/jwks", 1, "CONNECT as.invalid:443 HTTP/1.1\r\n"},
    {"one named, https to an exception of the environment", "https://except.invalid/jwks", 1,
     "CONNECT except.invalid:443 HTTP/1.1\r\n"},
};

static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",  "HTTP_PROXY",  "no_proxy",    "NO_PROXY"};

static void environment_is_ignored(const void *data)
{
    static const char   netrc[] = "machine 127.0.0.1 login a password b\ndefault login a password b\n";
    const proxied_t    *row = data;
    const char         *named;
    apr_interval_time_t took;
    server_t            server, proxy;
    came_t              came;
    size_t              i;

    start(&server, ANSWERS, OK "Content-Length: 5\r\n\r\nhello");
    start(&proxy, ANSWERS, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    named = support_text("http://127.0.0.1:%d", proxy.port);
    for (i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        assert_int_equal(setenv(variables[i], i < 6 ? named : "except.invalid", 1), 0);
    }
    support_write(support_path(".netrc"), netrc, sizeof netrc - 1);
    assert_int_equal(setenv("HOME", support_path(""), 1), 0);
    came = fetch(row->url != NULL ? row->url : url_of(&server), row->named ? named : NULL, 100, &took);
    for (i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        assert_int_equal(unsetenv(variables[i]), 0);
    }
    stop(&server);
    stop(&proxy);
    assert_int_equal(came.has_error, row->url != NULL); /* nobody answers for those */
    assert_int_equal(atomic_load(&proxy.connections), row->request != NULL);
    if (row->request != NULL) {
        assert_memory_equal(proxy.request, row->request, strlen(row->request));
    }
    if (row->url == NULL) {
        assert_memory_equal(server.request, "GET /jwks HTTP/1.1\r\n", 20);
        assert_null(strcasestr(server.request, "Authorization:"));
    }
}

int main(void)
{
    int failed;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    support_table("DESIGN section 7, answers", answer_comes_back, TABLE(answers));
    support_case("a server that never answers: the exchange ends in time", silent_server_ends_in_time);
    support_case("a server that answers too slowly: the exchange ends in time", slow_server_ends_in_time);
    support_case("a refused connection is an error", refused_connection_is_an_error);
    support_case("DESIGN section 7, one that hangs does not delay another", hanging_exchange_does_not_delay_another);
    support_case("a callback may start the next exchange", callback_may_start_the_next);
    support_case("waking ends a wait", wake_ends_a_wait);
    support_table("DESIGN section 7, nothing from the environment", environment_is_ignored, TABLE(proxieds));
    failed = support_run("fetch");
    curl_global_cleanup();
    return failed;
}
