-- Which book of its region a new account belongs to: ledger/core/placement.ts.

-- The longest list of the books of its region that this book was sent, in the order in which they
-- joined. It is kept before anything is answered under it, and is never shortened: this book opens
-- no account that another one of the list owns. Empty: it was never sent one.
ALTER TABLE head ADD COLUMN region_books int2[] NOT NULL DEFAULT '{}';
