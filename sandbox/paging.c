#include "sandbox/paging.h"

#include <inttypes.h>

#define PAGE_MAX 1000000000

char *cursor_encode(void *owner, int64_t page, int64_t limit)
{
    char *text = mem_printf(owner, "%" PRId64 "-%" PRId64, page, limit);
    return base64_encode(owner, slice_of(text));
}

static bool read_number(struct slice text, int64_t *out)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > PAGE_MAX) {
            return false;
        }
        number = number * 10 + (text.data[i] - '0');
    }
    *out = number;
    return text.length > 0 && number >= 1 && number <= PAGE_MAX;
}

bool cursor_decode(void *owner, struct slice cursor, int64_t *page_out, int64_t *limit_out)
{
    /* Digits and a hyphen never encode to a `+` or `/`, where the two alphabets differ. */
    while (cursor.length > 0 && cursor.data[cursor.length - 1] == '=') {
        cursor.length--;
    }
    struct slice text;
    if (!base64url_decode(owner, cursor, &text)) {
        return false;
    }
    struct slice page = slice_split(&text, '-');
    return text.data != NULL && read_number(page, page_out) && read_number(text, limit_out);
}

/* `cursor` NULL: the first page, of `limit`. */
static MUST_CHECK bool paging_from(struct call *call, int64_t limit, const char *cursor,
        int64_t most_limit, struct paging *out, struct error *err)
{
    struct paging paging = {.page = 1, .limit = limit};
    if (cursor != NULL &&
            (!cursor_decode(call->memory, slice_of(cursor), &paging.page, &paging.limit) ||
                    paging.limit > most_limit)) {
        return api_error_set(err, API_BAD_REQUEST, "cursor: not one of this list");
    }
    paging.offset = (paging.page - 1) * paging.limit;
    *out = paging;
    return true;
}

bool paging_by_cursor(struct call *call, int64_t usual_limit, int64_t most_limit,
        struct paging *out, struct error *err)
{
    int64_t limit;
    return call_parameter_int(call, "limit", usual_limit, 1, most_limit, &limit, err) &&
           paging_from(call, limit, call_parameter(call, "cursor"), most_limit, out, err);
}

bool paging_by_body(struct call *call, int64_t usual_limit, int64_t most_limit, struct paging *out,
        struct error *err)
{
    const struct json *given = json_get(call->body, "limit");
    const char *cursor;
    int64_t limit = usual_limit;
    if (json_type(given) != JSON_NULL && !json_int(given, &limit)) {
        return api_error_set(err, API_BAD_REQUEST, "limit: expected a number");
    }
    limit = limit < 1 ? 1 : limit > most_limit ? most_limit : limit;
    return field_text(call->body, "cursor", &cursor, err) &&
           paging_from(call, limit, cursor, most_limit, out, err);
}

bool paging_by_number(struct call *call, int64_t usual_limit, int64_t most_limit,
        struct paging *out, struct error *err)
{
    struct paging paging = {0};
    if (!call_parameter_int(call, "limit", usual_limit, 1, most_limit, &paging.limit, err) ||
            !call_parameter_int(call, "page_no", 1, 1, PAGE_MAX, &paging.page, err)) {
        return false;
    }
    paging.offset = (paging.page - 1) * paging.limit;
    *out = paging;
    return true;
}

void paging_write_number(struct call *call, const struct paging *paging, int64_t total)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "total_pages");
    json_write_int(json, (total + paging->limit - 1) / paging->limit);
    json_write_name(json, "current_page");
    json_write_int(json, paging->page);
}

void paging_write_cursor(struct call *call, const struct paging *paging, int64_t total)
{
    struct json_writer *json = &call->json;
    bool more = paging->offset + paging->limit < total;
    json_write_name(json, "next_cursor");
    json_write_text(
            json, more ? cursor_encode(call->memory, paging->page + 1, paging->limit) : NULL);
    paging_write_number(call, paging, total);
    json_write_name(json, "total_items");
    json_write_int(json, total);
}
