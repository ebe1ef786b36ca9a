#include "http/message_internal.h"

#include <assert.h>
#include <string.h>

/* What a chunk may cost beside its data: eight digits and two line ends. More (leading zeros, extensions) counts
 * against the header's limit, as do trailers. */
#define CHUNK_FRAMING_BYTES 12

const struct refusal refusal_bad_message = {
        400, ERROR_BAD_REQUEST, "BAD_MESSAGE", "the request is malformed", 0};
const struct refusal refusal_target_too_long = {
        414, ERROR_BAD_REQUEST, "TARGET_TOO_LONG", "the request line is too long", 0};
const struct refusal refusal_headers_too_large = {
        431, ERROR_BAD_REQUEST, "HEADERS_TOO_LARGE", "the header fields are too large", 0};
const struct refusal refusal_body_too_large = {
        413, ERROR_PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "the body is too large", 0};
const struct refusal refusal_expectation = {417, ERROR_BAD_REQUEST, "EXPECTATION_FAILED",
        "no expectation but 100-continue can be met", 0};
const struct refusal refusal_version = {505, ERROR_NOT_IMPLEMENTED, "VERSION_NOT_SUPPORTED",
        "only HTTP/1.1 and HTTP/1.0 are spoken here", 0};

static bool refuse(struct message *message, const struct refusal *refusal, const char *detail)
{
    message->refusal = refusal;
    message->detail = detail;
    return false;
}

static bool refuse_bad(struct message *message, const char *detail)
{
    return refuse(message, &refusal_bad_message, detail);
}

/* ---- the request line ---- */

static bool check_line(struct message *message)
{
    const struct http_request *request = &message->request;
    const char *start = message->bytes, *method = request->method.data;
    /* RFC 9112 §2.2: an empty line before the request is forgiven. */
    bool at_start = method == start || (method == start + 2 && memcmp(start, "\r\n", 2) == 0);
    const char *target = request->target.data;
    const char *version = message->version.data;
    if (version == NULL || memcmp(version - 5, "HTTP/", 5) != 0) {
        return refuse_bad(message, "not HTTP");
    }
    if (message->parser.http_major != 1) {
        return refuse(message, &refusal_version, NULL);
    }
    /* RFC 9112 §3: single spaces; what another parser takes for the target must be what we do. */
    if (!at_start || target != method + request->method.length + 1 ||
            version - 5 != target + request->target.length + 1) {
        return refuse_bad(message, "blanks in the request line");
    }
    if ((size_t)(version + 5 - start) > message->limits.header_bytes) {
        return refuse(message, &refusal_target_too_long, NULL);
    }
    return true;
}

/* RFC 9112 §3.2.2: a server must understand the absolute form. Its authority is left in *authority_out. */
static bool take_absolute(struct slice *path, struct slice *authority_out)
{
    size_t scheme = path->length >= 7 && strncasecmp(path->data, "http://", 7) == 0    ? 7
                    : path->length >= 8 && strncasecmp(path->data, "https://", 8) == 0 ? 8
                                                                                       : 0;
    if (scheme == 0) {
        return false;
    }
    *path = slice_skip(*path, scheme);
    size_t length = 0;
    while (length < path->length && path->data[length] != '/') {
        length++;
    }
    *authority_out = (struct slice){path->data, length};
    *path = length == path->length ? SLICE("/") : slice_skip(*path, length);
    return true;
}

/* Split the target; *authority_out is set for the absolute form only. */
static bool take_target(struct message *message, struct slice *authority_out)
{
    struct http_request *request = &message->request;
    for (size_t i = 0; i < request->target.length; i++) {
        char c = request->target.data[i];
        if (c <= ' ' || c == 0x7F || c == '#') { /* bytes over 0x7F are negative */
            return refuse_bad(message, "a character that no target has");
        }
    }
    struct slice rest = request->target;
    request->path = slice_split(&rest, '?');
    request->query = rest;
    if (request->method.length == 7 && memcmp(request->method.data, "CONNECT", 7) == 0) {
        return refuse_bad(message, "this is no proxy");
    }
    bool options = slice_equal(request->method, SLICE("OPTIONS"));
    if (request->path.length > 0 && request->path.data[0] == '/') {
        return true;
    }
    if (take_absolute(&request->path, authority_out) ||
            (options && slice_equal(request->target, SLICE("*")))) {
        return true;
    }
    return refuse_bad(message, "a target of no known form"); /* RFC 9112 §3.2 */
}

/* ---- fields ---- */

static bool is_in(struct slice text, const char *letters)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!digit && !letter && (c == '\0' || strchr(letters, c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* RFC 9110 §7.2: uri-host [":" port]; not empty (§4.2.1), and without the sub-delims, a comma above all. */
static bool host_is_good(struct slice host)
{
    struct slice name = host, port = {NULL, 0};
    bool literal = host.length > 0 && host.data[0] == '[';
    if (literal) {
        const char *end = memchr(host.data, ']', host.length);
        if (end == NULL) {
            return false;
        }
        name = (struct slice){host.data + 1, (size_t)(end - host.data - 1)};
        port = slice_skip(host, name.length + 2);
        if (port.length > 0 && port.data[0] != ':') {
            return false;
        }
        port = port.length > 0 ? slice_skip(port, 1) : port;
    } else {
        name = slice_split(&host, ':');
        port = host;
    }
    for (size_t i = 0; i < port.length; i++) {
        if (port.data[i] < '0' || port.data[i] > '9') {
            return false;
        }
    }
    return name.length > 0 && is_in(name, literal ? ":." : "-._~%");
}

static bool take_host(struct message *message, struct slice value, struct slice *host)
{
    if (host->data != NULL) {
        return refuse_bad(message, "more than one Host"); /* RFC 9112 §3.2 */
    }
    if (!host_is_good(value)) {
        return refuse_bad(message, "Host is no host");
    }
    *host = value;
    return true;
}

/* RFC 9112 §6.1. Letter by letter `chunked`: codings we do not undo, and spellings that others may miss, are refused,
 * and so is a coding in HTTP/1.0, where a proxy may not know it. llhttp sees to a second field. */
static bool check_coding(struct message *message, struct slice value)
{
    if (message->http_1_0) {
        return refuse_bad(message, "Transfer-Encoding in HTTP/1.0");
    }
    return slice_equal(value, SLICE("chunked")) ||
           refuse_bad(message, "a Transfer-Encoding other than chunked");
}

/* RFC 9110 §10.1.1; HTTP/1.0 has no expectations. */
static bool take_expectation(struct message *message, struct slice value)
{
    message->expects_continue = !message->http_1_0;
    return message->http_1_0 || slice_is_nocase(value, "100-continue") ||
           refuse(message, &refusal_expectation, NULL);
}

static bool take_field(struct message *message, struct http_header *field, struct slice *host)
{
    if (field->value.data == NULL) { /* NULL says that a field is absent */
        field->value.data = field->name.data + field->name.length;
    }
    field->value = slice_trim(field->value);
    switch (field->name.length) {
    case 4:
        return !slice_is_nocase(field->name, "Host") || take_host(message, field->value, host);
    case 6:
        return !slice_is_nocase(field->name, "Expect") || take_expectation(message, field->value);
    case 17:
        return !slice_is_nocase(field->name, "Transfer-Encoding") ||
               check_coding(message, field->value);
    default:
        return true;
    }
}

static bool check_fields(struct message *message, struct slice authority)
{
    struct slice host = {NULL, 0};
    for (size_t i = 0; i < message->request.header_count; i++) {
        if (!take_field(message, &message->headers[i], &host)) {
            return false;
        }
    }
    if (host.data == NULL && !message->http_1_0) {
        return refuse_bad(message, "no Host"); /* RFC 9112 §3.2 */
    }
    if (authority.data == NULL) {
        return true;
    }
    if (host.data == NULL) {
        return host_is_good(authority) || refuse_bad(message, "the target has no host");
    }
    /* RFC 9112 §3.2.2 lets the target win; we would rather not have two opinions. */
    bool same = authority.length == host.length &&
                strncasecmp(authority.data, host.data, host.length) == 0;
    return same || refuse_bad(message, "Host is not that of the target");
}

/* ---- what llhttp calls ---- */

/* llhttp hands a text over in as many pieces as it was received in; in `bytes` they are next to each other. */
static int extend(struct slice *text, const char *at, size_t length)
{
    if (text->data == NULL) {
        text->data = at;
    }
    text->length += length;
    return HPE_OK;
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    return extend(&message->request.method, at, length);
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    return extend(&message->request.target, at, length);
}

static int on_version(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    return extend(&message->version, at, length);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    struct http_request *request = &message->request;
    if (message->in_body) {
        return HPE_OK; /* a trailer: dropped, RFC 9110 §6.5.1 */
    }
    if (message->in_value || request->header_count == 0) {
        if (request->header_count == MESSAGE_FIELDS_MAX) {
            refuse(message, &refusal_headers_too_large, "more than 100");
            return HPE_USER;
        }
        message->headers[request->header_count++] = (struct http_header){{NULL, 0}, {NULL, 0}};
        message->in_value = false;
    }
    return extend(&message->headers[request->header_count - 1].name, at, length);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    if (message->in_body) {
        return HPE_OK;
    }
    message->in_value = true;
    return extend(&message->headers[message->request.header_count - 1].value, at, length);
}

static bool check_sizes(struct message *message)
{
    /* llhttp takes CRLF only, so the first empty line behind the request line is the header's end. */
    const char *line_end = message->version.data + 3;
    const char *end =
            memmem(line_end, message->length - (size_t)(line_end - message->bytes), "\r\n\r\n", 4);
    assert(end != NULL);
    message->header_end = (size_t)(end + 4 - message->bytes);
    if ((size_t)(end + 4 - (line_end + 2)) > message->limits.header_bytes) {
        return refuse(message, &refusal_headers_too_large, NULL);
    }
    if (message->parser.content_length > message->limits.body_bytes) {
        return refuse(message, &refusal_body_too_large, NULL); /* before it is sent */
    }
    return true;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct message *message = parser->data;
    struct slice authority = {NULL, 0};
    message->http_1_0 = parser->http_minor == 0;
    if (!check_line(message) || !check_sizes(message) || !take_target(message, &authority) ||
            !check_fields(message, authority)) {
        return -1;
    }
    /* RFC 9112 §9.3. When both are said, close wins. */
    bool close = (parser->flags & F_CONNECTION_CLOSE) != 0;
    message->keep_alive =
            !close && (!message->http_1_0 || (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0);
    bool body = (parser->flags & F_CHUNKED) != 0 || parser->content_length > 0;
    message->expects_continue = message->expects_continue && body;
    message->request.headers = message->headers;
    message->request.memory = mem_scope_new(message, "request");
    message->in_body = true;
    parser->upgrade = 0; /* RFC 9110 §7.8: Upgrade may be ignored, and is */
    return HPE_OK;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct message *message = parser->data;
    message->chunks++;
    return HPE_OK;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    struct slice *body = &message->request.body;
    if (length > message->limits.body_bytes - body->length) {
        refuse(message, &refusal_body_too_large, NULL);
        return HPE_USER;
    }
    if (message->spilled) {
        buffer_add(&message->body, at, length);
        *body = buffer_slice(&message->body);
        return HPE_OK;
    }
    char *end = message->bytes + message->header_end + body->length;
    if (end != at) {
        memmove(end, at, length); /* over the framing of its chunk */
    }
    *body = (struct slice){message->bytes + message->header_end, body->length + length};
    return HPE_OK;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* No lenient flag of llhttp is ever set. */
static const llhttp_settings_t settings = {
        .on_method = on_method,
        .on_url = on_url,
        .on_version = on_version,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_chunk_header = on_chunk_header,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
};

/* ---- the buffer ---- */

struct message *message_new(void *owner, const struct message_limits *limits)
{
    size_t capacity = 2 * limits->header_bytes + MESSAGE_BODY_BYTES;
    /* Not zeroed: of a large buffer only the pages that are used become resident. */
    struct message *message = mem_resize(owner, NULL, sizeof *message + capacity);
    memset(message, 0, sizeof *message);
    message->limits = *limits;
    message->capacity = capacity;
    message_begin(message);
    return message;
}

void message_begin(struct message *message)
{
    mem_free(message->request.memory);
    message->request = (struct http_request){.memory = NULL};
    message->stage = MESSAGE_HEADER;
    message->keep_alive = message->http_1_0 = message->expects_continue = false;
    message->spilled = message->in_value = message->in_body = false;
    message->refusal = NULL;
    message->detail = NULL;
    message->version = (struct slice){NULL, 0};
    message->header_end = message->body_wire = message->chunks = 0;
    message->length = message->parsed = 0;
    llhttp_init(&message->parser, HTTP_REQUEST, &settings);
    message->parser.data = message;
}

/* Move the body out of the buffer, whose place is then for reading. */
static void spill(struct message *message)
{
    buffer_init(&message->body, message->request.memory, message->limits.body_bytes);
    buffer_add_slice(&message->body, message->request.body);
    message->request.body = buffer_slice(&message->body);
    message->spilled = true;
    message->length = message->parsed = message->header_end;
}

char *message_room(struct message *message, size_t *size_out)
{
    if (message->length == message->capacity && message->stage == MESSAGE_BODY) {
        spill(message);
    }
    *size_out = message->capacity - message->length;
    return message->bytes + message->length;
}

void message_received(struct message *message, size_t count)
{
    assert(count <= message->capacity - message->length);
    message->length += count;
}

size_t message_waiting(const struct message *message)
{
    return message->length - message->parsed;
}

static bool check_growth(struct message *message)
{
    if (message->in_body) {
        /* Trailers, extensions and leading zeros: RFC 9112 §7.1.1 asks for a limit. */
        size_t framing = message->body_wire - message->request.body.length;
        size_t free = message->chunks * CHUNK_FRAMING_BYTES;
        return framing <= free || framing - free <= message->limits.header_bytes ||
               refuse(message, &refusal_headers_too_large, "chunk framing and trailers");
    }
    const char *end = message->bytes + message->length, *version = message->version.data;
    if (version == NULL) {
        return message->length <= message->limits.header_bytes ||
               refuse(message, &refusal_target_too_long, NULL);
    }
    return end <= version + 5 || (size_t)(end - (version + 5)) <= message->limits.header_bytes ||
           refuse(message, &refusal_headers_too_large, NULL);
}

static bool refuse_as_parsed(struct message *message, llhttp_errno_t error)
{
    if (message->refusal != NULL) {
        return false; /* a callback said why */
    }
    struct slice version = message->version;
    bool other_version = error == HPE_INVALID_VERSION && version.length == 3 &&
                         !slice_is(version, "1.1") && !slice_is(version, "1.0");
    if (other_version || error == HPE_PAUSED_H2_UPGRADE) {
        return refuse(message, &refusal_version, NULL);
    }
    return refuse_bad(message, llhttp_get_error_reason(&message->parser));
}

enum message_stage message_parse(struct message *message)
{
    assert(message->stage < MESSAGE_COMPLETE);
    const char *from = message->bytes + message->parsed;
    size_t count = message_waiting(message), before = message->parsed;
    llhttp_errno_t error = llhttp_execute(&message->parser, from, count);
    bool complete = error == HPE_PAUSED;
    if (complete) {
        count = (size_t)(llhttp_get_error_pos(&message->parser) - from);
    } else if (error != HPE_OK) {
        refuse_as_parsed(message, error);
        return message->stage = MESSAGE_REFUSED;
    }
    message->parsed += count;
    if (message->in_body) {
        size_t start = before > message->header_end ? before : message->header_end;
        message->body_wire += message->parsed - start;
    }
    if (!check_growth(message)) {
        return message->stage = MESSAGE_REFUSED;
    }
    if (complete) {
        return message->stage = MESSAGE_COMPLETE;
    }
    if (message->in_body) { /* the chunks' framing is done with */
        message->length = message->header_end;
        message->length += message->spilled ? 0 : message->request.body.length;
        message->parsed = message->length;
    }
    return message->stage = message->in_body ? MESSAGE_BODY : MESSAGE_HEADER;
}

void message_next(struct message *message)
{
    size_t waiting = message_waiting(message), parsed = message->parsed;
    message_begin(message);
    memmove(message->bytes, message->bytes + parsed, waiting);
    message->length = waiting;
}
