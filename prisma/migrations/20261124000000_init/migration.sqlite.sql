-- The change of migration.sql for SQLite: arrays and JSON are JSON text, times RFC 3339 text in UTC.

CREATE TABLE "AuthConfig" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "provider" TEXT NOT NULL,
    "composioAuthId" TEXT NOT NULL,
    "displayName" TEXT NOT NULL,
    "icon" TEXT,
    "description" TEXT,
    "requiredScopes" TEXT,
    "allowedTools" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "updatedAt" DATETIME NOT NULL
);

CREATE TABLE "MCPServer" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "authConfigId" TEXT NOT NULL,
    "composioServerId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "isChatAuth" BOOLEAN NOT NULL DEFAULT true,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "updatedAt" DATETIME NOT NULL,
    CONSTRAINT "MCPServer_authConfigId_fkey" FOREIGN KEY ("authConfigId") REFERENCES "AuthConfig"("id")
        ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "UserConnection" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "userId" TEXT NOT NULL,
    "mcpServerId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "composioAccountId" TEXT NOT NULL,
    "composioEntityId" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'PENDING' CHECK ("status" IN ('PENDING', 'ACTIVE', 'INACTIVE', 'FAILED', 'REVOKED')),
    "connectedAt" DATETIME,
    "lastUsedAt" DATETIME,
    "lastSyncedAt" DATETIME,
    "metadata" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "updatedAt" DATETIME NOT NULL,
    CONSTRAINT "UserConnection_mcpServerId_fkey" FOREIGN KEY ("mcpServerId") REFERENCES "MCPServer"("id")
        ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "ToolExecution" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "connectionId" TEXT NOT NULL,
    "toolName" TEXT NOT NULL,
    "parameters" TEXT NOT NULL,
    "response" TEXT,
    "status" TEXT NOT NULL DEFAULT 'PENDING' CHECK ("status" IN ('PENDING', 'SUCCESS', 'FAILED')),
    "error" TEXT,
    "executedAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "duration" INTEGER,
    CONSTRAINT "ToolExecution_connectionId_fkey" FOREIGN KEY ("connectionId") REFERENCES "UserConnection"("id")
        ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "OAuthState" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "state" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "redirectUri" TEXT NOT NULL,
    "expiresAt" DATETIME NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE "ConnectAttempt" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "state" TEXT NOT NULL,
    "callbackHash" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "authConfigId" TEXT NOT NULL,
    "composioAccountId" TEXT NOT NULL,
    "codeHash" TEXT,
    "outcome" TEXT NOT NULL DEFAULT 'OPEN',
    "expiresAt" DATETIME NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "updatedAt" DATETIME NOT NULL
);

CREATE TABLE "CleanupJob" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "composioAccountId" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "notBefore" DATETIME NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE UNIQUE INDEX "AuthConfig_composioAuthId_key" ON "AuthConfig"("composioAuthId");
CREATE INDEX "AuthConfig_provider_idx" ON "AuthConfig"("provider");
CREATE UNIQUE INDEX "MCPServer_composioServerId_key" ON "MCPServer"("composioServerId");
CREATE INDEX "MCPServer_authConfigId_idx" ON "MCPServer"("authConfigId");
CREATE INDEX "MCPServer_composioServerId_idx" ON "MCPServer"("composioServerId");
CREATE INDEX "UserConnection_userId_idx" ON "UserConnection"("userId");
CREATE INDEX "UserConnection_composioAccountId_idx" ON "UserConnection"("composioAccountId");
CREATE INDEX "UserConnection_status_idx" ON "UserConnection"("status");
CREATE UNIQUE INDEX "UserConnection_userId_provider_key" ON "UserConnection"("userId", "provider");
CREATE INDEX "ToolExecution_connectionId_idx" ON "ToolExecution"("connectionId");
CREATE INDEX "ToolExecution_toolName_idx" ON "ToolExecution"("toolName");
CREATE INDEX "ToolExecution_executedAt_idx" ON "ToolExecution"("executedAt");
CREATE UNIQUE INDEX "OAuthState_state_key" ON "OAuthState"("state");
CREATE INDEX "OAuthState_userId_provider_idx" ON "OAuthState"("userId", "provider");
CREATE INDEX "OAuthState_expiresAt_idx" ON "OAuthState"("expiresAt");
CREATE UNIQUE INDEX "ConnectAttempt_state_key" ON "ConnectAttempt"("state");
CREATE UNIQUE INDEX "ConnectAttempt_callbackHash_key" ON "ConnectAttempt"("callbackHash");
CREATE UNIQUE INDEX "ConnectAttempt_composioAccountId_key" ON "ConnectAttempt"("composioAccountId");
CREATE INDEX "ConnectAttempt_userId_provider_idx" ON "ConnectAttempt"("userId", "provider");
CREATE INDEX "ConnectAttempt_outcome_expiresAt_idx" ON "ConnectAttempt"("outcome", "expiresAt");
CREATE UNIQUE INDEX "CleanupJob_composioAccountId_key" ON "CleanupJob"("composioAccountId");
CREATE INDEX "CleanupJob_notBefore_idx" ON "CleanupJob"("notBefore");
