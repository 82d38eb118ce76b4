-- A leader puts its commits beyond the WAL segment of the last promotion: see
-- ledger/store/leave-fork.ts.
GRANT EXECUTE ON FUNCTION pg_switch_wal() TO meridian_ledger;
