-- Pages of an account from its first row on, and what subscribers to it read, began with the first
-- partition of the journal whatever they followed. Now they begin behind the row of the version that
-- they follow, which is looked for from the end, or where the account was opened.

-- The first or the last rows, in the order of its versions, that gave an account one of its
-- versions after `after` and up to `through`.
--
-- @param kinds of rows that are wanted; NULL: all
-- @param most rows at most
CREATE OR REPLACE FUNCTION rows_of_account(
  wanted int8, after int8, through int8, kinds int2[], newest_first bool, most int8
) RETURNS SETOF journal LANGUAGE plpgsql STABLE AS $$
DECLARE
  newest int8 := COALESCE((SELECT h.seq FROM head h), 0);
  width int8 := newest / 64 + 1000;
  low int8;
  high int8 := 9223372036854775807;
  missing int8 := most;
  found int8;
BEGIN
  IF newest_first THEN
    low := GREATEST(newest - width, 0);
  ELSE
    -- A scan of bare partitions, twice, costs more than a step in each of the others.
    IF after > 0 AND NOT EXISTS (SELECT FROM journal_bare) THEN
      SELECT r.seq INTO low FROM rows_of_account(wanted, 0, after, NULL, true, 1) r;
    END IF;
    low := COALESCE(low, (SELECT a.opened_seq - 1 FROM account a WHERE a.id = wanted), 0);
    IF low + width < newest THEN
      high := low + width;
    END IF;
  END IF;
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
