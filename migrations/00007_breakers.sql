-- Breakers: what the whole fleet knows of a portal or a PISTE application that fails, so that an outage is one incident (docs/protocol.md §2.3 H5).
-- Maintenance: closures that were announced.

-- +goose Up

-- closed: deposits go. open: nothing is asked but the health check, by one process at a time. trial: the health check is answered and deposits are not: one
-- at a time is let through until one of them is.
CREATE TABLE chorus.breakers (
    key            text PRIMARY KEY, -- names a portal or an application without naming it
    scope          text NOT NULL CHECK (scope IN ('portal', 'application')),
    name           text NOT NULL,    -- for people
    state          text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'trial')),
    since          timestamptz,      -- when it left closed
    closed_at      timestamptz,      -- when it came back last
    fault          text,             -- of the last failure
    failed_at      timestamptz,      -- when that was seen
    answered       boolean NOT NULL DEFAULT true,  -- a deposit has been answered since the last one that failed
    distrusted     boolean NOT NULL DEFAULT false, -- none was between two that failed: only a deposit that is answered closes it
    failed_sent_at timestamptz,      -- when the request that failed was committed to: a later one that is answered proves more
    next_at        timestamptz,      -- when a probe is due; null: none is wanted
    probing_until  timestamptz NOT NULL DEFAULT '-infinity',
    probe_spacing  interval NOT NULL DEFAULT '0',
    trial          uuid,             -- the attempt that is let through
    trial_at       timestamptz,      -- when the next one may be
    trial_spacing  interval NOT NULL DEFAULT '0',
    ramp           integer,          -- deposits at once while it recovers; null: as many as there are slots
    announced      boolean NOT NULL DEFAULT false,
    CHECK ((state = 'closed') = (since IS NULL))
);

-- Which breakers an account is behind, as the workers' settings say.
ALTER TABLE chorus.accounts ADD COLUMN behind text[] NOT NULL DEFAULT '{}';
ALTER TABLE chorus.accounts DROP COLUMN portal_failed_at;

CREATE TABLE chorus.maintenance (
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    state     text NOT NULL DEFAULT 'ahead' CHECK (state IN ('ahead', 'running', 'over')),
    PRIMARY KEY (starts_at, ends_at),
    CHECK (ends_at > starts_at)
);

-- Whether the account's portal may be asked for anything now.
-- +goose StatementBegin
CREATE FUNCTION chorus.reachable(p_account text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
            SELECT
            FROM chorus.accounts a
            JOIN chorus.breakers b ON b.key = ANY (a.behind)
            WHERE a.name = p_account AND b.state = 'open'
        )
        AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE clock_timestamp() BETWEEN starts_at AND ends_at)
$$;
-- +goose StatementEnd

-- One event when an outage is announced, one when it is over, with what it held up.
-- +goose StatementBegin
CREATE FUNCTION chorus.breakers_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    SELECT chorus.actor(), CASE WHEN NEW.announced THEN 'OUTAGE_BEGAN' ELSE 'OUTAGE_ENDED' END, jsonb_strip_nulls(jsonb_build_object(
        'scope', NEW.scope,
        'name', NEW.name,
        'fault', coalesce(NEW.fault, OLD.fault),
        'since', OLD.since,
        'seconds', round(extract(epoch FROM clock_timestamp() - OLD.since)),
        'waiting', count(*) FILTER (WHERE i.state IN ('received', 'ready')),
        'in_doubt', count(*) FILTER (WHERE i.state IN ('sending', 'in_doubt'))))
    FROM chorus.accounts a
    LEFT JOIN chorus.invoices i ON i.account = a.name AND i.state IN ('received', 'ready', 'sending', 'in_doubt')
    WHERE NEW.key = ANY (a.behind);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER breakers_history AFTER UPDATE ON chorus.breakers FOR EACH ROW WHEN (OLD.announced <> NEW.announced)
    EXECUTE FUNCTION chorus.breakers_history();

-- +goose StatementBegin
CREATE FUNCTION chorus.maintenance_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE NEW.state WHEN 'running' THEN 'MAINTENANCE_BEGAN' ELSE 'MAINTENANCE_ENDED' END,
            jsonb_build_object('starts_at', NEW.starts_at, 'ends_at', NEW.ends_at));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER maintenance_history AFTER UPDATE ON chorus.maintenance FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION chorus.maintenance_history();

-- For the question whether a deposit that was committed to later has been answered.
CREATE INDEX attempts_claimed ON chorus.attempts (claimed_at);

REVOKE ALL ON FUNCTION chorus.reachable(text), chorus.breakers_history(), chorus.maintenance_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.reachable(text) TO chorus_worker;
GRANT SELECT, INSERT, UPDATE ON chorus.breakers TO chorus_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON chorus.maintenance TO chorus_worker;
GRANT SELECT ON chorus.breakers, chorus.maintenance TO chorus_operator, chorus_reader;
