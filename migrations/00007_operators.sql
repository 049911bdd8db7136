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
                                      (SELECT max(attempt) FROM chorus.events WHERE invoice_id = i.id),
                                      (SELECT max(attempt) FROM chorus.archived_invoices WHERE invoice_id = i.id))
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
CREATE FUNCTION chorus.retry_now(p_id bigint, p_reason text, p_seen timestamptz) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
CREATE FUNCTION chorus.resolve_now(p_id bigint, p_action text, p_reason text, p_flux text, p_override boolean, p_seen timestamptz) RETURNS text
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
CREATE FUNCTION chorus.allow_resubmit_now(p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

-- ---------------------------------------------------------------------------------------------------------------------------------
-- A second person for what may send an invoice again by somebody's word, where the workers' settings want one (CHORISTE_SECOND_PERSON). What is asked for is looked at as if it were done,
-- and waits; another person agrees, and only then is it done, or refuses. It lapses when nobody does.
--
-- A person is known by keys: through the console's own login by those that the console says, else by the login alone. Whoever shares a key is the same person. What was asked for in the
-- console is agreed to in the console, and what was asked for by a login of somebody's own by another such login: between the two nobody could tell people apart.

CREATE TABLE chorus.requests (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id bigint REFERENCES chorus.invoices, -- null: resubmission by itself is to go on (chorus.allow_resubmit)
    action     text NOT NULL CHECK (action IN ('retry', 'lookup', 'resubmit', 'allow_resubmit')),
    override   boolean NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL,
    person     text[] NOT NULL,
    console    boolean NOT NULL, -- it was asked for there
    seen       timestamptz,      -- the updated_at of the invoice: what changes before somebody agrees is left alone
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    until      timestamptz NOT NULL,
    decision   text CHECK (decision IN ('agreed', 'refused', 'withdrawn', 'lapsed')), -- null: open, until then
    decided_at timestamptz,
    decided_by text,
    CHECK ((action = 'allow_resubmit') = (invoice_id IS NULL))
);
CREATE UNIQUE INDEX requests_open ON chorus.requests (coalesce(invoice_id, 0)) WHERE decision IS NULL;
ALTER TABLE chorus.requests ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.requests TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.requests TO chorus_operator, chorus_reader USING ((SELECT chorus.sees_all())
    OR (SELECT i.account FROM chorus.invoices i WHERE i.id = requests.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

-- Takes over the workers' settings. That they change is in the history.
-- +goose StatementBegin
CREATE FUNCTION chorus.set_second_person(p_within interval, p_console text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n chorus.installation%ROWTYPE;
BEGIN
    SELECT * INTO n FROM chorus.installation FOR UPDATE;
    IF (n.second_person, n.console_login) IS NOT DISTINCT FROM (p_within, p_console) THEN
        RETURN;
    END IF;
    UPDATE chorus.installation SET second_person = p_within, console_login = p_console;
    IF n.second_person IS DISTINCT FROM p_within THEN
        INSERT INTO chorus.events (actor, reason_code, detail)
        VALUES (chorus.actor(), CASE WHEN p_within IS NULL THEN 'SECOND_PERSON_OFF' ELSE 'SECOND_PERSON_ON' END, jsonb_strip_nulls(jsonb_build_object('within', p_within)));
    END IF;
END $$;
-- +goose StatementEnd

-- Whether somebody else must agree.
-- +goose StatementBegin
CREATE FUNCTION chorus.asks_second() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT second_person IS NOT NULL FROM chorus.installation
$$;
-- +goose StatementEnd

-- Whether this session is the console's.
-- +goose StatementBegin
CREATE FUNCTION chorus.in_console() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(console_login = session_user, false) FROM chorus.installation
$$;
-- +goose StatementEnd

-- The keys of who acts; none: nobody knows. Only the console's login is believed what it says.
-- +goose StatementBegin
CREATE FUNCTION chorus.person() RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN chorus.in_console() THEN coalesce(nullif(current_setting('chorus.person', true), '')::text[], '{}') ELSE ARRAY['login ' || session_user] END;
END $$;
-- +goose StatementEnd

-- Does what is asked for.
-- +goose StatementBegin
CREATE FUNCTION chorus.carry_out(p_invoice bigint, p_action text, p_override boolean, p_reason text, p_seen timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE p_action
    WHEN 'retry' THEN RETURN chorus.retry_now(p_invoice, p_reason, p_seen);
    WHEN 'allow_resubmit' THEN
        PERFORM chorus.allow_resubmit_now(p_reason);
        RETURN 'allowed';
    ELSE RETURN chorus.resolve_now(p_invoice, p_action, p_reason, NULL, p_override, p_seen);
    END CASE;
END $$;
-- +goose StatementEnd

-- Asks for a second person. What would be refused if it were done is refused now, in the same words: it is done, and taken back.
-- +goose StatementBegin
CREATE FUNCTION chorus.ask(p_invoice bigint, p_action text, p_override boolean, p_reason text, p_seen timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i   chorus.invoices%ROWTYPE;
    r   chorus.requests%ROWTYPE;
    why CONSTANT text := left(btrim(p_reason), 500);
BEGIN
    BEGIN
        PERFORM chorus.carry_out(p_invoice, p_action, p_override, p_reason, p_seen);
        RAISE EXCEPTION USING ERRCODE = 'CHASK';
    EXCEPTION WHEN SQLSTATE 'CHASK' THEN
        NULL;
    END;
    SELECT * INTO i FROM chorus.invoices WHERE id = p_invoice FOR UPDATE;
    PERFORM chorus.as_seen(p_invoice, i.updated_at, p_seen);
    UPDATE chorus.requests SET decision = 'lapsed', decided_at = least(until, clock_timestamp()) WHERE coalesce(invoice_id, 0) = coalesce(p_invoice, 0) AND decision IS NULL AND (until <= clock_timestamp() OR seen IS DISTINCT FROM i.updated_at);
    SELECT * INTO r FROM chorus.requests WHERE coalesce(invoice_id, 0) = coalesce(p_invoice, 0) AND decision IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION '%: request % waits for a second person until % UTC', coalesce('invoice ' || p_invoice, 'resubmission'), r.id, to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
            USING ERRCODE = 'CH022';
    END IF;
    INSERT INTO chorus.requests (invoice_id, action, override, reason, actor, person, console, seen, until)
    SELECT p_invoice, p_action, coalesce(p_override, false), why, chorus.actor(), chorus.person(), chorus.in_console(), i.updated_at, clock_timestamp() + second_person
    FROM chorus.installation
    RETURNING * INTO r;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (p_invoice, chorus.actor(), i.state, i.state, 'REQUESTED',
            jsonb_build_object('request', r.id, 'action', p_action, 'override', r.override, 'reason', why, 'until', r.until));
    RAISE NOTICE 'nothing is done yet: request % waits until % for another person, who agrees or refuses', r.id, r.until;
    RETURN 'asked';
END $$;
-- +goose StatementEnd

-- An open request that this login sees, locked with its invoice: the invoice first, as everybody does.
-- +goose StatementBegin
CREATE FUNCTION chorus.open_request(p_id bigint, p_reason text) RETURNS chorus.requests LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r chorus.requests%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.requests x
    WHERE x.id = p_id AND CASE WHEN x.invoice_id IS NULL THEN chorus.sees_all() ELSE chorus.sees((SELECT i.account FROM chorus.invoices i WHERE i.id = x.invoice_id)) END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no request %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'to agree to a request, or to refuse it, needs a reason' USING ERRCODE = 'CH021';
    END IF;
    PERFORM FROM chorus.invoices WHERE id = r.invoice_id FOR UPDATE;
    SELECT * INTO r FROM chorus.requests x WHERE x.id = p_id FOR UPDATE;
    IF r.decision IS NOT NULL THEN
        RAISE EXCEPTION 'request % was % on % UTC', p_id, r.decision, to_char(r.decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') USING ERRCODE = 'CH027';
    END IF;
    IF r.until <= clock_timestamp() THEN
        RAISE EXCEPTION 'request % has lapsed on % UTC: ask anew', p_id, to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') USING ERRCODE = 'CH027';
    END IF;
    RETURN r;
END $$;
-- +goose StatementEnd

-- Agrees to what another person asked for, and does it. Returns the new state. When it cannot be done any more, nothing is, and the request stays open.
-- +goose StatementBegin
CREATE FUNCTION chorus.agree(p_id bigint, p_reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r    chorus.requests%ROWTYPE;
    s    text;
    mine CONSTANT text[] := chorus.person();
    why  CONSTANT text := left(btrim(p_reason), 400);
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    r := chorus.open_request(p_id, p_reason);
    IF r.console <> chorus.in_console() THEN
        RAISE EXCEPTION 'request %: what was asked for in the console is agreed to there, and what was asked for by a login by another login', p_id USING ERRCODE = 'CH028';
    END IF;
    IF cardinality(mine) = 0 OR cardinality(r.person) = 0 THEN
        RAISE EXCEPTION 'request %: nobody was asked who he is, so it is not known that two people agree: let people sign in', p_id USING ERRCODE = 'CH028';
    END IF;
    IF r.person && mine THEN
        RAISE EXCEPTION 'request %: who asked cannot agree: another person must', p_id USING ERRCODE = 'CH028';
    END IF;
    UPDATE chorus.requests SET decision = 'agreed', decided_at = clock_timestamp(), decided_by = chorus.actor() WHERE id = p_id;
    SELECT state INTO s FROM chorus.invoices WHERE id = r.invoice_id;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (r.invoice_id, chorus.actor(), s, s, 'AGREED',
            jsonb_build_object('request', p_id, 'action', r.action, 'override', r.override, 'reason', why, 'asked_by', r.actor, 'asked_at', r.asked_at, 'asked_reason', r.reason));
    RETURN chorus.carry_out(r.invoice_id, r.action, r.override, r.reason || ' (' || r.actor || '; agreed by ' || chorus.actor() || ': ' || why || ')', r.seen);
END $$;
-- +goose StatementEnd

-- Refuses a request, or takes one's own back. Returns refused or withdrawn.
-- +goose StatementBegin
CREATE FUNCTION chorus.decline(p_id bigint, p_reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r    chorus.requests%ROWTYPE := chorus.open_request(p_id, p_reason);
    what CONSTANT text := CASE WHEN r.person && chorus.person() OR r.actor = chorus.actor() THEN 'withdrawn' ELSE 'refused' END;
    s    text;
BEGIN
    UPDATE chorus.requests SET decision = what, decided_at = clock_timestamp(), decided_by = chorus.actor() WHERE id = p_id;
    SELECT state INTO s FROM chorus.invoices WHERE id = r.invoice_id;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (r.invoice_id, chorus.actor(), s, s, CASE what WHEN 'refused' THEN 'REQUEST_REFUSED' ELSE 'REQUEST_WITHDRAWN' END,
            jsonb_build_object('request', p_id, 'action', r.action, 'reason', left(btrim(p_reason), 1000), 'asked_by', r.actor, 'asked_at', r.asked_at, 'asked_reason', r.reason));
    RETURN what;
END $$;
-- +goose StatementEnd

-- What people call: at once, or, of what may send an invoice again, once a second person agrees.
-- +goose StatementBegin
CREATE FUNCTION chorus.retry(p_id bigint, p_reason text, p_seen timestamptz DEFAULT NULL) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    -- Locked, then looked at: it may be rejected in this moment.
    IF chorus.asks_second() AND 'rejected' = (SELECT state FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE) THEN
        RETURN chorus.ask(p_id, 'retry', false, p_reason, p_seen);
    END IF;
    RETURN chorus.retry_now(p_id, p_reason, p_seen);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.resolve(p_id bigint, p_action text, p_reason text, p_flux text DEFAULT NULL, p_override boolean DEFAULT false, p_seen timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_action IN ('lookup', 'resubmit') AND p_flux IS NULL AND chorus.asks_second() THEN
        RETURN chorus.ask(p_id, p_action, p_override, p_reason, p_seen);
    END IF;
    RETURN chorus.resolve_now(p_id, p_action, p_reason, p_flux, p_override, p_seen);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.allow_resubmit(p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF chorus.asks_second() THEN
        PERFORM chorus.ask(NULL, 'allow_resubmit', false, p_reason, NULL);
    ELSE
        PERFORM chorus.allow_resubmit_now(p_reason);
    END IF;
END $$;
-- +goose StatementEnd
