/* load: kept-alive HTTPS requests to servers on this machine, each connection with a client certificate and each
 * request with the next of some tokens. Several servers are asked in turns, so that whatever else the machine does
 * meets all of them alike.
 *
 *   load -p PORT[,PORT...] -H HOST -u PATH -c CERTIFICATE-AND-KEY.pem [-t TOKENS] [-w WARM] [-n REQUESTS | -s SECONDS]
 *        [-j CONNECTIONS] [-b ROW] [-d MICROSECONDS] [-r] [-o]
 *
 * TOKENS: a file with one token a line. Opens CONNECTIONS to each server, asks each WARM times, prints "ready", and
 * begins when it reads a line. Then it asks each server REQUESTS times, and prints for each one a line of JSON:
 * requests, seconds, latencies in microseconds, how often each status came. It hangs up when it reads another line.
 * Exit code 1 when a connection or a request fails, 2 for a wrong option.
 *
 * -b: so many requests in a row before it is the next server's turn, 1 unless said. A server that is asked once in a
 * while finds the processor's caches as another one left them, which a server under load does not.
 *
 * -d: each connection rests so long after a request. -o: one request a connection. -r: servers may end connections and
 * processes, as clients must expect (RFC 9112 section 9.3.1): a request on a connection that was used before, and that
 * ended before any byte of the answer, is sent again on a new one. "again" is how often; "lost" how many requests
 * failed in any other way, and count as no status. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MOST     4
#define CONNECTIONS_MOST 64
#define REQUESTS_MOST    4000000
#define ANSWER_SIZE      16384
#define LOST_REST        10000 /* microseconds */
#define PATIENCE         20    /* seconds without a byte, then the server hangs */

typedef struct {
    char  *text;
    size_t size;
} request_t;

typedef struct {
    int           port;
    float        *latencies; /* in microseconds, by number of the request */
    atomic_size_t statuses[600];
    atomic_size_t again, lost;
} server_t;

/* What is asked, the same for all connections. */
static struct {
    int         connections;
    size_t      requests, warm; /* of each server; requests at most */
    size_t      row;            /* requests before it is the next server's turn */
    double      seconds;        /* at most */
    useconds_t  rest;           /* after each request */
    int         resilient, once;
    const char *host, *path, *certificate, *tokens_file;
    SSL_CTX    *tls;
    request_t  *texts;
    size_t      text_count;
} plan = {.row = 1, .connections = 4, .requests = 1000, .seconds = 1e9, .host = "localhost", .path = "/"};

static server_t          servers[SERVERS_MOST];
static int               server_count;
static atomic_size_t     taken;  /* requests that have begun, of each server */
static atomic_int        failed; /* something went wrong: all stop */
static pthread_barrier_t ready, begin, end;
static double            began; /* in microseconds */

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void fail(const char *what)
{
    if (plan.resilient) {
        ERR_clear_error();
    }
    else if (atomic_exchange(&failed, 1) == 0) {
        perror(what);
        ERR_print_errors_fp(stderr);
    }
}

/* --- What is sent ------------------------------------------------------------------------------------------------- */

/* Requests are written before the clock starts: here it is the server that is measured. token: NULL for none. */
static int add_request(const char *token)
{
    request_t *texts = realloc(plan.texts, (plan.text_count + 1) * sizeof *texts), *one;
    size_t     size = strlen(plan.path) + strlen(plan.host) + (token != NULL ? strlen(token) : 0) + 100;

    if (texts == NULL) {
        return 0;
    }
    plan.texts = texts;
    one = &texts[plan.text_count];
    one->text = malloc(size);
    if (one->text == NULL) {
        return 0;
    }
    one->size = (size_t)snprintf(one->text, size, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", plan.path, plan.host,
                                 token != NULL ? "Authorization: Bearer " : "", token != NULL ? token : "",
                                 token != NULL ? "\r\n" : "");
    plan.text_count++;
    return 1;
}

static int read_tokens(const char *name)
{
    FILE *file = fopen(name, "r");
    char  line[17000];
    int   ok = file != NULL;

    while (ok && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        ok = add_request(line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return ok && plan.text_count > 0;
}

/* --- A connection ------------------------------------------------------------------------------------------------- */

static SSL *dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval     patience = {PATIENCE, 0};
    int                fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    SSL               *tls = SSL_new(plan.tls);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* never a server of somebody else */
    if (fd < 0 || tls == NULL || connect(fd, (struct sockaddr *)&address, sizeof address) != 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 || SSL_set_fd(tls, fd) != 1
        || SSL_set_tlsext_host_name(tls, plan.host) != 1 || SSL_connect(tls) != 1) {
        fail("connect");
        SSL_free(tls);
        if (fd >= 0) {
            (void)close(fd);
        }
        return NULL;
    }
    return tls;
}

static void hang_up(SSL *tls)
{
    if (tls != NULL) {
        int fd = SSL_get_fd(tls);

        SSL_free(tls);
        (void)close(fd);
    }
}

/* Reads one answer with a Content-Length. Returns its status, 0 when there is none, -1 when nothing came at all;
 * *closing: the server ends it. */
static int read_answer(SSL *tls, int *closing)
{
    char        buffer[ANSWER_SIZE];
    const char *line, *body = NULL;
    long        expected = 0, more;
    int         size = 0, got;

    while (body == NULL && size < ANSWER_SIZE - 1) {
        got = SSL_read(tls, buffer + size, ANSWER_SIZE - 1 - size);
        if (got <= 0) {
            return size == 0 ? -1 : 0;
        }
        size += got;
        buffer[size] = '\0';
        body = strstr(buffer, "\r\n\r\n");
    }
    if (body == NULL) {
        return 0;
    }
    for (line = buffer; line < body; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            expected = strtol(line + 15, NULL, 10);
        }
        *closing |= strncasecmp(line, "Connection: close", 17) == 0;
    }
    for (more = expected - (size - (body + 4 - buffer)); more > 0; more -= got) {
        char rest[ANSWER_SIZE];

        got = SSL_read(tls, rest, sizeof rest);
        if (got <= 0) {
            return 0;
        }
    }
    line = strchr(buffer, ' ');
    return line != NULL ? (int)strtol(line, NULL, 10) : 0;
}

/* One request; *tls is opened when it has to be. Returns the status, 0 after a failure. */
static int ask_once(SSL **tls, server_t *server, size_t number)
{
    const request_t *request = &plan.texts[number % plan.text_count];
    int              status, closing = 0, used = *tls != NULL;

    if (*tls == NULL && (*tls = dial(server->port)) == NULL) {
        return 0;
    }
    status = SSL_write(*tls, request->text, (int)request->size) > 0 ? read_answer(*tls, &closing) : -1;
    if (status < 100 || status > 599) {
        fail("request");
        if (!plan.resilient) {
            return 0;
        }
        hang_up(*tls);
        *tls = NULL;
        if (used && status == -1) {
            atomic_fetch_add(&server->again, 1);
            return ask_once(tls, server, number);
        }
        return 0;
    }
    if (closing || plan.once) {
        hang_up(*tls);
        *tls = NULL;
    }
    return status;
}

/* One request that counts. Returns whether to go on. */
static int measure(SSL **tls, server_t *server, size_t number)
{
    double start = now();
    int    status = ask_once(tls, server, number);

    if (status == 0 && !plan.resilient) {
        return 0;
    }
    if (status == 0) {
        atomic_fetch_add(&server->lost, 1);
        (void)usleep(LOST_REST);
    }
    server->latencies[number] = (float)(now() - start);
    atomic_fetch_add(&server->statuses[status], 1);
    (void)usleep(plan.rest);
    return 1;
}

/* Asks until enough has been asked, each server in turn. */
static void ask(SSL *tls[SERVERS_MOST])
{
    int i;

    for (;;) {
        size_t first = atomic_fetch_add(&taken, plan.row), number;

        if (atomic_load(&failed) || first >= plan.requests || now() - began > plan.seconds * 1e6) {
            return;
        }
        for (i = 0; i < server_count; i++) {
            for (number = first; number < first + plan.row && number < plan.requests; number++) {
                if (!measure(&tls[i], &servers[i], number)) {
                    return;
                }
            }
        }
    }
}

/* The life of one connection to each server. */
static void *connection(void *unused)
{
    SSL   *tls[SERVERS_MOST] = {NULL};
    size_t number;
    int    i;

    while ((number = atomic_fetch_add(&taken, 1)) < plan.warm + (size_t)plan.connections) {
        for (i = 0; i < server_count && !atomic_load(&failed); i++) {
            (void)ask_once(&tls[i], &servers[i], number);
        }
    }
    (void)pthread_barrier_wait(&ready);
    (void)pthread_barrier_wait(&begin);
    ask(tls);
    (void)pthread_barrier_wait(&ready);
    (void)pthread_barrier_wait(&end);
    for (i = 0; i < server_count; i++) {
        hang_up(tls[i]);
    }
    return unused;
}

/* --- The whole ---------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static int read_options(int argc, char **argv)
{
    char *port;
    int   option;

    while ((option = getopt(argc, argv, "p:H:u:c:t:w:n:s:j:b:d:ro")) != -1) {
        switch (option) {
        case 'p':
            for (port = strtok(optarg, ","); port != NULL && server_count < SERVERS_MOST; port = strtok(NULL, ",")) {
                servers[server_count++].port = atoi(port);
            }
            break;
        case 'H':
            plan.host = optarg;
            break;
        case 'u':
            plan.path = optarg;
            break;
        case 'c':
            plan.certificate = optarg;
            break;
        case 't':
            plan.tokens_file = optarg;
            break;
        case 'w':
            plan.warm = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            plan.requests = strtoul(optarg, NULL, 10);
            break;
        case 's':
            plan.seconds = strtod(optarg, NULL);
            plan.requests = REQUESTS_MOST;
            break;
        case 'j':
            plan.connections = atoi(optarg);
            break;
        case 'b':
            plan.row = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            plan.rest = (useconds_t)atoi(optarg);
            break;
        case 'o':
            plan.once = 1;
            break;
        case 'r':
            plan.resilient = 1;
            break;
        default:
            return 0;
        }
    }
    return plan.certificate != NULL && server_count > 0 && plan.connections >= 1 && plan.connections <= CONNECTIONS_MOST
           && plan.row >= 1 && plan.requests >= 1 && plan.requests <= REQUESTS_MOST;
}

static void print_result(server_t *server, double seconds)
{
    const char *comma = "";
    size_t      i, count = 0;

    for (i = 0; i < 600; i++) {
        count += atomic_load(&server->statuses[i]);
    }
    qsort(server->latencies, count, sizeof *server->latencies, compare);
    (void)printf("{\"requests\": %zu, \"seconds\": %.3f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"slowest_us\": %.0f, "
                 "\"again\": %zu, \"lost\": %zu, \"statuses\": {",
                 count, seconds, (double)server->latencies[count / 2], (double)server->latencies[count * 99 / 100],
                 (double)server->latencies[count > 0 ? count - 1 : 0], atomic_load(&server->again),
                 atomic_load(&server->lost));
    for (i = 1; i < 600; i++) {
        if (atomic_load(&server->statuses[i]) > 0) {
            (void)printf("%s\"%zu\": %zu", comma, i, atomic_load(&server->statuses[i]));
            comma = ", ";
        }
    }
    (void)puts("}}");
}

static int prepare(void)
{
    unsigned all = (unsigned)plan.connections + 1;
    int      i;

    plan.tls = SSL_CTX_new(TLS_client_method());
    for (i = 0; i < server_count; i++) {
        servers[i].latencies = malloc(plan.requests * sizeof(float));
        if (servers[i].latencies == NULL) {
            return 0;
        }
    }
    return plan.tls != NULL && SSL_CTX_use_certificate_chain_file(plan.tls, plan.certificate) == 1
           && SSL_CTX_use_PrivateKey_file(plan.tls, plan.certificate, SSL_FILETYPE_PEM) == 1
           && (plan.tokens_file != NULL ? read_tokens(plan.tokens_file) : add_request(NULL))
           && pthread_barrier_init(&ready, NULL, all) == 0 && pthread_barrier_init(&begin, NULL, all) == 0
           && pthread_barrier_init(&end, NULL, all) == 0;
}

/* Tells whoever started this that something is over, and waits for a line, or the end of all lines. */
static void tell_and_wait(const char *text)
{
    char line[100];

    (void)fputs(text, stdout);
    (void)fflush(stdout);
    (void)!fgets(line, sizeof line, stdin);
}

int main(int argc, char **argv)
{
    pthread_t threads[CONNECTIONS_MOST];
    double    seconds;
    int       i;

    if (!read_options(argc, argv)) {
        (void)fputs("load: wrong options; its source says which there are\n", stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!prepare()) {
        fail("start");
        return 1;
    }
    for (i = 0; i < plan.connections; i++) {
        if (pthread_create(&threads[i], NULL, connection, NULL) != 0) {
            fail("thread");
            return 1;
        }
    }
    (void)pthread_barrier_wait(&ready);
    if (atomic_load(&failed)) {
        return 1;
    }
    tell_and_wait("ready\n");
    atomic_store(&taken, 0);
    began = now();
    (void)pthread_barrier_wait(&begin);
    (void)pthread_barrier_wait(&ready);
    seconds = (now() - began) / 1e6;
    if (atomic_load(&failed)) {
        return 1;
    }
    for (i = 0; i < server_count; i++) {
        print_result(&servers[i], seconds);
    }
    tell_and_wait("");
    (void)pthread_barrier_wait(&end);
    for (i = 0; i < plan.connections; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}
