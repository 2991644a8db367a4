/* The one way to read JSON that somebody else wrote: strict, bounded, an object or an array of objects at the top. */
#ifndef MTO_JSON_H
#define MTO_JSON_H

#include "core/json_memory.h"

#include <jansson.h>
#include <stddef.h>

/* Deepest nesting of objects and arrays; tokens and key sets need three or four. */
#define MTO_JSON_DEPTH 32

/* Parses text[0..length) as one JSON object. Refused: anything but an object, bytes after it, a member that occurs
 * twice (also when spelled with escapes), more than MTO_JSON_DEPTH levels, invalid UTF-8, NUL in a string, numbers that
 * a 64-bit integer or a double cannot hold. Returns a new reference, or NULL with *reason a static text. */
json_t *mto_json_read_object(const char *text, size_t length, const char **reason);

/* The same for what is read for each request: all of it lies in *region, a new one, and ends with mto_json_region_free
 * alone. NULL likewise, with *region NULL; "out of memory" also where mto_json_memory_install was not called. */
json_t *mto_json_read_object_in(mto_json_region_t **region, const char *text, size_t length, const char **reason);

/* Called for each object of an array, which is borrowed for the call; position counts from 0. Returns whether to go on.
 */
typedef int mto_json_element_fn(void *baton, size_t position, const json_t *element);

/* Parses text[0..length) as one JSON array of objects, as strictly, and hands them out one by one, so that no more than
 * one is held: a file of 100,000 clients is ten times its size once it is all parsed. Returns 1, or 0 with *position
 * the place of the element that was not read or not wanted, and *reason a static text, NULL when each said to stop. */
int mto_json_each_object(const char *text, size_t length, mto_json_element_fn *each, void *baton, size_t *position,
                         const char **reason);

/* The text of an object's string member, borrowed from object; NULL when it is absent or no string. */
const char *mto_json_string(const json_t *object, const char *member);

/* The same as *copy, to be freed, NULL likewise. Returns 0 when out of memory. */
int mto_json_copy(const json_t *object, const char *member, char **copy);

#endif
