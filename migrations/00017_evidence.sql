-- Evidence: a chain of hashes over history, the exchanges of deposits as they were, and what proves that none of it was altered since.
--
-- The chain goes over the events in the order of seq, which one process gives after the commit: whoever writes an event waits for nobody, and the hash is written with
-- the number. An event's hash is SHA-256 of the hash of the event before it and of its own text (chorus.event_text). The text holds what the event's attempt was
-- when the event was numbered, as a hash of its text, and, where a deposit begins, what the invoice says. Where the chain ends stands in a table of its own. Whoever changes a row must write
-- all hashes after it anew, and the end, and then they differ from the heads that are announced each day (SEALED) and that stand in every file of evidence.

-- +goose Up

ALTER TABLE chorus.events
    ADD COLUMN hash           bytea,
    ADD COLUMN attempt_sha256 bytea,    -- of chorus.attempt_text(invoice_id, attempt, attempt_looks)
    ADD COLUMN attempt_looks  integer,  -- how many look-ups it had
    ADD COLUMN invoice_sha256 bytea;    -- of chorus.invoice_text(invoice_id)
CREATE INDEX events_evidence ON chorus.events (reason_code, at) WHERE reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN');
ALTER INDEX chorus.events_first_reason_code_at_idx RENAME TO events_first_evidence;

-- What is hashed, the same in every session.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempt_text(p_invoice bigint, p_n integer, p_looks integer) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
                   'id', id, 'invoice_id', invoice_id, 'n', n, 'worker', worker, 'nom_fichier', nom_fichier, 'sha256', encode(sha256, 'hex'), 'db_epoch', db_epoch,
                   'claimed_at', claimed_at, 'send_deadline', send_deadline, 'finished_at', finished_at, 'outcome', outcome, 'numero_flux_depot', numero_flux_depot,
                   'evidence', evidence - 'lookups',
                   'lookups', coalesce((SELECT jsonb_agg(l ORDER BY k) FROM jsonb_array_elements(evidence -> 'lookups') WITH ORDINALITY x (l, k) WHERE k <= p_looks), '[]'))::text
        FROM chorus.attempts
        WHERE invoice_id = p_invoice AND n = p_n
    );
END $$;
-- +goose StatementEnd

-- Every text that an attempt can have had when it had so many look-ups: as it is now; while nobody knew how it would end; and, where its worker was heard of late, while that one was
-- taken for lost (attempts_before_update allows no more). Whoever changes an attempt changes all three, and so each event that names it tells.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempt_texts(p_invoice bigint, p_n integer, p_looks integer) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    now  CONSTANT jsonb := chorus.attempt_text(p_invoice, p_n, p_looks);
    lost timestamptz;
BEGIN
    SELECT (e.detail ->> 'lost_at')::timestamptz INTO lost
    FROM chorus.events e
    WHERE e.invoice_id = p_invoice AND e.attempt = p_n AND e.reason_code = 'OUTCOME' AND e.detail ? 'lost_at';
    RETURN ARRAY[
        now::text,
        (now || '{"finished_at": null, "outcome": null, "numero_flux_depot": null, "evidence": {}}')::text,
        (now || jsonb_build_object('finished_at', lost, 'outcome', 'OWNER_LOST', 'numero_flux_depot', NULL,
                                   'evidence', CASE WHEN now -> 'evidence' ? 'since' THEN jsonb_build_object('since', now #> '{evidence,since}') ELSE '{}' END))::text];
END $$;
-- +goose StatementEnd

-- What never changes of an invoice that was sent. The document is in it by its hash.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoice_text(p_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
                   'id', id, 'external_ref', external_ref, 'account', account, 'created_at', created_at, 'document_sha256', encode(document_sha256, 'hex'), 'document_bytes', document_bytes,
                   'syntaxe', syntaxe, 'numero_facture', numero_facture, 'date_facture', date_facture, 'type_facture', type_facture,
                   'fournisseur_siret', fournisseur_siret, 'fournisseur_nom', fournisseur_nom, 'destinataire_siret', destinataire_siret, 'destinataire_nom', destinataire_nom,
                   'montant_ht', montant_ht, 'montant_tva', montant_tva, 'montant_ttc', montant_ttc, 'montant_a_payer', montant_a_payer, 'devise', devise,
                   'cadre_facturation', cadre_facturation, 'code_service', code_service, 'numero_engagement', numero_engagement)::text
        FROM chorus.invoices
        WHERE id = p_id
    );
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.event_text(e chorus.events) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    RETURN jsonb_build_object(
               'seq', e.seq, 'id', e.id, 'invoice_id', e.invoice_id, 'at', e.at, 'actor', e.actor, 'from_state', e.from_state, 'to_state', e.to_state, 'attempt', e.attempt,
               'reason_code', e.reason_code, 'detail', e.detail, 'attempt_sha256', encode(e.attempt_sha256, 'hex'), 'attempt_looks', e.attempt_looks,
               'invoice_sha256', encode(e.invoice_sha256, 'hex'))::text;
END $$;
-- +goose StatementEnd

-- Where the chain ends: one row, written with the numbers. So the removal of the last events shows, and their numbers are not given again.
CREATE TABLE chorus.chain (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash bytea NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION chorus.chain_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.seq <= OLD.seq THEN
        RAISE EXCEPTION 'the chain over history ends at event % and goes on from there', OLD.seq USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER chain_before_update BEFORE UPDATE ON chorus.chain FOR EACH ROW EXECUTE FUNCTION chorus.chain_before_update();
CREATE TRIGGER chain_refuse BEFORE DELETE ON chorus.chain FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER chain_refuse_truncate BEFORE TRUNCATE ON chorus.chain FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- Numbers up to p_most events that have been committed since the last time, and chains them to the chain's end, whatever was done to the last event. One process does so at a time
-- (chorus.locks, 'announce').
-- +goose StatementBegin
CREATE FUNCTION chorus.number_events(p_most integer, OUT numbered integer, OUT highest bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    e        chorus.events;
    before   bytea;
    ids      bigint[] := '{}'; -- of the events, and what they get
    hashes   bytea[] := '{}';
    attempts bytea[] := '{}';
    looks    integer[] := '{}';
    invoices bytea[] := '{}';
BEGIN
    numbered := 0;
    SELECT x.seq, x.hash INTO highest, before
    FROM (
        SELECT c.seq, c.hash, 1 AS k FROM chorus.chain c
        UNION ALL
        (SELECT l.seq, l.hash, 2 FROM chorus.events l WHERE l.seq IS NOT NULL ORDER BY l.seq DESC LIMIT 1) -- when the chain's end was taken back
    ) x
    ORDER BY x.seq DESC, x.k
    LIMIT 1;
    highest := coalesce(highest, 0);
    FOR e IN SELECT * FROM chorus.events n WHERE n.seq IS NULL ORDER BY n.id LIMIT p_most LOOP
        numbered := numbered + 1;
        highest := highest + 1;
        e.seq := highest;
        IF e.attempt IS NOT NULL THEN
            SELECT jsonb_array_length(coalesce(a.evidence -> 'lookups', '[]')) INTO e.attempt_looks FROM chorus.attempts a WHERE a.invoice_id = e.invoice_id AND a.n = e.attempt;
            e.attempt_sha256 := sha256(convert_to(chorus.attempt_text(e.invoice_id, e.attempt, e.attempt_looks), 'UTF8'));
        END IF;
        IF e.to_state = 'sending' THEN
            e.invoice_sha256 := sha256(convert_to(chorus.invoice_text(e.invoice_id), 'UTF8'));
        END IF;
        e.hash := sha256(coalesce(before, '') || convert_to(chorus.event_text(e), 'UTF8'));
        before := e.hash;
        ids := ids || e.id;
        hashes := hashes || e.hash;
        attempts := attempts || e.attempt_sha256;
        looks := looks || e.attempt_looks;
        invoices := invoices || e.invoice_sha256;
    END LOOP;
    IF numbered = 0 THEN
        highest := NULL;
        RETURN;
    END IF;
    UPDATE chorus.events n
    SET seq = highest - numbered + x.k, hash = x.hash, attempt_sha256 = x.attempt_sha256, attempt_looks = x.attempt_looks, invoice_sha256 = x.invoice_sha256
    FROM unnest(ids, hashes, attempts, looks, invoices) WITH ORDINALITY x (id, hash, attempt_sha256, attempt_looks, invoice_sha256, k)
    WHERE n.id = x.id;
    INSERT INTO chorus.chain AS c (seq, hash) VALUES (highest, before)
    ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
END $$;
-- +goose StatementEnd

-- The hash before an event, whosever it is: a hash tells nothing of what it is of.
-- +goose StatementBegin
CREATE FUNCTION chorus.hash_before(p_seq bigint) RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT hash FROM chorus.events WHERE seq = p_seq - 1),
        (SELECT a.runs_hash[array_position(a.runs_to, p_seq - 1)] FROM chorus.archives a WHERE a.attached_at IS NULL AND p_seq - 1 = ANY (a.runs_to)))
$$;
-- +goose StatementEnd

-- Once a day, while history goes on, and not yet on its first day: the head of the chain becomes an event, and is told to the log and to webhooks by that. Null when there is nothing to say.
-- +goose StatementBegin
CREATE FUNCTION chorus.seal(OUT seq bigint, OUT sha256 text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A seal that is to come was set by a clock that was ahead.
    IF (SELECT e.at FROM chorus.events e WHERE e.seq IS NOT NULL ORDER BY e.seq LIMIT 1) >= date_trunc('day', clock_timestamp(), 'UTC')
        OR EXISTS (SELECT FROM chorus.events e WHERE e.reason_code = 'SEALED' AND e.reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN') AND e.at BETWEEN date_trunc('day', clock_timestamp(), 'UTC') AND clock_timestamp()) THEN
        RETURN;
    END IF;
    SELECT e.seq, encode(e.hash, 'hex') INTO seq, sha256
    FROM chorus.events e
    WHERE e.seq = (SELECT max(l.seq) FROM chorus.events l) AND e.reason_code IS DISTINCT FROM 'SEALED';
    IF seq IS NOT NULL THEN
        INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'SEALED', jsonb_build_object('seq', seq, 'sha256', sha256));
    END IF;
END $$;
-- +goose StatementEnd

-- An attempt whose outcome is learned when its invoice has moved on changes nothing of the invoice. Its history says so all the same. What history says so far counts: the
-- move that follows in the same statement is not in it yet.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempts_outcome() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s text;
    n integer;
BEGIN
    SELECT e.to_state, e.attempt INTO s, n FROM chorus.events e WHERE e.invoice_id = NEW.invoice_id ORDER BY e.id DESC LIMIT 1;
    IF NOT FOUND THEN
        s := chorus.last_move(NEW.invoice_id); -- its history is in an archive
    END IF;
    IF OLD.outcome IS NOT NULL OR s IS DISTINCT FROM 'sending' OR n IS DISTINCT FROM NEW.n THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.invoice_id, chorus.actor(), s, s, NEW.n, 'OUTCOME',
                jsonb_strip_nulls(jsonb_build_object('outcome', NEW.outcome, 'before', OLD.outcome, 'lost_at', OLD.finished_at, 'numero_flux_depot', NEW.numero_flux_depot)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attempts_outcome AFTER UPDATE ON chorus.attempts FOR EACH ROW
    WHEN (NEW.outcome IS DISTINCT FROM OLD.outcome) EXECUTE FUNCTION chorus.attempts_outcome();

-- What left and what came back, as text, without secrets and without the document, compressed (gzip). attempts.evidence holds its hash (exchange_sha256), and stays when this is
-- deleted (CHORISTE_KEEP_EXCHANGES).
CREATE TABLE chorus.exchanges (
    attempt_id uuid PRIMARY KEY,
    invoice_id bigint NOT NULL,
    kept_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    exchange   bytea NOT NULL CHECK (octet_length(exchange) <= 262144)
);
CREATE INDEX exchanges_kept ON chorus.exchanges (kept_at);
ALTER TABLE chorus.exchanges ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.exchanges TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.exchanges TO chorus_operator USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = exchanges.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

-- Deletes exchanges that have been kept for longer, at most once an hour, and says so: what is missing and younger was taken.
-- +goose StatementBegin
CREATE FUNCTION chorus.forget_exchanges(p_keep interval) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone  bigint;
    until timestamptz;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.exchanges WHERE kept_at < clock_timestamp() - p_keep) OR NOT chorus.clock_is_trusted()
        OR EXISTS (SELECT FROM chorus.events WHERE reason_code = 'EXCHANGES_FORGOTTEN' AND reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN')
                   AND at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) THEN
        RETURN 0;
    END IF;
    WITH old AS (
        DELETE FROM chorus.exchanges
        WHERE attempt_id IN (SELECT attempt_id FROM chorus.exchanges WHERE kept_at < clock_timestamp() - p_keep ORDER BY kept_at LIMIT 20000)
        RETURNING kept_at
    )
    SELECT count(*), max(kept_at) INTO gone, until FROM old;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'EXCHANGES_FORGOTTEN', jsonb_build_object('count', gone, 'until', until));
    RETURN gone;
END $$;
-- +goose StatementEnd

-- The document (null: it was purged), for whoever may read it, and a line about the reading in the invoice's history.
-- +goose StatementBegin
CREATE FUNCTION chorus.read_evidence(p_id bigint) RETURNS bytea LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d bytea;
    s text;
BEGIN
    SELECT document, state INTO d, s FROM chorus.invoices WHERE id = p_id AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code) VALUES (p_id, chorus.actor(), s, s, 'EVIDENCE_READ');
    RETURN d;
END $$;
-- +goose StatementEnd

-- Whether a document is still the one that was inserted, or was purged with a line in history, for whoever may not read it.
-- +goose StatementBegin
CREATE FUNCTION chorus.document_intact(p_id bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN i.document IS NULL AND i.purged_at IS NOT NULL
                THEN EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = p_id AND e.reason_code = 'PURGED' AND e.detail ->> 'sha256' = encode(i.document_sha256, 'hex'))
                  OR EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = p_id AND b.purged_sha256 = encode(i.document_sha256, 'hex'))
                ELSE sha256(i.document) IS NOT DISTINCT FROM i.document_sha256 END
    FROM chorus.invoices i
    WHERE i.id = p_id AND chorus.sees(i.account)
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.attempt_text(bigint, integer, integer), chorus.attempt_texts(bigint, integer, integer), chorus.chain_before_update(), chorus.invoice_text(bigint), chorus.event_text(chorus.events),
    chorus.document_intact(bigint), chorus.hash_before(bigint), chorus.number_events(integer), chorus.seal(), chorus.forget_exchanges(interval), chorus.attempts_outcome(), chorus.read_evidence(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.attempt_text(bigint, integer, integer), chorus.attempt_texts(bigint, integer, integer), chorus.invoice_text(bigint), chorus.event_text(chorus.events), chorus.hash_before(bigint),
    chorus.document_intact(bigint), chorus.read_evidence(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.number_events(integer), chorus.seal(), chorus.forget_exchanges(interval) TO chorus_worker;
GRANT SELECT ON chorus.exchanges TO chorus_operator, chorus_worker;
GRANT SELECT ON chorus.chain TO chorus_operator;
GRANT INSERT ON chorus.exchanges TO chorus_worker;
