-- The database's clock: what happens when it was set (docs/protocol.md §3.1).

-- +goose Up

-- A worker has seen that the clock was set, by so many seconds: forward, or back where they are negative. Ages count anew from now, because nobody knows how much of
-- them was only the clock; what was suspect stays so for as long. Where the clock was ahead, what waits for a moment that it told waits no longer than it would
-- have, and nothing has begun later than now. A quarantine may have been told by the clock that was ahead: then what was forgotten was sent so much earlier.
-- suspect_date is held against dates of invoices, which applications tell by clocks of their own: where the clock was behind when a restore was noticed, it was set too
-- early, and is moved on with the clock; it is never moved back. What an application or an operator has set for a
-- moment (not_before, closures) stays, too.
-- A clock that was set forward may be that of a machine that was taken back with all that its memory held, workers and database alike, and was put right afterwards. So
-- what the portal has got is compared before anything is sent, as at a start when no worker was alive. How long before the clock was put right the machine was taken
-- back, nobody knows: an hour is allowed for that.
-- p_differs: at a start the clock differs by so many seconds from the worker's machine's, and which of the two is wrong, nobody knows: ages count anew (p_seconds is 0).
-- +goose StatementBegin
CREATE FUNCTION chorus.clock_stepped(p_seconds float8, p_differs float8 DEFAULT NULL) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at   CONSTANT timestamptz := clock_timestamp();
    step CONSTANT interval := make_interval(secs => p_seconds);
    c    record;
BEGIN
    UPDATE chorus.installation
    SET stepped_at = at,
        clock_differs = p_differs,
        suspect_until = CASE
            WHEN p_seconds > 0 AND suspect_until > at - step THEN suspect_until + step
            WHEN p_seconds < 0 AND suspect_until > at THEN greatest(at, suspect_until + step)
            ELSE suspect_until END,
        suspect_date = CASE
            WHEN p_seconds > 0 AND isfinite(suspect_date) AND quarantine_kind = 'restore'
                THEN greatest(suspect_date, ((quarantined_at + step) AT TIME ZONE 'Europe/Paris')::date + 1, suspect_date + floor(p_seconds / 86400)::integer)
            ELSE suspect_date END,
        forgotten_since = CASE WHEN p_seconds < 0 THEN forgotten_since + step ELSE forgotten_since END,
        quarantined_at = least(quarantined_at, at),
        created_at = least(created_at, at);
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'CLOCK_STEPPED', jsonb_build_object('seconds', round(coalesce(p_differs, p_seconds)::numeric, 1)));
    IF p_seconds > 0 THEN
        UPDATE chorus.accounts
        SET compare_since = least(compare_since, chorus.vouched_until(at), at - step - interval '1 hour'), compare_asked_at = at, compare_next_at = '-infinity';
    END IF;
    IF p_seconds >= 0 THEN
        RETURN;
    END IF;
    DELETE FROM chorus.heartbeats WHERE beat_at > at;
    UPDATE chorus.budgets b
    SET tat = least(tat, greatest(at, tat + step)), paused_until = least(paused_until, greatest(at, paused_until + step)), learned_at = least(learned_at, at),
        lanes = ARRAY (SELECT least(l, greatest(at, l + step)) FROM unnest(lanes) WITH ORDINALITY x (l, k) ORDER BY k),
        departures = ARRAY (SELECT least(l, greatest(at, l + step)) FROM unnest(departures) WITH ORDINALITY x (l, k) ORDER BY k);
    DELETE FROM chorus.feed_lateness WHERE hour > at;
    UPDATE chorus.accounts SET compare_since = compare_since + step WHERE compare_since > at; -- what it stands for was as much earlier
    UPDATE chorus.able SET said_at = said_at + step WHERE said_at > at; -- so is that
    -- Whatever the workers have noted of their own work. What stands in history is not touched, nor what the portal has told, and of invoices only what the machinery needs.
    FOR c IN
        SELECT t.relname, a.attname
        FROM pg_attribute a
        JOIN pg_class t ON t.oid = a.attrelid
        WHERE t.relnamespace = 'chorus'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND a.atttypid = 'timestamptz'::regtype
          AND (t.relname IN ('accounts', 'annuaire', 'breakers', 'checks', 'configured', 'recipient_services', 'recipients', 'secrets', 'slots', 'structures', 'suspects', 'tokens', 'webhooks')
                   AND a.attname <> 'compare_since'
               OR a.attname IN ('due_at', 'reason_due_at', 'claimed_until', 'in_doubt_since', 'deposited_at'))
    LOOP
        EXECUTE format('UPDATE chorus.%I SET %I = greatest($1, %2$I + $2) WHERE %2$I > $1 AND %2$I < ''infinity''' ||
                       CASE WHEN c.relname = 'invoices' THEN ' AND coalesce(not_before, $1) <= $1' ELSE '' END ||
                       CASE WHEN c.attname = 'deposited_at' THEN ' AND state = ''deposited''' ELSE '' END, c.relname, c.attname)
            USING at, step;
    END LOOP;
    UPDATE river.river_job SET scheduled_at = at WHERE scheduled_at > at AND state IN ('available', 'scheduled', 'retryable');
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION chorus.clock_stepped(float8, float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.clock_stepped(float8, float8) TO chorus_worker;

-- What ends something by its age, or deletes it, rests for a day when the clock was set: it may be set again.
-- +goose StatementBegin
CREATE FUNCTION chorus.clock_is_trusted() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(stepped_at < clock_timestamp() - interval '1 day', true) FROM chorus.installation);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION chorus.clock_is_trusted() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.clock_is_trusted() TO chorus_worker;
