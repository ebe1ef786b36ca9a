/* Lists by pages: behind opaque cursors, or numbered. */
#pragma once

#include "sandbox/call.h"

struct paging {
    int64_t page, limit; /* the first page is 1 */
    int64_t offset;      /* of the first item */
};

/* base64 of page and limit, as the service has it. */
char *cursor_encode(void *owner, int64_t page, int64_t limit);
/* False: not such a cursor. */
bool cursor_decode(void *owner, struct slice cursor, int64_t *page_out, int64_t *limit_out);

/* From `cursor`, which knows its limit, or `limit`. */
MUST_CHECK bool paging_by_cursor(struct call *call, int64_t usual_limit, int64_t most_limit,
        struct paging *out, struct error *err);
/* The same members of the body. */
MUST_CHECK bool paging_by_body(struct call *call, int64_t usual_limit, int64_t most_limit,
        struct paging *out, struct error *err);
/* From `page_no` and `limit`. */
MUST_CHECK bool paging_by_number(struct call *call, int64_t usual_limit, int64_t most_limit,
        struct paging *out, struct error *err);

/* The members behind `items`. */
void paging_write_cursor(struct call *call, const struct paging *paging, int64_t total);
void paging_write_number(struct call *call, const struct paging *paging, int64_t total);
