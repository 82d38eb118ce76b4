-- By which recipe a batch is hashed: ledger/core/chain.ts. On the last row of each batch, next to
-- its chain value. NULL: recipe 1, lines of text. 2: the canonical bytes of the rows.
--
-- Only the catalogue changes, whatever the size of the book. A batch that was hashed before is
-- verified as it always was, and a leader of the release before may go on writing such batches.
ALTER TABLE journal ADD COLUMN chain_recipe int2;

-- What a batch calls that finds the head moved: nothing of it may be written then, whatever of it
-- is on its way to the database already (ledger/store/append.ts).
CREATE FUNCTION refuse_moved_head() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the head has moved: another leader owns the book' USING ERRCODE = 'MH001';
END $$;
