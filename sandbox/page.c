#include "sandbox/page.h"

static const char style[] =
        ":root{color-scheme:light dark;--line:#c8ccd4;--dim:#5a6270;--ink:#16181d;--paper:#fff;"
        "--back:#f3f4f7;--go:#1d5fd1;--go-ink:#fff;--bad:#b3261e}"
        "@media(prefers-color-scheme:dark){:root{--line:#3c434f;--dim:#a3acba;--ink:#eceef2;"
        "--paper:#1c2027;--back:#12151a;--go:#7aa8ff;--go-ink:#0b1220;--bad:#ff9c92}}"
        "*{box-sizing:border-box}"
        "body{margin:0;background:var(--back);color:var(--ink);"
        "font:1rem/1.5 system-ui,sans-serif}"
        "main{max-width:34rem;margin:2rem auto;padding:1.5rem;background:var(--paper);"
        "border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}"
        "main.wide{max-width:68rem}"
        "h1{font-size:1.35rem;line-height:1.25;margin:0 0 1rem}"
        "h2{font-size:1.1rem;line-height:1.25;margin:2rem 0 .75rem}"
        "p,ul,dl{margin:0 0 1rem}ul{padding-left:1.25rem}"
        ".dim{color:var(--dim)}.bad,[role=alert]{color:var(--bad)}.hint{margin:0 0 .25rem}"
        "code{font-size:.9em}"
        "fieldset{border:1px solid var(--line);border-radius:.5rem;margin:0 0 1.25rem;"
        "padding:.25rem .75rem}legend{padding:0 .25rem}"
        "label{display:block;margin:0 0 .25rem}"
        "label.choice{display:flex;align-items:center;gap:.75rem;min-height:44px;margin:0}"
        "input,select{width:100%;font:inherit;color:inherit;background:var(--paper);"
        "padding:.5rem .75rem;border:1px solid var(--dim);border-radius:.5rem;margin:0 0 1.25rem;"
        "min-height:44px}"
        "input[type=radio]{width:1.25rem;height:1.25rem;min-height:0;margin:0;flex:none;"
        "accent-color:var(--go)}"
        "@supports selector(:has(a)){fieldset:not(:has(#another:checked)) .other{display:none}}"
        ".actions,.inline{display:flex;flex-wrap:wrap;gap:.75rem}"
        "button{font:inherit;font-weight:600;min-height:44px;padding:.5rem 1.25rem;"
        "border-radius:.5rem;border:1px solid var(--dim);background:transparent;color:inherit;"
        "cursor:pointer;white-space:nowrap}"
        ".actions button{flex:1 1 8rem}"
        ".inline{gap:.5rem;flex-wrap:nowrap}.inline.wrap{flex-wrap:wrap}.inline select{width:auto;flex:1 1 9rem;min-width:0;"
        "margin:0}"
        "button.go{background:var(--go);border-color:var(--go);color:var(--go-ink)}"
        ":focus-visible{outline:3px solid var(--go);outline-offset:2px}"
        ".hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);"
        "white-space:nowrap}"
        "table{border-collapse:collapse;width:100%}"
        "th,td{text-align:left;padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line);"
        "vertical-align:middle}th{color:var(--dim);font-weight:600;white-space:nowrap}"
        "td.short,td.number{white-space:nowrap}"
        "td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}"
        "@media(max-width:48rem){main{margin:0;border:0;border-radius:0;padding:1rem}"
        "thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
        "tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}"
        "td{display:flex;gap:.75rem;justify-content:space-between;align-items:center;border:0;"
        "padding:.25rem 0}td.number{text-align:left}"
        "td[data-name]::before{content:attr(data-name);color:var(--dim);flex:none}"
        "td.short{white-space:normal}td>form{flex:1}}";

static const char closing_script[] = "window.close()";

static const char *source_hash(void *owner, struct slice text)
{
    uint8_t digest[SHA256_SIZE];
    sha256(text, digest);
    return mem_printf(owner, "'sha256-%s'",
            base64_encode(owner, (struct slice){(const char *)digest, sizeof digest}));
}

const char *page_policy(void *owner)
{
    /* No form-action: browsers hold the redirects behind a form to it, and where an app sends the browser after its
     * callback is not ours to know. */
    return mem_printf(owner,
            "default-src 'none'; style-src %s; script-src %s; base-uri 'none'; "
            "frame-ancestors 'none'",
            source_hash(owner, SLICE(style)), source_hash(owner, SLICE(closing_script)));
}

void page_text(struct call *call, const char *text)
{
    for (const char *c = text == NULL ? "" : text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            buffer_add_text(&call->out, "&amp;");
            break;
        case '<':
            buffer_add_text(&call->out, "&lt;");
            break;
        case '>':
            buffer_add_text(&call->out, "&gt;");
            break;
        case '"':
            buffer_add_text(&call->out, "&quot;");
            break;
        case '\'':
            buffer_add_text(&call->out, "&#39;");
            break;
        default:
            buffer_add_char(&call->out, *c);
        }
    }
}

void page_html(struct call *call, const char *format, ...)
{
    va_list texts;
    va_start(texts, format);
    for (const char *c = format; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] == 's') {
            page_text(call, va_arg(texts, const char *));
            c++;
        } else {
            buffer_add_char(&call->out, *c);
        }
    }
    va_end(texts);
}

void page_begin(struct call *call, const char *title)
{
    call->content_type = "text/html; charset=utf-8";
    call_add_header(call, "Content-Security-Policy", call->sandbox->page_policy);
    call_add_header(call, "Cache-Control", "no-store");
    /* Not "no-referrer", with which browsers hide the origin of a form too. */
    call_add_header(call, "Referrer-Policy", "same-origin");
    call_add_header(call, "X-Content-Type-Options", "nosniff");
    page_html(call,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            "<title>%s</title><style>",
            title);
    buffer_add_text(&call->out, style);
    buffer_add_text(&call->out, "</style></head>\n<body>");
}

void page_close_window(struct call *call)
{
    page_html(call, "<script>%s</script>", closing_script);
}

void page_redirect(struct call *call, int status, const char *url)
{
    call->status = status;
    call->content_type = NULL;
    call_add_header(call, "Location", url);
    call_add_header(call, "Cache-Control", "no-store");
    call_add_header(call, "Referrer-Policy", "no-referrer");
}

void page_end(struct call *call)
{
    buffer_add_text(&call->out, "</main></body></html>\n");
}

const char *form_field(struct call *call, const char *name)
{
    struct slice rest = call->request->body, decoded;
    while (rest.data != NULL) {
        struct slice value = slice_split(&rest, '&');
        struct slice key = slice_split(&value, '=');
        if (http_url_decode(call->memory, key, true, &key) && slice_is(key, name) &&
                value.data != NULL && http_url_decode(call->memory, value, true, &decoded)) {
            return mem_strndup(call->memory, decoded.data, decoded.length);
        }
    }
    return NULL;
}
