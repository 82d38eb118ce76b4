-- The journal of one book, and what is derived from it.
--
-- Only SQL that PostgreSQL and CockroachDB share is used by the posting statement
-- (ledger/store/append.ts); the append-only triggers below are PostgreSQL's.

-- The one row that fences the leader: every batch begins by comparing and setting it.
CREATE TABLE head (
  book      int2        PRIMARY KEY CHECK (book BETWEEN 1 AND 32767),
  name      text        NOT NULL,
  region    text        NOT NULL,
  -- Distinguishes this database from any other that had the same number: part of every Redis key.
  instance  uuid        NOT NULL,
  epoch     int8        NOT NULL CHECK (epoch >= 0),
  -- Address of the ledger server that took the book over last.
  leader    text        NOT NULL,
  seq       int8        NOT NULL CHECK (seq >= 0),
  -- Chain value of the last batch.
  chain     bytea       NOT NULL CHECK (octet_length(chain) = 32),
  at        timestamptz NOT NULL,
  -- Accounts opened so far; the next account gets the next number.
  accounts  int8        NOT NULL CHECK (accounts >= 0)
);

CREATE TABLE account (
  -- Book number in the top 16 bits.
  id          int8        PRIMARY KEY CHECK (id > 0),
  external_id text        NOT NULL UNIQUE,
  asset       text        NOT NULL,
  min_balance int8,
  max_balance int8,
  -- A transit account holds what is on its way to or from another book.
  transit     bool        NOT NULL,
  metadata    jsonb,
  opened_seq  int8        NOT NULL,
  opened_at   timestamptz NOT NULL,
  CHECK (min_balance <= max_balance)
);

CREATE TABLE journal (
  seq             int8        PRIMARY KEY CHECK (seq > 0),
  epoch           int8        NOT NULL,
  id              uuid        NOT NULL UNIQUE,
  -- 1 transfer, 2 settlement (second leg of a transfer from another book),
  -- 3 return (of a transfer that the other book refused), 4 account opened, 5 take-over.
  kind            int2        NOT NULL CHECK (kind BETWEEN 1 AND 5),
  -- 0: posted. Otherwise why it was refused: meridian.v1.Reason. On a return, which is
  -- posted too: why the money came back.
  reason          int2        NOT NULL,
  debit_account   int8,
  credit_account  int8,
  amount          int8        CHECK (amount > 0),
  -- The entry's number in its account. Null: no entry was made.
  debit_version   int8,
  credit_version  int8,
  -- Totals of both accounts after this row.
  debit_debits    int8,
  debit_credits   int8,
  credit_debits   int8,
  credit_credits  int8,
  -- Of a transfer across books: the account, the book and the channel number over there.
  peer_account    int8,
  peer_book       int2,
  channel_number  int8,
  -- Of a settlement or return: the transfer it belongs to.
  origin_id       uuid,
  -- The idempotency key where it is not the id itself, and its namespace.
  namespace       text,
  key             text,
  -- What the request asked the asset to be, if it did.
  asset           text,
  code            int4,
  reference       text,
  metadata        jsonb,
  at              timestamptz NOT NULL,
  -- On the last row of each batch: SHA-256 over the chain before and the batch's lines.
  chain           bytea,
  -- A refused leg may name the very transit account that it arrived in.
  CHECK (debit_version IS NULL OR debit_account <> credit_account),
  CHECK ((debit_version IS NULL) = (credit_version IS NULL)),
  CHECK (reason = 0 OR kind = 3 OR debit_version IS NULL),
  UNIQUE (debit_account, debit_version),
  UNIQUE (credit_account, credit_version)
);

-- Outbound legs in the order of their channel, and inbound ones exactly once.
CREATE UNIQUE INDEX journal_channel ON journal (peer_book, kind, channel_number)
  WHERE channel_number IS NOT NULL;
CREATE INDEX journal_return ON journal (origin_id) WHERE kind = 3;

-- One row for each book that this one has ever exchanged money with.
CREATE TABLE channel (
  peer_book int2 PRIMARY KEY,
  -- Last number given to a leg that left this book.
  sent      int8 NOT NULL CHECK (sent >= 0),
  -- The peer has answered every leg up to this number, and its returns are posted.
  settled   int8 NOT NULL CHECK (settled >= 0),
  -- Last number applied or refused of those that the peer sent here.
  applied   int8 NOT NULL CHECK (applied >= 0),
  CHECK (settled <= sent)
);

-- Rows are never changed. The privileges below withhold it from the ledger; the triggers
-- withhold it from the owner too, and auditors can see that they are there.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_append_only BEFORE UPDATE OR DELETE ON account
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_no_truncate BEFORE TRUNCATE ON account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row for each side of everything posted.
CREATE VIEW entry AS
  SELECT debit_account AS account, debit_version AS version, 'debit' AS side, amount,
         debit_debits AS debits_after, debit_credits AS credits_after,
         debit_credits - debit_debits AS balance_after,
         COALESCE(peer_account, credit_account) AS counterparty,
         COALESCE(origin_id, id) AS transfer_id, kind, seq, epoch, at,
         key, code, reference, metadata
    FROM journal WHERE debit_version IS NOT NULL
  UNION ALL
  SELECT credit_account, credit_version, 'credit', amount,
         credit_debits, credit_credits, credit_credits - credit_debits,
         COALESCE(peer_account, debit_account),
         COALESCE(origin_id, id), kind, seq, epoch, at,
         key, code, reference, metadata
    FROM journal WHERE credit_version IS NOT NULL;

-- Every account with its newest totals: one index step for each side.
CREATE VIEW balance AS
  SELECT a.id AS account, a.external_id, a.asset, a.min_balance, a.max_balance, a.transit,
         a.metadata, a.opened_at,
         COALESCE(e.version, 0) AS version,
         COALESCE(e.debits, 0) AS debits,
         COALESCE(e.credits, 0) AS credits,
         COALESCE(e.credits - e.debits, 0) AS balance
    FROM account a
    LEFT JOIN LATERAL (
      (SELECT j.debit_version AS version, j.debit_debits AS debits, j.debit_credits AS credits
         FROM journal j WHERE j.debit_account = a.id AND j.debit_version IS NOT NULL
        ORDER BY j.debit_version DESC LIMIT 1)
      UNION ALL
      (SELECT j.credit_version, j.credit_debits, j.credit_credits
         FROM journal j WHERE j.credit_account = a.id AND j.credit_version IS NOT NULL
        ORDER BY j.credit_version DESC LIMIT 1)
      ORDER BY version DESC LIMIT 1
    ) e ON true;

-- Zero in every line, at every moment.
CREATE VIEW trial_balance AS
  SELECT asset, count(*) AS accounts, sum(debits) AS debits, sum(credits) AS credits,
         sum(credits) - sum(debits) AS difference
    FROM balance GROUP BY asset;

-- Money that has left this book and is not yet answered by its payee's.
CREATE VIEW in_transit AS
  SELECT c.peer_book, a.asset, count(*) AS transfers, sum(j.amount) AS amount,
         min(j.at) AS oldest_at
    FROM channel c
    JOIN journal j ON j.peer_book = c.peer_book AND j.kind = 1 AND j.channel_number > c.settled
    JOIN account a ON a.id = j.debit_account
   GROUP BY c.peer_book, a.asset;

-- Auditors read and nothing else: no temporary tables, no large objects.
DO $$ BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(int), lo_from_bytea(oid, bytea) FROM PUBLIC;

GRANT SELECT ON head, account, journal, channel, entry, balance, trial_balance, in_transit
  TO auditor, meridian_ledger;
GRANT INSERT ON head, account, journal, channel TO meridian_ledger;
GRANT UPDATE ON head, channel TO meridian_ledger;
