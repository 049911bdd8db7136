-- The budget by lanes, and claims by turns of the accounts.

-- +goose Up

-- lanes: when each lane would have used its guaranteed share up, in the order resolve, submit, follow (sync and report together).
-- learned_us: a slower pace that answers 429 have taught. daily: requests a day, 0 = without limit.
ALTER TABLE chorus.budgets
    ADD COLUMN lanes      timestamptz[] NOT NULL DEFAULT '{-infinity,-infinity,-infinity}',
    ADD COLUMN learned_us bigint NOT NULL DEFAULT 0,
    ADD COLUMN learned_at timestamptz,
    ADD COLUMN daily      bigint NOT NULL DEFAULT 0,
    ADD COLUMN day        date,
    ADD COLUMN today      bigint NOT NULL DEFAULT 0;

DROP FUNCTION chorus.reserve(text, bigint);

-- Reserves the next slot of the budget for a lane, as the generic cell rate algorithm does without a burst: the answer is how long to wait for it,
-- counted from now. Lanes come in order of importance, 1 resolve, 2 submit, 3 sync, 4 report: each may join a queue of slots up to its own depth only,
-- so that what is more important finds room; but a lane that has had less than a fifth of the pace lately always may. Not granted: nothing is
-- reserved, and it is worth asking again after the delay. Null: there is no such budget (yet, or after a crash).
-- +goose StatementBegin
CREATE FUNCTION chorus.reserve(p_key text, p_lane integer, OUT granted boolean, OUT delay_us bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    depths  CONSTANT integer[] := '{16,8,3,1}';
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
    every := make_interval(secs => greatest(b.every_us, b.learned_us) / 1e6);
    open_at := greatest(cur, b.paused_until);
    IF b.daily > 0 AND b.today >= b.daily THEN
        open_at := greatest(open_at, (b.day + 1)::timestamp AT TIME ZONE 'Europe/Paris');
    END IF;
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
    b.lanes[lane] := greatest(b.lanes[lane], slot) + 5 * every;
    UPDATE chorus.budgets
    SET tat = slot + every, lanes = b.lanes, learned_us = b.learned_us, learned_at = b.learned_at, day = b.day, today = b.today + 1
    WHERE key = p_key;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION chorus.reserve(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.reserve(text, integer) TO chorus_worker;

-- When the portal last failed a deposit of the account's: an absence that was seen shortly afterwards proves nothing.
ALTER TABLE chorus.accounts ADD COLUMN portal_failed_at timestamptz;

-- When a structure's feed was last read with a day more than needed.
ALTER TABLE chorus.structures ADD COLUMN wide_at timestamptz;

DROP INDEX chorus.invoices_received;
CREATE INDEX invoices_received ON chorus.invoices (account, priority DESC, id) WHERE state = 'received';
DROP INDEX chorus.invoices_follow;
CREATE INDEX invoices_in_doubt ON chorus.invoices (account, due_at) WHERE state = 'in_doubt';
CREATE INDEX invoices_deposited ON chorus.invoices (account, due_at) WHERE state = 'deposited';
