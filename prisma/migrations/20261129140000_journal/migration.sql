-- "entry" becomes the wallet's journal: whatever happens to a wallet is a row with its next number, also where no money
-- moves (a freezing), and with what it holds or frees. What is about a claim on money names it.

ALTER TABLE "entry" DROP CONSTRAINT "entry_amount_check";
-- What was held (or, negative, freed): null for nothing. What is held after it: null for zero.
ALTER TABLE "entry" ADD COLUMN "held" BIGINT CHECK ("held" <> 0),
    ADD COLUMN "held_after" BIGINT CHECK ("held_after" > 0);

-- The time of a wallet's newest row, and so the earliest of its next one: time never goes back within a wallet.
ALTER TABLE "wallet" ADD COLUMN "booked_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- Before then nothing that it holds becomes free by itself; null: nothing does.
    ADD COLUMN "next_expiry_at" TIMESTAMPTZ(6);
UPDATE "wallet" AS w SET "booked_at" = coalesce(
    (SELECT e."created_at" FROM "entry" AS e WHERE e."wallet_id" = w."id" ORDER BY e."seq" DESC LIMIT 1), w."created_at");

ALTER TABLE "operation"
    -- What it opens or changes: the id of the operation that opened it.
    ADD COLUMN "claim_id" UUID,
    -- What its kind asks for beside an amount.
    ADD COLUMN "terms" JSONB,
    -- What the client was told, where the journal does not tell it.
    ADD COLUMN "result" JSONB,
    -- Only freezing is about no amount, whether or not one moves.
    DROP CONSTRAINT "operation_moves",
    ADD CONSTRAINT "operation_moves" CHECK (("amount" = 0) = ("kind" IN ('freeze', 'unfreeze'))),
    DROP CONSTRAINT "operation_outcome",
    -- Freezings from before the journal have no row in it.
    ADD CONSTRAINT "operation_outcome" CHECK (
        ("status" = 'applied' AND "reason" IS NULL AND ("debit_seq" IS NULL) = ("credit_seq" IS NULL) AND
            ("debit_seq" IS NOT NULL OR "kind" IN ('freeze', 'unfreeze'))) OR
        ("status" = 'rejected' AND "reason" IS NOT NULL AND "debit_seq" IS NULL AND "credit_seq" IS NULL)
    );
CREATE INDEX "operation_claim_id_idx" ON "operation" ("claim_id") WHERE "claim_id" IS NOT NULL;

ALTER TABLE "refused_operation" ADD COLUMN "claim_id" UUID, ADD COLUMN "terms" JSONB,
    DROP CONSTRAINT "refused_operation_moves",
    ADD CONSTRAINT "refused_operation_moves" CHECK (("amount" = 0) = ("kind" IN ('freeze', 'unfreeze')));

CREATE OR REPLACE VIEW "outcome" AS
    SELECT "id", "kind", "status", "reason", "debit_wallet_id", "credit_wallet_id", "amount", "currency", "details",
        "external_id", "initiator_id", "request_id", "request_hash", "debit_seq", "credit_seq", "accepted_at", "applied_at",
        "claim_id", "terms", "result"
    FROM "operation"
    UNION ALL
    SELECT "id", "kind", 'rejected', "reason", "debit_wallet_id", "credit_wallet_id", "amount", "currency", "details",
        NULL, "initiator_id", "request_id", "request_hash", NULL, NULL, "accepted_at", "applied_at",
        "claim_id", "terms", NULL
    FROM "refused_operation";

-- From when on everything that happens to a wallet has its row, and rows are in the order of time.
INSERT INTO "setting" ("key", "value")
SELECT 'journal_since', greatest(clock_timestamp(), (SELECT max("created_at") FROM "entry"))::text;
