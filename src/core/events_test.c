/* What a watcher is told, and what not. */
#include "core/events.h"
#include "core/test_core.h"

struct screen {
    struct events_watcher watcher;
    struct buffer told; /* "gmail STATUS\n" each; NONE without a connection */
    const char *id;     /* of the last event, */
    void *memory;       /* in the test's memory */
    struct fiber_condition came;
};

static void told(void *argument, const struct connection_event *events, size_t count)
{
    struct screen *screen = argument;
    for (size_t i = 0; i < count; i++) {
        const struct integration *integration = events[i].integration;
        buffer_printf(&screen->told, "%s %s\n", integration->provider,
                integration->has_connection ? connection_status_name(integration->connection.status)
                                            : "NONE");
        screen->id = mem_strdup(screen->memory, events[i].id);
    }
    fiber_condition_wake_all(&screen->came);
}

static void open_screen(
        struct fixture *fixture, struct screen *screen, const char *user, const char *last_id)
{
    struct context context = {fixture->core, fixture->context.memory, user};
    *screen = (struct screen){.id = last_id, .memory = context.memory};
    buffer_init(&screen->told, fixture->context.memory, 1 << 20);
    ck_assert_msg(events_watch(&context, &screen->watcher, last_id, told, screen, &fixture->err),
            "%s", fixture->err.message);
}

/* Exactly these, in this order. */
static void expect(struct screen *screen, const char *lines)
{
    struct error err = {0};
    while (screen->told.length < strlen(lines)) {
        ck_assert_msg(fiber_condition_wait(&screen->came, &err), "\"%s\" but no \"%s\"",
                buffer_text(&screen->told), lines);
    }
    ck_assert_str_eq(buffer_text(&screen->told), lines);
    buffer_clear(&screen->told);
}

static void sees_the_life_of_a_connection(struct fixture *fixture)
{
    struct screen first, second, stranger;
    open_screen(fixture, &first, "user", NULL);
    open_screen(fixture, &stranger, "somebody else", NULL);
    expect(&first, "gmail NONE\n");
    expect(&stranger, "gmail NONE\n");
    struct connect_result result = connect_once(fixture);
    expect(&first, "gmail PENDING\n");
    open_screen(fixture, &second, "user", NULL);
    expect(&second, "gmail PENDING\n");
    struct connection connection;
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
    expect(&first, "gmail ACTIVE\n");
    expect(&second, "gmail ACTIVE\n");
    fixture->fake.status[1] = "EXPIRED";
    change(fixture, "UPDATE \"UserConnection\" SET \"lastSyncedAt\" = '2026-01-01T00:00:00.000Z'",
            NULL);
    turn(fixture);
    expect(&first, "gmail INACTIVE\n");
    expect(&second, "gmail INACTIVE\n");
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    expect(&second, "gmail REVOKED\n");
    ck_assert_str_eq(buffer_text(&stranger.told), "");
    events_unwatch(&first.watcher);
    events_unwatch(&second.watcher);
    events_unwatch(&stranger.watcher);
}

START_TEST(every_change_reaches_every_screen_of_its_user)
{
    with_core(sees_the_life_of_a_connection, true);
}
END_TEST

static void goes_on(struct fixture *fixture)
{
    struct screen screen, again, foreign;
    connect_fully(fixture);
    open_screen(fixture, &screen, "user", NULL);
    expect(&screen, "gmail ACTIVE\n");
    events_unwatch(&screen.watcher);
    /* Used, and looked at: nothing to tell. */
    change(fixture,
            "UPDATE \"UserConnection\" SET \"lastUsedAt\" = '2026-01-01T00:00:00.000Z',"
            " \"lastSyncedAt\" = NULL, \"updatedAt\" = '2026-01-01T00:00:00.000Z'",
            NULL);
    open_screen(fixture, &again, "user", screen.id);
    open_screen(fixture, &foreign, "user", "1718-42 of another server");
    expect(&foreign, "gmail ACTIVE\n"); /* so all have been looked at */
    events_unwatch(&foreign.watcher);
    open_screen(fixture, &foreign, "user", /* one that knows of more integrations than there are */
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    expect(&foreign, "gmail ACTIVE\n");
    ck_assert_str_eq(buffer_text(&again.told), "");
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    expect(&again, "gmail REVOKED\n");
    events_unwatch(&again.watcher);
    events_unwatch(&foreign.watcher);
    /* What happened while nobody watched is told to who comes back. */
    connect_fully(fixture);
    open_screen(fixture, &again, "user", again.id);
    expect(&again, "gmail ACTIVE\n");
    events_unwatch(&again.watcher);
}

START_TEST(who_comes_back_is_told_the_difference)
{
    with_core(goes_on, true);
}
END_TEST

static void sees_others(struct fixture *fixture)
{
    struct screen screen;
    struct db_store *store = NULL; /* of a process of its own */
    struct db *other = NULL;
    struct db_statement update = {
            "UPDATE \"UserConnection\" SET \"status\" = 'INACTIVE'", DB_NO_PARAMS};
    connect_fully(fixture);
    open_screen(fixture, &screen, "user", NULL);
    expect(&screen, "gmail ACTIVE\n");
    ck_assert(db_store_open(NULL, fixture->database.url, &store, &fixture->err));
    ck_assert(db_open(NULL, store, fiber_loop(), &other, &fixture->err));
    ck_assert(db_write(other, fixture->context.memory, &update, 1, NULL, &fixture->err));
    db_notify(other, "user");
    expect(&screen, "gmail INACTIVE\n");
    events_unwatch(&screen.watcher);
    mem_free(other);
    mem_free(store);
}

START_TEST(what_another_process_wrote_is_told)
{
    with_core(sees_others, true);
}
END_TEST

static void reaches_limits(struct fixture *fixture)
{
    struct limits_options options = {.user_streams = 2, .streams = 3};
    struct context context = fixture->context;
    struct screen screens[4];
    fixture->core->options.limits = limits_new(context.memory, &options);
    open_screen(fixture, &screens[0], "user", NULL);
    open_screen(fixture, &screens[1], "user", NULL);
    expect_refusal(fixture,
            events_watch(&context, &screens[3].watcher, NULL, told, &screens[3], &fixture->err),
            "TOO_MANY_STREAMS");
    open_screen(fixture, &screens[2], "bob", NULL);
    context.user = "eve";
    expect_refusal(fixture,
            events_watch(&context, &screens[3].watcher, NULL, told, &screens[3], &fixture->err),
            "OVERLOADED");
    events_unwatch(&screens[0].watcher);
    open_screen(fixture, &screens[3], "user", NULL);
    expect(&screens[3], "gmail NONE\n");
    for (int i = 1; i < 4; i++) {
        events_unwatch(&screens[i].watcher);
    }
}

START_TEST(a_user_and_a_process_have_so_many_streams)
{
    with_core(reaches_limits, true);
}
END_TEST

static void leave(void *argument, const struct connection_event *events, size_t count)
{
    struct screen *screen = argument;
    (void)events;
    ck_assert_uint_eq(count, 1);
    events_unwatch(&screen->watcher);
    fiber_condition_wake_all(&screen->came);
}

static void goes_when_told(struct fixture *fixture)
{
    struct screen screen = {.id = NULL};
    ck_assert(
            events_watch(&fixture->context, &screen.watcher, NULL, leave, &screen, &fixture->err));
    ck_assert(fiber_condition_wait(&screen.came, &fixture->err));
}

START_TEST(a_watcher_may_go_when_it_is_told)
{
    with_core(goes_when_told, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, every_change_reaches_every_screen_of_its_user);
    TEST_ADD(suite, who_comes_back_is_told_the_difference);
    TEST_ADD(suite, what_another_process_wrote_is_told);
    TEST_ADD(suite, a_user_and_a_process_have_so_many_streams);
    TEST_ADD(suite, a_watcher_may_go_when_it_is_told);
}
TEST_MAIN("events", cases)
