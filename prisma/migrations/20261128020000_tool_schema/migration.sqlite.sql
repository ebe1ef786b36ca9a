CREATE TABLE "ToolSchema" (
    "tool" TEXT NOT NULL PRIMARY KEY,
    "version" TEXT,
    "name" TEXT,
    "askedAt" DATETIME NOT NULL,
    "readAt" DATETIME,
    "description" TEXT,
    "inputSchema" TEXT,
    "outputSchema" TEXT
);
