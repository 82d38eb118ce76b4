-- The journal in partitions by `seq`: today's table becomes the first, with its indexes.
--
-- One transaction, which reads the journal once: to prove that no row lies outside the bounds of
-- the first partition. Rows are stored, and hashed into the chain, exactly as before. A partition
-- is named after its first seq, and has the seqs from there to where the next one begins.
--
-- Uniqueness of ids, of versions and of channel numbers is an index of each partition. That no id
-- is in two of them is checked by the leader before each commit (ledger/leader/partitions), and
-- by the audit.

DROP VIEW trial_balance;
DROP VIEW balance;
DROP VIEW in_transit;
DROP VIEW outbound_leg;
DROP VIEW open_hold;
DROP VIEW entry;
DROP TRIGGER journal_append_only ON journal;
DROP TRIGGER journal_no_truncate ON journal;

ALTER TABLE journal RENAME TO journal_from_1;
-- Their names are taken by the indexes of the whole.
DO $$
DECLARE
  index text;
BEGIN
  FOR index IN SELECT indexname FROM pg_indexes
                WHERE schemaname = current_schema() AND tablename = 'journal_from_1' LOOP
    EXECUTE format('ALTER INDEX %I RENAME TO %I', index,
                   regexp_replace(index, '^journal_', 'journal_from_1_'));
  END LOOP;
END $$;

-- A book that is led while it is upgraded goes on in the first partition: its leader, of the
-- release before, adds none. An empty one gets its first partition from its first leader.
DO $$
DECLARE
  newest int8;
  -- First seq of the next partition.
  until int8;
BEGIN
  LOCK TABLE journal_from_1 IN ACCESS EXCLUSIVE MODE;
  SELECT COALESCE(max(seq), 0) INTO newest FROM journal_from_1;
  until := CASE WHEN newest = 0 THEN 1000001
                ELSE (newest / 1000000 + 11) * 1000000 + 1 END;
  -- Together, so that all of it takes one scan.
  EXECUTE format('ALTER TABLE journal_from_1
                    ADD CONSTRAINT journal_bounds CHECK (seq >= 1 AND seq < %s),
                    VALIDATE CONSTRAINT journal_kind_check', until);
  CREATE TABLE journal (LIKE journal_from_1 INCLUDING DEFAULTS INCLUDING CONSTRAINTS
                        INCLUDING STORAGE INCLUDING COMPRESSION)
    PARTITION BY RANGE (seq);
  ALTER TABLE journal DROP CONSTRAINT journal_bounds;
  EXECUTE format('ALTER TABLE journal ATTACH PARTITION journal_from_1
                    FOR VALUES FROM (1) TO (%s)', until);
  ALTER TABLE journal_from_1 DROP CONSTRAINT journal_bounds;
END $$;

-- What the first partition has of these is taken over; every other one gets its own.
ALTER TABLE journal ADD PRIMARY KEY (seq);
CREATE INDEX journal_return ON journal (origin_id) WHERE kind = 3;
CREATE INDEX journal_drawn ON journal (drawn_id, seq) WHERE drawn_left IS NOT NULL;
CREATE INDEX journal_group ON journal (group_id, seq) WHERE group_id IS NOT NULL;
CREATE INDEX journal_expires ON journal (expires_at, seq) WHERE expires_at IS NOT NULL;
CREATE INDEX journal_change ON journal (credit_account, seq) WHERE kind = 12 AND reason = 0;
CREATE INDEX journal_code ON journal (code, seq) WHERE code IS NOT NULL;
CREATE INDEX journal_reference ON journal (reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX journal_metadata ON journal USING gin (metadata) WHERE metadata IS NOT NULL;
CREATE INDEX journal_reversal_received ON journal (drawn_id, seq)
  WHERE kind = 2 AND drawn_id IS NOT NULL;

-- The first comes to each partition with the table, the second does not.
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal_from_1
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The ledger and auditors reach the rows through the table `journal` alone.
REVOKE ALL ON journal_from_1 FROM meridian_ledger, auditor;
GRANT SELECT ON journal TO auditor, meridian_ledger;
GRANT INSERT ON journal TO meridian_ledger;

-- The partitions by their bounds, and which of their unique indexes they have. One without an
-- index of versions is bare: it was opened under high load, and gets them when it is full.
CREATE VIEW journal_partition AS
  SELECT c.relname::text AS name, bound[1]::int8 AS first_seq, bound[2]::int8 AS end_seq,
         COALESCE(u.indexes @> ARRAY['id'], false) AS has_id,
         COALESCE(u.indexes @> ARRAY['debit_account,debit_version'], false) AS has_debit_version,
         COALESCE(u.indexes @> ARRAY['credit_account,credit_version'], false) AS has_credit_version
    FROM pg_inherits h
    JOIN pg_class c ON c.oid = h.inhrelid
   CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
           '^FOR VALUES FROM \(''(\d+)''\) TO \(''(\d+)''\)$') AS bound
    LEFT JOIN LATERAL (
      SELECT array_agg((SELECT string_agg(a.attname, ',' ORDER BY k.place)
                          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number))
               AS indexes
        FROM pg_index i
       WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
         AND i.indpred IS NULL
    ) u ON true
   WHERE h.inhparent = 'journal'::regclass;

-- Ids of the rows of full partitions, as filters that never miss one: ledger/leader/partitions.
-- What is not here is looked up in the partition's own index.
CREATE TABLE journal_filter (
  first_seq int8  PRIMARY KEY,
  end_seq   int8  NOT NULL CHECK (end_seq > first_seq),
  -- How the bits are set.
  recipe    int2  NOT NULL,
  bits      bytea NOT NULL,
  -- SHA-256 of the bits.
  digest    bytea NOT NULL CHECK (octet_length(digest) = 32)
);
ALTER TABLE journal_filter ALTER COLUMN bits SET STORAGE EXTERNAL;

-- Adds the partition after the last one. It takes no lock that posting or a reader waits for: the
-- new table is visible to no other session until this is committed, and ATTACH lets them go on.
CREATE FUNCTION journal_add_partition(size int8, with_versions bool) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first int8;
  posted int8;
  partition text;
BEGIN
  IF size IS NULL OR size NOT BETWEEN 10 AND 1000000000 OR with_versions IS NULL THEN
    RAISE EXCEPTION 'a partition has 10 to 1000000000 rows' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- One at a time: what another one has added is seen then.
  PERFORM pg_advisory_xact_lock(5646713, 1);
  SELECT COALESCE(max(end_seq), 1) INTO first FROM journal_partition;
  SELECT COALESCE(max(seq), 0) INTO posted FROM head;
  IF first > posted + 10 * size + 10000000 THEN
    RAISE EXCEPTION 'the journal has partitions enough ahead of seq %', posted
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  partition := format('journal_from_%s', first);
  EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING ALL)', partition);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (id)', partition || '_id_key', partition);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (peer_book, channel_number)
                   WHERE channel_number IS NOT NULL AND kind NOT IN (2, 14)',
                 partition || '_outbound', partition);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (peer_book, channel_number)
                   WHERE channel_number IS NOT NULL AND kind = 2',
                 partition || '_inbound', partition);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (peer_book, channel_number) WHERE kind = 14',
                 partition || '_recovered', partition);
  IF with_versions THEN
    PERFORM journal_index_versions(partition);
  END IF;
  EXECUTE format('CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON %I
                   FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', partition);
  EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                 partition, first, first + size);
  RETURN first;
END $$;

-- Builds those of its two indexes of versions that a partition does not have.
CREATE FUNCTION journal_index_versions(partition text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (debit_account, debit_version)',
                 partition || '_debit_account_debit_version_key', partition);
  EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (credit_account, credit_version)',
                 partition || '_credit_account_credit_version_key', partition);
END $$;

-- Builds the indexes of versions of a partition. Called for one that is full, or by a leader
-- that does not post yet: writers of the same partition would wait.
CREATE FUNCTION journal_complete_partition(first int8) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET maintenance_work_mem = '128MB' AS $$
DECLARE
  partition text;
BEGIN
  SELECT name INTO partition FROM journal_partition WHERE first_seq = first;
  IF partition IS NULL THEN
    RAISE EXCEPTION 'no partition of the journal begins with seq %', first
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(5646713, 2);
  PERFORM journal_index_versions(partition);
END $$;

-- Takes the indexes of versions from a partition that no row has reached yet.
CREATE FUNCTION journal_strip_partition(first int8) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  partition text;
  used bool;
BEGIN
  SELECT name INTO partition FROM journal_partition WHERE first_seq = first;
  IF partition IS NULL THEN
    RAISE EXCEPTION 'no partition of the journal begins with seq %', first
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(5646713, 2);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', partition);
  EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', partition) INTO used;
  IF used THEN
    RAISE EXCEPTION 'partition % has rows', partition
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('DROP INDEX IF EXISTS %I', partition || '_debit_account_debit_version_key');
  EXECUTE format('DROP INDEX IF EXISTS %I', partition || '_credit_account_credit_version_key');
END $$;

-- Gives a journal without rows its first partition, of this size. Any other is left as it is.
CREATE FUNCTION journal_start(size int8) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  partition text;
BEGIN
  IF EXISTS (SELECT 1 FROM journal) THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(5646713, 1);
  LOCK TABLE journal IN ACCESS EXCLUSIVE MODE;
  IF EXISTS (SELECT 1 FROM journal) THEN
    RETURN false;
  END IF;
  FOR partition IN SELECT name FROM journal_partition LOOP
    EXECUTE format('DROP TABLE %I', partition);
  END LOOP;
  PERFORM journal_add_partition(size, true);
  RETURN true;
END $$;

-- One row for each version of an account: the sides of what was posted, what was held or freed,
-- and changes of its settings.
CREATE VIEW entry AS
  SELECT debit_account AS account, debit_version AS version, 'debit' AS side, amount,
         debit_debits AS debits_after, debit_credits AS credits_after,
         debit_credits - debit_debits AS balance_after,
         COALESCE(debit_held_debits, 0) AS held_debits_after,
         COALESCE(debit_held_credits, 0) AS held_credits_after,
         debit_credits - debit_debits - COALESCE(debit_held_debits, 0) AS available_after,
         COALESCE(peer_account, credit_account) AS counterparty,
         COALESCE(origin_id, id) AS transfer_id, drawn_id, group_id, kind, seq, epoch, at,
         key, code, reference, metadata, changed_by
    FROM journal WHERE debit_version IS NOT NULL
  UNION ALL
  SELECT credit_account, credit_version, CASE WHEN kind = 12 THEN 'none' ELSE 'credit' END,
         amount, credit_debits, credit_credits, credit_credits - credit_debits,
         COALESCE(credit_held_debits, 0), COALESCE(credit_held_credits, 0),
         credit_credits - credit_debits - COALESCE(credit_held_debits, 0),
         COALESCE(peer_account, debit_account),
         COALESCE(origin_id, id), drawn_id, group_id, kind, seq, epoch, at,
         key, code, reference, metadata, changed_by
    FROM journal WHERE credit_version IS NOT NULL;

-- Every account with its newest totals and settings: one index step for each.
CREATE VIEW balance AS
  SELECT a.id AS account, a.external_id, a.asset,
         CASE WHEN c.account_flags IS NULL THEN a.min_balance ELSE c.min_balance END AS min_balance,
         CASE WHEN c.account_flags IS NULL THEN a.max_balance ELSE c.max_balance END AS max_balance,
         COALESCE(c.account_flags, 0) AS flags,
         a.transit,
         CASE WHEN m.changed THEN m.metadata ELSE a.metadata END AS metadata,
         a.opened_at,
         COALESCE(e.version, 0) AS version,
         COALESCE(e.debits, 0) AS debits,
         COALESCE(e.credits, 0) AS credits,
         COALESCE(e.credits - e.debits, 0) AS balance,
         COALESCE(e.held_debits, 0) AS held_debits,
         COALESCE(e.held_credits, 0) AS held_credits,
         COALESCE(e.credits - e.debits - COALESCE(e.held_debits, 0), 0) AS available
    FROM account a
    LEFT JOIN LATERAL (
      (SELECT j.debit_version AS version, j.debit_debits AS debits, j.debit_credits AS credits,
              j.debit_held_debits AS held_debits, j.debit_held_credits AS held_credits
         FROM journal j WHERE j.debit_account = a.id AND j.debit_version IS NOT NULL
        ORDER BY j.debit_version DESC LIMIT 1)
      UNION ALL
      (SELECT j.credit_version, j.credit_debits, j.credit_credits,
              j.credit_held_debits, j.credit_held_credits
         FROM journal j WHERE j.credit_account = a.id AND j.credit_version IS NOT NULL
        ORDER BY j.credit_version DESC LIMIT 1)
      ORDER BY version DESC LIMIT 1
    ) e ON true
    LEFT JOIN LATERAL (
      SELECT j.account_flags, j.min_balance, j.max_balance
        FROM journal j WHERE j.credit_account = a.id AND j.kind = 12 AND j.reason = 0
       ORDER BY j.seq DESC LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
      SELECT true AS changed, j.metadata
        FROM journal j WHERE j.credit_account = a.id AND j.kind = 12 AND j.reason = 0
         AND j.options LIKE '{"change":"metadata"%'
       ORDER BY j.seq DESC LIMIT 1
    ) m ON true;

-- Zero in every line, at every moment.
CREATE VIEW trial_balance AS
  SELECT asset, count(*) AS accounts, sum(debits) AS debits, sum(credits) AS credits,
         sum(credits) - sum(debits) AS difference
    FROM balance GROUP BY asset;

-- Holds of which something is left, with what is left of them.
CREATE VIEW open_hold AS
  SELECT h.id AS hold_id, h.debit_account, COALESCE(h.peer_account, h.credit_account) AS payee,
         h.amount, COALESCE(d.drawn_left, h.amount) AS left_amount, h.expires_at, h.seq, h.at,
         h.key, h.code, h.reference
    FROM journal h
    LEFT JOIN LATERAL (
      SELECT j.drawn_left FROM journal j
       WHERE j.drawn_id = h.id AND j.drawn_left IS NOT NULL ORDER BY j.seq DESC LIMIT 1
    ) d ON true
   WHERE h.kind = 6 AND h.reason = 0 AND COALESCE(d.drawn_left, h.amount) > 0;

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
CREATE VIEW in_transit AS
  SELECT c.peer_book, l.asset, count(*) AS transfers, sum(l.amount) AS amount,
         min(l.at) AS oldest_at
    FROM channel c
    JOIN outbound_leg l ON l.peer_book = c.peer_book AND l.channel_number > c.settled
   GROUP BY c.peer_book, l.asset;

GRANT SELECT ON entry, balance, trial_balance, in_transit, open_hold, outbound_leg,
                journal_partition, journal_filter TO auditor, meridian_ledger;
GRANT INSERT, UPDATE ON journal_filter TO meridian_ledger;
REVOKE EXECUTE ON FUNCTION journal_add_partition(int8, bool), journal_index_versions(text),
  journal_complete_partition(int8), journal_strip_partition(int8), journal_start(int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal_add_partition(int8, bool), journal_complete_partition(int8),
  journal_strip_partition(int8), journal_start(int8) TO meridian_ledger;
