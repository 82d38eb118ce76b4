-- A leader puts its commits beyond the WAL segment of the last promotion: see
-- ledger/store/postgres/leave-fork.ts. A managed service may keep this right for itself; a book
-- there is led only where it has no copies that Meridian promotes.
DO $$ BEGIN
  GRANT EXECUTE ON FUNCTION pg_switch_wal() TO meridian_ledger;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'the ledger may not switch the WAL here';
END $$;
