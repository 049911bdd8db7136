-- History by month: chorus.events is cut into months, and a month that nobody needs any more leaves for a file, and comes back from it.
--
-- A month is a range of numbers that is known beforehand: the events of November 2026 have the numbers from 2026110000000000 on. So the next months are made while nobody writes to
-- them, and no row is ever moved or read for it. When a month begins, the sequence jumps to its first number. Where nobody has it jump, the month before goes on: an event is never refused.

-- +goose Up

INSERT INTO chorus.locks VALUES ('partitions');

-- The parts of history: the range of their numbers, whether they are in chorus.events, or were detached half-way.
-- +goose StatementBegin
CREATE FUNCTION chorus.partitions() RETURNS TABLE (month text, name text, from_id bigint, until_id bigint, attached boolean, pending boolean, rows bigint, bytes bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT m.month, c.relname::text,
           CASE m.month WHEN 'first' THEN 0 ELSE m.month::bigint * 10000000000 END,
           CASE m.month WHEN 'first' THEN 2000000000000000 ELSE to_char(to_date(m.month, 'YYYYMM') + interval '1 month', 'YYYYMM')::bigint * 10000000000 END,
           i.inhrelid IS NOT NULL, coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false), -- which PostgreSQL 13 does not have
           c.reltuples::bigint, pg_total_relation_size(c.oid)
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT substr(c.relname, 8) AS month) m
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'chorus.events'::regclass
    WHERE c.relnamespace = 'chorus'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^events_(first|\d{6})$'
    ORDER BY m.month <> 'first', m.month;
END $$;
-- +goose StatementEnd

-- Where the numbers of events have come to.
-- +goose StatementBegin
CREATE FUNCTION chorus.last_event_id() RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint;
BEGIN
    EXECUTE format('SELECT last_value FROM %s', pg_get_serial_sequence('chorus.events', 'id')) INTO last;
    RETURN last;
END $$;
-- +goose StatementEnd

-- One process at a time changes the parts. It holds this until its transaction ends.
-- +goose StatementBegin
CREATE FUNCTION chorus.lock_partitions() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM chorus.locks WHERE name = 'partitions' FOR UPDATE SKIP LOCKED;
    RETURN FOUND;
END $$;
-- +goose StatementEnd

-- An empty table with the columns and rules of chorus.events, for a month.
-- +goose StatementBegin
CREATE FUNCTION chorus.make_partition(p_month text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE chorus.%I (LIKE chorus.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)', 'events_' || p_month);
    EXECUTE format('ALTER TABLE chorus.%I ENABLE ROW LEVEL SECURITY', 'events_' || p_month); -- nobody reads or writes but by chorus.events
    EXECUTE format('REVOKE ALL ON chorus.%I FROM PUBLIC, chorus_app, chorus_worker, chorus_operator, chorus_reader', 'events_' || p_month);
END $$;
-- +goose StatementEnd

-- Gives it the indexes and triggers of chorus.events, and puts it in. The range is proved by a constraint, so nothing is read for it, and the lock on chorus.events is one that no statement of
-- anybody's waits for (SHARE UPDATE EXCLUSIVE).
-- +goose StatementBegin
CREATE FUNCTION chorus.put_partition(p_month text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part CONSTANT text := format('chorus.%I', 'events_' || p_month);
    p    record;
    def  text;
BEGIN
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month;
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (id)', part);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %s (seq) WHERE seq IS NOT NULL', 'events_' || p_month || '_seq_key', part);
    FOR def IN SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = 'chorus.events'::regclass AND NOT i.indisprimary LOOP
        EXECUTE regexp_replace(def, '^CREATE INDEX events_(\S+) ON (ONLY )?chorus\.events ', format('CREATE INDEX events_%s_\1 ON %s ', p_month, part));
    END LOOP;
    EXECUTE format('CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse()', part);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT events_range CHECK (id >= %s AND id < %s)', part, p.from_id, p.until_id);
    EXECUTE format('ALTER TABLE chorus.events ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', part, CASE p_month WHEN 'first' THEN 'MINVALUE' ELSE p.from_id::text END, p.until_id);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT events_range', part);
END $$;
-- +goose StatementEnd

-- Makes this month and the next two, where they are not there, and has the numbers begin with this month's. It returns the months that it made.
-- +goose StatementBegin
CREATE FUNCTION chorus.cut_months() RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this CONSTANT date := date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Paris')::date;
    m    text;
    made text[] := '{}';
    last bigint;
BEGIN
    IF NOT chorus.clock_is_trusted() THEN
        RAISE EXCEPTION 'the database''s clock was set less than a day ago: no month begins now' USING ERRCODE = 'CH060';
    END IF;
    last := chorus.last_event_id();
    FOR k IN 0..2 LOOP
        m := to_char(this + make_interval(months => k), 'YYYYMM');
        -- A clock that was ahead has led the numbers past this month: the month that they have come to goes on.
        CONTINUE WHEN EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = m) OR last >= (m::bigint + 1) * 10000000000 OR EXISTS (SELECT FROM chorus.archives a WHERE a.month = m AND a.attached_at IS NULL);
        PERFORM chorus.make_partition(m);
        PERFORM chorus.put_partition(m);
        made := made || m;
    END LOOP;
    m := to_char(this, 'YYYYMM');
    -- Only who holds the lock sets the sequence, and only forward: no number is given twice.
    IF last < m::bigint * 10000000000 AND EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = m AND p.attached) THEN
        PERFORM setval(pg_get_serial_sequence('chorus.events', 'id')::regclass, m::bigint * 10000000000, false);
    END IF;
    RETURN made;
END $$;
-- +goose StatementEnd

-- What a worker does at its start and from time to time: where history is cut by month, it goes on being cut. Where only rows were put back (pg_restore --data-only), the numbers are in a month
-- that has no part, and no event can be written: the part is made.
-- +goose StatementBegin
CREATE FUNCTION chorus.next_months() RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this CONSTANT text := to_char(clock_timestamp() AT TIME ZONE 'Europe/Paris', 'YYYYMM');
    ahead CONSTANT text := to_char((clock_timestamp() AT TIME ZONE 'Europe/Paris') + interval '2 months', 'YYYYMM');
    last  CONSTANT bigint := chorus.last_event_id();
    here  CONSTANT text := last / 10000000000;
BEGIN
    IF here ~ '^[2-9]\d{3}(0[1-9]|1[0-2])$' AND to_regclass('chorus.events_' || here) IS NULL THEN
        IF NOT chorus.lock_partitions() THEN
            RETURN '{}';
        END IF;
        PERFORM chorus.make_partition(here);
        PERFORM chorus.put_partition(here);
        RETURN ARRAY[here];
    END IF;
    IF to_regclass('chorus.events_' || ahead) IS NOT NULL AND last >= this::bigint * 10000000000
        OR NOT EXISTS (SELECT FROM chorus.partitions() p WHERE p.month <> 'first') OR NOT chorus.clock_is_trusted() OR NOT chorus.lock_partitions() THEN
        RETURN '{}';
    END IF;
    RETURN chorus.cut_months();
END $$;
-- +goose StatementEnd

-- What a month holds, and what keeps it from leaving.
-- +goose StatementBegin
CREATE FUNCTION chorus.month_facts(p_month text, p_age interval, OUT events bigint, OUT first_at timestamptz, OUT last_at timestamptz, OUT unnumbered bigint, OUT top_seq bigint,
    OUT invoices bigint, OUT not_final bigint, OUT not_over bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    p record;
BEGIN
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'this login sees some accounts only: a month is everybody''s' USING ERRCODE = 'CH060';
    END IF;
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month AND x.attached;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no month % in chorus.events', p_month USING ERRCODE = 'CH020';
    END IF;
    SELECT count(*), min(e.at), max(e.at), count(*) FILTER (WHERE e.seq IS NULL), max(e.seq)
    INTO events, first_at, last_at, unnumbered, top_seq
    FROM chorus.events e
    WHERE e.id >= p.from_id AND e.id < p.until_id;
    SELECT count(*), count(*) FILTER (WHERE x.final IS NOT TRUE), count(*) FILTER (WHERE x.final AND NOT x.over)
    INTO invoices, not_final, not_over
    FROM (
        SELECT i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned') AS final,
               i.updated_at < clock_timestamp() - p_age AND i.claim IS NULL AND i.claimed_until IS NULL AND i.reason_due_at IS NULL
               AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.outcome IS NULL)
               AND NOT EXISTS (SELECT FROM chorus.remedies r WHERE r.invoice_id = i.id AND r.state NOT IN ('done', 'refused')) AS over
        FROM (SELECT DISTINCT e.invoice_id FROM chorus.events e WHERE e.id >= p.from_id AND e.id < p.until_id AND e.invoice_id IS NOT NULL) e
        LEFT JOIN chorus.invoices i ON i.id = e.invoice_id
    ) x;
END $$;
-- +goose StatementEnd

-- Why a month does not leave now, in words; null: nothing stands against it.
-- +goose StatementBegin
CREATE FUNCTION chorus.month_waits(p_month text, p_age interval) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f    record;
    last CONSTANT bigint := chorus.last_event_id();
    waits text := chorus.purge_waits();
    who  text;
BEGIN
    IF waits IS NOT NULL THEN
        RETURN waits;
    ELSIF p_age < interval '1 day' OR p_age IS NULL THEN
        RETURN 'a month stays for a day at least after its last invoice was final';
    ELSIF EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = p_month AND p.until_id > last) THEN
        RETURN 'events are still written to it: choriste partition apply begins the month that is';
    END IF;
    SELECT x.* INTO f FROM chorus.month_facts(p_month, p_age) x;
    IF f.events = 0 THEN
        RETURN 'it holds nothing';
    ELSIF f.last_at >= clock_timestamp() - p_age THEN
        RETURN 'its last event is not as old as was asked for';
    ELSIF f.not_final > 0 THEN
        RETURN format('%s of its invoices are not final', f.not_final);
    ELSIF f.not_over > 0 THEN
        RETURN format('%s of its invoices have been final for too short, or something of them is under way', f.not_over);
    ELSIF f.unnumbered > 0 THEN
        RETURN format('%s of its events have no number yet: let a worker run', f.unnumbered);
    ELSIF f.top_seq >= (SELECT max(e.seq) FROM chorus.events e) THEN
        RETURN 'no younger event has a number yet: let a worker run';
    ELSIF f.top_seq > (SELECT t.seq FROM chorus.tallied t) THEN
        RETURN 'its moves are not counted yet: let a worker run';
    END IF;
    SELECT min(w.name) INTO who FROM chorus.webhooks w WHERE w.cursor < f.top_seq;
    IF who IS NOT NULL THEN
        RETURN format('the webhook %s has not been told of all of it', who);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Reckons the chain through a month that is in chorus.events, and says where it begins and ends there. It reads every event.
-- +goose StatementBegin
CREATE FUNCTION chorus.month_chain(p_month text, OUT events bigint, OUT runs_from bigint[], OUT runs_to bigint[], OUT runs_before bytea[], OUT runs_hash bytea[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_sort = off SET TimeZone = 'UTC' AS $$
DECLARE
    p      record;
    e      chorus.events;
    before bytea;
    seq    bigint;
BEGIN
    events := 0;
    runs_from := '{}';
    runs_to := '{}';
    runs_before := '{}';
    runs_hash := '{}';
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month;
    FOR e IN SELECT x.* FROM chorus.events x WHERE x.id >= p.from_id AND x.id < p.until_id AND x.seq IS NOT NULL ORDER BY x.seq LOOP
        IF e.seq IS DISTINCT FROM seq + 1 THEN
            IF seq IS NOT NULL THEN
                runs_to := runs_to || seq;
                runs_hash := runs_hash || before;
            END IF;
            before := chorus.hash_before(e.seq);
            runs_from := runs_from || e.seq;
            runs_before := runs_before || coalesce(before, '');
        END IF;
        IF e.hash IS DISTINCT FROM sha256(coalesce(before, '') || convert_to(chorus.event_text(e), 'UTF8')) THEN
            RAISE EXCEPTION 'event % does not fit the chain over history: choriste verify --database says more', e.seq USING ERRCODE = 'CH060';
        END IF;
        seq := e.seq;
        before := e.hash;
        events := events + 1;
    END LOOP;
    IF seq IS NOT NULL THEN
        runs_to := runs_to || seq;
        runs_hash := runs_hash || before;
    END IF;
END $$;
-- +goose StatementEnd

-- Writes down that a month is in a file, with what must be known of it when it is away. The month is in chorus.events still, and leaves it afterwards.
-- +goose StatementBegin
CREATE FUNCTION chorus.archive_month(p_month text, p_age interval, p_events bigint, p_sha256 bytea, p_file text) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p     record;
    c     record;
    a     chorus.archives%ROWTYPE;
    waits text := chorus.month_waits(p_month, p_age);
BEGIN
    IF waits IS NOT NULL THEN
        RAISE EXCEPTION 'the month % stays: %', p_month, waits USING ERRCODE = 'CH060';
    END IF;
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month AND x.attached;
    SELECT x.* INTO c FROM chorus.month_chain(p_month) x;
    IF c.events <> p_events THEN
        RAISE EXCEPTION 'the month % has % events, and the file %', p_month, c.events, p_events USING ERRCODE = 'CH060';
    END IF;
    SELECT min(e.id), max(e.id), min(e.at), max(e.at),
           coalesce(sum((e.detail ->> 'count')::bigint) FILTER (WHERE e.reason_code = 'EXCHANGES_FORGOTTEN'), 0), max((e.detail ->> 'until')::timestamptz) FILTER (WHERE e.reason_code = 'EXCHANGES_FORGOTTEN')
    INTO a.from_id, a.to_id, a.first_at, a.last_at, a.exchanges_forgotten, a.exchanges_forgotten_until
    FROM chorus.events e
    WHERE e.id >= p.from_id AND e.id < p.until_id;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'ARCHIVED', jsonb_build_object('month', p_month, 'events', c.events, 'sha256', encode(p_sha256, 'hex'), 'file', p_file, 'from', c.runs_from, 'to', c.runs_to,
        'hash', (SELECT jsonb_agg(encode(h, 'hex') ORDER BY k) FROM unnest(c.runs_hash) WITH ORDINALITY x (h, k))))
    RETURNING id INTO a.event_id;
    INSERT INTO chorus.archives (month, from_id, to_id, events, first_at, last_at, runs_from, runs_to, runs_before, runs_hash, exchanges_forgotten, exchanges_forgotten_until, sha256, file, event_id, archived_by)
    VALUES (p_month, a.from_id, a.to_id, c.events, a.first_at, a.last_at, c.runs_from, c.runs_to, c.runs_before, c.runs_hash, a.exchanges_forgotten, a.exchanges_forgotten_until, p_sha256, p_file,
            a.event_id, chorus.actor())
    RETURNING id INTO a.id;
    INSERT INTO chorus.archived_invoices (invoice_id, archive, events, begins, move_id, state, statut_id, statut, statuts, attempt, attempt_looks, attempt_sha256, invoice_sha256, purged_sha256)
    SELECT x.invoice_id, a.id, x.n, x.begins, x.move[1]::bigint, x.move[2], x.word[1]::bigint, x.word[2], x.statuts, x.told[1]::integer, x.told[2]::integer, decode(x.told[3], 'hex'), decode(x.sent, 'hex'), x.purged
    FROM (
        SELECT e.invoice_id, count(*)::integer AS n, bool_or(e.from_state IS NULL) AS begins,
               (array_agg(ARRAY[e.id::text, e.to_state] ORDER BY e.id DESC) FILTER (WHERE e.to_state IS DISTINCT FROM e.from_state))[1:1] AS moves,
               max(e.detail ->> 'sha256') FILTER (WHERE e.reason_code = 'PURGED') AS purged,
               max(encode(e.invoice_sha256, 'hex')) FILTER (WHERE e.invoice_sha256 IS NOT NULL) AS sent,
               array_agg(DISTINCT e.detail ->> 'statut_courant') FILTER (WHERE e.detail ? 'statut_courant') AS statuts,
               (array_agg(ARRAY[e.id::text, e.detail ->> 'statut_courant'] ORDER BY e.id DESC)
                   FILTER (WHERE e.to_state IS DISTINCT FROM e.from_state OR e.reason_code = 'STATUT' AND NOT e.detail ? 'from_history'))[1:1] AS words,
               (array_agg(ARRAY[e.attempt::text, e.attempt_looks::text, encode(e.attempt_sha256, 'hex')] ORDER BY e.attempt DESC, e.seq DESC) FILTER (WHERE e.attempt IS NOT NULL))[1:1] AS tolds
        FROM chorus.events e
        WHERE e.id >= p.from_id AND e.id < p.until_id AND e.invoice_id IS NOT NULL
        GROUP BY e.invoice_id
    ) g
    CROSS JOIN LATERAL (
        SELECT g.invoice_id, g.n, g.begins, g.purged, g.sent, g.statuts,
               ARRAY(SELECT unnest(g.moves)) AS move, ARRAY(SELECT unnest(g.words)) AS word, ARRAY(SELECT unnest(g.tolds)) AS told
    ) x;
    INSERT INTO chorus.archived_events (archive, from_id, marks)
    SELECT a.id, b.from_id, string_agg(coalesce(substring(sha256(timestamptz_send(e.at)) FOR 4), '\x00000000'), '' ORDER BY n.id)
    FROM (SELECT DISTINCT x.id - x.id % 4096 AS from_id FROM chorus.events x WHERE x.id >= p.from_id AND x.id < p.until_id) b
    CROSS JOIN LATERAL generate_series(b.from_id, b.from_id + 4095) n (id)
    LEFT JOIN chorus.events e ON e.id = n.id AND e.id >= p.from_id AND e.id < p.until_id
    GROUP BY b.from_id;
    -- A replay that began meanwhile has moved a webhook's place back, and the next one waits here and finds the month away (chorus.replay_webhook).
    PERFORM FROM chorus.webhooks w ORDER BY w.name FOR UPDATE;
    IF EXISTS (SELECT FROM chorus.webhooks w WHERE w.cursor < c.runs_to[cardinality(c.runs_to)]) THEN
        RAISE EXCEPTION 'the month % stays: %', p_month, 'a webhook is being told of it' USING ERRCODE = 'CH060';
    END IF;
    RETURN a.id;
END $$;
-- +goose StatementEnd

-- A month is back in chorus.events, or never left: its chain is reckoned, and what was written down of it goes.
-- +goose StatementBegin
CREATE FUNCTION chorus.month_is_back(p_archive bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a chorus.archives%ROWTYPE;
    c record;
BEGIN
    SELECT * INTO a FROM chorus.archives WHERE id = p_archive AND attached_at IS NULL FOR UPDATE;
    SELECT x.* INTO c FROM chorus.month_chain(a.month) x;
    IF (c.events, c.runs_from, c.runs_to, c.runs_before, c.runs_hash) IS DISTINCT FROM (a.events, a.runs_from, a.runs_to, a.runs_before, a.runs_hash) THEN
        RAISE EXCEPTION 'the month % is not what left: % events, and % were written down', a.month, c.events, a.events USING ERRCODE = 'CH060';
    END IF;
    UPDATE chorus.archives SET attached_at = clock_timestamp(), attached_by = chorus.actor() WHERE id = p_archive;
    DELETE FROM chorus.archived_invoices WHERE archive = p_archive;
    DELETE FROM chorus.archived_events WHERE archive = p_archive;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'ATTACHED', jsonb_build_object('month', a.month, 'events', a.events, 'sha256', encode(a.sha256, 'hex')));
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.partitions(), chorus.last_event_id(), chorus.lock_partitions(), chorus.make_partition(text), chorus.put_partition(text), chorus.cut_months(), chorus.next_months(),
    chorus.month_facts(text, interval), chorus.month_waits(text, interval), chorus.month_chain(text), chorus.archive_month(text, interval, bigint, bytea, text), chorus.month_is_back(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.partitions() TO chorus_reader, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.partitions(), chorus.last_event_id(), chorus.month_facts(text, interval), chorus.month_waits(text, interval) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.next_months() TO chorus_worker;
