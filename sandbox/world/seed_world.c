/* The worlds of a seed: mails, events, messages, pages, issues, as the tools of the toolkit know them. */
#include "sandbox/world/seed.h"

#include "base/clock.h"
#include "sandbox/world/world.h"

#include <ctype.h>
#include <inttypes.h>

#define TEXT_BYTES_MAX 1000
#define MINUTE_MS      60000
#define MINUTES_MAX    (100 * 366 * 24 * 60)

/* Where the id of a thing without one comes from, and its parent. */
enum id_form {
    ID_NEEDED,
    ID_HEX,     /* random digits, behind `head` */
    ID_UUID,    /* random */
    ID_MESSAGE, /* Slack's: the channel and a timestamp */
    ID_ISSUE,   /* GitHub's: the repository and a number */
};

static const struct kind {
    const char *toolkit, *kind;
    const char *texts; /* what the body must have as text, parted by blanks */
    const char *head;
    enum id_form form;
    int digits;
    bool parent_needed;
} kinds[] = {
        {"gmail", "mail", "from to subject text", "", ID_HEX, 16, false},
        {"gmail", "label", "name", "Label_", ID_HEX, 8, false},
        {"googlecalendar", "calendar", "summary", "", ID_NEEDED, 0, false},
        {"googlecalendar", "event", "summary", "", ID_HEX, 26, false},
        {"slack", "channel", "name", "C", ID_HEX, 10, false},
        {"slack", "member", "name", "U", ID_HEX, 10, false},
        {"slack", "message", "user text", "", ID_MESSAGE, 0, true},
        {"notion", "page", "title content", "", ID_UUID, 0, false},
        {"notion", "database", "title", "", ID_UUID, 0, false},
        {"github", "repository", "", "", ID_NEEDED, 0, false},
        {"github", "issue", "title state", "", ID_ISSUE, 0, true},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static const struct kind *kind_find(const char *toolkit, const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].toolkit, toolkit) == 0 && strcmp(kinds[i].kind, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- one thing ---- */

struct seed_thing {
    const struct kind *kind;
    const char *id, *parent; /* NULL: not said */
    int64_t time_ms;
    const struct json *body;
};

static MUST_CHECK bool check_body(
        const struct kind *kind, const struct json *body, struct error *err)
{
    struct slice rest = slice_of(kind->texts);
    if (json_type(body) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "body: expected an object");
    }
    while (rest.length > 0) {
        char name[32] = {0};
        struct slice wanted = slice_split(&rest, ' ');
        memcpy(name, wanted.data, wanted.length);
        if (json_text(json_get(body, name)) == NULL) {
            return api_error_set(
                    err, API_BAD_REQUEST, "body: a %s needs the text %s", kind->kind, name);
        }
    }
    return true;
}

/* "at", or "minutes" from now; an event has the time of its start. */
static MUST_CHECK bool read_time(
        const struct json *item, int64_t now_ms, int64_t *out, struct error *err)
{
    const struct json *minutes = json_get(item, "minutes");
    const struct json *start = json_get(json_get(json_get(item, "body"), "start"), "dateTime");
    int64_t count = 0;
    if (minutes != NULL && (!json_int(minutes, &count) || llabs(count) > MINUTES_MAX)) {
        return api_error_set(err, API_BAD_REQUEST, "minutes: expected a whole number");
    }
    *out = now_ms + count * MINUTE_MS;
    return (start != NULL && clock_parse(json_string(start), out)) ||
           seed_time(item, "at", *out, out, err);
}

static MUST_CHECK bool read_name(
        const struct json *item, const char *name, const char **out, struct error *err)
{
    if (!field_text(item, name, out, err)) {
        return false;
    }
    bool good = *out == NULL || ((*out)[0] != '\0' && strlen(*out) <= TEXT_BYTES_MAX);
    return good || api_error_set(err, API_BAD_REQUEST, "%s: empty or too long", name);
}

static MUST_CHECK bool thing_read(struct seeding *seeding, const char *toolkit,
        const struct json *item, struct seed_thing *out, struct error *err)
{
    static const char *const members[] = {"kind", "id", "parent", "minutes", "at", "body", NULL};
    const char *kind;
    if (!seed_members(item, members, err) || !field_required(item, "kind", &kind, err)) {
        return false;
    }
    *out = (struct seed_thing){.kind = kind_find(toolkit, kind), .body = json_get(item, "body")};
    if (out->kind == NULL) {
        return api_error_set(err, API_BAD_REQUEST, "kind: %s has no %s", toolkit, kind);
    }
    if (!read_name(item, "id", &out->id, err) || !read_name(item, "parent", &out->parent, err) ||
            !read_time(item, seeding->call.now_ms, &out->time_ms, err) ||
            !check_body(out->kind, out->body, err)) {
        return false;
    }
    if ((out->id == NULL && out->kind->form == ID_NEEDED) ||
            (out->parent == NULL && out->kind->parent_needed)) {
        return api_error_set(err, API_BAD_REQUEST, "%s: a %s needs one",
                out->kind->parent_needed ? "parent" : "id", kind);
    }
    return true;
}

/* ---- ids ---- */

static const char *new_id(
        struct tool_call *tool, const struct seed_thing *thing, size_t index, size_t number)
{
    char uuid[UUID_TEXT_SIZE];
    switch (thing->kind->form) {
    case ID_NEEDED:
        break;
    case ID_HEX: {
        char *hex =
                mem_strdup(tool->memory, world_new_id(tool->memory, (size_t)thing->kind->digits));
        bool capitals = strcmp(thing->kind->toolkit, "slack") == 0;
        for (char *c = hex; capitals && *c != '\0'; c++) {
            *c = (char)toupper((unsigned char)*c);
        }
        return mem_printf(tool->memory, "%s%s", thing->kind->head, hex);
    }
    case ID_UUID:
        return mem_strdup(tool->memory, uuid_v4(uuid));
    case ID_MESSAGE: /* the place in the seed tells messages of one moment apart */
        return mem_printf(tool->memory, "%s:%" PRId64 ".%06d", thing->parent, thing->time_ms / 1000,
                (int)(thing->time_ms % 1000 * 1000 + (int)(index % 1000)));
    case ID_ISSUE:
        return mem_printf(tool->memory, "%s#%zu", thing->parent, number);
    }
    return thing->id;
}

/* Of a mail the thread, of an event the calendar. */
static const char *parent_of(const struct tool_call *tool, const struct seed_thing *thing)
{
    return thing->parent != NULL                     ? thing->parent
           : strcmp(thing->kind->kind, "mail") == 0  ? thing->id
           : strcmp(thing->kind->kind, "event") == 0 ? tool->email
                                                     : "";
}

/* ---- a world ---- */

static void add_thing(
        struct seeding *seeding, struct tool_call *tool, const struct seed_thing *thing)
{
    seeding_add(seeding,
            "INSERT INTO thing (world, kind, id, parent, time, body) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (world, kind, id) DO UPDATE SET "
            "parent = excluded.parent, time = excluded.time, body = excluded.body",
            DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(thing->kind->kind), DB_TEXT(thing->id),
                    DB_TEXT(parent_of(tool, thing)), DB_INT(thing->time_ms),
                    DB_SLICE(json_to_text(tool->memory, thing->body))));
}

/* How many issues of the same repository stand before it, itself included. */
static size_t number_in(const struct json *things, size_t index, const char *parent)
{
    size_t number = 0;
    for (struct json_iterator i = json_iterate(things); json_next(&i) && i.index <= index;) {
        const char *own = json_text(json_get(i.value, "parent"));
        const char *kind = json_text(json_get(i.value, "kind"));
        number += own != NULL && parent != NULL && strcmp(own, parent) == 0 &&
                  strcmp(kind, "issue") == 0;
    }
    return number;
}

static MUST_CHECK bool things_take(struct seeding *seeding, struct tool_call *tool,
        const struct json *things, bool checking, struct error *err)
{
    bool cleared[KIND_COUNT] = {false};
    for (struct json_iterator i = json_iterate(things); json_next(&i);) {
        struct seed_thing thing;
        if (!thing_read(seeding, tool->tool->toolkit->slug, i.value, &thing, err)) {
            return error_prefix(err, "things[%zu]", i.index);
        }
        if (checking) {
            continue;
        }
        size_t place = (size_t)(thing.kind - kinds);
        if (!cleared[place]) {
            cleared[place] = true;
            seeding_add(seeding, "DELETE FROM thing WHERE world = $1 AND kind = $2",
                    DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(thing.kind->kind)));
        }
        if (thing.id == NULL) {
            thing.id = new_id(tool, &thing, i.index, number_in(things, i.index, thing.parent));
        }
        add_thing(seeding, tool, &thing);
    }
    return true;
}

/* Any tool of the toolkit. */
static const struct tool *tool_of(struct seeding *seeding, const char *slug)
{
    const struct tool *tool = catalog_tools(seeding->call.sandbox->catalog);
    while (tool != NULL && strcmp(tool->toolkit->slug, slug) != 0) {
        tool = tool->next;
    }
    return tool;
}

bool seed_world(struct seeding *seeding, const struct json *world, bool checking, struct error *err)
{
    static const char *const members[] = {"user_id", "toolkit", "email", "things", NULL};
    const char *user_id, *slug, *email;
    const struct json *things = json_get(world, "things");
    struct tool_call tool = {
            .call = &seeding->call, .memory = seeding->call.memory, .now_ms = seeding->call.now_ms};
    if (!seed_members(world, members, err) || !field_required(world, "user_id", &user_id, err) ||
            !field_required(world, "toolkit", &slug, err) ||
            !field_required(world, "email", &email, err)) {
        return false;
    }
    tool.tool = tool_of(seeding, slug);
    tool.email = email;
    tool.world = world_id(tool.memory, user_id, slug, email);
    if (tool.tool == NULL) {
        return api_error_set(err, API_BAD_REQUEST, "toolkit: there is no %s", slug);
    }
    if (json_type(things) != JSON_ARRAY || json_count(things) > WORLD_THINGS_MAX) {
        return api_error_set(
                err, API_BAD_REQUEST, "things: expected an array, at most %d", WORLD_THINGS_MAX);
    }
    return (checking || world_open(&tool, err)) &&
           things_take(seeding, &tool, things, checking, err);
}
