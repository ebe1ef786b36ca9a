/* Schemas of tools: where they come from, what is refused by them, and what happens when Composio has other ones. */
#include "base/clock.h"
#include "core/test_core.h"
#include "core/tool_schemas.h"
#include "core/tools.h"

static const char *const OLD = "2026-01-01T00:00:00.000Z";
static const char TOOL[] = "GMAIL_FETCH_EMAILS";
static const char SCHEMA[] =
        "{\"type\":\"object\",\"properties\":{\"max_results\":{\"type\":\"integer\",\"maximum\":1.0e2},"
        "\"max_results\":{\"maximum\":500.00,\"type\":\"integer\"}},\"additionalProperties\":false}";
static const char DONE[] = "{\"data\":{},\"error\":null,\"successful\":true}";

/* The user is connected, Composio has the tool; the cache is filled. */
static void begin(struct fixture *fixture)
{
    fixture->fake.tool_version = "20260101_00";
    fixture->fake.tool_input = SCHEMA;
    fixture->fake.execute_reply = DONE;
    connect_fully(fixture);
    turn(fixture);
    ck_assert_int_eq(fixture->fake.tools_read, 1);
}

static bool run(struct fixture *fixture, const char *arguments)
{
    struct execution_result result;
    return execute(fixture, TOOL, arguments, &result);
}

/* Nothing of the loop's own is used any more. */
static void forget_copies(struct fixture *fixture)
{
    mem_free(fixture->core->tool_copies);
    fixture->core->tool_copies = tool_copies_new(fixture->core);
}

/* The body of the newest request to execute. */
static const char *sent(struct fixture *fixture)
{
    const char *body = NULL;
    pthread_mutex_lock(&fixture->upstream->mutex);
    for (struct upstream_request *at = fixture->upstream->first; at != NULL; at = at->next) {
        body = strstr(at->target, "/tools/execute/") == NULL ? body : at->body.data;
    }
    pthread_mutex_unlock(&fixture->upstream->mutex);
    ck_assert_ptr_nonnull(body);
    return body;
}

static struct tool *list(struct fixture *fixture, const char *slugs, size_t wanted)
{
    struct tool *tools = NULL;
    size_t found = 0;
    const struct json *parsed = NULL;
    ck_assert(slugs == NULL ||
              json_parse(fixture->context.memory, slice_of(slugs), &parsed, &fixture->err));
    ck_assert(tools_list(&fixture->context, "gmail", parsed, &tools, &found, &fixture->err));
    ck_assert_uint_eq(found, wanted);
    return tools;
}

static void lists(struct fixture *fixture)
{
    struct tool *tools = list(fixture, NULL, 1);
    ck_assert(!tools[0].connected);
    ck_assert_str_eq(tools[0].slug, TOOL);
    ck_assert_ptr_null(tools[0].version); /* nobody asked yet */
    ck_assert_ptr_null(tools[0].input_schema.data);
    begin(fixture);
    forget_copies(fixture);
    tools = list(fixture, NULL, 1);
    ck_assert(tools[0].connected);
    ck_assert_str_eq(tools[0].provider, "gmail");
    ck_assert_str_eq(tools[0].name, "Fetch emails");
    ck_assert_str_eq(tools[0].version, "20260101_00");
    ck_assert(slice_is(tools[0].input_schema, SCHEMA));
    ck_assert_ptr_null(tools[0].output_schema.data);
    list(fixture, "[\"GMAIL_FETCH_EMAILS\"]", 1);
    list(fixture, "[\"GMAIL_SEND_EMAIL\"]", 0); /* not allowed */
    list(fixture, "[]", 0);
    size_t none = 0;
    expect_refusal(fixture,
            tools_list(&fixture->context, "fax", NULL, &tools, &none, &fixture->err),
            "PROVIDER_UNKNOWN");
    expect_refusal(fixture,
            tools_list(&fixture->context, "slack", NULL, &tools, &none, &fixture->err),
            "PROVIDER_NOT_CONFIGURED");
}

START_TEST(tools_are_listed_with_schemas_as_composio_gave_them)
{
    with_core(lists, true);
}
END_TEST

static void checks(struct fixture *fixture)
{
    begin(fixture);
    expect_refusal(fixture, run(fixture, "{\"max_results\":\"5\"}"), "ARGUMENTS_INVALID");
    ck_assert(!run(fixture, "{\"max_result\":501,\"max_results\":501}"));
    ck_assert_str_eq(fixture->err.message,
            "The parameters do not fit GMAIL_FETCH_EMAILS (2 problems): max_results: must be at most "
            "500.00; unknown \"max_result\", did you mean \"max_results\"?");
    expect_refusal(fixture, run(fixture, "7"), "ARGUMENTS_NOT_AN_OBJECT");
    ck_assert_int_eq(fixture->fake.executed, 0);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"ToolExecution\""), 0);
    ck_assert(run(fixture, "{\"max_results\":500}"));
    ck_assert_ptr_nonnull(strstr(sent(fixture), "\"version\":\"20260101_00\""));
    ck_assert(run(fixture, NULL));

    fixture->core->options.check_arguments = false;
    ck_assert(run(fixture, "{\"max_results\":\"5\"}"));
    ck_assert_ptr_nonnull(strstr(sent(fixture), "\"version\":\"20260101_00\""));
    ck_assert_int_eq(fixture->fake.tools_read, 1);
}

START_TEST(arguments_are_checked_before_anything_is_sent_or_recorded)
{
    with_core(checks, true);
}
END_TEST

static void knows_nothing(struct fixture *fixture)
{
    fixture->fake.execute_reply = DONE;
    connect_fully(fixture);
    ck_assert(run(fixture, "{\"max_results\":\"5\"}"));
    ck_assert_ptr_nonnull(strstr(sent(fixture), "\"version\":\"latest\""));
    fixture->fake.tool_version = "20260101_00"; /* … until the reconciler has read it */
    fixture->fake.tool_input = SCHEMA;
    turn(fixture);
    forget_copies(fixture);
    expect_refusal(fixture, run(fixture, "{\"max_results\":\"5\"}"), "ARGUMENTS_INVALID");
    /* A schema that is no JSON, or no schema, refuses nothing. */
    static const char *const broken[] = {"{", "[]", "{\"type\":7,\"properties\":[]}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        change(fixture, "UPDATE \"ToolSchema\" SET \"inputSchema\" = $1", broken[i]);
        forget_copies(fixture);
        ck_assert(run(fixture, "{\"max_results\":\"5\"}"));
    }
}

START_TEST(without_a_schema_nothing_is_refused)
{
    with_core(knows_nothing, true);
}
END_TEST

static void copies(struct fixture *fixture)
{
    const struct tool_schema *schema = NULL;
    begin(fixture);
    ck_assert(run(fixture, NULL));
    /* Whoever changes the row is noticed later, so executing does not read it each time. */
    change(fixture, "UPDATE \"ToolSchema\" SET \"version\" = $1", "20260202_00");
    ck_assert(run(fixture, NULL));
    ck_assert_ptr_nonnull(strstr(sent(fixture), "\"version\":\"20260101_00\""));
    ck_assert(tool_schema_find_newest(fixture->core, TOOL, &schema, &fixture->err));
    ck_assert_str_eq(schema->version, "20260202_00");
    ck_assert(run(fixture, NULL));
    ck_assert_ptr_nonnull(strstr(sent(fixture), "\"version\":\"20260202_00\""));
    /* Many more than are kept. */
    for (int i = 0; i < 2000; i++) {
        const char *name = mem_printf(fixture->context.memory, "TOOL_%d", i);
        ck_assert(tool_schema_find(fixture->core, name, &schema, &fixture->err));
        ck_assert_str_eq(schema->tool, name);
        ck_assert(!schema->read);
    }
    ck_assert_uint_lt(talloc_total_blocks(fixture->core->tool_copies), 4000);
}

START_TEST(each_loop_keeps_copies_of_a_bounded_number)
{
    with_core(copies, true);
}
END_TEST

/* ---- reading again ---- */

static void ages(struct fixture *fixture)
{
    begin(fixture);
    fixture->fake.tool_version = "20260202_00";
    turn(fixture); /* read a moment ago */
    change(fixture, "UPDATE \"ToolSchema\" SET \"readAt\" = $1", OLD);
    turn(fixture); /* somebody asked a moment ago */
    ck_assert_int_eq(fixture->fake.tools_read, 1);
    change(fixture, "UPDATE \"ToolSchema\" SET \"readAt\" = $1, \"askedAt\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(fixture->fake.tools_read, 2);
    forget_copies(fixture);
    ck_assert_str_eq(list(fixture, NULL, 1)[0].version, "20260202_00");

    /* What cannot be read stays as it was. */
    change(fixture, "UPDATE \"ToolSchema\" SET \"readAt\" = $1, \"askedAt\" = $1", OLD);
    fixture->fake.fail_status = 401;
    turn(fixture);
    forget_copies(fixture);
    ck_assert_str_eq(list(fixture, NULL, 1)[0].version, "20260202_00");

    fixture->core->options.tool_sync_interval_ms = 0; /* never */
    fixture->fake.fail_status = 0;
    change(fixture, "UPDATE \"ToolSchema\" SET \"readAt\" = $1, \"askedAt\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(fixture->fake.tools_read, 2);
}

START_TEST(schemas_are_read_again_when_they_are_old)
{
    with_core(ages, true);
}
END_TEST

static void reads_a_few(struct fixture *fixture)
{
    struct buffer allowed;
    buffer_init(&allowed, fixture->context.memory, 4096);
    buffer_add_text(&allowed, "[\"GMAIL_FETCH_EMAILS\"");
    for (int i = 0; i < 20; i++) {
        buffer_printf(&allowed, ",\"GMAIL_GONE_%d\"", i);
    }
    buffer_add_text(&allowed, "]");
    fixture->fake.tool_version = "20260101_00";
    fixture->fake.tool_input = SCHEMA;
    struct db_statement update = {"UPDATE \"AuthConfig\" SET \"allowedTools\" = $1",
            DB_PARAMS(DB_LIST(buffer_slice(&allowed)))};
    ck_assert(db_write(fixture->db, fixture->context.memory, &update, 1, NULL, &fixture->err));
    turn(fixture);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"ToolSchema\""), 10);
    turn(fixture);
    turn(fixture);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"ToolSchema\""), 21);
    ck_assert_int_eq(
            count(fixture, "SELECT COUNT(*) FROM \"ToolSchema\" WHERE \"version\" IS NOT NULL"), 1);
    ck_assert_str_eq(list(fixture, NULL, 1)[0].slug, TOOL); /* the others are not offered */
}

START_TEST(a_few_are_read_in_a_turn)
{
    with_core(reads_a_few, true);
}
END_TEST

/* ---- what Composio refuses ---- */

static const struct {
    const char *name;
    const char *version; /* that Composio has by now */
    int fail_status;     /* of the look-up */
    const char *reason;
    int tools_read;
} refusals[] = {
        {"another version", "20260202_00", 0, "TOOL_CHANGED", 1},
        {"removed", NULL, 0, "TOOL_REMOVED", 1},
        {"the same as before", "20260101_00", 0, "UPSTREAM_TOOL_NOT_FOUND", 1},
};
static int row_index;

static void is_refused(struct fixture *fixture)
{
    begin(fixture);
    change(fixture, "UPDATE \"ToolSchema\" SET \"askedAt\" = $1", OLD);
    fixture->fake.execute_status = 404;
    fixture->fake.execute_reply = "{\"error\":{\"message\":\"no\",\"code\":1800,\"status\":404}}";
    fixture->fake.tool_version = refusals[row_index].version;
    expect_refusal(fixture, run(fixture, NULL), refusals[row_index].reason);
    ck_assert_int_eq(fixture->fake.executed, 1); /* not sent again by itself */
    ck_assert_int_eq(fixture->fake.tools_read, 2);
    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"status\", \"error\" FROM \"ToolExecution\"", DB_NO_PARAMS, &rows,
            &fixture->err));
    ck_assert_str_eq(db_get_text(rows, 0, 0), "FAILED");
    /* However often it is tried, Composio is asked about it once a minute. */
    for (int i = 0; i < 5; i++) {
        ck_assert(!run(fixture, NULL));
    }
    ck_assert_int_eq(fixture->fake.tools_read, 2);

    fixture->fake.execute_status = 0;
    fixture->fake.execute_reply = DONE;
    ck_assert(run(fixture, NULL));
    const char *version = refusals[row_index].version;
    ck_assert_ptr_nonnull(strstr(sent(fixture), version == NULL ? "latest" : version));
}

START_TEST(refused_tool)
{
    row_index = _i;
    with_core(is_refused, true);
}
END_TEST

static void is_refused_elsewhere(struct fixture *fixture)
{
    begin(fixture);
    ck_assert(run(fixture, NULL));
    /* Another instance found out meanwhile. */
    change(fixture, "UPDATE \"ToolSchema\" SET \"version\" = $1", "20260202_00");
    fixture->fake.execute_status = 404;
    fixture->fake.execute_reply = "{\"error\":{\"message\":\"no\",\"code\":1800,\"status\":404}}";
    expect_refusal(fixture, run(fixture, NULL), "TOOL_CHANGED");
    ck_assert_int_eq(fixture->fake.tools_read, 1);
}

START_TEST(what_another_instance_found_out_is_not_asked_again)
{
    with_core(is_refused_elsewhere, true);
}
END_TEST

#define CALLERS 8
struct callers {
    struct fixture *fixture;
    int left;
    struct fiber_condition ended;
};

static void calls_a_changed_tool(void *argument)
{
    struct callers *callers = argument;
    struct context context = callers->fixture->context;
    struct execution_request request = {.provider = "gmail", .tool = TOOL};
    struct execution_result result;
    struct error err = {0};
    context.memory = fiber_memory();
    ck_assert(!executions_run(&context, &request, &result, &err));
    ck_assert_msg(strcmp(err.reason, "TOOL_CHANGED") == 0 ||
                          strcmp(err.reason, "UPSTREAM_TOOL_NOT_FOUND") == 0,
            "%s", err.reason);
    callers->left--;
    fiber_condition_wake_all(&callers->ended);
}

static void are_refused_at_once(struct fixture *fixture)
{
    struct callers callers = {.fixture = fixture, .left = CALLERS};
    begin(fixture);
    change(fixture, "UPDATE \"ToolSchema\" SET \"askedAt\" = $1", OLD);
    fixture->fake.tool_version = "20260202_00";
    fixture->fake.execute_status = 404;
    fixture->fake.execute_reply = "{\"error\":{\"message\":\"no\",\"code\":2401,\"status\":404}}";
    for (int i = 0; i < CALLERS; i++) {
        fiber_start(fiber_loop(), "caller", calls_a_changed_tool, &callers,
                clock_monotonic_ms() + 30000);
    }
    while (callers.left > 0) {
        ck_assert(fiber_condition_wait(&callers.ended, &fixture->err));
    }
    ck_assert_int_eq(fixture->fake.executed, CALLERS);
    ck_assert_int_eq(fixture->fake.tools_read, 2);
}

START_TEST(many_refused_at_once_ask_once)
{
    with_core(are_refused_at_once, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, tools_are_listed_with_schemas_as_composio_gave_them);
    TEST_ADD(suite, arguments_are_checked_before_anything_is_sent_or_recorded);
    TEST_ADD(suite, without_a_schema_nothing_is_refused);
    TEST_ADD(suite, each_loop_keeps_copies_of_a_bounded_number);
    TEST_ADD(suite, schemas_are_read_again_when_they_are_old);
    TEST_ADD(suite, a_few_are_read_in_a_turn);
    TEST_ADD_ROWS(suite, refused_tool, refusals);
    TEST_ADD(suite, many_refused_at_once_ask_once);
    TEST_ADD(suite, what_another_instance_found_out_is_not_asked_again);
}
TEST_MAIN("tools", cases)
