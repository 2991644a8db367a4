/* What the fuzz targets share. A target is a program that takes bytes of any kind and aborts when a rule does not hold;
 * libFuzzer makes up the bytes (make fuzz), replay.c takes them from files (make check). */
#ifndef MTO_FUZZ_HARNESS_H
#define MTO_FUZZ_HARNESS_H

#include "../unit/support.h"

#include "core/refusal.h"

/* What each target consists of: what is made once, and what is done with an input. Of both, support_pool() is the
 * program's, or the input's, and OpenSSL's error queue must be empty when fuzz_one returns, as it is after every
 * function of the core. data is a block of exactly size bytes of its own, not NUL-terminated. */
void fuzz_prepare(void);
void fuzz_one(const char *data, size_t size);

/* Ends the program unless a rule holds. */
#define CHECK(rule) ((rule) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #rule))
void fuzz_fail(const char *file, int line, const char *rule) __attribute__((noreturn));

/* Takes the first line, without its newline, from data[0..size): returns where it begins, and its length. What is left
 * may be empty. */
const char *fuzz_line(const char **data, size_t *size, size_t *length);

/* The same, NUL-terminated: cut at a NUL. */
const char *fuzz_line_text(const char **data, size_t *size);

/* Takes the first byte modulo `most`; 0: there is none. */
unsigned fuzz_choice(const char **data, size_t *size, unsigned most);

/* A NUL-terminated copy that ends where its memory ends: cut at a NUL. */
const char *fuzz_text(const char *data, size_t size);

/* A copy of text[0..*length) with changes: four bytes each say what (another byte, one more, one less, an end), where
 * (two bytes) and which byte. */
char *fuzz_edit(const char *text, size_t *length, const char *edits, size_t size);

/* A copy of data[0..*size), in which what a letter stands for is in place of '@' and that letter: for what is made in
 * each run. meaning_of gives NULL for '@' that is just that. */
const char *fuzz_fill_in(const char *data, size_t *size, const char *(*meaning_of)(char letter));

/* Checks a refusal: it has a row with a code, the verdict says the same, and the log can show why. */
void fuzz_check_verdict(mto_refusal_t refusal, const mto_verdict_t *verdict);

/* Whether text is valid UTF-8 without control characters: what a log line, a header or a page may show. */
int fuzz_is_plain(const char *text);

/* The same of a text that was cut to its room, perhaps within its last character. */
int fuzz_is_plain_but_cut(const char *text);

/* The depth of nesting: 0 of what is no object and no array. */
int fuzz_depth(const json_t *value);

/* A certificate with x5t, of nobody: what a connection may show. */
const mto_certificate_t *fuzz_certificate(void);

#endif
