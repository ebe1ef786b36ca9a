#include "core/tools.h"

#include "base/log.h"
#include "core/core_internal.h"
#include "core/tool_schemas.h"
#include "json/schema.h"

/* ---- the list ---- */

static bool is_among(const struct json *slugs, struct slice slug)
{
    for (struct json_iterator i = json_iterate(slugs); json_next(&i);) {
        if (slice_equal(json_string(i.value), slug)) {
            return true;
        }
    }
    return slugs == NULL;
}

static struct slice copy_text(void *memory, struct slice text)
{
    return (struct slice){mem_strndup(memory, text.data, text.length), text.length};
}

/* Add a tool to the list, unless Composio has it no more. */
static bool add_tool(const struct context *context, const struct integration *integration,
        const char *slug, struct tool *list, size_t *count, struct error *err)
{
    void *memory = context->memory;
    const struct tool_schema *schema = NULL;
    if (!tool_schema_find(context->core, slug, &schema, err)) {
        return false;
    }
    if (schema->read && schema->version == NULL) {
        return true;
    }
    list[(*count)++] = (struct tool){
            .provider = integration->provider,
            .connected = integration->has_connection &&
                         integration->connection.status == CONNECTION_ACTIVE,
            .slug = slug,
            .name = mem_strdup(memory, schema->name),
            .description = mem_strdup(memory, schema->description),
            .version = mem_strdup(memory, schema->version),
            .input_schema = copy_text(memory, schema->input_schema),
            .output_schema = copy_text(memory, schema->output_schema),
    };
    return true;
}

/* The slugs that a provider allows. */
static const struct json *read_allowed(
        const struct context *context, const struct integration *integration)
{
    const struct json *allowed = NULL;
    struct error err = {0};
    if (!json_parse(context->memory, integration->allowed_tools, &allowed, &err)) {
        log_error("the allowed tools of %s cannot be read: %s", integration->provider, err.message);
    }
    return allowed;
}

bool tools_list(const struct context *context, const char *provider, const struct json *slugs,
        struct tool **list_out, size_t *count_out, struct error *err)
{
    struct integration *integrations = NULL;
    struct provider_row row;
    size_t integration_count = 0, most = 0, count = 0;
    if ((provider != NULL && !provider_row_read(context, provider, &row, err)) ||
            !connections_list(context, &integrations, &integration_count, err)) {
        return false;
    }
    const struct json **allowed =
            mem_array(context->memory, const struct json *, integration_count);
    for (size_t i = 0; i < integration_count; i++) {
        integrations[i].provider = mem_strdup(context->memory, integrations[i].provider);
        if (provider == NULL || strcmp(integrations[i].provider, provider) == 0) {
            allowed[i] = read_allowed(context, &integrations[i]);
            most += json_count(allowed[i]);
        }
    }
    struct tool *list = mem_array(context->memory, struct tool, most);
    for (size_t i = 0; i < integration_count; i++) {
        for (struct json_iterator at = json_iterate(allowed[i]); json_next(&at);) {
            const char *slug = json_text(at.value);
            if (slug != NULL && is_among(slugs, json_string(at.value)) &&
                    !add_tool(context, &integrations[i], slug, list, &count, err)) {
                return false;
            }
        }
    }
    *list_out = list;
    *count_out = count;
    return true;
}

/* ---- arguments ---- */

static bool arguments_invalid(const char *tool, const struct json_misfit *misfit, struct error *err)
{
    if (misfit->count == 1) {
        return error_set(err, ERROR_BAD_REQUEST, "ARGUMENTS_INVALID",
                "The parameters do not fit %.64s: %s", tool, misfit->text);
    }
    return error_set(err, ERROR_BAD_REQUEST, "ARGUMENTS_INVALID",
            "The parameters do not fit %.64s (%d problems): %s", tool, misfit->count, misfit->text);
}

bool tool_check_arguments(const struct context *context, const char *tool,
        const struct json *arguments, const char **version_out, struct error *err)
{
    void *memory = context->memory;
    const struct tool_schema *schema = NULL;
    struct json_misfit misfit;
    if (arguments == NULL && !json_parse(memory, SLICE("{}"), &arguments, err)) {
        return false;
    }
    if (json_type(arguments) != JSON_OBJECT) {
        return error_set(err, ERROR_BAD_REQUEST, "ARGUMENTS_NOT_AN_OBJECT",
                "The tool's parameters must be a JSON object.");
    }
    if (!tool_schema_find(context->core, tool, &schema, err)) {
        return false;
    }
    if (context->core->options.check_arguments && schema->input != NULL &&
            !json_fits_schema(memory, schema->input, arguments, &misfit)) {
        return arguments_invalid(tool, &misfit, err);
    }
    bool is_known = schema->version != NULL && schema->version[0] != '\0';
    *version_out = is_known ? mem_strdup(memory, schema->version) : NULL;
    return true;
}

/* ---- refusals ---- */

static bool is_version(const struct tool_schema *schema, const char *version)
{
    const char *known = schema->version == NULL ? "" : schema->version;
    return strcmp(known, version == NULL ? "" : version) == 0;
}

void tool_explain_refusal(
        struct core *core, const char *tool, const char *version, struct error *err)
{
    const struct tool_schema *schema = NULL;
    struct error read_error = {0}, refusal = *err;
    /* Another fiber or instance may have asked since; so the row is looked at first. */
    if (!tool_schema_find_newest(core, tool, &schema, &read_error) ||
            (is_version(schema, version) &&
                    (!tool_schema_refresh(core, tool, &read_error) ||
                            !tool_schema_find_newest(core, tool, &schema, &read_error)))) {
        log_warn("%s not looked up after a refusal: %s", tool, read_error.message);
        return;
    }
    if (schema->read && schema->version == NULL) {
        error_set(err, ERROR_NOT_FOUND, "TOOL_REMOVED",
                "Composio no longer has the tool %.100s, and nothing was run; integrations.tools says which there are.",
                tool);
    } else if (!is_version(schema, version)) {
        error_set(err, ERROR_CONFLICT, "TOOL_CHANGED",
                "%.100s changed at Composio, and nothing was run; read its schema again (integrations.tools) and call it as that says.",
                tool);
    }
    error_detail(err, "%s", refusal.detail);
}
