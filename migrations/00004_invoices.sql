-- Invoices: what applications insert, what the worker knows, and the rules that hold whoever writes.

-- +goose Up

CREATE TABLE chorus.invoices (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,

    -- What the application writes; never changed afterwards.
    external_ref        text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text CHECK (external_ref <> '' AND length(external_ref) <= 200),
    account             text NOT NULL DEFAULT 'default',
    document            bytea,
    syntaxe_flux        text,
    fields              jsonb, -- what a document says that is a PDF without XML
    not_before          timestamptz,
    priority            smallint NOT NULL DEFAULT 0,
    metadata            jsonb,
    replaces            bigint REFERENCES chorus.invoices, -- a new invoice, under a new number, for one that its recipient refused
    cancel_requested_at timestamptz,

    -- What the worker writes.
    state               text NOT NULL DEFAULT 'received' REFERENCES chorus.states,
    reason_code         text,
    reason              text,
    document_sha256     bytea NOT NULL,
    document_bytes      integer NOT NULL,
    syntaxe             text,
    numero_facture      text COLLATE "C", -- these are compared by their bytes, so that an index finds what begins with a text
    date_facture        date,
    type_facture        text,
    fournisseur_siret   text COLLATE "C",
    fournisseur_nom     text,
    destinataire_siret  text COLLATE "C",
    destinataire_nom    text,
    montant_ht          numeric,
    montant_tva         numeric,
    montant_ttc         numeric,
    montant_a_payer     numeric,
    devise              text,
    cadre_facturation   text,
    code_service        text,
    numero_engagement   text,
    findings            integer NOT NULL DEFAULT 0, -- what the rules found: chorus.invoice_findings
    attempt_no          integer NOT NULL DEFAULT 0,
    resubmits           integer NOT NULL DEFAULT 0,
    refusals            integer NOT NULL DEFAULT 0,
    panics              integer NOT NULL DEFAULT 0,
    deaths              integer NOT NULL DEFAULT 0, -- jobs that took the row over while it was received, and neither ended nor gave it back
    lookup_first        boolean NOT NULL DEFAULT false, -- it may have been sent in a history that the database has forgotten
    numero_flux_depot   text COLLATE "C",
    date_depot          timestamptz,
    etat_flux           text,
    etat_flux_date      timestamptz,
    identifiant_facture_cpp bigint,
    mode_depot          text,
    statut_courant      text,
    statut_courant_date timestamptz,
    statut_commentaire  text,
    -- The legal clock of payment (00016_money.sql), in days of Paris: when the recipient was told of the invoice; when it first suspended it; when it went on.
    available_on        date,
    suspended_on        date,
    completed_on        date,
    deposited_at        timestamptz,
    visible_at          timestamptz,
    in_doubt_since      timestamptz,

    -- When the next step is due (null = none), and which job has it: a job that finds another claim than its own number goes away. Until the job has
    -- taken the row over, claimed_until is infinity.
    due_at              timestamptz,
    reason_due_at       timestamptz, -- when the history at the portal is due to be read for the reason of the status (null = no need)
    looks               integer NOT NULL DEFAULT 0,
    claim               bigint,
    claimed_until       timestamptz,

    -- When the document was deleted (00020_retention.sql). Its hash and size stay.
    purged_at           timestamptz,

    version             bigint NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT invoices_external_ref_key UNIQUE (account, external_ref)
) WITH (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    toast_tuple_target = 1024 -- a row changes five times on its way: a document of some size stands beside it, and is not copied each time
);
-- The portal's numbers, each of one row. Partial, as every index here that most rows would only fill with nulls, once for each of their versions.
CREATE UNIQUE INDEX invoices_numero_flux_depot_key ON chorus.invoices (numero_flux_depot) WHERE numero_flux_depot IS NOT NULL;
CREATE UNIQUE INDEX invoices_identifiant_facture_cpp_key ON chorus.invoices (identifiant_facture_cpp) WHERE identifiant_facture_cpp IS NOT NULL;

-- Chorus Pro's own uniqueness (docs/chorus-pro.md §10): year of issue, supplier SIREN, number. Rows that hold no claim on the number are left out.
CREATE UNIQUE INDEX invoices_business_key ON chorus.invoices (left(fournisseur_siret, 9), numero_facture, (extract(year FROM date_facture)))
    WHERE numero_facture IS NOT NULL AND state NOT IN ('received', 'invalid', 'rejected', 'cancelled', 'abandoned');
-- One at a time: a replacement that Chorus Pro never took makes room for another.
CREATE UNIQUE INDEX invoices_replaces_key ON chorus.invoices (replaces)
    WHERE replaces IS NOT NULL AND state NOT IN ('invalid', 'cancelled') AND NOT (state = 'rejected' AND identifiant_facture_cpp IS NULL);

-- What the rules say of a document (docs/rules.md), errors first, written when it is read. The first hundred are kept; invoices.findings counts all.
CREATE TABLE chorus.invoice_findings (
    invoice_id bigint NOT NULL REFERENCES chorus.invoices,
    n          smallint NOT NULL CHECK (n BETWEEN 1 AND 100),
    code       text NOT NULL CHECK (length(code) <= 60),
    severity   text NOT NULL CHECK (severity IN ('error', 'warning')),
    term       text CHECK (length(term) <= 60),
    value      text CHECK (length(value) <= 200),
    "where"    text CHECK (length("where") <= 500),
    message    text NOT NULL CHECK (length(message) <= 1000),
    message_fr text NOT NULL CHECK (length(message_fr) <= 1000),
    remedy     text CHECK (length(remedy) <= 1000),
    remedy_fr  text CHECK (length(remedy_fr) <= 1000),
    PRIMARY KEY (invoice_id, n)
);

-- One small index per kind of claim: each holds only the rows that wait for it.
CREATE INDEX invoices_received ON chorus.invoices (account, priority DESC, id) WHERE state = 'received';
CREATE INDEX invoices_ready ON chorus.invoices (account, priority DESC, id) WHERE state = 'ready';
CREATE INDEX invoices_cancel ON chorus.invoices (id) WHERE state = 'ready' AND cancel_requested_at IS NOT NULL;
CREATE INDEX invoices_in_doubt ON chorus.invoices (account, due_at) WHERE state = 'in_doubt';
CREATE INDEX invoices_deposited ON chorus.invoices (account, due_at) WHERE state = 'deposited';
-- By id first, so that it serves as well as the primary key wherever a claim is asked for with its row. Without claimed_until: taking a row over tells no index.
CREATE INDEX invoices_claimed ON chorus.invoices (id, state) WHERE claim IS NOT NULL;
CREATE INDEX invoices_reason ON chorus.invoices (account, reason_due_at) WHERE reason_due_at IS NOT NULL;

CREATE INDEX invoices_open ON chorus.invoices (statut_courant_date) WHERE state = 'integrated';
CREATE INDEX invoices_updated ON chorus.invoices (updated_at, id);
CREATE INDEX invoices_numero ON chorus.invoices (numero_facture, id); -- all of them: a list by number ends with those that have none
-- A number without what its writing adds: small letters, blanks, zeros at its head. Nobody knows what the portal makes of them, and numbers that differ in nothing else
-- may be one (docs/protocol.md §3.4). store.BareNumber is the same in Go. Its functions are named in full: it is written into the statements that use it.
-- +goose StatementBegin
CREATE FUNCTION chorus.bare_number(p_number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.ltrim(pg_catalog.translate(p_number,
        E'abcdefghijklmnopqrstuvwxyz \t\n\x0B\f\r\u0085\u00A0\u2002\u2003\u2007\u2009\u202F\u3000', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), '0')
$$;
-- +goose StatementEnd
-- Most numbers are bare, and are found by invoices_numero.
CREATE INDEX invoices_bare_number ON chorus.invoices (chorus.bare_number(numero_facture)) WHERE numero_facture <> chorus.bare_number(numero_facture);
CREATE INDEX invoices_state ON chorus.invoices (state, id);
-- What people look for among what is settled, which is nearly all after some years (operate/list.go): written once in the life of an invoice. The rest is few, and is filtered.
CREATE INDEX invoices_settled_recipient ON chorus.invoices (destinataire_siret, id) WHERE state = 'settled';
CREATE INDEX invoices_settled_supplier ON chorus.invoices (fournisseur_siret, id) WHERE state = 'settled';
CREATE INDEX invoices_settled_amount ON chorus.invoices (montant_ttc, id) WHERE state = 'settled';
-- What is open may be as many as a tenth; of its columns, the amount is the one that people put it in order by.
CREATE INDEX invoices_open_amount ON chorus.invoices (montant_ttc, id) WHERE state = 'integrated';
CREATE INDEX invoices_settled_statut ON chorus.invoices (statut_courant, id) WHERE state = 'settled';
CREATE INDEX invoices_created ON chorus.invoices USING brin (created_at) WITH (pages_per_range = 32);
-- Days follow the order in which rows are inserted, nearly: a few bytes for many of them tell where a month is.
CREATE INDEX invoices_days ON chorus.invoices
    USING brin (date_facture, ((date_depot AT TIME ZONE 'Europe/Paris')::date), statut_courant_date) WITH (pages_per_range = 32);
CREATE INDEX invoices_reason_code ON chorus.invoices (reason_code, id) WHERE reason_code IS NOT NULL;
CREATE INDEX invoices_replaced ON chorus.invoices (replaces, id) WHERE replaces IS NOT NULL;
CREATE INDEX invoices_recipient ON chorus.invoices (destinataire_siret) WHERE state = 'integrated';
-- For counting changes; state says whether anything is open.
CREATE INDEX invoices_changed ON chorus.invoices (fournisseur_siret, statut_courant_date) INCLUDE (state) WHERE identifiant_facture_cpp IS NOT NULL;
CREATE INDEX invoices_deposited_at ON chorus.invoices (account, deposited_at) WHERE deposited_at IS NOT NULL;
-- The rows that a supplier's deposits of a day should show at the portal: the portal's day where it said one, else ours, in Paris.
CREATE INDEX invoices_deposit_day ON chorus.invoices (account, fournisseur_siret, ((coalesce(date_depot, deposited_at) AT TIME ZONE 'Europe/Paris')::date))
    WHERE deposited_at IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Before a row is written

-- Small enough for every program that reads it: 64 KiB as text, 32 levels, no number beyond a double. The order is that of cost: a value that is large is not
-- written out, one that is deep is not descended.
-- +goose StatementBegin
CREATE FUNCTION chorus.legible(j jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN j IS NULL THEN true
        WHEN pg_column_size(j) > 65536 THEN false
        WHEN jsonb_path_exists(j, 'strict $.**{33}') THEN false
        WHEN jsonb_path_exists(j, 'strict $.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))') THEN false
        ELSE octet_length(j::text) <= 65536
    END
$$;
-- +goose StatementEnd

-- What a program is shown of a value: the value, or a mark in its place. Rows may be older than the rule, or a superuser's.
-- +goose StatementBegin
CREATE FUNCTION chorus.readable(j jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN chorus.legible(j) THEN j ELSE '{"unreadable": "too large or too deep"}' END
$$;
-- +goose StatementEnd

-- The largest document: 10 MB, what Chorus Pro takes as one file (docs/documents.md, "Sizes and attachments"). A test holds it to invoice.MaxBytes.
-- +goose StatementBegin
CREATE FUNCTION chorus.max_document_bytes() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 10485760 $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_before_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.document IS NULL OR octet_length(NEW.document) = 0 THEN
        RAISE EXCEPTION 'column "document" is empty: it must hold the invoice file (Factur-X PDF, CII or UBL)' USING ERRCODE = 'CH010', COLUMN = 'document';
    END IF;
    IF octet_length(NEW.document) > chorus.max_document_bytes() THEN
        RAISE EXCEPTION 'column "document" holds % bytes: at most % are sent, make its attachments smaller', octet_length(NEW.document), chorus.max_document_bytes()
            USING ERRCODE = 'CH011', COLUMN = 'document';
    END IF;
    IF NEW.syntaxe_flux IS NOT NULL AND NEW.syntaxe_flux NOT IN (
        'IN_DP_E1_UBL_INVOICE', 'IN_DP_E1_CII', 'IN_DP_E1_PES_FACTURE', 'IN_DP_E1_XCBL', 'IN_DP_E1_CII_16B', 'IN_DP_E2_UBL_INVOICE_MIN',
        'IN_DP_E2_CII_MIN', 'IN_DP_E2_CII_MIN_16B', 'IN_DP_E2_PES_FACTURE_MIN', 'IN_DP_E2_CPP_FACTURE_MIN', 'IN_DP_E2_CII_FACTURX',
        'IN_DP_PDFARCHIVE_UBL_INVOICE_MUG', 'IN_DP_PDFARCHIVE_CII_MUG') THEN
        RAISE EXCEPTION 'column "syntaxe_flux" holds a value that Chorus Pro does not know: leave it null to have it recognised'
            USING ERRCODE = 'CH012', COLUMN = 'syntaxe_flux';
    END IF;
    IF NEW.metadata IS NOT NULL AND NOT chorus.legible(NEW.metadata) THEN
        RAISE EXCEPTION 'column "metadata" holds more than 65536 bytes, more than 32 levels, or a number beyond a double: keep the rest in a table of your own'
            USING ERRCODE = 'CH015', COLUMN = 'metadata';
    END IF;
    IF NEW.fields IS NOT NULL AND (NOT chorus.legible(NEW.fields) OR jsonb_typeof(NEW.fields) <> 'object') THEN
        RAISE EXCEPTION 'column "fields" holds no object, more than 65536 bytes, more than 32 levels, or a number beyond a double: it describes a PDF without XML (docs/sql.md)'
            USING ERRCODE = 'CH017', COLUMN = 'fields';
    END IF;
    IF NOT isfinite(NEW.not_before) OR NEW.not_before > clock_timestamp() + interval '5 years' THEN
        RAISE EXCEPTION 'column "not_before" is infinite or more than five years ahead: leave it null to have the invoice sent at once'
            USING ERRCODE = 'CH016', COLUMN = 'not_before';
    END IF;
    -- The same words for both, so that nobody learns which accounts there are.
    IF NOT chorus.sees(NEW.account) OR NOT EXISTS (SELECT FROM chorus.accounts a WHERE a.name = NEW.account)
        OR EXISTS (SELECT FROM chorus.retention r WHERE r.account = NEW.account AND r.erase_after IS NOT NULL) THEN
        RAISE EXCEPTION 'column "account" names an account that no worker has been configured with, or that is not mapped to your login'
            USING ERRCODE = 'CH013', COLUMN = 'account';
    END IF;
    IF NEW.state <> 'received' OR NEW.attempt_no <> 0 OR NEW.numero_flux_depot IS NOT NULL OR NEW.identifiant_facture_cpp IS NOT NULL
        OR NEW.cancel_requested_at IS NOT NULL OR NEW.purged_at IS NOT NULL THEN
        RAISE EXCEPTION 'a new invoice starts in state received, never sent: leave the worker''s columns alone' USING ERRCODE = 'CH002', COLUMN = 'state';
    END IF;
    NEW.document_sha256 := sha256(NEW.document);
    NEW.document_bytes := octet_length(NEW.document);
    NEW.due_at := clock_timestamp();
    NEW.lookup_first := EXISTS (SELECT FROM chorus.installation WHERE suspect_until > clock_timestamp());
    NEW.claim := NULL;
    NEW.claimed_until := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_before_insert BEFORE INSERT ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_before_insert();

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    purge CONSTANT boolean := NEW.purged_at IS DISTINCT FROM OLD.purged_at; -- invoices_purge says whether it may be
    by_function text; -- the column that only the owner's functions change so
BEGIN
    IF NEW.id <> OLD.id OR NEW.external_ref <> OLD.external_ref OR NEW.account <> OLD.account
        OR NOT purge AND (NEW.fields IS DISTINCT FROM OLD.fields OR NEW.metadata IS DISTINCT FROM OLD.metadata)
        OR NEW.syntaxe_flux IS DISTINCT FROM OLD.syntaxe_flux OR NEW.not_before IS DISTINCT FROM OLD.not_before
        OR NEW.priority <> OLD.priority OR NEW.created_at <> OLD.created_at
        OR NEW.document_sha256 <> OLD.document_sha256 OR NEW.document_bytes <> OLD.document_bytes THEN
        RAISE EXCEPTION 'invoice %: what the application inserted cannot be changed; cancel it and insert a new one', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- A status that is still to come is the portal's mistake. Kept, it would hide every later one: the latest date counts.
    IF NEW.statut_courant_date IS DISTINCT FROM OLD.statut_courant_date AND NEW.statut_courant_date > clock_timestamp() + interval '1 day' THEN
        NEW.statut_courant_date := clock_timestamp();
    END IF;
    IF NEW.replaces IS DISTINCT FROM OLD.replaces THEN
        RAISE EXCEPTION 'invoice %: what it replaces cannot be changed', OLD.id USING ERRCODE = 'CH001', COLUMN = 'replaces';
    END IF;
    IF NEW.attempt_no < OLD.attempt_no THEN
        RAISE EXCEPTION 'invoice %: attempt_no never goes back', OLD.id USING ERRCODE = 'CH001', COLUMN = 'attempt_no';
    END IF;

    IF NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at THEN
        IF OLD.cancel_requested_at IS NOT NULL THEN
            RAISE EXCEPTION 'invoice %: cancellation has been asked for already', OLD.id USING ERRCODE = 'CH004', COLUMN = 'cancel_requested_at';
        END IF;
        IF OLD.state NOT IN ('received', 'ready', 'sending', 'in_doubt', 'cancelled') THEN
            RAISE EXCEPTION 'invoice % is % and cannot be cancelled any more', OLD.id, OLD.state
                USING ERRCODE = 'CH004', COLUMN = 'cancel_requested_at';
        END IF;
        NEW.cancel_requested_at := clock_timestamp();
        -- Not sent yet: cancelled at once. In the air: honoured only if it turns out that nothing left.
        IF NEW.state = OLD.state AND OLD.state IN ('received', 'ready') THEN
            NEW.state := 'cancelled';
        END IF;
    END IF;

    IF NEW.state <> OLD.state THEN
        IF NOT EXISTS (SELECT FROM chorus.transitions t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
            RAISE EXCEPTION 'invoice %: no way from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'CH002', COLUMN = 'state';
        END IF;
        -- A step that was claimed for the old state is over, but for the job that has read the document and goes on to send it: it says until when.
        IF (OLD.state = 'received' AND NEW.state = 'ready' AND NEW.claim = OLD.claim AND NEW.claimed_until > OLD.claimed_until) IS NOT TRUE THEN
            NEW.claim := NULL;
            NEW.claimed_until := NULL;
        END IF;
        NEW.looks := 0;
        IF NEW.state = 'in_doubt' THEN
            NEW.in_doubt_since := clock_timestamp();
        ELSE
            NEW.in_doubt_since := NULL;
        END IF;
        IF NEW.state IN ('invalid', 'rejected', 'settled', 'cancelled', 'abandoned', 'parked', 'integrated', 'sending') THEN
            NEW.due_at := NULL;
        END IF;
        IF NEW.state IN ('ready', 'sending', 'deposited', 'integrated', 'settled', 'cancelled')
            AND NEW.reason_code IS NOT DISTINCT FROM OLD.reason_code AND NEW.reason IS NOT DISTINCT FROM OLD.reason THEN
            NEW.reason_code := NULL;
            NEW.reason := NULL;
        END IF;
        IF NEW.state = 'deposited' AND NEW.deposited_at IS NULL THEN
            NEW.deposited_at := clock_timestamp();
        END IF;
    END IF;
    -- What is known of an invoice once stays. An invalid one is received again before it is read again.
    IF OLD.state <> 'received'
        AND (OLD.syntaxe, OLD.numero_facture, OLD.date_facture, OLD.type_facture, OLD.fournisseur_siret, OLD.fournisseur_nom, OLD.destinataire_siret,
             OLD.destinataire_nom, OLD.montant_ht, OLD.montant_tva, OLD.montant_ttc, OLD.montant_a_payer, OLD.devise, OLD.cadre_facturation,
             OLD.code_service, OLD.numero_engagement)
            IS DISTINCT FROM
            (NEW.syntaxe, NEW.numero_facture, NEW.date_facture, NEW.type_facture, NEW.fournisseur_siret, NEW.fournisseur_nom, NEW.destinataire_siret,
             NEW.destinataire_nom, NEW.montant_ht, NEW.montant_tva, NEW.montant_ttc, NEW.montant_a_payer, NEW.devise, NEW.cadre_facturation,
             NEW.code_service, NEW.numero_engagement) THEN
        RAISE EXCEPTION 'invoice %: what was read from its document cannot be changed', OLD.id USING ERRCODE = 'CH001';
    END IF;
    IF OLD.identifiant_facture_cpp IS NOT NULL AND NEW.identifiant_facture_cpp IS DISTINCT FROM OLD.identifiant_facture_cpp THEN
        RAISE EXCEPTION 'invoice %: Chorus Pro''s number of it cannot be changed', OLD.id USING ERRCODE = 'CH001';
    END IF;
    IF NEW.resubmits < OLD.resubmits OR NEW.attempt_no = OLD.attempt_no AND NEW.state = 'sending' AND OLD.state <> 'sending' THEN
        RAISE EXCEPTION 'invoice %: its attempts are counted one by one, when they begin', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- What is to be looked up first is looked up first.
    IF OLD.lookup_first AND (NEW.state = 'sending' OR NOT NEW.lookup_first AND NEW.state <> 'in_doubt') THEN
        RAISE EXCEPTION 'invoice %: it may have been sent before, and is looked up first', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- What was purged and comes back to life is followed as before.
    IF OLD.purged_at IS NOT NULL AND NEW.state <> OLD.state AND NEW.state IN ('received', 'ready', 'sending') THEN
        RAISE EXCEPTION 'invoice %: its document was purged, so it cannot be read or sent again; insert the document anew', OLD.id USING ERRCODE = 'CH001';
    END IF;

    -- What only people decide goes by the functions made for it, which run as the owner: the ways out of parked, reading or sending again, the mark of an
    -- operator's wish (a reason code, while in doubt), counting an attempt that did not begin (but for the stand-in for one that may be forgotten), and
    -- taking a flux number away (but for the original of a duplicate, which has another one).
    by_function := CASE
        WHEN NEW.state <> OLD.state AND (OLD.state IN ('parked', 'invalid') OR OLD.state = 'rejected' AND NEW.state = 'in_doubt') THEN 'state'
        WHEN NEW.state = 'in_doubt' AND NEW.reason_code IN ('RETRY', 'RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE')
            AND (OLD.state <> 'in_doubt' OR NEW.reason_code IS DISTINCT FROM OLD.reason_code) THEN 'reason_code'
        WHEN NEW.attempt_no > OLD.attempt_no
            AND NOT (NEW.attempt_no = OLD.attempt_no + 1 AND NEW.state = 'sending' AND OLD.state IN ('ready', 'sending')
                     OR NEW.state = 'in_doubt' AND OLD.state = 'ready') THEN 'attempt_no'
        WHEN OLD.numero_flux_depot IS NOT NULL AND NEW.numero_flux_depot IS DISTINCT FROM OLD.numero_flux_depot
            AND NOT (OLD.state = 'in_doubt' AND NEW.state = 'deposited' AND NEW.numero_flux_depot IS NOT NULL) THEN 'numero_flux_depot'
    END;
    IF by_function IS NOT NULL AND current_user <> pg_get_userbyid((SELECT relowner FROM pg_class WHERE oid = TG_RELID)) THEN
        RAISE EXCEPTION 'invoice %: this goes by the functions made for it only, as chorus.retry and chorus.resolve', OLD.id USING ERRCODE = 'CH002', COLUMN = by_function;
    END IF;

    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- Of every column but claim, claimed_until, due_at, deaths, and the document (invoices_stays_document): what only the machinery needs changes nothing that anybody
-- sees, costs no function, and leaves updated_at and its index alone, so that a lease is written beside the row's last version and no index is told (HOT).
-- A test compares the list with the table.
CREATE TRIGGER invoices_before_update BEFORE UPDATE OF
    id, external_ref, account, syntaxe_flux, fields, not_before, priority, metadata, replaces, cancel_requested_at, state, reason_code, reason, document_sha256,
    document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom, destinataire_siret, destinataire_nom, montant_ht,
    montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service, numero_engagement, findings, attempt_no, resubmits, refusals, panics,
    lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date, identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date,
    statut_commentaire, available_on, suspended_on, completed_on, deposited_at, visible_at, in_doubt_since, reason_due_at, looks, purged_at, version, created_at, updated_at
    ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_before_update();

-- Whoever writes the status: one that is of no use without its reason has the reason asked for when it came without. Runs after invoices_before_update.
-- Conditions of triggers are short, here and below: PostgreSQL reads them anew for each statement, which costs more than a comparison in the function.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_reason() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.state, NEW.statut_courant, NEW.statut_courant_date, NEW.statut_commentaire)
        IS NOT DISTINCT FROM (OLD.state, OLD.statut_courant, OLD.statut_courant_date, OLD.statut_commentaire) THEN
        RETURN NEW;
    END IF;
    IF NEW.state NOT IN ('integrated', 'rejected') OR NEW.identifiant_facture_cpp IS NULL OR coalesce(NEW.statut_commentaire, '') <> ''
        OR NOT EXISTS (SELECT FROM chorus.statuts s WHERE s.code = NEW.statut_courant AND s.needs_reason) THEN
        NEW.reason_due_at := NULL;
    ELSE
        NEW.reason_due_at := clock_timestamp();
        NEW.looks := 0;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_reason BEFORE UPDATE OF state, statut_courant, statut_courant_date, statut_commentaire ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant IS NOT NULL) EXECUTE FUNCTION chorus.invoices_reason();

-- Only where a statement names it: comparing documents means unpacking them.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_stays_document() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'invoice %: what the application inserted cannot be changed; cancel it and insert a new one', OLD.id USING ERRCODE = 'CH001';
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_stays_document BEFORE UPDATE OF document ON chorus.invoices FOR EACH ROW
    WHEN (NEW.document IS DISTINCT FROM OLD.document AND NEW.purged_at IS NOT DISTINCT FROM OLD.purged_at)
    EXECUTE FUNCTION chorus.invoices_stays_document();

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_replaces() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o chorus.invoices%ROWTYPE;
    n bigint;
BEGIN
    SELECT * INTO o FROM chorus.invoices WHERE id = NEW.replaces AND account = NEW.account FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "replaces" names no invoice of this account' USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    IF o.state <> 'rejected' OR o.identifiant_facture_cpp IS NULL THEN
        RAISE EXCEPTION 'column "replaces": invoice % is % (%), and only one that its recipient refused is replaced', o.id, o.state, coalesce(o.statut_courant, 'no status')
            USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    SELECT id INTO n FROM chorus.invoices r
    WHERE r.replaces = o.id AND r.state NOT IN ('invalid', 'cancelled') AND NOT (r.state = 'rejected' AND r.identifiant_facture_cpp IS NULL);
    IF FOUND THEN
        RAISE EXCEPTION 'column "replaces": invoice % is replaced by invoice % already', o.id, n USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_replaces BEFORE INSERT ON chorus.invoices FOR EACH ROW WHEN (NEW.replaces IS NOT NULL) EXECUTE FUNCTION chorus.invoices_replaces();

-- Whether the portal has shown an invoice of this number (chorus.bare_number), supplier and year that no row stands for, and that was not refused. Of another
-- establishment of the supplier only that very number counts: it is taken once per SIREN and year. With p_since, what was first shown later; null: whenever it was.
-- +goose StatementBegin
CREATE FUNCTION chorus.shown(p_numero text, p_siret text, p_date date, p_since timestamptz DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM chorus.strangers s
        WHERE chorus.bare_number(s.numero_facture) = chorus.bare_number(p_numero) AND coalesce(s.statut, '') NOT IN ('REJETEE', 'ABANDONNEE', 'SUPPRIMEE')
          AND (p_since IS NULL OR s.first_seen_at > p_since)
          AND (s.fournisseur_siret IS NULL
               OR left(s.fournisseur_siret, 9) = left(p_siret, 9) AND (s.numero_facture = p_numero OR s.fournisseur_siret = p_siret OR s.fournisseur_siret !~ '^[0-9]{14}$'))
          AND (s.date_facture IS NULL OR extract(year FROM s.date_facture) = extract(year FROM p_date)));
END $$;
-- +goose StatementEnd

-- What may be at the portal already is looked up before it is sent: one of a number that the portal has shown, because a person typed it in, another system
-- sent it, or a restore lost its row and nobody noticed; one whose date tells that it may have been sent before the database was restored, however late it is
-- inserted again; and one of a number that an operator gave up after it was sent, or of which another row is to be looked up first. A document without a date
-- is invalid, and is never sent.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_sent_before() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.lookup_first := NEW.lookup_first OR chorus.shown(NEW.numero_facture, NEW.fournisseur_siret, NEW.date_facture) OR EXISTS (
        SELECT FROM chorus.installation WHERE suspect_date > '-infinity' AND coalesce(NEW.date_facture, '-infinity') <= suspect_date
    ) OR EXISTS (
        SELECT
        FROM chorus.invoices o
        WHERE o.numero_facture = NEW.numero_facture AND o.id <> NEW.id AND (o.state = 'abandoned' AND o.attempt_no > 0 OR o.lookup_first)
          AND left(o.fournisseur_siret, 9) = left(NEW.fournisseur_siret, 9) AND extract(year FROM o.date_facture) = extract(year FROM NEW.date_facture));
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_sent_before BEFORE UPDATE OF state ON chorus.invoices FOR EACH ROW
    WHEN (OLD.state = 'received' AND NEW.state = 'ready') EXECUTE FUNCTION chorus.invoices_sent_before();

-- ---------------------------------------------------------------------------------------------------------------------------------
-- After a row was written

-- The wake-up. A NOTIFY makes every commit of the cluster queue behind one lock, so only one transaction at a time sends one. The dispatcher looks
-- again a little after a wake-up, and polls: what commits later than that waits for a poll at most.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_wake() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock(820001, 1) THEN
        PERFORM pg_notify('chorus_wake', '');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_wake AFTER INSERT ON chorus.invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.invoices_wake();

-- A deposit wakes the feed that will show it; and so does what waits for its day, which somebody may type in before.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.structures
    SET resting = false, next_sync_at = least(next_sync_at, clock_timestamp()), sync_expected_at = least(sync_expected_at, clock_timestamp())
    WHERE account = NEW.account AND identifiant = NEW.fournisseur_siret AND resting;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_watch AFTER UPDATE OF state ON chorus.invoices
    FOR EACH ROW WHEN (NEW.state <> OLD.state AND (NEW.state = 'deposited' OR NEW.state = 'ready' AND NEW.not_before IS NOT NULL)) EXECUTE FUNCTION chorus.invoices_watch();

-- What an invoice is worth in a sum: its amount, below zero for a credit note (by UNTDID 1001, and AVOIR of fields). What no sum can hold is left out.
-- +goose StatementBegin
CREATE FUNCTION chorus.signed(p_type text, p_amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_amount NOT BETWEEN -1e12 AND 1e12 THEN NULL
        WHEN p_type IN ('AVOIR', '81', '83', '261', '262', '296', '308', '381', '396', '420', '458', '502', '503', '532') THEN -p_amount
        ELSE p_amount
    END
$$;
-- +goose StatementEnd

CREATE VIEW chorus.invoice_status WITH (security_barrier) AS
SELECT
    id, external_ref, account, state, reason_code, reason,
    numero_facture, date_facture, fournisseur_siret, destinataire_siret, montant_ttc, devise,
    numero_flux_depot, (date_depot AT TIME ZONE 'Europe/Paris')::date AS date_depot, identifiant_facture_cpp, -- the portal gives a day, of Paris
    statut_courant, statut_courant_date, statut_commentaire,
    attempt_no AS attempts, chorus.readable(metadata) AS metadata, created_at, updated_at, findings, purged_at,
    chorus.signed(type_facture, montant_ttc) AS montant_signe
FROM chorus.invoices
WHERE account = ANY ((SELECT chorus.my_accounts())::text[]); -- a view reads as its owner, whom row-level security lets pass

-- Whether this login has an open invoice to a recipient.
-- +goose StatementBegin
CREATE FUNCTION chorus.sees_recipient(p_siret text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM chorus.invoices WHERE destinataire_siret = p_siret AND state = 'integrated' AND account = ANY (chorus.my_accounts()));
END $$;
-- +goose StatementEnd
