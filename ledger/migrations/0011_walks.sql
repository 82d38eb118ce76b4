-- Look-ups that stop early, for a journal of hundreds of partitions.
--
-- A query of the whole journal opens each of its partitions for each time it names the journal,
-- whether or not it comes to that. These functions are what the ledger's reads call where they
-- need another row: a statement in a function is planned once for each session, and opened only when
-- it is called. Those that look for the newest row go through the journal from its end, in
-- windows of seqs: the newest 64th of it and a thousand rows first, and then twice as much each
-- time, so that what was used lately costs a few index steps. A statement that is given both ends
-- of a window opens only the partitions of that window. Auditors' views do without them.
--
-- Partitions without indexes of versions are the last ones. What needs these is looked for by one
-- scan of them, from the first one in `journal_bare` on. That table comes with the next migration;
-- nothing calls the functions before.

-- An account after one of its versions. All columns are NULL: it has no such version.
CREATE TYPE version_row AS (
  account int8, version int8, seq int8, at timestamptz,
  debits int8, credits int8, held_debits int8, held_credits int8
);

-- The newest version of each of these accounts that has one.
CREATE FUNCTION newest_versions(wanted int8[]) RETURNS SETOF version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  missing int8[] := wanted;
  found version_row[];
  low int8;
  high int8 := 9223372036854775807;
  width int8;
  bare int8 := (SELECT min(first_seq) FROM journal_bare);
BEGIN
  -- A book that was never led has no head.
  low := COALESCE((SELECT h.seq FROM head h), 0);
  width := low / 64 + 1000;
  IF bare IS NOT NULL THEN
    found := ARRAY(
      SELECT ROW(v.account, v.version, v.seq, v.at, v.debits, v.credits, v.held_debits,
                 v.held_credits)::version_row
        FROM (
          SELECT DISTINCT ON (s.account) s.* FROM (
            SELECT j.debit_account AS account, j.debit_version AS version, j.seq, j.at,
                   j.debit_debits AS debits, j.debit_credits AS credits,
                   j.debit_held_debits AS held_debits, j.debit_held_credits AS held_credits
              FROM journal j
             WHERE j.debit_account = ANY(wanted) AND j.debit_version IS NOT NULL AND j.seq >= bare
             UNION ALL
            SELECT j.credit_account, j.credit_version, j.seq, j.at, j.credit_debits,
                   j.credit_credits, j.credit_held_debits, j.credit_held_credits
              FROM journal j
             WHERE j.credit_account = ANY(wanted) AND j.credit_version IS NOT NULL
               AND j.seq >= bare) s
           ORDER BY s.account, s.version DESC) v);
    RETURN QUERY SELECT * FROM unnest(found);
    missing := ARRAY(SELECT unnest(missing) EXCEPT SELECT f.account FROM unnest(found) f);
    high := bare - 1;
    low := LEAST(low, high);
  END IF;
  -- The last partition may be the only one.
  WHILE cardinality(missing) > 0 AND high > 0 LOOP
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

-- The row of one version of an account, which lies after seq `low` and up to seq `high`.
CREATE FUNCTION version_between(wanted int8, number int8, low int8, high int8) RETURNS version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found version_row;
BEGIN
  SELECT wanted, j.debit_version, j.seq, j.at, j.debit_debits, j.debit_credits,
         j.debit_held_debits, j.debit_held_credits
    INTO found FROM journal j
   WHERE j.debit_account = wanted AND j.debit_version = number AND j.seq > low AND j.seq <= high;
  IF found.version IS NULL THEN
    SELECT wanted, j.credit_version, j.seq, j.at, j.credit_debits, j.credit_credits,
           j.credit_held_debits, j.credit_held_credits
      INTO found FROM journal j
     WHERE j.credit_account = wanted AND j.credit_version = number
       AND j.seq > low AND j.seq <= high;
  END IF;
  RETURN found;
END $$;

-- The newest version of an account at or before a bound: a seq, a time ('micros', microseconds
-- since 1970) or a version. Versions, seqs and times grow together, so it is found by halving the
-- versions, and with them the part of the journal that the next one may lie in.
CREATE FUNCTION version_at(wanted int8, as_of text, bound int8) RETURNS version_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  -- The newest version that is known to be at or before the bound.
  low version_row;
  -- The oldest one that is known to be after it.
  high version_row;
  middle version_row;
  number int8;
  bare int8 := (SELECT min(first_seq) FROM journal_bare);
BEGIN
  SELECT * INTO high FROM newest_versions(ARRAY[wanted]);
  IF high.version IS NULL OR (CASE as_of WHEN 'seq' THEN high.seq WHEN 'version' THEN high.version
       ELSE (extract(epoch FROM high.at) * 1000000)::int8 END) <= bound THEN
    RETURN high;
  END IF;
  IF bare IS NOT NULL AND high.seq >= bare THEN
    SELECT wanted, s.* INTO low FROM (
      SELECT j.debit_version AS version, j.seq, j.at, j.debit_debits, j.debit_credits,
             j.debit_held_debits, j.debit_held_credits
        FROM journal j
       WHERE j.debit_account = wanted AND j.debit_version IS NOT NULL AND j.seq >= bare
       UNION ALL
      SELECT j.credit_version, j.seq, j.at, j.credit_debits, j.credit_credits,
             j.credit_held_debits, j.credit_held_credits
        FROM journal j
       WHERE j.credit_account = wanted AND j.credit_version IS NOT NULL AND j.seq >= bare) s
     WHERE CASE as_of WHEN 'seq' THEN s.seq WHEN 'version' THEN s.version
                ELSE (extract(epoch FROM s.at) * 1000000)::int8 END <= bound
     ORDER BY s.version DESC LIMIT 1;
    IF low.version IS NOT NULL THEN
      RETURN low;
    END IF;
    SELECT LEAST(
      (SELECT min(j.debit_version) FROM journal j WHERE j.debit_account = wanted AND j.seq >= bare),
      (SELECT min(j.credit_version) FROM journal j
        WHERE j.credit_account = wanted AND j.seq >= bare)) INTO number;
    high.version := number;
    high.seq := bare - 1;
    low := NULL;
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

-- Seqs of the rows with these ids, of those up to a seq.
CREATE FUNCTION seqs_of(wanted uuid[], through int8) RETURNS TABLE (id uuid, seq int8)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  missing uuid[] := wanted;
  ids uuid[];
  seqs int8[];
  low int8;
  high int8 := through;
  width int8;
BEGIN
  low := LEAST(COALESCE((SELECT h.seq FROM head h), 0), through);
  width := low / 64 + 1000;
  LOOP
    low := GREATEST(low - width, 0);
    -- OFFSET 0 keeps the planner from anything but one index step for each id and partition.
    SELECT array_agg(w.id), array_agg(f.seq) INTO ids, seqs
      FROM unnest(missing) AS w(id)
     CROSS JOIN LATERAL (
             SELECT j.seq FROM journal j
              WHERE j.id = w.id AND j.seq > low AND j.seq <= high OFFSET 0) f;
    IF ids IS NOT NULL THEN
      RETURN QUERY SELECT * FROM unnest(ids, seqs);
      missing := ARRAY(SELECT unnest(missing) EXCEPT SELECT unnest(ids));
    END IF;
    EXIT WHEN low = 0 OR cardinality(missing) = 0;
    high := low;
    width := width * 2;
  END LOOP;
END $$;

-- The rows with these seqs.
CREATE FUNCTION rows_at(places int8[]) RETURNS SETOF journal
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place int8;
BEGIN
  FOREACH place IN ARRAY places LOOP
    RETURN QUERY SELECT j.* FROM journal j WHERE j.seq = place;
  END LOOP;
END $$;

-- The first or the last rows, in the order of its versions, that gave an account one of its
-- versions after `after` and up to `through`.
--
-- @param kinds of rows that are wanted; NULL: all
-- @param most rows at most
CREATE FUNCTION rows_of_account(
  wanted int8, after int8, through int8, kinds int2[], newest_first bool, most int8
) RETURNS SETOF journal LANGUAGE plpgsql STABLE AS $$
DECLARE
  newest int8 := COALESCE((SELECT h.seq FROM head h), 0);
  width int8 := newest / 64 + 1000;
  low int8 := CASE WHEN newest_first THEN GREATEST(newest - width, 0) ELSE 0 END;
  high int8 := CASE WHEN newest_first OR width >= newest THEN 9223372036854775807 ELSE width END;
  missing int8 := most;
  found int8;
BEGIN
  LOOP
    IF newest_first THEN
      RETURN QUERY SELECT (v.j).* FROM (
        (SELECT j.debit_version AS version, j FROM journal j
          WHERE j.debit_account = wanted AND j.debit_version > after AND j.debit_version <= through
            AND (kinds IS NULL OR j.kind = ANY(kinds)) AND j.seq > low AND j.seq <= high
          ORDER BY j.debit_version DESC LIMIT missing)
         UNION ALL
        (SELECT j.credit_version, j FROM journal j
          WHERE j.credit_account = wanted AND j.credit_version > after
            AND j.credit_version <= through
            AND (kinds IS NULL OR j.kind = ANY(kinds)) AND j.seq > low AND j.seq <= high
          ORDER BY j.credit_version DESC LIMIT missing)) v
       ORDER BY v.version DESC LIMIT missing;
    ELSE
      RETURN QUERY SELECT (v.j).* FROM (
        (SELECT j.debit_version AS version, j FROM journal j
          WHERE j.debit_account = wanted AND j.debit_version > after AND j.debit_version <= through
            AND (kinds IS NULL OR j.kind = ANY(kinds)) AND j.seq > low AND j.seq <= high
          ORDER BY j.debit_version LIMIT missing)
         UNION ALL
        (SELECT j.credit_version, j FROM journal j
          WHERE j.credit_account = wanted AND j.credit_version > after
            AND j.credit_version <= through
            AND (kinds IS NULL OR j.kind = ANY(kinds)) AND j.seq > low AND j.seq <= high
          ORDER BY j.credit_version LIMIT missing)) v
       ORDER BY v.version LIMIT missing;
    END IF;
    GET DIAGNOSTICS found = ROW_COUNT;
    missing := missing - found;
    EXIT WHEN missing <= 0 OR CASE WHEN newest_first THEN low = 0
                                   ELSE high = 9223372036854775807 END;
    width := width * 2;
    IF newest_first THEN
      high := low;
      low := GREATEST(low - width, 0);
    ELSE
      low := high;
      high := CASE WHEN high + width >= newest THEN 9223372036854775807 ELSE high + width END;
    END IF;
  END LOOP;
END $$;

-- What the row with an id names as its origin, if it is before a seq.
CREATE FUNCTION origin_of(wanted uuid, before int8) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place int8;
BEGIN
  SELECT f.seq INTO place FROM seqs_of(ARRAY[wanted], before - 1) f;
  RETURN (SELECT j.origin_id FROM journal j WHERE j.seq = place);
END $$;

-- The newest row that draws on the row with an id and a seq.
CREATE FUNCTION newest_draw(wanted uuid, after int8, OUT kind int2, OUT drawn_left int8)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT j.kind, j.drawn_left INTO kind, drawn_left FROM journal j
   WHERE j.drawn_id = wanted AND j.drawn_left IS NOT NULL AND j.seq > after
   ORDER BY j.seq DESC LIMIT 1;
END $$;

-- The newest rows that draw on the rows with these ids, for a page of them: most have none, which
-- one step in each partition shows for all. Statistics lag behind a partition that is being filled,
-- and must not make the planner read all of it.
CREATE FUNCTION newest_draws(wanted uuid[]) RETURNS TABLE (id uuid, kind int2, drawn_left int8)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  IF cardinality(wanted) = 1 THEN
    -- However many there are.
    RETURN QUERY SELECT j.drawn_id, j.kind, j.drawn_left FROM journal j
                  WHERE j.drawn_id = wanted[1] AND j.drawn_left IS NOT NULL
                  ORDER BY j.seq DESC LIMIT 1;
    RETURN;
  END IF;
  RETURN QUERY SELECT DISTINCT ON (j.drawn_id) j.drawn_id, j.kind, j.drawn_left FROM journal j
                WHERE j.drawn_id = ANY(wanted) AND j.drawn_left IS NOT NULL
                ORDER BY j.drawn_id, j.seq DESC;
END $$;

-- Why the money of a leg, which went to another book, came back; NULL if it did not.
CREATE FUNCTION return_reason(leg uuid, after int8) RETURNS int2
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT j.reason FROM journal j
           WHERE j.origin_id = leg AND j.kind = 3 AND j.seq > after LIMIT 1);
END $$;

-- The captured amount of a hold, less what came back.
CREATE FUNCTION captured_amount(hold uuid, after int8) RETURNS int8
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT COALESCE(sum(j.amount), 0)::int8 FROM journal j
           WHERE j.drawn_id = hold AND j.drawn_left IS NOT NULL AND j.kind = 7 AND j.seq > after
             AND (j.channel_number IS NULL OR return_reason(j.id, j.seq) IS NULL));
END $$;

REVOKE EXECUTE ON FUNCTION newest_versions(int8[]), version_between(int8, int8, int8, int8),
  version_at(int8, text, int8), seqs_of(uuid[], int8),
  rows_at(int8[]), rows_of_account(int8, int8, int8, int2[], bool, int8), origin_of(uuid, int8),
  newest_draw(uuid, int8), newest_draws(uuid[]), return_reason(uuid, int8), captured_amount(uuid, int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION newest_versions(int8[]), version_between(int8, int8, int8, int8),
  version_at(int8, text, int8), seqs_of(uuid[], int8),
  rows_at(int8[]), rows_of_account(int8, int8, int8, int2[], bool, int8), origin_of(uuid, int8),
  newest_draw(uuid, int8), newest_draws(uuid[]), return_reason(uuid, int8), captured_amount(uuid, int8)
  TO meridian_ledger;

-- The numbers of a channel are unique in each partition by its indexes, and across partitions by
-- the cursors of the channel, which are moved in the transaction of the rows: a leader that numbered
-- legs from a cursor of the past would have to set it back. The audit counts them all.
CREATE FUNCTION refuse_cursor_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a cursor of the channel with book % would go back', OLD.peer_book
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER channel_goes_on BEFORE UPDATE ON channel FOR EACH ROW
  WHEN (NEW.sent < OLD.sent OR NEW.settled < OLD.settled OR NEW.applied < OLD.applied)
  EXECUTE FUNCTION refuse_cursor_back();
