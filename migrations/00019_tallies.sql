-- How many invoices are in each state, and what is open at Chorus Pro, without reading all of them: that takes the longer, the more there are.
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
-- them, PostgreSQL takes the moves after a number for a third of history. And without parallel workers, here and below: to start two takes longer than to read.
-- +goose StatementBegin
CREATE FUNCTION chorus.moves(p_after bigint, p_until bigint) RETURNS TABLE (account text, state text, count bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET max_parallel_workers_per_gather = 0 AS $$
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

-- What is open, added up as chorus.money has it, for each block of 10,000 invoices by their ids. Each late invoice has its own interest, rounded to the cent, and more of it every day: sums cannot be
-- kept by adding what moves, as tallies are. So a block is added up anew when an invoice in it has moved, and all are when a day ends in Paris. Whoever reads takes the sums of the
-- blocks in which nothing has moved since, and adds up the others himself.
CREATE TABLE chorus.money_blocks (
    block      bigint PRIMARY KEY,
    day        date NOT NULL,    -- of Paris, on which the stages and the interest are right
    changed    boolean NOT NULL, -- an invoice has moved since, up to the event of chorus.tallied
    counted_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE chorus.money_sums (
    block              bigint NOT NULL,
    account            text NOT NULL,
    stage              text NOT NULL,
    destinataire_siret text COLLATE "C",
    devise             text,
    oldest             date,
    invoices           bigint NOT NULL,
    amount             numeric,
    late               bigint NOT NULL,
    interest           numeric,
    indemnity          bigint
);
CREATE INDEX money_sums_block ON chorus.money_sums (block);

-- The block of an invoice.
-- +goose StatementBegin
CREATE FUNCTION chorus.money_block(p_id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT p_id / 10000 $$;
-- +goose StatementEnd

-- The blocks in which there are invoices. Ids may be far apart: an INSERT that finds its row there already takes one, too.
-- +goose StatementBegin
CREATE FUNCTION chorus.blocks() RETURNS SETOF bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next bigint := 0;
BEGIN
    LOOP
        SELECT chorus.money_block(i.id) INTO next FROM chorus.invoices i WHERE i.id >= next * 10000 ORDER BY i.id LIMIT 1;
        EXIT WHEN NOT FOUND;
        RETURN NEXT next;
        next := next + 1;
    END LOOP;
END $$;
-- +goose StatementEnd

-- The blocks in which something that is or was open has moved by the events after one, up to another; null: as for chorus.moves.
-- +goose StatementBegin
CREATE FUNCTION chorus.moved_blocks(p_after bigint, p_until bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
    RETURN QUERY
    SELECT chorus.money_block(e.invoice_id)
    FROM (
        SELECT e.invoice_id, e.from_state, e.to_state FROM chorus.events e WHERE e.seq > p_after AND e.seq <= coalesce(p_until, 9223372036854775807)
        UNION ALL
        SELECT e.invoice_id, e.from_state, e.to_state FROM chorus.events e WHERE e.seq IS NULL AND p_until IS NULL
    ) e
    WHERE e.invoice_id IS NOT NULL AND (e.from_state IN ('deposited', 'integrated') OR e.to_state IN ('deposited', 'integrated'))
    GROUP BY 1;
END $$;
-- +goose StatementEnd

-- The sums of one block, from its invoices, of the accounts that the login sees.
-- +goose StatementBegin
CREATE FUNCTION chorus.money_of_block(p_block bigint) RETURNS SETOF chorus.money_sums
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
    RETURN QUERY
    SELECT p_block, m.account, m.stage, m.destinataire_siret, m.devise, min(m.available_on), count(*), sum(m.amount), count(m.indemnity), sum(m.interest), sum(m.indemnity)
    FROM chorus.money m
    WHERE m.open AND m.invoice >= p_block * 10000 AND m.invoice < (p_block + 1) * 10000
    GROUP BY m.account, m.stage, m.destinataire_siret, m.devise;
END $$;
-- +goose StatementEnd

-- What is open, in sums, of the accounts that the login sees: of one of them, and to one recipient (SIRET or SIREN), unless that is ''. It reads as of one moment, that of the statement.
-- +goose StatementBegin
CREATE FUNCTION chorus.money_open(p_account text, p_recipient text)
    RETURNS TABLE (stage text, destinataire_siret text, devise text, oldest date, invoices bigint, amount numeric, late bigint, interest numeric, indemnity bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    mine CONSTANT text[] := ARRAY(SELECT a FROM unnest(chorus.my_accounts()) a WHERE p_account IN ('', a));
    kept CONSTANT bigint[] := ARRAY(
        SELECT b.block FROM chorus.money_blocks b WHERE NOT b.changed AND b.day = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date
        EXCEPT
        SELECT * FROM chorus.moved_blocks((SELECT t.seq FROM chorus.tallied t), NULL));
BEGIN
    RETURN QUERY
    SELECT s.stage, s.destinataire_siret, s.devise, min(s.oldest), sum(s.invoices)::bigint, sum(s.amount), sum(s.late)::bigint, sum(s.interest), sum(s.indemnity)::bigint
    FROM (
        SELECT * FROM chorus.money_sums k WHERE k.block = ANY (kept)
        UNION ALL
        SELECT m.*
        FROM chorus.blocks() b (block)
        CROSS JOIN LATERAL chorus.money_of_block(b.block) m
        WHERE b.block <> ALL (kept)
    ) s
    WHERE s.account = ANY (mine) AND (p_recipient = '' OR starts_with(s.destinataire_siret, p_recipient))
    GROUP BY s.stage, s.destinataire_siret, s.devise;
END $$;
-- +goose StatementEnd

-- Adds up the blocks whose sums are not right any more, those that were added up longest ago first, for about so long; one in which much moves, twice a minute at most. For whoever holds chorus.tallied:
-- one at a time.
-- +goose StatementBegin
CREATE FUNCTION chorus.count_money(p_within interval) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    today CONSTANT date := (began AT TIME ZONE 'Europe/Paris')::date;
    b     bigint;
BEGIN
    IF chorus.only_accounts() IS NOT NULL THEN
        RETURN; -- the sums are of all accounts
    END IF;
    FOR b IN
        SELECT x.block
        FROM chorus.blocks() x (block)
        LEFT JOIN chorus.money_blocks k ON k.block = x.block
        WHERE k.block IS NULL OR k.day <> today OR k.changed AND k.counted_at NOT BETWEEN began - interval '30 seconds' AND began
        ORDER BY k.counted_at NULLS FIRST, x.block
    LOOP
        DELETE FROM chorus.money_sums s WHERE s.block = b;
        INSERT INTO chorus.money_sums SELECT * FROM chorus.money_of_block(b);
        INSERT INTO chorus.money_blocks AS k (block, day, changed, counted_at) VALUES (b, today, false, clock_timestamp())
        ON CONFLICT (block) DO UPDATE SET day = excluded.day, changed = false, counted_at = excluded.counted_at;
        EXIT WHEN clock_timestamp() NOT BETWEEN began AND began + p_within;
    END LOOP;
END $$;
-- +goose StatementEnd

-- What changes sums without an event of its own: the portal's history, which says that a clock began earlier (chorus.earlier_statuts), the rates, and the delays of recipients. Those who add up are waited for,
-- and begin again when this is committed.
-- +goose StatementBegin
CREATE FUNCTION chorus.money_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM chorus.tallied FOR SHARE;
    IF TG_LEVEL = 'ROW' THEN
        DELETE FROM chorus.money_blocks WHERE block = chorus.money_block(NEW.id);
    ELSE
        DELETE FROM chorus.money_blocks;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_money AFTER UPDATE OF available_on, suspended_on, completed_on ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.money_changed();
CREATE TRIGGER ecb_rates_money AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON chorus.ecb_rates FOR EACH STATEMENT EXECUTE FUNCTION chorus.money_changed();
CREATE TRIGGER payment_delays_money AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON chorus.payment_delays FOR EACH STATEMENT EXECUTE FUNCTION chorus.money_changed();

-- Folds at most p_most numbered events into the tallies, and returns how many; then it adds up what is open where that has moved. Somebody else who does so is not waited for.
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
    until := least(greatest(until, after), after + p_most);
    IF until > after THEN
        INSERT INTO chorus.tallies AS t (account, state, count)
        SELECT m.account, m.state, m.count FROM chorus.moves(after, until) m
        ON CONFLICT (account, state) DO UPDATE SET count = t.count + excluded.count;
        UPDATE chorus.money_blocks SET changed = true WHERE NOT changed AND block IN (SELECT chorus.moved_blocks(after, until));
        UPDATE chorus.tallied SET seq = until;
    END IF;
    PERFORM chorus.count_money('200 ms');
    RETURN until - after;
END $$;
-- +goose StatementEnd

-- Counts all invoices, and sets the tallies to what makes them right, for whoever has changed rows past the rules; for workers, which ask often (p_nightly), once a night. The count and
-- the moves are of one moment. What is open is added up anew at the end of each day anyhow.
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
    IF NOT p_nightly THEN
        DELETE FROM chorus.money_blocks;
        PERFORM chorus.count_money('1 day');
    END IF;
END $$;
-- +goose StatementEnd
SELECT chorus.recount(false);

REVOKE ALL ON FUNCTION chorus.moves(bigint, bigint), chorus.tally(), chorus.fold_moves(bigint), chorus.recount(boolean), chorus.money_block(bigint), chorus.blocks(), chorus.moved_blocks(bigint, bigint),
    chorus.money_of_block(bigint), chorus.money_open(text, text), chorus.count_money(interval), chorus.money_changed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.tally(), chorus.money_open(text, text) TO chorus_operator, chorus_reader, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.fold_moves(bigint), chorus.recount(boolean) TO chorus_worker;
