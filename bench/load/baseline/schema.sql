-- A ledger as it is usually built: rows of accounts are locked and updated where they stand, each
-- transfer has two entries, and a database function does all of it in one round trip. What it
-- leaves out is in its favour: foreign keys, limits, holds, a chain, several regions.

CREATE TABLE account (
  id bigint PRIMARY KEY,
  debits bigint NOT NULL DEFAULT 0,
  credits bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0
);

CREATE TABLE transfer (
  -- The payer's idempotency key.
  id uuid PRIMARY KEY,
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL CHECK (credit_account <> debit_account),
  amount bigint NOT NULL CHECK (amount > 0),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE entry (
  account bigint NOT NULL,
  -- Counts the entries of an account.
  version bigint NOT NULL,
  transfer uuid NOT NULL,
  -- Negative for the payer.
  amount bigint NOT NULL,
  balance bigint NOT NULL,
  PRIMARY KEY (account, version)
);

-- True: posted now; false: it was already.
CREATE FUNCTION create_transfer(p_id uuid, p_debit bigint, p_credit bigint, p_amount bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_balance bigint;
  v_version bigint;
BEGIN
  INSERT INTO transfer (id, debit_account, credit_account, amount)
  VALUES (p_id, p_debit, p_credit, p_amount)
  ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  -- In one order everywhere, so that two transfers never wait for each other.
  PERFORM FROM account WHERE id IN (p_debit, p_credit) ORDER BY id FOR UPDATE;
  UPDATE account SET debits = debits + p_amount, version = version + 1
   WHERE id = p_debit
  RETURNING credits - debits, version INTO STRICT v_balance, v_version;
  INSERT INTO entry VALUES (p_debit, v_version, p_id, -p_amount, v_balance);
  UPDATE account SET credits = credits + p_amount, version = version + 1
   WHERE id = p_credit
  RETURNING credits - debits, version INTO STRICT v_balance, v_version;
  INSERT INTO entry VALUES (p_credit, v_version, p_id, p_amount, v_balance);
  RETURN true;
END
$$;

-- Several at once, all of them or none. Returns the number of those posted now.
CREATE FUNCTION create_transfers(
  p_ids uuid[], p_debits bigint[], p_credits bigint[], p_amounts bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_posted bigint := 0;
BEGIN
  PERFORM FROM account WHERE id = ANY (p_debits || p_credits) ORDER BY id FOR UPDATE;
  FOR i IN 1 .. cardinality(p_ids) LOOP
    IF create_transfer(p_ids[i], p_debits[i], p_credits[i], p_amounts[i]) THEN
      v_posted := v_posted + 1;
    END IF;
  END LOOP;
  RETURN v_posted;
END
$$;
