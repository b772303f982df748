-- What each process tells of itself every few seconds, kept for a bit more than the hour that the charts show. Writers
-- remove what is older. Milliseconds, so that a reader's "after this one" is exact in every language.
-- An ordinary table: an unlogged one would be empty after a crash, which is when somebody wants to look back. Writers do
-- not wait for it to reach the disk (synchronous_commit is off for them), so it costs no more.
CREATE TABLE "sample" (
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "process" TEXT NOT NULL,
    "role" TEXT NOT NULL CHECK ("role" IN ('api', 'worker')),
    "totals" JSONB NOT NULL,
    PRIMARY KEY ("at", "process")
);
