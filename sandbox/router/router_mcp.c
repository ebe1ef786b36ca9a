/* The MCP URL of a tool router session: the tools that it shows, executed as by REST. */
#include "sandbox/mcp/mcp_endpoint.h"
#include "sandbox/router/router_execute.h"
#include "sandbox/routes.h"

SUSPENDS static MUST_CHECK bool run_tool(struct call *call, const struct mcp_view *view,
        const struct mcp_tool *tool, const struct json *arguments, struct mcp_result *out,
        struct error *err)
{
    const struct router_execution execution = {.slug = tool->name, .arguments = arguments};
    bool successful;
    if (!router_execute_any(call, view->context, &execution, &out->text, &successful, err)) {
        return false;
    }
    out->failed = !successful;
    return true;
}

bool router_mcp(struct call *call, struct error *err)
{
    struct router_session session;
    if (!router_session_find(call, &session, err)) {
        return false;
    }
    struct router_tools shown = router_tools_shown(call, &session);
    struct mcp_tool *tools = mem_array(call->memory, struct mcp_tool, shown.count);
    for (size_t i = 0; i < shown.count; i++) {
        const struct tool *tool = shown.items[i];
        tools[i] = (struct mcp_tool){.name = tool->slug,
                .title = tool->name,
                .description = tool->description,
                .input = tool->input,
                .tags = tool->tags};
    }
    struct mcp_view view = {.scope = mem_printf(call->memory, "session %s", session.id),
            .server_name = "tool_router",
            .tools = tools,
            .tool_count = shown.count,
            .run = run_tool,
            .context = &session};
    return mcp_serve(call, &view);
}
