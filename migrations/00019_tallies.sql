-- How many invoices are in each state, without counting them: that takes the longer, the more history there is.
--
-- History tells of every move, and numbers it after its commit, so it is the list of what is to be added and taken away. The tallies are the moves up to one number; whoever
-- reads them adds the moves after it. Whoever changes an invoice writes nothing more for it, and no row is waited for; the sweep folds what is new into a few rows.

-- +goose Up

CREATE TABLE chorus.tallies (
    account text NOT NULL,
    state   text NOT NULL REFERENCES chorus.states,
    count   bigint NOT NULL,
    PRIMARY KEY (account, state)
) WITH (fillfactor = 50);

-- The last event (seq) that is in them. One row.
CREATE TABLE chorus.tallied (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq        bigint NOT NULL,
    counted_at timestamptz -- when all were counted last
);
INSERT INTO chorus.tallied (seq) VALUES (0);

-- How many more, or fewer, are in each state by the events after one, up to another; null: up to the last, those without a number, too. Plans are made for the numbers at hand: without
-- them, PostgreSQL takes the moves after a number for a third of history.
-- +goose StatementBegin
CREATE FUNCTION chorus.moves(p_after bigint, p_until bigint) RETURNS TABLE (account text, state text, count bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT i.account, m.state, sum(m.n)::bigint
    FROM (
        SELECT e.invoice_id, e.from_state, e.to_state FROM chorus.events e WHERE e.seq > p_after AND e.seq <= coalesce(p_until, 9223372036854775807)
        UNION ALL
        SELECT e.invoice_id, e.from_state, e.to_state FROM chorus.events e WHERE e.seq IS NULL AND p_until IS NULL
    ) e
    JOIN chorus.invoices i ON i.id = e.invoice_id
    CROSS JOIN LATERAL (VALUES (e.to_state, 1), (e.from_state, -1)) m (state, n)
    WHERE e.to_state IS DISTINCT FROM e.from_state AND m.state IS NOT NULL
    GROUP BY i.account, m.state;
END $$;
-- +goose StatementEnd

-- How many invoices are in each state, of the accounts that the login sees. It reads as of one moment, that of the statement.
-- +goose StatementBegin
CREATE FUNCTION chorus.tally() RETURNS TABLE (account text, state text, count bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT x.account, x.state, sum(x.count)::bigint
    FROM (
        SELECT t.account, t.state, t.count FROM chorus.tallies t
        UNION ALL
        SELECT m.account, m.state, m.count FROM chorus.moves((SELECT seq FROM chorus.tallied), NULL) m
    ) x
    WHERE x.account = ANY ((SELECT chorus.my_accounts())::text[])
    GROUP BY x.account, x.state;
END $$;
-- +goose StatementEnd

-- Folds at most p_most numbered events into the tallies, and returns how many. Somebody else who does so is not waited for.
-- +goose StatementBegin
CREATE FUNCTION chorus.fold_moves(p_most bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after bigint;
    until bigint;
BEGIN
    SELECT t.seq INTO after FROM chorus.tallied t FOR UPDATE SKIP LOCKED;
    IF after IS NULL THEN
        RETURN 0;
    END IF;
    SELECT max(e.seq) INTO until FROM chorus.events e;
    IF until IS NULL OR until <= after THEN
        RETURN 0;
    END IF;
    until := least(until, after + p_most);
    INSERT INTO chorus.tallies AS t (account, state, count)
    SELECT m.account, m.state, m.count FROM chorus.moves(after, until) m
    ON CONFLICT (account, state) DO UPDATE SET count = t.count + excluded.count;
    UPDATE chorus.tallied SET seq = until;
    RETURN until - after;
END $$;
-- +goose StatementEnd

-- Counts all invoices, and sets the tallies to what makes them right, for whoever has changed rows past the rules; for workers, which ask often (p_nightly), once a night. The count and
-- the moves are of one moment.
-- +goose StatementBegin
CREATE FUNCTION chorus.recount(p_nightly boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after bigint;
BEGIN
    IF p_nightly AND (extract(hour FROM clock_timestamp() AT TIME ZONE 'Europe/Paris') NOT BETWEEN 2 AND 4
        OR (SELECT t.counted_at BETWEEN clock_timestamp() - interval '12 hours' AND clock_timestamp() FROM chorus.tallied t)) THEN
        RETURN;
    END IF;
    UPDATE chorus.tallied SET counted_at = clock_timestamp() RETURNING seq INTO after;
    DELETE FROM chorus.tallies;
    INSERT INTO chorus.tallies (account, state, count)
    SELECT x.account, x.state, sum(x.count)
    FROM (
        SELECT i.account, i.state, count(*) AS count FROM chorus.invoices i GROUP BY i.account, i.state
        UNION ALL
        SELECT m.account, m.state, -m.count FROM chorus.moves(after, NULL) m
    ) x
    GROUP BY x.account, x.state;
END $$;
-- +goose StatementEnd
SELECT chorus.recount(false);

REVOKE ALL ON FUNCTION chorus.moves(bigint, bigint), chorus.tally(), chorus.fold_moves(bigint), chorus.recount(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.tally() TO chorus_operator, chorus_reader, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.fold_moves(bigint), chorus.recount(boolean) TO chorus_worker;
