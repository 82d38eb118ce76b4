-- A book that an operator has fenced, and what operators do.

-- True: no server takes the book over until an operator allows it again.
ALTER TABLE head ADD COLUMN fenced bool NOT NULL DEFAULT false;

-- Who did what to the installation and why. Written by the operator's tool as the owner.
CREATE TABLE operation (
  id      uuid        PRIMARY KEY,
  at      timestamptz NOT NULL,
  kind    text        NOT NULL CHECK (kind IN ('switchover', 'failover', 'fence', 'unfence',
                      'drain', 'undrain', 'evacuate', 'failback', 'drill')),
  who     text        NOT NULL,
  why     text        NOT NULL,
  details jsonb       NOT NULL,
  -- Epoch of the book when this was recorded.
  epoch   int8        NOT NULL
);
CREATE INDEX operation_at ON operation (at, id);

CREATE TRIGGER operation_append_only BEFORE UPDATE OR DELETE ON operation
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_no_truncate BEFORE TRUNCATE ON operation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON operation TO auditor, meridian_ledger;
