/* What needs no server of tool router sessions: what a config allows and shows, how a search scores, who may use what. */
#include "sandbox/router/router_custom.h"
#include "sandbox/router/router_search.h"
#include "sandbox/router/router_session.h"
#include "testing/test.h"

struct probe {
    void *owner;
    struct sandbox sandbox;
    struct call call;
    struct router_session session;
};

static void open_probe(struct probe *probe, const char *config)
{
    struct error err = {0};
    *probe = (struct probe){.owner = mem_scope_new(NULL, "probe")};
    probe->sandbox.catalog = catalog_load(probe->owner);
    probe->call = (struct call){.sandbox = &probe->sandbox, .memory = probe->owner};
    ck_assert_msg(
            json_parse(probe->owner, slice_of(config), &probe->session.config, &err), "%s", config);
}

/* ---- what is allowed ---- */

#define GMAIL_LIST "\"toolkits\":{\"enabled\":[\"gmail\"]}"

static const struct {
    const char *name, *config;
    bool fetch, send,
            slack; /* GMAIL_FETCH_EMAILS, which reads; GMAIL_SEND_EMAIL; SLACK_SEND_MESSAGE */
} rules[] = {
        {"no rules", "{}", true, true, true},
        {"a toolkit is enabled", "{" GMAIL_LIST "}", true, true, false},
        {"a toolkit is disabled", "{\"toolkits\":{\"disabled\":[\"gmail\"]}}", false, false, true},
        {"none is enabled", "{\"toolkits\":{\"enabled\":[]}}", false, false, false},
        {"a tool is enabled", "{\"tools\":{\"gmail\":{\"enabled\":[\"GMAIL_SEND_EMAIL\"]}}}", false,
                true, true},
        {"a tool is disabled", "{\"tools\":{\"gmail\":{\"disabled\":[\"GMAIL_SEND_EMAIL\"]}}}",
                true, false, true},
        {"a tool of a toolkit that is not",
                "{" GMAIL_LIST ",\"tools\":{\"slack\":{\"enabled\":[\"SLACK_SEND_MESSAGE\"]}}}",
                true, true, false},
        {"a tag is enabled", "{\"tags\":{\"enabled\":[\"readOnlyHint\"]}}", true, false, false},
        {"a tag is disabled", "{\"tags\":{\"disabled\":[\"readOnlyHint\"]}}", false, true, true},
        {"an empty list of tags", "{\"tags\":{\"enabled\":[]}}", true, true, true},
        {"a toolkit's list before tags",
                "{\"tags\":{\"enabled\":[\"readOnlyHint\"]},"
                "\"tools\":{\"gmail\":{\"enabled\":[\"GMAIL_SEND_EMAIL\"]}}}",
                false, true, false},
        {"a toolkit's tags before the session's",
                "{\"tags\":{\"disabled\":[\"readOnlyHint\"]},"
                "\"tools\":{\"gmail\":{\"tags\":{\"enabled\":[\"readOnlyHint\"]}}}}",
                true, false, true},
};

START_TEST(rule_row)
{
    struct probe probe;
    open_probe(&probe, rules[_i].config);
    const struct catalog *catalog = probe.sandbox.catalog;
    ck_assert_int_eq(
            router_allows_tool(&probe.session, catalog_tool(catalog, "GMAIL_FETCH_EMAILS")),
            rules[_i].fetch);
    ck_assert_int_eq(router_allows_tool(&probe.session, catalog_tool(catalog, "GMAIL_SEND_EMAIL")),
            rules[_i].send);
    ck_assert_int_eq(
            router_allows_tool(&probe.session, catalog_tool(catalog, "SLACK_SEND_MESSAGE")),
            rules[_i].slack);
    mem_free(probe.owner);
}
END_TEST

/* ---- what is shown ---- */

#define ALL_ON                                                                        \
    "\"search\":{\"enable\":true},\"execute\":{\"enable_multi_execute\":true},"       \
    "\"manage_connections\":{\"enabled\":true,\"enable_wait_for_connections\":true}," \
    "\"workbench\":{\"enable\":true}"
#define ALL_OFF                                                                        \
    "\"search\":{\"enable\":false},\"execute\":{\"enable_multi_execute\":false},"      \
    "\"manage_connections\":{\"enabled\":false,\"enable_wait_for_connections\":true}," \
    "\"workbench\":{\"enable\":false}"

static const struct {
    const char *name, *config, *shown;
} shows[] = {
        {"everything on", "{" ALL_ON "}",
                "COMPOSIO_SEARCH_TOOLS COMPOSIO_GET_TOOL_SCHEMAS COMPOSIO_MULTI_EXECUTE_TOOL "
                "COMPOSIO_MANAGE_CONNECTIONS COMPOSIO_WAIT_FOR_CONNECTIONS "
                "COMPOSIO_REMOTE_WORKBENCH COMPOSIO_REMOTE_BASH_TOOL"},
        {"everything off", "{" ALL_OFF "}", ""},
        {"a tool preloaded", "{" ALL_OFF ",\"preload\":{\"tools\":[\"GMAIL_SEND_EMAIL\"]}}",
                "GMAIL_SEND_EMAIL"},
        {"a tool preloaded that is no longer allowed",
                "{" ALL_OFF ",\"toolkits\":{\"disabled\":[\"gmail\"]},"
                "\"preload\":{\"tools\":[\"GMAIL_SEND_EMAIL\"]}}",
                ""},
        {"all that is allowed",
                "{" ALL_OFF "," GMAIL_LIST ",\"preload\":{\"tools\":\"all\"},\"tools\":{\"gmail\":{"
                "\"enabled\":[\"GMAIL_SEND_EMAIL\",\"GMAIL_FETCH_EMAILS\"]}}}",
                "GMAIL_FETCH_EMAILS GMAIL_SEND_EMAIL"},
};

START_TEST(show_row)
{
    struct probe probe;
    struct buffer names;
    open_probe(&probe, shows[_i].config);
    buffer_init(&names, probe.owner, 4096);
    struct router_tools shown = router_tools_shown(&probe.call, &probe.session);
    for (size_t i = 0; i < shown.count; i++) {
        buffer_printf(&names, "%s%s", i == 0 ? "" : " ", shown.items[i]->slug);
    }
    ck_assert_str_eq(buffer_text(&names), shows[_i].shown);
    mem_free(probe.owner);
}
END_TEST

/* ---- searching ---- */

static const struct {
    const char *name, *use_case;
    int score;
} scores[] = {
        {"nothing", "", 0},
        {"fillers only", "to the and of", 0},
        {"nothing in common", "weather tomorrow", 0},
        {"the app's name", "Gmail", 4},
        {"a word of the slug", "send", 3},
        {"a plural", "emails", 3},
        {"a word of the description", "recipient", 1},
        {"several", "Send emails to recipients with Gmail!", 11},
        {"half a word", "sen", 0},
        {"a long word", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                0},
};

START_TEST(score_row)
{
    ck_assert_int_eq(router_search_score(scores[_i].use_case, "GMAIL_SEND_EMAIL", "Send email",
                             "Gmail", "Sends a message to each recipient."),
            scores[_i].score);
}
END_TEST

/* ---- accounts of others ---- */

static const struct {
    const char *name, *user, *acl;
    bool shared, usable;
} usables[] = {
        {"one's own", "owner", NULL, false, true},
        {"one's own, shared", "owner", NULL, true, true},
        {"a private one", "guest", "{\"allow_all_users\":true}", false, false},
        {"without a list", "guest", NULL, true, false},
        {"with an empty list", "guest", "{}", true, false},
        {"for all", "guest", "{\"allow_all_users\":true}", true, true},
        {"for one", "guest", "{\"allowed_user_ids\":[\"x\",\"guest\"]}", true, true},
        {"for others", "guest", "{\"allowed_user_ids\":[\"gues\"]}", true, false},
        {"denied, for all", "guest",
                "{\"allow_all_users\":true,\"not_allowed_user_ids\":[\"guest\"]}", true, false},
        {"denied and named", "guest",
                "{\"allowed_user_ids\":[\"guest\"],\"not_allowed_user_ids\":[\"guest\"]}", true,
                false},
};

START_TEST(usable_row)
{
    struct probe probe;
    open_probe(&probe, "{}");
    struct account account = {
            .user_id = "owner", .shared = usables[_i].shared, .acl = usables[_i].acl};
    ck_assert_int_eq(
            router_account_usable(&probe.call, &account, usables[_i].user), usables[_i].usable);
    mem_free(probe.owner);
}
END_TEST

/* ---- tools that are brought along ---- */

#define CUSTOM(tool) "{\"experimental\":{\"custom_tools\":[" tool "]}}"
#define TOOL(more)                                                                        \
    "{\"slug\":\"find_it\",\"name\":\"Find\",\"description\":\"Finds\",\"input_schema\":" \
    "{\"type\":\"object\",\"properties\":{}}" more "}"

static const struct {
    const char *name, *body, *slug; /* slug NULL: refused */
} customs[] = {
        {"a custom tool", CUSTOM(TOOL("")), "LOCAL_FIND_IT"},
        {"one that extends", CUSTOM(TOOL(",\"extends_toolkit\":\"gmail\"")), "LOCAL_GMAIL_FIND_IT"},
        {"one of a toolkit",
                "{\"experimental\":{\"custom_toolkits\":[{\"slug\":\"crm\",\"name\":\"C\","
                "\"description\":\"d\",\"tools\":[" TOOL("") "]}]}}",
                "LOCAL_CRM_FIND_IT"},
        {"one that extends nothing", CUSTOM(TOOL(",\"extends_toolkit\":\"x\"")), NULL},
        {"one twice", CUSTOM(TOOL("") "," TOOL("")), NULL},
        {"one that is a number", CUSTOM("1"), NULL},
        {"one without a schema", CUSTOM("{\"slug\":\"a\",\"name\":\"a\",\"description\":\"a\"}"),
                NULL},
        {"a list that is none", "{\"experimental\":{\"custom_tools\":{}}}", NULL},
};

START_TEST(custom_row)
{
    struct probe probe;
    struct custom_tools tools;
    const struct json *body;
    struct error err = {0};
    open_probe(&probe, "{}");
    ck_assert(json_parse(probe.owner, slice_of(customs[_i].body), &body, &err));
    bool good = custom_tools_read(&probe.call, body, &tools, &err);
    ck_assert_int_eq(good, customs[_i].slug != NULL);
    if (good) {
        ck_assert_uint_eq(tools.count, 1);
        ck_assert_str_eq(tools.items[0].slug, customs[_i].slug);
    }
    mem_free(probe.owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, rule_row, rules);
    TEST_ADD_ROWS(suite, show_row, shows);
    TEST_ADD_ROWS(suite, score_row, scores);
    TEST_ADD_ROWS(suite, usable_row, usables);
    TEST_ADD_ROWS(suite, custom_row, customs);
}
TEST_MAIN("router", cases)
