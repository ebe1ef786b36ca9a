/* Gmail: mails (kind "mail", parent: the thread), drafts (kind "draft") and labels (kind "label") of one mailbox. */
#include "base/clock.h"
#include "sandbox/world/mail_query.h"
#include "sandbox/world/world.h"

#include <inttypes.h>
#include <stdlib.h>

static struct mail mail_of(const struct thing *thing)
{
    return (struct mail){
            .from = json_text(json_get(thing->body, "from")),
            .to = json_text(json_get(thing->body, "to")),
            .subject = json_text(json_get(thing->body, "subject")),
            .text = json_text(json_get(thing->body, "text")),
            .labels = json_get(thing->body, "labels"),
            .attachment = json_count(json_get(thing->body, "attachments")) > 0,
            .time_ms = thing->time_ms,
    };
}

/* ---- writing a message ---- */

static void write_header(struct json_writer *json, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        json_begin_object(json);
        write_text_member(json, "name", name);
        write_text_member(json, "value", value);
        json_end_object(json);
    }
}

static void write_payload(struct tool_call *tool, const struct mail *mail)
{
    struct json_writer *json = &tool->json;
    char date[CLOCK_TEXT_SIZE];
    json_write_name(json, "payload");
    json_begin_object(json);
    write_text_member(json, "mimeType", "text/plain");
    json_write_name(json, "headers");
    json_begin_array(json);
    write_header(json, "From", mail->from);
    write_header(json, "To", mail->to);
    write_header(json, "Subject", mail->subject);
    write_header(json, "Date", clock_format(mail->time_ms, date));
    json_end_array(json);
    json_write_name(json, "body");
    json_begin_object(json);
    write_text_member(json, "data",
            base64url_encode(tool->memory, slice_of(mail->text == NULL ? "" : mail->text)));
    write_int_member(json, "size", mail->text == NULL ? 0 : (int64_t)strlen(mail->text));
    json_end_object(json);
    json_end_object(json);
}

static void write_message(
        struct tool_call *tool, const struct thing *thing, bool with_payload, bool ids_only)
{
    struct json_writer *json = &tool->json;
    struct mail mail = mail_of(thing);
    write_text_member(json, "messageId", thing->id);
    write_text_member(json, "threadId", thing->parent);
    if (ids_only) {
        return;
    }
    json_write_name(json, "messageTimestamp");
    json_write_time(json, thing->time_ms);
    write_text_member(json, "sender", mail.from);
    write_text_member(json, "to", mail.to);
    write_text_member(json, "subject", mail.subject);
    call_write_list(json, "labelIds", mail.labels);
    write_text_member(json, "messageText", mail.text);
    json_write_name(json, "preview");
    json_begin_object(json);
    json_write_name(json, "body");
    json_write_printf(json, "%.100s", mail.text == NULL ? "" : mail.text);
    write_text_member(json, "subject", mail.subject);
    json_end_object(json);
    if (with_payload) {
        write_payload(tool, &mail);
    }
    call_write_list(json, "attachmentList", json_get(thing->body, "attachments"));
}

/* The short form that sending and changing answer with. */
static void write_message_head(
        struct json_writer *json, const char *id, const char *thread, const struct json *labels)
{
    write_text_member(json, "id", id);
    write_text_member(json, "threadId", thread);
    call_write_list(json, "labelIds", labels);
}

/* ---- looking ---- */

struct mail_filter {
    const char *query;
    struct texts labels;
    bool with_bin;
};

static struct mail_filter filter_of(struct tool_call *tool)
{
    struct mail_filter filter = {.query = argument_text(tool, "query"),
            .labels = argument_list(tool, "label_ids"),
            .with_bin = argument_bool(tool, "include_spam_trash", false)};
    filter.with_bin = filter.with_bin || mail_query_says_where(filter.query) ||
                      texts_have(&filter.labels, "TRASH") || texts_have(&filter.labels, "SPAM");
    return filter;
}

static bool filter_takes(
        struct tool_call *tool, const struct mail_filter *filter, const struct thing *thing)
{
    struct mail mail = mail_of(thing);
    for (size_t i = 0; i < filter->labels.count; i++) {
        if (!mail_has_label(&mail, filter->labels.items[i])) {
            return false;
        }
    }
    return (filter->with_bin ||
                   !(mail_has_label(&mail, "TRASH") || mail_has_label(&mail, "SPAM"))) &&
           mail_query_matches(tool->memory, filter->query, &mail, tool->now_ms);
}

/* Where the page begins: the token is the number of things before it. */
static int64_t page_begin(struct tool_call *tool)
{
    const char *token = argument_text(tool, "page_token");
    int64_t begin = token == NULL ? 0 : strtoll(token, NULL, 10);
    return begin < 0 ? 0 : begin;
}

static void write_page_end(
        struct tool_call *tool, const char *name, int64_t begin, int64_t limit, int64_t total)
{
    json_write_name(&tool->json, name);
    if (begin + limit < total) {
        json_write_printf(&tool->json, "%" PRId64, begin + limit);
    } else {
        json_write_null(&tool->json);
    }
    write_int_member(&tool->json, "resultSizeEstimate", total);
}

static bool fetch_emails(struct tool_call *tool, struct error *err)
{
    struct things things;
    if (!world_list(tool, "mail", NULL, &things, err)) {
        return false;
    }
    struct mail_filter filter = filter_of(tool);
    int64_t limit = argument_int(tool, "max_results", 1, 1, 500), begin = page_begin(tool);
    int64_t total = 0;
    json_write_name(&tool->json, "messages");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < things.count; i++) {
        if (!filter_takes(tool, &filter, &things.items[i])) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            json_begin_object(&tool->json);
            write_message(tool, &things.items[i], argument_bool(tool, "include_payload", true),
                    argument_bool(tool, "ids_only", false));
            json_end_object(&tool->json);
        }
        total++;
    }
    json_end_array(&tool->json);
    write_page_end(tool, "nextPageToken", begin, limit, total);
    return true;
}

static bool fetch_message(struct tool_call *tool, struct error *err)
{
    struct thing thing;
    bool found;
    if (!world_get(tool, "mail", argument_required(tool, "message_id"), &thing, &found, err)) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404, "Requested entity was not found.");
    }
    write_message(tool, &thing, true, false);
    return true;
}

static bool fetch_thread(struct tool_call *tool, struct error *err)
{
    struct things things;
    const char *thread = argument_required(tool, "thread_id");
    if (!world_list(tool, "mail", thread, &things, err)) {
        return false;
    }
    if (things.count == 0) {
        return tool_fail(tool, 404, "Requested entity was not found.");
    }
    write_text_member(&tool->json, "threadId", thread);
    json_write_name(&tool->json, "messages");
    json_begin_array(&tool->json);
    for (size_t i = things.count; i > 0; i--) { /* a thread reads from its beginning */
        json_begin_object(&tool->json);
        write_message(tool, &things.items[i - 1], true, false);
        json_end_object(&tool->json);
    }
    json_end_array(&tool->json);
    return true;
}

static bool thread_is_first(const struct things *things, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(things->items[i].parent, things->items[index].parent) == 0) {
            return false;
        }
    }
    return true;
}

static bool list_threads(struct tool_call *tool, struct error *err)
{
    struct things things;
    if (!world_list(tool, "mail", NULL, &things, err)) {
        return false;
    }
    struct mail_filter filter = filter_of(tool);
    int64_t limit = argument_int(tool, "max_results", 10, 1, 500), begin = page_begin(tool);
    int64_t total = 0;
    json_write_name(&tool->json, "threads");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < things.count; i++) {
        const struct thing *thing = &things.items[i];
        if (!filter_takes(tool, &filter, thing) || !thread_is_first(&things, i)) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            json_begin_object(&tool->json);
            write_text_member(&tool->json, "id", thing->parent);
            json_write_name(&tool->json, "snippet");
            json_write_printf(&tool->json, "%.100s", mail_of(thing).text);
            json_end_object(&tool->json);
        }
        total++;
    }
    json_end_array(&tool->json);
    write_page_end(tool, "next_page_token", begin, limit, total);
    return true;
}

static bool list_labels(struct tool_call *tool, struct error *err)
{
    static const char *const system[] = {"INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "STARRED",
            "UNREAD", "IMPORTANT", "CATEGORY_PERSONAL", "CATEGORY_UPDATES", "CATEGORY_PROMOTIONS"};
    struct things own;
    if (!world_list(tool, "label", NULL, &own, err)) {
        return false;
    }
    struct json_writer *json = &tool->json;
    json_write_name(json, "labels");
    json_begin_array(json);
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++) {
        json_begin_object(json);
        write_text_member(json, "id", system[i]);
        write_text_member(json, "name", system[i]);
        write_text_member(json, "type", "system");
        json_end_object(json);
    }
    for (size_t i = own.count; i > 0; i--) {
        json_begin_object(json);
        write_text_member(json, "id", own.items[i - 1].id);
        write_members_of(json, own.items[i - 1].body);
        write_text_member(json, "type", "user");
        json_end_object(json);
    }
    json_end_array(json);
    return true;
}

static bool get_profile(struct tool_call *tool, struct error *err)
{
    struct things things;
    if (!world_list(tool, "mail", NULL, &things, err)) {
        return false;
    }
    int64_t threads = 0;
    for (size_t i = 0; i < things.count; i++) {
        threads += thread_is_first(&things, i) ? 1 : 0;
    }
    write_text_member(&tool->json, "emailAddress", tool->email);
    write_int_member(&tool->json, "messagesTotal", (int64_t)things.count);
    write_int_member(&tool->json, "threadsTotal", threads);
    json_write_name(&tool->json, "historyId");
    json_write_printf(&tool->json, "%zu", 1000 + things.count);
    return true;
}

/* ---- writing mails ---- */

struct outgoing {
    const char *to, *cc, *bcc; /* addresses joined by ", "; "" when none */
    const char *subject, *text;
    bool to_self;
};

static void add_addresses(
        struct tool_call *tool, struct outgoing *mail, struct buffer *out, const char *argument)
{
    struct texts list = argument_list(tool, argument);
    for (size_t i = 0; i < list.count; i++) {
        buffer_printf(out, "%s%s", out->length == 0 ? "" : ", ", list.items[i]);
        mail->to_self = mail->to_self || strcasestr(list.items[i], tool->email) != NULL;
    }
}

static struct outgoing outgoing_of(struct tool_call *tool, const char *text_argument)
{
    static const char *const to_arguments[] = {"recipient_email", "to", "extra_recipients"};
    struct outgoing mail = {
            .subject = argument_text(tool, "subject"), .text = argument_text(tool, text_argument)};
    struct buffer to, cc, bcc;
    buffer_init(&to, tool->memory, 64 * 1024);
    buffer_init(&cc, tool->memory, 64 * 1024);
    buffer_init(&bcc, tool->memory, 64 * 1024);
    for (size_t i = 0; i < sizeof to_arguments / sizeof to_arguments[0]; i++) {
        add_addresses(tool, &mail, &to, to_arguments[i]);
    }
    add_addresses(tool, &mail, &cc, "cc");
    add_addresses(tool, &mail, &bcc, "bcc");
    mail.to = buffer_text(&to);
    mail.cc = buffer_text(&cc);
    mail.bcc = buffer_text(&bcc);
    return mail;
}

static const char *outgoing_body(struct tool_call *tool, const struct outgoing *mail, bool draft)
{
    struct body body;
    body_begin(&body, tool->memory);
    struct json_writer *json = &body.json;
    write_text_member(json, "from", tool->email);
    write_text_member(json, "to", mail->to);
    write_text_member(json, "cc", mail->cc);
    write_text_member(json, "bcc", mail->bcc);
    write_text_member(json, "subject", mail->subject == NULL ? "" : mail->subject);
    write_text_member(json, "text", mail->text == NULL ? "" : mail->text);
    json_write_name(json, "labels");
    json_begin_array(json);
    json_write_text(json, draft ? "DRAFT" : "SENT");
    if (mail->to_self && !draft) {
        json_write_text(json, "INBOX");
        json_write_text(json, "UNREAD");
    }
    json_end_array(json);
    return body_end(&body);
}

SUSPENDS static MUST_CHECK bool deliver(
        struct tool_call *tool, const char *thread, const char *body, struct error *err)
{
    const struct json *labels;
    const char *id = world_new_id(tool->memory, 16);
    thread = thread == NULL ? id : thread;
    if (!json_parse(tool->memory, slice_of(body), &labels, err) ||
            !world_put(tool, "mail", id, thread, tool->now_ms, body, err)) {
        return false;
    }
    write_message_head(&tool->json, id, thread, json_get(labels, "labels"));
    return true;
}

static bool send_email(struct tool_call *tool, struct error *err)
{
    struct outgoing mail = outgoing_of(tool, "body");
    if (mail.to[0] == '\0' && mail.cc[0] == '\0' && mail.bcc[0] == '\0') {
        return tool_fail(
                tool, 400, "At least one recipient is required: recipient_email, cc or bcc");
    }
    if (mail.subject == NULL && mail.text == NULL) {
        return tool_fail(tool, 400, "At least one of subject and body is required");
    }
    return deliver(tool, NULL, outgoing_body(tool, &mail, false), err);
}

static bool reply_to_thread(struct tool_call *tool, struct error *err)
{
    struct things things;
    const char *thread = argument_required(tool, "thread_id");
    if (!world_list(tool, "mail", thread, &things, err)) {
        return false;
    }
    if (things.count == 0) {
        return tool_fail(tool, 404, "Requested entity was not found.");
    }
    struct outgoing mail = outgoing_of(tool, "message_body");
    const char *subject = mail_of(&things.items[things.count - 1]).subject;
    mail.subject = strncasecmp(subject, "Re:", 3) == 0
                           ? subject
                           : mem_printf(tool->memory, "Re: %s", subject);
    return deliver(tool, thread, outgoing_body(tool, &mail, false), err);
}

/* ---- drafts ---- */

static bool create_draft(struct tool_call *tool, struct error *err)
{
    struct outgoing mail = outgoing_of(tool, "body");
    const char *id = mem_printf(tool->memory, "r-%s", world_new_id(tool->memory, 16));
    const char *thread = argument_text(tool, "thread_id");
    const char *message = world_new_id(tool->memory, 16);
    thread = thread == NULL ? message : thread;
    if (!world_put(
                tool, "draft", id, thread, tool->now_ms, outgoing_body(tool, &mail, true), err)) {
        return false;
    }
    struct json_writer *json = &tool->json;
    write_text_member(json, "id", id);
    json_write_name(json, "message");
    json_begin_object(json);
    write_text_member(json, "id", message);
    write_text_member(json, "threadId", thread);
    json_write_name(json, "labelIds");
    json_begin_array(json);
    json_write_text(json, "DRAFT");
    json_end_array(json);
    json_end_object(json);
    return true;
}

static bool list_drafts(struct tool_call *tool, struct error *err)
{
    struct things things;
    if (!world_list(tool, "draft", NULL, &things, err)) {
        return false;
    }
    int64_t limit = argument_int(tool, "max_results", 1, 1, 500), begin = page_begin(tool);
    json_write_name(&tool->json, "drafts");
    json_begin_array(&tool->json);
    for (size_t i = (size_t)begin; i < things.count && i < (size_t)(begin + limit); i++) {
        json_begin_object(&tool->json);
        write_text_member(&tool->json, "id", things.items[i].id);
        json_write_name(&tool->json, "message");
        json_begin_object(&tool->json);
        write_message(tool, &things.items[i], false, false);
        json_end_object(&tool->json);
        json_end_object(&tool->json);
    }
    json_end_array(&tool->json);
    write_page_end(tool, "nextPageToken", begin, limit, (int64_t)things.count);
    return true;
}

/* The draft becomes a sent mail; whoever removes the draft first sends it. */
static bool send_draft(struct tool_call *tool, struct error *err)
{
    struct thing draft;
    bool found;
    const char *id = argument_required(tool, "draft_id");
    if (!world_get(tool, "draft", id, &draft, &found, err) ||
            (found && !world_remove(tool, "draft", id, &found, err))) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404, "Requested entity was not found.");
    }
    struct mail mail = mail_of(&draft);
    struct outgoing out = {.to = mail.to,
            .cc = json_text(json_get(draft.body, "cc")),
            .bcc = json_text(json_get(draft.body, "bcc")),
            .subject = mail.subject,
            .text = mail.text,
            .to_self = strcasestr(mail.to, tool->email) != NULL};
    return deliver(tool, draft.parent, outgoing_body(tool, &out, false), err);
}

static bool delete_draft(struct tool_call *tool, struct error *err)
{
    bool found;
    if (!world_remove(tool, "draft", argument_required(tool, "draft_id"), &found, err)) {
        return false;
    }
    return found || tool_fail(tool, 404, "Requested entity was not found.");
}

/* ---- labels ---- */

/* The mail's body with its labels changed. */
static const char *relabelled(struct tool_call *tool, const struct thing *thing,
        const struct texts *add, const struct texts *remove)
{
    struct mail mail = mail_of(thing);
    struct body body;
    body_begin(&body, tool->memory);
    for (struct json_iterator i = json_iterate(thing->body); json_next(&i);) {
        if (!slice_is(i.name, "labels")) {
            json_write_name_slice(&body.json, i.name);
            json_write_value(&body.json, i.value);
        }
    }
    json_write_name(&body.json, "labels");
    json_begin_array(&body.json);
    for (struct json_iterator i = json_iterate(mail.labels); json_next(&i);) {
        const char *label = json_text(i.value);
        if (label != NULL && !texts_have(remove, label)) {
            json_write_text(&body.json, label);
        }
    }
    for (size_t i = 0; i < add->count; i++) {
        if (!mail_has_label(&mail, add->items[i])) {
            json_write_text(&body.json, add->items[i]);
        }
    }
    json_end_array(&body.json);
    return body_end(&body);
}

SUSPENDS static MUST_CHECK bool relabel(struct tool_call *tool, const struct texts *add,
        const struct texts *remove, struct error *err)
{
    struct thing thing;
    const struct json *changed;
    bool found;
    if (!world_get(tool, "mail", argument_required(tool, "message_id"), &thing, &found, err)) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404, "Requested entity was not found.");
    }
    const char *body = relabelled(tool, &thing, add, remove);
    if (!json_parse(tool->memory, slice_of(body), &changed, err) ||
            !world_put(tool, "mail", thing.id, thing.parent, thing.time_ms, body, err)) {
        return false;
    }
    write_message_head(&tool->json, thing.id, thing.parent, json_get(changed, "labels"));
    return true;
}

static bool add_label(struct tool_call *tool, struct error *err)
{
    struct texts add = argument_list(tool, "add_label_ids");
    struct texts remove = argument_list(tool, "remove_label_ids");
    return relabel(tool, &add, &remove, err);
}

static bool move_to_trash(struct tool_call *tool, struct error *err)
{
    const char *add[] = {"TRASH"}, *remove[] = {"INBOX"};
    return relabel(tool, &(struct texts){add, 1}, &(struct texts){remove, 1}, err);
}

static bool delete_message(struct tool_call *tool, struct error *err)
{
    bool found;
    if (!world_remove(tool, "mail", argument_required(tool, "message_id"), &found, err)) {
        return false;
    }
    return found || tool_fail(tool, 404, "Requested entity was not found.");
}

static bool create_label(struct tool_call *tool, struct error *err)
{
    struct body body;
    const char *name = argument_required(tool, "label_name"), *id;
    body_begin(&body, tool->memory);
    write_text_member(&body.json, "name", name);
    if (!world_append(tool, "label", "", "Label_", 0, body_end(&body), &id, err)) {
        return false;
    }
    write_text_member(&tool->json, "id", id);
    write_text_member(&tool->json, "name", name);
    write_text_member(&tool->json, "type", "user");
    return true;
}

const struct emulation gmail_emulations[] = {
        {"GMAIL_FETCH_EMAILS", fetch_emails},
        {"GMAIL_FETCH_MESSAGE_BY_MESSAGE_ID", fetch_message},
        {"GMAIL_FETCH_MESSAGE_BY_THREAD_ID", fetch_thread},
        {"GMAIL_LIST_THREADS", list_threads},
        {"GMAIL_LIST_LABELS", list_labels},
        {"GMAIL_GET_PROFILE", get_profile},
        {"GMAIL_SEND_EMAIL", send_email},
        {"GMAIL_REPLY_TO_THREAD", reply_to_thread},
        {"GMAIL_CREATE_EMAIL_DRAFT", create_draft},
        {"GMAIL_LIST_DRAFTS", list_drafts},
        {"GMAIL_SEND_DRAFT", send_draft},
        {"GMAIL_DELETE_DRAFT", delete_draft},
        {"GMAIL_ADD_LABEL_TO_EMAIL", add_label},
        {"GMAIL_MOVE_TO_TRASH", move_to_trash},
        {"GMAIL_DELETE_MESSAGE", delete_message},
        {"GMAIL_CREATE_LABEL", create_label},
        {NULL, NULL},
};
