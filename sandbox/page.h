/* The sandbox's pages: small HTML, that works without scripts and reads well on any screen and to any reader. */
#pragma once

#include "sandbox/call.h"

/* The Content-Security-Policy of all pages: nothing from anywhere, and only our own style and script. */
const char *page_policy(void *owner);

/* Begin a page in call->out; page_end() closes it. `title` is plain text. */
void page_begin(struct call *call, const char *title);
void page_end(struct call *call);
/* Text, escaped; fit for attribute values in double quotes too. */
void page_text(struct call *call, const char *text);
/* On a page that has nothing more to say: close the window, where the browser lets a page do that. */
void page_close_window(struct call *call);
/* Instead of a page: send the browser on; the URL may hold secrets. */
void page_redirect(struct call *call, int status, const char *url);
/* A field of the form that was sent; NULL: absent. */
const char *form_field(struct call *call, const char *name);
/* A format of ours with escaped texts: "%s" stands for the next one; ends with NULL. */
void page_html(struct call *call, const char *format, ...);
