/* MCP servers of Composio. */
#include "composio/client_internal.h"

#include <string.h>

static bool server_read(void *owner, const struct json *from, void *out)
{
    struct composio_mcp_server *server = out;
    server->id = member_text(from, "id", NULL);
    server->name = member_text(from, "name", "");
    server->auth_config_ids =
            texts_read(owner, json_get(from, "auth_config_ids"), &server->auth_config_count);
    server->allowed_tools = texts_read(owner, json_get(from, "allowed_tools"), &server->tool_count);
    return server->id != NULL;
}

static bool server_call(struct composio *client, void *owner, const struct call *call,
        struct composio_mcp_server *out, struct error *err)
{
    const struct json *object;
    struct composio_mcp_server server;
    if (!call_object(client, owner, call, &object, err)) {
        return false;
    }
    if (!server_read(owner, object, &server)) {
        return fail_promise(call->what, err);
    }
    *out = server;
    return true;
}

bool composio_mcp_get(struct composio *client, void *owner, const char *id,
        struct composio_mcp_server *out, struct error *err)
{
    const struct call call = {
            .method = "GET", .what = "MCP server", .path = path_with(owner, "/mcp/", id)};
    return server_call(client, owner, &call, out, err);
}

static bool is_named(const void *item, const void *name)
{
    const struct composio_mcp_server *server = item;
    return strcmp(server->name, name) == 0;
}

bool composio_mcp_list(struct composio *client, void *owner, const char *name,
        struct composio_mcp_server **list_out, size_t *count_out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, "/mcp/servers");
    if (name != NULL) {
        query_add(&path, "name", name); /* they look for a part of the name */
    }
    const struct list list = {.what = "MCP server",
            .path = buffer_text(&path),
            .numbered = true,
            .item_size = sizeof(struct composio_mcp_server),
            .read = server_read,
            .keep = name == NULL ? NULL : is_named,
            .filter = name};
    void *items;
    if (!list_read(client, owner, &list, &items, count_out, err)) {
        return false;
    }
    *list_out = items;
    return true;
}

static struct slice server_body(void *owner, const struct composio_mcp_server *server)
{
    struct buffer body;
    struct json_writer writer;
    request_buffer_init(&body, owner);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "name");
    json_write_text(&writer, server->name);
    write_texts(&writer, "auth_config_ids", server->auth_config_ids, server->auth_config_count);
    write_texts(&writer, "allowed_tools", server->allowed_tools, server->tool_count);
    json_end_object(&writer);
    return buffer_slice(&body);
}

bool composio_mcp_create(struct composio *client, void *owner,
        const struct composio_mcp_server *server, struct composio_mcp_server *out,
        struct error *err)
{
    const struct call call = {.method = "POST",
            .what = "MCP server",
            .path = "/mcp/servers",
            .body = server_body(owner, server),
            .once = true};
    return server_call(client, owner, &call, out, err);
}

bool composio_mcp_update(struct composio *client, void *owner,
        const struct composio_mcp_server *server, struct composio_mcp_server *out,
        struct error *err)
{
    const struct call call = {.method = "PATCH",
            .what = "MCP server",
            .path = path_with(owner, "/mcp/", server->id),
            .body = server_body(owner, server)};
    return server_call(client, owner, &call, out, err);
}

bool composio_mcp_generate(struct composio *client, void *owner, const char *id,
        const char *user_id, const char **url_out, struct error *err)
{
    struct buffer body;
    struct json_writer writer;
    request_buffer_init(&body, owner);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "mcp_server_id");
    json_write_text(&writer, id);
    json_write_name(&writer, "managed_auth_by_composio"); /* true adds tools of theirs */
    json_write_bool(&writer, false);
    write_texts(&writer, "user_ids", &user_id, 1);
    json_end_object(&writer);

    /* Makes nothing, so it may be repeated. */
    const struct call call = {.method = "POST",
            .what = "MCP server",
            .path = "/mcp/servers/generate",
            .body = buffer_slice(&body)};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    struct json_iterator urls = json_iterate(json_get(object, "user_ids_url"));
    const char *url = json_next(&urls) ? json_text(urls.value) : NULL;
    if (url == NULL) {
        return fail_promise("MCP URL", err);
    }
    *url_out = url;
    return true;
}
