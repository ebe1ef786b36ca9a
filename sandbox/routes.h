/* Which handler answers which request: the table is in routes.c, the handlers are by area in the files named here. */
#pragma once

#include "sandbox/call.h"

enum route_area {
    ROUTE_API,     /* under /api/v3.1 and /api/v3; wants the key */
    ROUTE_API_V31, /* under /api/v3.1 alone */
    ROUTE_MCP,     /* MCP endpoints: any method; want the key, in either header */
    ROUTE_PAGE,    /* for browsers */
    ROUTE_CONSENT, /* for browsers too, on the provider's origin */
    ROUTE_CONTROL, /* of tests: no key, not in the journal, no faults */
};

/* False: err set. */
typedef bool route_handler(struct call *call, struct error *err);

/* auth_configs.c */
route_handler auth_config_list, auth_config_get, auth_config_create;
/* auth_config_change.c */
route_handler auth_config_update, auth_config_set_status, auth_config_delete;
/* accounts.c */
route_handler account_list, account_get, account_id_of_uuid;
/* account_create.c */
route_handler account_link, account_create;
/* account_change.c */
route_handler account_update, account_set_enabled, account_revoke, account_refresh, account_delete;
/* mcp_servers.c */
route_handler mcp_server_create, mcp_server_create_custom, mcp_server_list, mcp_server_list_of_app,
        mcp_server_get, mcp_server_update, mcp_server_delete;
/* mcp_instances.c */
route_handler mcp_instance_list, mcp_instance_create, mcp_instance_delete;
/* mcp_gateway.c */
route_handler mcp_server_generate, mcp_gateway;
/* router_sessions.c */
route_handler router_session_create, router_session_get, router_session_patch,
        router_session_delete, router_session_attach, router_config_history;
/* router_tools.c */
route_handler router_tool_list, router_toolkit_list;
/* router_search.c, router_execute.c, router_link.c, router_mcp.c */
route_handler router_search, router_execute, router_execute_meta, router_proxy_execute, router_link,
        router_mcp;
/* router_files.c */
route_handler router_file_list, router_file_upload_url, router_file_download_url,
        router_file_delete, router_file_put, router_file_get;
/* tools.c */
route_handler tool_list, tool_enum, tool_get, tool_scopes;
/* toolkits.c */
route_handler toolkit_list, toolkit_multi, toolkit_categories, toolkit_changelog, toolkit_get;
/* execute.c */
route_handler tool_execute, tool_input;
/* proxy.c */
route_handler tool_proxy;
/* project.c */
route_handler project_config_get, project_config_change, control_project_get,
        control_project_change;
/* webhook_subscriptions.c */
route_handler webhook_subscription_create, webhook_subscription_list, webhook_subscription_get,
        webhook_subscription_update, webhook_subscription_delete, webhook_subscription_rotate,
        webhook_event_type_list;
/* webhook_control.c */
route_handler control_webhooks, control_webhook_send, control_webhook_redeliver;
/* link.c */
route_handler link_open, link_decide;
/* verification.c */
route_handler account_complete_auth;
/* provider.c */
route_handler provider_open, provider_decide, provider_callback;
/* home.c */
route_handler home_page, home_act;
/* control.c */
route_handler control_clock_get, control_clock_advance, control_account_set, control_reset,
        control_requests, control_faults_add, control_faults_list, control_faults_clear,
        control_seed;
