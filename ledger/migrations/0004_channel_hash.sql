-- Both ends of a channel keep a running hash of its legs, so that a book that was restored from
-- an older copy is detected instead of believed.
--
-- Rows of the journal are stored, and hashed into the chain, exactly as before. The leader of a
-- book that has channels already brings their hashes forward from number 0 when it takes over.

ALTER TABLE channel
  -- SHA-256 over the legs that left, through the number `settled_hashed`: ledger/core/channel.ts.
  ADD COLUMN settled_hashed  int8  NOT NULL DEFAULT 0,
  ADD COLUMN settled_hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
                             CHECK (octet_length(settled_hash) = 32),
  -- The same of the legs that arrived.
  ADD COLUMN applied_hashed  int8  NOT NULL DEFAULT 0,
  ADD COLUMN applied_hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
                             CHECK (octet_length(applied_hash) = 32),
  -- CHANNEL_DIVERGED: the two ends do not have the same legs. Nothing leaves or arrives by this
  -- channel until the book `diverged_book`, which has lost rows, is repaired. If that is this
  -- book, it posts nothing at all. Null: both ends agree, as far as is known.
  ADD COLUMN diverged_book   int2,
  -- First number that is known to differ.
  ADD COLUMN diverged_number int8,
  ADD COLUMN diverged_why    text,
  ADD CONSTRAINT channel_hashed CHECK (settled_hashed BETWEEN 0 AND settled
                                   AND applied_hashed BETWEEN 0 AND applied),
  ADD CONSTRAINT channel_diverged CHECK ((diverged_book IS NULL) = (diverged_number IS NULL)
                                     AND (diverged_book IS NULL) = (diverged_why IS NULL));

-- 14 recovered: a first leg that this book had lost, booked again as its peer knows it. It may
-- take the number of a leg that the peer never had. Without entries, the money had left by
-- another row. 15 repair: a channel was repaired.
ALTER TABLE journal DROP CONSTRAINT journal_kind_check;
ALTER TABLE journal ADD CONSTRAINT journal_kind_check CHECK (kind BETWEEN 1 AND 15) NOT VALID;

DROP INDEX journal_outbound;
CREATE UNIQUE INDEX journal_outbound ON journal (peer_book, channel_number)
  WHERE channel_number IS NOT NULL AND kind NOT IN (2, 14);
CREATE UNIQUE INDEX journal_recovered ON journal (peer_book, channel_number) WHERE kind = 14;

-- The legs that left this book as its peers have them, or will have them: a recovered leg takes
-- the place of the one that had its number. Each half goes along its own index.
CREATE VIEW outbound_leg AS
  SELECT j.peer_book, j.channel_number, j.id AS transfer_id, j.debit_account,
         j.peer_account AS credit_account, j.amount, a.asset, j.code, j.reference, j.metadata,
         j.kind, j.options, j.drawn_id, j.seq, j.at
    FROM journal j JOIN account a ON a.id = j.debit_account
   WHERE j.channel_number IS NOT NULL AND j.kind NOT IN (2, 14)
     AND NOT EXISTS (SELECT 1 FROM journal r
                      WHERE r.kind = 14 AND r.peer_book = j.peer_book
                        AND r.channel_number = j.channel_number)
  UNION ALL
  SELECT j.peer_book, j.channel_number, j.origin_id, j.debit_account, j.peer_account, j.amount,
         a.asset, j.code, j.reference, j.metadata, j.kind, j.options, j.drawn_id, j.seq, j.at
    FROM journal j JOIN account a ON a.id = j.debit_account
   WHERE j.kind = 14;

-- Money that has left this book and is not yet answered by its payee's.
CREATE OR REPLACE VIEW in_transit AS
  SELECT c.peer_book, l.asset, count(*) AS transfers, sum(l.amount) AS amount,
         min(l.at) AS oldest_at
    FROM channel c
    JOIN outbound_leg l ON l.peer_book = c.peer_book AND l.channel_number > c.settled
   GROUP BY c.peer_book, l.asset;

ALTER TABLE operation DROP CONSTRAINT operation_kind_check;
ALTER TABLE operation ADD CONSTRAINT operation_kind_check CHECK (kind IN ('switchover',
  'failover', 'fence', 'unfence', 'drain', 'undrain', 'evacuate', 'failback', 'drill', 'repair'));

GRANT SELECT ON outbound_leg TO auditor, meridian_ledger;
