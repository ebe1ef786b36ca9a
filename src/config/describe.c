/* The table of options, printed for people. */
#include "config/config_internal.h"

static bool is_used_by(const struct option *option, const char *verb)
{
    struct slice rest = slice_of(option->verbs);
    while (verb != NULL && rest.data != NULL) {
        if (slice_is(slice_split(&rest, ' '), verb)) {
            return true;
        }
    }
    return verb == NULL;
}

/* Shorter than what an error says where the limits hardly ever matter. */
static void print_values(const struct option *option, struct buffer *out)
{
    if (option->kind == OPTION_SECRET && option->min > 1) {
        buffer_printf(out, "text of at least %d bytes", (int)option->min);
    } else if (option->kind == OPTION_SECRET || option->kind == OPTION_TEXT) {
        buffer_add_text(out, "text");
    } else {
        option_describe_values(option, out);
    }
}

void config_help(struct buffer *out, const char *verb)
{
    const char *group = "";
    for (size_t i = 0; i < config_option_count; i++) {
        const struct option *option = &config_options[i];
        if (!is_used_by(option, verb)) {
            continue;
        }
        if (strcmp(group, option->group) != 0) {
            buffer_printf(out, "%s%s:\n", out->length > 0 ? "\n" : "", option->group);
            group = option->group;
        }
        buffer_printf(out, "  %s\n      %s\n      ", option->name, option->help);
        print_values(option, out);
        if (option->default_value != NULL) {
            buffer_printf(out, "; default %s%s%s\n", option->default_value,
                    option->unit == NULL ? "" : " ", option->unit == NULL ? "" : option->unit);
        } else {
            buffer_printf(out, "; when not set: %s\n", option->unset);
        }
    }
}

void config_markdown(struct buffer *out)
{
    const char *group = "";
    for (size_t i = 0; i < config_option_count; i++) {
        const struct option *option = &config_options[i];
        if (strcmp(group, option->group) != 0) {
            buffer_printf(out,
                    "%s## %s\n\n| Variable | What it is | Values | Default | Used by |\n"
                    "|---|---|---|---|---|\n",
                    out->length > 0 ? "\n" : "", option->group);
            group = option->group;
        }
        buffer_printf(out, "| `%s` | %s | ", option->name, option->help);
        print_values(option, out);
        if (option->default_value != NULL) {
            buffer_printf(out, " | `%s` | %s |\n", option->default_value, option->verbs);
        } else {
            buffer_printf(out, " | none: %s | %s |\n", option->unset, option->verbs);
        }
    }
}

void config_describe(const struct config *config, struct buffer *out)
{
    static const char *const sources[] = {[SOURCE_NONE] = "not set",
            [SOURCE_DEFAULT] = "default",
            [SOURCE_DOTENV] = ".env",
            [SOURCE_ENVIRONMENT] = "environment"};
    for (size_t i = 0; i < config_option_count; i++) {
        const struct option *option = &config_options[i];
        const char *source = sources[config->sources[i]];
        if (config->sources[i] == SOURCE_NONE) {
            buffer_printf(out, "%s not set: %s\n", option->name, option->unset);
        } else if (option->kind == OPTION_SECRET) {
            buffer_printf(out, "%s set (%s)\n", option->name, source);
        } else {
            void *scratch = mem_scope_new(out->owner, "describe");
            buffer_printf(out, "%s=%s (%s)\n", option->name, option_print(option, config, scratch),
                    source);
            mem_free(scratch);
        }
    }
}
