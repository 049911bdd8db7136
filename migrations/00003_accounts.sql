-- The installation, the technical accounts, the structures that they see and the recipients that they write to.

-- +goose Up

-- What workers lock among themselves. Advisory locks would do, but whoever may connect can take those, and stop the fleet: these ask for rights.
-- Whoever moves rows locks the table (ROW EXCLUSIVE), a quarantine locks it against them all (SHARE ROW EXCLUSIVE, which lets those be who hold a row). A row
-- is for what one worker does at a time.
CREATE TABLE chorus.locks (name text PRIMARY KEY);
INSERT INTO chorus.locks VALUES ('announce');

-- Which database this is: cluster, timeline, database, and the tables that a partial restore replaces. Any of them changes when the database is promoted,
-- restored or copied by a dump; a copy of the data directory keeps all (docs/protocol.md §3.5). The timeline is the one that is written now: the control
-- file's follows a promotion only with the next checkpoint. Functions that are often called are in plpgsql, which keeps plans.
-- +goose StatementBegin
CREATE FUNCTION chorus.identity() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT concat_ws('/', system_identifier,
            CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END,
            (SELECT oid FROM pg_database WHERE datname = current_database()),
            to_regclass('chorus.installation')::oid, to_regclass('chorus.invoices')::oid, to_regclass('chorus.attempts')::oid, to_regclass('chorus.events')::oid)
        FROM pg_control_system());
END $$;
-- +goose StatementEnd

-- One row. Which portal this database belongs to, so that sandbox credentials never meet production rows; and what the fleet knows of the database itself.
CREATE TABLE chorus.installation (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    lineage     uuid NOT NULL DEFAULT gen_random_uuid(), -- goes with every copy; names what workers remember outside
    environment text CHECK (environment IN ('sandbox', 'production')),
    -- Which history the database was living when it was last looked at (null: nobody has looked since the migration), and how often it turned out to have
    -- forgotten something (docs/protocol.md §3.5).
    db_epoch       text,
    quarantines    integer NOT NULL DEFAULT 0,
    quarantined_at timestamptz,
    quarantine_kind text CHECK (quarantine_kind IN ('failover', 'restore')), -- of the last one: a failover is taken to have lost no insert
    forgotten_since timestamptz, -- what was forgotten was sent after this
    suspect_until  timestamptz NOT NULL DEFAULT '-infinity', -- until then, what is inserted may have been sent before and forgotten
    -- Whenever it is inserted, an invoice dated no later may have been sent before and forgotten; and one dated no later than suspect_before, in a history
    -- that was lost before the last quarantine, so that forgotten_since says nothing of it.
    suspect_date   date NOT NULL DEFAULT '-infinity',
    suspect_before date NOT NULL DEFAULT '-infinity',
    -- When a worker last saw that the database's clock was set: no age counts from before (docs/protocol.md §3.1).
    stepped_at timestamptz,
    clock_differs float8, -- by so many seconds a worker's machine was seen to differ from the database's clock at a start: said once (docs/protocol.md §3.1)
    -- Set when an invoice that had been proven absent was accepted after all: nothing is sent again by itself any more.
    assumption_broken_at timestamptz,
    -- What the settings of the worker say that started last: how long a request waits for a second person (null: nobody is asked), and the login through which the console acts.
    second_person interval CHECK (second_person BETWEEN interval '1 second' AND interval '31 days'),
    console_login text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO chorus.installation DEFAULT VALUES;

-- The technical accounts that invoices may name. Workers add the ones they are configured with.
CREATE TABLE chorus.accounts (
    name                text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    paused_at           timestamptz,
    pause_reason        text,
    -- May the account search its suppliers' invoices? Without that, doubt cannot be settled by looking (docs/chorus-pro.md §3.6).
    can_search          boolean,
    structures_at       timestamptz, -- when its structures were listed last
    next_at             timestamptz NOT NULL DEFAULT '-infinity', -- when they are due to be listed again
    behind              text[] NOT NULL DEFAULT '{}', -- the breakers that it is behind, as the workers' settings say
    -- No worker vouches for the time since then, or the account was paused, or its portal away: what the portal has got since is compared with our rows before anything is sent (docs/protocol.md §3.5).
    compare_since       timestamptz,
    compare_asked_at    timestamptz,
    compare_waits_since timestamptz, -- since when deposits wait for it, however often it was asked for, less the time in which nobody could send
    compare_next_at     timestamptz NOT NULL DEFAULT '-infinity',
    compare_page        int,  -- how many pages have been read of what the portal lists, when a job ended last
    compare_pages       int,  -- of how many
    compare_fault       text, -- what it answered (chorus.Fault); null: it listed
    compare_resumed_at  timestamptz, -- compare_asked_at, where nothing but a pause or an outage that is over asks for it
    compare_vouched_at  timestamptz, -- when a person let an account go on that cannot be compared, because it may not search
    -- The passwords that Chorus Pro refused, each as an HMAC whose key comes from the client secret, which is never in the database. Resuming the
    -- account forgets them.
    refused             bytea[] NOT NULL DEFAULT '{}',
    accepted            bytea,       -- the password that was accepted last, likewise
    accepted_at         timestamptz, -- when a password was
    probing_until       timestamptz NOT NULL DEFAULT '-infinity', -- one process tries whether the account is accepted
    password_expires    date,
    password_checked_at timestamptz,
    password_said       integer,     -- how many days before the end was said last
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO chorus.accounts (name) VALUES ('default');

-- Which accounts a login of the application may use: one row for each. The login is a role, or one that logins are members of. The owner writes here
-- (docs/operating.md, "Several accounts").
CREATE TABLE chorus.logins (
    login     text NOT NULL CHECK (login <> ''),
    account   text NOT NULL REFERENCES chorus.accounts,
    mapped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (login, account)
);

-- +goose StatementBegin
CREATE FUNCTION chorus.logins_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = NEW.login) THEN
        RAISE EXCEPTION 'column "login" names no role of this server: create the login first' USING ERRCODE = 'CH042', COLUMN = 'login';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a login''s account is not changed: delete the row and insert another' USING ERRCODE = 'CH003';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE TG_OP WHEN 'INSERT' THEN 'LOGIN_MAPPED' ELSE 'LOGIN_UNMAPPED' END,
            jsonb_build_object('account', coalesce(NEW.account, OLD.account), 'login', coalesce(NEW.login, OLD.login)));
    RETURN coalesce(NEW, OLD);
END $$;
-- +goose StatementEnd
CREATE TRIGGER logins_change BEFORE INSERT OR UPDATE OR DELETE ON chorus.logins FOR EACH ROW EXECUTE FUNCTION chorus.logins_change();

-- The accounts that the setting chorus.only_accounts leaves of those that a login may use: an array, as {lyon,nantes}; null: it is not set. A program that asks for several people sets it
-- for each of them (docs/security.md, "People and accounts"). It takes away and never gives, so that whoever sets it gains nothing; what is no array is an error.
-- +goose StatementBegin
CREATE FUNCTION chorus.only_accounts() RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN nullif(current_setting('chorus.only_accounts', true), '')::text[];
END $$;
-- +goose StatementEnd

-- Whether this login sees everything: the owner, the workers, and those who operate or read and are mapped to nothing. The login is the session's, which
-- nobody can change who is not a superuser; what a program says of itself does not count, but to see less.
-- +goose StatementBegin
CREATE FUNCTION chorus.sees_all() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN chorus.only_accounts() IS NULL AND (
        pg_has_role(session_user, current_user, 'MEMBER') -- the owner
        OR pg_has_role(session_user, 'chorus_worker', 'MEMBER')
        OR (pg_has_role(session_user, 'chorus_operator', 'MEMBER') OR pg_has_role(session_user, 'chorus_reader', 'MEMBER'))
            AND NOT EXISTS (SELECT FROM chorus.logins l JOIN pg_roles r ON r.rolname = l.login WHERE pg_has_role(session_user, r.oid, 'MEMBER')));
END $$;
-- +goose StatementEnd

-- The accounts that this login may use, of those that chorus.only_accounts leaves. Who is mapped to none has all, but for an application: it has the account default as long as no login
-- is mapped at all, and none then.
-- +goose StatementBegin
CREATE FUNCTION chorus.my_accounts() RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen CONSTANT text[] := chorus.only_accounts();
    mine text[] := ARRAY(SELECT DISTINCT l.account FROM chorus.logins l JOIN pg_roles r ON r.rolname = l.login WHERE pg_has_role(session_user, r.oid, 'MEMBER'));
BEGIN
    IF pg_has_role(session_user, current_user, 'MEMBER') OR pg_has_role(session_user, 'chorus_worker', 'MEMBER')
        OR cardinality(mine) = 0 AND (pg_has_role(session_user, 'chorus_operator', 'MEMBER') OR pg_has_role(session_user, 'chorus_reader', 'MEMBER')) THEN
        mine := ARRAY(SELECT name FROM chorus.accounts);
    ELSIF NOT EXISTS (SELECT FROM chorus.logins) THEN
        mine := '{default}';
    END IF;
    IF seen IS NOT NULL THEN
        mine := ARRAY(SELECT a FROM unnest(mine) a WHERE a = ANY (seen));
    END IF;
    RETURN mine;
END $$;
-- +goose StatementEnd

-- The breakers that these accounts are behind.
-- +goose StatementBegin
CREATE FUNCTION chorus.my_way() RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT key FROM chorus.accounts, unnest(behind) key WHERE name = ANY (chorus.my_accounts()));
END $$;
-- +goose StatementEnd

-- Whether there is nothing to keep apart: no login is mapped, and nobody is to see less.
-- +goose StatementBegin
CREATE FUNCTION chorus.nobody_mapped() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN chorus.only_accounts() IS NULL AND NOT EXISTS (SELECT FROM chorus.logins);
END $$;
-- +goose StatementEnd

-- Whether this login may use the account. Functions that run as the owner ask here what row-level security asks elsewhere.
-- +goose StatementBegin
CREATE FUNCTION chorus.sees(p_account text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN chorus.sees_all() OR coalesce(p_account = ANY (chorus.my_accounts()), false);
END $$;
-- +goose StatementEnd

-- The client secrets that this fleet has used, by a fingerprint, and since when.
CREATE TABLE chorus.secrets (
    key   text NOT NULL, -- names a PISTE application without naming it, as in chorus.tokens
    hash  bytea NOT NULL,
    name  text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    said  integer,       -- the age in days that was said last
    PRIMARY KEY (key, hash)
);

-- The supplier structures an account may see, how far each one's change feed has been read, and what has been learned of that feed.
CREATE TABLE chorus.structures (
    account           text NOT NULL REFERENCES chorus.accounts,
    id_structure_cpp  bigint NOT NULL,
    identifiant       text NOT NULL,
    designation       text,
    known_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    listed            boolean NOT NULL DEFAULT true, -- the portal's last list had it: the account is still attached to it

    watermark         timestamptz, -- changes up to here have been read when they could no longer be late
    fresh_until       timestamptz, -- changes up to here have been read once at least
    wide_from         timestamptz, -- the last reading without a gap showed everything from here
    wide_at           timestamptz, -- to here, which is when it was made
    checked_until     timestamptz, -- changes up to here have been counted once more
    learning_until    timestamptz, -- how late the portal is, is looked at more often until then
    synced_at         timestamptz, -- when a reading last ended well
    sync_expected_at  timestamptz, -- when the next one was due after it
    sync_fault        text,        -- why none has since (chorus.Fault); null: none was tried, or none has ended
    next_sync_at      timestamptz NOT NULL DEFAULT '-infinity',
    page_rows         int,         -- rows that the portal grants a page; null: it has not said
    usual_wait        interval,    -- how long after the acknowledgement of a deposit its invoice is usually shown
    -- Nothing of ours is open: read now and then only. A deposit wakes it.
    resting           boolean NOT NULL DEFAULT false,
    count_due_at      timestamptz NOT NULL DEFAULT '-infinity', -- the last day's changes are counted
    deep_due_at       timestamptz NOT NULL DEFAULT '-infinity', -- the last month's
    -- How often changes have been counted. Counting divides the statuts by the bits of their place in the list, each time by the next one
    -- (docs/operating.md, "The change feed").
    counts            int NOT NULL DEFAULT 0,
    probe_due_at      timestamptz NOT NULL DEFAULT '-infinity', -- what the portal makes of the filter is tried
    filter_honoured   text NOT NULL DEFAULT 'unknown' CHECK (filter_honoured IN ('unknown', 'hours', 'days', 'ignored')),
    filter_offset     interval NOT NULL DEFAULT '0', -- what is asked for must be so much later than what is meant
    depot_cursor      date, -- without the filter: the day of deposit that was read last
    next_reconcile_at timestamptz, -- when its next nightly runs are made; null: never seen by the scheduler

    -- Which job has it: as for an invoice.
    claim             bigint,
    claimed_until     timestamptz,
    PRIMARY KEY (account, id_structure_cpp)
);
CREATE INDEX structures_identifiant ON chorus.structures (account, identifiant);

-- How late a feed showed a change, at most, in each hour of the last day in which that could be seen (docs/operating.md, "The change feed").
CREATE TABLE chorus.feed_lateness (
    account          text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    hour             timestamptz NOT NULL,
    lateness         interval NOT NULL,
    PRIMARY KEY (account, id_structure_cpp, hour),
    FOREIGN KEY (account, id_structure_cpp) REFERENCES chorus.structures
);

-- The directory of recipients: what those to whom invoices go demand and report (docs/chorus-pro.md §5.3), asked for seldom, and never in the way of a deposit.
CREATE TABLE chorus.recipients (
    id                    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    siret                 text PRIMARY KEY,
    account               text NOT NULL DEFAULT 'default', -- which has named it last, and asks
    named_at              timestamptz NOT NULL DEFAULT clock_timestamp(), -- by an invoice, to the day
    id_structure_cpp      bigint,  -- null: the portal knows none of this SIRET
    name                  text,
    active                boolean, -- this and what follows, null: not known
    never_reports_payment boolean,
    service_required      boolean,
    engagement_required   boolean,
    either_required       boolean, -- a service or a commitment
    services_listed       boolean NOT NULL DEFAULT false, -- all of its services are in recipient_services
    checked_at            timestamptz,
    listed_at             timestamptz, -- what is said is from the annuaire, the file of all recipients, begun to be read then; null: the portal was asked itself
    asked_at              timestamptz, -- since when an invoice waits for a fresh answer
    due_at                timestamptz NOT NULL DEFAULT '-infinity' -- infinity: no invoice has named it
);
CREATE INDEX recipients_due ON chorus.recipients (due_at) WHERE due_at < 'infinity';

CREATE TABLE chorus.recipient_services (
    siret               text NOT NULL REFERENCES chorus.recipients,
    code                text NOT NULL,
    id_service          bigint,  -- null: from the annuaire
    name                text,
    active              boolean NOT NULL,
    named               boolean NOT NULL DEFAULT false, -- by an invoice: only of these is the next asked for
    engagement_required boolean, -- null: not known
    listed_at           timestamptz, -- as of recipients
    PRIMARY KEY (siret, code)
);

-- One row: the file of all public recipients (docs/chorus-pro.md §5.3a), fetched once a day where a worker is told to.
CREATE TABLE chorus.annuaire (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    due_at     timestamptz NOT NULL DEFAULT '-infinity',
    read_at    timestamptz, -- when a file was last read to its end
    recipients integer,     -- in it
    services   integer,
    said       text         -- why there is no newer one; null: there is
);
INSERT INTO chorus.annuaire DEFAULT VALUES;

-- Who waits for a paused account types in at the portal what is urgent. So one that was paused for more than a minute is compared with the portal, since its pause began, before anything
-- is sent, whoever resumes it. Where it may not search, there is nothing to compare with.
-- +goose StatementBegin
CREATE FUNCTION chorus.accounts_resumed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF OLD.paused_at >= at - interval '1 minute' OR NEW.can_search IS FALSE OR OLD.pause_reason LIKE 'NOT\_VOUCHED: %' AND NEW.compare_since IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.compare_since IS NULL OR NEW.compare_resumed_at = NEW.compare_asked_at THEN -- nothing else asks for it
        NEW.compare_resumed_at := at;
    END IF;
    NEW.compare_since := least(NEW.compare_since, OLD.paused_at);
    NEW.compare_asked_at := at;
    NEW.compare_next_at := '-infinity';
    NEW.compare_page := NULL;
    NEW.compare_pages := NULL;
    NEW.compare_fault := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_resumed BEFORE UPDATE OF paused_at ON chorus.accounts FOR EACH ROW WHEN (OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL)
    EXECUTE FUNCTION chorus.accounts_resumed();

-- When a worker could last send for an account: one was configured with it, and nothing kept all of its deposits back. Known to some seconds (store.Able). It is no column of the account:
-- who has that row locked for a while must not stop its deposits.
CREATE TABLE chorus.able (
    account text PRIMARY KEY REFERENCES chorus.accounts ON DELETE CASCADE,
    said_at timestamptz NOT NULL
);

-- Whoever asks for a comparison, a start in the middle of a closure, say, has all of the time compared in which nobody could send; that begins anew then. And a comparison that
-- asked for a person is not over. (The name comes after accounts_resumed: PostgreSQL goes by it.)
-- +goose StatementBegin
CREATE FUNCTION chorus.accounts_unable() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at   CONSTANT timestamptz := clock_timestamp();
    able CONSTANT timestamptz := (SELECT said_at FROM chorus.able WHERE account = NEW.name AND said_at < at - interval '1 minute');
BEGIN
    NEW.compare_waits_since := CASE
        WHEN OLD.compare_since IS NULL OR OLD.compare_waits_since IS NULL THEN NEW.compare_asked_at
        WHEN able IS NULL THEN OLD.compare_waits_since -- it has waited all along
        ELSE least(at, OLD.compare_waits_since + (at - able)) END;
    IF NEW.can_search IS NOT FALSE THEN
        NEW.compare_since := least(NEW.compare_since, able);
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_unable BEFORE UPDATE ON chorus.accounts FOR EACH ROW
    WHEN (NEW.compare_asked_at IS DISTINCT FROM OLD.compare_asked_at AND NEW.compare_since IS NOT NULL)
    EXECUTE FUNCTION chorus.accounts_unable();

-- +goose StatementBegin
CREATE FUNCTION chorus.accounts_asked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE chorus.able SET said_at = clock_timestamp() WHERE account = NEW.name;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_asked AFTER UPDATE ON chorus.accounts FOR EACH ROW
    WHEN (NEW.compare_asked_at IS DISTINCT FROM OLD.compare_asked_at OR NEW.paused_at IS NULL AND OLD.pause_reason LIKE 'NOT\_VOUCHED: %')
    EXECUTE FUNCTION chorus.accounts_asked();

-- Stops an account, or lets it go on (no reason), and then whatever was refused before is tried again.
-- +goose StatementBegin
CREATE FUNCTION chorus.pause(p_account text, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF btrim(p_reason) = '' THEN
        RAISE EXCEPTION 'pausing an account needs a reason' USING ERRCODE = 'CH021';
    END IF;
    p_reason := left(p_reason, 1000);
    UPDATE chorus.accounts
    SET paused_at = CASE WHEN p_reason IS NULL THEN NULL ELSE coalesce(paused_at, clock_timestamp()) END, pause_reason = p_reason,
        refused = CASE WHEN p_reason IS NULL THEN '{}' ELSE refused END,
        compare_next_at = CASE WHEN p_reason IS NULL THEN '-infinity' ELSE compare_next_at END,
        compare_vouched_at = CASE WHEN p_reason IS NULL AND pause_reason LIKE 'NOT\_VOUCHED: %' THEN clock_timestamp() ELSE compare_vouched_at END
    WHERE name = p_account AND chorus.sees(name);
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

-- Writes down what the portal makes of a feed's filter. That it does not do as it should is said once, and that it does so again.
-- +goose StatementBegin
CREATE FUNCTION chorus.feed_honours(p_account text, p_structure bigint, p_honoured text, p_offset interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s    chorus.structures%ROWTYPE;
    good CONSTANT boolean := p_honoured IN ('unknown', 'hours') AND p_offset = interval '0';
BEGIN
    SELECT * INTO s FROM chorus.structures WHERE account = p_account AND id_structure_cpp = p_structure FOR UPDATE;
    IF NOT FOUND OR (s.filter_honoured, s.filter_offset) = (p_honoured, p_offset) THEN
        RETURN false;
    END IF;
    UPDATE chorus.structures
    SET filter_honoured = p_honoured, filter_offset = p_offset, depot_cursor = NULL
    WHERE account = p_account AND id_structure_cpp = p_structure;
    IF good AND s.filter_honoured IN ('unknown', 'hours') AND s.filter_offset = interval '0' THEN
        RETURN false;
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN good THEN 'FEED_RESTORED' ELSE 'FEED_DEGRADED' END, jsonb_build_object(
        'account', p_account, 'structure', p_structure, 'identifiant', s.identifiant,
        'what', CASE p_honoured WHEN 'days' THEN 'the period of the last change honours days only'
                                WHEN 'ignored' THEN 'the period of the last change is ignored'
                                ELSE CASE WHEN good THEN 'the period of the last change is honoured' ELSE 'the period of the last change is shifted by ' || p_offset END END));
    RETURN true;
END $$;
-- +goose StatementEnd
