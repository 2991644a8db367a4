/* A short text in shared memory, written and read word by word: who reads while it changes sees a mixture, which harms
 * nobody, but never anything beyond its end. */
#ifndef MTO_SHARED_TEXT_H
#define MTO_SHARED_TEXT_H

#include <stdatomic.h>
#include <stdint.h>

/* Bytes of a text, its final NUL included; longer ones are cut. A multiple of 8. */
#define MTO_SHARED_TEXT_SIZE 160

/* All zero: "". */
typedef struct {
    _Atomic uint64_t words[MTO_SHARED_TEXT_SIZE / 8];
} mto_shared_text_t;

void mto_shared_text_put(mto_shared_text_t *shared, const char *text);

void mto_shared_text_get(const mto_shared_text_t *shared, char text[MTO_SHARED_TEXT_SIZE]);

#endif
