/* What the files of this module share: calls, their answers, lists of pages. */
#pragma once

#include "base/buffer.h"
#include "composio/composio.h"

struct call {
    const char *method;
    const char *what;  /* the thing it is about, for messages: "auth config" */
    const char *path;  /* below /api/v3.1, encoded, with its query; or, from /api/ on, all of it */
    struct slice body; /* data NULL: none */
    bool once;         /* not tried again unless it certainly did not arrive */
    bool conflict_is_final; /* 409 is an answer, not a passing collision */
    int64_t timeout_ms;     /* of one attempt; 0: the client's */
    size_t max_reply_bytes; /* 0: 8 MiB */
};

/* What Composio said, whatever the status. */
struct answer {
    int status;
    const struct json *body; /* NULL: no JSON */
    const char *slug;        /* of the error; "" when not said */
    int64_t code;            /* of the error; 0 when not said */
    const char *request_id;  /* of the error; "" when not said */
    int64_t retry_after_ms;  /* -1 when not said */
    int should_retry;        /* x-should-retry: 1 true, 0 false, -1 not said */
};

/* Send, and send again where that is allowed. True: there is an answer, to be checked. False: as fetch(), with its
 * reasons NOT_SENT, REPLY_LOST and REPLY_TOO_LARGE. */
SUSPENDS MUST_CHECK bool call_send(struct composio *client, void *owner, const struct call *call,
        struct answer *answer_out, struct error *err);
/* Send; the answer is a 2xx with a JSON object, or it fails as composio.h says. */
SUSPENDS MUST_CHECK bool call_object(struct composio *client, void *owner, const struct call *call,
        const struct json **object_out, struct error *err);

/* Return false with the error of composio.h for a failed call_send(), whose error is `lost` … */
bool fail_unanswered(const struct error *lost, struct error *err);
/* … for an answer that is no 2xx … */
bool fail_status(const struct call *call, const struct answer *answer, struct error *err);
/* … and for one that lacks what it must have. */
bool fail_promise(const char *what, struct error *err);
/* The log's half of an error: status, slug, code, request id. */
bool fail_detail(const struct answer *answer, struct error *err);

/* "/connected_accounts/" and an id, encoded. */
const char *path_with(void *owner, const char *prefix, const char *segment);
/* Append "?" or "&", name=value, the value encoded. */
void query_add(struct buffer *path, const char *name, const char *value);
/* A buffer for a path or a request body. */
void request_buffer_init(struct buffer *buffer, void *owner);

/* A list over all its pages. */
struct list {
    const char *what;
    const char *path; /* with its query; limit and position are added */
    bool numbered;    /* pages have numbers (`page_no`), not cursors */
    size_t item_size;
    /* False: not what the API promises. */
    bool (*read)(void *owner, const struct json *item, void *item_out);
    bool (*keep)(const void *item, const void *filter); /* NULL: all */
    const void *filter;
};
/* One page of it. `position` NULL: the first; *next_out NULL: that was the last. */
SUSPENDS MUST_CHECK bool list_page(struct composio *client, void *owner, const struct list *list,
        const char *position, void **items_out, size_t *count_out, const char **next_out,
        struct error *err);
SUSPENDS MUST_CHECK bool list_read(struct composio *client, void *owner, const struct list *list,
        void **items_out, size_t *count_out, struct error *err);

/* A string member; `otherwise` when absent, null or no text. */
const char *member_text(const struct json *object, const char *name, const char *otherwise);
/* The strings of an array, which lose what is none. */
const char **texts_read(void *owner, const struct json *array, size_t *count_out);
/* A member that is an array of strings. */
void write_texts(
        struct json_writer *writer, const char *name, const char *const *texts, size_t count);
