-- Refusals that nobody can ask for again: the id was fresh for its request, and no 202 has promised it. They are kept for
-- an hour, so that whoever sends them without end fills nothing that cannot be emptied; "operation" stays append-only.
-- An hour is several times as long as a command can come a second time before it has expired (ten minutes).

CREATE TABLE "refused_operation" (
    "id" UUID PRIMARY KEY,
    "kind" TEXT NOT NULL CHECK ("kind" IN ('deposit', 'transfer', 'freeze', 'unfreeze')),
    "reason" TEXT NOT NULL,
    "debit_wallet_id" BIGINT NOT NULL,
    "credit_wallet_id" BIGINT NOT NULL,
    "amount" BIGINT NOT NULL CHECK ("amount" BETWEEN 0 AND 999999999999999),
    "currency" TEXT NOT NULL,
    "details" TEXT,
    "initiator_id" BIGINT NOT NULL,
    "request_id" UUID NOT NULL,
    "request_hash" BYTEA NOT NULL CHECK (octet_length("request_hash") = 32),
    "accepted_at" TIMESTAMPTZ(6) NOT NULL,
    "applied_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "refused_operation_moves" CHECK (("amount" > 0) = ("kind" IN ('deposit', 'transfer')))
);
-- By which the old ones are found.
CREATE INDEX "refused_operation_applied_at_idx" ON "refused_operation" ("applied_at");

-- It may leave, but not change.
CREATE TRIGGER "refused_operation_unchanging" BEFORE UPDATE OR TRUNCATE ON "refused_operation"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change" ();

-- What has been decided, wherever it is kept. An id is in one of the two tables at most.
CREATE VIEW "outcome" AS
    SELECT "id", "kind", "status", "reason", "debit_wallet_id", "credit_wallet_id", "amount", "currency", "details",
        "external_id", "initiator_id", "request_id", "request_hash", "debit_seq", "credit_seq", "accepted_at", "applied_at"
    FROM "operation"
    UNION ALL
    SELECT "id", "kind", 'rejected', "reason", "debit_wallet_id", "credit_wallet_id", "amount", "currency", "details",
        NULL, "initiator_id", "request_id", "request_hash", NULL, NULL, "accepted_at", "applied_at"
    FROM "refused_operation";
