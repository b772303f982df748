-- As before, except that what has been refused is not promised either, and that "max_promises" is how many may be made now:
-- whoever calls it knows for how many there is room, and counts them once in a while, where counting here took longer the
-- more there were, for each few that were made.
CREATE OR REPLACE FUNCTION "insert_promises" (
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
        AND NOT EXISTS (SELECT FROM "refused_operation" AS r WHERE r."id" = t."id")
        AND NOT EXISTS (SELECT FROM "pending_operation" AS p WHERE p."id" = t."id")
    ORDER BY t."id"
    LIMIT "max_promises"
    ON CONFLICT ("id") DO NOTHING;
    RETURN QUERY
        SELECT u, 'deciding' FROM unnest("deciding") AS u UNION ALL SELECT u, 'expired' FROM unnest("expired") AS u;
END $$;
