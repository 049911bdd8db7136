-- The change feed: what it shows that no row stands for, what has been learned of each structure's, and what the portal makes of its filter.

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
CREATE INDEX strangers_numero ON chorus.strangers (numero_facture);
CREATE INDEX strangers_changed ON chorus.strangers (account, id_structure_cpp, statut_date);
GRANT SELECT, INSERT, UPDATE, DELETE ON chorus.strangers TO chorus_worker;
GRANT SELECT ON chorus.strangers TO chorus_operator, chorus_reader;

ALTER TABLE chorus.structures
    ADD COLUMN known_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How far behind the watermark a change lay when it was first seen, lately; and how long after the acknowledgement of a deposit its invoice was.
    ADD COLUMN lateness        interval,
    ADD COLUMN usual_wait      interval,
    -- Nothing of ours is open: read now and then only. A deposit wakes it.
    ADD COLUMN resting         boolean NOT NULL DEFAULT false,
    ADD COLUMN count_due_at    timestamptz NOT NULL DEFAULT '-infinity', -- the last day's changes are counted
    ADD COLUMN deep_due_at     timestamptz NOT NULL DEFAULT '-infinity', -- the last month's
    ADD COLUMN probe_due_at    timestamptz NOT NULL DEFAULT '-infinity', -- what the portal makes of the filter is tried
    ADD COLUMN filter_honoured text NOT NULL DEFAULT 'unknown' CHECK (filter_honoured IN ('unknown', 'hours', 'days', 'ignored')),
    ADD COLUMN filter_offset   interval NOT NULL DEFAULT '0', -- what is asked for must be so much later than what is meant
    ADD COLUMN depot_cursor    date; -- without the filter: the day of deposit that was read last
CREATE INDEX structures_identifiant ON chorus.structures (account, identifiant);

-- For counting changes; state says whether anything is open.
CREATE INDEX invoices_changed ON chorus.invoices (fournisseur_siret, statut_courant_date) INCLUDE (state) WHERE identifiant_facture_cpp IS NOT NULL;

-- A deposit wakes the feed that will show it.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.structures
    SET resting = false, next_sync_at = least(next_sync_at, clock_timestamp())
    WHERE account = NEW.account AND identifiant = NEW.fournisseur_siret AND resting;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION chorus.invoices_watch() FROM PUBLIC;
CREATE TRIGGER invoices_watch AFTER UPDATE OF state ON chorus.invoices
    FOR EACH ROW WHEN (NEW.state = 'deposited' AND OLD.state <> 'deposited') EXECUTE FUNCTION chorus.invoices_watch();

-- Writes down what the portal makes of a feed's filter. That it does not do as it should is said once, and that it does so again.
-- +goose StatementBegin
CREATE FUNCTION chorus.feed_honours(p_account text, p_structure bigint, p_honoured text, p_offset interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s    chorus.structures%ROWTYPE;
    good CONSTANT boolean := p_honoured IN ('unknown', 'hours') AND p_offset = interval '0';
BEGIN
    SELECT * INTO s FROM chorus.structures WHERE account = p_account AND id_structure_cpp = p_structure FOR UPDATE;
    IF NOT FOUND OR (s.filter_honoured, s.filter_offset) = (p_honoured, p_offset) THEN
        RETURN false;
    END IF;
    UPDATE chorus.structures
    SET filter_honoured = p_honoured, filter_offset = p_offset, depot_cursor = NULL
    WHERE account = p_account AND id_structure_cpp = p_structure;
    IF good AND s.filter_honoured IN ('unknown', 'hours') AND s.filter_offset = interval '0' THEN
        RETURN false;
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN good THEN 'FEED_RESTORED' ELSE 'FEED_DEGRADED' END, jsonb_build_object(
        'account', p_account, 'structure', p_structure, 'identifiant', s.identifiant,
        'what', CASE p_honoured WHEN 'days' THEN 'the period of the last change honours days only'
                                WHEN 'ignored' THEN 'the period of the last change is ignored'
                                ELSE CASE WHEN good THEN 'the period of the last change is honoured' ELSE 'the period of the last change is shifted by ' || p_offset END END));
    RETURN true;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION chorus.feed_honours(text, bigint, text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.feed_honours(text, bigint, text, interval) TO chorus_worker;
