-- The life cycle at Chorus Pro as data: what each status means and who acts next, moves that are unusual, reasons that are asked for, and recipients that
-- never report a payment.

-- +goose Up

-- chorus/statuts.go as a table, for applications to join and for the rules below; a test compares the two.
CREATE TABLE chorus.statuts (
    code           text PRIMARY KEY,
    next_actor     text NOT NULL,
    terminal       boolean NOT NULL,
    state          text NOT NULL REFERENCES chorus.states, -- where it puts a row
    stage          integer NOT NULL,                       -- how far on its way an ordinary invoice is; 0 compares with nothing
    awaits_payment boolean NOT NULL,
    needs_reason   boolean NOT NULL,
    successors     text[] NOT NULL,                        -- the usual ones; any may follow any
    en             text NOT NULL,
    fr             text NOT NULL
);
INSERT INTO chorus.statuts (code, next_actor, terminal, state, stage, awaits_payment, needs_reason, successors, en, fr) VALUES
    ('BROUILLON', 'supplier', false, 'integrated', 1, false, false,
     '{DEPOSEE,A_VALIDER_1,SUPPRIMEE}',
     'draft, not submitted', 'brouillon, pas encore soumise'),
    ('A_VALIDER_1', 'validator', false, 'integrated', 2, false, false,
     '{VALIDEE_1,REFUSEE_1,ABSENCE_VALIDATION_1_HORS_DELAI,ERREUR_FOURNISSEUR_SUR_VALIDEUR}',
     'waits for the first validator (sub- or co-contracting)', 'en attente du premier valideur (sous-traitance, cotraitance)'),
    ('ERREUR_FOURNISSEUR_SUR_VALIDEUR', 'supplier', false, 'integrated', 2, false, true,
     '{A_VALIDER_1}',
     'the supplier named the wrong validator', 'erreur du fournisseur sur le valideur'),
    ('REFUSEE_1', 'supplier', false, 'integrated', 2, false, true,
     '{DUPLIQUE_APRES_REFUS,ABANDONNEE}',
     'refused by the first validator', 'refusée par le premier valideur'),
    ('VALIDEE_1', 'portal', false, 'integrated', 2, false, false,
     '{A_VALIDER_2,DEPOSEE,EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION}',
     'approved by the first validator', 'validée par le premier valideur'),
    ('ABSENCE_VALIDATION_1_HORS_DELAI', 'portal', false, 'integrated', 2, false, false,
     '{A_VALIDER_2,DEPOSEE,EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION}',
     'the first validator did not answer in time', 'pas de réponse du premier valideur dans le délai'),
    ('A_VALIDER_2', 'validator', false, 'integrated', 2, false, false,
     '{VALIDEE_2,REFUSEE_2,ABSENCE_VALIDATION_2_HORS_DELAI,ERREUR_COTRAITANT_SUR_VALIDEUR}',
     'waits for the second validator', 'en attente du second valideur'),
    ('ERREUR_COTRAITANT_SUR_VALIDEUR', 'supplier', false, 'integrated', 2, false, true,
     '{A_VALIDER_2}',
     'the co-contractor named the wrong validator', 'erreur du cotraitant sur le valideur'),
    ('REFUSEE_2', 'supplier', false, 'integrated', 2, false, true,
     '{DUPLIQUE_APRES_REFUS,ABANDONNEE}',
     'refused by the second validator', 'refusée par le second valideur'),
    ('VALIDEE_2', 'portal', false, 'integrated', 2, false, false,
     '{DEPOSEE,EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION}',
     'approved by the second validator', 'validée par le second valideur'),
    ('ABSENCE_VALIDATION_2_HORS_DELAI', 'portal', false, 'integrated', 2, false, false,
     '{DEPOSEE,EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION}',
     'the second validator did not answer in time', 'pas de réponse du second valideur dans le délai'),
    ('DEPOSEE', 'portal', false, 'integrated', 2, false, false,
     '{EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION,A_VALIDER_1}',
     'received and valid', 'déposée'),
    ('ERREUR_FOURNISSEUR_SUR_MOE', 'supplier', false, 'integrated', 0, false, true,
     '{A_VALIDER_MOE}',
     'the supplier named the wrong project manager (works)', 'erreur du fournisseur sur la maîtrise d''œuvre'),
    ('EN_COURS_ACHEMINEMENT', 'portal', false, 'integrated', 3, false, false,
     '{MISE_A_DISPOSITION}',
     'on its way to the recipient''s system', 'en cours d''acheminement vers le destinataire'),
    ('MISE_A_DISPOSITION', 'recipient', false, 'integrated', 4, false, false,
     '{PRISE_EN_COMPTE_DESTINATAIRE,SERVICE_FAIT,MANDATEE,SUSPENDUE,A_RECYCLER,REJETEE}',
     'the recipient has been told', 'mise à disposition du destinataire'),
    ('A_RECYCLER', 'supplier', false, 'integrated', 0, false, true,
     '{DEPOSEE,EN_COURS_ACHEMINEMENT,MISE_A_DISPOSITION,ABANDONNEE}',
     'wrong recipient, service or commitment: send back corrected under the same number (being withdrawn)', 'à recycler : destinataire, service ou engagement erroné, même numéro (en voie de retrait)'),
    ('SUSPENDUE', 'supplier', false, 'integrated', 0, false, true,
     '{COMPLETEE,REJETEE,ABANDONNEE}',
     'supporting documents are missing: complete it', 'suspendue : pièces justificatives à compléter'),
    ('REJETEE', 'supplier', true, 'rejected', 10, false, true,
     '{DUPLIQUE_APRES_REFUS}',
     'refused by the recipient: cancel it and issue a new number', 'rejetée par le destinataire : annuler et émettre un nouveau numéro'),
    ('MANDATEE', 'accountant', false, 'integrated', 7, true, false,
     '{MISE_A_DISPOSITION_COMPTABLE,COMPTABILISEE,MISE_EN_PAIEMENT,SUSPENDUE,REJETEE}',
     'payment order made', 'mandatée'),
    ('MISE_EN_PAIEMENT', 'none', true, 'settled', 10, false, false,
     '{}',
     'transfer sent to the bank', 'mise en paiement'),
    ('COMPTABILISEE', 'accountant', false, 'integrated', 9, true, false,
     '{MISE_EN_PAIEMENT}',
     'booked', 'comptabilisée'),
    ('MISE_A_DISPOSITION_COMPTABLE', 'accountant', false, 'integrated', 8, true, false,
     '{COMPTABILISEE,MISE_EN_PAIEMENT,SUSPENDUE,REJETEE}',
     'at the public accountant''s', 'mise à disposition du comptable'),
    ('ABANDONNEE', 'none', true, 'settled', 10, false, false,
     '{}',
     'dropped', 'abandonnée'),
    ('SUPPRIMEE', 'none', true, 'settled', 10, false, false,
     '{}',
     'deleted', 'supprimée'),
    ('ASSOCIEE', 'portal', false, 'integrated', 0, false, false,
     '{}',
     'attached to another document (works)', 'associée à une autre pièce'),
    ('EN_COURS_TRAITEMENT_PIVOT_S', 'portal', false, 'integrated', 0, false, false,
     '{}',
     'being processed by the portal', 'en cours de traitement par le portail'),
    ('A_VALIDER_MOE', 'moe', false, 'integrated', 0, false, false,
     '{TRANSMISE_MOA,REFUSEE_MOE}',
     'waits for the project manager (works)', 'à valider par la maîtrise d''œuvre'),
    ('REFUSEE_MOE', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'refused by the project manager', 'refusée par la maîtrise d''œuvre'),
    ('EN_ATTENTE_RECYCLAGE_FOURNISSEUR', 'supplier', false, 'integrated', 0, false, true,
     '{DEPOSEE}',
     'waits for the supplier to send it back corrected', 'en attente de recyclage par le fournisseur'),
    ('ERREUR_MOE_SUR_FOURNISSEUR', 'moe', false, 'integrated', 0, false, false,
     '{}',
     'the project manager named the wrong supplier', 'erreur de la maîtrise d''œuvre sur le fournisseur'),
    ('ERREUR_MOA_SUR_FOURNISSEUR', 'moa', false, 'integrated', 0, false, false,
     '{}',
     'the contracting authority named the wrong supplier', 'erreur de la maîtrise d''ouvrage sur le fournisseur'),
    ('INTERPRETEE_OCR', 'supplier', false, 'integrated', 1, false, false,
     '{DEPOSEE,A_VALIDER_1,SUPPRIMEE}',
     'read by OCR, waits to be checked and submitted', 'interprétée par OCR, à vérifier et soumettre'),
    ('COMPLETEE', 'recipient', false, 'integrated', 0, false, false,
     '{MISE_A_DISPOSITION,PRISE_EN_COMPTE_DESTINATAIRE,SERVICE_FAIT,MANDATEE,SUSPENDUE,REJETEE}',
     'the supplier has completed it', 'complétée par le fournisseur'),
    ('ERREUR_FOURNISSEUR_SUR_MOA', 'supplier', false, 'integrated', 0, false, true,
     '{TRANSMISE_MOA}',
     'the supplier named the wrong contracting authority (works)', 'erreur du fournisseur sur la maîtrise d''ouvrage'),
    ('ERREUR_MOE_SUR_MOA', 'moe', false, 'integrated', 0, false, false,
     '{}',
     'the project manager named the wrong contracting authority', 'erreur de la maîtrise d''œuvre sur la maîtrise d''ouvrage'),
    ('ERREUR_DESTINATAIRE_PD', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'wrong recipient of a draft statement (works)', 'erreur de destinataire du projet de décompte'),
    ('ERREUR_DESTINATAIRE_EA', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'wrong recipient of a statement of account (works)', 'erreur de destinataire de l''état d''acompte'),
    ('SERVICE_FAIT', 'recipient', false, 'integrated', 6, false, false,
     '{MANDATEE,SUSPENDUE,REJETEE}',
     'delivery certified', 'service fait'),
    ('NON_CONFORME', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'does not conform', 'non conforme'),
    ('A_ASSOCIER_MOE', 'moe', false, 'integrated', 0, false, false,
     '{ASSOCIEE}',
     'to be attached by the project manager', 'à associer par la maîtrise d''œuvre'),
    ('ERREUR_DE_MOE', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'wrong project manager', 'erreur de maîtrise d''œuvre'),
    ('MISE_A_DISPOSITION_MOE', 'moe', false, 'integrated', 0, false, false,
     '{PRISE_EN_COMPTE_MOE}',
     'the project manager has been told', 'mise à disposition de la maîtrise d''œuvre'),
    ('PRISE_EN_COMPTE_MOE', 'moe', false, 'integrated', 0, false, false,
     '{TRANSMISE_MOA,REFUSEE_MOE}',
     'taken by the project manager', 'prise en compte par la maîtrise d''œuvre'),
    ('A_ASSOCIER_MOA', 'moa', false, 'integrated', 0, false, false,
     '{ASSOCIEE}',
     'to be attached by the contracting authority', 'à associer par la maîtrise d''ouvrage'),
    ('ERREUR_DE_MOA', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'wrong contracting authority', 'erreur de maîtrise d''ouvrage'),
    ('REFUSEE_MOA', 'supplier', false, 'integrated', 0, false, true,
     '{}',
     'refused by the contracting authority', 'refusée par la maîtrise d''ouvrage'),
    ('A_ASSOCIER_FOURNISSEUR', 'supplier', false, 'integrated', 0, false, false,
     '{ASSOCIEE}',
     'to be attached by the supplier', 'à associer par le fournisseur'),
    ('REFUSEE_FOURNISSEUR', 'supplier', false, 'integrated', 0, false, false,
     '{}',
     'refused by the supplier (works)', 'refusée par le fournisseur'),
    ('A_COMPLETER', 'supplier', false, 'integrated', 0, false, true,
     '{COMPLETEE}',
     'to be completed', 'à compléter'),
    ('TRANSMISE_MOA', 'moa', false, 'integrated', 0, false, false,
     '{MISE_A_DISPOSITION_MOA}',
     'passed to the contracting authority', 'transmise à la maîtrise d''ouvrage'),
    ('PRISE_EN_COMPTE_DESTINATAIRE', 'recipient', false, 'integrated', 5, false, false,
     '{SERVICE_FAIT,MANDATEE,SUSPENDUE,A_RECYCLER,REJETEE}',
     'taken by the recipient', 'prise en compte par le destinataire'),
    ('REMPLACEE_PAR_A22', 'none', true, 'settled', 10, false, false,
     '{}',
     'replaced by another document (works)', 'remplacée par un document A22'),
    ('DUPLIQUE_APRES_REFUS', 'none', true, 'settled', 10, false, false,
     '{}',
     'copied into a new one after a refusal', 'dupliquée après refus'),
    ('MISE_A_DISPOSITION_MOA', 'moa', false, 'integrated', 0, false, false,
     '{PRISE_EN_COMPTE_MOA}',
     'the contracting authority has been told', 'mise à disposition de la maîtrise d''ouvrage'),
    ('PRISE_EN_COMPTE_MOA', 'moa', false, 'integrated', 0, false, false,
     '{REFUSEE_MOA}',
     'taken by the contracting authority', 'prise en compte par la maîtrise d''ouvrage'),
    ('TECHNIQUE_INCONNU', 'unknown', false, 'integrated', 0, false, false,
     '{}',
     'unknown to the portal itself', 'statut technique inconnu');

-- What the recipients of open invoices demand and report (docs/chorus-pro.md §5.3), asked for seldom.
CREATE TABLE chorus.recipients (
    id                    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    siret                 text PRIMARY KEY,
    id_structure_cpp      bigint,
    never_reports_payment boolean, -- null: not known
    service_required      boolean,
    engagement_required   boolean,
    either_required       boolean, -- a service or a commitment
    checked_at            timestamptz,
    due_at                timestamptz NOT NULL DEFAULT '-infinity'
);

-- When the history of an invoice is due to be read for the reason of its status; null = no need.
ALTER TABLE chorus.invoices ADD COLUMN reason_due_at timestamptz;

CREATE INDEX invoices_reason ON chorus.invoices (account, reason_due_at) WHERE reason_due_at IS NOT NULL;
CREATE INDEX invoices_recipient ON chorus.invoices (destinataire_siret) WHERE state = 'integrated';
CREATE INDEX events_unusual ON chorus.events (reason_code, at) WHERE reason_code IN ('UNKNOWN_STATUT', 'BACKWARDS');

-- Whoever writes the status: one that is of no use without its reason has the reason asked for when it came without. Runs after invoices_before_update.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_reason() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
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
CREATE TRIGGER invoices_reason BEFORE UPDATE ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant IS NOT NULL
        AND (NEW.state, NEW.statut_courant, NEW.statut_courant_date, NEW.statut_commentaire)
            IS DISTINCT FROM (OLD.state, OLD.statut_courant, OLD.statut_courant_date, OLD.statut_commentaire))
    EXECUTE FUNCTION chorus.invoices_reason();

-- Beside the history of each change: a status that is not known, a move that goes back (from a final status, or to an earlier stage, and not a usual
-- one), and a reason that came after its status. They say so; they decide nothing.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_statut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    code text;
BEGIN
    IF NEW.statut_courant IS DISTINCT FROM OLD.statut_courant THEN
        SELECT CASE
                   WHEN coalesce(s.next_actor, 'unknown') = 'unknown' THEN 'UNKNOWN_STATUT'
                   WHEN s.code <> ALL (b.successors) AND (b.terminal OR s.stage BETWEEN 1 AND b.stage - 1) THEN 'BACKWARDS'
               END
        INTO code
        FROM (VALUES (1)) one
        LEFT JOIN chorus.statuts s ON s.code = NEW.statut_courant
        LEFT JOIN chorus.statuts b ON b.code = OLD.statut_courant;
    ELSIF NEW.state = OLD.state AND NEW.statut_courant_date IS NOT DISTINCT FROM OLD.statut_courant_date AND NEW.statut_commentaire IS NOT NULL THEN
        code := 'REASON';
    END IF;
    IF code IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), NEW.state, NEW.state, nullif(NEW.attempt_no, 0), code, jsonb_strip_nulls(jsonb_build_object(
            'statut_courant', NEW.statut_courant,
            'statut_precedent', nullif(OLD.statut_courant, NEW.statut_courant),
            'statut_courant_date', NEW.statut_courant_date,
            'statut_commentaire', NEW.statut_commentaire)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_statut AFTER UPDATE ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant IS NOT NULL
        AND (NEW.statut_courant, NEW.statut_commentaire) IS DISTINCT FROM (OLD.statut_courant, OLD.statut_commentaire))
    EXECUTE FUNCTION chorus.invoices_statut();

-- Adds to the history of an invoice the earlier statuses that the portal's own history shows and that were never seen here, for the job that has claimed it.
-- +goose StatementBegin
CREATE FUNCTION chorus.earlier_statuts(p_id bigint, p_claim bigint, p_codes text[], p_dates timestamptz[], p_comments text[]) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH added AS (
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        SELECT i.id, chorus.actor(), i.state, i.state, nullif(i.attempt_no, 0), 'STATUT', jsonb_strip_nulls(jsonb_build_object(
                   'statut_courant', h.code,
                   'statut_courant_date', h.at,
                   'statut_commentaire', nullif(h.comment, ''),
                   'from_history', true))
        FROM chorus.invoices i, unnest(p_codes, p_dates, p_comments) WITH ORDINALITY AS h (code, at, comment, k)
        WHERE i.id = p_id AND i.claim = p_claim
          AND NOT EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = p_id AND e.detail ->> 'statut_courant' = h.code)
        ORDER BY h.k
        RETURNING 1
    )
    SELECT count(*) FROM added
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.invoices_reason(), chorus.invoices_statut(), chorus.earlier_statuts(bigint, bigint, text[], timestamptz[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.earlier_statuts(bigint, bigint, text[], timestamptz[], text[]) TO chorus_worker;
GRANT SELECT ON chorus.statuts, chorus.recipients TO chorus_app, chorus_worker, chorus_operator, chorus_reader;
GRANT SELECT (reason_due_at) ON chorus.invoices TO chorus_operator, chorus_reader;
GRANT UPDATE (reason_due_at) ON chorus.invoices TO chorus_worker;
GRANT INSERT, UPDATE ON chorus.recipients TO chorus_worker;
