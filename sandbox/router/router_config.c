#include "sandbox/router/router_config.h"

#include "sandbox/router/router_draft.h"
#include "sandbox/router/router_session.h"

static const struct section {
    const char *name;
    section_writer *write;
    bool nullable; /* in a patch: back to the defaults */
    bool written;  /* without being given, too */
} sections[] = {
        {"toolkits", router_section_toolkits, false, false},
        {"auth_configs", router_section_auth_configs, false, false},
        {"connected_accounts", router_section_connected_accounts, true, false},
        {"manage_connections", router_section_manage_connections, true, true},
        {"tools", router_section_tools, false, false},
        {"tags", router_section_tags, false, false},
        {"workbench", router_section_workbench, true, true},
        {"multi_account", router_section_multi_account, true, false},
        {"preload", router_section_preload, false, true},
        {"search", router_section_search, false, true},
        {"execute", router_section_execute, false, true},
        {"experimental", router_section_experimental, true, true},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static MUST_CHECK bool write_section(
        struct draft *draft, const struct section *section, struct error *err)
{
    const struct router_change *change = draft->change;
    const struct json *given = json_get(change->body, section->name);
    const struct json *before = json_get(change->before, section->name);
    if (given != NULL && json_type(given) == JSON_NULL && section->nullable &&
            change->before != NULL) {
        return !section->written || section->write(draft, NULL, NULL, err);
    }
    if (given != NULL || before == NULL) {
        return section->write(draft, given, before, err);
    }
    json_write_name(&draft->json, section->name);
    json_write_value(&draft->json, before);
    return true;
}

/* Has the config a list of what is enabled, so that "all" is not the whole catalog? */
static bool is_positive(const struct json *config)
{
    if (json_get(json_get(config, "toolkits"), "enabled") != NULL ||
            json_get(json_get(config, "tags"), "enabled") != NULL) {
        return true;
    }
    for (struct json_iterator i = json_iterate(json_get(config, "tools")); json_next(&i);) {
        if (json_get(i.value, "enabled") != NULL ||
                json_get(json_get(i.value, "tags"), "enabled") != NULL) {
            return true;
        }
    }
    return false;
}

/* What sections say together. */
static MUST_CHECK bool check_whole(struct call *call, const struct json *config, struct error *err)
{
    const struct json *multi = json_get(config, "multi_account");
    const struct json *preload = json_get(json_get(config, "preload"), "tools");
    const struct router_session session = {.config = config};
    int64_t most = 1;
    if (json_bool(json_get(multi, "enable"), false)) {
        json_int(json_get(multi, "max_accounts_per_toolkit"), &most);
    }
    for (struct json_iterator i = json_iterate(json_get(config, "connected_accounts"));
            json_next(&i);) {
        if ((int64_t)json_count(i.value) > most) {
            return api_error_set(err, API_ROUTER_INVALID,
                    "connected_accounts.%.*s: this session may pin %d for each toolkit",
                    SLICE_ARG(i.name), (int)most);
        }
    }
    if (slice_is(json_string(preload), "all") && !is_positive(config)) {
        return api_error_set(err, API_ROUTER_INVALID,
                "preload.tools: all needs toolkits, tools or tags that are enabled");
    }
    for (struct json_iterator i = json_iterate(preload); json_next(&i);) {
        const struct tool *tool = catalog_tool(call->sandbox->catalog, json_text(i.value));
        if (!router_allows_tool(&session, tool)) {
            return api_error_set(err, API_ROUTER_INVALID,
                    "preload.tools: %s is not allowed in this session", tool->slug);
        }
    }
    return true;
}

bool router_config_make(struct call *call, const struct router_change *change,
        const char **text_out, struct error *err)
{
    struct draft draft = {.call = call, .change = change};
    const struct json *config;
    buffer_init(&draft.text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&draft.json, &draft.text);
    json_begin_object(&draft.json);
    write_text_member(&draft.json, "user_id", change->user_id);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!write_section(&draft, &sections[i], err)) {
            return false;
        }
    }
    json_end_object(&draft.json);
    if (!json_parse(call->memory, buffer_slice(&draft.text), &config, err) ||
            !check_whole(call, config, err)) {
        return false;
    }
    *text_out = buffer_text(&draft.text);
    return true;
}

bool router_config_check_patch(const struct json *body, struct error *err)
{
    const char *members[SECTION_COUNT + 1] = {NULL};
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        members[i] = sections[i].name;
    }
    return body == NULL || draft_expect_object(body, "body", members, err);
}

/* ---- answering ---- */

static void write_pins_v3(struct json_writer *json, const struct json *pins)
{
    json_begin_object(json);
    for (struct json_iterator i = json_iterate(pins); json_next(&i);) {
        struct json_iterator first = json_iterate(i.value);
        if (json_next(&first)) {
            json_write_name_slice(json, i.name);
            json_write_value(json, first.value);
        }
    }
    json_end_object(json);
}

void router_config_write(struct call *call, const struct json *config)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    for (struct json_iterator i = json_iterate(config); json_next(&i);) {
        if (slice_is(i.name, "experimental")) {
            continue;
        }
        json_write_name_slice(json, i.name);
        if (!call->v31 && slice_is(i.name, "connected_accounts")) {
            write_pins_v3(json, i.value);
        } else {
            json_write_value(json, i.value);
        }
    }
    json_end_object(json);
}
