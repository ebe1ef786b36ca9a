/* Google Calendar: calendars (kind "calendar", the primary one's id is the address) and their events (kind "event", parent:
 * the calendar, time: the start; bodies as Google has them). */
#include "base/clock.h"
#include "sandbox/world/world.h"

#include <inttypes.h>
#include <stdlib.h>

#define MINUTE_MS 60000

/* Under either spelling, old and new. "primary" is the user's own. */
static const char *calendar_argument(struct tool_call *tool)
{
    const char *id = argument_text(tool, "calendar_id");
    id = id == NULL ? argument_text(tool, "calendarId") : id;
    return id == NULL || strcmp(id, "primary") == 0 ? tool->email : id;
}

/* *found_out false: the tool failed with Google's 404. */
SUSPENDS static MUST_CHECK bool calendar_find(
        struct tool_call *tool, struct thing *out, bool *found_out, struct error *err)
{
    if (!world_get(tool, "calendar", calendar_argument(tool), out, found_out, err)) {
        return false;
    }
    return *found_out || tool_fail(tool, 404, "Not Found");
}

/* ---- events ---- */

static int64_t event_time(const struct thing *event, const char *side)
{
    const struct json *when = json_get(event->body, side);
    struct slice text = json_string(json_get(when, "dateTime"));
    int64_t ms;
    text = text.data == NULL ? json_string(json_get(when, "date")) : text;
    if (text.length == strlen("2026-01-01")) {
        char date[CLOCK_TEXT_SIZE] = {0};
        snprintf(date, sizeof date, "%.10sT00:00:00Z", text.data);
        return clock_parse(slice_of(date), &ms) ? ms : event->time_ms;
    }
    return clock_parse(text, &ms) ? ms : event->time_ms;
}

static void write_event_members(struct tool_call *tool, const struct thing *event)
{
    struct json_writer *json = &tool->json;
    write_text_member(json, "kind", "calendar#event");
    write_text_member(json, "id", event->id);
    write_text_member(json, "status", "confirmed");
    json_write_name(json, "htmlLink");
    json_write_printf(json, "https://www.google.com/calendar/event?eid=%s", event->id);
    write_text_member(json, "iCalUID", mem_printf(tool->memory, "%s@google.com", event->id));
    write_members_of(json, event->body);
}

struct event_filter {
    const char *text;       /* NULL: any */
    int64_t from_ms, to_ms; /* the event ends after, starts before */
};

/* False: the tool failed, as a time cannot be read. */
static bool filter_read(struct tool_call *tool, const char *text_argument, struct event_filter *out)
{
    const char *from = argument_text(tool, "timeMin"), *to = argument_text(tool, "timeMax");
    *out = (struct event_filter){
            .text = argument_text(tool, text_argument), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    if ((from != NULL && !clock_parse(slice_of(from), &out->from_ms)) ||
            (to != NULL && !clock_parse(slice_of(to), &out->to_ms))) {
        tool_fail(tool, 400, "Bad Request: timeMin and timeMax must be RFC 3339 timestamps");
        return false;
    }
    return true;
}

static bool filter_takes(const struct event_filter *filter, const struct thing *event)
{
    static const char *const members[] = {"summary", "description", "location"};
    bool found = filter->text == NULL;
    for (size_t i = 0; i < 3 && !found; i++) {
        const char *text = json_text(json_get(event->body, members[i]));
        found = text != NULL && strcasestr(text, filter->text) != NULL;
    }
    return found && event_time(event, "end") > filter->from_ms &&
           event_time(event, "start") < filter->to_ms;
}

/* In order of their start, as Google does with orderBy=startTime; the list comes the other way round. */
static void write_events(struct tool_call *tool, const struct things *events,
        const struct event_filter *filter, int64_t limit, const char *page_argument)
{
    const char *token = argument_text(tool, page_argument);
    int64_t begin = token == NULL ? 0 : strtoll(token, NULL, 10), total = 0;
    json_write_name(&tool->json, "items");
    json_begin_array(&tool->json);
    for (size_t i = events->count; i > 0; i--) {
        const struct thing *event = &events->items[i - 1];
        if (!filter_takes(filter, event)) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            json_begin_object(&tool->json);
            write_event_members(tool, event);
            json_end_object(&tool->json);
        }
        total++;
    }
    json_end_array(&tool->json);
    json_write_name(&tool->json, "nextPageToken");
    if (begin + limit < total) {
        json_write_printf(&tool->json, "%" PRId64, begin + limit);
    } else {
        json_write_null(&tool->json);
    }
}

SUSPENDS static MUST_CHECK bool list(struct tool_call *tool, const char *text_argument,
        int64_t limit, const char *page_argument, struct error *err)
{
    struct thing calendar;
    struct things events;
    struct event_filter filter;
    bool found;
    if (!calendar_find(tool, &calendar, &found, err)) {
        return false;
    }
    if (!found || !filter_read(tool, text_argument, &filter)) {
        return true;
    }
    if (!world_list(tool, "event", calendar.id, &events, err)) {
        return false;
    }
    write_text_member(&tool->json, "kind", "calendar#events");
    write_text_member(&tool->json, "summary", json_text(json_get(calendar.body, "summary")));
    write_text_member(&tool->json, "timeZone", "UTC");
    write_events(tool, &events, &filter, limit, page_argument);
    return true;
}

static bool events_list(struct tool_call *tool, struct error *err)
{
    return list(tool, "q", argument_int(tool, "maxResults", 250, 1, 2500), "pageToken", err);
}

static bool find_event(struct tool_call *tool, struct error *err)
{
    return list(tool, "query", argument_int(tool, "max_results", 10, 1, 2500), "page_token", err);
}

/* ---- creating and changing ---- */

/* The zone of the text is dropped, as the tool's description says: the wall-clock time counts, in `timezone`. */
static bool wall_clock_read(const char *text, int64_t *out)
{
    char local[32];
    size_t length = strcspn(text, "Zz+");
    const char *time = strchr(text, 'T');
    const char *minus = time == NULL ? NULL : strchr(time, '-');
    length = minus == NULL || (size_t)(minus - text) > length ? length : (size_t)(minus - text);
    if (length >= sizeof local - 4) {
        return false;
    }
    memcpy(local, text, length);
    local[length] = '\0';
    if (length == strlen("2026-01-01T10:00")) {
        memcpy(local + length, ":00", 4); /* seconds are left out at times */
    }
    return clock_parse(slice_of(local), out);
}

static void write_side(struct json_writer *json, const char *side, int64_t ms, const char *zone)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(ms, text);
    json_write_name(json, side);
    json_begin_object(json);
    json_write_name(json, "dateTime");
    json_write_printf(json, "%.19s%s", text, strcmp(zone, "UTC") == 0 ? "Z" : "");
    write_text_member(json, "timeZone", zone);
    json_end_object(json);
}

static void write_attendees(struct tool_call *tool, struct json_writer *json)
{
    struct texts attendees = argument_list(tool, "attendees");
    json_write_name(json, "attendees");
    json_begin_array(json);
    for (size_t i = 0; i < attendees.count; i++) {
        json_begin_object(json);
        write_text_member(json, "email", attendees.items[i]);
        write_text_member(json, "responseStatus", "needsAction");
        json_end_object(json);
    }
    json_end_array(json);
}

static const char *event_body(struct tool_call *tool, int64_t start_ms, int64_t end_ms)
{
    static const char *const copied[] = {"summary", "description", "location", "visibility",
            "transparency", "eventType", "recurrence", "guestsCanModify", "guestsCanInviteOthers",
            "guestsCanSeeOtherGuests"};
    const char *zone = argument_text(tool, "timezone");
    zone = zone == NULL ? "UTC" : zone;
    struct body body;
    body_begin(&body, tool->memory);
    struct json_writer *json = &body.json;
    json_write_name(json, "created");
    json_write_time(json, tool->now_ms);
    json_write_name(json, "updated");
    json_write_time(json, tool->now_ms);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        const struct json *value = json_get(tool->arguments, copied[i]);
        if (value != NULL && json_type(value) != JSON_NULL) {
            json_write_name(json, copied[i]);
            json_write_value(json, value);
        }
    }
    json_write_name(json, "organizer");
    json_begin_object(json);
    write_text_member(json, "email", tool->email);
    write_bool_member(json, "self", true);
    json_end_object(json);
    write_side(json, "start", start_ms, zone);
    write_side(json, "end", end_ms, zone);
    write_attendees(tool, json);
    return body_end(&body);
}

/* `id` NULL: a new one. */
SUSPENDS static MUST_CHECK bool store_event(
        struct tool_call *tool, const char *calendar, const char *id, struct error *err)
{
    const char *end = argument_text(tool, "end_datetime");
    int64_t start_ms, end_ms;
    if (!wall_clock_read(argument_required(tool, "start_datetime"), &start_ms) ||
            (end != NULL && !wall_clock_read(end, &end_ms))) {
        return tool_fail(tool, 400, "Invalid datetime: use ISO 8601, such as 2026-01-31T13:00:00");
    }
    if (end == NULL) {
        end_ms = start_ms +
                 MINUTE_MS * (60 * argument_int(tool, "event_duration_hour", 0, 0, 24) +
                                     argument_int(tool, "event_duration_minutes", 30, 0, 59));
    }
    if (end_ms < start_ms) {
        return tool_fail(tool, 400, "The specified time range is empty.");
    }
    const char *body = event_body(tool, start_ms, end_ms);
    struct thing event = {.id = id == NULL ? world_new_id(tool->memory, 26) : id,
            .parent = calendar,
            .time_ms = start_ms};
    if (!json_parse(tool->memory, slice_of(body), &event.body, err) ||
            !world_put(tool, "event", event.id, calendar, start_ms, body, err)) {
        return false;
    }
    write_event_members(tool, &event);
    return true;
}

static bool create_event(struct tool_call *tool, struct error *err)
{
    struct thing calendar;
    bool found;
    if (!calendar_find(tool, &calendar, &found, err)) {
        return false;
    }
    return !found || store_event(tool, calendar.id, NULL, err);
}

static bool update_event(struct tool_call *tool, struct error *err)
{
    struct thing event;
    bool found;
    if (!world_get(tool, "event", argument_required(tool, "event_id"), &event, &found, err)) {
        return false;
    }
    if (!found || strcmp(event.parent, calendar_argument(tool)) != 0) {
        return tool_fail(tool, 404, "Not Found");
    }
    return store_event(tool, event.parent, event.id, err);
}

static bool delete_event(struct tool_call *tool, struct error *err)
{
    bool found;
    if (!world_remove(tool, "event", argument_required(tool, "event_id"), &found, err)) {
        return false;
    }
    return found || tool_fail(tool, 404, "Not Found");
}

/* ---- calendars and time ---- */

static void write_calendar(struct tool_call *tool, const struct thing *calendar)
{
    struct json_writer *json = &tool->json;
    write_text_member(json, "kind", "calendar#calendarListEntry");
    write_text_member(json, "id", calendar->id);
    write_members_of(json, calendar->body);
}

static bool list_calendars(struct tool_call *tool, struct error *err)
{
    struct things calendars;
    if (!world_list(tool, "calendar", NULL, &calendars, err)) {
        return false;
    }
    size_t limit = (size_t)argument_int(tool, "max_results", 10, 1, 250);
    json_write_name(&tool->json, "calendars");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < calendars.count && i < limit; i++) {
        json_begin_object(&tool->json);
        write_calendar(tool, &calendars.items[i]);
        json_end_object(&tool->json);
    }
    json_end_array(&tool->json);
    write_text_member(&tool->json, "next_page_token", NULL);
    return true;
}

static bool get_calendar(struct tool_call *tool, struct error *err)
{
    struct thing calendar;
    bool found;
    if (!calendar_find(tool, &calendar, &found, err)) {
        return false;
    }
    if (found) {
        write_calendar(tool, &calendar);
    }
    return true;
}

static bool current_time(struct tool_call *tool, struct error *err)
{
    (void)err;
    json_write_name(&tool->json, "current_datetime");
    json_write_time(&tool->json, tool->now_ms);
    write_text_member(&tool->json, "timezone", "UTC");
    return true;
}

const struct emulation googlecalendar_emulations[] = {
        {"GOOGLECALENDAR_EVENTS_LIST", events_list},
        {"GOOGLECALENDAR_FIND_EVENT", find_event},
        {"GOOGLECALENDAR_CREATE_EVENT", create_event},
        {"GOOGLECALENDAR_UPDATE_EVENT", update_event},
        {"GOOGLECALENDAR_DELETE_EVENT", delete_event},
        {"GOOGLECALENDAR_LIST_CALENDARS", list_calendars},
        {"GOOGLECALENDAR_GET_CALENDAR", get_calendar},
        {"GOOGLECALENDAR_GET_CURRENT_DATE_TIME", current_time},
        {NULL, NULL},
};
