-- How promises are made; shared/store/decisionLock.ts tells the protocol.

-- The advisory lock of an operation's id. The seed keeps these keys apart from other advisory locks.
CREATE FUNCTION "decision_key" ("id" UUID) RETURNS BIGINT IMMUTABLE LANGUAGE sql
    AS $$ SELECT uuid_hash_extended("id", 72707372) $$;

-- Makes the promises, as many as there is room for, and answers which it refused: `deciding` while the id is being
-- decided, `expired` when the command is too old. To its caller it is one statement, so a caller that freezes holds no
-- lock. Inside, the INSERT is a later statement than the one that takes the locks, and so sees what was decided before.
-- Nobody is waited for: who decides must be able to finish, and the other promises are not to be late.
CREATE FUNCTION "insert_promises" (
    "keyed_ids" UUID[], "ids" UUID[], "partitions" INTEGER[], "commands" JSONB[], "hashes" TEXT[], "due_ms" INTEGER[],
    "expires_ms" BIGINT[], "max_promises" INTEGER
) RETURNS TABLE ("refused_id" UUID, "reason" TEXT) LANGUAGE plpgsql AS $$
DECLARE
    "deciding" UUID[];
    "expired" UUID[];
    "at" TIMESTAMPTZ;
BEGIN
    "deciding" := ARRAY(
        SELECT k."id" FROM unnest("keyed_ids") AS k ("id")
        WHERE NOT pg_try_advisory_xact_lock_shared(decision_key(k."id"))
    );
    "at" := clock_timestamp();
    "expired" := ARRAY(
        SELECT t."id" FROM unnest("ids", "expires_ms") AS t ("id", "expires_ms")
        WHERE t."expires_ms" < extract(epoch FROM "at") * 1000
    );
    INSERT INTO "pending_operation" ("id", "partition", "command", "request_hash", "next_attempt_at")
    SELECT t."id", t."partition", t."command", decode(t."hash", 'hex'), "at" + t."due_ms" * interval '1 millisecond'
    FROM unnest("ids", "partitions", "commands", "hashes", "due_ms", "expires_ms")
        AS t ("id", "partition", "command", "hash", "due_ms", "expires_ms")
    WHERE t."id" <> ALL ("deciding")
        AND t."expires_ms" >= extract(epoch FROM "at") * 1000
        AND NOT EXISTS (SELECT FROM "operation" AS o WHERE o."id" = t."id")
        AND NOT EXISTS (SELECT FROM "pending_operation" AS p WHERE p."id" = t."id")
    ORDER BY t."id"
    LIMIT greatest(0, "max_promises" - (SELECT count(*) FROM "pending_operation"))
    ON CONFLICT ("id") DO NOTHING;
    RETURN QUERY
        SELECT u, 'deciding' FROM unnest("deciding") AS u UNION ALL SELECT u, 'expired' FROM unnest("expired") AS u;
END $$;
