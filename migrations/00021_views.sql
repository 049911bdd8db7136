-- Saved views: queries of the console's list and of choriste list --view, under a name. They are everybody's, and hold no row: whoever uses one sees those of its rows that he may see.

-- +goose Up

-- Only text stands here; the query language is read by the programs (operate.ParseQuery).
CREATE TABLE chorus.saved_views (
    name     text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 60 AND name = btrim(name) AND name !~ '[[:cntrl:]]'),
    query    text NOT NULL CHECK (octet_length(query) BETWEEN 1 AND 1000),
    saved_by text NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is everybody's is changed by who sees all accounts: a name or a query may tell of any of them, and so does the event.
-- +goose StatementBegin
CREATE FUNCTION chorus.may_change_views() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'views are for all accounts at once: an operator saves or deletes them who sees them all' USING ERRCODE = '42501';
    END IF;
END $$;
-- +goose StatementEnd

-- Saves a query under a name; one that stood under it before stays in the event. Saving the same again changes nothing.
-- +goose StatementBegin
CREATE FUNCTION chorus.save_view(p_name text, p_query text, p_reason text DEFAULT NULL) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text;
BEGIN
    PERFORM chorus.may_change_views();
    p_name := btrim(regexp_replace(p_name, '\s+', ' ', 'g')); -- as programs write it, who else would not find it
    LOCK TABLE chorus.saved_views IN SHARE ROW EXCLUSIVE MODE; -- two are not the fiftieth at once
    SELECT query INTO was FROM chorus.saved_views WHERE name = p_name;
    IF was = p_query THEN
        RETURN;
    END IF;
    IF was IS NULL AND (SELECT count(*) FROM chorus.saved_views) >= 50 THEN
        RAISE EXCEPTION 'there are 50 views, and no more can be saved: delete one first' USING ERRCODE = 'CH029';
    END IF;
    BEGIN
        INSERT INTO chorus.saved_views AS v (name, query, saved_by) VALUES (p_name, p_query, chorus.actor())
        ON CONFLICT (name) DO UPDATE SET query = excluded.query, saved_by = excluded.saved_by, saved_at = clock_timestamp();
    EXCEPTION WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION 'a view has a name of 1 to 60 characters, without controls, and a query of 1 to 1000 bytes' USING ERRCODE = 'CH029';
    END;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'VIEW_SAVED', jsonb_strip_nulls(jsonb_build_object('view', p_name, 'query', p_query, 'was', was, 'reason', left(nullif(btrim(p_reason), ''), 1000))));
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.delete_view(p_name text, p_reason text DEFAULT NULL) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text;
BEGIN
    PERFORM chorus.may_change_views();
    DELETE FROM chorus.saved_views WHERE name = btrim(p_name) RETURNING query INTO was;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no view %', left(p_name, 60) USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'VIEW_DELETED', jsonb_strip_nulls(jsonb_build_object('view', btrim(p_name), 'was', was, 'reason', left(nullif(btrim(p_reason), ''), 1000))));
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.may_change_views(), chorus.save_view(text, text, text), chorus.delete_view(text, text) FROM PUBLIC;
GRANT SELECT ON chorus.saved_views TO chorus_operator, chorus_reader, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.save_view(text, text, text), chorus.delete_view(text, text) TO chorus_operator;
