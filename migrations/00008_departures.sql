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

DROP FUNCTION chorus.reserve(text, integer);

-- Reserves the next slot of the budget for a lane, or several at once (p_n, every_us apart) where the pace is too high to ask for each, as the generic cell rate algorithm does without a burst: the answer is how long to wait for it,
-- counted from now. Lanes come in order of importance, 1 resolve, 2 submit, 3 sync, 4 report: each may join a queue of slots up to its own depth only,
-- so that what is more important finds room; but a lane that has had less than a fifth of the pace lately always may. Not granted: nothing is
-- reserved, and it is worth asking again after the delay. Null: there is no such budget (yet, or after a crash).
-- +goose StatementBegin
CREATE FUNCTION chorus.reserve(p_key text, p_lane integer, p_n integer, OUT granted boolean, OUT delay_us bigint, OUT every_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    depths  float8[] := '{16,8,3,1}'; -- at 20 a second; at a higher pace, what takes as long
    lane    CONSTANT integer := least(p_lane, 3);
    b       chorus.budgets%ROWTYPE;
    every   interval;
    cur     timestamptz;
    open_at timestamptz;
    slot    timestamptz;
    queue   float8;
BEGIN
    SELECT * INTO b FROM chorus.budgets WHERE key = p_key FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    cur := clock_timestamp(); -- after the lock was granted
    -- What 429 have taught is unlearned slowly.
    IF b.learned_us > b.every_us AND b.learned_at < cur - interval '1 minute' THEN
        b.learned_us := b.learned_us * 9 / 10;
        b.learned_at := cur;
    END IF;
    IF b.day IS DISTINCT FROM (cur AT TIME ZONE 'Europe/Paris')::date THEN
        b.day := (cur AT TIME ZONE 'Europe/Paris')::date;
        b.today := 0;
    END IF;
    every_us := greatest(b.every_us, b.learned_us);
    every := make_interval(secs => every_us / 1e6);
    open_at := greatest(cur, b.paused_until);
    IF b.daily > 0 AND b.today >= b.daily THEN
        open_at := greatest(open_at, (b.day + 1)::timestamp AT TIME ZONE 'Europe/Paris');
    END IF;
    depths := ARRAY(SELECT d * greatest(1, 50000.0 / every_us) FROM unnest(depths) d);
    slot := greatest(b.tat, open_at);
    queue := extract(epoch FROM slot - open_at) / extract(epoch FROM every);
    -- Behind a closed gate nobody queues: the gate may open on somebody more important.
    IF open_at > cur + interval '1 second' THEN
        granted := false;
        delay_us := (extract(epoch FROM open_at - cur) * 1e6)::bigint;
        RETURN;
    END IF;
    IF queue > depths[p_lane] AND (b.lanes[lane] > slot OR queue > 2 * depths[1]) THEN
        granted := false;
        delay_us := (extract(epoch FROM every) * (queue - depths[p_lane]) * 1e6)::bigint;
        RETURN;
    END IF;
    granted := true;
    delay_us := greatest(0, (extract(epoch FROM slot - cur) * 1e6)::bigint);
    b.lanes[lane] := greatest(b.lanes[lane], slot) + 5 * p_n * every;
    UPDATE chorus.budgets
    SET tat = slot + p_n * every, lanes = b.lanes, learned_us = b.learned_us, learned_at = b.learned_at, day = b.day, today = b.today + p_n
    WHERE key = p_key;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION chorus.reserve(text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.reserve(text, integer, integer) TO chorus_worker;
