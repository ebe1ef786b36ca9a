-- CreateTable
CREATE TABLE "ToolSchema" (
    "tool" TEXT NOT NULL,
    "version" TEXT,
    "name" TEXT,
    "askedAt" TIMESTAMP(3) NOT NULL,
    "readAt" TIMESTAMP(3),
    "description" TEXT,
    "inputSchema" TEXT,
    "outputSchema" TEXT,

    CONSTRAINT "ToolSchema_pkey" PRIMARY KEY ("tool")
);
