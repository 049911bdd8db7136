-- What people may do about an invoice before Chorus Pro holds it: cancel it, have it read or sent again, and the ways out of parked.
--
-- Nobody can have an invoice sent again by saying so. The row goes to in_doubt with a mark of what is wanted, and the resolver searches the portal before
-- it makes the row ready. The mark is the reason code; a quarantine, which writes another one, takes it away.

-- +goose Up

-- An operator's cancellation is the application's, under the operator's name.
-- +goose StatementBegin
CREATE FUNCTION chorus.cancel(p_id bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s text;
BEGIN
    UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp() WHERE id = p_id AND chorus.sees(account) RETURNING state INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    RETURN s;
END $$;
-- +goose StatementEnd

-- A row that comes to be in doubt may have been sent in a history that the database has forgotten, and no attempt of its own speaks of that: the quarantine
-- marked it, or its attempts were taken back. It gets one that stands for what may be forgotten, so that nothing but the proof of absence, or an override,
-- has it sent. Nothing of that history can leave later than the quarantine.
-- +goose StatementBegin
CREATE FUNCTION chorus.stand_in(p_id bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH row AS (
        UPDATE chorus.invoices i
        SET lookup_first = false,
            attempt_no = 1 + greatest(attempt_no, (SELECT max(n) FROM chorus.attempts WHERE invoice_id = i.id),
                                      (SELECT max(attempt) FROM chorus.events WHERE invoice_id = i.id))
        WHERE id = p_id AND state = 'in_doubt'
          AND (lookup_first OR attempt_no <> (SELECT coalesce(max(n), 0) FROM chorus.attempts WHERE invoice_id = i.id))
        RETURNING id, attempt_no, document_sha256, gen_random_uuid() AS attempt
    )
    INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
    SELECT attempt, id, attempt_no, 'quarantine', 'quarantine_' || replace(attempt::text, '-', ''), document_sha256, chorus.identity(),
           since, since, clock_timestamp(), 'OWNER_LOST'
    FROM row, (SELECT coalesce(quarantined_at, clock_timestamp()) AS since FROM chorus.installation) s
$$;
-- +goose StatementEnd

-- Refuses what was decided in view of another situation: p_seen is the updated_at of the row that was looked at (null: nobody says).
-- +goose StatementBegin
CREATE FUNCTION chorus.as_seen(p_id bigint, p_updated_at timestamptz, p_seen timestamptz) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_updated_at <> p_seen THEN
        RAISE EXCEPTION 'invoice % has changed since it was looked at: look at it again', p_id USING ERRCODE = 'CH022';
    END IF;
END $$;
-- +goose StatementEnd

-- Has an invoice read again (invalid), or sent again after its flux was rejected: the number is free then (docs/chorus-pro.md §10). A person may have sent
-- it by other ways since, and a refusal as duplicate may not have been read as one: it is looked up first. What somebody took off the list was settled by
-- other ways, or is not to be sent: it is put back first. Nothing else can be retried.
-- +goose StatementBegin
CREATE FUNCTION chorus.retry(p_id bigint, p_reason text, p_seen timestamptz DEFAULT NULL) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i chorus.invoices%ROWTYPE;
    d record;
BEGIN
    p_reason := left(p_reason, 1000);
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'a retry needs a reason' USING ERRCODE = 'CH021';
    END IF;
    PERFORM chorus.as_seen(p_id, i.updated_at, p_seen);
    SELECT * INTO d FROM chorus.dismissals WHERE invoice_id = p_id;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % was taken off the list by % on % (%): to retry it, put it back first (choriste todo restore %)',
            p_id, d.actor, (d.at AT TIME ZONE 'Europe/Paris')::date, left(d.reason, 300), p_id USING ERRCODE = 'CH022';
    END IF;
    IF i.purged_at IS NOT NULL AND (i.state = 'invalid' OR i.state = 'rejected' AND i.identifiant_facture_cpp IS NULL) THEN
        RAISE EXCEPTION 'invoice %: its document was purged on %: insert the document again, under another external_ref', p_id, (i.purged_at AT TIME ZONE 'Europe/Paris')::date
            USING ERRCODE = 'CH022';
    END IF;
    IF i.state = 'invalid' THEN
        BEGIN
            UPDATE chorus.invoices
            SET state = 'received', reason_code = 'RETRY', reason = p_reason, panics = 0, findings = 0, due_at = clock_timestamp()
            WHERE id = p_id;
            DELETE FROM chorus.invoice_findings WHERE invoice_id = p_id;
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
        PERFORM chorus.stand_in(p_id);
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
      AND EXISTS (SELECT FROM chorus.invoices i WHERE i.id = p_id AND chorus.sees(i.account))
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
    unseen text; -- why the last look-up said nothing
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
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
        IF i.attempt_no = 0 AND NOT i.lookup_first THEN
            RETURN format('invoice %s was never sent: there is nothing to look for', p_id);
        END IF;
    WHEN 'resubmit' THEN
        IF i.purged_at IS NOT NULL THEN
            RETURN format('invoice %s: its document was purged on %s, so it cannot be sent again; look it up, or abandon it and insert the document anew',
                          p_id, (i.purged_at AT TIME ZONE 'Europe/Paris')::date);
        END IF;
        IF i.identifiant_facture_cpp IS NOT NULL THEN
            RETURN format('invoice %s: Chorus Pro holds it as %s, so it cannot be sent again', p_id, i.identifiant_facture_cpp);
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
        SELECT evidence -> 'lookups' -> -1 ->> 'code' INTO unseen FROM chorus.attempts WHERE invoice_id = p_id ORDER BY n DESC LIMIT 1;
        IF unseen IS NOT NULL AND NOT coalesce(p_override, false) THEN
            RETURN format('invoice %s may be at Chorus Pro, and the last look-up could not tell (%s): let the account see its supplier''s invoices and look it up again, '
                          'or see at the portal that it is not there and abandon it with override; inserted anew, it would be sent', p_id, unseen);
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
CREATE FUNCTION chorus.resolve(p_id bigint, p_action text, p_reason text, p_flux text DEFAULT NULL, p_override boolean DEFAULT false, p_seen timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i        chorus.invoices%ROWTYPE;
    refusal  text;
    accepted text;
    s        text;
    why      CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
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
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    PERFORM chorus.as_seen(p_id, i.updated_at, p_seen);
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
    IF s = 'in_doubt' THEN
        PERFORM chorus.stand_in(p_id);
    END IF;
    RETURN s;
END $$;
-- +goose StatementEnd

-- After the delays have been set right, automatic resubmission may go on.
-- +goose StatementBegin
CREATE FUNCTION chorus.allow_resubmit(p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'allowing resubmission again needs a reason' USING ERRCODE = 'CH021';
    END IF;
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'resubmission is allowed or not for all accounts at once: an operator does that who sees them all' USING ERRCODE = '42501';
    END IF;
    UPDATE chorus.installation SET assumption_broken_at = NULL;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'RESUBMIT_ALLOWED', jsonb_build_object('reason', p_reason));
END $$;
-- +goose StatementEnd
