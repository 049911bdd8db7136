-- Reconciliation: whether the portal and this database say the same of what was deposited in a period, and what was found to differ. Strangers: what the
-- portal holds and no row stands for.

-- +goose Up

-- What a feed shows and no row of ours stands for: typed in at the portal, sent by another system, or lost here. A row of ours that turns out to be
-- it takes its place.
CREATE TABLE chorus.strangers (
    account                 text NOT NULL,
    id_structure_cpp        bigint NOT NULL,
    identifiant_facture_cpp bigint NOT NULL,
    numero_facture          text,
    fournisseur_siret       text,
    date_facture            date,
    destinataire_siret      text,
    montant_ttc             numeric,
    devise                  text,
    numero_flux_depot       text,
    date_depot              timestamptz,
    mode_depot              text,
    statut                  text,
    statut_date             timestamptz,
    double_of               bigint REFERENCES chorus.invoices, -- the row that was parked because the portal holds both
    first_seen_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, identifiant_facture_cpp)
);
CREATE INDEX strangers_identifiant ON chorus.strangers (identifiant_facture_cpp);
CREATE INDEX strangers_numero ON chorus.strangers (chorus.bare_number(numero_facture));
CREATE INDEX strangers_changed ON chorus.strangers (account, id_structure_cpp, statut_date);

-- One run: a supplier structure, and the days of deposit (in Paris) that are compared.
CREATE TABLE chorus.reconciliations (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account          text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    siret            text NOT NULL,
    period           daterange NOT NULL CHECK (NOT isempty(period) AND lower(period) IS NOT NULL AND upper(period) IS NOT NULL),
    requested_by     text NOT NULL,
    requested_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    state            text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'running', 'done', 'incomplete', 'failed')),
    reason           text,
    started_at       timestamptz,
    finished_at      timestamptz,
    -- What came of it.
    portal_count     integer,
    portal_sums      jsonb, -- by currency
    here_count       integer,
    here_sums        jsonb,
    found            integer, -- findings that are open, or accepted, and were found by this run
    opened           integer, -- of these, new ones
    closed           integer, -- findings that this run did not find any more
    calls            integer NOT NULL DEFAULT 0,
    -- How far it has come, and which job has it, as for an invoice.
    page             integer NOT NULL DEFAULT 0,
    pages            integer NOT NULL DEFAULT -1, -- as page 1 said; -1 = not said
    total            integer NOT NULL DEFAULT -1,
    doubt            text,        -- why the pages do not add up
    listed           boolean NOT NULL DEFAULT false, -- the last page has been read
    read_at          timestamptz, -- and it is known what has to be looked at again
    tries            integer NOT NULL DEFAULT 0,
    due_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    claim            bigint,
    claimed_until    timestamptz,
    FOREIGN KEY (account, id_structure_cpp) REFERENCES chorus.structures
);
-- One run at a time of the same structure and period: asked for twice, it is done once.
CREATE UNIQUE INDEX reconciliations_open ON chorus.reconciliations (account, id_structure_cpp, period) WHERE state IN ('requested', 'running');
CREATE INDEX reconciliations_due ON chorus.reconciliations (due_at) WHERE state IN ('requested', 'running');

-- What a run under way has been shown, and what of it has to be looked at again before anything is concluded. Both are empty when no run is under way.
CREATE TABLE chorus.reconciled (
    reconciliation_id       bigint NOT NULL REFERENCES chorus.reconciliations,
    identifiant_facture_cpp bigint NOT NULL,
    invoice_id              bigint, -- the row that it belongs to
    key                     text,   -- year, SIREN and number
    montant_ttc             numeric,
    devise                  text,
    PRIMARY KEY (reconciliation_id, identifiant_facture_cpp)
);
CREATE INDEX reconciled_invoice ON chorus.reconciled (reconciliation_id, invoice_id);

CREATE TABLE chorus.suspects (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reconciliation_id bigint NOT NULL REFERENCES chorus.reconciliations,
    subject           text NOT NULL,
    invoice_id        bigint,
    portal            jsonb, -- as the listing showed it; null when it did not
    tries             integer NOT NULL DEFAULT 0,
    UNIQUE (reconciliation_id, subject)
);

CREATE TABLE chorus.findings (
    id                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reconciliation_id       bigint NOT NULL REFERENCES chorus.reconciliations, -- that found it first
    last_reconciliation_id  bigint NOT NULL REFERENCES chorus.reconciliations, -- that found it last, or closed it
    account                 text NOT NULL,
    id_structure_cpp        bigint NOT NULL,
    deposit_day             date NOT NULL,
    code                    text NOT NULL REFERENCES chorus.finding_codes,
    subject                 text NOT NULL, -- what it is about: a row of ours, or else an invoice of the portal's
    invoice_id              bigint,
    identifiant_facture_cpp bigint,
    numero_facture          text,
    here                    jsonb,
    portal                  jsonb,
    text                    text NOT NULL,
    state                   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'closed')),
    first_found_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_found_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at             timestamptz,
    resolved_by             text,
    resolution              text
);
-- What is found again is the same finding, as long as it was not closed in between.
CREATE UNIQUE INDEX findings_subject ON chorus.findings (account, code, subject) WHERE state <> 'closed';
CREATE INDEX findings_last ON chorus.findings (last_reconciliation_id);
CREATE INDEX findings_open ON chorus.findings (account, id_structure_cpp, deposit_day) WHERE state <> 'closed';
CREATE INDEX findings_invoice ON chorus.findings (invoice_id);

-- A finding without its event cannot exist, nor can one that is closed without one.
-- +goose StatementBegin
CREATE FUNCTION chorus.findings_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    what text := CASE WHEN TG_OP = 'INSERT' THEN 'FINDING'
                      WHEN NEW.state = OLD.state THEN NULL
                      WHEN NEW.state = 'open' AND NEW.last_reconciliation_id = OLD.last_reconciliation_id THEN 'FINDING_REOPENED' -- by a person
                      WHEN NEW.state = 'open' THEN 'FINDING' -- it was accepted, and has become another
                      WHEN NEW.state = 'closed' THEN 'FINDING_CLOSED'
                      WHEN NEW.state = 'accepted' THEN 'FINDING_ACCEPTED' END;
    row_state text := (SELECT state FROM chorus.invoices WHERE id = NEW.invoice_id);
BEGIN
    IF what IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
        VALUES (NEW.invoice_id, chorus.actor(), row_state, row_state, what, jsonb_strip_nulls(jsonb_build_object(
            'finding', NEW.id,
            'code', NEW.code,
            'text', NEW.text,
            'account', NEW.account,
            'numero_facture', NEW.numero_facture,
            'identifiant_facture_cpp', NEW.identifiant_facture_cpp,
            'resolution', NEW.resolution)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER findings_history AFTER INSERT OR UPDATE ON chorus.findings FOR EACH ROW EXECUTE FUNCTION chorus.findings_history();
CREATE TRIGGER findings_refuse BEFORE DELETE ON chorus.findings FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER findings_refuse_truncate BEFORE TRUNCATE ON chorus.findings FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- Asks for the reconciliation of all structures that match (null: every account; every supplier structure that has rows; the last seven days), a week a run.
-- Returns the runs' numbers; one that is waiting or under way already is not asked for again.
-- +goose StatementBegin
CREATE FUNCTION chorus.reconcile(p_account text, p_siret text, p_from date, p_to date) RETURNS SETOF bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_day  date := coalesce(p_to, (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date);
    first_day date := coalesce(p_from, last_day - 6);
    s         chorus.structures%ROWTYPE;
    day       date;
    days      daterange;
    run       bigint;
BEGIN
    IF last_day < first_day OR last_day - first_day >= 366 THEN
        RAISE EXCEPTION 'the period from % to % is empty or longer than a year', first_day, last_day USING ERRCODE = 'CH040';
    END IF;
    IF NOT EXISTS (SELECT FROM chorus.structures x WHERE (p_account IS NULL OR x.account = p_account) AND (p_siret IS NULL OR x.identifiant = p_siret) AND chorus.sees(x.account)) THEN
        RAISE EXCEPTION 'no account sees such a supplier structure: check the account and the SIRET' USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'RECONCILE_ASKED', jsonb_strip_nulls(jsonb_build_object('account', p_account, 'siret', p_siret, 'since', first_day, 'until', last_day)));
    FOR s IN
        SELECT *
        FROM chorus.structures x
        WHERE (p_account IS NULL OR x.account = p_account)
          AND (p_siret IS NULL OR x.identifiant = p_siret)
          AND chorus.sees(x.account)
          AND (p_siret IS NOT NULL
               OR EXISTS (SELECT FROM chorus.invoices i WHERE i.account = x.account AND i.fournisseur_siret = x.identifiant AND i.deposited_at IS NOT NULL))
        ORDER BY x.account, x.identifiant
    LOOP
        day := first_day;
        WHILE day <= last_day LOOP
            days := daterange(day, least(day + 7, last_day + 1));
            INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by)
            VALUES (s.account, s.id_structure_cpp, s.identifiant, days, chorus.actor())
            ON CONFLICT DO NOTHING
            RETURNING id INTO run;
            IF run IS NULL THEN
                SELECT r.id INTO run
                FROM chorus.reconciliations r
                WHERE r.account = s.account AND r.id_structure_cpp = s.id_structure_cpp AND r.period = days AND r.state IN ('requested', 'running');
            END IF;
            IF run IS NOT NULL THEN
                RETURN NEXT run;
            END IF;
            run := NULL;
            day := day + 7;
        END LOOP;
    END LOOP;
END $$;
-- +goose StatementEnd

-- Accepts a finding as it is (a deposit by hand that is right, say): it stays known, and is not reported as open any more, as long as it says the
-- same. It is closed, as any other, when both sides agree.
-- +goose StatementBegin
CREATE FUNCTION chorus.accept_finding(p_id bigint, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f chorus.findings%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'accepting a finding needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO f FROM chorus.findings WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no finding %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF f.state <> 'open' THEN
        RAISE EXCEPTION 'finding % is % already', p_id, f.state USING ERRCODE = 'CH041';
    END IF;
    UPDATE chorus.findings SET state = 'accepted', resolved_at = clock_timestamp(), resolved_by = chorus.actor(), resolution = p_reason WHERE id = p_id;
END $$;
-- +goose StatementEnd

-- What was accepted by mistake is open again.
-- +goose StatementBegin
CREATE FUNCTION chorus.reopen_finding(p_id bigint, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f chorus.findings%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'reopening a finding needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO f FROM chorus.findings WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no finding %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF f.state <> 'accepted' THEN
        RAISE EXCEPTION 'finding % is %: only an accepted one is opened again', p_id, f.state USING ERRCODE = 'CH041';
    END IF;
    UPDATE chorus.findings SET state = 'open', resolved_at = NULL, resolved_by = NULL, resolution = p_reason WHERE id = p_id;
END $$;
-- +goose StatementEnd
