/* `tenon doctor`: what core/doctor.h finds, and what comes before a core can be had; as lines for people or as JSON. Exit
 * code 0: no problem, or none that is left; 1: there are; 2: used wrongly. */
#include "core/doctor.h"

#include "base/slice.h"
#include "fetch/fetch.h"
#include "main/loop_thread.h"
#include "main/verbs.h"
#include "json/json.h"

#include <stdio.h>

#define PAGES_OF_A_LOOK   200 /* of 50 accounts each, for one auth config */
#define HEALTH_TIMEOUT_MS 10000
#define OUTPUT_MAX        (64 * 1024 * 1024)

struct examination {
    const struct config *config;
    struct db_store *store;
    bool fix, all;
    bool as_json;
    size_t problems;
    struct json_writer writer;
};

/* ---- telling ---- */

static const char *const verdicts[] = {
        [DOCTOR_OK] = "ok",
        [DOCTOR_NOTE] = "note",
        [DOCTOR_PROBLEM] = "problem",
        [DOCTOR_FIXED] = "fixed",
};

static void write_text(struct json_writer *writer, const char *name, const char *text)
{
    json_write_name(writer, name);
    json_write_text(writer, text);
}

static void tell(void *argument, const struct doctor_finding *finding)
{
    struct examination *examination = argument;
    struct json_writer *writer = &examination->writer;
    if (!examination->as_json) {
        printf("%-8s %-13s %s\n", verdicts[finding->verdict], finding->check, finding->what);
        if (finding->remedy != NULL) {
            printf("%22s > %s\n", "", finding->remedy);
        }
        return;
    }
    json_begin_object(writer);
    write_text(writer, "verdict", verdicts[finding->verdict]);
    write_text(writer, "check", finding->check);
    write_text(writer, "what", finding->what);
    write_text(writer, "remedy", finding->remedy);
    json_write_name(writer, "fixable");
    json_write_bool(writer, finding->fixable);
    json_end_object(writer);
}

static void tell_problem(struct examination *examination, const char *check,
        const struct error *err, const char *remedy, bool fixable)
{
    struct doctor_finding finding = {DOCTOR_PROBLEM, check, err->message, remedy, fixable};
    examination->problems++;
    tell(examination, &finding);
}

/* ---- looking ---- */

static void check_settings(struct examination *examination)
{
    struct error err = {0};
    if (!config_require(examination->config, "JWT_SECRET", &err)) {
        tell_problem(examination, "settings", &err, NULL, false);
    }
    for (size_t i = 0; i < examination->config->warning_count; i++) {
        struct doctor_finding finding = {
                DOCTOR_NOTE, "settings", examination->config->warnings[i], NULL, false};
        tell(examination, &finding);
    }
}

/* False: nothing more can be looked at. */
static bool check_database(const struct verb_arguments *arguments, struct examination *examination)
{
    static const char check[] = "database";
    struct doctor_finding finding = {DOCTOR_OK, check, "has every migration", NULL, false};
    struct error err = {0};
    size_t applied = 0;
    if (!db_store_open(
                arguments->owner, arguments->config->database_url, &examination->store, &err)) {
        tell_problem(examination, check, &err, "see DATABASE_URL", false);
        return false;
    }
    if (!verb_check_migrations(examination->store, &err)) {
        bool behind = strcmp(err.reason, "MIGRATIONS_PENDING") == 0;
        struct error failure = {0};
        if (!behind || !examination->fix) {
            tell_problem(examination, check, &err,
                    behind ? "run `tenon migrate`, or `tenon doctor --fix`" : NULL, behind);
            return false;
        }
        if (!verb_apply_migrations(examination->store, &applied, &failure)) {
            tell_problem(examination, check, &failure, NULL, false);
            return false;
        }
        finding = (struct doctor_finding){DOCTOR_FIXED, check, err.message, NULL, true};
    }
    tell(examination, &finding);
    return true;
}

static bool is_loopback(struct slice url)
{
    struct slice host =
            slice_skip(url, slice_starts(url, "https://") ? strlen("https://") : strlen("http://"));
    return slice_starts(host, "localhost") || slice_starts(host, "127.") ||
           slice_starts(host, "[::1]");
}

/* Somebody at PUBLIC_URL answers as Tenon does. */
static bool is_served(const char *url, const char **why_out)
{
    void *memory = fiber_memory();
    struct fetch_options options = {0};
    struct fetch_request request = {.method = "GET",
            .url = mem_printf(memory, "%s/healthz", url),
            .timeout_ms = HEALTH_TIMEOUT_MS};
    struct fetch_reply reply;
    struct error err = {0};
    if (!fetch(fetcher_new(memory, fiber_loop(), &options), memory, &request, &reply, &err)) {
        *why_out = mem_strdup(memory, err.detail);
        return false;
    }
    const struct json *health = NULL;
    bool ok = reply.status == 200 && json_parse(memory, reply.body, &health, &err) &&
              json_get(health, "status") != NULL;
    *why_out = mem_printf(memory, "status %d", reply.status);
    return ok;
}

static void check_callback(struct examination *examination)
{
    const char *url = examination->config->public_url, *why = "";
    void *memory = fiber_memory();
    struct doctor_finding finding = {.verdict = DOCTOR_NOTE, .check = "callback URL"};
    if (url == NULL) {
        finding.what = "PUBLIC_URL is not set: consent ends at the address of LISTEN";
        finding.remedy =
                "set PUBLIC_URL to where browsers reach Tenon, before anybody but you connects";
    } else if (!slice_starts(slice_of(url), "https://") && !is_loopback(slice_of(url))) {
        finding.verdict = DOCTOR_PROBLEM;
        finding.what = mem_printf(memory, "%s/oauth/callback carries secrets without TLS", url);
        finding.remedy =
                "put Tenon behind a server that speaks TLS, and set PUBLIC_URL to its https:// address";
    } else if (!is_served(url, &why)) {
        finding.what = mem_printf(memory, "no Tenon answers at %s (%s)", url, why);
        finding.remedy = "start `tenon serve`, and see that PUBLIC_URL leads to it";
    } else {
        finding.verdict = DOCTOR_OK;
        finding.what = mem_printf(memory, "%s/oauth/callback", url);
    }
    examination->problems += finding.verdict == DOCTOR_PROBLEM;
    tell(examination, &finding);
}

static void examine(void *argument)
{
    struct examination *examination = argument;
    struct setup_provider providers[VERB_PROVIDERS_MAX];
    struct core *core = NULL;
    struct error err = {0};
    check_callback(examination);
    if (!verb_open_core(examination->config, examination->store, &core, &err)) {
        tell_problem(examination, "database", &err, NULL, false);
        return;
    }
    struct doctor_options options = {
            .providers = providers,
            .provider_count =
                    verb_providers(examination->config, catalog_new(fiber_memory()), providers),
            .webhooks_to = verb_wants_webhooks(examination->config)
                                   ? examination->config->public_url
                                   : NULL,
            .fix = examination->fix,
            .pages_max = examination->all ? 0 : PAGES_OF_A_LOOK,
    };
    if (options.provider_count == 0) {
        error_set(&err, ERROR_PRECONDITION_FAILED, "NOT_CONFIGURED",
                "no COMPOSIO_AUTH_CONFIG_… is set: there is nothing that users could connect");
        tell_problem(examination, "settings", &err, NULL, false);
    }
    examination->problems += doctor_run(core, &options, tell, examination);
}

static void check_everything(
        const struct verb_arguments *arguments, struct examination *examination)
{
    struct error err = {0};
    check_settings(examination);
    if (!check_database(arguments, examination)) {
        return;
    }
    if (!config_require(examination->config, "COMPOSIO_API_KEY", &err)) {
        tell_problem(examination, "key", &err, NULL, false);
        return;
    }
    run_in_fiber(examine, examination);
}

int verb_doctor(const struct verb_arguments *arguments)
{
    struct buffer json;
    struct examination examination = {
            .config = arguments->config,
            .fix = verb_flag(arguments, "--fix"),
            .all = verb_flag(arguments, "--all"),
            .as_json = verb_flag(arguments, "--json"),
    };
    if (arguments->count != examination.fix + examination.all + examination.as_json) {
        fputs("tenon: doctor takes --fix, --json and --all\n", stderr);
        return 2;
    }
    buffer_init(&json, arguments->owner, OUTPUT_MAX);
    json_writer_init(&examination.writer, &json);
    json_begin_object(&examination.writer);
    json_write_name(&examination.writer, "findings");
    json_begin_array(&examination.writer);
    check_everything(arguments, &examination);
    json_end_array(&examination.writer);
    json_write_name(&examination.writer, "problems");
    json_write_int(&examination.writer, (int64_t)examination.problems);
    json_end_object(&examination.writer);
    if (examination.as_json) {
        puts(buffer_text(&json));
    } else if (examination.problems == 0) {
        puts("\nno problems");
    } else {
        printf("\n%zu %s\n", examination.problems,
                examination.problems == 1 ? "problem" : "problems");
    }
    return examination.problems == 0 ? 0 : 1;
}
