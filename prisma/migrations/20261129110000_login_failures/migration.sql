-- Wrong log-ins of the last quarter of an hour, shared by all API processes. Unlogged: nobody waits for the disk on behalf
-- of whoever guesses, and a crash of the server forgets them, as it may.
CREATE UNLOGGED TABLE "login_failure" (
    "email_hash" BYTEA NOT NULL,
    "address" TEXT NOT NULL,
    "failures" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    PRIMARY KEY ("email_hash", "address")
);
CREATE INDEX "login_failure_expires_at_idx" ON "login_failure" ("expires_at");
