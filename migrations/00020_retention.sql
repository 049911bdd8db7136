-- Retention: documents leave when they have been kept for as long as was said, and a line about each stays. What stays is what keeps an invoice from being sent
-- twice and history true: the row, its number, its hashes, its attempts and events.

-- +goose Up

-- How long the documents of an account stay after their invoice is final; null: for ever. An account without a row keeps them for ever. From erase_after on,
-- all that is final goes, whatever its age. Nobody writes here but the functions below.
CREATE TABLE chorus.retention (
    account     text PRIMARY KEY REFERENCES chorus.accounts,
    keep        interval CHECK (keep BETWEEN interval '1 day' AND interval '36500 days'),
    erase_after timestamptz,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    set_by      text NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Since when workers have looked at the clock without a gap. A clock that was set while nobody looked would tell any age.
CREATE TABLE chorus.clock_watch (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since timestamptz NOT NULL DEFAULT 'infinity',
    seen  timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO chorus.clock_watch DEFAULT VALUES;

-- Only rows that can be purged stand in it, and each leaves it when it is.
CREATE INDEX invoices_purgeable ON chorus.invoices (account, updated_at) WHERE purged_at IS NULL AND state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned');
-- And those that came back to life after they were purged, and are final again.
CREATE INDEX invoices_purgeable_again ON chorus.invoices (account, updated_at)
    WHERE purged_at IS NOT NULL AND updated_at > purged_at AND state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned');
CREATE INDEX exchanges_invoice ON chorus.exchanges (invoice_id);

-- A worker says that it is looking, several times an hour.
-- +goose StatementBegin
CREATE FUNCTION chorus.watch_clock() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE chorus.clock_watch
    SET since = CASE WHEN clock_timestamp() BETWEEN seen AND seen + interval '2 hours' THEN since ELSE clock_timestamp() END, seen = clock_timestamp()
$$;
-- +goose StatementEnd

-- Why nothing is purged now, in words; null: nothing stands against it.
-- +goose StatementBegin
CREATE FUNCTION chorus.purge_waits() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w chorus.clock_watch%ROWTYPE;
BEGIN
    IF NOT chorus.clock_is_trusted() THEN
        RETURN 'the database''s clock was set less than a day ago';
    END IF;
    SELECT * INTO w FROM chorus.clock_watch;
    IF clock_timestamp() NOT BETWEEN w.seen AND w.seen + interval '2 hours' OR w.since > clock_timestamp() - interval '1 day' THEN
        RETURN 'no worker has run for a day without a break, so nobody knows whether the database''s clock was set: let one run for a day (choriste work)';
    END IF;
    IF EXISTS (SELECT FROM chorus.installation WHERE suspect_until > clock_timestamp()) THEN
        RETURN 'the database was restored, and what it may have forgotten is being looked up';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Whether nothing is under way with an invoice and nobody needs its document any more: it is final, no step, answer, remedy or look-up is outstanding, no finding of
-- it is open, and no invoice that replaces it, or has its number, waits for somebody. lookup_first holds no final row: once purged it is never read or sent again
-- (invoices_before_update), and its number and mark stay, so that a namesake is looked up first all the same (invoices_sent_before).
-- +goose StatementBegin
CREATE FUNCTION chorus.at_rest(p_id bigint) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$ -- who asks of thousands (purge_due) has its own statement planned anew, and this one must not be, for each row
BEGIN
    RETURN EXISTS (
        SELECT
        FROM chorus.invoices i
        WHERE i.id = p_id AND i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned')
          AND i.claim IS NULL AND i.claimed_until IS NULL AND i.reason_due_at IS NULL
          AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.outcome IS NULL)
          AND NOT EXISTS (SELECT FROM chorus.remedies r WHERE r.invoice_id = i.id AND r.state NOT IN ('done', 'refused'))
          AND NOT EXISTS (SELECT FROM chorus.findings f WHERE f.invoice_id = i.id AND f.state = 'open')
          AND NOT EXISTS (SELECT FROM chorus.invoices r WHERE r.replaces = i.id AND r.state NOT IN ('integrated', 'settled', 'rejected', 'invalid', 'cancelled', 'abandoned'))
          AND NOT EXISTS (SELECT FROM chorus.invoices d
                          WHERE d.numero_facture = i.numero_facture AND left(d.fournisseur_siret, 9) = left(i.fournisseur_siret, 9)
                            AND d.state IN ('sending', 'in_doubt', 'parked')));
END $$;
-- +goose StatementEnd

-- Whether an invoice has files, or an exchange that was kept. A purged one gets new ones when the recipient suspends it after all.
-- +goose StatementBegin
CREATE FUNCTION chorus.has_beside(p_id bigint) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM chorus.attachments a WHERE a.invoice_id = p_id)
        OR EXISTS (SELECT FROM chorus.remedies m JOIN chorus.remedy_files f ON f.remedy_id = m.id WHERE m.invoice_id = p_id)
        OR EXISTS (SELECT FROM chorus.exchanges x WHERE x.invoice_id = p_id);
END $$;
-- +goose StatementEnd

-- Nothing but that is purged, whoever asks: the document and the fields beside it, of a row that is at rest, after its time. An account that is erased loses the
-- application's own data, too.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_purge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r     chorus.retention%ROWTYPE;
    erase boolean;
    waits text := chorus.purge_waits();
BEGIN
    SELECT * INTO r FROM chorus.retention WHERE account = OLD.account;
    erase := coalesce(r.erase_after < clock_timestamp(), false);
    IF NEW.purged_at IS NULL OR NEW.document IS NOT NULL OR NEW.fields IS NOT NULL OR NEW.metadata IS NOT NULL AND NEW.metadata IS DISTINCT FROM OLD.metadata
        OR NEW.metadata IS NULL AND OLD.metadata IS NOT NULL AND NOT erase OR NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'invoice %: a purge deletes its document and what describes it, and nothing else', OLD.id USING ERRCODE = 'CH001', COLUMN = 'purged_at';
    END IF;
    IF waits IS NOT NULL THEN
        RAISE EXCEPTION 'invoice %: nothing is purged now: %', OLD.id, waits USING ERRCODE = 'CH025', COLUMN = 'purged_at';
    END IF;
    IF NOT chorus.at_rest(OLD.id) THEN
        RAISE EXCEPTION 'invoice % is %, or somebody still needs its document: it is not purged', OLD.id, OLD.state USING ERRCODE = 'CH025', COLUMN = 'purged_at';
    END IF;
    IF NOT erase AND (OLD.purged_at IS NOT NULL AND NOT chorus.has_beside(OLD.id) OR coalesce(OLD.updated_at > clock_timestamp() - r.keep, true)) THEN
        RAISE EXCEPTION 'invoice %: its document is kept longer', OLD.id USING ERRCODE = 'CH025', COLUMN = 'purged_at';
    END IF;
    NEW.purged_at := clock_timestamp();
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (OLD.id, chorus.actor(), OLD.state, OLD.state, 'PURGED', jsonb_build_object(
        'sha256', encode(OLD.document_sha256, 'hex'), 'bytes', OLD.document_bytes, 'why', CASE WHEN erase THEN 'erasure' ELSE 'retention' END));
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_purge BEFORE UPDATE OF purged_at ON chorus.invoices FOR EACH ROW
    WHEN (NEW.purged_at IS DISTINCT FROM OLD.purged_at) EXECUTE FUNCTION chorus.invoices_purge();

-- The rows of an account that are due, oldest first, and at most so many (null: all).
-- +goose StatementBegin
CREATE FUNCTION chorus.purge_due(p_account text, p_most bigint) RETURNS TABLE (id bigint, bytes bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    r chorus.retention%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.retention WHERE account = p_account AND chorus.sees(account);
    RETURN QUERY
    SELECT i.id, i.document_bytes::bigint
    FROM chorus.invoices i
    WHERE i.account = p_account AND i.purged_at IS NULL AND i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned')
      AND i.updated_at < CASE WHEN r.erase_after < clock_timestamp() THEN 'infinity' ELSE clock_timestamp() - r.keep END
      AND chorus.at_rest(i.id)
    ORDER BY i.updated_at
    LIMIT p_most;
    -- Purged before: with what came since, and with what erasure takes besides.
    RETURN QUERY
    (SELECT i.id, 0::bigint
     FROM chorus.invoices i
     WHERE i.account = p_account AND i.purged_at IS NOT NULL AND i.updated_at > i.purged_at AND i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned')
       AND i.updated_at < CASE WHEN r.erase_after < clock_timestamp() THEN 'infinity' ELSE clock_timestamp() - r.keep END
       AND chorus.has_beside(i.id) AND chorus.at_rest(i.id)
     LIMIT p_most)
    UNION
    (SELECT i.id, 0::bigint
     FROM chorus.invoices i
     WHERE r.erase_after < clock_timestamp() AND i.account = p_account AND i.purged_at IS NOT NULL AND i.metadata IS NOT NULL AND chorus.at_rest(i.id)
     LIMIT p_most);
END $$;
-- +goose StatementEnd

-- What a purge would delete now, and what is kept from it, of one account. It counts, so it takes its time.
-- +goose StatementBegin
CREATE FUNCTION chorus.purge_count(p_account text, OUT invoices bigint, OUT bytes bigint, OUT exchanges bigint, OUT files bigint, OUT held bigint, OUT not_final bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    r chorus.retention%ROWTYPE;
BEGIN
    IF NOT chorus.sees(p_account) THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    SELECT * INTO r FROM chorus.retention WHERE account = p_account;
    SELECT count(*), coalesce(sum(d.bytes), 0),
           coalesce(sum((SELECT count(*) FROM chorus.exchanges x WHERE x.invoice_id = d.id)), 0),
           coalesce(sum((SELECT count(*) FROM chorus.remedy_files f JOIN chorus.remedies m ON m.id = f.remedy_id WHERE m.invoice_id = d.id)
               + (SELECT count(*) FROM chorus.attachments a WHERE a.invoice_id = d.id AND a.remedy_id IS NULL)), 0)
    INTO invoices, bytes, exchanges, files
    FROM chorus.purge_due(p_account, NULL) d;
    SELECT count(*) - invoices INTO held
    FROM chorus.invoices i
    WHERE i.account = p_account AND i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned')
      AND (i.purged_at IS NULL AND i.updated_at < CASE WHEN r.erase_after < clock_timestamp() THEN 'infinity' ELSE clock_timestamp() - r.keep END
           OR i.purged_at IS NOT NULL AND i.metadata IS NOT NULL AND r.erase_after < clock_timestamp()
           OR i.purged_at IS NOT NULL AND i.updated_at > i.purged_at AND chorus.has_beside(i.id)
               AND i.updated_at < CASE WHEN r.erase_after < clock_timestamp() THEN 'infinity' ELSE clock_timestamp() - r.keep END);
    SELECT count(*) INTO not_final FROM chorus.invoices i WHERE i.account = p_account AND i.state NOT IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned');
END $$;
-- +goose StatementEnd

-- Purges at most so many rows of an account that are due, in this transaction, and says what went. Rows that somebody holds are left for the next time; those whose turn
-- has passed since they were chosen are, too. 0 invoices: nothing is left.
-- +goose StatementBegin
CREATE FUNCTION chorus.purge(p_account text, p_most integer, OUT invoices integer, OUT bytes bigint, OUT exchanges bigint, OUT files bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waits text := chorus.purge_waits();
    erase CONSTANT boolean := EXISTS (SELECT FROM chorus.retention WHERE account = p_account AND erase_after < clock_timestamp());
    want  bigint;
    i     record;
    n     bigint;
BEGIN
    invoices := 0;
    bytes := 0;
    exchanges := 0;
    files := 0;
    IF NOT EXISTS (SELECT FROM chorus.accounts WHERE name = p_account AND chorus.sees(name)) THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    IF waits IS NOT NULL THEN
        RAISE EXCEPTION 'nothing is purged now: %', waits USING ERRCODE = 'CH025';
    END IF;
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    FOR want IN SELECT d.id FROM chorus.purge_due(p_account, least(greatest(p_most, 0), 1000)) d LIMIT least(greatest(p_most, 0), 1000) LOOP
        -- Locked first, then looked at: whatever was committed until now counts.
        SELECT x.purged_at, x.updated_at, x.document_bytes, x.metadata IS NOT NULL AS has_metadata INTO i FROM chorus.invoices x WHERE x.id = want FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND OR NOT chorus.at_rest(want) OR i.purged_at IS NOT NULL AND NOT (erase AND i.has_metadata) AND NOT chorus.has_beside(want)
            OR NOT erase AND NOT EXISTS (SELECT FROM chorus.retention r WHERE r.account = p_account AND i.updated_at < clock_timestamp() - r.keep);
        UPDATE chorus.invoices
        SET purged_at = clock_timestamp(), document = NULL, fields = NULL, metadata = CASE WHEN erase THEN NULL ELSE metadata END
        WHERE id = want;
        DELETE FROM chorus.invoice_findings WHERE invoice_id = want; -- they quote the document; history has their codes
        DELETE FROM chorus.exchanges WHERE invoice_id = want;
        GET DIAGNOSTICS n = ROW_COUNT;
        exchanges := exchanges + n;
        DELETE FROM chorus.remedy_files WHERE remedy_id IN (SELECT id FROM chorus.remedies WHERE invoice_id = want);
        GET DIAGNOSTICS n = ROW_COUNT;
        files := files + n;
        DELETE FROM chorus.attachments WHERE invoice_id = want AND remedy_id IS NOT NULL; -- counted with the completion that had them
        DELETE FROM chorus.attachments WHERE invoice_id = want;
        GET DIAGNOSTICS n = ROW_COUNT;
        files := files + n;
        invoices := invoices + 1;
        bytes := bytes + CASE WHEN i.purged_at IS NOT NULL THEN 0 ELSE i.document_bytes END;
    END LOOP;
END $$;
-- +goose StatementEnd

-- Says how long an account's documents stay; null: for ever. It ends an erasure that was asked for, too.
-- +goose StatementBegin
CREATE FUNCTION chorus.keep_documents(p_account text, p_keep interval, p_reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'how long documents are kept needs a reason' USING ERRCODE = 'CH021';
    END IF;
    IF p_keep NOT BETWEEN interval '1 day' AND interval '36500 days' THEN
        RAISE EXCEPTION 'documents are kept for a day at least, and for 36500 days at most; null is for ever' USING ERRCODE = 'CH026';
    END IF;
    INSERT INTO chorus.retention AS r (account, keep, reason, set_by)
    SELECT name, p_keep, left(btrim(p_reason), 1000), chorus.actor() FROM chorus.accounts WHERE name = p_account AND chorus.sees(name)
    ON CONFLICT (account) DO UPDATE SET keep = excluded.keep, erase_after = NULL, reason = excluded.reason, set_by = excluded.set_by, set_at = clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'RETENTION_SET', jsonb_build_object('account', p_account, 'keep', p_keep::text, 'reason', left(btrim(p_reason), 1000)));
END $$;
-- +goose StatementEnd

-- Erases an account, a day later: it takes no new invoices from now on, and all of it that is or becomes final loses its document and the application's own data.
-- +goose StatementBegin
CREATE FUNCTION chorus.erase_account(p_account text, p_reason text) RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz;
BEGIN
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'erasing an account needs a reason' USING ERRCODE = 'CH021';
    END IF;
    INSERT INTO chorus.retention AS r (account, erase_after, reason, set_by)
    SELECT name, clock_timestamp() + interval '1 day', left(btrim(p_reason), 1000), chorus.actor() FROM chorus.accounts WHERE name = p_account AND chorus.sees(name)
    ON CONFLICT (account) DO UPDATE
        SET erase_after = coalesce(r.erase_after, excluded.erase_after), reason = excluded.reason, set_by = excluded.set_by, set_at = clock_timestamp()
    RETURNING erase_after INTO at;
    IF at IS NULL THEN
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'ERASURE_ASKED', jsonb_build_object('account', p_account, 'after', at, 'reason', left(btrim(p_reason), 1000)));
    RETURN at;
END $$;
-- +goose StatementEnd

ALTER TABLE chorus.retention ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.retention TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.retention TO chorus_operator, chorus_reader USING (account = ANY ((SELECT chorus.my_accounts())::text[]));

REVOKE ALL ON FUNCTION chorus.watch_clock(), chorus.purge_waits(), chorus.at_rest(bigint), chorus.has_beside(bigint), chorus.invoices_purge(), chorus.purge_due(text, bigint), chorus.purge_count(text),
    chorus.purge(text, integer), chorus.keep_documents(text, interval, text), chorus.erase_account(text, text) FROM PUBLIC;
GRANT SELECT ON chorus.retention TO chorus_operator, chorus_reader, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.purge_waits() TO chorus_operator, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.purge_count(text), chorus.keep_documents(text, interval, text), chorus.erase_account(text, text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.purge(text, integer) TO chorus_operator, chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.watch_clock() TO chorus_worker;
