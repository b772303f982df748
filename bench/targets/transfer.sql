-- One transfer as one interactive transaction, as a program without a queue would make it: the two rows locked in the
-- order of their ids, both balances, the operation, its two entries. Wallets are numbered without gaps from :first on.
\set payer :first + random(0, :people - 1)
\set receiver :first + (:payer - :first + random(1, :people - 1)) % :people
BEGIN;
SELECT id FROM wallet WHERE id IN (:payer, :receiver) ORDER BY id FOR NO KEY UPDATE;
UPDATE wallet SET balance = balance - 1, version = version + 1, booked_at = clock_timestamp() WHERE id = :payer
  RETURNING owner_id AS payer_owner, balance AS payer_balance, version AS payer_seq, booked_at AS payer_time \gset
UPDATE wallet SET balance = balance + 1, version = version + 1, booked_at = clock_timestamp() WHERE id = :receiver
  RETURNING balance AS receiver_balance, version AS receiver_seq, booked_at AS receiver_time \gset
INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, request_id,
    request_hash, debit_seq, credit_seq, accepted_at)
  VALUES (uuidv7(), 'transfer', 'applied', :payer, :receiver, 1, 'RUB', :payer_owner, gen_random_uuid(),
    decode(repeat('00', 32), 'hex'), :payer_seq, :receiver_seq, now())
  RETURNING id AS operation \gset
INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after, created_at)
  VALUES (:payer, :payer_seq, :operation, -1, :payer_balance, :payer_time),
    (:receiver, :receiver_seq, :operation, 1, :receiver_balance, :receiver_time);
COMMIT;
