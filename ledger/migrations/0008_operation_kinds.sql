-- What an operator may do is one table in the code of the operator. A kind of its own for each book
-- to know would make every new one a migration.
ALTER TABLE operation DROP CONSTRAINT operation_kind_check;
