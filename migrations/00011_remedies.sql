-- What people may do about an invoice: the ways out of parked, sending a rejected flux again, completing a suspended invoice, recycling one that went to the
-- wrong place, replacing one that its recipient refused.
--
-- Nobody can have an invoice sent again by saying so. The row goes to in_doubt with a mark of what is wanted, and the resolver searches the portal before
-- it makes the row ready. The mark is the reason code; a quarantine, which writes another one, takes it away.

-- +goose Up

INSERT INTO chorus.transitions (from_state, to_state, about) VALUES
    ('rejected', 'in_doubt', 'an operator has it sent again: it is looked up first');

-- The flux numbers that are known to be of this invoice: the portal gave them to attempts of ours, or the last look-up found them. Those which another row
-- holds are left out.
-- +goose StatementBegin
CREATE FUNCTION chorus.known_fluxes(p_id bigint) RETURNS TABLE (flux text, source text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH last AS (
        SELECT n, evidence -> 'lookups' -> -1 AS look
        FROM chorus.attempts
        WHERE invoice_id = p_id AND evidence ? 'lookups'
        ORDER BY n DESC
        LIMIT 1
    ), known AS (
        SELECT numero_flux_depot AS flux, 'attempt ' || n AS source, n::integer AS rank
        FROM chorus.attempts
        WHERE invoice_id = p_id AND numero_flux_depot IS NOT NULL
        UNION ALL
        SELECT x, 'last look-up', 1000000
        FROM last, jsonb_array_elements_text(coalesce(nullif(look -> 'fluxes', 'null'), jsonb_build_array(look -> 'flux'))) x
        WHERE x <> ''
        UNION ALL
        SELECT numero_flux_depot, 'the row', 1000001 FROM chorus.invoices WHERE id = p_id AND numero_flux_depot IS NOT NULL
    )
    SELECT k.flux, string_agg(k.source, ', ' ORDER BY k.rank)
    FROM known k
    WHERE NOT EXISTS (SELECT FROM chorus.invoices o WHERE o.numero_flux_depot = k.flux AND o.id <> p_id)
    GROUP BY k.flux
    ORDER BY min(k.rank), k.flux
$$;
-- +goose StatementEnd

-- Why an action on an invoice is refused; null when it is not.
-- +goose StatementBegin
CREATE FUNCTION chorus.why_not_resolve(p_id bigint, p_action text, p_flux text, p_override boolean) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i      chorus.invoices%ROWTYPE;
    fluxes text[];
    ours   text;
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id;
    IF i.state <> 'parked' THEN
        RETURN format('invoice %s is %s: only parked invoices are resolved', p_id, i.state);
    END IF;
    fluxes := ARRAY(SELECT k.flux FROM chorus.known_fluxes(p_id) k);
    CASE p_action
    WHEN 'accept' THEN
        IF cardinality(fluxes) = 0 THEN
            RETURN format('invoice %s: there is no flux to accept; neither a deposit was acknowledged nor did the last look-up find one', p_id);
        END IF;
        IF p_flux IS NULL AND (cardinality(fluxes) > 1 OR i.reason_code IN ('CONTRADICTION', 'SEVERAL', 'MISMATCH')) THEN
            RETURN format('invoice %s: say which flux is meant: %s', p_id, array_to_string(fluxes, ' or '));
        END IF;
        IF p_flux <> ALL (fluxes) THEN
            RETURN format('invoice %s: nothing here says that this flux is the invoice''s; known: %s', p_id, array_to_string(fluxes, ', '));
        END IF;
    WHEN 'lookup' THEN
        IF i.attempt_no = 0 THEN
            RETURN format('invoice %s was never sent: there is nothing to look for', p_id);
        END IF;
    WHEN 'resubmit' THEN
        IF i.identifiant_facture_cpp IS NOT NULL THEN
            RETURN format('invoice %s: Chorus Pro holds it as %s, so it cannot be sent again', p_id, i.identifiant_facture_cpp);
        END IF;
        IF i.attempt_no = 0 AND EXISTS (SELECT FROM chorus.installation WHERE suspect_until > clock_timestamp()) THEN
            RETURN format('invoice %s may have been sent before the database was restored: wait until the horizon has passed', p_id);
        END IF;
        IF i.reason_code = 'CONTRADICTION' THEN
            RETURN format('invoice %s was accepted against expectation, so it cannot be sent again; accept the flux that counts', p_id);
        END IF;
    WHEN 'abandon' THEN
        SELECT format('attempt %s was accepted as %s', n, numero_flux_depot) INTO ours
        FROM chorus.attempts
        WHERE invoice_id = p_id AND outcome = 'ACCEPTED'
        ORDER BY n DESC
        LIMIT 1;
        IF ours IS NOT NULL AND i.reason_code IS DISTINCT FROM 'INCIDENT' AND NOT coalesce(p_override, false) THEN
            RETURN format('invoice %s: %s; accept it, or abandon it with override', p_id, ours);
        END IF;
    END CASE;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- What may be done with a parked invoice, and why not.
-- +goose StatementBegin
CREATE FUNCTION chorus.resolutions(p_id bigint) RETURNS TABLE (action text, refusal text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a, chorus.why_not_resolve(p_id, a, NULL, false)
    FROM unnest(ARRAY['accept', 'lookup', 'resubmit', 'abandon']) a
$$;
-- +goose StatementEnd

-- The operator's way out of parked. accept: the flux that is known, or p_flux of several, is ours; the row is deposited and followed. lookup: in doubt
-- again, by the ordinary rules. resubmit: in doubt, and sent again when its absence is proven, or, with p_override, when one complete search finds nothing.
-- abandon: given up; with p_override also one that was accepted. Returns the new state.
-- +goose StatementBegin
CREATE FUNCTION chorus.resolve(p_id bigint, p_action text, p_reason text, p_flux text DEFAULT NULL, p_override boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i        chorus.invoices%ROWTYPE;
    refusal  text;
    accepted text;
    s        text;
    why      CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(820001, 4); -- no quarantine begins meanwhile
    IF p_action IS NULL OR p_action NOT IN ('accept', 'lookup', 'resubmit', 'abandon') THEN
        RAISE EXCEPTION 'an invoice is resolved by accept, lookup, resubmit or abandon' USING ERRCODE = 'CH023';
    END IF;
    IF p_flux IS NOT NULL AND p_action <> 'accept' THEN
        RAISE EXCEPTION 'a flux is named to accept it, and for nothing else' USING ERRCODE = 'CH023';
    END IF;
    IF p_override AND p_action NOT IN ('resubmit', 'abandon') THEN
        RAISE EXCEPTION 'override goes with resubmit and abandon only' USING ERRCODE = 'CH023';
    END IF;
    IF coalesce(why, '') = '' THEN
        RAISE EXCEPTION 'resolving a parked invoice needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    refusal := chorus.why_not_resolve(p_id, p_action, p_flux, p_override);
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal USING ERRCODE = 'CH022';
    END IF;
    CASE p_action
    WHEN 'accept' THEN
        accepted := coalesce(p_flux, (SELECT k.flux FROM chorus.known_fluxes(p_id) k));
        -- When it was deposited, or at least not later: as a witness (docs/protocol.md §3.4) it must not look younger than it is.
        UPDATE chorus.invoices
        SET state = 'deposited', reason_code = 'OPERATOR', reason = why, due_at = clock_timestamp(), etat_flux = NULL, etat_flux_date = NULL,
            numero_flux_depot = accepted,
            deposited_at = coalesce(
                (SELECT finished_at FROM chorus.attempts WHERE invoice_id = p_id AND numero_flux_depot = accepted),
                (SELECT min(claimed_at) FROM chorus.attempts WHERE invoice_id = p_id))
        WHERE id = p_id
        RETURNING state INTO s;
    WHEN 'lookup' THEN
        UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'OPERATOR', reason = why, due_at = clock_timestamp() WHERE id = p_id RETURNING state INTO s;
    WHEN 'resubmit' THEN
        UPDATE chorus.invoices
        SET state = 'in_doubt', reason = why, due_at = clock_timestamp(), refusals = 0, panics = 0,
            reason_code = CASE WHEN p_override THEN 'RESUBMIT_OVERRIDE' ELSE 'RESUBMIT_WANTED' END,
            numero_flux_depot = NULL, date_depot = NULL, etat_flux = NULL, etat_flux_date = NULL, deposited_at = NULL -- the attempts remember
        WHERE id = p_id
        RETURNING state INTO s;
    WHEN 'abandon' THEN
        UPDATE chorus.invoices
        SET state = 'abandoned', reason_code = 'OPERATOR', reason = CASE WHEN p_override THEN 'override: ' ELSE '' END || why
        WHERE id = p_id
        RETURNING state INTO s;
    END CASE;
    RETURN s;
END $$;
-- +goose StatementEnd

-- Has an invoice read again (invalid), or sent again after its flux was rejected: the number is free then (docs/chorus-pro.md §10). A person may have sent
-- it by other ways since, and a refusal as duplicate may not have been read as one: it is looked up first. Nothing else can be retried.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION chorus.retry(p_id bigint, p_reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i chorus.invoices%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(820001, 4); -- no quarantine begins meanwhile
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'a retry needs a reason' USING ERRCODE = 'CH021';
    END IF;
    IF i.state = 'invalid' THEN
        BEGIN
            UPDATE chorus.invoices SET state = 'received', reason_code = 'RETRY', reason = p_reason, panics = 0, due_at = clock_timestamp() WHERE id = p_id;
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION 'invoice %: another one replaces the same invoice since', p_id USING ERRCODE = 'CH022';
        END;
        RETURN 'received';
    END IF;
    IF i.state = 'rejected' AND i.identifiant_facture_cpp IS NULL THEN
        BEGIN
            UPDATE chorus.invoices
            SET state = 'in_doubt', reason_code = 'RETRY', reason = p_reason, refusals = 0, panics = 0,
                numero_flux_depot = NULL, date_depot = NULL, etat_flux = NULL, etat_flux_date = NULL, deposited_at = NULL, due_at = clock_timestamp()
            WHERE id = p_id;
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION 'invoice %: another invoice has its number, or its place, since', p_id USING ERRCODE = 'CH022';
        END;
        RETURN 'in_doubt';
    END IF;
    IF i.state = 'rejected' THEN
        RAISE EXCEPTION 'invoice % was refused by its recipient: its number is used up, replace it', p_id USING ERRCODE = 'CH022';
    END IF;
    IF i.state = 'parked' THEN
        RAISE EXCEPTION 'invoice % is parked: it is resolved, not retried', p_id USING ERRCODE = 'CH022';
    END IF;
    RAISE EXCEPTION 'invoice % is %: only invalid invoices and rejected fluxes can be retried', p_id, i.state USING ERRCODE = 'CH022';
END $$;
-- +goose StatementEnd

-- An invoice that an operator gave up after it was sent may be at the portal all the same: another one of its number is looked up before it is sent.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_after_abandoned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.lookup_first := NEW.lookup_first OR EXISTS (
        SELECT
        FROM chorus.invoices o
        WHERE o.numero_facture = NEW.numero_facture AND o.state = 'abandoned' AND o.attempt_no > 0
          AND left(o.fournisseur_siret, 9) = left(NEW.fournisseur_siret, 9) AND extract(year FROM o.date_facture) = extract(year FROM NEW.date_facture));
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_after_abandoned BEFORE UPDATE ON chorus.invoices FOR EACH ROW
    WHEN (OLD.state = 'received' AND NEW.state = 'ready') EXECUTE FUNCTION chorus.invoices_after_abandoned();

REVOKE ALL ON FUNCTION chorus.known_fluxes(bigint), chorus.why_not_resolve(bigint, text, text, boolean), chorus.resolutions(bigint),
    chorus.resolve(bigint, text, text, text, boolean), chorus.invoices_after_abandoned() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.known_fluxes(bigint), chorus.resolutions(bigint) TO chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.resolve(bigint, text, text, text, boolean) TO chorus_operator;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Remedies: what is done about an invoice that the portal holds and that waits for its supplier (docs/chorus-pro.md §5.1, §8)

-- One row for each time. The worker carries it out: requested, then sending while a request may be in the air, then done or refused, or unknown when the
-- answer is lost; then the invoice's status is read before anything is repeated.
CREATE TABLE chorus.remedies (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id         bigint NOT NULL REFERENCES chorus.invoices,
    kind               text NOT NULL CHECK (kind IN ('complete', 'recycle')),
    requested_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    requested_by       text NOT NULL,
    comment            text CHECK (length(comment) <= 2000),
    destinataire_siret text CHECK (destinataire_siret ~ '^[0-9]{14}$'),
    code_service       text CHECK (length(code_service) <= 100),
    numero_engagement  text CHECK (length(numero_engagement) <= 50),
    state              text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'sending', 'done', 'refused', 'unknown')),
    reason             text,
    sent_at            timestamptz, -- when the first request may have left
    attempts           integer NOT NULL DEFAULT 0,
    finished_at        timestamptz,
    due_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    claim              bigint,
    claimed_until      timestamptz
);
CREATE INDEX remedies_invoice ON chorus.remedies (invoice_id, id);
CREATE UNIQUE INDEX remedies_open ON chorus.remedies (invoice_id) WHERE state NOT IN ('done', 'refused');
CREATE INDEX remedies_due ON chorus.remedies (due_at) WHERE state NOT IN ('done', 'refused');

CREATE TABLE chorus.remedy_files (
    remedy_id bigint NOT NULL REFERENCES chorus.remedies,
    n         integer NOT NULL,
    nom       text NOT NULL,
    mime      text NOT NULL,
    contenu   bytea NOT NULL,
    octets    integer NOT NULL GENERATED ALWAYS AS (octet_length(contenu)) STORED,
    piece_id  bigint, -- the portal's, once it was uploaded
    PRIMARY KEY (remedy_id, n)
);

-- A remedy that is over stays as it is; each change of state is an event of its invoice.
-- +goose StatementBegin
CREATE FUNCTION chorus.remedies_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state IN ('done', 'refused')
        OR (NEW.id, NEW.invoice_id, NEW.kind, NEW.requested_at, NEW.requested_by) IS DISTINCT FROM (OLD.id, OLD.invoice_id, OLD.kind, OLD.requested_at, OLD.requested_by)
        OR (NEW.comment, NEW.destinataire_siret, NEW.code_service, NEW.numero_engagement)
           IS DISTINCT FROM (OLD.comment, OLD.destinataire_siret, OLD.code_service, OLD.numero_engagement) THEN
        RAISE EXCEPTION 'remedy %: what was asked for, and what has ended, stays', OLD.id USING ERRCODE = 'CH003';
    END IF;
    IF NEW.state IN ('done', 'refused') THEN
        NEW.finished_at := clock_timestamp();
        NEW.claim := NULL;
        NEW.claimed_until := NULL;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER remedies_before_update BEFORE UPDATE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.remedies_before_update();
CREATE TRIGGER remedies_refuse BEFORE DELETE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER remedies_refuse_truncate BEFORE TRUNCATE ON chorus.remedies FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- +goose StatementBegin
CREATE FUNCTION chorus.remedies_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    code text := CASE
        WHEN TG_OP = 'INSERT' THEN 'REMEDY_REQUESTED'
        WHEN NEW.state = OLD.state THEN NULL
        WHEN NEW.state = 'done' THEN 'REMEDY_DONE'
        WHEN NEW.state = 'refused' THEN 'REMEDY_REFUSED'
    END;
BEGIN
    IF code IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
        SELECT i.id, chorus.actor(), i.state, i.state, code, jsonb_strip_nulls(jsonb_build_object(
            'remedy', NEW.id, 'kind', NEW.kind, 'reason', NEW.reason, 'comment', NEW.comment, 'destinataire_siret', NEW.destinataire_siret,
            'code_service', NEW.code_service, 'numero_engagement', NEW.numero_engagement,
            'files', nullif((SELECT count(*) FROM chorus.remedy_files f WHERE f.remedy_id = NEW.id), 0)))
        FROM chorus.invoices i
        WHERE i.id = NEW.invoice_id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER remedies_history AFTER INSERT OR UPDATE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.remedies_history();

-- Which invoice a remedy is for, locked; refused when it is not in the status that the remedy is for, or when another remedy is under way.
-- +goose StatementBegin
CREATE FUNCTION chorus.remediable(p_id bigint, p_statut text) RETURNS chorus.invoices LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i     chorus.invoices%ROWTYPE;
    wants CONSTANT text := CASE p_statut WHEN 'SUSPENDUE' THEN 'completed' ELSE 'recycled' END;
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF i.state <> 'integrated' OR i.identifiant_facture_cpp IS NULL OR i.statut_courant IS DISTINCT FROM p_statut THEN
        RAISE EXCEPTION 'invoice % is % (%): only what is % at Chorus Pro can be %', p_id, i.state, coalesce(i.statut_courant, 'no status'), p_statut, wants
            USING ERRCODE = 'CH022';
    END IF;
    IF EXISTS (SELECT FROM chorus.remedies r WHERE r.invoice_id = p_id AND r.state NOT IN ('done', 'refused')) THEN
        RAISE EXCEPTION 'invoice %: a remedy is under way already', p_id USING ERRCODE = 'CH022';
    END IF;
    RETURN i;
END $$;
-- +goose StatementEnd

-- Asks for a suspended invoice to be completed, with words, or files (chorus.attach, in the same transaction), or both. Returns the remedy.
-- +goose StatementBegin
CREATE FUNCTION chorus.complete(p_id bigint, p_comment text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r bigint;
BEGIN
    PERFORM chorus.remediable(p_id, 'SUSPENDUE');
    INSERT INTO chorus.remedies (invoice_id, kind, requested_by, comment)
    VALUES (p_id, 'complete', chorus.actor(), nullif(left(btrim(p_comment), 2000), ''))
    RETURNING id INTO r;
    RETURN r;
END $$;
-- +goose StatementEnd

-- Adds a file to a completion that has not begun yet. The rules are the portal's (docs/chorus-pro.md §6.1).
-- +goose StatementBegin
CREATE FUNCTION chorus.attach(p_remedy bigint, p_nom text, p_contenu bytea, p_mime text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r chorus.remedies%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.remedies WHERE id = p_remedy FOR UPDATE;
    IF NOT FOUND OR r.kind <> 'complete' THEN
        RAISE EXCEPTION 'there is no completion %', p_remedy USING ERRCODE = 'CH020';
    END IF;
    IF r.state <> 'requested' OR r.attempts > 0 OR r.claim IS NOT NULL THEN
        RAISE EXCEPTION 'completion % has begun: attach files in the transaction that asks for it', p_remedy USING ERRCODE = 'CH022';
    END IF;
    IF p_nom IS NULL OR length(p_nom) > 50 OR p_nom ~ '[[:cntrl:]/\\]' OR p_nom !~ '^.+\.[A-Za-z0-9]+$' THEN
        RAISE EXCEPTION 'the name of an attachment has at most 50 characters, with its extension, and no path' USING ERRCODE = 'CH024', COLUMN = 'nom';
    END IF;
    IF upper(substring(p_nom FROM '[^.]*$')) <> ALL (string_to_array('BMP BZ2 CSV DOC DOCX FAX GIF GZ GZIP HTM HTML JPEG JPG ODP ODS ODT P7S PDF PNG PPS PPT PPTX '
        'RTF SVG TGZ TIF TIFF TXT XHTML XLC XLM XLS XLSX XML ZIP', ' ')) THEN
        RAISE EXCEPTION 'an attachment''s extension must be one that Chorus Pro takes, as PDF' USING ERRCODE = 'CH024', COLUMN = 'nom';
    END IF;
    IF p_contenu IS NULL OR octet_length(p_contenu) = 0 OR octet_length(p_contenu) >= 10485760 THEN
        RAISE EXCEPTION 'an attachment holds more than nothing and less than 10 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
    INSERT INTO chorus.remedy_files (remedy_id, n, nom, mime, contenu)
    SELECT p_remedy, count(*) + 1, p_nom, coalesce(nullif(left(p_mime, 100), ''), 'application/octet-stream'), p_contenu
    FROM chorus.remedy_files
    WHERE remedy_id = p_remedy;
    IF (SELECT count(*) > 50 OR sum(octets) > 118000000 FROM chorus.remedy_files WHERE remedy_id = p_remedy) THEN
        RAISE EXCEPTION 'the attachments of one completion are at most 50, with 118 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
END $$;
-- +goose StatementEnd

-- Asks for an invoice that went to the wrong place to be routed anew under its number. What is null stays as it was; a service belongs to its recipient and
-- does not move with the invoice to another one. Returns the remedy.
-- +goose StatementBegin
CREATE FUNCTION chorus.recycle(p_id bigint, p_destinataire text DEFAULT NULL, p_service text DEFAULT NULL, p_engagement text DEFAULT NULL, p_comment text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i      chorus.invoices%ROWTYPE := chorus.remediable(p_id, 'A_RECYCLER');
    before chorus.remedies%ROWTYPE;
    r      bigint;
BEGIN
    IF coalesce(p_destinataire, p_service, p_engagement, '') = '' THEN
        RAISE EXCEPTION 'recycling needs another recipient, service or commitment' USING ERRCODE = 'CH024';
    END IF;
    IF p_destinataire !~ '^[0-9]{14}$' OR length(p_service) > 100 OR length(p_engagement) > 50 THEN
        RAISE EXCEPTION 'a recipient is a SIRET of 14 digits, a service has at most 100 characters, a commitment at most 50' USING ERRCODE = 'CH024';
    END IF;
    SELECT * INTO before FROM chorus.remedies WHERE invoice_id = p_id AND kind = 'recycle' AND state = 'done' ORDER BY id DESC LIMIT 1;
    IF NOT FOUND THEN
        before.destinataire_siret := i.destinataire_siret;
        before.code_service := i.code_service;
        before.numero_engagement := i.numero_engagement;
    END IF;
    INSERT INTO chorus.remedies (invoice_id, kind, requested_by, comment, destinataire_siret, code_service, numero_engagement)
    VALUES (p_id, 'recycle', chorus.actor(), nullif(left(btrim(p_comment), 2000), ''),
            coalesce(p_destinataire, before.destinataire_siret),
            coalesce(p_service, CASE WHEN coalesce(p_destinataire = before.destinataire_siret, true) THEN before.code_service END),
            coalesce(p_engagement, before.numero_engagement))
    RETURNING id INTO r;
    RETURN r;
END $$;
-- +goose StatementEnd

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Replacing: a new invoice, under a new number, for one that its recipient refused

ALTER TABLE chorus.invoices ADD COLUMN replaces bigint REFERENCES chorus.invoices;
-- One at a time: a replacement that Chorus Pro never took makes room for another.
CREATE UNIQUE INDEX invoices_replaces_key ON chorus.invoices (replaces)
    WHERE replaces IS NOT NULL AND state NOT IN ('invalid', 'cancelled') AND NOT (state = 'rejected' AND identifiant_facture_cpp IS NULL);

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_replaces() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o chorus.invoices%ROWTYPE;
    n bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'invoice %: what it replaces cannot be changed', OLD.id USING ERRCODE = 'CH001', COLUMN = 'replaces';
    END IF;
    SELECT * INTO o FROM chorus.invoices WHERE id = NEW.replaces FOR UPDATE;
    IF NOT FOUND OR o.account <> NEW.account THEN
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
CREATE TRIGGER invoices_replaces_stays BEFORE UPDATE ON chorus.invoices FOR EACH ROW
    WHEN (NEW.replaces IS DISTINCT FROM OLD.replaces) EXECUTE FUNCTION chorus.invoices_replaces();

REVOKE ALL ON FUNCTION chorus.remedies_before_update(), chorus.remedies_history(), chorus.remediable(bigint, text), chorus.complete(bigint, text),
    chorus.attach(bigint, text, bytea, text), chorus.recycle(bigint, text, text, text, text), chorus.invoices_replaces() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.complete(bigint, text), chorus.attach(bigint, text, bytea, text), chorus.recycle(bigint, text, text, text, text)
    TO chorus_app, chorus_operator;
GRANT SELECT ON chorus.remedies TO chorus_app, chorus_operator, chorus_reader, chorus_worker;
GRANT SELECT (remedy_id, n, nom, mime, octets, piece_id) ON chorus.remedy_files TO chorus_operator, chorus_reader;
GRANT SELECT, UPDATE (piece_id) ON chorus.remedy_files TO chorus_worker;
GRANT UPDATE (state, reason, sent_at, attempts, due_at, claim, claimed_until) ON chorus.remedies TO chorus_worker;
GRANT INSERT (replaces) ON chorus.invoices TO chorus_app, chorus_operator;
GRANT SELECT (replaces) ON chorus.invoices TO chorus_app, chorus_operator, chorus_reader;
