-- Holds, groups, reversals, changes of accounts, assets.
--
-- A row that has none of this is stored, and hashed into the chain, exactly as before.

ALTER TABLE journal
  -- What is held of and for both accounts after this row. Null: nothing.
  ADD COLUMN debit_held_debits   int8,
  ADD COLUMN debit_held_credits  int8,
  ADD COLUMN credit_held_debits  int8,
  ADD COLUMN credit_held_credits int8,
  -- The hold of a capture, release or expiry, or the transfer of a reversal, and what is left of
  -- it after this row. `drawn_left` is null where this book does not keep it.
  ADD COLUMN drawn_id            uuid,
  ADD COLUMN drawn_left          int8 CHECK (drawn_left >= 0),
  -- Of a leg: the row of its group.
  ADD COLUMN group_id            uuid,
  -- Of a hold that expires.
  ADD COLUMN expires_at          timestamptz,
  -- What was asked beyond the columns, as JSON in a fixed order: ledger/core/validate/options.ts.
  ADD COLUMN options             text,
  -- Who changed the account or registered the asset; why stands in `reference`.
  ADD COLUMN changed_by          text,
  -- Of a change that was applied: all settings of the account after it. Flags are the sum of
  -- 1 frozen for incoming, 2 frozen for outgoing money, 4 closed.
  ADD COLUMN account_flags       int2,
  ADD COLUMN min_balance         int8,
  ADD COLUMN max_balance         int8;

-- 6 hold, 7 capture, 8 release, 9 expiry, 10 reversal, 11 group, 12 change of an account,
-- 13 asset registered.
ALTER TABLE journal DROP CONSTRAINT journal_kind_check;
ALTER TABLE journal ADD CONSTRAINT journal_kind_check CHECK (kind BETWEEN 1 AND 13);

-- A hold for a payee in another book changes its payer alone, a change its account alone.
ALTER TABLE journal DROP CONSTRAINT journal_check1;
ALTER TABLE journal ADD CONSTRAINT journal_both_sides CHECK (
  (debit_version IS NULL) = (credit_version IS NULL) OR kind IN (6, 8, 9, 12));

-- Outbound legs are transfers, captures and reversals, numbered together.
DROP INDEX journal_channel;
CREATE UNIQUE INDEX journal_outbound ON journal (peer_book, channel_number)
  WHERE channel_number IS NOT NULL AND kind <> 2;
CREATE UNIQUE INDEX journal_inbound ON journal (peer_book, channel_number)
  WHERE channel_number IS NOT NULL AND kind = 2;

-- What is left of a hold or transfer stands in the newest row that draws on it.
CREATE INDEX journal_drawn ON journal (drawn_id, seq) WHERE drawn_left IS NOT NULL;
CREATE INDEX journal_group ON journal (group_id, seq) WHERE group_id IS NOT NULL;
-- Holds in the order in which they expire: the sweep goes along it once.
CREATE INDEX journal_expires ON journal (expires_at, seq) WHERE expires_at IS NOT NULL;
-- The settings of an account stand in its newest change.
CREATE INDEX journal_change ON journal (credit_account, seq) WHERE kind = 12 AND reason = 0;
-- For the search of transfers. Rows that have none of it are in none of them.
CREATE INDEX journal_code ON journal (code, seq) WHERE code IS NOT NULL;
CREATE INDEX journal_reference ON journal (reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX journal_metadata ON journal USING gin (metadata) WHERE metadata IS NOT NULL;

-- How far holds have been looked at for their expiry.
ALTER TABLE head
  ADD COLUMN swept_at  timestamptz NOT NULL DEFAULT 'epoch',
  ADD COLUMN swept_seq int8        NOT NULL DEFAULT 0;

CREATE TABLE asset (
  asset          text        PRIMARY KEY,
  -- Decimal digits of the minor unit.
  scale          int2        NOT NULL CHECK (scale BETWEEN 0 AND 18),
  registered_seq int8        NOT NULL,
  registered_at  timestamptz NOT NULL
);

CREATE TRIGGER asset_append_only BEFORE UPDATE OR DELETE ON asset
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER asset_no_truncate BEFORE TRUNCATE ON asset
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DROP VIEW trial_balance;
DROP VIEW balance;
DROP VIEW entry;
DROP VIEW in_transit;

-- One row for each version of an account: the sides of what was posted, what was held or freed,
-- and changes of its settings.
CREATE VIEW entry AS
  SELECT debit_account AS account, debit_version AS version, 'debit' AS side, amount,
         debit_debits AS debits_after, debit_credits AS credits_after,
         debit_credits - debit_debits AS balance_after,
         COALESCE(debit_held_debits, 0) AS held_debits_after,
         COALESCE(debit_held_credits, 0) AS held_credits_after,
         debit_credits - debit_debits - COALESCE(debit_held_debits, 0) AS available_after,
         COALESCE(peer_account, credit_account) AS counterparty,
         COALESCE(origin_id, id) AS transfer_id, drawn_id, group_id, kind, seq, epoch, at,
         key, code, reference, metadata, changed_by
    FROM journal WHERE debit_version IS NOT NULL
  UNION ALL
  SELECT credit_account, credit_version, CASE WHEN kind = 12 THEN 'none' ELSE 'credit' END,
         amount, credit_debits, credit_credits, credit_credits - credit_debits,
         COALESCE(credit_held_debits, 0), COALESCE(credit_held_credits, 0),
         credit_credits - credit_debits - COALESCE(credit_held_debits, 0),
         COALESCE(peer_account, debit_account),
         COALESCE(origin_id, id), drawn_id, group_id, kind, seq, epoch, at,
         key, code, reference, metadata, changed_by
    FROM journal WHERE credit_version IS NOT NULL;

-- Every account with its newest totals and settings: one index step for each.
CREATE VIEW balance AS
  SELECT a.id AS account, a.external_id, a.asset,
         CASE WHEN c.account_flags IS NULL THEN a.min_balance ELSE c.min_balance END AS min_balance,
         CASE WHEN c.account_flags IS NULL THEN a.max_balance ELSE c.max_balance END AS max_balance,
         COALESCE(c.account_flags, 0) AS flags,
         a.transit,
         CASE WHEN m.changed THEN m.metadata ELSE a.metadata END AS metadata,
         a.opened_at,
         COALESCE(e.version, 0) AS version,
         COALESCE(e.debits, 0) AS debits,
         COALESCE(e.credits, 0) AS credits,
         COALESCE(e.credits - e.debits, 0) AS balance,
         COALESCE(e.held_debits, 0) AS held_debits,
         COALESCE(e.held_credits, 0) AS held_credits,
         COALESCE(e.credits - e.debits - COALESCE(e.held_debits, 0), 0) AS available
    FROM account a
    LEFT JOIN LATERAL (
      (SELECT j.debit_version AS version, j.debit_debits AS debits, j.debit_credits AS credits,
              j.debit_held_debits AS held_debits, j.debit_held_credits AS held_credits
         FROM journal j WHERE j.debit_account = a.id AND j.debit_version IS NOT NULL
        ORDER BY j.debit_version DESC LIMIT 1)
      UNION ALL
      (SELECT j.credit_version, j.credit_debits, j.credit_credits,
              j.credit_held_debits, j.credit_held_credits
         FROM journal j WHERE j.credit_account = a.id AND j.credit_version IS NOT NULL
        ORDER BY j.credit_version DESC LIMIT 1)
      ORDER BY version DESC LIMIT 1
    ) e ON true
    LEFT JOIN LATERAL (
      SELECT j.account_flags, j.min_balance, j.max_balance
        FROM journal j WHERE j.credit_account = a.id AND j.kind = 12 AND j.reason = 0
       ORDER BY j.seq DESC LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
      SELECT true AS changed, j.metadata
        FROM journal j WHERE j.credit_account = a.id AND j.kind = 12 AND j.reason = 0
         AND j.options LIKE '{"change":"metadata"%'
       ORDER BY j.seq DESC LIMIT 1
    ) m ON true;

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
    JOIN journal j ON j.peer_book = c.peer_book AND j.kind <> 2 AND j.channel_number > c.settled
    JOIN account a ON a.id = j.debit_account
   GROUP BY c.peer_book, a.asset;

-- Holds of which something is left, with what is left of them.
CREATE VIEW open_hold AS
  SELECT h.id AS hold_id, h.debit_account, COALESCE(h.peer_account, h.credit_account) AS payee,
         h.amount, COALESCE(d.drawn_left, h.amount) AS left_amount, h.expires_at, h.seq, h.at,
         h.key, h.code, h.reference
    FROM journal h
    LEFT JOIN LATERAL (
      SELECT j.drawn_left FROM journal j
       WHERE j.drawn_id = h.id AND j.drawn_left IS NOT NULL ORDER BY j.seq DESC LIMIT 1
    ) d ON true
   WHERE h.kind = 6 AND h.reason = 0 AND COALESCE(d.drawn_left, h.amount) > 0;

GRANT SELECT ON asset, entry, balance, trial_balance, in_transit, open_hold
  TO auditor, meridian_ledger;
GRANT INSERT ON asset TO meridian_ledger;
-- So that an audit can determine which accounts were opened before assets had to be registered.
GRANT SELECT ON migration TO auditor;
