/* jansson and memory that runs out: where it cannot make room for one more character, jansson (up to 2.15 at least)
 * reads on without that character, and writes on without the name of a member. A user's name would lack a letter then.
 * So once jansson was denied memory while it reads or writes for us, it is denied all further memory, and nothing comes
 * of it. */
#ifndef MTO_JSON_MEMORY_H
#define MTO_JSON_MEMORY_H

/* Puts this between jansson and malloc, for the whole process: others that use jansson see no difference. Once, while
 * there is one thread. Returns 0 when it cannot be. */
int mto_json_memory_install(void);

/* Gives jansson back what it had. Before the code of this file goes. */
void mto_json_memory_remove(void);

/* Whether memory was denied while a text was read or written. */
typedef struct {
    int denied;
} mto_json_memory_t;

/* From here on to mto_json_memory_end this thread reads or writes a text. Returns 0, with memory->denied, when there is no memory
 * for that. Where nothing is installed it does nothing. */
int mto_json_memory_begin(mto_json_memory_t *memory);

/* Ends that; what came of it is good unless memory->denied. */
void mto_json_memory_end(mto_json_memory_t *memory);

#endif
