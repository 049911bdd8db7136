-- The schema `chorus`: what applications insert, what the worker knows, what happened, and the rules that hold whoever writes.
-- SQLSTATEs of our own (class CH) are listed in docs/sql.md; applications may rely on them.

-- +goose Up

-- Roles are shared by the whole server: another database of it, or another process at this very moment, may have made them.
-- +goose StatementBegin
DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['chorus_app', 'chorus_worker', 'chorus_operator', 'chorus_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', r);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

-- One row. Which portal this database belongs to, so that sandbox credentials never meet production rows; and what the fleet knows of the database itself.
CREATE TABLE chorus.installation (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    environment text CHECK (environment IN ('sandbox', 'production')),
    -- Which history the database was living when it was last looked at, and how often it turned out to have forgotten something (docs/protocol.md §3.5).
    db_epoch       text,
    quarantines    integer NOT NULL DEFAULT 0,
    quarantined_at timestamptz,
    suspect_until  timestamptz NOT NULL DEFAULT '-infinity', -- until then, what is inserted may have been sent before and forgotten
    -- Set when an invoice that had been proven absent was accepted after all: nothing is sent again by itself any more.
    assumption_broken_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO chorus.installation DEFAULT VALUES;

-- The technical accounts that invoices may name. Workers add the ones they are configured with.
CREATE TABLE chorus.accounts (
    name          text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    paused_at     timestamptz,
    pause_reason  text,
    -- May the account search its suppliers' invoices? Without that, doubt cannot be settled by looking (docs/chorus-pro.md §3.6).
    can_search    boolean,
    structures_at timestamptz,
    next_at       timestamptz NOT NULL DEFAULT '-infinity',
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO chorus.accounts (name) VALUES ('default');

CREATE TABLE chorus.states (
    name  text PRIMARY KEY,
    final boolean NOT NULL,
    about text NOT NULL
);
INSERT INTO chorus.states (name, final, about) VALUES
    ('received',   false, 'inserted, not read yet'),
    ('invalid',    true,  'refused before sending: the document cannot be sent as it is'),
    ('ready',      false, 'read and in order, waiting for its turn'),
    ('sending',    false, 'a deposit is committed to and may be in the air'),
    ('in_doubt',   false, 'a deposit may have arrived: being looked up'),
    ('parked',     false, 'needs a person'),
    ('deposited',  false, 'Chorus Pro gave a flux number'),
    ('integrated', false, 'Chorus Pro holds the invoice and the recipient deals with it'),
    ('rejected',   true,  'refused by Chorus Pro or by the recipient'),
    ('settled',    true,  'nothing more is expected'),
    ('cancelled',  true,  'cancelled by the application before it was sent'),
    ('abandoned',  true,  'given up by an operator');

CREATE TABLE chorus.transitions (
    from_state text NOT NULL REFERENCES chorus.states,
    to_state   text NOT NULL REFERENCES chorus.states,
    about      text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO chorus.transitions (from_state, to_state, about) VALUES
    ('received',   'ready',      'the document was read and is in order'),
    ('received',   'invalid',    'the document cannot be sent'),
    ('received',   'cancelled',  'the application asked for it'),
    ('invalid',    'received',   'an operator has it read again'),
    ('ready',      'sending',    'a deposit begins (T1)'),
    ('ready',      'cancelled',  'the application asked for it'),
    ('ready',      'in_doubt',   'quarantine: the database may have forgotten a deposit'),
    ('ready',      'parked',     'contradicting evidence, or it breaks the worker'),
    ('sending',    'deposited',  'accepted (T2)'),
    ('sending',    'ready',      'proven not sent, or not landed'),
    ('sending',    'rejected',   'refused for good'),
    ('sending',    'in_doubt',   'the answer is lost or says nothing'),
    ('sending',    'parked',     'the gateway refuses the request itself'),
    ('in_doubt',   'deposited',  'found, or acknowledged late'),
    ('in_doubt',   'ready',      'proven absent, or a late answer says it did not land'),
    ('in_doubt',   'rejected',   'a late answer refuses it'),
    ('in_doubt',   'parked',     'several, mismatch, policy, budget, too old'),
    ('deposited',  'integrated', 'Chorus Pro took the invoice in'),
    ('deposited',  'rejected',   'the flux was rejected'),
    ('deposited',  'in_doubt',   'the flux was rejected as a duplicate: the original is looked for'),
    ('deposited',  'parked',     'an incident at the portal, or contradicting evidence'),
    ('integrated', 'settled',    'paid, or nothing more will be reported'),
    ('integrated', 'rejected',   'the recipient refused it'),
    ('integrated', 'parked',     'contradicting evidence'),
    ('settled',    'integrated', 'the portal reports a new status'),
    ('settled',    'rejected',   'the recipient refused it after all'),
    ('settled',    'parked',     'contradicting evidence'),
    ('rejected',   'integrated', 'the portal reports a new status'),
    ('rejected',   'parked',     'contradicting evidence'),
    ('rejected',   'ready',      'an operator sends it again after its flux was rejected'),
    ('cancelled',  'parked',     'contradicting evidence'),
    ('parked',     'deposited',  'an operator accepts the evidence'),
    ('parked',     'in_doubt',   'an operator has it looked up again'),
    ('parked',     'ready',      'an operator has it sent again'),
    ('parked',     'abandoned',  'an operator gives it up');

CREATE TABLE chorus.invoices (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,

    -- What the application writes; never changed afterwards.
    external_ref        text NOT NULL DEFAULT gen_random_uuid()::text CHECK (external_ref <> '' AND length(external_ref) <= 200),
    account             text NOT NULL DEFAULT 'default',
    document            bytea,
    syntaxe_flux        text,
    not_before          timestamptz,
    priority            smallint NOT NULL DEFAULT 0,
    metadata            jsonb,
    cancel_requested_at timestamptz,

    -- What the worker writes.
    state               text NOT NULL DEFAULT 'received' REFERENCES chorus.states,
    reason_code         text,
    reason              text,
    document_sha256     bytea NOT NULL,
    document_bytes      integer NOT NULL,
    syntaxe             text,
    numero_facture      text,
    date_facture        date,
    type_facture        text,
    fournisseur_siret   text,
    fournisseur_nom     text,
    destinataire_siret  text,
    destinataire_nom    text,
    montant_ht          numeric,
    montant_tva         numeric,
    montant_ttc         numeric,
    montant_a_payer     numeric,
    devise              text,
    cadre_facturation   text,
    code_service        text,
    numero_engagement   text,
    attempt_no          integer NOT NULL DEFAULT 0,
    resubmits           integer NOT NULL DEFAULT 0,
    refusals            integer NOT NULL DEFAULT 0,
    panics              integer NOT NULL DEFAULT 0,
    lookup_first        boolean NOT NULL DEFAULT false, -- it may have been sent in a history that the database has forgotten
    numero_flux_depot   text UNIQUE,
    date_depot          timestamptz,
    etat_flux           text,
    etat_flux_date      timestamptz,
    identifiant_facture_cpp bigint UNIQUE,
    mode_depot          text,
    statut_courant      text,
    statut_courant_date timestamptz,
    statut_commentaire  text,
    deposited_at        timestamptz,
    visible_at          timestamptz,
    in_doubt_since      timestamptz,

    -- When the next step is due (null = none), and which job has it: a job that finds another claim than its own number goes away. Until the job has
    -- taken the row over, claimed_until is infinity.
    due_at              timestamptz,
    looks               integer NOT NULL DEFAULT 0,
    claim               bigint,
    claimed_until       timestamptz,

    version             bigint NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT invoices_external_ref_key UNIQUE (account, external_ref)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Chorus Pro's own uniqueness (docs/chorus-pro.md §10): year of issue, supplier SIREN, number. Rows that hold no claim on the number are left out.
CREATE UNIQUE INDEX invoices_business_key ON chorus.invoices (left(fournisseur_siret, 9), numero_facture, (extract(year FROM date_facture)))
    WHERE numero_facture IS NOT NULL AND state NOT IN ('received', 'invalid', 'rejected', 'cancelled', 'abandoned');

-- One small index per kind of claim: each holds only the rows that wait for it.
CREATE INDEX invoices_received ON chorus.invoices (priority DESC, id) WHERE state = 'received';
CREATE INDEX invoices_ready ON chorus.invoices (account, priority DESC, id) WHERE state = 'ready';
CREATE INDEX invoices_cancel ON chorus.invoices (id) WHERE state = 'ready' AND cancel_requested_at IS NOT NULL;
CREATE INDEX invoices_follow ON chorus.invoices (due_at) WHERE state IN ('in_doubt', 'deposited');
CREATE INDEX invoices_claimed ON chorus.invoices (state, claimed_until) WHERE claimed_until IS NOT NULL;
CREATE INDEX invoices_sending ON chorus.invoices (id) WHERE state = 'sending';
CREATE INDEX invoices_open ON chorus.invoices (statut_courant_date) WHERE state = 'integrated';
CREATE INDEX invoices_updated ON chorus.invoices (updated_at, id);
CREATE INDEX invoices_numero ON chorus.invoices (numero_facture);
CREATE INDEX invoices_state ON chorus.invoices (state, id);

CREATE TABLE chorus.attempts (
    id                uuid PRIMARY KEY,
    invoice_id        bigint NOT NULL REFERENCES chorus.invoices,
    n                 integer NOT NULL CHECK (n > 0),
    worker            text NOT NULL,
    nom_fichier       text NOT NULL UNIQUE CHECK (nom_fichier ~ '^[A-Za-z0-9_.-]{1,50}$'),
    sha256            bytea NOT NULL,
    db_epoch          text NOT NULL,
    claimed_at        timestamptz NOT NULL,
    send_deadline     timestamptz NOT NULL,
    finished_at       timestamptz,
    outcome           text CHECK (outcome IN ('NOT_SENT', 'NOT_LANDED', 'ACCEPTED', 'REFUSED', 'DUPLICATE', 'AMBIGUOUS', 'OWNER_LOST')),
    numero_flux_depot text UNIQUE,
    evidence          jsonb NOT NULL DEFAULT '{}',
    UNIQUE (invoice_id, n)
);
CREATE INDEX attempts_open ON chorus.attempts (send_deadline) WHERE outcome IS NULL;

CREATE TABLE chorus.events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq         bigint UNIQUE,
    invoice_id  bigint,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    from_state  text,
    to_state    text,
    attempt     integer,
    reason_code text,
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_invoice ON chorus.events (invoice_id, id);
CREATE INDEX events_unsequenced ON chorus.events (id) WHERE seq IS NULL;

-- The supplier structures an account may see, and how far each one's change feed has been read.
CREATE TABLE chorus.structures (
    account          text NOT NULL REFERENCES chorus.accounts,
    id_structure_cpp bigint NOT NULL,
    identifiant      text NOT NULL,
    designation      text,
    watermark        timestamptz,
    synced_at        timestamptz,
    next_sync_at     timestamptz NOT NULL DEFAULT '-infinity',
    claim            bigint,
    claimed_until    timestamptz,
    PRIMARY KEY (account, id_structure_cpp)
);

-- The fleet's shared budget: one row for each PISTE application. Emptied by a crash of the server, which takes longer than any window.
CREATE UNLOGGED TABLE chorus.budgets (
    key          text PRIMARY KEY,
    every_us     bigint NOT NULL CHECK (every_us > 0),
    tat          timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);

-- The deposits in flight over the whole fleet: an attempt holds one slot from T1 to T2.
CREATE TABLE chorus.slots (
    n          integer PRIMARY KEY,
    attempt_id uuid
) WITH (fillfactor = 50);

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Rules that hold whoever writes

-- Who is acting: the login, which nobody can forge, and what the program says of itself (a worker's name, an operator's).
-- +goose StatementBegin
CREATE FUNCTION chorus.actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT session_user || coalesce('/' || nullif(left(current_setting('chorus.actor', true), 100), ''), '')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_before_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.document IS NULL OR octet_length(NEW.document) = 0 THEN
        RAISE EXCEPTION 'column "document" is empty: it must hold the invoice file (Factur-X PDF, CII or UBL)' USING ERRCODE = 'CH010', COLUMN = 'document';
    END IF;
    -- 30 MB is the portal's own limit for a flux (docs/chorus-pro.md §6.1).
    IF octet_length(NEW.document) > 30000000 THEN
        RAISE EXCEPTION 'column "document" holds % bytes: Chorus Pro takes at most 30000000', octet_length(NEW.document)
            USING ERRCODE = 'CH011', COLUMN = 'document';
    END IF;
    IF NEW.syntaxe_flux IS NOT NULL AND NEW.syntaxe_flux NOT IN (
        'IN_DP_E1_UBL_INVOICE', 'IN_DP_E1_CII', 'IN_DP_E1_PES_FACTURE', 'IN_DP_E1_XCBL', 'IN_DP_E1_CII_16B', 'IN_DP_E2_UBL_INVOICE_MIN',
        'IN_DP_E2_CII_MIN', 'IN_DP_E2_CII_MIN_16B', 'IN_DP_E2_PES_FACTURE_MIN', 'IN_DP_E2_CPP_FACTURE_MIN', 'IN_DP_E2_CII_FACTURX',
        'IN_DP_PDFARCHIVE_UBL_INVOICE_MUG', 'IN_DP_PDFARCHIVE_CII_MUG') THEN
        RAISE EXCEPTION 'column "syntaxe_flux" holds a value that Chorus Pro does not know: leave it null to have it recognised'
            USING ERRCODE = 'CH012', COLUMN = 'syntaxe_flux';
    END IF;
    IF NOT EXISTS (SELECT FROM chorus.accounts a WHERE a.name = NEW.account) THEN
        RAISE EXCEPTION 'column "account" names an account that no worker has been configured with' USING ERRCODE = 'CH013', COLUMN = 'account';
    END IF;
    IF NEW.state <> 'received' OR NEW.attempt_no <> 0 OR NEW.numero_flux_depot IS NOT NULL OR NEW.identifiant_facture_cpp IS NOT NULL
        OR NEW.cancel_requested_at IS NOT NULL THEN
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
CREATE FUNCTION chorus.invoices_before_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.external_ref <> OLD.external_ref OR NEW.account <> OLD.account
        OR NEW.document IS DISTINCT FROM OLD.document
        OR NEW.syntaxe_flux IS DISTINCT FROM OLD.syntaxe_flux OR NEW.not_before IS DISTINCT FROM OLD.not_before
        OR NEW.priority <> OLD.priority OR NEW.metadata IS DISTINCT FROM OLD.metadata OR NEW.created_at <> OLD.created_at
        OR NEW.document_sha256 <> OLD.document_sha256 OR NEW.document_bytes <> OLD.document_bytes THEN
        RAISE EXCEPTION 'invoice %: what the application inserted cannot be changed; cancel it and insert a new one', OLD.id USING ERRCODE = 'CH001';
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
        -- A step that was claimed for the old state is over.
        NEW.claim := NULL;
        NEW.claimed_until := NULL;
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
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_before_update BEFORE UPDATE ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_before_update();

-- +goose StatementBegin
CREATE FUNCTION chorus.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of chorus.% are never deleted or rewritten', TG_TABLE_NAME USING ERRCODE = 'CH003';
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_refuse BEFORE DELETE ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER invoices_refuse_truncate BEFORE TRUNCATE ON chorus.invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER attempts_refuse BEFORE DELETE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER attempts_refuse_truncate BEFORE TRUNCATE ON chorus.attempts FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse BEFORE DELETE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON chorus.events FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- An attempt says once how it ended. Only a lost owner may still be heard of, and evidence only grows.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempts_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.invoice_id <> OLD.invoice_id OR NEW.n <> OLD.n OR NEW.worker <> OLD.worker OR NEW.nom_fichier <> OLD.nom_fichier
        OR NEW.sha256 <> OLD.sha256 OR NEW.db_epoch <> OLD.db_epoch OR NEW.claimed_at <> OLD.claimed_at OR NEW.send_deadline <> OLD.send_deadline
        OR (OLD.outcome IS NOT NULL AND OLD.outcome <> 'OWNER_LOST' AND NEW.outcome IS DISTINCT FROM OLD.outcome)
        OR (OLD.numero_flux_depot IS NOT NULL AND NEW.numero_flux_depot IS DISTINCT FROM OLD.numero_flux_depot)
        OR NOT (NEW.evidence ?& ARRAY(SELECT jsonb_object_keys(OLD.evidence))) THEN
        RAISE EXCEPTION 'attempt %: what is written of an attempt stays', OLD.id USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attempts_before_update BEFORE UPDATE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.attempts_before_update();

-- +goose StatementBegin
CREATE FUNCTION chorus.events_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.seq IS NOT NULL OR NEW.seq IS NULL OR (NEW.id, NEW.at, NEW.actor, NEW.detail) IS DISTINCT FROM (OLD.id, OLD.at, OLD.actor, OLD.detail)
        OR (NEW.invoice_id, NEW.from_state, NEW.to_state, NEW.attempt, NEW.reason_code)
           IS DISTINCT FROM (OLD.invoice_id, OLD.from_state, OLD.to_state, OLD.attempt, OLD.reason_code) THEN
        RAISE EXCEPTION 'event %: history is not rewritten', OLD.id USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_before_update BEFORE UPDATE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.events_before_update();

-- History is written here and nowhere else, so that a change without its event cannot exist.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chorus.events (invoice_id, actor, to_state) VALUES (NEW.id, chorus.actor(), NEW.state);
    ELSIF NEW.state <> OLD.state THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), NEW.reason_code, jsonb_strip_nulls(jsonb_build_object(
            'reason', NEW.reason,
            'numero_flux_depot', NEW.numero_flux_depot,
            'etat_flux', NEW.etat_flux,
            'identifiant_facture_cpp', NEW.identifiant_facture_cpp,
            'statut_courant', NEW.statut_courant)));
    ELSIF NEW.statut_courant IS DISTINCT FROM OLD.statut_courant OR NEW.statut_courant_date IS DISTINCT FROM OLD.statut_courant_date THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), 'STATUT', jsonb_strip_nulls(jsonb_build_object(
            'statut_courant', NEW.statut_courant,
            'statut_precedent', OLD.statut_courant,
            'statut_courant_date', NEW.statut_courant_date,
            'statut_commentaire', NEW.statut_commentaire)));
    ELSIF NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), 'CANCEL_REQUESTED');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_history AFTER INSERT OR UPDATE ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_history();

-- The wake-up. A NOTIFY makes every commit of the cluster queue behind one lock, so only one transaction at a time sends one; a wake-up that is
-- lost this way costs one poll of the dispatcher at most.
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

-- ---------------------------------------------------------------------------------------------------------------------------------
-- What others call or read

-- Reserves the next slot of the budget, as the generic cell rate algorithm does without a burst: the answer is how long to wait for it, counted
-- from now. A slot further away than p_max_wait_us is not taken. Null: there is no such budget (yet, or after a crash): insert it and ask again.
-- +goose StatementBegin
CREATE FUNCTION chorus.reserve(p_key text, p_max_wait_us bigint, OUT granted boolean, OUT delay_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b    chorus.budgets%ROWTYPE;
    cur  timestamptz;
    slot timestamptz;
BEGIN
    SELECT * INTO b FROM chorus.budgets WHERE key = p_key FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    cur := clock_timestamp(); -- after the lock was granted
    slot := greatest(b.tat, cur, b.paused_until);
    delay_us := greatest(0, (extract(epoch FROM (slot - cur)) * 1e6)::bigint);
    granted := delay_us <= p_max_wait_us;
    IF granted THEN
        UPDATE chorus.budgets SET tat = slot + make_interval(secs => b.every_us / 1e6) WHERE key = p_key;
    END IF;
END $$;
-- +goose StatementEnd

CREATE VIEW chorus.invoice_status AS
SELECT
    id, external_ref, account, state, reason_code, reason,
    numero_facture, date_facture, fournisseur_siret, destinataire_siret, montant_ttc, devise,
    numero_flux_depot, date_depot, identifiant_facture_cpp,
    statut_courant, statut_courant_date, statut_commentaire,
    attempt_no AS attempts, metadata, created_at, updated_at
FROM chorus.invoices;

-- An operator's cancellation is the application's, under the operator's name.
-- +goose StatementBegin
CREATE FUNCTION chorus.cancel(p_id bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s text;
BEGIN
    UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp() WHERE id = p_id RETURNING state INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    RETURN s;
END $$;
-- +goose StatementEnd

-- Has an invoice read again (invalid), or sent again after its flux was rejected: the number is free then (docs/chorus-pro.md §10). Nothing else
-- can be retried: what is in doubt is looked up, what the recipient refused needs a new number.
-- +goose StatementBegin
CREATE FUNCTION chorus.retry(p_id bigint, p_reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i chorus.invoices%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(820001, 4); -- no quarantine begins meanwhile
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'a retry needs a reason' USING ERRCODE = 'CH021';
    END IF;
    IF i.state = 'invalid' THEN
        UPDATE chorus.invoices SET state = 'received', reason_code = 'RETRY', reason = p_reason, panics = 0, due_at = clock_timestamp() WHERE id = p_id;
        RETURN 'received';
    END IF;
    IF i.state = 'rejected' AND i.identifiant_facture_cpp IS NULL THEN
        UPDATE chorus.invoices
        SET state = 'ready', reason_code = 'RETRY', reason = p_reason, refusals = 0, panics = 0,
            numero_flux_depot = NULL, date_depot = NULL, etat_flux = NULL, etat_flux_date = NULL, deposited_at = NULL, due_at = clock_timestamp()
        WHERE id = p_id;
        RETURN 'ready';
    END IF;
    RAISE EXCEPTION 'invoice % is %: only invalid invoices and rejected fluxes can be retried', p_id, i.state USING ERRCODE = 'CH022';
END $$;
-- +goose StatementEnd

-- Stops an account, or lets it go on (no reason).
-- +goose StatementBegin
CREATE FUNCTION chorus.pause(p_account text, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.accounts
    SET paused_at = CASE WHEN p_reason IS NULL THEN NULL ELSE coalesce(paused_at, clock_timestamp()) END, pause_reason = p_reason
    WHERE name = p_account;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN p_reason IS NULL THEN 'RESUMED' ELSE 'PAUSED' END,
            jsonb_strip_nulls(jsonb_build_object('account', p_account, 'reason', p_reason)));
END $$;
-- +goose StatementEnd

-- The database is living another history than a worker remembers: a standby was promoted, or a backup was brought back. What may have been sent in the
-- forgotten one is looked up before anything is sent: p_kind failover: sending rows and the first p_head ready ones; restore: every row that is
-- not final, and what is inserted within p_window. Rows that are to be looked up get an attempt that stands for the one which may be forgotten.
-- Returns the new number of quarantines; one that another worker has begun already (p_seen is behind) is not begun again.
-- +goose StatementBegin
CREATE FUNCTION chorus.quarantine(p_kind text, p_seen integer, p_known text[], p_window interval, p_head integer, OUT quarantines integer, OUT moved integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_epoch text := (SELECT system_identifier::text || '/' || timeline_id FROM pg_control_system(), pg_control_checkpoint());
    inst chorus.installation%ROWTYPE;
BEGIN
    -- Every transaction that moves rows holds this lock shared.
    PERFORM pg_advisory_xact_lock(820001, 4);
    SELECT * INTO inst FROM chorus.installation FOR UPDATE;
    quarantines := inst.quarantines;
    moved := 0;
    IF inst.quarantines > p_seen THEN
        RETURN;
    END IF;
    quarantines := p_seen + 1;
    UPDATE chorus.installation i
    SET db_epoch = now_epoch, quarantines = p_seen + 1, quarantined_at = clock_timestamp(),
        suspect_until = CASE WHEN p_kind = 'restore' THEN clock_timestamp() + p_window ELSE i.suspect_until END;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'QUARANTINE', jsonb_build_object('kind', p_kind, 'epoch', now_epoch, 'epoch_before', inst.db_epoch, 'unknown_attempts', p_known));

    UPDATE chorus.attempts a SET outcome = 'OWNER_LOST', finished_at = clock_timestamp()
    FROM chorus.invoices i
    WHERE i.state = 'sending' AND a.invoice_id = i.id AND a.n = i.attempt_no AND a.outcome IS NULL;
    UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id IS NOT NULL;
    UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'QUARANTINE', reason = 'the database may have forgotten a deposit', due_at = clock_timestamp()
    WHERE state = 'sending';
    -- In doubt about the attempt that is remembered; there may be a later one. Their age counts from now (docs/protocol.md §3.5).
    UPDATE chorus.invoices
    SET reason_code = 'QUARANTINE', reason = 'the database may have forgotten a deposit', in_doubt_since = clock_timestamp(), due_at = clock_timestamp(),
        claim = NULL, claimed_until = NULL
    WHERE state = 'in_doubt' AND reason_code IS DISTINCT FROM 'QUARANTINE';
    WITH head AS (
        SELECT id, attempt_no, document_sha256, gen_random_uuid() AS attempt
        FROM chorus.invoices
        WHERE state = 'ready'
        ORDER BY priority DESC, id
        LIMIT CASE WHEN p_kind = 'restore' THEN NULL ELSE p_head END
        FOR UPDATE
    ), stand_in AS (
        INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
        SELECT attempt, id, attempt_no + 1, 'quarantine', 'quarantine_' || replace(attempt::text, '-', ''), document_sha256, coalesce(inst.db_epoch, now_epoch),
               clock_timestamp(), clock_timestamp(), clock_timestamp(), 'OWNER_LOST'
        FROM head
    )
    UPDATE chorus.invoices i
    SET state = 'in_doubt', attempt_no = i.attempt_no + 1, reason_code = 'QUARANTINE', reason = 'the database may have forgotten a deposit', due_at = clock_timestamp()
    FROM head
    WHERE i.id = head.id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF p_kind = 'restore' THEN
        UPDATE chorus.invoices SET lookup_first = true WHERE state = 'received';
    END IF;
END $$;
-- +goose StatementEnd

-- After the delays have been set right, automatic resubmission may go on.
-- +goose StatementBegin
CREATE FUNCTION chorus.allow_resubmit(p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'allowing resubmission again needs a reason' USING ERRCODE = 'CH021';
    END IF;
    UPDATE chorus.installation SET assumption_broken_at = NULL;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'RESUBMIT_ALLOWED', jsonb_build_object('reason', p_reason));
END $$;
-- +goose StatementEnd

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Rights

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chorus FROM PUBLIC;
GRANT USAGE ON SCHEMA chorus TO chorus_app, chorus_worker, chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.actor(), chorus.schema_version() TO chorus_app, chorus_worker, chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.reserve(text, bigint) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.cancel(bigint), chorus.retry(bigint, text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.pause(text, text) TO chorus_operator, chorus_worker;
GRANT SELECT ON chorus.invoice_status, chorus.events, chorus.states, chorus.transitions TO chorus_app, chorus_worker, chorus_operator, chorus_reader;

GRANT INSERT (external_ref, account, document, syntaxe_flux, not_before, priority, metadata) ON chorus.invoices TO chorus_app, chorus_operator;
GRANT SELECT (id, external_ref, account, state) ON chorus.invoices TO chorus_app;
GRANT UPDATE (cancel_requested_at) ON chorus.invoices TO chorus_app;

GRANT SELECT (id, external_ref, account, syntaxe_flux, not_before, priority, metadata, cancel_requested_at, state, reason_code, reason,
    document_sha256, document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom,
    destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service,
    numero_engagement, attempt_no, resubmits, refusals, panics, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date,
    identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, deposited_at, visible_at, in_doubt_since,
    due_at, looks, claim, claimed_until, version, created_at, updated_at) ON chorus.invoices TO chorus_operator, chorus_reader;
GRANT SELECT ON chorus.attempts, chorus.accounts, chorus.structures, chorus.budgets, chorus.slots, chorus.installation TO chorus_operator, chorus_reader;

GRANT SELECT ON chorus.invoices, chorus.attempts, chorus.accounts, chorus.structures, chorus.budgets, chorus.slots, chorus.installation TO chorus_worker;
GRANT UPDATE (state, reason_code, reason, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom,
    destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service,
    numero_engagement, attempt_no, resubmits, refusals, panics, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date,
    identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, visible_at, due_at, looks, claim,
    claimed_until) ON chorus.invoices TO chorus_worker;
GRANT INSERT, UPDATE ON chorus.attempts TO chorus_worker;
GRANT UPDATE (seq) ON chorus.events TO chorus_worker;
GRANT INSERT, UPDATE ON chorus.accounts, chorus.structures, chorus.budgets TO chorus_worker;
GRANT INSERT, UPDATE, DELETE ON chorus.slots TO chorus_worker;
GRANT UPDATE ON chorus.installation TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.quarantine(text, integer, text[], interval, integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.allow_resubmit(text) TO chorus_operator;
