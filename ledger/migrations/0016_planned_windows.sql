-- A plan over all partitions of the journal is made again by each connection whenever one partition
-- changes: 0.2 to 0.5 ms of processor time for each partition and statement, so that among hundreds
-- of them pages of an account, and what its subscribers read, took seconds on a busy machine. Now
-- they are planned for the part of the journal that they look into, each time.

DROP FUNCTION rows_of_account(int8, int8, int8, int2[], bool, int8);

-- Seq of the newest row before a place that gave an account a version up to this one, of those that
-- have indexes of versions; NULL: there is none.
CREATE FUNCTION place_of_version(wanted int8, version int8, before int8) RETURNS int8
LANGUAGE plpgsql STABLE AS $$
DECLARE
  high int8 := before - 1;
  low int8;
  width int8 := high / 64 + 1000;
  found int8;
BEGIN
  WHILE found IS NULL AND high > 0 LOOP
    low := GREATEST(high - width, 0);
    EXECUTE format($query$
      SELECT max(s.seq) FROM (
        (SELECT j.seq FROM journal j
          WHERE j.debit_account = $1 AND j.debit_version <= $2 AND j.seq > %1$s AND j.seq <= %2$s
          ORDER BY j.debit_version DESC LIMIT 1)
         UNION ALL
        (SELECT j.seq FROM journal j
          WHERE j.credit_account = $1 AND j.credit_version <= $2 AND j.seq > %1$s AND j.seq <= %2$s
          ORDER BY j.credit_version DESC LIMIT 1)) s$query$, low, high)
      INTO found USING wanted, version;
    high := low;
    width := width * 2;
  END LOOP;
  RETURN found;
END $$;

-- The first or the last rows, in the order of its versions, that gave an account one of its
-- versions after `after` and up to `through`.
--
-- @param kinds of rows that are wanted; NULL: all
-- @param most rows at most
-- @param place a seq that all of these rows come after, for the first rows; NULL: none is known
CREATE FUNCTION rows_of_account(
  wanted int8, after int8, through int8, kinds int2[], newest_first bool, most int8,
  place int8 DEFAULT NULL
) RETURNS SETOF journal LANGUAGE plpgsql STABLE AS $$
DECLARE
  newest int8 := (SELECT h.seq FROM head h);
  width int8;
  low int8 := place;
  high int8;
  missing int8 := most;
  found int8;
BEGIN
  -- A book that was never led has no head.
  IF newest IS NULL THEN
    SELECT COALESCE(max(j.seq), 0) INTO newest FROM journal j;
  END IF;
  width := newest / 64 + 1000;
  IF newest_first THEN
    high := newest;
    low := GREATEST(high - width, 0);
  ELSE
    -- Bare partitions are the newest, and are gone through in any case.
    IF low IS NULL AND after > 0 THEN
      low := place_of_version(wanted, after, COALESCE(bare_from(), newest + 1));
    END IF;
    low := COALESCE(low, (SELECT a.opened_seq - 1 FROM account a WHERE a.id = wanted), 0);
    high := LEAST(low + width, newest);
  END IF;
  WHILE high > low AND missing > 0 LOOP
    RETURN QUERY EXECUTE format($query$
      SELECT (v.j).* FROM (
        (SELECT j.debit_version AS version, j FROM journal j
          WHERE j.debit_account = $1 AND j.debit_version > $2 AND j.debit_version <= $3
            AND ($4 IS NULL OR j.kind = ANY($4)) AND j.seq > %1$s AND j.seq <= %2$s
          ORDER BY j.debit_version %3$s LIMIT $5)
         UNION ALL
        (SELECT j.credit_version, j FROM journal j
          WHERE j.credit_account = $1 AND j.credit_version > $2 AND j.credit_version <= $3
            AND ($4 IS NULL OR j.kind = ANY($4)) AND j.seq > %1$s AND j.seq <= %2$s
          ORDER BY j.credit_version %3$s LIMIT $5)) v
       ORDER BY v.version %3$s LIMIT $5$query$,
      low, high, CASE WHEN newest_first THEN 'DESC' ELSE 'ASC' END)
      USING wanted, after, through, kinds, missing;
    GET DIAGNOSTICS found = ROW_COUNT;
    missing := missing - found;
    width := width * 2;
    IF newest_first THEN
      high := low;
      low := GREATEST(low - width, 0);
    ELSE
      low := high;
      high := LEAST(high + width, newest);
    END IF;
  END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION place_of_version(int8, int8, int8),
  rows_of_account(int8, int8, int8, int2[], bool, int8, int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION place_of_version(int8, int8, int8),
  rows_of_account(int8, int8, int8, int2[], bool, int8, int8) TO meridian_ledger;
