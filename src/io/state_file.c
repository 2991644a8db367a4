#include "io/state_file.h"

#include "core/json.h"
#include "core/json_memory.h"
#include "core/pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file: 64 hexadecimal digits of HMAC-SHA-256 over the rest, a newline, a JSON object. */
#define SEAL_SIZE 64

/* A key set in a JSON string: escapes at most double what JSON is made of. */
#define FILE_SIZE_MOST (2 * MTO_KEYSET_BYTES + 64 * 1024)

#define PATH_SIZE 1024

/* --- Sealing ------------------------------------------------------------------------------------------------------ */

static void to_hex(char *out, const unsigned char *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

static int seal(char out[SEAL_SIZE + 1], const mto_state_place_t *place, const char *text, size_t size)
{
    unsigned char mac[32];
    unsigned      mac_size = sizeof mac;

    if (HMAC(EVP_sha256(), place->key, sizeof place->key, (const unsigned char *)text, size, mac, &mac_size) == NULL) {
        ERR_clear_error();
        return 0;
    }
    to_hex(out, mac, sizeof mac);
    return 1;
}

/* The origin of a source in hexadecimal: the name of its file, and in it. Returns 0 when out of memory. */
static int origin_of(char hex[2 * MTO_LEASE_IDENTITY_SIZE + 1], const mto_key_source_t *source)
{
    unsigned char origin[MTO_LEASE_IDENTITY_SIZE];
    apr_pool_t   *pool = mto_pool_create();

    if (pool == NULL) {
        return 0;
    }
    mto_key_source_origin(source, origin, pool);
    apr_pool_destroy(pool);
    to_hex(hex, origin, sizeof origin);
    return 1;
}

/* Returns NULL or why there is none. */
static const char *path_of(char path[PATH_SIZE], const mto_state_place_t *place, const mto_key_source_t *source,
                           const char *end)
{
    char hex[2 * MTO_LEASE_IDENTITY_SIZE + 1];

    if (!origin_of(hex, source)) {
        return "out of memory";
    }
    return snprintf(path, PATH_SIZE, "%s/%s%s", place->directory, hex, end) < PATH_SIZE
               ? NULL
               : "the name of the directory is too long";
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static char *compose(const mto_key_source_t *source, const mto_state_t *state)
{
    const mto_issuer_metadata_t *metadata = &state->metadata;
    char                         origin[2 * MTO_LEASE_IDENTITY_SIZE + 1];
    mto_json_memory_t            memory;
    json_t                      *document;
    char                        *text;

    if (!origin_of(origin, source) || !mto_json_memory_begin(&memory)) {
        return NULL;
    }
    document = json_pack("{s:s, s:s, s:s, s:I, s:s%, s:o, s:o, s:o}", "origin", origin, "issuer", source->issuer, "url",
                         mto_key_source_url(source), "fetched", (json_int_t)state->fetched, "jwks", state->jwks,
                         state->jwks_size, "jwks_uri", text_or_null(metadata->jwks_uri), "introspection_endpoint",
                         text_or_null(metadata->introspection_endpoint), "mtls_introspection_endpoint",
                         text_or_null(metadata->mtls_introspection_endpoint));
    text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    mto_json_memory_end(&memory);
    json_decref(document);
    return text;
}

static int write_all(int descriptor, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(descriptor, data, size);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return 0;
        }
        data += wrote;
        size -= (size_t)wrote;
    }
    return 1;
}

/* All of the file or none of it: what others open is always whole. */
static const char *replace(const char *path, const char *temporary, const char *const parts[2])
{
    int         descriptor, ok;
    const char *reason = NULL;

    (void)unlink(temporary);
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return strerror(errno);
    }
    ok = write_all(descriptor, parts[0], strlen(parts[0])) && write_all(descriptor, "\n", 1)
         && write_all(descriptor, parts[1], strlen(parts[1]));
    if (!ok) {
        reason = strerror(errno);
    }
    if (close(descriptor) != 0 && reason == NULL) {
        reason = strerror(errno);
    }
    if (reason == NULL && rename(temporary, path) != 0) {
        reason = strerror(errno);
    }
    if (reason != NULL) {
        (void)unlink(temporary);
    }
    return reason;
}

const char *mto_state_write(const mto_state_place_t *place, const mto_key_source_t *source, const mto_state_t *state)
{
    char        path[PATH_SIZE], temporary[PATH_SIZE], end[32], mac[SEAL_SIZE + 1];
    char       *text;
    const char *reason;

    (void)snprintf(end, sizeof end, ".%ld", (long)getpid());
    if ((reason = path_of(path, place, source, "")) != NULL
        || (reason = path_of(temporary, place, source, end)) != NULL) {
        return reason;
    }
    reason = "out of memory";
    text = compose(source, state);
    if (text != NULL && seal(mac, place, text, strlen(text))) {
        const char *const parts[2] = {mac, text};

        reason = replace(path, temporary, parts);
    }
    free(text);
    return reason;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static const char *take_apart(mto_state_t *state, const char *text, size_t size, const mto_key_source_t *source,
                              apr_time_t now)
{
    char        origin[2 * MTO_LEASE_IDENTITY_SIZE + 1];
    const char *reason = NULL, *says;
    json_t     *document = mto_json_read_object(text, size, &reason);

    if (document == NULL) {
        return reason;
    }
    says = mto_json_string(document, "origin");
    state->fetched = json_integer_value(json_object_get(document, "fetched"));
    if (!origin_of(origin, source) || !mto_json_copy(document, "jwks", &state->jwks)
        || !mto_json_copy(document, "jwks_uri", &state->metadata.jwks_uri)
        || !mto_json_copy(document, "introspection_endpoint", &state->metadata.introspection_endpoint)
        || !mto_json_copy(document, "mtls_introspection_endpoint", &state->metadata.mtls_introspection_endpoint)) {
        reason = "out of memory";
    }
    else if (says == NULL || strcmp(says, origin) != 0) {
        reason = "it is of another source";
    }
    else if (state->jwks == NULL) {
        reason = "no key set in it";
    }
    else if (state->fetched > now) {
        reason = "it is from the future";
    }
    state->jwks_size = state->jwks != NULL ? strlen(state->jwks) : 0;
    json_decref(document);
    return reason;
}

const char *mto_state_read(mto_state_t *state, const mto_state_place_t *place, const mto_key_source_t *source,
                           apr_time_t now, int *missing)
{
    char               path[PATH_SIZE], mac[SEAL_SIZE + 1];
    mto_watched_file_t file = {.name = path, .no_follow = 1};
    char              *text = NULL;
    size_t             size = 0;
    struct stat        link;
    const char        *reason;

    memset(state, 0, sizeof *state);
    *missing = 0;
    if ((reason = path_of(path, place, source, "")) != NULL) {
        return reason;
    }
    reason = mto_watched_file_read(&file, &text, &size, FILE_SIZE_MOST);
    *missing = reason != NULL && lstat(path, &link) != 0 && errno == ENOENT;
    if (reason == NULL
        && (size < SEAL_SIZE + 1 || text[SEAL_SIZE] != '\n'
            || !seal(mac, place, text + SEAL_SIZE + 1, size - SEAL_SIZE - 1)
            || CRYPTO_memcmp(mac, text, SEAL_SIZE) != 0)) {
        reason = "its seal is not ours";
    }
    if (reason == NULL) {
        reason = take_apart(state, text + SEAL_SIZE + 1, size - SEAL_SIZE - 1, source, now);
    }
    free(text);
    return reason;
}

void mto_state_clear(mto_state_t *state)
{
    free(state->jwks);
    mto_issuer_metadata_clear(&state->metadata);
    memset(state, 0, sizeof *state);
}

/* --- The place ---------------------------------------------------------------------------------------------------- */

/* The key of an earlier start: believed only when it is a plain file of ours that nobody else can read or write. */
static int read_key(const char *path, unsigned char key[MTO_STATE_KEY_SIZE])
{
    int         descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat now;
    int         ok;

    if (descriptor < 0) {
        return 0;
    }
    ok = fstat(descriptor, &now) == 0 && S_ISREG(now.st_mode) && now.st_uid == geteuid() && (now.st_mode & 077) == 0
         && now.st_nlink == 1 && now.st_size == MTO_STATE_KEY_SIZE
         && read(descriptor, key, MTO_STATE_KEY_SIZE) == MTO_STATE_KEY_SIZE;
    (void)close(descriptor);
    return ok;
}

static const char *make_key(const char *path, unsigned char key[MTO_STATE_KEY_SIZE])
{
    int         descriptor;
    const char *reason = NULL;

    if (RAND_bytes(key, MTO_STATE_KEY_SIZE) != 1) {
        return "no random numbers";
    }
    (void)unlink(path);
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return strerror(errno);
    }
    if (!write_all(descriptor, (const char *)key, MTO_STATE_KEY_SIZE)) {
        reason = strerror(errno);
    }
    (void)close(descriptor);
    return reason;
}

static int is_empty(int descriptor)
{
    int            own = dup(descriptor), entries = 0;
    DIR           *directory = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return directory != NULL && entries == 0;
}

/* Gives the directory to the children. One that holds other things is left alone: a slip such as /etc must cost
 * nothing. */
static const char *hand_over(int descriptor, unsigned user, unsigned group)
{
    struct stat now;

    if (fstat(descriptor, &now) != 0) {
        return strerror(errno);
    }
    if (geteuid() != 0) {
        user = geteuid();
    }
    if (now.st_uid == user && (now.st_mode & 0777) == 0700) {
        return NULL;
    }
    if (!is_empty(descriptor)) {
        return "it holds other things and is not the server's; name a directory of its own, or one that is not there "
               "yet";
    }
    if ((geteuid() == 0 && fchown(descriptor, user, group) != 0) || fchmod(descriptor, 0700) != 0) {
        return strerror(errno);
    }
    return NULL;
}

/* Makes what is missing above a directory; whether that went well shows when the directory itself is made. */
static void make_parents(const char *directory)
{
    char path[PATH_SIZE], *at;

    (void)snprintf(path, sizeof path, "%s", directory);
    for (at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0755);
        *at = '/';
    }
}

const char *mto_state_place_make(mto_state_place_t *place, const char *directory, unsigned user, unsigned group)
{
    char        path[PATH_SIZE];
    int         descriptor;
    const char *reason;

    place->directory = NULL;
    if (snprintf(path, sizeof path, "%s/key", directory) >= (int)sizeof path) {
        return "its name is too long";
    }
    make_parents(directory);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return strerror(errno);
    }
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) {
        return strerror(errno);
    }
    reason = hand_over(descriptor, user, group);
    (void)close(descriptor);
    if (reason == NULL && !read_key(path, place->key)) {
        reason = make_key(path, place->key);
    }
    if (reason == NULL) {
        place->directory = directory;
    }
    return reason;
}

const char *mto_state_place_find(mto_state_place_t *place, const char *directory)
{
    char        path[PATH_SIZE];
    struct stat now;

    place->directory = NULL;
    if (snprintf(path, sizeof path, "%s/key", directory) >= (int)sizeof path) {
        return "its name is too long";
    }
    if (lstat(path, &now) != 0) {
        return errno == ENOENT ? "no server has kept anything there yet" : strerror(errno);
    }
    if (!read_key(path, place->key)) {
        return "only who starts the server can read it";
    }
    place->directory = directory;
    return NULL;
}
