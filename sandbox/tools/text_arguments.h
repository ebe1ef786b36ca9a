/* Arguments out of a text, without a model: the service has one write them, the sandbox reads what is there. No I/O.
 *
 * The text is a JSON object, of which the members that the tool knows are taken; or says `name: value` or `name = value` for
 * some of the tool's parameters, with blanks or underscores in the name, in any case. A value is quoted, or ends before
 * a comma, a semicolon or the line's end; those of an array are parted by commas and end with the semicolon or line. */
#pragma once

#include "json/json.h"

#define TEXT_ARGUMENTS_BYTES_MAX (32 * 1024)

/* An object, empty when the text (of at most so many bytes) says nothing of the parameters of `schema`. */
const struct json *text_arguments(void *owner, const struct json *schema, struct slice text);

/* One value as `type` ("integer", "array" …; NULL: string) has it: as text where it cannot be that. */
void text_value_write(void *owner, struct json_writer *json, const char *type, struct slice value);
