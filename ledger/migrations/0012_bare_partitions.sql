-- A partition loses its indexes of versions also when it has rows: the load can rise at any time.
-- They are built again, over all of its rows, once it is full; a duplicate is found then.

-- The partitions without indexes of versions, for queries that must not look for them in the
-- catalog each time. Nothing that is posted depends on it.
CREATE TABLE journal_bare (first_seq int8 PRIMARY KEY);
INSERT INTO journal_bare
  SELECT first_seq FROM journal_partition WHERE NOT (has_debit_version AND has_credit_version);

-- Adds the partition after the last one. It takes no lock that posting or a reader waits for: the
-- new table is visible to no other session until this is committed, and ATTACH lets them go on.
CREATE OR REPLACE FUNCTION journal_add_partition(size int8, with_versions bool) RETURNS int8
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
  ELSE
    INSERT INTO journal_bare VALUES (first);
  END IF;
  EXECUTE format('CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON %I
                   FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', partition);
  EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                 partition, first, first + size);
  RETURN first;
END $$;

-- Builds the indexes of versions of a partition. Called for one that is full, or by a leader
-- that does not post yet: writers of the same partition would wait.
CREATE OR REPLACE FUNCTION journal_complete_partition(first int8) RETURNS void
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
  DELETE FROM journal_bare WHERE first_seq = first;
END $$;

DROP FUNCTION journal_strip_partition(int8);

-- Takes the indexes of versions from a partition, for the leader of this epoch: the next one has
-- looked at the indexes of all of them, and must not lose any without its own doing.
CREATE FUNCTION journal_strip_partition(first int8, leader_epoch int8) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  partition text;
  index text;
BEGIN
  SELECT name INTO partition FROM journal_partition WHERE first_seq = first;
  IF partition IS NULL THEN
    RAISE EXCEPTION 'no partition of the journal begins with seq %', first
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(5646713, 2);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', partition);
  IF NOT EXISTS (SELECT 1 FROM head WHERE epoch = leader_epoch) THEN
    RAISE EXCEPTION 'the book has another leader than that of epoch %', leader_epoch
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  FOREACH index IN ARRAY ARRAY[partition || '_debit_account_debit_version_key',
                               partition || '_credit_account_credit_version_key'] LOOP
    -- The first partition has them as constraints of the table that it was.
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I', partition, index);
    EXECUTE format('DROP INDEX IF EXISTS %I', index);
  END LOOP;
  INSERT INTO journal_bare VALUES (first) ON CONFLICT DO NOTHING;
END $$;

-- Every account with its newest totals and settings. Accounts with an entry in the first bare
-- partition or after it: one scan of those for all of them. Every other: one index step for each.
CREATE OR REPLACE VIEW balance AS
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
    LEFT JOIN (
      SELECT DISTINCT ON (account) *
        FROM (SELECT j.debit_account AS account, j.debit_version AS version,
                     j.debit_debits AS debits, j.debit_credits AS credits,
                     j.debit_held_debits AS held_debits, j.debit_held_credits AS held_credits
                FROM journal j
               WHERE j.debit_version IS NOT NULL
                 AND j.seq >= (SELECT COALESCE(min(first_seq), 9223372036854775807) FROM journal_bare)
              UNION ALL
              SELECT j.credit_account, j.credit_version, j.credit_debits, j.credit_credits,
                     j.credit_held_debits, j.credit_held_credits
                FROM journal j
               WHERE j.credit_version IS NOT NULL
                 AND j.seq >= (SELECT COALESCE(min(first_seq), 9223372036854775807) FROM journal_bare)
             ) side
       ORDER BY account, version DESC
    ) n ON n.account = a.id
    LEFT JOIN LATERAL (
      SELECT n.version, n.debits, n.credits, n.held_debits, n.held_credits
       WHERE n.account IS NOT NULL
      UNION ALL
      (SELECT j.debit_version AS version, j.debit_debits AS debits, j.debit_credits AS credits,
              j.debit_held_debits AS held_debits, j.debit_held_credits AS held_credits
         FROM journal j
        WHERE n.account IS NULL AND j.debit_account = a.id AND j.debit_version IS NOT NULL
          AND j.seq < (SELECT COALESCE(min(first_seq), 9223372036854775807) FROM journal_bare)
        ORDER BY j.debit_version DESC LIMIT 1)
      UNION ALL
      (SELECT j.credit_version, j.credit_debits, j.credit_credits,
              j.credit_held_debits, j.credit_held_credits
         FROM journal j
        WHERE n.account IS NULL AND j.credit_account = a.id AND j.credit_version IS NOT NULL
          AND j.seq < (SELECT COALESCE(min(first_seq), 9223372036854775807) FROM journal_bare)
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

-- Reads of accounts (0011) go through the bare partitions, which are the newest, by a scan for
-- all that is wanted, and through those before them by their indexes.

-- Where the bare partitions begin; NULL: no row lies in one.
CREATE FUNCTION bare_from() RETURNS int8 LANGUAGE sql STABLE AS $$
  SELECT min(first_seq) FROM journal_bare WHERE first_seq <= (SELECT seq FROM head)
$$;

-- The newest version of each of these accounts that has one before a seq.
CREATE FUNCTION newest_versions_before(wanted int8[], before int8) RETURNS SETOF version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  missing int8[] := wanted;
  found version_row[];
  low int8;
  high int8 := before - 1;
  width int8;
BEGIN
  -- A book that was never led has no head.
  low := LEAST(COALESCE((SELECT h.seq FROM head h), 0), high);
  width := low / 64 + 1000;
  LOOP
    low := GREATEST(low - width, 0);
    found := ARRAY(
      SELECT ROW(w.id, e.*)::version_row
        FROM unnest(missing) AS w(id)
       CROSS JOIN LATERAL (
        (SELECT j.debit_version AS version, j.seq, j.at, j.debit_debits, j.debit_credits,
                j.debit_held_debits, j.debit_held_credits
           FROM journal j
          WHERE j.debit_account = w.id AND j.debit_version IS NOT NULL
            AND j.seq > low AND j.seq <= high
          ORDER BY j.debit_version DESC LIMIT 1)
         UNION ALL
        (SELECT j.credit_version, j.seq, j.at, j.credit_debits, j.credit_credits,
                j.credit_held_debits, j.credit_held_credits
           FROM journal j
          WHERE j.credit_account = w.id AND j.credit_version IS NOT NULL
            AND j.seq > low AND j.seq <= high
          ORDER BY j.credit_version DESC LIMIT 1)
         ORDER BY version DESC LIMIT 1) e);
    IF cardinality(found) > 0 THEN
      RETURN QUERY SELECT * FROM unnest(found);
      missing := ARRAY(SELECT unnest(missing) EXCEPT SELECT f.account FROM unnest(found) f);
    END IF;
    EXIT WHEN low = 0 OR cardinality(missing) = 0;
    high := low;
    width := width * 2;
  END LOOP;
END $$;

-- Seq of the newest row from a place on that gave each of these accounts a version. The planner does
-- not know that the partitions before that place are left out, and would do what is best for those:
-- look each account up alone.
CREATE FUNCTION newest_seqs(wanted int8[], place int8) RETURNS TABLE (account int8, seq int8)
LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_mergejoin = off
SET enable_indexscan = off SET enable_bitmapscan = off AS $$
BEGIN
  RETURN QUERY
    SELECT s.id, max(s.newest)
      FROM (SELECT w.id, max(j.seq) AS newest
              FROM journal j JOIN unnest(wanted) AS w(id) ON j.debit_account = w.id
             WHERE j.seq >= place AND j.debit_version IS NOT NULL GROUP BY w.id
             UNION ALL
            SELECT w.id, max(j.seq)
              FROM journal j JOIN unnest(wanted) AS w(id) ON j.credit_account = w.id
             WHERE j.seq >= place AND j.credit_version IS NOT NULL GROUP BY w.id) s
     GROUP BY s.id;
END $$;

CREATE OR REPLACE FUNCTION newest_versions(wanted int8[]) RETURNS SETOF version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  missing int8[] := wanted;
  bare int8 := bare_from();
  found version_row[];
BEGIN
  IF bare IS NOT NULL THEN
    found := ARRAY(
      SELECT ROW(v.account, v.version, j.seq, j.at, v.debits, v.credits, v.held_debits,
                 v.held_credits)::version_row
        FROM newest_seqs(missing, bare) n
       CROSS JOIN LATERAL (SELECT * FROM journal WHERE journal.seq = n.seq OFFSET 0) j
       CROSS JOIN LATERAL (VALUES
              (j.debit_account, j.debit_version, j.debit_debits, j.debit_credits,
               j.debit_held_debits, j.debit_held_credits),
              (j.credit_account, j.credit_version, j.credit_debits, j.credit_credits,
               j.credit_held_debits, j.credit_held_credits)
            ) v(account, version, debits, credits, held_debits, held_credits)
       WHERE v.account = n.account AND v.version IS NOT NULL);
    RETURN QUERY SELECT * FROM unnest(found);
    missing := ARRAY(SELECT unnest(missing) EXCEPT SELECT f.account FROM unnest(found) f);
  END IF;
  IF cardinality(missing) > 0 THEN
    RETURN QUERY SELECT * FROM newest_versions_before(missing, COALESCE(bare, 9223372036854775807));
  END IF;
END $$;

-- The newest version of an account at or before a bound, as in 0011.
CREATE OR REPLACE FUNCTION version_at(wanted int8, as_of text, bound int8) RETURNS version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  -- The newest version that is known to be at or before the bound.
  low version_row;
  -- The oldest one that is known to be after it.
  high version_row;
  middle version_row;
  number int8;
  bare int8 := bare_from();
BEGIN
  IF bare IS NOT NULL THEN
    SELECT wanted, v.version, j.seq, j.at, v.debits, v.credits, v.held_debits, v.held_credits
      INTO high
      FROM journal j
     CROSS JOIN LATERAL (VALUES
            (j.debit_account, j.debit_version, j.debit_debits, j.debit_credits,
             j.debit_held_debits, j.debit_held_credits),
            (j.credit_account, j.credit_version, j.credit_debits, j.credit_credits,
             j.credit_held_debits, j.credit_held_credits)
          ) v(account, version, debits, credits, held_debits, held_credits)
     WHERE j.seq >= bare AND (j.debit_account = wanted OR j.credit_account = wanted)
       AND v.account = wanted AND v.version IS NOT NULL
       AND CASE as_of WHEN 'seq' THEN j.seq WHEN 'version' THEN v.version
           ELSE (extract(epoch FROM j.at) * 1000000)::int8 END <= bound
     ORDER BY v.version DESC LIMIT 1;
    IF high.version IS NOT NULL THEN
      RETURN high;
    END IF;
  END IF;
  SELECT * INTO high
    FROM newest_versions_before(ARRAY[wanted], COALESCE(bare, 9223372036854775807));
  IF high.version IS NULL OR (CASE as_of WHEN 'seq' THEN high.seq WHEN 'version' THEN high.version
       ELSE (extract(epoch FROM high.at) * 1000000)::int8 END) <= bound THEN
    RETURN high;
  END IF;
  IF as_of = 'version' THEN
    IF bound >= 1 THEN
      low := version_between(wanted, bound, 0, high.seq);
    END IF;
    RETURN low;
  END IF;
  LOOP
    number := (COALESCE(low.version, 0) + high.version) / 2;
    EXIT WHEN number = COALESCE(low.version, 0);
    middle := version_between(wanted, number, COALESCE(low.seq, 0), high.seq);
    IF middle.version IS NULL THEN
      RAISE EXCEPTION 'account % has no version %', wanted, number USING ERRCODE = 'data_corrupted';
    END IF;
    IF (CASE as_of WHEN 'seq' THEN middle.seq
        ELSE (extract(epoch FROM middle.at) * 1000000)::int8 END) <= bound THEN
      low := middle;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
END $$;

GRANT SELECT ON journal_bare TO auditor, meridian_ledger;
REVOKE EXECUTE ON FUNCTION journal_strip_partition(int8, int8), bare_from(),
  newest_seqs(int8[], int8), newest_versions_before(int8[], int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal_strip_partition(int8, int8), bare_from(),
  newest_seqs(int8[], int8), newest_versions_before(int8[], int8) TO meridian_ledger;
