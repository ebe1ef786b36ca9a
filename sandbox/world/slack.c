/* Slack: channels (kind "channel"), members (kind "member") and messages (kind "message", parent: the channel, id: channel
 * and timestamp, as timestamps tell messages apart only within a channel). */
#include "sandbox/world/world.h"

#include <inttypes.h>
#include <stdlib.h>

/* By id, or by name with or without #. *found_out false: the tool failed as Slack does. */
SUSPENDS static MUST_CHECK bool channel_find(
        struct tool_call *tool, struct thing *out, bool *found_out, struct error *err)
{
    struct things channels;
    const char *wanted = argument_required(tool, "channel");
    wanted += wanted[0] == '#' ? 1 : 0;
    if (!world_list(tool, "channel", NULL, &channels, err)) {
        return false;
    }
    for (size_t i = 0; i < channels.count; i++) {
        const char *name = json_text(json_get(channels.items[i].body, "name"));
        if (strcmp(channels.items[i].id, wanted) == 0 ||
                (name != NULL && strcmp(name, wanted) == 0)) {
            *out = channels.items[i];
            *found_out = true;
            return true;
        }
    }
    *found_out = false;
    return tool_fail(tool, 200, "channel_not_found");
}

static const char *timestamp_of(const struct thing *message)
{
    const char *colon = strchr(message->id, ':');
    return colon == NULL ? message->id : colon + 1;
}

static void write_message(struct tool_call *tool, const struct thing *message)
{
    json_begin_object(&tool->json);
    write_text_member(&tool->json, "type", "message");
    write_text_member(&tool->json, "ts", timestamp_of(message));
    write_members_of(&tool->json, message->body);
    json_end_object(&tool->json);
}

/* ---- messages ---- */

static const char *message_body(struct tool_call *tool)
{
    static const char *const copied[] = {
            "blocks", "attachments", "thread_ts", "username", "icon_emoji", "icon_url"};
    const char *text = argument_text(tool, "markdown_text");
    text = text == NULL ? argument_text(tool, "text") : text;
    struct body body;
    body_begin(&body, tool->memory);
    write_text_member(&body.json, "user", "U0SANDBOX");
    write_text_member(&body.json, "text", text == NULL ? "" : text);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        const struct json *value = json_get(tool->arguments, copied[i]);
        if (value != NULL && json_type(value) != JSON_NULL) {
            json_write_name(&body.json, copied[i]);
            json_write_value(&body.json, value);
        }
    }
    return body_end(&body);
}

static bool send_message(struct tool_call *tool, struct error *err)
{
    static const char *const contents[] = {"markdown_text", "text", "blocks", "attachments"};
    struct thing channel, message = {0};
    bool found, any = false;
    for (size_t i = 0; i < 4; i++) {
        any = any || argument_text(tool, contents[i]) != NULL;
    }
    if (!any) {
        return tool_fail(tool, 200, "no_text");
    }
    if (!channel_find(tool, &channel, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    const char *body = message_body(tool);
    const char *head = mem_printf(tool->memory, "%s:%" PRId64 ".%03d", channel.id,
            tool->now_ms / 1000, (int)(tool->now_ms % 1000));
    if (!json_parse(tool->memory, slice_of(body), &message.body, err) ||
            !world_append(tool, "message", channel.id, head, 3, body, &message.id, err)) {
        return false;
    }
    write_bool_member(&tool->json, "ok", true);
    write_text_member(&tool->json, "channel", channel.id);
    write_text_member(&tool->json, "ts", timestamp_of(&message));
    json_write_name(&tool->json, "message");
    write_message(tool, &message);
    return true;
}

static double seconds_argument(struct tool_call *tool, const char *name, double otherwise)
{
    const char *text = argument_text(tool, name);
    return text == NULL ? otherwise : strtod(text, NULL);
}

/* Messages between oldest and latest, or of one thread, a page of them. */
static void write_history(struct tool_call *tool, const struct things *messages)
{
    const char *cursor = argument_text(tool, "cursor");
    int64_t begin = cursor == NULL ? 0 : strtoll(cursor, NULL, 10), total = 0;
    int64_t limit = argument_int(tool, "limit", 100, 1, 1000);
    double oldest = seconds_argument(tool, "oldest", 0);
    double latest = seconds_argument(tool, "latest", 1e12);
    bool inclusive = argument_bool(tool, "inclusive", false);
    write_bool_member(&tool->json, "ok", true);
    json_write_name(&tool->json, "messages");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < messages->count; i++) {
        double time = strtod(timestamp_of(&messages->items[i]), NULL);
        if (inclusive ? time < oldest || time > latest : time <= oldest || time >= latest) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            write_message(tool, &messages->items[i]);
        }
        total++;
    }
    json_end_array(&tool->json);
    bool more = begin + limit < total;
    write_bool_member(&tool->json, "has_more", more);
    json_write_name(&tool->json, "response_metadata");
    json_begin_object(&tool->json);
    json_write_name(&tool->json, "next_cursor");
    if (more) {
        json_write_printf(&tool->json, "%" PRId64, begin + limit);
    } else {
        json_write_text(&tool->json, "");
    }
    json_end_object(&tool->json);
}

static bool history(struct tool_call *tool, struct error *err)
{
    struct thing channel;
    struct things messages;
    bool found;
    if (!channel_find(tool, &channel, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    if (!world_list(tool, "message", channel.id, &messages, err)) {
        return false;
    }
    write_history(tool, &messages);
    return true;
}

static bool thread(struct tool_call *tool, struct error *err)
{
    struct thing channel;
    struct things messages;
    bool found;
    const char *ts = argument_required(tool, "ts");
    if (!channel_find(tool, &channel, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    if (!world_list(tool, "message", channel.id, &messages, err)) {
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < messages.count; i++) {
        const char *of = json_text(json_get(messages.items[i].body, "thread_ts"));
        if (strcmp(timestamp_of(&messages.items[i]), ts) == 0 ||
                (of != NULL && strcmp(of, ts) == 0)) {
            messages.items[kept++] = messages.items[i];
        }
    }
    messages.count = kept;
    if (kept == 0) {
        return tool_fail(tool, 200, "thread_not_found");
    }
    write_history(tool, &messages);
    return true;
}

static bool search(struct tool_call *tool, struct error *err)
{
    struct things messages;
    const char *query = argument_required(tool, "query");
    int64_t limit = argument_int(tool, "count", 1, 1, 100), total = 0;
    if (!world_list(tool, "message", NULL, &messages, err)) {
        return false;
    }
    write_bool_member(&tool->json, "ok", true);
    write_text_member(&tool->json, "query", query);
    json_write_name(&tool->json, "messages");
    json_begin_object(&tool->json);
    json_write_name(&tool->json, "matches");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < messages.count; i++) {
        const char *text = json_text(json_get(messages.items[i].body, "text"));
        if (text != NULL && strcasestr(text, query) != NULL && total++ < limit) {
            write_message(tool, &messages.items[i]);
        }
    }
    json_end_array(&tool->json);
    write_int_member(&tool->json, "total", total);
    json_end_object(&tool->json);
    return true;
}

/* ---- channels and members ---- */

static bool channel_takes(struct tool_call *tool, const struct thing *channel)
{
    const char *types = argument_text(tool, "types"), *name = argument_text(tool, "channel_name");
    bool private = json_bool(json_get(channel->body, "is_private"), false);
    bool archived = json_bool(json_get(channel->body, "is_archived"), false);
    const char *own = json_text(json_get(channel->body, "name"));
    types = types == NULL ? "public_channel" : types;
    return strstr(types, private ? "private_channel" : "public_channel") != NULL &&
           !(archived && argument_bool(tool, "exclude_archived", false)) &&
           (name == NULL || (own != NULL && strcasestr(own, name) != NULL));
}

/* Things of one kind as `member`, a page of them. */
static void write_list(struct tool_call *tool, const char *member, const struct things *things,
        bool (*takes)(struct tool_call *tool, const struct thing *thing))
{
    const char *cursor = argument_text(tool, "cursor");
    int64_t begin = cursor == NULL ? 0 : strtoll(cursor, NULL, 10), total = 0;
    int64_t limit = argument_int(tool, "limit", 1, 1, 1000);
    write_bool_member(&tool->json, "ok", true);
    json_write_name(&tool->json, member);
    json_begin_array(&tool->json);
    for (size_t i = things->count; i > 0; i--) {
        const struct thing *thing = &things->items[i - 1];
        if (takes != NULL && !takes(tool, thing)) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            json_begin_object(&tool->json);
            write_text_member(&tool->json, "id", thing->id);
            write_members_of(&tool->json, thing->body);
            json_end_object(&tool->json);
        }
        total++;
    }
    json_end_array(&tool->json);
    json_write_name(&tool->json, "response_metadata");
    json_begin_object(&tool->json);
    json_write_name(&tool->json, "next_cursor");
    if (begin + limit < total) {
        json_write_printf(&tool->json, "%" PRId64, begin + limit);
    } else {
        json_write_text(&tool->json, "");
    }
    json_end_object(&tool->json);
}

static bool list_channels(struct tool_call *tool, struct error *err)
{
    struct things channels;
    if (!world_list(tool, "channel", NULL, &channels, err)) {
        return false;
    }
    write_list(tool, "channels", &channels, channel_takes);
    return true;
}

static bool list_users(struct tool_call *tool, struct error *err)
{
    struct things members;
    if (!world_list(tool, "member", NULL, &members, err)) {
        return false;
    }
    write_list(tool, "members", &members, NULL);
    return true;
}

const struct emulation slack_emulations[] = {
        {"SLACK_SEND_MESSAGE", send_message},
        {"SLACK_CHAT_POST_MESSAGE", send_message},
        {"SLACK_SENDS_A_MESSAGE_TO_A_SLACK_CHANNEL", send_message},
        {"SLACK_FETCH_CONVERSATION_HISTORY", history},
        {"SLACK_CONVERSATIONS_HISTORY", history},
        {"SLACK_FETCH_MESSAGE_THREAD_FROM_A_CONVERSATION", thread},
        {"SLACK_SEARCH_MESSAGES", search},
        {"SLACK_SEARCH_FOR_MESSAGES_WITH_QUERY", search},
        {"SLACK_LIST_ALL_CHANNELS", list_channels},
        {"SLACK_LIST_ALL_SLACK_TEAM_CHANNELS_WITH_VARIOUS_FILTERS", list_channels},
        {"SLACK_LIST_ALL_USERS", list_users},
        {"SLACK_LIST_ALL_SLACK_TEAM_USERS_WITH_PAGINATION", list_users},
        {NULL, NULL},
};
