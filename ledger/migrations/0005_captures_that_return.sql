-- Captures that come back, what final captures leave, and the search for what draws on a row.

-- 16 what a final capture left of its hold is free, as the payee's book has applied the capture.
ALTER TABLE journal DROP CONSTRAINT journal_kind_check;
ALTER TABLE journal ADD CONSTRAINT journal_kind_check CHECK (kind BETWEEN 1 AND 16) NOT VALID;

-- As a hold, its end changes its payer alone if the payee is in another book.
ALTER TABLE journal DROP CONSTRAINT journal_both_sides;
ALTER TABLE journal ADD CONSTRAINT journal_both_sides CHECK (
  (debit_version IS NULL) = (credit_version IS NULL) OR kind IN (6, 8, 9, 12, 16));

-- Reversals that came from other books, by the transfer that they reverse. Their own books keep
-- what is left of it, so they are not in `journal_drawn`.
CREATE INDEX journal_reversal_received ON journal (drawn_id, seq)
  WHERE kind = 2 AND drawn_id IS NOT NULL;
