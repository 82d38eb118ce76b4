-- The totals of an account never fall: the largest are the newest. So a pass over the
-- journal for each side has them for all accounts, where a look-up of each account opened every partition for it.
CREATE OR REPLACE VIEW trial_balance AS
  SELECT a.asset, count(*) AS accounts,
         sum(COALESCE(t.debits, 0)) AS debits, sum(COALESCE(t.credits, 0)) AS credits,
         sum(COALESCE(t.credits, 0)) - sum(COALESCE(t.debits, 0)) AS difference
    FROM account a
    LEFT JOIN (
      SELECT account, max(debits) AS debits, max(credits) AS credits
        FROM (SELECT debit_account AS account, debit_debits AS debits, debit_credits AS credits
                FROM journal WHERE debit_version IS NOT NULL
              UNION ALL
              SELECT credit_account, credit_debits, credit_credits
                FROM journal WHERE credit_version IS NOT NULL) side
       GROUP BY account
    ) t ON t.account = a.id
   GROUP BY a.asset;
