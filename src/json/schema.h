/* JSON Schema: does a value fit? Draft 2020-12, with what the drafts before and OpenAPI 3.0 have instead: `definitions`,
 * exclusive limits that are booleans, `nullable`. Numbers are compared with all their digits, lengths are counted in code
 * points.
 *
 * Looked at: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, items,
 * prefixItems, minItems, maxItems, required, properties, additionalProperties, minProperties, maxProperties, allOf, anyOf,
 * oneOf, not, and $ref to a place in the same text ("#/$defs/…").
 *
 * In doubt a value fits: other keywords are ignored, as are those whose value is not what the drafts say, references that
 * lead nowhere, what is nested through more than 64 schemas, and whatever is left when a fixed amount of work is done. So
 * a schema that is broken refuses nothing. No I/O, no fibers. */
#pragma once

#include "json/json.h"

struct json_misfit {
    int count; /* problems found */
    const char
            *text; /* the first few: `to[0]: expected a string, not a number; missing "subject"` */
};

/* False: it does not fit, and `*misfit_out`, which belongs to `owner`, says where and what is expected there. The text
 * names properties and types and quotes the schema, all of it cut short; nothing of the value's own. */
bool json_fits_schema(void *owner, const struct json *schema, const struct json *value,
        struct json_misfit *misfit_out);
