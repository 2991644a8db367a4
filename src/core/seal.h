/* Answers sealed for a cache that others can read and write: what does not open is not there. */
#ifndef MTO_SEAL_H
#define MTO_SEAL_H

#include <apr_time.h>
#include <stddef.h>

/* Most bytes of a key file; least characters of a key: 32 random bytes in base64. */
#define MTO_SEAL_FILE_BYTES 4096
#define MTO_SEAL_KEY_LENGTH 43

/* Bytes of a text that says why keys were refused. */
#define MTO_SEAL_REASON_SIZE 400

/* Keys in force at once: the first seals, both open. */
#define MTO_SEAL_KEYS 2

/* Bytes of what an answer is found by, inside and in the cache, of a nonce, and by which sealing makes an answer
 * longer.
 */
#define MTO_SEAL_ID_SIZE    32
#define MTO_SEAL_NONCE_SIZE 12
#define MTO_SEAL_OVERHEAD   (1 + MTO_SEAL_NONCE_SIZE + 16 + 16)

typedef struct mto_seal_t mto_seal_t;

/* An answer as it is sealed. */
typedef struct {
    apr_time_t  answered, end; /* given, and good until then */
    const char *json;
    size_t      size;
} mto_sealed_answer_t;

/* Reads text[0..size): one or two keys, each a line of at least MTO_SEAL_KEY_LENGTH visible characters, from which k1
 * and k2 are derived (HKDF, RFC 5869); comments from a # on, empty lines. Returns them with one reference, immutable
 * from then on, or NULL with reason, which names the line and shows nothing of it. */
mto_seal_t *mto_seal_create(const char *text, size_t size, char reason[MTO_SEAL_REASON_SIZE]);

/* Takes and drops a reference; the last one wipes and frees. NULL is allowed. Thread-safe. */
mto_seal_t *mto_seal_retain(mto_seal_t *seal);
void        mto_seal_release(mto_seal_t *seal);

/* How many keys there are. */
size_t mto_seal_count(const mto_seal_t *seal);

/* Under what an answer is kept by key i: HMAC-SHA256(k1, id). It tells nothing of the token. Returns 0 on failure. */
int mto_seal_place(const mto_seal_t *seal, size_t i, const unsigned char id[MTO_SEAL_ID_SIZE],
                   unsigned char place[MTO_SEAL_ID_SIZE]);

/* Seals an answer for its place by the first key into out, which has answer->size + MTO_SEAL_OVERHEAD bytes:
 * AES-256-GCM under HMAC-SHA256(k2, place). nonce: random, new each time. Returns the size, 0 on failure. */
size_t mto_seal_close(const mto_seal_t *seal, const unsigned char place[MTO_SEAL_ID_SIZE],
                      const unsigned char nonce[MTO_SEAL_NONCE_SIZE], const mto_sealed_answer_t *answer,
                      unsigned char *out);

/* Opens what was found at a place of key i. json: room for size bytes, to which answer->json will point. Returns 0
 * unless it was sealed by that key for that place, is whole, and has not ended at now. */
int mto_seal_open(const mto_seal_t *seal, size_t i, const unsigned char place[MTO_SEAL_ID_SIZE],
                  const unsigned char *sealed, size_t size, apr_time_t now, char *json, mto_sealed_answer_t *answer);

#endif
