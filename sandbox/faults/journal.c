#include "sandbox/faults/journal.h"

#include "crypto/crypto.h"

struct entry {
    int64_t number; /* from 1 */
    int64_t time_ms, duration_ms;
    char *method, *target, *body, *body_sha256;
    size_t body_length; /* of what is kept */
    bool body_cut, ended;
    int status;
};

struct journal {
    int64_t count; /* ever added since the last clear */
    struct entry *entries[JOURNAL_ENTRIES];
};

struct journal *journal_new(void *owner)
{
    return mem_new(owner, struct journal);
}

int64_t journal_add(struct journal *journal, int64_t now_ms, struct slice method,
        struct slice target, struct slice body)
{
    struct entry **place = &journal->entries[journal->count % JOURNAL_ENTRIES];
    mem_free(*place);
    struct entry *entry = mem_new(journal, struct entry);
    entry->number = ++journal->count;
    entry->time_ms = now_ms;
    entry->method = mem_strndup(entry, method.data, method.length);
    entry->target = mem_strndup(entry, target.data, target.length);
    entry->body_cut = body.length > JOURNAL_BODY_BYTES;
    entry->body_length = entry->body_cut ? JOURNAL_BODY_BYTES : body.length;
    entry->body = mem_resize(entry, NULL, entry->body_length + 1);
    if (entry->body_length > 0) {
        memcpy(entry->body, body.data, entry->body_length);
    }
    entry->body_sha256 = sha256_hex(entry, body);
    *place = entry;
    return entry->number;
}

void journal_note(struct journal *journal, int64_t number, int status, int64_t duration_ms)
{
    struct entry *entry = journal->entries[(number - 1) % JOURNAL_ENTRIES];
    if (entry == NULL || entry->number != number) {
        return; /* overtaken by a thousand others, or cleared */
    }
    entry->ended = true;
    entry->status = status;
    entry->duration_ms = duration_ms;
}

void journal_clear(struct journal *journal)
{
    journal->count = 0;
    for (size_t i = 0; i < JOURNAL_ENTRIES; i++) {
        mem_free(journal->entries[i]);
        journal->entries[i] = NULL;
    }
}

static void entry_write(const struct entry *entry, struct json_writer *json)
{
    json_begin_object(json);
    json_write_name(json, "number");
    json_write_int(json, entry->number);
    json_write_name(json, "time");
    json_write_time(json, entry->time_ms);
    json_write_name(json, "method");
    json_write_text(json, entry->method);
    json_write_name(json, "path");
    json_write_text(json, entry->target);
    json_write_name(json, "body");
    json_write_string(json, (struct slice){entry->body, entry->body_length});
    json_write_name(json, "body_sha256");
    json_write_text(json, entry->body_sha256);
    json_write_name(json, "body_cut");
    json_write_bool(json, entry->body_cut);
    json_write_name(json, "status");
    if (entry->ended && entry->status != 0) {
        json_write_int(json, entry->status);
    } else {
        json_write_null(json);
    }
    json_write_name(json, "duration_ms");
    if (entry->ended) {
        json_write_int(json, entry->duration_ms);
    } else {
        json_write_null(json);
    }
    json_end_object(json);
}

void journal_write(
        const struct journal *journal, int64_t after, int64_t limit, struct json_writer *json)
{
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    int64_t first = journal->count < JOURNAL_ENTRIES ? 0 : journal->count - JOURNAL_ENTRIES;
    first = first < after ? after : first;
    first = first < journal->count - limit ? journal->count - limit : first;
    for (int64_t i = first; i < journal->count; i++) {
        entry_write(journal->entries[i % JOURNAL_ENTRIES], json);
    }
    json_end_array(json);
    json_write_name(json, "total");
    json_write_int(json, journal->count);
    json_end_object(json);
}
