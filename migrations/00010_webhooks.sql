-- Webhooks: how far each endpoint has got, and how it fares. Where an endpoint is and its secrets are configured with the workers and never stored here.

-- +goose Up

CREATE TABLE chorus.webhooks (
    name            text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    -- What it is to be told, as configured last: one account's events or all, and which types.
    account         text,
    events          text[],
    -- The number of the last event that is done with: delivered, or none of this endpoint's. Later ones follow in order, one at a time.
    cursor          bigint NOT NULL,
    delivered       bigint NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    paused_at       timestamptz,
    pause_reason    text,
    -- The event that could not be delivered and holds up those behind it, how often in a row, since when, and what was answered last.
    stuck           bigint,
    failures        integer NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    last_status     integer,
    last_error      text,
    -- As in chorus.structures.
    due_at          timestamptz NOT NULL DEFAULT '-infinity',
    claim           bigint,
    claimed_until   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What an event is called in a webhook: the kind of thing it is about, and what happened to it.
-- +goose StatementBegin
CREATE FUNCTION chorus.event_type(p_invoice bigint, p_from text, p_to text, p_code text, p_detail jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_invoice IS NOT NULL AND p_to IS DISTINCT FROM p_from THEN 'invoice.' || p_to
        WHEN p_invoice IS NOT NULL THEN 'invoice.' || lower(coalesce(p_code, 'changed'))
        WHEN p_code LIKE 'WEBHOOK\_%' THEN 'webhook.' || lower(substr(p_code, 9))
        WHEN p_detail ? 'account' THEN 'account.' || lower(coalesce(p_code, 'changed'))
        ELSE 'system.' || lower(coalesce(p_code, 'changed'))
    END
$$;
-- +goose StatementEnd

-- Stops an endpoint, or lets it go on (no reason): then what it could not take is tried again at once.
-- +goose StatementBegin
CREATE FUNCTION chorus.pause_webhook(p_name text, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF btrim(p_reason) = '' THEN
        RAISE EXCEPTION 'pausing a webhook needs a reason' USING ERRCODE = 'CH021';
    END IF;
    p_reason := left(p_reason, 1000);
    UPDATE chorus.webhooks
    SET paused_at = CASE WHEN p_reason IS NULL THEN NULL ELSE coalesce(paused_at, clock_timestamp()) END, pause_reason = p_reason,
        failures = CASE WHEN p_reason IS NULL THEN 0 ELSE failures END,
        failing_since = CASE WHEN p_reason IS NULL THEN NULL ELSE failing_since END,
        due_at = CASE WHEN p_reason IS NULL THEN clock_timestamp() ELSE due_at END
    WHERE name = p_name AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN p_reason IS NULL THEN 'WEBHOOK_RESUMED' ELSE 'WEBHOOK_PAUSED' END,
            jsonb_strip_nulls(jsonb_build_object('webhook', p_name, 'reason', p_reason)));
END $$;
-- +goose StatementEnd

-- Has everything from p_from on delivered again. A job that is delivering meanwhile loses its claim, so that it does not move the cursor.
-- +goose StatementBegin
CREATE FUNCTION chorus.replay_webhook(p_name text, p_from bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w chorus.webhooks%ROWTYPE;
BEGIN
    SELECT * INTO w FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    IF p_from < 1 OR p_from > w.cursor THEN
        RAISE EXCEPTION 'webhook %: a replay begins at an event from 1 to %, which it is done with', p_name, w.cursor USING ERRCODE = 'CH050';
    END IF;
    IF EXISTS (SELECT FROM chorus.archives a, unnest(a.runs_from, a.runs_to) r (first, last) WHERE a.attached_at IS NULL AND r.last >= p_from AND r.first <= w.cursor) THEN
        RAISE EXCEPTION 'webhook %: some events from % on are in an archive: choriste partition list says in which, and choriste partition attach brings them back', p_name, p_from USING ERRCODE = 'CH050';
    END IF;
    UPDATE chorus.webhooks
    SET cursor = p_from - 1, stuck = NULL, failures = 0, failing_since = NULL, due_at = clock_timestamp(), claim = NULL, claimed_until = NULL
    WHERE name = p_name;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_REPLAYED', jsonb_build_object('webhook', p_name, 'from', p_from, 'to', w.cursor));
END $$;
-- +goose StatementEnd

-- Gives up the one event that an endpoint does not take, so that those behind it follow.
-- +goose StatementBegin
CREATE FUNCTION chorus.skip_webhook(p_name text, p_reason text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w chorus.webhooks%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'to skip an event needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO w FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    IF w.stuck IS NULL THEN
        RAISE EXCEPTION 'webhook %: no event is held up, there is nothing to skip', p_name USING ERRCODE = 'CH050';
    END IF;
    UPDATE chorus.webhooks
    SET cursor = w.stuck, stuck = NULL, failures = 0, failing_since = NULL, due_at = clock_timestamp(), claim = NULL, claimed_until = NULL
    WHERE name = p_name;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_SKIPPED', jsonb_build_object('webhook', p_name, 'seq', w.stuck, 'reason', p_reason));
    RETURN w.stuck;
END $$;
-- +goose StatementEnd

-- Makes an event for one endpoint alone, which it gets in its turn, whatever it is to be told otherwise. Returns the event's id.
-- +goose StatementBegin
CREATE FUNCTION chorus.test_webhook(p_name text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    event bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account)) THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_TEST', jsonb_build_object('webhook', p_name))
    RETURNING id INTO event;
    RETURN event;
END $$;
-- +goose StatementEnd

-- Takes away an endpoint that is configured no more, and its place. Configured again, it begins with the next event. While a worker is configured with it, its
-- deliveries would stop, and what happens until the worker's next start would be told to nobody: that is refused. So it is while all workers are stopped and
-- the last one was configured with it.
-- +goose StatementBegin
CREATE FUNCTION chorus.forget_webhook(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at   bigint;
    seen CONSTANT timestamptz := (SELECT seen_at FROM chorus.configured WHERE kind = 'webhook' AND key = p_name);
BEGIN
    IF seen > clock_timestamp() - interval '30 seconds' THEN
        RAISE EXCEPTION 'a worker is configured with the webhook %: take it out of every worker''s CHORISTE_WEBHOOKS_FILE first; 30 seconds later it can be forgotten', p_name
            USING ERRCODE = 'CH022';
    ELSIF seen > (SELECT max(seen_at) FROM chorus.configured) - interval '30 seconds' THEN
        RAISE EXCEPTION 'no worker runs, and the last one was configured with the webhook %: take it out of every worker''s CHORISTE_WEBHOOKS_FILE and start one; 30 seconds later it can be forgotten', p_name
            USING ERRCODE = 'CH022';
    END IF;
    DELETE FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) RETURNING cursor INTO at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_FORGOTTEN', jsonb_build_object('webhook', p_name, 'cursor', at));
END $$;
-- +goose StatementEnd
