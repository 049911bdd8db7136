-- Several technical accounts: what was refused of them, and how old their credentials are.

-- +goose Up

ALTER TABLE chorus.accounts
    -- The passwords that Chorus Pro refused, each as an HMAC whose key comes from the client secret, which is never in the database. Resuming the
    -- account forgets them.
    ADD COLUMN refused             bytea[] NOT NULL DEFAULT '{}',
    ADD COLUMN probing_until       timestamptz NOT NULL DEFAULT '-infinity', -- one process tries whether the account is accepted
    ADD COLUMN accepted            bytea,       -- the password that was accepted last, likewise
    ADD COLUMN password_expires    date,
    ADD COLUMN password_checked_at timestamptz,
    ADD COLUMN password_said       integer;     -- how many days before the end was said last

-- The client secrets that this fleet has used, by a fingerprint, and since when.
CREATE TABLE chorus.secrets (
    key   text NOT NULL, -- names a PISTE application without naming it, as in chorus.tokens
    hash  bytea NOT NULL,
    name  text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    said  integer,       -- the age in days that was said last
    PRIMARY KEY (key, hash)
);
GRANT SELECT, INSERT ON chorus.secrets TO chorus_worker;
GRANT SELECT (key, name, since, said) ON chorus.secrets TO chorus_operator, chorus_reader;

-- After a failure, only those wait before they ask again who have the same client secret.
ALTER TABLE chorus.tokens ADD COLUMN failed_secret bytea;

-- Stops an account, or lets it go on (no reason), and then whatever was refused before is tried again.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION chorus.pause(p_account text, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.accounts
    SET paused_at = CASE WHEN p_reason IS NULL THEN NULL ELSE coalesce(paused_at, clock_timestamp()) END, pause_reason = p_reason,
        refused = CASE WHEN p_reason IS NULL THEN '{}' ELSE refused END
    WHERE name = p_account;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN p_reason IS NULL THEN 'RESUMED' ELSE 'PAUSED' END,
            jsonb_strip_nulls(jsonb_build_object('account', p_account, 'reason', p_reason)));
END $$;
-- +goose StatementEnd

-- Chorus Pro refused the account with this password: nobody uses it again, and, if p_pause, the account is stopped unless it is already. The ten latest
-- are kept.
-- +goose StatementBegin
CREATE FUNCTION chorus.refuse_password(p_account text, p_hash bytea, p_pause boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a chorus.accounts%ROWTYPE;
BEGIN
    SELECT * INTO a FROM chorus.accounts WHERE name = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    a.refused := array_append(array_remove(a.refused, p_hash), p_hash);
    UPDATE chorus.accounts SET refused = a.refused[greatest(1, cardinality(a.refused) - 9):] WHERE name = p_account;
    IF p_pause AND a.paused_at IS NULL THEN
        UPDATE chorus.accounts
        SET probing_until = '-infinity', paused_at = clock_timestamp(), pause_reason = 'ACCOUNT_REFUSED'
        WHERE name = p_account;
        INSERT INTO chorus.events (actor, reason_code, detail)
        VALUES (chorus.actor(), 'PAUSED', jsonb_build_object('account', p_account, 'reason', 'ACCOUNT_REFUSED'));
    END IF;
END $$;
-- +goose StatementEnd

-- Lets an account go on that was stopped because a password was refused, for a process that has another one. An operator's pause stays.
-- +goose StatementBegin
CREATE FUNCTION chorus.other_password(p_account text, p_hash bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.accounts
    SET paused_at = NULL, pause_reason = NULL
    WHERE name = p_account AND pause_reason = 'ACCOUNT_REFUSED' AND p_hash <> ALL (refused);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'RESUMED', jsonb_build_object('account', p_account, 'reason', 'another password is configured'));
    RETURN true;
END $$;
-- +goose StatementEnd

-- Says, once for each step, that a password of these accounts ends soon (60, 30, 15, 7 days) or that one of these client secrets is old (80, 90 days:
-- PISTE advises a new one every three months).
-- +goose StatementBegin
CREATE FUNCTION chorus.remind(p_accounts text[], p_secrets bytea[]) RETURNS TABLE (code text, what text, days integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date;
    a     chorus.accounts%ROWTYPE;
    s     chorus.secrets%ROWTYPE;
    step  integer;
BEGIN
    FOR a IN SELECT * FROM chorus.accounts WHERE name = ANY (p_accounts) AND password_expires <= today + 60 ORDER BY name FOR UPDATE LOOP
        days := a.password_expires - today;
        step := (SELECT min(t) FROM unnest('{60,30,15,7}'::integer[]) t WHERE t >= days);
        CONTINUE WHEN a.password_said <= step;
        UPDATE chorus.accounts SET password_said = step WHERE name = a.name;
        code := 'PASSWORD_EXPIRES';
        what := a.name;
        INSERT INTO chorus.events (actor, reason_code, detail)
        VALUES (chorus.actor(), code, jsonb_build_object('account', a.name, 'days', days, 'expires', a.password_expires));
        RETURN NEXT;
    END LOOP;
    FOR s IN SELECT * FROM chorus.secrets WHERE hash = ANY (p_secrets) AND since <= clock_timestamp() - interval '80 days' ORDER BY key, hash FOR UPDATE LOOP
        days := extract(day FROM clock_timestamp() - s.since);
        step := CASE WHEN days >= 90 THEN 90 ELSE 80 END;
        CONTINUE WHEN s.said >= step;
        UPDATE chorus.secrets SET said = step WHERE key = s.key AND hash = s.hash;
        code := 'SECRET_AGES';
        what := s.name;
        INSERT INTO chorus.events (actor, reason_code, detail)
        VALUES (chorus.actor(), code, jsonb_build_object('application', s.name, 'days', days, 'since', s.since));
        RETURN NEXT;
    END LOOP;
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION chorus.refuse_password(text, bytea, boolean), chorus.other_password(text, bytea), chorus.remind(text[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.refuse_password(text, bytea, boolean), chorus.other_password(text, bytea), chorus.remind(text[], bytea[]) TO chorus_worker;
