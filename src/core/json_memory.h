/* The memory that jansson reads and writes in for us.
 *
 * When it runs out: where it cannot make room for one more character, jansson (up to 2.15 at least) reads on without
 * that character, and writes on without the name of a member. A user's name would lack a letter then. So once jansson
 * was denied memory while it reads or writes for us, it is denied all further memory, and nothing comes of it.
 *
 * What is read for each request may lie in a region: a token takes some ninety blocks, and to get them from malloc and
 * give each one back takes longer than to read it. */
#ifndef MTO_JSON_MEMORY_H
#define MTO_JSON_MEMORY_H

#include <stddef.h>

/* Puts this between jansson and malloc, for the whole process: others that use jansson see no difference. Once, while
 * there is one thread. Returns 0 when it cannot be. */
int mto_json_memory_install(void);

/* Gives jansson back what it had. Before the code of this file goes. */
void mto_json_memory_remove(void);

/* All the memory of one text that was read. */
typedef struct mto_json_region_t mto_json_region_t;

/* Whether memory was denied while a text was read or written, and the region that it is read into; NULL: none. */
typedef struct {
    int                denied;
    mto_json_region_t *region;
} mto_json_memory_t;

/* From here on to mto_json_memory_end this thread reads or writes a text. Returns 0, with memory->denied, when there is
 * no memory for that. Where nothing is installed it does nothing. */
int mto_json_memory_begin(mto_json_memory_t *memory);

/* The same for a text that is read into a region of its own, memory->region. Returns 0, with memory->denied and no
 * region, when there is no memory for that or nothing is installed. */
int mto_json_memory_begin_region(mto_json_memory_t *memory);

/* Ends that; what came of it is good unless memory->denied. */
void mto_json_memory_end(mto_json_memory_t *memory);

/* Gives back all that was read into a region; NULL does nothing. No value of it has json_decref called that would end
 * it, and none gets a new member. Any thread, one at a time. */
void mto_json_region_free(mto_json_region_t *region);

/* Bytes that it takes. */
size_t mto_json_region_size(const mto_json_region_t *region);

#endif
