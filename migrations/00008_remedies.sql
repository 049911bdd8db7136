-- Remedies: what is done about an invoice that the portal holds and that waits for its supplier (docs/chorus-pro.md §5.1, §8): completing one that is
-- suspended, recycling one that went to the wrong place.

-- +goose Up

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
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
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

-- Asks for a suspended invoice to be completed, with words, or files (chorus.attach, in the same transaction), or both; attachments that wait go with them. Returns the remedy.
-- +goose StatementBegin
CREATE FUNCTION chorus.complete(p_id bigint, p_comment text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r bigint;
BEGIN
    PERFORM chorus.remediable(p_id, 'SUSPENDUE');
    INSERT INTO chorus.remedies (invoice_id, kind, requested_by, comment)
    VALUES (p_id, 'complete', chorus.actor(), nullif(left(btrim(p_comment), 2000), ''))
    RETURNING id INTO r;
    PERFORM chorus.send_attachments(p_id);
    RETURN r;
END $$;
-- +goose StatementEnd

-- What the portal takes as an attachment (docs/chorus-pro.md §6.1).
-- +goose StatementBegin
CREATE FUNCTION chorus.check_file(p_nom text, p_contenu bytea) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
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
END $$;
-- +goose StatementEnd

-- Adds a file to a completion that has not begun yet.
-- +goose StatementBegin
CREATE FUNCTION chorus.attach(p_remedy bigint, p_nom text, p_contenu bytea, p_mime text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r chorus.remedies%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.remedies WHERE id = p_remedy AND EXISTS (SELECT FROM chorus.invoices i WHERE i.id = invoice_id AND chorus.sees(i.account)) FOR UPDATE;
    IF NOT FOUND OR r.kind <> 'complete' THEN
        RAISE EXCEPTION 'there is no completion %', p_remedy USING ERRCODE = 'CH020';
    END IF;
    IF r.state <> 'requested' OR r.attempts > 0 OR r.claim IS NOT NULL THEN
        RAISE EXCEPTION 'completion % has begun: attach files in the transaction that asks for it', p_remedy USING ERRCODE = 'CH022';
    END IF;
    PERFORM chorus.check_file(p_nom, p_contenu);
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
-- Attachments that an application gives to an invoice, before it is sent or after. Each goes as soon as the portal takes it (docs/chorus-pro.md §6.1): with the submission of a
-- PDF without XML when it comes before that is read, else in a completion, when the recipient has suspended the invoice. Until then it waits here.
CREATE TABLE chorus.attachments (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id  bigint NOT NULL REFERENCES chorus.invoices,
    nom         text NOT NULL,
    contenu     bytea, -- until a completion has it
    mime        text,
    octets      integer NOT NULL,
    goes        text NOT NULL CHECK (goes IN ('submission', 'completion')),
    remedy_id   bigint REFERENCES chorus.remedies, -- the completion that has it
    piece_id    bigint, -- the portal's, once it was uploaded for a submission
    uploaded_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by  text NOT NULL
);
CREATE INDEX attachments_invoice ON chorus.attachments (invoice_id, id);

-- The row of the invoice is locked, so that nothing is added behind the back of a job that has begun to send it.
-- +goose StatementBegin
CREATE FUNCTION chorus.attachments_before_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen  boolean;
    state text;
    pdf   boolean;
BEGIN
    SELECT chorus.sees(i.account), i.state, i.fields IS NOT NULL INTO seen, state, pdf FROM chorus.invoices i WHERE i.id = NEW.invoice_id FOR NO KEY UPDATE;
    IF seen IS NOT TRUE THEN
        RAISE EXCEPTION 'column "invoice_id" names no invoice' USING ERRCODE = 'CH020', COLUMN = 'invoice_id';
    END IF;
    IF state IN ('invalid', 'rejected', 'settled', 'cancelled', 'abandoned') THEN
        RAISE EXCEPTION 'invoice % is %: nothing is sent for it any more, and no file', NEW.invoice_id, state USING ERRCODE = 'CH022', COLUMN = 'invoice_id';
    END IF;
    PERFORM chorus.check_file(NEW.nom, NEW.contenu);
    NEW.octets := octet_length(NEW.contenu);
    NEW.mime := coalesce(nullif(left(NEW.mime, 100), ''), 'application/octet-stream');
    NEW.goes := CASE WHEN pdf AND state = 'received' THEN 'submission' ELSE 'completion' END;
    NEW.created_at := clock_timestamp();
    NEW.created_by := chorus.actor();
    IF (SELECT count(*) >= 50 OR sum(a.octets) + NEW.octets > 118000000 FROM chorus.attachments a
        WHERE a.invoice_id = NEW.invoice_id AND a.goes = NEW.goes AND a.remedy_id IS NULL) THEN
        RAISE EXCEPTION 'the attachments of one invoice are at most 50, with 118 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attachments_before_insert BEFORE INSERT ON chorus.attachments FOR EACH ROW EXECUTE FUNCTION chorus.attachments_before_insert();

-- Puts the attachments that wait for a suspended invoice into a completion: one that was asked for and has not begun, else a new one. While another remedy is under way they go on
-- waiting. The caller has locked the invoice.
-- +goose StatementBegin
CREATE FUNCTION chorus.send_attachments(p_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r chorus.remedies%ROWTYPE;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.attachments a WHERE a.invoice_id = p_id AND a.goes = 'completion' AND a.remedy_id IS NULL) THEN
        RETURN;
    END IF;
    SELECT * INTO r FROM chorus.remedies WHERE invoice_id = p_id AND state NOT IN ('done', 'refused') FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO chorus.remedies (invoice_id, kind, requested_by) VALUES (p_id, 'complete', chorus.actor()) RETURNING * INTO r;
    ELSIF r.kind <> 'complete' OR r.state <> 'requested' OR r.attempts > 0 OR r.claim IS NOT NULL OR (
        SELECT count(*) > 50 OR sum(octets) > 118000000
        FROM (SELECT octets FROM chorus.remedy_files WHERE remedy_id = r.id
              UNION ALL SELECT octets FROM chorus.attachments WHERE invoice_id = p_id AND goes = 'completion' AND remedy_id IS NULL) f) THEN
        RETURN;
    END IF;
    INSERT INTO chorus.remedy_files (remedy_id, n, nom, mime, contenu)
    SELECT r.id, (SELECT count(*) FROM chorus.remedy_files WHERE remedy_id = r.id) + row_number() OVER (ORDER BY a.id), a.nom, a.mime, a.contenu
    FROM chorus.attachments a
    WHERE a.invoice_id = p_id AND a.goes = 'completion' AND a.remedy_id IS NULL;
    UPDATE chorus.attachments SET remedy_id = r.id, contenu = NULL WHERE invoice_id = p_id AND goes = 'completion' AND remedy_id IS NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.attachments_after_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM chorus.invoices i WHERE i.id = NEW.invoice_id AND i.state = 'integrated' AND i.identifiant_facture_cpp IS NOT NULL AND i.statut_courant = 'SUSPENDUE') THEN
        PERFORM chorus.send_attachments(NEW.invoice_id);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attachments_after_insert AFTER INSERT ON chorus.attachments FOR EACH ROW WHEN (NEW.goes = 'completion') EXECUTE FUNCTION chorus.attachments_after_insert();

-- A recipient has suspended an invoice, perhaps once more.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_suspended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.state = 'integrated' AND NEW.identifiant_facture_cpp IS NOT NULL
        AND (OLD.state, OLD.statut_courant, OLD.statut_courant_date) IS DISTINCT FROM (NEW.state, NEW.statut_courant, NEW.statut_courant_date) THEN
        PERFORM chorus.send_attachments(NEW.id);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_suspended AFTER UPDATE OF state, statut_courant, statut_courant_date ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant = 'SUSPENDUE') EXECUTE FUNCTION chorus.invoices_suspended();
