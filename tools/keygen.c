/* mtls-oauth keygen: a private JWK to sign with, and the public JWK Set to verify by. */
#include "input.h"
#include "signing_key.h"
#include "verb.h"

#include "core/base64url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_BITS 2048

typedef struct {
    const char        *alg, *kid, *private_file, *public_file;
    const apr_int64_t *bits;
} keygen_t;

/* Where a document goes: standard output, or a file that did not exist. */
typedef struct {
    const char *path; /* NULL: nowhere, and then file is too */
    FILE       *file;
} target_t;

/* Opens a file that must be new: a key is not made anew by accident, and nobody chose where a link at its place leads.
 * Returns 0 when it cannot, which has been said then. */
static int open_target(target_t *target, const char *path, mode_t mode)
{
    int descriptor;

    target->path = path;
    if (path == NULL || strcmp(path, "-") == 0) {
        target->file = path != NULL ? stdout : NULL;
        return 1;
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    target->file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (target->file == NULL) {
        mto_complain("%s: %s", path, strerror(errno));
    }
    return target->file != NULL;
}

/* Closes a target; a file that is not whole is taken away again. Returns 0 when it was to be whole and is not. */
static int close_target(target_t *target, int whole)
{
    int failed;

    if (target->file == NULL || target->file == stdout) {
        return 1;
    }
    failed = ferror(target->file);
    failed |= fclose(target->file) != 0;
    if (failed && whole) {
        mto_complain("%s: cannot be written", target->path);
    }
    if (failed || !whole) {
        (void)unlink(target->path);
    }
    return !failed;
}

/* Writes a document as one line. */
static int write_document(const target_t *target, const json_t *document)
{
    char *text = target->file != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    int   ok = target->file == NULL || (text != NULL && fprintf(target->file, "%s\n", text) > 0);

    free(text);
    return ok;
}

/* The JWK with the members that say what the key is for. */
static json_t *make_jwk(const mto_signing_key_t *key, const char *kid, mto_members_t members)
{
    json_t *jwk = mto_signing_key_write(key, members);
    char    thumbprint[MTO_BASE64URL_ENCODED_SIZE(MTO_THUMBPRINT_SIZE)];

    if (kid == NULL) {
        mto_base64url_encode(thumbprint, key->verifier.thumbprint, MTO_THUMBPRINT_SIZE);
        kid = thumbprint;
    }
    if (jwk == NULL || json_object_set_new(jwk, "kid", json_string(kid)) != 0
        || json_object_set_new(jwk, "alg", json_string(key->verifier.algorithm->name)) != 0
        || json_object_set_new(jwk, "use", json_string("sig")) != 0) {
        json_decref(jwk);
        return NULL;
    }
    return jwk;
}

static int write_key(const mto_signing_key_t *key, const char *kid, const target_t *private_target,
                     const target_t *public_target)
{
    json_t *jwk = make_jwk(key, kid, MTO_MEMBERS_PRIVATE);
    json_t *set = json_pack("{s:[o]}", "keys", make_jwk(key, kid, MTO_MEMBERS_PUBLIC));
    int     ok = jwk != NULL && set != NULL;

    if (!ok) {
        mto_complain("the key cannot be written: --kid is not valid UTF-8");
    }
    ok = ok && write_document(private_target, jwk) && write_document(public_target, set);
    json_decref(jwk);
    json_decref(set);
    return ok;
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    const keygen_t        *keygen = request;
    const mto_algorithm_t *algorithm = mto_algorithm_find(keygen->alg);
    apr_int64_t            bits = keygen->bits != NULL ? *keygen->bits : DEFAULT_BITS;
    target_t               private_target = {NULL, NULL}, public_target = {NULL, NULL};
    mto_signing_key_t      key = {0};
    const char            *reason;
    int                    ok;

    (void)operand;
    (void)pool;
    if (algorithm == NULL) {
        return mto_complain("--alg %s: not one of the algorithms here", keygen->alg);
    }
    if (keygen->bits != NULL && (algorithm->kinds & MTO_KEY_KIND(MTO_KEY_RSA)) == 0) {
        return mto_complain("--bits is for RSA; the size of a key for %s is given", algorithm->name);
    }
    if (bits < MTO_RSA_BITS_LEAST || bits > MTO_RSA_BITS_MOST) {
        return mto_complain("--bits: from %d to %d", MTO_RSA_BITS_LEAST, MTO_RSA_BITS_MOST);
    }
    reason = mto_signing_key_generate(&key, algorithm, (unsigned)bits);
    if (reason != NULL) {
        mto_complain("%s: %s", algorithm->name, reason);
    }
    ok = reason == NULL && open_target(&private_target, keygen->private_file != NULL ? keygen->private_file : "-", 0600)
         && open_target(&public_target, keygen->public_file, 0644)
         && write_key(&key, keygen->kid, &private_target, &public_target);
    mto_signing_key_clear(&key);
    ok = close_target(&private_target, ok) && ok;
    ok = close_target(&public_target, ok) && ok;
    return ok ? MTO_EXIT_OK : MTO_EXIT_USAGE;
}

static const mto_option_t options[] = {
    {"alg", "ALG", "algorithm that the key is for: RS256, PS256, ES256, EdDSA, Ed448, ...", mto_option_text,
     offsetof(keygen_t, alg), MTO_OPTION_REQUIRED},
    {"kid", "KID", "name of the key; default: its RFC 7638 thumbprint", mto_option_text, offsetof(keygen_t, kid), 0},
    {"bits", "NUMBER", "size of an RSA key; default 2048", mto_option_number, offsetof(keygen_t, bits), 0},
    {"out", "FILE|-", "where the private JWK goes: a new file, mode 0600; default: standard output", mto_option_text,
     offsetof(keygen_t, private_file), 0},
    {"public", "FILE|-", "where the public JWK Set goes: a new file, or standard output after the private JWK",
     mto_option_text, offsetof(keygen_t, public_file), 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const mto_verb_t mto_keygen_verb = {
    .name = "keygen",
    .operand = NULL,
    .summary = "Make a private JWK to sign with, and its public JWK Set.",
    .help = "Each document is one line. A file that exists is never overwritten. Both at once, without a file:\n"
            "  mtls-oauth keygen --alg ES256 --public - | { read -r private; read -r set; ... }\n",
    .options = options,
    .request_size = sizeof(keygen_t),
    .run = run,
};
