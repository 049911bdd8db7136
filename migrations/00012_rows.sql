-- Rows: which of them each login sees. An application has the rows of its accounts (chorus.my_accounts); so has an operator or a reader who is mapped to
-- accounts, and who is mapped to none has all. A worker has all, and its policies say no more than that, so that its statements pay nothing for them.
-- Tables that are not here belong to no account: words (states, statuts), and what the fleet shares (budgets, heartbeats), which applications cannot read.

-- +goose Up

-- The array is made once for each statement, and an index on the account can use it.
ALTER TABLE chorus.invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.invoices TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.invoices TO chorus_app, chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

-- What happened to an invoice, by the invoice; to an account, by the account. What happened to the whole database (an outage counts everybody's invoices)
-- is for those who see all, and for applications as long as there is nothing to keep apart. A scalar subquery, because EXISTS would read all invoices.
ALTER TABLE chorus.archived_invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.archived_invoices TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.archived_invoices TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = archived_invoices.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));
ALTER TABLE chorus.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.events TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.events TO chorus_app, chorus_operator, chorus_reader USING ((SELECT chorus.sees_all()) OR CASE
    WHEN invoice_id IS NOT NULL THEN (SELECT i.account FROM chorus.invoices i WHERE i.id = events.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[])
    WHEN detail ? 'account' THEN detail ->> 'account' = ANY ((SELECT chorus.my_accounts())::text[])
    ELSE (SELECT chorus.nobody_mapped())
END);

ALTER TABLE chorus.attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.attempts TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.attempts TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = attempts.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.invoice_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.invoice_findings TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.invoice_findings TO chorus_app, chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = invoice_findings.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.remedies ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.remedies TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.remedies TO chorus_app, chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = remedies.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.attachments ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.attachments TO chorus_worker USING (true);
CREATE POLICY added ON chorus.attachments FOR INSERT TO chorus_app, chorus_operator WITH CHECK (true); -- chorus.attachments_before_insert looks at the invoice, which may be of the same statement
CREATE POLICY mine ON chorus.attachments FOR SELECT TO chorus_app, chorus_operator, chorus_reader USING ((SELECT i.account FROM chorus.invoices i WHERE i.id = attachments.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.remedy_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.remedy_files TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.remedy_files TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR EXISTS (SELECT FROM chorus.remedies r WHERE r.id = remedy_files.remedy_id));

ALTER TABLE chorus.recipients ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.recipients TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.recipients TO chorus_app, chorus_operator, chorus_reader USING ((SELECT chorus.sees_all()) OR chorus.sees_recipient(siret));

ALTER TABLE chorus.recipient_services ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.recipient_services TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.recipient_services TO chorus_app, chorus_operator, chorus_reader USING ((SELECT chorus.sees_all()) OR chorus.sees_recipient(siret));

ALTER TABLE chorus.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.accounts TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.accounts TO chorus_operator, chorus_reader USING (name = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.logins ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.logins TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.structures ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.structures TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.structures TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.feed_lateness ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.feed_lateness TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.feed_lateness TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.strangers ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.strangers TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.strangers TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.reconciliations ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.reconciliations TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.reconciliations TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

ALTER TABLE chorus.findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.findings TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.findings TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

-- An endpoint that is told of every account belongs to those who see all.
ALTER TABLE chorus.webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.webhooks TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.webhooks TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR account = ANY ((SELECT chorus.my_accounts())::text[]));

-- What is between an account and the portal is of whoever has the account: its breakers, and the secrets and tokens of its PISTE application.
ALTER TABLE chorus.breakers ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.breakers TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.breakers TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all()) OR key = ANY ((SELECT chorus.my_way())::text[]));

ALTER TABLE chorus.secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.secrets TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.secrets TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all()) OR 'application/' || key = ANY ((SELECT chorus.my_way())::text[]));

ALTER TABLE chorus.tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.tokens TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.tokens TO chorus_operator USING ((SELECT chorus.sees_all()) OR 'application/' || key = ANY ((SELECT chorus.my_way())::text[]));

ALTER TABLE chorus.configured ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.configured TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.configured TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR kind = 'account' AND key = ANY ((SELECT chorus.my_accounts())::text[])
    OR kind = 'breaker' AND key = ANY ((SELECT chorus.my_way())::text[]));
