/* A tool as the API answers it. */
#pragma once

#include "sandbox/call.h"

/* JSON Schema of what every tool answers. */
extern const char tool_output_schema[];

void tool_write(struct call *call, const struct tool *tool, const char *version);
