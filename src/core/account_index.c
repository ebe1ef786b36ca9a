#include "core/account_index.h"

#include <stdlib.h>

static int by_user(const void *left, const void *right)
{
    const struct composio_account *a = left, *b = right;
    int users = strcmp(a->user_id, b->user_id);
    return users != 0 ? users : strcmp(a->id, b->id);
}

bool account_index_read(struct composio *composio, void *owner, const char *auth_config_id,
        int pages_max, struct account_index *out, struct error *err)
{
    struct account_index index = {.list = mem_array(owner, struct composio_account, 0)};
    const char *cursor = NULL;
    int pages = 0;
    do {
        struct composio_account *page = NULL;
        size_t count = 0;
        if (!composio_account_page(
                    composio, owner, auth_config_id, cursor, &page, &count, &cursor, err)) {
            return false;
        }
        index.list = mem_resize(owner, index.list, (index.count + count) * sizeof page[0]);
        if (count > 0) {
            memcpy(index.list + index.count, page, count * sizeof page[0]);
        }
        index.count += count;
        pages++;
    } while (cursor != NULL && pages != pages_max);
    index.whole = cursor == NULL;
    qsort(index.list, index.count, sizeof index.list[0], by_user);
    *out = index;
    return true;
}

const struct composio_account *account_index_find(
        const struct account_index *index, const char *user_id, const char *id)
{
    const struct composio_account wanted = {.id = id, .user_id = user_id};
    return bsearch(&wanted, index->list, index->count, sizeof wanted, by_user);
}
