-- Money: what Chorus Pro holds and nobody has paid yet, by the legal clock of payment; what was paid; what late payment costs the recipient.
--
-- The law is the Code de la commande publique. The delay is 30 days (R2192-10; 50 for public health establishments, R2192-11), from the day on which the recipient
-- was told that the invoice is at its disposal on the portal (R2192-15): the status MISE_A_DISPOSITION. SUSPENDUE interrupts it, once (R2192-27); when the invoice is
-- complete, a new delay opens: 30 days, or what was left when that is more (R2192-29). Interest runs from the day after its end to the day of payment, both included
-- (R2192-32), at the rate of the European Central Bank's main refinancing operations on the first day of the half-year in which it begins to run, and 8 points (R2192-31).
-- Each late payment costs 40 EUR beside (D2192-35).

-- +goose Up

-- The rates, in percent, on the first day of each half-year. The owner adds the next one; until then the last one counts.
CREATE TABLE chorus.ecb_rates (
    semester date PRIMARY KEY CHECK (extract(day FROM semester) = 1 AND extract(month FROM semester) IN (1, 7)),
    rate     numeric NOT NULL CHECK (rate BETWEEN -5 AND 50)
);
INSERT INTO chorus.ecb_rates (semester, rate) VALUES
    ('2019-01-01', 0.00), ('2019-07-01', 0.00), ('2020-01-01', 0.00), ('2020-07-01', 0.00), ('2021-01-01', 0.00), ('2021-07-01', 0.00),
    ('2022-01-01', 0.00), ('2022-07-01', 0.00), ('2023-01-01', 2.50), ('2023-07-01', 4.00), ('2024-01-01', 4.50), ('2024-07-01', 4.25),
    ('2025-01-01', 3.15), ('2025-07-01', 2.15), ('2026-01-01', 2.15);

-- Recipients whose delay is not 30 days, by SIREN. The owner writes here, and the view reads it for everybody.
CREATE TABLE chorus.payment_delays (
    siren text PRIMARY KEY CHECK (siren ~ '^[0-9]{9}$'),
    days  integer NOT NULL CHECK (days BETWEEN 1 AND 365)
);

-- The clock of an invoice: three days of the portal's, kept beside its status.
-- A new routing (A_RECYCLER) brings it to another recipient, who is told anew. A status that only an invoice has that the recipient was told of starts the clock
-- at the latest; MISE_A_DISPOSITION in the portal's own history corrects that (chorus.earlier_statuts). A day that nobody can mean, more than a year before the
-- invoice was inserted or yet to come, counts as today.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_clock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now   CONSTANT timestamptz := clock_timestamp();
    today CONSTANT date := (CASE WHEN NEW.statut_courant_date BETWEEN NEW.created_at - interval '1 year' AND now + interval '1 day' THEN NEW.statut_courant_date ELSE now END
                            AT TIME ZONE 'Europe/Paris')::date;
BEGIN
    IF NEW.statut_courant = 'A_RECYCLER' THEN
        NEW.available_on := NULL;
        NEW.suspended_on := NULL;
        NEW.completed_on := NULL;
    ELSIF NEW.available_on IS NULL AND (NEW.statut_courant IN ('SUSPENDUE', 'COMPLETEE')
        OR EXISTS (SELECT FROM chorus.statuts s WHERE s.code = NEW.statut_courant AND s.stage BETWEEN 4 AND 9)) THEN
        NEW.available_on := today;
    END IF;
    IF NEW.statut_courant = 'SUSPENDUE' THEN
        NEW.suspended_on := coalesce(NEW.suspended_on, today);
    ELSIF OLD.statut_courant = 'SUSPENDUE' AND NEW.suspended_on IS NOT NULL THEN
        NEW.completed_on := coalesce(NEW.completed_on, today);
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_clock BEFORE UPDATE OF statut_courant ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant IS DISTINCT FROM OLD.statut_courant) EXECUTE FUNCTION chorus.invoices_clock();

-- What the sums of what was settled need, so that they are read from the index alone. Those of what is open are kept (00019_tallies.sql).
CREATE INDEX invoices_money_settled ON chorus.invoices (((statut_courant_date AT TIME ZONE 'Europe/Paris')::date))
    INCLUDE (account, destinataire_siret, devise, montant_ttc, type_facture, statut_courant, statut_courant_date, reason_code, available_on, suspended_on, completed_on)
    WHERE state = 'settled';

-- Interest on an amount that is paid so many days late, at a rate in percent a year, of 365 days, rounded to the cent.
-- +goose StatementBegin
CREATE FUNCTION chorus.late_interest(p_amount numeric, p_days integer, p_rate numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(p_amount * p_days * p_rate / 36500, 2)
$$;
-- +goose StatementEnd

-- An invoice that Chorus Pro holds, or that is settled, a line. Amounts are with VAT, in devise; a credit note's is below zero.
--
-- settled: open; paid (MISE_EN_PAIEMENT); quiet (nothing more was reported for the quiet period: it may have been paid); given_up (ABANDONNEE); deleted (SUPPRIMEE);
-- other (replaced or duplicated at the portal). stage is of the clock, of what is open: not_started; stopped (SUSPENDUE); in_time, with more than 15 days left; due_soon,
-- with 15 at most; late_30 (up to 30 days late), late_60, late_90, late_more. Whoever asks for what is open alone says "WHERE open", which leaves the rest unread.
--
-- One line that cannot be reckoned with hides no other: days before 2000 or to come, and amounts beyond a million of millions, are left out of it. settled_on stays as it is, for its index.
-- OFFSET 0 has what follows from a line reckoned once.
CREATE VIEW chorus.money WITH (security_barrier = true) AS
SELECT m.invoice, m.numero_facture, m.date_facture, m.account, m.fournisseur_siret, m.destinataire_siret, m.destinataire_nom, m.amount, m.devise, m.open, m.settled,
       m.statut_courant, m.settled_on, m.available_on, m.suspended_on, m.completed_on, m.due_on,
       CASE
           WHEN NOT m.open THEN NULL
           WHEN m.days > 90 THEN 'late_more'
           WHEN m.days > 60 THEN 'late_90'
           WHEN m.days > 30 THEN 'late_60'
           WHEN m.days > 0 THEN 'late_30'
           WHEN m.days >= -15 THEN 'due_soon'
           WHEN m.days IS NOT NULL THEN 'in_time'
           WHEN m.available_on IS NULL THEN 'not_started'
           ELSE 'stopped'
       END AS stage,
       CASE WHEN m.days > 0 THEN m.days ELSE 0 END AS days_late,
       CASE WHEN m.days > 0 THEN m.rates[greatest(1, width_bucket(m.due_on + 1, m.semesters))] + 8 END AS rate,
       CASE WHEN m.days > 0 AND m.amount > 0 THEN chorus.late_interest(m.amount, m.days, m.rates[greatest(1, width_bucket(m.due_on + 1, m.semesters))] + 8) END AS interest,
       CASE WHEN m.days > 0 AND m.amount > 0 THEN 40 END AS indemnity
FROM (
    SELECT i.invoice, i.numero_facture, CASE WHEN i.date_facture BETWEEN '0001-01-01' AND '9999-12-31' THEN i.date_facture END AS date_facture, i.account, i.fournisseur_siret, i.destinataire_siret, i.destinataire_nom, i.devise, i.open, i.settled, i.statut_courant, i.settled_on,
           f.available_on, f.suspended_on, f.completed_on, f.amount, x.due_on, i.until - x.due_on AS days,
           (SELECT array_agg(semester ORDER BY semester) FROM chorus.ecb_rates) AS semesters,
           (SELECT array_agg(rate ORDER BY semester) FROM chorus.ecb_rates) AS rates
    FROM (
        SELECT id AS invoice, numero_facture, date_facture, account, fournisseur_siret, destinataire_siret, destinataire_nom, montant_ttc, type_facture, devise, statut_courant,
               available_on, suspended_on, completed_on, true AS open, 'open' AS settled, NULL::date AS settled_on,
               (SELECT (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date) AS until
        FROM chorus.invoices
        WHERE state IN ('deposited', 'integrated') AND account = ANY ((SELECT chorus.my_accounts())::text[])
        UNION ALL
        SELECT id, numero_facture, date_facture, account, fournisseur_siret, destinataire_siret, destinataire_nom, montant_ttc, type_facture, devise, statut_courant,
               available_on, suspended_on, completed_on, false,
               CASE
                   WHEN reason_code = 'QUIET' THEN 'quiet'
                   WHEN statut_courant = 'MISE_EN_PAIEMENT' THEN 'paid'
                   WHEN statut_courant = 'ABANDONNEE' THEN 'given_up'
                   WHEN statut_courant = 'SUPPRIMEE' THEN 'deleted'
                   ELSE 'other'
               END,
               (statut_courant_date AT TIME ZONE 'Europe/Paris')::date,
               -- When a quiet one was paid, nobody said.
               CASE WHEN reason_code IS DISTINCT FROM 'QUIET' AND statut_courant = 'MISE_EN_PAIEMENT'
                         AND statut_courant_date BETWEEN '2000-01-01' AND (SELECT clock_timestamp() + interval '1 day')
                    THEN (statut_courant_date AT TIME ZONE 'Europe/Paris')::date END
        FROM chorus.invoices
        WHERE state = 'settled' AND account = ANY ((SELECT chorus.my_accounts())::text[])
    ) i
    LEFT JOIN chorus.payment_delays d ON d.siren = left(i.destinataire_siret, 9)
    CROSS JOIN (SELECT date '2000-01-01' AS first, (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date + 1 AS last OFFSET 0) b
    CROSS JOIN LATERAL (
        SELECT CASE WHEN i.available_on BETWEEN b.first AND b.last THEN i.available_on END AS available_on,
               CASE WHEN i.suspended_on BETWEEN b.first AND b.last THEN i.suspended_on END AS suspended_on,
               CASE WHEN i.completed_on BETWEEN b.first AND b.last THEN i.completed_on END AS completed_on,
               chorus.signed(i.type_facture, i.montant_ttc) AS amount
        OFFSET 0
    ) f
    CROSS JOIN LATERAL (
        SELECT CASE -- the last day on which a payment is in time
                   WHEN f.suspended_on IS NULL THEN f.available_on + coalesce(d.days, 30)
                   ELSE f.completed_on + greatest(30, coalesce(d.days, 30) - (f.suspended_on - f.available_on))
               END AS due_on
        OFFSET 0
    ) x
) m;

REVOKE ALL ON FUNCTION chorus.invoices_clock(), chorus.late_interest(numeric, integer, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.late_interest(numeric, integer, numeric) TO chorus_operator, chorus_reader, chorus_worker;
GRANT SELECT ON chorus.money, chorus.ecb_rates TO chorus_operator, chorus_reader, chorus_worker;
