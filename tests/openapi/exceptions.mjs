/* Where traces may differ from Composio's documents, each with its reason. A row that is no longer needed fails the test:
 * whoever makes an operation work takes it out here. */

/** Operations that no test exercises with success, under /api/ and each of `versions`. */
export const NOT_EXERCISED = [
  {
    reason: 'the project has no settings in the sandbox yet',
    versions: ['v3.1', 'v3'],
    operations: ['GET /org/project/config', 'PATCH /org/project/config'],
  },
  {
    reason: 'sessions are not in the sandbox yet',
    versions: ['v3.1', 'v3'],
    operations: ['POST /tool_router/session', 'GET /tool_router/session/{session_id}',
      'POST /tool_router/session/{session_id}/execute', 'POST /tool_router/session/{session_id}/execute_meta',
      'POST /tool_router/session/{session_id}/link', 'GET /tool_router/session/{session_id}/toolkits'],
  },
  {
    reason: 'nor what v3.1 adds to them',
    versions: ['v3.1'],
    operations: ['PATCH /tool_router/session/{session_id}', 'POST /tool_router/session/{session_id}/attach',
      'GET /tool_router/session/{session_id}/config_history', 'POST /tool_router/session/{session_id}/search',
      'GET /tool_router/session/{session_id}/tools', 'POST /tool_router/session/{session_id}/proxy_execute',
      'GET /tool_router/session/{session_id}/mounts/{mount_id}/items',
      'POST /tool_router/session/{session_id}/mounts/{mount_id}/download_url',
      'POST /tool_router/session/{session_id}/mounts/{mount_id}/upload_url',
      'POST /tool_router/session/{session_id}/mounts/{mount_id}/delete'],
  },
  {
    reason: 'an experiment of Composio that v3.1 does not have any more',
    versions: ['v3'],
    operations: ['POST /labs/tool_router/session'],
  },
];

/** Answers that are not as the document has them: of which operations, and what the judge says. */
export const ANSWERS = [
  {
    reason: "the document has REVOKED as an account's status and leaves it out here; Composio's SDK has it in both places",
    operations: /^GET \/api\/v3\.1\/connected_accounts/,
    says: /^answer 200.*\/state\/val\/status: .*, not "REVOKED"$/,
  },
];

/** Operations that work and the documents lack: `pattern` of method and path. */
export const UNDOCUMENTED = [
];
