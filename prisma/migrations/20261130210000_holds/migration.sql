-- Money that is spoken for: a customer's, for another customer, until it is captured, released or expired. The row is the sum
-- of the operations about it, and is written in the transaction of each.
CREATE TABLE "hold" (
    "id" UUID PRIMARY KEY,
    -- Its guard: whoever changes the hold has the lock on this wallet's row.
    "debit_wallet_id" BIGINT NOT NULL,
    "credit_wallet_id" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "initiator_id" BIGINT NOT NULL,
    "state" TEXT NOT NULL CHECK ("state" IN ('open', 'captured', 'released', 'expired')),
    "amount" BIGINT NOT NULL CHECK ("amount" BETWEEN 1 AND 999999999999999),
    "captured" BIGINT NOT NULL DEFAULT 0 CHECK ("captured" >= 0),
    "released" BIGINT NOT NULL DEFAULT 0 CHECK ("released" >= 0),
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "changed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "hold_remaining" CHECK (
        "captured" + "released" <= "amount" AND ("state" = 'open') = ("captured" + "released" < "amount")
    ),
    CONSTRAINT "hold_wallets" CHECK ("debit_wallet_id" <> "credit_wallet_id")
);
-- What is due, of one wallet and of all.
CREATE INDEX "hold_due_of_wallet_idx" ON "hold" ("debit_wallet_id", "expires_at", "id") WHERE "state" = 'open';
CREATE INDEX "hold_due_idx" ON "hold" ("expires_at", "id") WHERE "state" = 'open';
-- The lists of payer and payee.
CREATE INDEX "hold_debit_wallet_id_state_created_at_id_idx" ON "hold" ("debit_wallet_id", "state", "created_at", "id");
CREATE INDEX "hold_credit_wallet_id_state_created_at_id_idx" ON "hold" ("credit_wallet_id", "state", "created_at", "id");

-- A hold is never forgotten, and what it was placed for never changes.
CREATE TRIGGER "hold_kept" BEFORE DELETE OR TRUNCATE ON "hold"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change" ();

ALTER TABLE "operation"
    DROP CONSTRAINT "operation_kind_check",
    ADD CONSTRAINT "operation_kind_check" CHECK (
        "kind" IN ('deposit', 'transfer', 'freeze', 'unfreeze', 'hold', 'capture', 'release', 'hold_expiry')
    ),
    DROP CONSTRAINT "operation_moves",
    -- A capture and a release may ask for all that remains: refused, they have come to no amount.
    ADD CONSTRAINT "operation_moves" CHECK (
        CASE
            WHEN "kind" IN ('freeze', 'unfreeze') THEN "amount" = 0
            WHEN "kind" IN ('capture', 'release') THEN "amount" > 0 OR "status" = 'rejected'
            ELSE "amount" > 0
        END
    );
ALTER TABLE "refused_operation"
    DROP CONSTRAINT "refused_operation_kind_check",
    ADD CONSTRAINT "refused_operation_kind_check" CHECK (
        "kind" IN ('deposit', 'transfer', 'freeze', 'unfreeze', 'hold', 'capture', 'release', 'hold_expiry')
    ),
    DROP CONSTRAINT "refused_operation_moves",
    ADD CONSTRAINT "refused_operation_moves" CHECK (
        CASE
            WHEN "kind" IN ('freeze', 'unfreeze') THEN "amount" = 0
            WHEN "kind" IN ('capture', 'release') THEN true
            ELSE "amount" > 0
        END
    );

-- What a payee asks for is under way out of a wallet that is somebody else's: no money of the asker's.
DROP INDEX "pending_operation_debit_wallet_id_created_at_id_idx";
ALTER TABLE "pending_operation" DROP COLUMN "debit_wallet_id";
ALTER TABLE "pending_operation"
    ADD COLUMN "debit_wallet_id" BIGINT GENERATED ALWAYS AS (
        CASE WHEN "command" ->> 'kind' IN ('capture', 'release') THEN NULL
            WHEN jsonb_typeof("command" -> 'debit') = 'number' THEN ("command" -> 'debit')::bigint END
    ) STORED;
CREATE INDEX "pending_operation_debit_wallet_id_created_at_id_idx"
    ON "pending_operation" ("debit_wallet_id", "created_at", "id");
