/* The program's verbs and settings. */
#include "base/log.h"
#include "main/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DOTENV_MAX_BYTES (64 * 1024)

static const struct verb {
    const char *name, *arguments, *help;
    int (*run)(const struct verb_arguments *arguments);
} verbs[] = {
        {"serve", "[--migrate]",
                "the server; it refuses a database that is behind, or brings it up", verb_serve},
        {"dev", "",
                "the whole product on an empty machine, offline: sandbox, database, server, a signed-in user",
                verb_dev},
        {"sandbox",
                "[--listen HOST:PORT] [--consent-listen HOST:PORT] [--database FILE] [--seed FILE]",
                "the Composio emulator alone; docs/sandbox.md says how to use it. Without --database it "
                "forgets\n      everything at its end; --seed brings what is there from the beginning",
                verb_sandbox},
        {"setup", "", "auth configs into the database, MCP servers at Composio; safe to run again",
                verb_setup},
        {"migrate", "", "make or update the database's tables", verb_migrate},
        {"import",
                "--from URL|FILE [--query SQL|--table NAME] [--map FIELD=COLUMN,…] [--rename OLD=NEW,…] [--apply] "
                "[--drop-old TABLE,…]",
                "take over the connections of an older layer, from a database, a .csv or a .jsonl; a dry run without --apply",
                verb_import},
        {"doctor", "[--fix] [--json] [--all]",
                "find what is wrong in settings, database and Composio; say how to mend it, or mend what is safe",
                verb_doctor},
        {"token", "USER [--days N]", "print a token for USER, for development", verb_token},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static int print_help(void *owner, FILE *out, const char *verb)
{
    struct buffer settings;
    buffer_init(&settings, owner, 64 * 1024);
    config_help(&settings, verb);
    fputs("Tenon " TENON_VERSION ": the integrations backend of an AI app.\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verb == NULL || strcmp(verb, verbs[i].name) == 0) {
            fprintf(out, "  tenon %s%s%s\n      %s\n", verbs[i].name,
                    *verbs[i].arguments == '\0' ? "" : " ", verbs[i].arguments, verbs[i].help);
        }
    }
    fprintf(out,
            "\nSettings come from the environment, else from a file .env in this directory.\n\n%s",
            buffer_text(&settings));
    return 0;
}

/* docs/configuration.md, which `make test` holds against this. */
static int print_markdown(void *owner)
{
    struct buffer settings;
    buffer_init(&settings, owner, 64 * 1024);
    buffer_add_text(&settings,
            "# Settings\n\nFrom the environment, else from a file `.env` in the directory that the program "
            "is started in.\n`tenon --help` prints them too.\n\n");
    config_markdown(&settings);
    fputs(buffer_text(&settings), stdout);
    return 0;
}

/* The text of ./.env; empty when there is none. */
static bool read_dotenv(void *owner, struct slice *text_out, struct error *err)
{
    FILE *file = fopen(".env", "re");
    if (file == NULL) {
        return errno == ENOENT || error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION",
                                          ".env cannot be read: %s", strerror(errno));
    }
    char *text = mem_block(owner, DOTENV_MAX_BYTES + 1, "dotenv");
    size_t length = fread(text, 1, DOTENV_MAX_BYTES + 1, file);
    fclose(file);
    if (length > DOTENV_MAX_BYTES) {
        return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION", ".env is larger than %d KiB",
                DOTENV_MAX_BYTES / 1024);
    }
    *text_out = (struct slice){text, length};
    return true;
}

static int run_verb(void *owner, const struct verb *verb, int count, char **values)
{
    struct slice dotenv = {0};
    struct error err = {0};
    const struct config *config = NULL;
    if (!read_dotenv(owner, &dotenv, &err) ||
            !config_load(owner, (const char *const *)environ, dotenv, &config, &err)) {
        return verb_failed(&err);
    }
    log_set_level(config->log_level);
    for (size_t i = 0; i < config->warning_count; i++) {
        log_warn("%s", config->warnings[i]);
    }
    struct verb_arguments arguments = {owner, config, count, values};
    return verb->run(&arguments);
}

static bool is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0 || strcmp(text, "help") == 0;
}

static int dispatch(void *owner, int argc, char **argv)
{
    if (argc < 2) {
        print_help(owner, stderr, NULL);
        return 2;
    }
    if (is_help(argv[1])) {
        bool markdown = argc > 2 && strcmp(argv[2], "--markdown") == 0;
        return markdown ? print_markdown(owner) : print_help(owner, stdout, NULL);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("tenon " TENON_VERSION);
        return 0;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return argc > 2 && is_help(argv[2]) ? print_help(owner, stdout, verbs[i].name)
                                                : run_verb(owner, &verbs[i], argc - 2, argv + 2);
        }
    }
    fprintf(stderr, "tenon: there is no verb \"%s\"; `tenon --help` names those there are\n",
            argv[1]);
    return 2;
}

int main(int argc, char **argv)
{
    /* A peer that went away is an error of write(2), not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    void *owner = mem_scope_new(NULL, "main");
    int code = dispatch(owner, argc, argv);
    mem_free(owner);
    return code;
}
