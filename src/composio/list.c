#include "composio/client_internal.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 100
#define PAGE_SIZE 50 /* every list serves that many; more may be cut without a word */

struct items {
    void *owner;
    char *data;
    size_t count, capacity;
};

static void items_add(struct items *items, const void *item, size_t size)
{
    if (items->count == items->capacity) {
        items->capacity = items->capacity == 0 ? 16 : 2 * items->capacity;
        items->data = mem_resize(items->owner, items->data, items->capacity * size);
    }
    memcpy(items->data + items->count * size, item, size);
    items->count++;
}

static bool page_read(const struct list *list, const struct json *page, struct items *items)
{
    const struct json *members = json_get(page, "items");
    if (json_type(members) != JSON_ARRAY) {
        return false;
    }
    void *item = mem_block(NULL, list->item_size, list->what);
    bool ok = true;
    for (struct json_iterator i = json_iterate(members); ok && json_next(&i);) {
        memset(item, 0, list->item_size);
        ok = json_type(i.value) == JSON_OBJECT && list->read(items->owner, i.value, item);
        if (ok && (list->keep == NULL || list->keep(item, list->filter))) {
            items_add(items, item, list->item_size);
        }
    }
    mem_free(item);
    return ok;
}

/* Where the next page begins; NULL: this was the last. */
static const char *next_position(
        void *owner, const struct list *list, const struct json *page, const char *position)
{
    if (!list->numbered) {
        const char *cursor = member_text(page, "next_cursor", "");
        return *cursor == '\0' ? NULL : cursor;
    }
    int64_t total = 0, number = strtoll(position, NULL, 10);
    bool more = json_int(json_get(page, "total_pages"), &total)
                        ? number < total
                        : json_count(json_get(page, "items")) == PAGE_SIZE;
    return more ? mem_printf(owner, "%lld", (long long)number + 1) : NULL;
}

/* Adds the page's items. */
static bool take_page(struct composio *client, const struct list *list, const char *position,
        struct items *items, const char **next_out, struct error *err)
{
    void *owner = items->owner;
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, list->path);
    query_add(&path, "limit", "50");
    if (position == NULL && list->numbered) {
        position = "1";
    }
    if (position != NULL) {
        query_add(&path, list->numbered ? "page_no" : "cursor", position);
    }
    const struct call call = {.method = "GET", .what = list->what, .path = buffer_text(&path)};
    const struct json *page;
    if (!call_object(client, owner, &call, &page, err)) {
        return false;
    }
    const char *next = next_position(owner, list, page, position);
    bool stuck = next != NULL && position != NULL && strcmp(next, position) == 0;
    if (stuck || !page_read(list, page, items)) {
        return fail_promise(list->what, err);
    }
    *next_out = next;
    return true;
}

bool list_page(struct composio *client, void *owner, const struct list *list, const char *position,
        void **items_out, size_t *count_out, const char **next_out, struct error *err)
{
    struct items items = {.owner = owner, .data = mem_block(owner, 0, list->what)};
    if (!take_page(client, list, position, &items, next_out, err)) {
        return false;
    }
    *items_out = items.data;
    *count_out = items.count;
    return true;
}

bool list_read(struct composio *client, void *owner, const struct list *list, void **items_out,
        size_t *count_out, struct error *err)
{
    struct items items = {.owner = owner, .data = mem_block(owner, 0, list->what)};
    const char *position = NULL;
    for (int number = 1; number <= PAGES_MAX; number++) {
        if (!take_page(client, list, position, &items, &position, err)) {
            return false;
        }
        if (position == NULL) {
            *items_out = items.data;
            *count_out = items.count;
            return true;
        }
    }
    return fail_promise("a list that ends", err);
}
