-- The budget counts the requests that really leave, at the moment at which they do.

-- +goose Up

-- most: so many requests may leave within as many intervals; 0 = they are not counted one by one, because the pace is too high for it.
-- departures: when the latest of them left, oldest first. After a crash that emptied the table nobody knows what left just before: a new row is as if
-- all had left a moment ago.
ALTER TABLE chorus.budgets
    ADD COLUMN most       integer NOT NULL DEFAULT 0 CHECK (most BETWEEN 0 AND 1000),
    ADD COLUMN departures timestamptz[] NOT NULL DEFAULT '{}';

-- The last word before a request's first byte: when it may leave, and how long that is from now. What happens between its turn (chorus.reserve) and this
-- may take its time, and no second at the receiver holds more than the quota for it. A fiftieth more than the pace may leave, so that those that were
-- kept up catch up; the rest of the distance between pace and quota is for the way to the receiver. Null instead of a moment: not before so long.
-- No delay either: there is no such budget.
-- +goose StatementBegin
CREATE FUNCTION chorus.depart(p_key text, OUT leaves_at timestamptz, OUT delay_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b   chorus.budgets%ROWTYPE;
    cur timestamptz;
    n   integer;
BEGIN
    SELECT * INTO b FROM chorus.budgets WHERE key = p_key FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    cur := clock_timestamp(); -- after the lock was granted
    n := cardinality(b.departures);
    leaves_at := greatest(cur, b.paused_until,
        b.departures[greatest(1, n + 1 - b.most)] + make_interval(secs => greatest(b.every_us, b.learned_us) * b.most * 0.98 / 1e6));
    delay_us := (extract(epoch FROM leaves_at - cur) * 1e6)::bigint;
    IF b.paused_until > cur + interval '2 seconds' THEN
        leaves_at := NULL;
        RETURN;
    END IF;
    UPDATE chorus.budgets SET departures = (b.departures || leaves_at)[greatest(1, n + 2 - b.most):] WHERE key = p_key;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION chorus.depart(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.depart(text) TO chorus_worker;
