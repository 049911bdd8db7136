-- Who signed in to the console, and who was refused: events like every other act. How many are written is bounded by the console (console/trail.go).

-- +goose Up

-- Called by the worker that serves the console. p_person is who signed in, as history names people; null when nobody was believed. p_name is then who somebody said he was, where that is known to
-- be a name. p_from is the address that the request came from, p_via the proxy that says so. p_why is null of who signed in. p_times is how many like this there were in the hour.
-- +goose StatementBegin
CREATE FUNCTION chorus.note_sign_in(p_person text, p_by text, p_from text, p_via text, p_name text, p_why text, p_times integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (session_user || '/console' || coalesce(':' || left(p_person, 92), ''), CASE WHEN p_why IS NULL THEN 'SIGNED_IN' ELSE 'SIGN_IN_REFUSED' END,
            jsonb_strip_nulls(jsonb_build_object('by', left(p_by, 20), 'from', left(p_from, 60), 'via', left(p_via, 60), 'name', left(p_name, 100), 'why', left(p_why, 40), 'times', p_times)));
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.note_sign_in(text, text, text, text, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.note_sign_in(text, text, text, text, text, text, integer) TO chorus_worker;
