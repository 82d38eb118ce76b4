-- Rows of the journal never change, so vacuum has nothing to remove from a partition. It only marks
-- pages as visible to all and freezes their rows, and analyze reads 30,000 rows of each: together they
-- cost as much as the inserts did, while the next partitions are being filled. So vacuum is left to
-- the pass that autovacuum_freeze_max_age makes over each partition, once, the oldest first; and
-- statistics are made of 3,000 rows, enough to show whether a column has few values or many.

-- Sets how autovacuum treats a partition.
CREATE FUNCTION journal_spare_partition(partition text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_insert_threshold = -1,
                                      toast.autovacuum_vacuum_insert_threshold = -1)', partition);
  EXECUTE (SELECT format('ALTER TABLE %I ', partition) ||
                  string_agg(format('ALTER COLUMN %I SET STATISTICS 10', attname), ', ')
             FROM pg_attribute
            WHERE attrelid = partition::regclass AND attnum > 0 AND NOT attisdropped);
END $$;
REVOKE ALL ON FUNCTION journal_spare_partition(text) FROM PUBLIC;

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
  PERFORM journal_spare_partition(partition);
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

SELECT journal_spare_partition(name) FROM journal_partition;
