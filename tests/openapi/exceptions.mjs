/* Where traces may differ from Composio's documents, each with its reason. A row that is no longer needed fails the test:
 * whoever makes an operation work takes it out here. */

/** Operations that no test exercises with success, under /api/ and each of `versions`. */
export const NOT_EXERCISED = [
  {
    reason: 'meta tools, links and toolkits of sessions are tested in v3.1',
    versions: ['v3'],
    operations: ['POST /tool_router/session/{session_id}/execute_meta', 'POST /tool_router/session/{session_id}/link',
      'GET /tool_router/session/{session_id}/toolkits'],
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
  {
    reason: 'what needs the real service is refused, in words that say so',
    operations: /^POST .*\/tool_router\/session/,
    says: /^the status 501 is none of /,
  },
];

/** Operations that work and the documents lack: `pattern` of method and path. */
export const UNDOCUMENTED = [
  { reason: "Composio's SDK deletes sessions", pattern: /^DELETE \/api\/v3\.1\/tool_router\/session\/[^/]+$/ },
  {
    reason: "callback identity verification, which Composio's changelog has and its documents have not",
    pattern: /^POST \/api\/v3(\.1)?\/connected_accounts\/complete_auth$/,
  },
  {
    reason: "the id of an account that is known by its UUID, which the reference of v3 has on a page of its own",
    pattern: /^GET \/api\/v3\/migration\/get-nanoid$/,
  },
];
