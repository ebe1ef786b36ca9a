#include "sandbox/project.h"

#include "sandbox/accounts/callback.h"
#include "sandbox/routes.h"

#include <assert.h>

#define TEXT_BYTES_MAX 2048

static const struct setting {
    const char *name;
    enum json_type type;
    const char *otherwise; /* JSON; NULL: without a value */
    bool newer;            /* on v3.1 alone */
    bool dashboard;        /* not in the API */
} settings[] = {
        {"is_2FA_enabled", JSON_BOOL, "false", false, false},
        {"logo_url", JSON_STRING, NULL, false, false},
        {"display_name", JSON_STRING, "\"Sandbox\"", false, false},
        {"mask_secret_keys_in_connected_account", JSON_BOOL, "true", false, false},
        {"log_visibility_setting", JSON_STRING, "\"show_all\"", false, false},
        {"require_mcp_api_key", JSON_BOOL, "true", false, false},
        {"is_composio_link_enabled_for_managed_auth", JSON_BOOL, "true", true, false},
        {"signed_url_file_expiry_in_seconds", JSON_NUMBER, "3600", true, false},
        {"verifier_url", JSON_STRING, NULL, false, true},
        {"same_browser", JSON_BOOL, "false", false, true},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

/* ---- reading ---- */

static bool setting_fits(const struct setting *setting, const struct json *value)
{
    const char *text = json_text(value);
    int64_t number;
    if (json_type(value) != setting->type) {
        return false;
    }
    if (setting->type == JSON_NUMBER) {
        return json_int(value, &number) && number >= 1 && number <= 86400;
    }
    if (setting->type == JSON_BOOL) {
        return true;
    }
    if (strcmp(setting->name, "log_visibility_setting") == 0) {
        return text != NULL &&
               (strcmp(text, "show_all") == 0 || strcmp(text, "dont_store_data") == 0);
    }
    if (strcmp(setting->name, "verifier_url") == 0) {
        return text != NULL && callback_acceptable(text);
    }
    return text != NULL && strlen(text) <= TEXT_BYTES_MAX;
}

static const struct setting *setting_find(struct slice name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (slice_is(name, settings[i].name)) {
            return &settings[i];
        }
    }
    return NULL;
}

bool project_check(const struct json *changes, struct error *err)
{
    if (changes != NULL && json_type(changes) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "expected an object of settings");
    }
    for (struct json_iterator i = json_iterate(changes); json_next(&i);) {
        const struct setting *setting = setting_find(i.name);
        if (setting == NULL) {
            return api_error_set(err, API_BAD_REQUEST, "%.*s: no such setting", SLICE_ARG(i.name));
        }
        if (json_type(i.value) != JSON_NULL && !setting_fits(setting, i.value)) {
            return api_error_set(
                    err, API_BAD_REQUEST, "%s: not a value of this setting", setting->name);
        }
    }
    return true;
}

/* A new project: `changes` over `old` over what it is in the beginning. `old` may be NULL. */
static struct project *project_new(void *owner, const struct json *old, const struct json *changes)
{
    struct project *project = mem_new(owner, struct project);
    struct buffer text;
    struct json_writer json;
    struct error err = {0};
    buffer_init(&text, project, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        const struct json *value = json_get(changes, setting->name);
        bool reset = value != NULL && json_type(value) == JSON_NULL;
        value = value == NULL ? json_get(old, setting->name) : value;
        if (value != NULL && !reset) {
            json_write_name(&json, setting->name);
            json_write_value(&json, value);
        } else if (setting->otherwise != NULL) {
            json_write_name(&json, setting->name);
            json_write_raw(&json, slice_of(setting->otherwise));
        }
    }
    json_end_object(&json);
    bool good = json_parse(project, buffer_slice(&text), &project->settings, &err);
    assert(good);
    const struct json *all = project->settings;
    int64_t life_s = 0;
    good = json_int(json_get(all, "signed_url_file_expiry_in_seconds"), &life_s);
    assert(good);
    project->file_url_life_ms = life_s * 1000;
    project->masks_secrets =
            json_bool(json_get(all, "mask_secret_keys_in_connected_account"), true);
    project->wants_mcp_key = json_bool(json_get(all, "require_mcp_api_key"), true);
    project->same_browser = json_bool(json_get(all, "same_browser"), false);
    project->verifier_url = json_text(json_get(all, "verifier_url"));
    return project;
}

bool project_load(struct sandbox *sandbox, void *owner, struct error *err)
{
    const struct db_rows *rows;
    const struct json *stored = NULL;
    if (!db_read(sandbox->db, owner, "SELECT value FROM meta WHERE name = 'project'", DB_NO_PARAMS,
                &rows, err) ||
            (db_row_count(rows) > 0 &&
                    !json_parse(owner, db_get_slice(rows, 0, 0), &stored, err))) {
        return false;
    }
    mem_free(sandbox->project);
    sandbox->project = project_new(sandbox, stored, NULL);
    return true;
}

/* What is in memory holds at once, so that of two changes at a time neither forgets the other's. */
bool project_change(struct call *call, const struct json *changes, struct error *err)
{
    struct sandbox *sandbox = call->sandbox;
    if (!project_check(changes, err)) {
        return false;
    }
    struct project *old = sandbox->project;
    sandbox->project = project_new(sandbox, old->settings, changes);
    mem_move(call->memory, old);
    struct db_statement statement = {"INSERT INTO meta (name, value) VALUES ('project', $1) "
                                     "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            DB_PARAMS(DB_SLICE(json_to_text(call->memory, sandbox->project->settings)))};
    return db_write(sandbox->db, call->memory, &statement, 1, NULL, err);
}

/* ---- writing ---- */

void project_write(const struct project *project, struct json_writer *json)
{
    json_begin_object(json);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        json_write_name(json, settings[i].name);
        json_write_value(json, json_get(project->settings, settings[i].name));
    }
    json_end_object(json);
}

/* As the API has it: without the dashboard's, and without those that have no value. */
static void write_config(struct call *call)
{
    const struct json *all = call->sandbox->project->settings;
    json_begin_object(&call->json);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct json *value = json_get(all, settings[i].name);
        if (value != NULL && !settings[i].dashboard && (call->v31 || !settings[i].newer)) {
            json_write_name(&call->json, settings[i].name);
            json_write_value(&call->json, value);
        }
    }
    json_end_object(&call->json);
}

/* ---- GET and PATCH /org/project/config ---- */

bool project_config_get(struct call *call, struct error *err)
{
    (void)err;
    write_config(call);
    return true;
}

/* The API passes over what it does not know. */
bool project_config_change(struct call *call, struct error *err)
{
    struct buffer text;
    struct json_writer json;
    const struct json *changes;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    for (struct json_iterator i = json_iterate(call->body); json_next(&i);) {
        const struct setting *setting = setting_find(i.name);
        if (setting != NULL && !setting->dashboard) {
            if (json_type(i.value) == JSON_NULL) {
                return api_error_set(
                        err, API_BAD_REQUEST, "%s: not a value of this setting", setting->name);
            }
            json_write_name(&json, setting->name);
            json_write_value(&json, i.value);
        }
    }
    json_end_object(&json);
    if (!json_parse(call->memory, buffer_slice(&text), &changes, err) ||
            !project_change(call, changes, err)) {
        return false;
    }
    write_config(call);
    return true;
}

/* ---- GET and POST /_sandbox/project ---- */

bool control_project_get(struct call *call, struct error *err)
{
    (void)err;
    project_write(call->sandbox->project, &call->json);
    return true;
}

bool control_project_change(struct call *call, struct error *err)
{
    return project_change(call, call->body, err) && control_project_get(call, err);
}
