-- What is under way out of a wallet, and what has been refused of late: for the account that asked for it.

-- Generated out of the command, so that a promise is made as before. Null where the command cannot be read.
ALTER TABLE "pending_operation"
    ADD COLUMN "debit_wallet_id" BIGINT GENERATED ALWAYS AS (
        CASE jsonb_typeof("command" -> 'debit') WHEN 'number' THEN ("command" -> 'debit')::bigint END
    ) STORED,
    ADD COLUMN "amount" BIGINT GENERATED ALWAYS AS (
        CASE jsonb_typeof("command" -> 'amount') WHEN 'number' THEN ("command" -> 'amount')::bigint END
    ) STORED;

CREATE INDEX "pending_operation_debit_wallet_id_created_at_id_idx"
    ON "pending_operation" ("debit_wallet_id", "created_at", "id");

-- What is applied, which is nearly everything, does not enter it.
CREATE INDEX "operation_refused_idx" ON "operation" ("debit_wallet_id", "applied_at") WHERE "status" = 'rejected';
