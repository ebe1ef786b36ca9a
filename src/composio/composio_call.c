/* One call of Composio's API by the client of this module: `composio_call BASE_URL OPERATION ARGUMENT…`, with the key in
 * COMPOSIO_API_KEY. For tests/clients/contract.test.mjs, which lets the official client do the same and compares what was
 * sent; not installed. The exit code is 0, 1 when the call failed (its reason is on standard error), 2 for wrong use. */
#include "composio/composio.h"
#include "testing/fiber.h"

#include <stdio.h>
#include <stdlib.h>

struct run {
    char **values; /* what stands behind the operation */
    struct composio *client;
    void *memory;
    struct error err;
};

/* ---- the operations of composio.h ---- */

#define VALUE(run, index) ((run)->values[index])

static bool run_auth_config_get(struct run *run)
{
    struct composio_auth_config out;
    return composio_auth_config_get(run->client, run->memory, VALUE(run, 0), &out, &run->err);
}

static bool run_auth_config_list(struct run *run)
{
    struct composio_auth_config *list;
    size_t count;
    return composio_auth_config_list(
            run->client, run->memory, VALUE(run, 0), &list, &count, &run->err);
}

static bool run_account_get(struct run *run)
{
    struct composio_account out;
    return composio_account_get(run->client, run->memory, VALUE(run, 0), &out, &run->err);
}

static bool run_account_list(struct run *run)
{
    struct composio_account *list;
    size_t count;
    return composio_account_list(
            run->client, run->memory, VALUE(run, 0), VALUE(run, 1), &list, &count, &run->err);
}

static bool run_account_page(struct run *run)
{
    struct composio_account *list;
    size_t count;
    const char *next;
    return composio_account_page(run->client, run->memory, VALUE(run, 0), VALUE(run, 1), &list,
            &count, &next, &run->err);
}

static bool run_account_link(struct run *run)
{
    struct composio_link out;
    return composio_account_link(
            run->client, run->memory, VALUE(run, 0), VALUE(run, 1), VALUE(run, 2), &out, &run->err);
}

static bool run_complete_auth(struct run *run)
{
    const char *id;
    return composio_complete_auth(
            run->client, run->memory, VALUE(run, 0), VALUE(run, 1), &id, &run->err);
}

static bool run_account_revoke(struct run *run)
{
    return composio_account_revoke(run->client, VALUE(run, 0), &run->err);
}

static bool run_account_delete(struct run *run)
{
    return composio_account_delete(run->client, VALUE(run, 0), &run->err);
}

static bool run_mcp_get(struct run *run)
{
    struct composio_mcp_server out;
    return composio_mcp_get(run->client, run->memory, VALUE(run, 0), &out, &run->err);
}

static bool run_mcp_list(struct run *run)
{
    struct composio_mcp_server *list;
    size_t count;
    return composio_mcp_list(run->client, run->memory, VALUE(run, 0), &list, &count, &run->err);
}

/* Of one auth config and one tool. */
static struct composio_mcp_server mcp_server_of(struct run *run, int first)
{
    const char **ids = mem_array(run->memory, const char *, 1);
    const char **tools = mem_array(run->memory, const char *, 1);
    ids[0] = VALUE(run, first + 1);
    tools[0] = VALUE(run, first + 2);
    return (struct composio_mcp_server){.name = VALUE(run, first),
            .auth_config_ids = ids,
            .auth_config_count = 1,
            .allowed_tools = tools,
            .tool_count = 1};
}

static bool run_mcp_create(struct run *run)
{
    struct composio_mcp_server server = mcp_server_of(run, 0), out;
    return composio_mcp_create(run->client, run->memory, &server, &out, &run->err);
}

static bool run_mcp_update(struct run *run)
{
    struct composio_mcp_server server = mcp_server_of(run, 1), out;
    server.id = VALUE(run, 0);
    return composio_mcp_update(run->client, run->memory, &server, &out, &run->err);
}

static bool run_mcp_generate(struct run *run)
{
    const char *url;
    return composio_mcp_generate(
            run->client, run->memory, VALUE(run, 0), VALUE(run, 1), &url, &run->err);
}

static bool run_webhook_list(struct run *run)
{
    struct composio_webhook *list;
    size_t count;
    return composio_webhook_list(run->client, run->memory, &list, &count, &run->err);
}

/* To one URL, of one event. */
static struct composio_webhook webhook_of(struct run *run, int first)
{
    const char **events = mem_array(run->memory, const char *, 1);
    events[0] = VALUE(run, first + 1);
    return (struct composio_webhook){.url = VALUE(run, first), .events = events, .event_count = 1};
}

static bool run_webhook_create(struct run *run)
{
    struct composio_webhook webhook = webhook_of(run, 0), out;
    return composio_webhook_create(run->client, run->memory, &webhook, &out, &run->err);
}

static bool run_webhook_update(struct run *run)
{
    struct composio_webhook webhook = webhook_of(run, 1), out;
    webhook.id = VALUE(run, 0);
    return composio_webhook_update(run->client, run->memory, &webhook, &out, &run->err);
}

static bool run_webhook_rotate(struct run *run)
{
    const char *secret;
    return composio_webhook_rotate(run->client, run->memory, VALUE(run, 0), &secret, &run->err);
}

static bool run_toolkit_get(struct run *run)
{
    struct composio_toolkit out;
    return composio_toolkit_get(run->client, run->memory, VALUE(run, 0), &out, &run->err);
}

static bool run_tool_get(struct run *run)
{
    struct composio_tool out;
    return composio_tool_get(
            run->client, run->memory, VALUE(run, 0), VALUE(run, 1), &out, &run->err);
}

static bool run_tool_list(struct run *run)
{
    struct composio_tool *list;
    size_t count;
    return composio_tool_list(run->client, run->memory, VALUE(run, 0), &list, &count, &run->err);
}

static bool run_execute(struct run *run)
{
    struct composio_result out;
    struct composio_execution execution = {.tool = VALUE(run, 0),
            .version = VALUE(run, 1),
            .account_id = VALUE(run, 2),
            .user_id = VALUE(run, 3),
            .arguments = slice_of(VALUE(run, 4))};
    return composio_execute(run->client, run->memory, &execution, &out, &run->err);
}

static const struct operation {
    const char *name;
    int count;
    bool (*run)(struct run *run);
} operations[] = {
        {"auth_config_get", 1, run_auth_config_get},
        {"auth_config_list", 1, run_auth_config_list},
        {"account_get", 1, run_account_get},
        {"account_list", 2, run_account_list},
        {"account_page", 2, run_account_page},
        {"account_link", 3, run_account_link},
        {"complete_auth", 2, run_complete_auth},
        {"account_revoke", 1, run_account_revoke},
        {"account_delete", 1, run_account_delete},
        {"mcp_get", 1, run_mcp_get},
        {"mcp_list", 1, run_mcp_list},
        {"mcp_create", 3, run_mcp_create},
        {"mcp_update", 4, run_mcp_update},
        {"mcp_generate", 2, run_mcp_generate},
        {"webhook_list", 0, run_webhook_list},
        {"webhook_create", 2, run_webhook_create},
        {"webhook_update", 3, run_webhook_update},
        {"webhook_rotate", 1, run_webhook_rotate},
        {"toolkit_get", 1, run_toolkit_get},
        {"tool_get", 2, run_tool_get},
        {"tool_list", 1, run_tool_list},
        {"execute", 5, run_execute},
};

/* ---- the program ---- */

struct call {
    const char *base_url;
    const struct operation *operation;
    struct run run;
    bool ok;
};

static void perform(void *argument)
{
    struct call *call = argument;
    struct run *run = &call->run;
    const char *key = getenv("COMPOSIO_API_KEY");
    run->memory = fiber_memory();
    struct fetcher *fetcher =
            fetcher_new(run->memory, fiber_loop(), &(struct fetch_options){.user_agent = NULL});
    run->client = composio_new(run->memory, fetcher,
            &(struct composio_options){
                    .base_url = call->base_url, .api_key = key == NULL ? "" : key});
    call->ok = call->operation->run(run);
    mem_free(fetcher);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 3 && i < sizeof operations / sizeof operations[0]; i++) {
        struct call call = {
                .base_url = argv[1], .operation = &operations[i], .run = {.values = argv + 3}};
        if (strcmp(argv[2], operations[i].name) != 0 || argc - 3 != operations[i].count) {
            continue;
        }
        test_in_fiber(perform, &call);
        if (!call.ok) {
            fprintf(stderr, "%s: %s (%s)\n", call.run.err.reason, call.run.err.message,
                    call.run.err.detail);
        }
        return call.ok ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    fputs("composio_call BASE_URL OPERATION ARGUMENT…: no such operation, or other arguments\n",
            stderr);
    return 2;
}
