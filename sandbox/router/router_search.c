#include "sandbox/router/router_search.h"

#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"

#include <ctype.h>

#define QUERIES_MOST      7
#define USE_CASE_MOST     1024
#define KNOWN_FIELDS_MOST 500
#define PRIMARY_MOST      3
#define FOUND_MOST        6

/* ---- scoring ---- */

#define WORD_MOST 32

/* The next word of letters and digits in lower case; its plural's s is dropped. False: there is none. */
static bool next_word(const char **text, char word[static WORD_MOST + 1])
{
    size_t length = 0;
    while (**text != '\0' && !isalnum((unsigned char)**text)) {
        (*text)++;
    }
    for (; isalnum((unsigned char)**text); (*text)++) {
        if (length < WORD_MOST) {
            word[length++] = (char)tolower((unsigned char)**text);
        }
    }
    if (length > 3 && word[length - 1] == 's' && word[length - 2] != 's') {
        length--;
    }
    word[length] = '\0';
    return length > 0;
}

static bool has_word(const char *text, const char *word)
{
    char other[WORD_MOST + 1];
    while (next_word(&text, other)) {
        if (strcmp(other, word) == 0) {
            return true;
        }
    }
    return false;
}

/* Of grammar rather than of meaning. */
static bool is_filler(const char *word)
{
    return has_word(
            "a an and are as at be by for from in into is it its me my new of on or our some "
            "that the their them this to up use user with you your all any last please",
            word);
}

int router_search_score(const char *use_case, const char *slug, const char *name,
        const char *toolkit, const char *description)
{
    char word[WORD_MOST + 1];
    int score = 0;
    while (next_word(&use_case, word)) {
        if (is_filler(word)) {
            continue;
        }
        score += has_word(toolkit, word)                        ? 4
                 : has_word(slug, word) || has_word(name, word) ? 3
                 : has_word(description, word)                  ? 1
                                                                : 0;
    }
    return score;
}

/* ---- what was found ---- */

/* A tool of the catalog or one that was brought along. */
struct found {
    const char *slug, *toolkit, *description;
    const struct json *input;
    bool needs_account;
    int score;
};
struct findings {
    struct found items[FOUND_MOST];
    size_t count;
};

/* The best first; of equals the one that came first. */
static void add(struct findings *findings, const struct found *found)
{
    size_t at = findings->count;
    if (found->score == 0) {
        return;
    }
    while (at > 0 && findings->items[at - 1].score < found->score) {
        at--;
    }
    if (at == FOUND_MOST) {
        return;
    }
    size_t last = findings->count < FOUND_MOST ? findings->count++ : FOUND_MOST - 1;
    memmove(&findings->items[at + 1], &findings->items[at],
            (last - at) * sizeof findings->items[0]);
    findings->items[at] = *found;
}

static void find(struct call *call, const struct router_session *session,
        const struct router_query *query, const char *use_case, struct findings *out)
{
    const struct tool *tool = catalog_tools(call->sandbox->catalog);
    out->count = 0;
    for (; tool != NULL; tool = tool->next) {
        bool wanted =
                query->toolkits.count == 0 || texts_have(&query->toolkits, tool->toolkit->slug);
        if (!wanted || tool->deprecated || !router_allows_tool(session, tool)) {
            continue;
        }
        struct found found = {tool->slug, tool->toolkit->slug, tool->description, tool->input, true,
                router_search_score(
                        use_case, tool->slug, tool->name, tool->toolkit->name, tool->description)};
        add(out, &found);
    }
    for (size_t i = 0; query->custom != NULL && i < query->custom->count; i++) {
        const struct custom_tool *custom = &query->custom->items[i];
        const char *toolkit = custom->toolkit == NULL ? "" : custom->toolkit;
        struct found found = {custom->slug, toolkit, custom->description, custom->input,
                custom->extends,
                router_search_score(use_case, custom->original_slug, custom->name, toolkit,
                        custom->description)};
        add(out, &found);
    }
}

/* ---- writing results ---- */

static bool toolkit_seen(const struct findings *findings, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(findings->items[i].toolkit, findings->items[at].toolkit) == 0) {
            return true;
        }
    }
    return findings->items[at].toolkit[0] == '\0';
}

static void write_slugs(struct json_writer *json, const char *name, const struct findings *findings,
        size_t from, size_t to)
{
    json_write_name(json, name);
    json_begin_array(json);
    for (size_t i = from; i < to && i < findings->count; i++) {
        json_write_text(json, findings->items[i].slug);
    }
    json_end_array(json);
}

static void write_result(struct json_writer *json, size_t index, const char *use_case,
        const struct findings *findings)
{
    json_begin_object(json);
    write_int_member(json, "index", (int64_t)index + 1);
    write_text_member(json, "use_case", use_case);
    write_text_member(json, "execution_guidance",
            findings->count == 0 ? "No tool of this session fits; say it in other words."
                                 : "Read the input schema, then execute the tool that fits.");
    write_slugs(json, "primary_tool_slugs", findings, 0, PRIMARY_MOST);
    write_slugs(json, "related_tool_slugs", findings, PRIMARY_MOST, FOUND_MOST);
    json_write_name(json, "toolkits");
    json_begin_array(json);
    for (size_t i = 0; i < findings->count; i++) {
        if (!toolkit_seen(findings, i)) {
            json_write_text(json, findings->items[i].toolkit);
        }
    }
    json_end_array(json);
    write_text_member(json, "error", NULL);
    json_end_object(json);
}

/* ---- writing connections ---- */

static void write_user(struct json_writer *json, const char *name, const struct account *account)
{
    json_write_name(json, name);
    json_begin_object(json);
    write_text_member(json, "email", account->email);
    json_end_object(json);
}

static void write_accounts(struct json_writer *json, const struct accounts *accounts, bool required)
{
    json_write_name(json, "accounts");
    json_begin_array(json);
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->items[i];
        json_begin_object(json);
        write_text_member(json, "id", account->id);
        if (account->alias != NULL) {
            write_text_member(json, "alias", account->alias);
        }
        write_user(json, "user_info", account);
        write_text_member(json, "status", account_is_active(account) ? "active" : "inactive");
        json_write_name(json, "created_at");
        json_write_time(json, account->created_at);
        write_bool_member(json, "is_default", i == 0);
        write_text_member(json, "account_type", account->shared ? "SHARED" : "PRIVATE");
        json_end_object(json);
    }
    json_end_array(json);
    if (required && accounts->count > 1) {
        write_text_member(json, "account_selection", "required");
    }
}

SUSPENDS static MUST_CHECK bool write_status(struct call *call,
        const struct router_session *session, const struct toolkit *toolkit,
        struct json_writer *json, struct error *err)
{
    struct accounts accounts;
    if (!router_accounts(call, session, toolkit->slug, &accounts, err)) {
        return false;
    }
    const struct account *account = accounts.count == 0 ? NULL : &accounts.items[0];
    bool active = account != NULL && account_is_active(account);
    json_begin_object(json);
    write_text_member(json, "toolkit", toolkit->slug);
    write_text_member(json, "description", toolkit->description);
    write_bool_member(json, "has_active_connection", active);
    if (active) {
        json_write_name(json, "connection_details");
        json_begin_object(json);
        write_text_member(json, "connected_account_id", account->id);
        write_text_member(json, "auth_config_id", account->auth_config.id);
        json_end_object(json);
        write_user(json, "current_user_info", account);
        write_text_member(json, "account_type", account->shared ? "SHARED" : "PRIVATE");
    }
    if (router_flag(session, "multi_account", "enable", false)) {
        write_accounts(json, &accounts,
                router_flag(session, "multi_account", "require_explicit_selection", false));
    }
    write_text_member(json, "status_message",
            active ? "Connection is active and ready to use"
                   : "No active connection; connect the toolkit before its tools are executed");
    json_end_object(json);
    return true;
}

/* ---- writing the rest ---- */

static void write_schema(struct json_writer *json, const struct found *found)
{
    json_write_name(json, found->slug);
    json_begin_object(json);
    write_text_member(json, "toolkit", found->toolkit);
    write_text_member(json, "tool_slug", found->slug);
    write_text_member(json, "description", found->description);
    json_write_name(json, "input_schema");
    json_write_value(json, found->input);
    write_bool_member(json, "hasFullSchema", true);
    json_end_object(json);
}

static void write_time(struct call *call, struct json_writer *json)
{
    json_write_name(json, "time_info");
    json_begin_object(json);
    json_write_name(json, "current_time_utc");
    json_write_time(json, call->now_ms);
    write_int_member(json, "current_time_utc_epoch_seconds", call->now_ms / 1000);
    write_text_member(json, "message", "This is UTC; mind the user's own time zone.");
    json_end_object(json);
}

static void write_workflow(struct call *call, struct json_writer *json, const struct json *given)
{
    const char *id = json_text(json_get(given, "id"));
    bool fresh = id == NULL || id[0] == '\0' || json_bool(json_get(given, "generate_id"), false);
    json_write_name(json, "session");
    json_begin_object(json);
    write_text_member(json, "id", fresh ? sandbox_new_id(call->memory, "", 8) : id);
    write_bool_member(json, "generate_id", fresh);
    write_text_member(json, "instructions", "Pass this id as session_id to the meta tools.");
    json_end_object(json);
}

static void write_guidance(struct json_writer *json, bool connect)
{
    json_write_name(json, "next_steps_guidance");
    json_begin_array(json);
    if (connect) {
        json_write_text(json, "Connect the toolkits without an active connection first.");
    }
    json_write_text(json, "Execute the tools with arguments that fit their input schemas.");
    json_end_array(json);
}

/* ---- the whole ---- */

static MUST_CHECK bool check_queries(const struct json *queries, struct error *err)
{
    bool good = json_type(queries) == JSON_ARRAY && json_count(queries) >= 1 &&
                json_count(queries) <= QUERIES_MOST;
    for (struct json_iterator i = json_iterate(queries); good && json_next(&i);) {
        const struct json *known = json_get(i.value, "known_fields");
        const char *use_case = json_text(json_get(i.value, "use_case"));
        good = use_case != NULL && use_case[0] != '\0' && strlen(use_case) <= USE_CASE_MOST &&
               (known == NULL || (json_text(known) != NULL &&
                                         json_string(known).length <= KNOWN_FIELDS_MOST));
    }
    return good ||
           api_error_set(err, API_ROUTER_INVALID,
                   "queries: expected 1 to 7, each with a use_case of 1 to 1024 characters");
}

SUSPENDS static MUST_CHECK bool write_statuses(struct call *call,
        const struct router_session *session, const struct texts *toolkits,
        struct json_writer *json, struct error *err)
{
    json_write_name(json, "toolkit_connection_statuses");
    json_begin_array(json);
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        if (texts_have(toolkits, toolkit->slug) &&
                !write_status(call, session, toolkit, json, err)) {
            return false;
        }
    }
    json_end_array(json);
    return true;
}

bool router_search_write(struct call *call, const struct router_session *session,
        const struct router_query *query, struct json_writer *json, struct error *err)
{
    struct buffer schemas;
    struct json_writer schema;
    if (!check_queries(query->queries, err)) {
        return false;
    }
    struct texts slugs = {mem_array(call->memory, const char *, QUERIES_MOST *FOUND_MOST), 0};
    struct texts toolkits = {mem_array(call->memory, const char *, QUERIES_MOST *FOUND_MOST), 0};
    buffer_init(&schemas, call->memory, CALL_BYTES_MAX);
    json_writer_init(&schema, &schemas);
    json_begin_object(&schema);
    json_write_name(json, "results");
    json_begin_array(json);
    for (struct json_iterator i = json_iterate(query->queries); json_next(&i);) {
        struct findings findings;
        const char *use_case = json_text(json_get(i.value, "use_case"));
        find(call, session, query, use_case, &findings);
        write_result(json, i.index, use_case, &findings);
        for (size_t k = 0; k < findings.count; k++) {
            const struct found *found = &findings.items[k];
            if (!texts_have(&slugs, found->slug)) {
                slugs.items[slugs.count++] = found->slug;
                toolkits.items[toolkits.count++] = found->needs_account ? found->toolkit : "";
                write_schema(&schema, found);
            }
        }
    }
    json_end_array(json);
    json_end_object(&schema);
    if (!write_statuses(call, session, &toolkits, json, err)) {
        return false;
    }
    json_write_name(json, "tool_schemas");
    json_write_raw(json, buffer_slice(&schemas));
    write_time(call, json);
    write_workflow(call, json, query->workflow);
    write_guidance(json, router_flag(session, "manage_connections", "enabled", true));
    return true;
}

/* ---- POST …/search ---- */

bool router_search(struct call *call, struct error *err)
{
    struct router_session session;
    struct custom_tools custom;
    struct router_query query = {.queries = json_get(call->body, "queries"), .custom = &custom};
    if (!field_list(call->memory, call->body, "toolkits", &query.toolkits, err) ||
            !custom_tools_read(call, call->body, &custom, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    if (!router_flag(&session, "search", "enable", true)) {
        return api_error_set(err, API_ROUTER_INVALID, "Search is off in session %s", session.id);
    }
    json_begin_object(&call->json);
    write_bool_member(&call->json, "success", true);
    write_text_member(&call->json, "error", NULL);
    if (!router_search_write(call, &session, &query, &call->json, err)) {
        return false;
    }
    json_end_object(&call->json);
    return true;
}
