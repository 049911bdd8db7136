-- What the workers share: the budget of requests, the slots of deposits in flight, the token, breakers and announced closures; and what
-- they do when the database turns out to have forgotten something.

-- +goose Up

-- The fleet's shared budget: one row for each PISTE application. Emptied by a crash of the server, which takes longer than any window.
CREATE UNLOGGED TABLE chorus.budgets (
    key          text PRIMARY KEY,
    every_us     bigint NOT NULL CHECK (every_us > 0),
    tat          timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity',
    -- When each lane would have used its guaranteed share up, in the order resolve, submit, follow (sync and report together).
    lanes        timestamptz[] NOT NULL DEFAULT '{-infinity,-infinity,-infinity}',
    learned_us   bigint NOT NULL DEFAULT 0, -- a slower pace that answers 429 have taught
    learned_at   timestamptz,
    daily        bigint NOT NULL DEFAULT 0, -- requests a day, 0 = without limit
    day          date,
    today        bigint NOT NULL DEFAULT 0,
    -- So many requests may leave within as many intervals; 0 = they are not counted one by one, because the pace is too high for it.
    most         integer NOT NULL DEFAULT 0 CHECK (most BETWEEN 0 AND 1000),
    -- When the latest of them left, oldest first. After a crash that emptied the table nobody knows what left just before: a new row is as if all had
    -- left a moment ago.
    departures   timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 10);

-- The deposits in flight over the whole fleet: an attempt holds one slot from T1 to T2.
CREATE TABLE chorus.slots (
    n          integer PRIMARY KEY,
    attempt_id uuid
) WITH (fillfactor = 50);

-- One OAuth token for the whole fleet, sealed: the key that opens it is derived from the client secret, which is never in the database.
CREATE UNLOGGED TABLE chorus.tokens (
    key           text PRIMARY KEY,       -- names a PISTE application without naming it
    generation    bigint NOT NULL DEFAULT 0,
    rejected      bigint NOT NULL DEFAULT 0, -- the latest generation that the portal refused
    sealed        bytea,
    expires_at    timestamptz NOT NULL DEFAULT '-infinity',
    refreshed_at  timestamptz,
    refreshed_by  text,
    failures      integer NOT NULL DEFAULT 0, -- in a row
    failure       text,                    -- the last one's code
    failed_secret bytea,                   -- only those wait before they ask again who have the same client secret
    retry_at      timestamptz NOT NULL DEFAULT '-infinity'
);

-- Breakers: what the whole fleet knows of a portal or a PISTE application that fails, so that an outage is one incident (docs/protocol.md §2.3 H5).
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

-- What workers are configured with, and when one of them said so last; each says it every few seconds. What none has said for a while, though others have
-- spoken, belongs to a configuration that is gone.
CREATE TABLE chorus.configured (
    kind    text NOT NULL CHECK (kind IN ('account', 'breaker', 'webhook', 'settings', 'pace', 'slots')),
    key     text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 50);

-- Takes away what belongs to a configuration that has been gone for ten minutes. An outage of a portal that nobody uses any more is over. A worker that
-- comes back with it finds it unknown and makes it known again.
-- +goose StatementBegin
CREATE FUNCTION chorus.forget_gone() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since CONSTANT timestamptz := (SELECT max(seen_at) FROM chorus.configured) - interval '10 minutes';
    gone  CONSTANT text[] := ARRAY (SELECT key FROM chorus.configured WHERE kind = 'breaker' AND seen_at < since);
BEGIN
    IF cardinality(gone) > 0 THEN
        UPDATE chorus.breakers SET announced = false WHERE key = ANY (gone) AND announced;
        DELETE FROM chorus.breakers WHERE key = ANY (gone);
        DELETE FROM chorus.tokens WHERE 'application/' || key = ANY (gone);
        DELETE FROM chorus.budgets WHERE 'application/' || key = ANY (gone);
    END IF;
    DELETE FROM chorus.configured WHERE seen_at < since;
END $$;
-- +goose StatementEnd

-- Closures that were announced.
CREATE TABLE chorus.maintenance (
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    state     text NOT NULL DEFAULT 'ahead' CHECK (state IN ('ahead', 'running', 'over')),
    PRIMARY KEY (starts_at, ends_at),
    CHECK (ends_at > starts_at)
);

-- Reserves the next slot of the budget for a lane, or several at once (p_n, every_us apart) where the pace is too high to ask for each, as the generic cell
-- rate algorithm does without a burst: the answer is how long to wait for it, counted from now. Lanes come in order of importance, 1 resolve, 2 submit,
-- 3 sync, 4 report: each may join a queue of slots up to its own depth only, so that what is more important finds room; but a lane that has had less than a
-- fifth of the pace lately always may. Not granted: nothing is reserved, and it is worth asking again after the delay. Null: there is no such budget (yet,
-- or after a crash): insert it and ask again.
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

-- Whether the account's portal may be asked for anything now.
-- +goose StatementBegin
CREATE FUNCTION chorus.reachable(p_account text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NOT EXISTS (
            SELECT
            FROM chorus.accounts a
            JOIN chorus.breakers b ON b.key = ANY (a.behind)
            WHERE a.name = p_account AND b.state = 'open'
        )
        AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE clock_timestamp() BETWEEN starts_at AND ends_at);
END $$;
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

-- As after a pause (chorus.accounts_resumed): while an outage of the API lasted, the portal itself may have been there, and whoever was in a hurry typed something in.
-- +goose StatementBegin
CREATE FUNCTION chorus.breakers_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
BEGIN
    UPDATE chorus.accounts
    SET compare_since = OLD.since, compare_asked_at = at, compare_resumed_at = at, compare_next_at = '-infinity', compare_page = NULL, compare_pages = NULL, compare_fault = NULL
    WHERE OLD.key = ANY (behind) AND compare_since IS NULL AND can_search IS NOT FALSE;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER breakers_over AFTER UPDATE ON chorus.breakers FOR EACH ROW WHEN (OLD.announced AND OLD.state = 'open' AND NEW.state <> 'open')
    EXECUTE FUNCTION chorus.breakers_over();

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

-- When each worker last found that the database knows all that it remembers, and the latest event that it saw then: one that is not there any more shows that
-- the history was taken back without this table.
CREATE TABLE chorus.heartbeats (
    worker     text PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped    boolean NOT NULL DEFAULT false,
    event_id   bigint,
    event_at   timestamptz
) WITH (fillfactor = 50);

-- Since when attempts were begun whose rows are missing, or do not know of them: the table of the invoices was taken back without the others. Whatever was
-- begun after the copy was made is unknown to it, so both histories are read backwards, to p_after or until a thousand in a row are known: attempts, and events,
-- which tell of attempts that were taken back as well. A thousand, because what is begun at once is not committed in order. Null: none.
-- +goose StatementBegin
CREATE FUNCTION chorus.unknown_to_rows(p_after timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_sort = off SET jit = off AS $$
DECLARE
    attempts CURSOR FOR
        SELECT a.claimed_at, EXISTS (SELECT FROM chorus.invoices i WHERE i.id = a.invoice_id AND i.attempt_no >= a.n)
        FROM chorus.attempts a
        ORDER BY a.claimed_at DESC;
    events   CURSOR FOR
        SELECT e.at, EXISTS (SELECT FROM chorus.invoices i WHERE i.id = e.invoice_id AND i.attempt_no >= e.attempt)
        FROM chorus.events e
        WHERE e.to_state = 'sending'
        ORDER BY e.id DESC;
    history  refcursor;
    begun    timestamptz;
    known    boolean;
    row      integer;
    since    timestamptz;
BEGIN
    OPEN attempts;
    OPEN events;
    FOREACH history IN ARRAY ARRAY[attempts::text, events::text] LOOP
        row := 0;
        LOOP
            FETCH history INTO begun, known;
            EXIT WHEN NOT FOUND OR begun <= p_after;
            row := CASE WHEN known THEN row + 1 ELSE 0 END;
            EXIT WHEN row = 1000;
            IF NOT known THEN
                since := least(since, begun);
            END IF;
        END LOOP;
    END LOOP;
    RETURN since;
END $$;
-- +goose StatementEnd

-- The oldest row of history; null: none. Where it is older than the database itself (installation.created_at), it was put into a database that was made later.
-- +goose StatementBegin
CREATE FUNCTION chorus.oldest_row() RETURNS timestamptz LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN least((SELECT at FROM chorus.events ORDER BY id LIMIT 1), (SELECT min(first_at) FROM chorus.archives), (SELECT claimed_at FROM chorus.attempts ORDER BY claimed_at LIMIT 1));
END $$;
-- +goose StatementEnd

-- Until when somebody vouches for what had been sent: the last heartbeat. An event that was written after it and says an earlier time shows that the clock was
-- ahead, and counts instead. A moment that is still to come was written by such a clock, too, and is none: an older heartbeat counts, else the latest event before
-- the first that is to come, else the moment at which the database or its oldest row was made, or all of the last year.
-- +goose StatementBegin
CREATE FUNCTION chorus.vouched_until(p_now timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(
        (SELECT least(h.beat_at, (SELECT min(e.at) FROM chorus.events e WHERE e.id > coalesce(h.event_id, 0)))
         FROM chorus.heartbeats h
         WHERE h.beat_at <= p_now
         ORDER BY h.beat_at DESC
         LIMIT 1),
        (SELECT e.at FROM chorus.events e
         WHERE e.at <= p_now AND e.id < coalesce((SELECT min(f.id) FROM chorus.events f WHERE f.at > p_now), 9223372036854775807) AND (EXISTS (SELECT FROM chorus.heartbeats) OR EXISTS (SELECT FROM chorus.installation WHERE stepped_at IS NOT NULL))
         ORDER BY e.id DESC
         LIMIT 1),
        (SELECT least(created_at, chorus.oldest_row()) FROM chorus.installation WHERE created_at <= p_now),
        p_now - interval '1 year');
END $$;
-- +goose StatementEnd

-- The database has forgotten something: a standby was promoted, or a backup was brought back. What may have been sent in the forgotten history, after
-- p_since, is looked up before anything is sent: p_kind failover: sending rows and the first p_head ready ones; restore: every row that is not final,
-- what is inserted within p_window, and, whenever it is inserted, what is dated no later than tomorrow. Rows that are to be looked up get an attempt that stands for the one which may be forgotten. Where only some tables were
-- taken back (p_tables), a row may have been sent at any time since it was last written, and since the first attempt that its row does not know.
-- Returns the new number of quarantines; one that another worker has begun already (p_seen is behind) is not begun again.
-- +goose StatementBegin
CREATE FUNCTION chorus.quarantine(p_kind text, p_seen integer, p_detail jsonb, p_since timestamptz, p_tables boolean, p_window interval, p_head integer,
    OUT quarantines integer, OUT moved integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_epoch text := chorus.identity();
    inst      chorus.installation%ROWTYPE;
    since     timestamptz;
    at        timestamptz;
    cancelled bigint[];
    why       CONSTANT text := 'the database may have forgotten a deposit';
BEGIN
    -- Every transaction that moves rows holds this lock.
    LOCK TABLE chorus.locks IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO inst FROM chorus.installation FOR UPDATE;
    quarantines := inst.quarantines;
    moved := 0;
    IF inst.quarantines > p_seen THEN
        RETURN;
    END IF;
    quarantines := p_seen + 1;
    at := clock_timestamp();
    -- What a worker remembers was told by the same clock: where the history goes on earlier, that was ahead.
    since := CASE WHEN p_since <= at THEN least(p_since, (SELECT e.at FROM chorus.events e ORDER BY e.id DESC LIMIT 1)) ELSE chorus.vouched_until(at) END;
    DELETE FROM chorus.heartbeats WHERE beat_at > at;
    IF p_tables THEN
        -- What history says was cancelled: the row alone was taken back.
        cancelled := ARRAY(
            SELECT i.id
            FROM chorus.invoices i
            WHERE i.state IN ('received', 'ready', 'sending', 'in_doubt') AND i.cancel_requested_at IS NULL AND 'cancelled' = chorus.last_move(i.id));
        since := least(since, (SELECT min(updated_at) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt')),
            chorus.unknown_to_rows('-infinity'));
    END IF;
    IF EXISTS (SELECT FROM chorus.invoices WHERE state IN ('received', 'invalid', 'in_doubt') AND (lookup_first OR reason_code = 'QUARANTINE')) THEN
        since := least(since, inst.forgotten_since); -- an earlier quarantine is not over
    END IF;
    UPDATE chorus.installation i
    SET db_epoch = now_epoch, quarantines = p_seen + 1, quarantined_at = at, quarantine_kind = p_kind, forgotten_since = since,
        suspect_until = CASE WHEN p_kind = 'restore' THEN at + p_window ELSE i.suspect_until END,
        -- A day more: somewhere it is tomorrow.
        -- Nor is the clock behind what it has told a worker.
        suspect_date = CASE WHEN p_kind = 'restore' THEN greatest(i.suspect_date, (greatest(at, p_since) AT TIME ZONE 'Europe/Paris')::date + 1) ELSE i.suspect_date END,
        suspect_before = i.suspect_date,
        created_at = least(i.created_at, chorus.oldest_row()); -- older rows are dealt with
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'QUARANTINE', p_detail || jsonb_build_object('kind', p_kind, 'epoch', now_epoch, 'epoch_before', inst.db_epoch, 'since', since));

    UPDATE chorus.attempts a SET outcome = 'OWNER_LOST', finished_at = at
    FROM chorus.invoices i
    WHERE i.state = 'sending' AND a.invoice_id = i.id AND a.n = i.attempt_no AND a.outcome IS NULL;
    UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id IS NOT NULL;
    UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'QUARANTINE', reason = why, due_at = at WHERE state = 'sending';
    -- In doubt about the attempt that is remembered; there may be a later one. Their age counts from now (docs/protocol.md §3.5).
    UPDATE chorus.invoices
    SET reason_code = 'QUARANTINE', reason = why, in_doubt_since = at, due_at = at, claim = NULL, claimed_until = NULL
    WHERE state = 'in_doubt' AND reason_code IS DISTINCT FROM 'QUARANTINE';
    -- A number that was given to a forgotten attempt, of which another table still tells, is not given again.
    WITH head AS (
        SELECT id, state, document_sha256, gen_random_uuid() AS attempt,
               1 + greatest(attempt_no, (SELECT max(n) FROM chorus.attempts a WHERE a.invoice_id = i.id),
                            (SELECT max(attempt) FROM chorus.events e WHERE e.invoice_id = i.id),
                            (SELECT max(attempt) FROM chorus.archived_invoices b WHERE b.invoice_id = i.id)) AS n
        FROM chorus.invoices i
        WHERE state = 'ready'
           OR state = 'in_doubt' AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n = i.attempt_no)
           OR state = 'in_doubt' AND EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n > i.attempt_no)
        ORDER BY state = 'ready', priority DESC, id
        LIMIT CASE WHEN p_kind = 'restore' THEN NULL ELSE p_head END
        FOR UPDATE
    ), stand_in AS (
        INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome,
            evidence)
        SELECT attempt, id, n, 'quarantine', 'quarantine_' || replace(attempt::text, '-', ''), document_sha256, coalesce(inst.db_epoch, now_epoch),
               at, at, at, 'OWNER_LOST', jsonb_build_object('since', since)
        FROM head
    )
    UPDATE chorus.invoices i
    SET state = 'in_doubt', attempt_no = head.n, reason_code = 'QUARANTINE', reason = why, due_at = at
    FROM head
    WHERE i.id = head.id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE chorus.invoices SET cancel_requested_at = at WHERE id = ANY (cancelled) AND state IN ('received', 'in_doubt') AND cancel_requested_at IS NULL;
    -- What is read, or read again, from here on may have been read and sent before; what was parked before its first attempt may have been resubmitted.
    UPDATE chorus.invoices SET lookup_first = true
    WHERE (state IN ('received', 'invalid') OR state = 'parked' AND attempt_no = 0) AND NOT lookup_first;
    -- The comparison at a start has nothing to find any more.
    UPDATE chorus.accounts SET compare_since = NULL WHERE compare_since IS NOT NULL;
END $$;
-- +goose StatementEnd

-- The database is known from the beginning, so that a dump of one that nobody has worked on yet is noticed when it is restored, too.
UPDATE chorus.installation SET db_epoch = chorus.identity();

-- The sequences that give numbers which their tables hold already, as a copy by logical replication leaves them: each with the statement that mends it.
-- +goose StatementBegin
CREATE FUNCTION chorus.sequences_behind() RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s   record;
    top bigint;
BEGIN
    FOR s IN
        SELECT q.seqrelid, q.seqstart, format('%I.%I', n.nspname, c.relname) AS name, format('%I.%I', tn.nspname, t.relname) AS of_table, a.attname
        FROM pg_sequence q
        JOIN pg_class c ON c.oid = q.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        JOIN pg_class t ON t.oid = d.refobjid
        JOIN pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
        WHERE tn.nspname IN ('chorus', 'river')
        ORDER BY name
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', s.attname, s.of_table) INTO top;
        IF top >= coalesce(pg_sequence_last_value(s.seqrelid) + 1, s.seqstart) THEN -- asked after the table: nothing that is inserted meanwhile is behind
            RETURN NEXT format('SELECT setval(%L, (SELECT max(%I) FROM %s))', s.name, s.attname, s.of_table);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd
