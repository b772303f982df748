-- Promises the one payment that the lists name, as insert_promises does, unless one just like it is under way, or was applied
-- within five minutes, and is not the one that its sender has confirmed: then that one is answered, and nothing is promised.
-- Payments that are alike take one lock and so come here one after the other; what looks for others is a later statement than
-- the one that takes the lock, and sees what the one before has committed. Of a very busy wallet only the newest 200 movements
-- are looked at. To its caller it is one statement: a caller that freezes holds no lock.
CREATE FUNCTION "promise_payment" (
    "keyed_ids" UUID[], "ids" UUID[], "partitions" INTEGER[], "commands" JSONB[], "hashes" TEXT[], "due_ms" INTEGER[],
    "expires_ms" BIGINT[], "max_promises" INTEGER, "confirmed" UUID
) RETURNS TABLE ("refused_id" UUID, "reason" TEXT, "equal_id" UUID, "is_pending" BOOLEAN, "ago_ms" DOUBLE PRECISION)
LANGUAGE plpgsql AS $$
DECLARE
    "own" UUID := "ids"[1];
    "payer" BIGINT := ("commands"[1] ->> 'debit')::BIGINT;
    "payee" BIGINT := ("commands"[1] ->> 'credit')::BIGINT;
    "minor" BIGINT := ("commands"[1] ->> 'amount')::BIGINT;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(' ', "payer", "payee", "minor"), 72707376));
    SELECT q."id", q."pending", extract(epoch FROM clock_timestamp() - q."at")::FLOAT8 * 1000
    INTO "equal_id", "is_pending", "ago_ms"
    FROM (
        SELECT p."id", p."created_at" AS "at", true AS "pending" FROM (
            SELECT * FROM "pending_operation" AS o WHERE o."debit_wallet_id" = "payer"
            ORDER BY o."created_at" DESC, o."id" DESC LIMIT 200
        ) AS p
        WHERE p."amount" = "minor" AND p."command" ->> 'credit' = "payee"::TEXT
        UNION ALL
        SELECT o."id", o."accepted_at", false FROM (
            SELECT * FROM "entry" AS r WHERE r."wallet_id" = "payer" ORDER BY r."seq" DESC LIMIT 200
        ) AS e
        JOIN "operation" AS o ON o."id" = e."operation_id"
        WHERE e."amount" = -"minor" AND o."credit_wallet_id" = "payee" AND e."created_at" > now() - interval '5 minutes'
    ) AS q
    -- What is known already is only sent once more.
    WHERE NOT EXISTS (SELECT FROM "operation" AS o WHERE o."id" = "own")
        AND NOT EXISTS (SELECT FROM "pending_operation" AS p WHERE p."id" = "own")
    ORDER BY q."at" DESC LIMIT 1;
    IF "equal_id" <> "confirmed" OR ("equal_id" IS NOT NULL AND "confirmed" IS NULL) THEN
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT r."refused_id", r."reason", NULL::UUID, NULL::BOOLEAN, NULL::FLOAT8
        FROM insert_promises("keyed_ids", "ids", "partitions", "commands", "hashes", "due_ms", "expires_ms", "max_promises") AS r;
END $$;
