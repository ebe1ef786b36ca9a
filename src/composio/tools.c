/* Toolkits, tools, and running one. */
#include "composio/client_internal.h"
#include "json/utf8.h"

#include <string.h>

/* A result of 10 MiB in UTF-8, sent with every other letter as an escape, twice as long. */
#define EXECUTE_REPLY_BYTES (24 * 1024 * 1024)
#define NAMES_BYTES         (1024 * 1024) /* of a request's body beside the arguments */

bool composio_toolkit_get(struct composio *client, void *owner, const char *slug,
        struct composio_toolkit *out, struct error *err)
{
    const struct call call = {
            .method = "GET", .what = "toolkit", .path = path_with(owner, "/toolkits/", slug)};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    const struct json *meta = json_get(object, "meta");
    *out = (struct composio_toolkit){.slug = member_text(object, "slug", mem_strdup(owner, slug)),
            .name = member_text(object, "name", mem_strdup(owner, slug)),
            .description = member_text(meta, "description", NULL),
            .logo = member_text(meta, "logo", NULL)};
    return true;
}

static const struct json *object_member(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, name);
    return json_type(member) == JSON_OBJECT ? member : NULL;
}

static bool tool_read(void *owner, const struct json *from, void *out)
{
    (void)owner;
    struct composio_tool *tool = out;
    tool->slug = member_text(from, "slug", NULL);
    tool->name = member_text(from, "name", tool->slug);
    tool->description = member_text(from, "description", "");
    tool->toolkit = member_text(json_get(from, "toolkit"), "slug", "");
    tool->version = member_text(from, "version", "");
    tool->input_parameters = object_member(from, "input_parameters");
    tool->output_parameters = object_member(from, "output_parameters");
    tool->deprecated = json_bool(json_get(from, "is_deprecated"), false);
    return tool->slug != NULL;
}

bool composio_tool_get(struct composio *client, void *owner, const char *slug, const char *version,
        struct composio_tool *out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, path_with(owner, "/tools/", slug));
    query_add(&path, "version", version == NULL ? "latest" : version);
    const struct call call = {.method = "GET", .what = "tool", .path = buffer_text(&path)};
    const struct json *object;
    struct composio_tool tool;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    if (!tool_read(owner, object, &tool)) {
        return fail_promise(call.what, err);
    }
    *out = tool;
    return true;
}

bool composio_tool_list(struct composio *client, void *owner, const char *toolkit,
        struct composio_tool **list_out, size_t *count_out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, "/tools?toolkit_versions=latest");
    query_add(&path, "toolkit_slug", toolkit);
    const struct list list = {.what = "tool",
            .path = buffer_text(&path),
            .item_size = sizeof(struct composio_tool),
            .read = tool_read};
    void *items;
    if (!list_read(client, owner, &list, &items, count_out, err)) {
        return false;
    }
    *list_out = items;
    return true;
}

/* ---- execution ---- */

static struct slice execution_body(void *owner, const struct composio_execution *execution)
{
    struct buffer body;
    struct json_writer writer;
    buffer_init(&body, owner, execution->arguments.length + NAMES_BYTES);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "user_id");
    json_write_text(&writer, execution->user_id);
    json_write_name(&writer, "connected_account_id");
    json_write_text(&writer, execution->account_id);
    json_write_name(&writer, "version");
    json_write_text(&writer, execution->version == NULL ? "latest" : execution->version);
    json_write_name(&writer, "arguments");
    json_write_raw(&writer, execution->arguments.length == 0 ? SLICE("{}") : execution->arguments);
    json_end_object(&writer);
    return buffer_slice(&body);
}

/* What Composio's refusals of an execution mean. Slugs and numbers were both seen missing. */
static const struct refusal {
    const char *slug;
    int64_t code;
    enum error_code kind;
    const char *reason, *message;
} refusals[] = {
        {"ActionExecute_ConnectedAccountNotFound", 1810, ERROR_PRECONDITION_FAILED,
                "UPSTREAM_ACCOUNT_GONE", "Composio has no such connected account; connect again"},
        {"ConnectedAccount_ResourceNotFound", 606, ERROR_PRECONDITION_FAILED,
                "UPSTREAM_ACCOUNT_GONE", "Composio has no such connected account; connect again"},
        {NULL, 1803, ERROR_PRECONDITION_FAILED, "UPSTREAM_ACCOUNT_GONE",
                "Composio has no such connected account; connect again"},
        {"ActionExecute_ConnectedAccountExpired", 1820, ERROR_PRECONDITION_FAILED,
                "UPSTREAM_ACCOUNT_EXPIRED", "the connected account has expired; connect again"},
        {"ActionExecute_ConnectedAccountEntityIdMismatch", 1812, ERROR_FORBIDDEN,
                "UPSTREAM_ACCOUNT_MISMATCH", "the connected account belongs to another user"},
        {"ActionExecute_ToolNotFound", 1800, ERROR_NOT_FOUND, "UPSTREAM_TOOL_NOT_FOUND",
                "Composio has no such tool in this version"},
        {"Tool_ToolNotFound", 2401, ERROR_NOT_FOUND, "UPSTREAM_TOOL_NOT_FOUND",
                "Composio has no such tool in this version"},
};

static const struct refusal *find_refusal(const struct answer *answer)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        bool same_slug = refusal->slug != NULL && strcmp(answer->slug, refusal->slug) == 0;
        if (same_slug || answer->code == refusal->code) {
            return refusal;
        }
    }
    return NULL;
}

static bool fail_unknown(enum error_code kind, struct error *err)
{
    return error_set(err, kind, "OUTCOME_UNKNOWN",
            "nobody knows whether the tool ran, as Composio's answer was lost; look before trying again");
}

static bool fail_execution(const struct call *call, const struct answer *answer, struct error *err)
{
    int status = answer->status;
    bool refused = status >= 400 && status < 500 && status != 408;
    if (!refused) {
        fail_unknown(
                status == 408 || status == 504 ? ERROR_GATEWAY_TIMEOUT : ERROR_BAD_GATEWAY, err);
        return fail_detail(answer, err);
    }
    const struct refusal *refusal = status == 401 || status == 429 ? NULL : find_refusal(answer);
    if (refusal != NULL) {
        error_set(err, refusal->kind, refusal->reason, "%s", refusal->message);
    } else if (status == 410) {
        error_set(err, ERROR_NOT_FOUND, "UPSTREAM_TOOL_NOT_FOUND", "Composio retired this tool");
    } else {
        return fail_status(call, answer, err);
    }
    return fail_detail(answer, err);
}

/* The tool's own words when it failed: "error", or failing that what the provider said. What is no text of Unicode, or has
 * a NUL in it, is given as JSON has it, with escapes: so that whoever shows or stores the words need not care. */
static const char *tool_error(void *owner, const struct json *object)
{
    const struct json *error = json_get(object, "error");
    struct slice words = json_string(error);
    if (words.data != NULL && json_text(error) != NULL && utf8_valid_run(words) == words.length) {
        return words.data;
    }
    if (json_type(error) != JSON_NULL) {
        return json_to_text(owner, error).data;
    }
    return member_text(json_get(object, "data"), "message", "the tool gave no reason");
}

static struct composio_result result_read(void *owner, const struct json *object)
{
    const struct json *successful = json_get(object, "successful");
    if (successful == NULL) {
        successful = json_get(object, "successfull"); /* so spelled in some of its documents */
    }
    bool ok = json_bool(successful, json_type(json_get(object, "error")) == JSON_NULL);
    return (struct composio_result){.successful = ok,
            .data = json_get(object, "data"),
            .error = ok ? NULL : tool_error(owner, object),
            .log_id = member_text(object, "log_id", NULL)};
}

bool composio_execute(struct composio *client, void *owner,
        const struct composio_execution *execution, struct composio_result *out, struct error *err)
{
    const struct call call = {.method = "POST",
            .what = "tool",
            .path = path_with(owner, "/tools/execute/", execution->tool),
            .body = execution_body(owner, execution),
            .once = true,
            .timeout_ms = execution->timeout_ms,
            .max_reply_bytes = EXECUTE_REPLY_BYTES};
    struct answer answer;
    struct error lost;
    if (!call_send(client, owner, &call, &answer, &lost)) {
        if (strcmp(lost.reason, "REPLY_TOO_LARGE") == 0) {
            error_set(err, ERROR_BAD_GATEWAY, "RESULT_TOO_LARGE",
                    "the tool was run, but its result is too large and was dropped; ask it for less");
            return error_detail(err, "%s", lost.message);
        }
        if (strcmp(lost.reason, "REPLY_LOST") != 0) {
            return fail_unanswered(&lost, err);
        }
        fail_unknown(lost.code, err); /* a cancelled fiber's execution may have run, too */
        return error_detail(err, "%s", lost.message);
    }
    if (answer.status < 200 || answer.status > 299) {
        return fail_execution(&call, &answer, err);
    }
    if (json_type(answer.body) != JSON_OBJECT) {
        fail_unknown(ERROR_BAD_GATEWAY, err);
        return fail_detail(&answer, err);
    }
    *out = result_read(owner, answer.body);
    return true;
}
