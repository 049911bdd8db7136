-- Checks: an application asks what would be wrong with a document before it inserts it. A worker answers within a second. Nothing is sent, and an hour later nothing is left.

-- +goose Up

CREATE TABLE chorus.checks (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document       bytea, -- until it has been judged
    fields         jsonb, -- what a document says that is a PDF without XML; until it has been judged
    account        text NOT NULL DEFAULT 'default',
    syntaxe_flux   text CHECK (length(syntaxe_flux) <= 60),
    document_bytes integer NOT NULL,
    tries          smallint NOT NULL DEFAULT 0, -- workers that took it: one that dies of a document does not answer
    claimed_until  timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at        timestamptz,
    ok             boolean, -- whether it would be sent
    findings       integer NOT NULL DEFAULT 0
);
CREATE INDEX checks_waiting ON chorus.checks (account, id) INCLUDE (document_bytes) WHERE done_at IS NULL;
CREATE INDEX checks_created ON chorus.checks (created_at);

-- The first hundred findings of each, errors first, as chorus.invoice_findings has them.
CREATE TABLE chorus.check_findings (
    check_id   bigint NOT NULL REFERENCES chorus.checks ON DELETE CASCADE,
    n          smallint NOT NULL CHECK (n BETWEEN 1 AND 100),
    code       text NOT NULL CHECK (length(code) <= 60),
    severity   text NOT NULL CHECK (severity IN ('error', 'warning')),
    term       text CHECK (length(term) <= 60),
    value      text CHECK (length(value) <= 200),
    "where"    text CHECK (length("where") <= 500),
    message    text NOT NULL CHECK (length(message) <= 1000),
    message_fr text NOT NULL CHECK (length(message_fr) <= 1000),
    remedy     text CHECK (length(remedy) <= 1000),
    remedy_fr  text CHECK (length(remedy_fr) <= 1000),
    PRIMARY KEY (check_id, n)
);

-- What waits is bounded, so that an application in a loop fills nothing but its own log: for each account, so that it keeps no other one's from asking, and in all.
-- +goose StatementBegin
CREATE FUNCTION chorus.checks_before_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    waiting bigint;
    bytes   bigint;
BEGIN
    IF NEW.document IS NULL OR octet_length(NEW.document) = 0 THEN
        RAISE EXCEPTION 'column "document" is empty: it must hold the invoice file (Factur-X PDF, CII or UBL)' USING ERRCODE = 'CH010', COLUMN = 'document';
    END IF;
    IF octet_length(NEW.document) > chorus.max_document_bytes() THEN
        RAISE EXCEPTION 'column "document" holds % bytes: at most % are sent, make its attachments smaller', octet_length(NEW.document), chorus.max_document_bytes()
            USING ERRCODE = 'CH011', COLUMN = 'document';
    END IF;
    IF NOT chorus.legible(NEW.fields) OR jsonb_typeof(NEW.fields) <> 'object' THEN
        RAISE EXCEPTION 'column "fields" holds no object, more than 65536 bytes, more than 32 levels, or a number beyond a double: it describes a PDF without XML (docs/sql.md)'
            USING ERRCODE = 'CH017', COLUMN = 'fields';
    END IF;
    IF NOT chorus.sees(NEW.account) OR NOT EXISTS (SELECT FROM chorus.accounts a WHERE a.name = NEW.account) THEN
        RAISE EXCEPTION 'column "account" names an account that no worker has been configured with, or that is not mapped to your login'
            USING ERRCODE = 'CH013', COLUMN = 'account';
    END IF;
    -- What others have asked and not committed is not to be seen: the account's transactions ask one after the other. One that does not commit holds the rest up for two seconds.
    BEGIN
        PERFORM pg_advisory_xact_lock(820002, hashtext(NEW.account));
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'another transaction of this account has asked in chorus.checks and is not committed: commit each question at once, and ask again later' USING ERRCODE = 'CH018';
    END;
    SELECT count(*), coalesce(sum(w.document_bytes), 0) INTO waiting, bytes
    FROM (SELECT document_bytes FROM chorus.checks WHERE done_at IS NULL AND account = NEW.account LIMIT 1000) w;
    IF waiting >= 1000 OR bytes > 268435456 THEN
        RAISE EXCEPTION '% documents of % bytes of this account wait to be checked: see that a worker runs that is configured with it, and ask again later', waiting, bytes
            USING ERRCODE = 'CH018';
    END IF;
    SELECT count(*), coalesce(sum(w.document_bytes), 0) INTO waiting, bytes
    FROM (SELECT document_bytes FROM chorus.checks WHERE done_at IS NULL LIMIT 20000) w;
    IF waiting >= 20000 OR bytes > 4294967296 THEN
        RAISE EXCEPTION 'too many documents of all accounts wait to be checked: see that a worker runs, and ask again later' USING ERRCODE = 'CH018';
    END IF;
    NEW.document_bytes := octet_length(NEW.document);
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER checks_before_insert BEFORE INSERT ON chorus.checks FOR EACH ROW EXECUTE FUNCTION chorus.checks_before_insert();

-- The wake-up: as for invoices (chorus.invoices_wake), one transaction at a time sends one.
-- +goose StatementBegin
CREATE FUNCTION chorus.checks_wake() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock(820001, 2) THEN
        PERFORM pg_notify('chorus_wake', 'check');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER checks_wake AFTER INSERT ON chorus.checks FOR EACH STATEMENT EXECUTE FUNCTION chorus.checks_wake();

REVOKE ALL ON FUNCTION chorus.checks_before_insert(), chorus.checks_wake() FROM PUBLIC;
GRANT INSERT (document, fields, account, syntaxe_flux) ON chorus.checks TO chorus_app, chorus_operator;
GRANT SELECT (id, account, created_at, done_at, ok, findings) ON chorus.checks TO chorus_app, chorus_operator;
GRANT SELECT ON chorus.check_findings TO chorus_app, chorus_operator;
GRANT SELECT, UPDATE, DELETE ON chorus.checks TO chorus_worker;
GRANT SELECT, INSERT ON chorus.check_findings TO chorus_worker;

ALTER TABLE chorus.checks ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.checks TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.checks TO chorus_app, chorus_operator USING (account = ANY ((SELECT chorus.my_accounts())::text[]));
ALTER TABLE chorus.check_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.check_findings TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.check_findings TO chorus_app, chorus_operator
    USING ((SELECT c.account FROM chorus.checks c WHERE c.id = check_findings.check_id) = ANY ((SELECT chorus.my_accounts())::text[]));
