-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "ConnectionStatus" AS ENUM ('PENDING', 'ACTIVE', 'INACTIVE', 'FAILED', 'REVOKED');

-- CreateEnum
CREATE TYPE "ExecutionStatus" AS ENUM ('PENDING', 'SUCCESS', 'FAILED');

-- CreateTable
CREATE TABLE "AuthConfig" (
    "id" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "composioAuthId" TEXT NOT NULL,
    "displayName" TEXT NOT NULL,
    "icon" TEXT,
    "description" TEXT,
    "requiredScopes" TEXT[],
    "allowedTools" TEXT[],
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "AuthConfig_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MCPServer" (
    "id" TEXT NOT NULL,
    "authConfigId" TEXT NOT NULL,
    "composioServerId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "isChatAuth" BOOLEAN NOT NULL DEFAULT true,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "MCPServer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "UserConnection" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "mcpServerId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "composioAccountId" TEXT NOT NULL,
    "composioEntityId" TEXT NOT NULL,
    "status" "ConnectionStatus" NOT NULL DEFAULT 'PENDING',
    "connectedAt" TIMESTAMP(3),
    "lastUsedAt" TIMESTAMP(3),
    "lastSyncedAt" TIMESTAMP(3),
    "metadata" JSONB,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "UserConnection_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ToolExecution" (
    "id" TEXT NOT NULL,
    "connectionId" TEXT NOT NULL,
    "toolName" TEXT NOT NULL,
    "parameters" JSONB NOT NULL,
    "response" JSONB,
    "status" "ExecutionStatus" NOT NULL DEFAULT 'PENDING',
    "error" TEXT,
    "executedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "duration" INTEGER,

    CONSTRAINT "ToolExecution_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "OAuthState" (
    "id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "redirectUri" TEXT NOT NULL,
    "expiresAt" TIMESTAMP(3) NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "OAuthState_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ConnectAttempt" (
    "id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "callbackHash" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "authConfigId" TEXT NOT NULL,
    "composioAccountId" TEXT NOT NULL,
    "codeHash" TEXT,
    "outcome" TEXT NOT NULL DEFAULT 'OPEN',
    "expiresAt" TIMESTAMP(3) NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ConnectAttempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CleanupJob" (
    "id" TEXT NOT NULL,
    "composioAccountId" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "notBefore" TIMESTAMP(3) NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CleanupJob_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "AuthConfig_composioAuthId_key" ON "AuthConfig"("composioAuthId");

-- CreateIndex
CREATE INDEX "AuthConfig_provider_idx" ON "AuthConfig"("provider");

-- CreateIndex
CREATE UNIQUE INDEX "MCPServer_composioServerId_key" ON "MCPServer"("composioServerId");

-- CreateIndex
CREATE INDEX "MCPServer_authConfigId_idx" ON "MCPServer"("authConfigId");

-- CreateIndex
CREATE INDEX "MCPServer_composioServerId_idx" ON "MCPServer"("composioServerId");

-- CreateIndex
CREATE INDEX "UserConnection_userId_idx" ON "UserConnection"("userId");

-- CreateIndex
CREATE INDEX "UserConnection_composioAccountId_idx" ON "UserConnection"("composioAccountId");

-- CreateIndex
CREATE INDEX "UserConnection_status_idx" ON "UserConnection"("status");

-- CreateIndex
CREATE UNIQUE INDEX "UserConnection_userId_provider_key" ON "UserConnection"("userId", "provider");

-- CreateIndex
CREATE INDEX "ToolExecution_connectionId_idx" ON "ToolExecution"("connectionId");

-- CreateIndex
CREATE INDEX "ToolExecution_toolName_idx" ON "ToolExecution"("toolName");

-- CreateIndex
CREATE INDEX "ToolExecution_executedAt_idx" ON "ToolExecution"("executedAt");

-- CreateIndex
CREATE UNIQUE INDEX "OAuthState_state_key" ON "OAuthState"("state");

-- CreateIndex
CREATE INDEX "OAuthState_userId_provider_idx" ON "OAuthState"("userId", "provider");

-- CreateIndex
CREATE INDEX "OAuthState_expiresAt_idx" ON "OAuthState"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "ConnectAttempt_state_key" ON "ConnectAttempt"("state");

-- CreateIndex
CREATE UNIQUE INDEX "ConnectAttempt_callbackHash_key" ON "ConnectAttempt"("callbackHash");

-- CreateIndex
CREATE UNIQUE INDEX "ConnectAttempt_composioAccountId_key" ON "ConnectAttempt"("composioAccountId");

-- CreateIndex
CREATE INDEX "ConnectAttempt_userId_provider_idx" ON "ConnectAttempt"("userId", "provider");

-- CreateIndex
CREATE INDEX "ConnectAttempt_outcome_expiresAt_idx" ON "ConnectAttempt"("outcome", "expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "CleanupJob_composioAccountId_key" ON "CleanupJob"("composioAccountId");

-- CreateIndex
CREATE INDEX "CleanupJob_notBefore_idx" ON "CleanupJob"("notBefore");

-- AddForeignKey
ALTER TABLE "MCPServer" ADD CONSTRAINT "MCPServer_authConfigId_fkey" FOREIGN KEY ("authConfigId") REFERENCES "AuthConfig"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UserConnection" ADD CONSTRAINT "UserConnection_mcpServerId_fkey" FOREIGN KEY ("mcpServerId") REFERENCES "MCPServer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolExecution" ADD CONSTRAINT "ToolExecution_connectionId_fkey" FOREIGN KEY ("connectionId") REFERENCES "UserConnection"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
