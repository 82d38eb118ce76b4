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

-- What adds a partition is now two steps of one transaction.
ALTER FUNCTION journal_add_partition(int8, bool) RENAME TO journal_create_partition;
REVOKE EXECUTE ON FUNCTION journal_create_partition(int8, bool) FROM meridian_ledger;

-- Adds the partition after the last one. It takes no lock that posting or a reader waits for.
CREATE FUNCTION journal_add_partition(size int8, with_versions bool) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first int8 := journal_create_partition(size, with_versions);
BEGIN
  PERFORM journal_spare_partition(format('journal_from_%s', first));
  RETURN first;
END $$;
REVOKE EXECUTE ON FUNCTION journal_add_partition(int8, bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal_add_partition(int8, bool) TO meridian_ledger;

SELECT journal_spare_partition(name) FROM journal_partition;
