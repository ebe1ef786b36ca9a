#include "sandbox/page.h"

static const char style[] =
        ":root{color-scheme:light dark;--line:#c8ccd4;--dim:#5a6270;--ink:#16181d;--paper:#fff;"
        "--back:#f3f4f7;--go:#1d5fd1;--go-ink:#fff}"
        "@media(prefers-color-scheme:dark){:root{--line:#3c434f;--dim:#a3acba;--ink:#eceef2;"
        "--paper:#1c2027;--back:#12151a;--go:#7aa8ff;--go-ink:#0b1220}}"
        "*{box-sizing:border-box}"
        "body{margin:0;background:var(--back);color:var(--ink);"
        "font:1rem/1.5 system-ui,sans-serif}"
        "main{max-width:34rem;margin:2rem auto;padding:1.5rem;background:var(--paper);"
        "border:1px solid var(--line);border-radius:.75rem}"
        "main.wide{max-width:60rem}"
        "h1{font-size:1.35rem;line-height:1.25;margin:0 0 1rem}"
        "p,ul,dl{margin:0 0 1rem}ul{padding-left:1.25rem}"
        "li,dd,td{overflow-wrap:anywhere}dt{color:var(--dim)}dd{margin:0 0 .5rem;font-weight:600}"
        ".dim{color:var(--dim)}"
        "label{display:block;margin:0 0 .25rem}"
        "input{width:100%;font:inherit;color:inherit;background:transparent;padding:.5rem .75rem;"
        "border:1px solid var(--dim);border-radius:.5rem;margin:0 0 1.25rem;min-height:44px}"
        ".actions{display:flex;flex-wrap:wrap;gap:.75rem}"
        "button{font:inherit;font-weight:600;min-height:44px;padding:.5rem 1.5rem;"
        "border-radius:.5rem;border:1px solid var(--dim);background:transparent;color:inherit;"
        "cursor:pointer;flex:1 1 8rem}"
        "button.go{background:var(--go);border-color:var(--go);color:var(--go-ink)}"
        ":focus-visible{outline:3px solid var(--go);outline-offset:2px}"
        ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
        "caption,th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);"
        "vertical-align:top}"
        "@media(max-width:40rem){main{margin:0;border:0;border-radius:0;padding:1rem}}";

const char *page_policy(void *owner)
{
    uint8_t digest[SHA256_SIZE];
    sha256(SLICE(style), digest);
    /* No form-action: browsers hold the redirects behind a form to it, and where an app sends the browser after its
     * callback is not ours to know. */
    return mem_printf(owner,
            "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; frame-ancestors 'none'",
            base64_encode(owner, (struct slice){(const char *)digest, sizeof digest}));
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
    call_add_header(call, "Referrer-Policy", "no-referrer");
    call_add_header(call, "X-Content-Type-Options", "nosniff");
    page_html(call,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            "<title>%s</title><style>",
            title);
    buffer_add_text(&call->out, style);
    buffer_add_text(&call->out, "</style></head>\n<body>");
}

void page_end(struct call *call)
{
    buffer_add_text(&call->out, "</main></body></html>\n");
}
