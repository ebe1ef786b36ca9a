/* The sandbox's pages: small HTML without scripts, that reads well on any screen and to any reader. */
#pragma once

#include "sandbox/call.h"

/* The Content-Security-Policy of all pages: nothing from anywhere, and only our own style. */
const char *page_policy(void *owner);

/* Begin a page in call->out; page_end() closes it. `title` is plain text. */
void page_begin(struct call *call, const char *title);
void page_end(struct call *call);
/* Text, escaped; fit for attribute values in double quotes too. */
void page_text(struct call *call, const char *text);
/* A format of ours with escaped texts: "%s" stands for the next one; ends with NULL. */
void page_html(struct call *call, const char *format, ...);
