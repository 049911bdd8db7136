-- What happened: each attempt to deposit, and each event. Nothing here is deleted or rewritten.

-- +goose Up

CREATE TABLE chorus.attempts (
    id                uuid PRIMARY KEY,
    invoice_id        bigint NOT NULL REFERENCES chorus.invoices,
    n                 integer NOT NULL CHECK (n > 0),
    worker            text NOT NULL,
    nom_fichier       text NOT NULL UNIQUE CHECK (nom_fichier ~ '^[A-Za-z0-9_.-]{1,50}$'),
    sha256            bytea NOT NULL,
    db_epoch          text NOT NULL,
    claimed_at        timestamptz NOT NULL,
    send_deadline     timestamptz NOT NULL,
    finished_at       timestamptz,
    outcome           text CHECK (outcome IN ('NOT_SENT', 'NOT_LANDED', 'ACCEPTED', 'REFUSED', 'DUPLICATE', 'AMBIGUOUS', 'OWNER_LOST')),
    numero_flux_depot text,
    evidence          jsonb NOT NULL DEFAULT '{}',
    UNIQUE (invoice_id, n)
);
CREATE UNIQUE INDEX attempts_numero_flux_depot_key ON chorus.attempts (numero_flux_depot) WHERE numero_flux_depot IS NOT NULL;
CREATE INDEX attempts_open ON chorus.attempts (send_deadline) WHERE outcome IS NULL;
-- For the question whether a deposit that was committed to later has been answered.
CREATE INDEX attempts_claimed ON chorus.attempts (claimed_at);

CREATE TABLE chorus.events (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    seq         bigint, -- given after the commit
    invoice_id  bigint,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    from_state  text,
    to_state    text,
    attempt     integer,
    reason_code text,
    detail      jsonb NOT NULL DEFAULT '{}',
    -- It may be what somebody did; operate/audit_kinds.go asks more of some, because the same reason stays with what a worker does next.
    is_act      boolean GENERATED ALWAYS AS (to_state = 'cancelled' OR reason_code IN (
        'RETRY', 'CANCEL_REQUESTED', 'OPERATOR', 'RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE', 'DISMISSED', 'UNDISMISSED', 'REMEDY_REQUESTED', 'FINDING_ACCEPTED', 'FINDING_REOPENED',
        'EVIDENCE_READ', 'PAUSED', 'RESUMED', 'RESUBMIT_ALLOWED', 'RECONCILE_ASKED', 'WEBHOOK_PAUSED', 'WEBHOOK_RESUMED', 'WEBHOOK_REPLAYED', 'WEBHOOK_SKIPPED',
        'WEBHOOK_TEST', 'WEBHOOK_FORGOTTEN', 'LOGIN_MAPPED', 'LOGIN_UNMAPPED', 'RETENTION_SET', 'ERASURE_ASKED',
        'REQUESTED', 'AGREED', 'REQUEST_REFUSED', 'REQUEST_WITHDRAWN', 'SECOND_PERSON_ON', 'SECOND_PERSON_OFF', 'VIEW_SAVED', 'VIEW_DELETED', 'SIGNED_IN', 'SIGN_IN_REFUSED',
        'ARCHIVED', 'ATTACHED')) STORED
) PARTITION BY RANGE (id);
-- Everything, until history is cut by month (00023_partitions.sql). The numbers of a month begin at YYYYMM0000000000, so that they alone say where an event belongs.
CREATE TABLE chorus.events_first PARTITION OF chorus.events FOR VALUES FROM (MINVALUE) TO (2000000000000000);
ALTER TABLE chorus.events_first ENABLE ROW LEVEL SECURITY; -- nobody reads or writes but by chorus.events
-- The ranges do not meet, so a number is there once. A key of the whole would say the same, and pg_restore --clean cannot drop one.
ALTER TABLE chorus.events_first ADD PRIMARY KEY (id);
-- A unique key of the whole would have to hold id. Numbers are given by one process at a time, each greater than the end of the chain (chorus.number_events), and that never goes
-- back (chorus.chain): this holds what is within a partition, and finds an event by its number.
CREATE UNIQUE INDEX events_first_seq_key ON chorus.events_first (seq) WHERE seq IS NOT NULL;
CREATE INDEX events_invoice ON chorus.events (invoice_id, id);
CREATE INDEX events_unsequenced ON chorus.events (id) WHERE seq IS NULL;
CREATE INDEX events_sending ON chorus.events (id) WHERE to_state = 'sending'; -- what chorus.unknown_to_rows walks
CREATE INDEX events_unusual ON chorus.events (reason_code, at) WHERE reason_code IN ('UNKNOWN_STATUT', 'BACKWARDS');
-- What people did: few among the events of the invoices. By time, of one actor, and of one kind.
CREATE INDEX events_acts ON chorus.events (at, id) WHERE is_act;
CREATE INDEX events_actors ON chorus.events (actor, at, id) WHERE is_act;
CREATE INDEX events_act_kinds ON chorus.events (reason_code, at, id) WHERE is_act;
-- The indexes of a part bear the names of those of the whole.
ALTER INDEX chorus.events_first_invoice_id_id_idx RENAME TO events_first_invoice;
ALTER INDEX chorus.events_first_id_idx RENAME TO events_first_unsequenced;
ALTER INDEX chorus.events_first_id_idx1 RENAME TO events_first_sending;
ALTER INDEX chorus.events_first_reason_code_at_idx RENAME TO events_first_unusual;
ALTER INDEX chorus.events_first_at_id_idx RENAME TO events_first_acts;
ALTER INDEX chorus.events_first_actor_at_id_idx RENAME TO events_first_actors;
ALTER INDEX chorus.events_first_reason_code_at_id_idx RENAME TO events_first_act_kinds;

-- Who is acting: the login, which nobody can forge, and what the program says of itself (a worker's name, an operator's).
-- +goose StatementBegin
CREATE FUNCTION chorus.actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT session_user || coalesce('/' || nullif(left(current_setting('chorus.actor', true), 100), ''), '')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION chorus.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of chorus.% are never deleted or rewritten', regexp_replace(TG_TABLE_NAME, '^events_.*', 'events') USING ERRCODE = 'CH003';
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_refuse BEFORE DELETE ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER invoices_refuse_truncate BEFORE TRUNCATE ON chorus.invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER attempts_refuse BEFORE DELETE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER attempts_refuse_truncate BEFORE TRUNCATE ON chorus.attempts FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse BEFORE DELETE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON chorus.events FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON chorus.events_first FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- Months of history that are in a file and not in chorus.events (choriste partition detach). Each time that a month leaves is a row; when it comes back, the row says so and stays.
CREATE TABLE chorus.archives (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month       text NOT NULL CHECK (month ~ '^(first|\d{6})$'),
    from_id     bigint NOT NULL, -- its first and its last event
    to_id       bigint NOT NULL,
    events      bigint NOT NULL CHECK (events > 0),
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    -- The stretches of the chain that it holds. An event may get its number after younger ones, so a month may begin or end with a few stretches. The hash before each, and its last.
    runs_from   bigint[] NOT NULL,
    runs_to     bigint[] NOT NULL,
    runs_before bytea[] NOT NULL,
    runs_hash   bytea[] NOT NULL,
    -- What it tells of exchanges that were deleted because of their age.
    exchanges_forgotten       bigint NOT NULL,
    exchanges_forgotten_until timestamptz,
    sha256      bytea NOT NULL, -- of its rows, as COPY writes them in the order of id
    file        text NOT NULL,
    event_id    bigint NOT NULL, -- that told of it (ARCHIVED)
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    archived_by text NOT NULL,
    attached_at timestamptz,
    attached_by text
);
CREATE UNIQUE INDEX archives_away ON chorus.archives (month) WHERE attached_at IS NULL;

-- What must be known of an invoice whose history is in an archive: without it, an older copy of its row would pass for the truth (docs/protocol.md §3.5).
CREATE TABLE chorus.archived_invoices (
    invoice_id     bigint NOT NULL,
    archive        bigint NOT NULL REFERENCES chorus.archives,
    events         integer NOT NULL,
    begins         boolean NOT NULL,   -- its first event is there
    move_id        bigint,             -- the last move, and where it led
    state          text,
    statut_id      bigint,             -- the last word on its status
    statut         text,
    statuts        text[],             -- all that it has had
    attempt        integer,            -- the highest that is named, and what the last event that names it says of it
    attempt_looks  integer,
    attempt_sha256 bytea,
    invoice_sha256 bytea,
    purged_sha256  text,
    PRIMARY KEY (invoice_id, archive)
);
CREATE INDEX archived_invoices_archive ON chorus.archived_invoices (archive);

-- Which events are in an archive: for each number the first four bytes of the SHA-256 of its time, 4096 numbers a row. What a worker remembers of an event is looked for here, too.
CREATE TABLE chorus.archived_events (
    archive bigint NOT NULL REFERENCES chorus.archives,
    from_id bigint NOT NULL,
    marks   bytea NOT NULL,
    PRIMARY KEY (from_id, archive)
);
CREATE INDEX archived_events_archive ON chorus.archived_events (archive);

-- What says what an archive holds stays as long as that is not back.
-- +goose StatementBegin
CREATE FUNCTION chorus.archives_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'archives' THEN
        IF TG_OP = 'UPDATE' AND OLD.attached_at IS NULL AND NEW.attached_at IS NOT NULL
            AND to_jsonb(NEW) - '{attached_at,attached_by}'::text[] = to_jsonb(OLD) - '{attached_at,attached_by}'::text[] THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' AND EXISTS (SELECT FROM chorus.archives a WHERE a.id = OLD.archive AND a.attached_at IS NOT NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'what chorus.% says of an archive stays as long as its month is not back', TG_TABLE_NAME USING ERRCODE = 'CH003';
END $$;
-- +goose StatementEnd
CREATE TRIGGER archives_stay BEFORE UPDATE OR DELETE ON chorus.archives FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archives_stay_truncate BEFORE TRUNCATE ON chorus.archives FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER archived_invoices_stay BEFORE UPDATE OR DELETE ON chorus.archived_invoices FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archived_invoices_stay_truncate BEFORE TRUNCATE ON chorus.archived_invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER archived_events_stay BEFORE UPDATE OR DELETE ON chorus.archived_events FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archived_events_stay_truncate BEFORE TRUNCATE ON chorus.archived_events FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

-- Where the last move of an invoice led, as history tells it, in an archive or not.
-- +goose StatementBegin
CREATE FUNCTION chorus.last_move(p_id bigint) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT x.to_state
        FROM (
            (SELECT e.id, e.to_state FROM chorus.events e WHERE e.invoice_id = p_id AND e.to_state IS DISTINCT FROM e.from_state ORDER BY e.id DESC LIMIT 1)
            UNION ALL
            SELECT b.move_id, b.state FROM chorus.archived_invoices b WHERE b.invoice_id = p_id AND b.move_id IS NOT NULL
        ) x
        ORDER BY x.id DESC
        LIMIT 1);
END $$;
-- +goose StatementEnd

-- Whether an event of this number and time is in an archive.
-- +goose StatementBegin
CREATE FUNCTION chorus.archived_event(p_id bigint, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM chorus.archived_events m
        WHERE m.from_id = p_id - p_id % 4096
          AND substring(m.marks FROM (p_id - m.from_id)::integer * 4 + 1 FOR 4) = substring(sha256(timestamptz_send(p_at)) FOR 4));
END $$;
-- +goose StatementEnd

-- An attempt says once how it ended, with its evidence. Only a lost owner may still be heard of. Evidence is added to and never changed; a look-up is added to those
-- before it. So an attempt with so many look-ups has had three texts at most (chorus.attempt_texts).
-- The times are the database's.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempts_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before CONSTANT integer := jsonb_array_length(coalesce(OLD.evidence -> 'lookups', '[]'));
    after  integer;
    rest   jsonb; -- what is not of look-ups
BEGIN
    IF jsonb_typeof(NEW.evidence) = 'object' AND jsonb_typeof(coalesce(NEW.evidence -> 'lookups', '[]')) = 'array' THEN
        after := jsonb_array_length(coalesce(NEW.evidence -> 'lookups', '[]'));
        rest := NEW.evidence - 'lookups';
    END IF;
    IF (NEW.id, NEW.invoice_id, NEW.n, NEW.worker, NEW.nom_fichier, NEW.sha256, NEW.db_epoch, NEW.claimed_at, NEW.send_deadline)
           IS DISTINCT FROM (OLD.id, OLD.invoice_id, OLD.n, OLD.worker, OLD.nom_fichier, OLD.sha256, OLD.db_epoch, OLD.claimed_at, OLD.send_deadline)
        OR NEW.outcome IS DISTINCT FROM OLD.outcome AND (OLD.outcome <> 'OWNER_LOST' OR NEW.outcome IS NULL)
        OR NEW.outcome IS NOT DISTINCT FROM OLD.outcome
           AND (NEW.finished_at, NEW.numero_flux_depot, rest) IS DISTINCT FROM (OLD.finished_at, OLD.numero_flux_depot, OLD.evidence - 'lookups')
        OR OLD.numero_flux_depot IS NOT NULL AND NEW.numero_flux_depot IS DISTINCT FROM OLD.numero_flux_depot
        OR after IS NULL
        OR after NOT BETWEEN before AND before + 1
        OR EXISTS (SELECT FROM jsonb_each(OLD.evidence) o WHERE o.key <> 'lookups' AND NEW.evidence -> o.key IS DISTINCT FROM o.value)
        OR (SELECT jsonb_agg(l ORDER BY k) FROM jsonb_array_elements(NEW.evidence -> 'lookups') WITH ORDINALITY x (l, k) WHERE k <= before)
           IS DISTINCT FROM nullif(OLD.evidence -> 'lookups', '[]') THEN
        RAISE EXCEPTION 'attempt %: what is written of an attempt stays', OLD.id USING ERRCODE = 'CH003';
    END IF;
    IF NEW.outcome IS DISTINCT FROM OLD.outcome THEN
        NEW.finished_at := clock_timestamp();
    END IF;
    IF after > before THEN
        NEW.evidence := jsonb_set(NEW.evidence, ARRAY['lookups', before::text, 'at'], to_jsonb(clock_timestamp()));
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attempts_before_update BEFORE UPDATE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.attempts_before_update();

-- An attempt is written in the transaction in which its row begins to be sent, or as the stand-in for one that may have been forgotten.
-- +goose StatementBegin
CREATE FUNCTION chorus.attempts_after_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM chorus.invoices i
        WHERE i.id = NEW.invoice_id AND i.attempt_no = NEW.n
          AND (i.state = 'sending' AND NEW.outcome IS NULL OR i.state = 'in_doubt' AND NEW.outcome = 'OWNER_LOST')
    ) OR NEW.evidence - 'since' <> '{}' OR NEW.outcome IS NULL AND NEW.evidence <> '{}' OR NEW.numero_flux_depot IS NOT NULL THEN
        RAISE EXCEPTION 'attempt %: its invoice is not being sent, or not for the %. time', NEW.id, NEW.n USING ERRCODE = 'CH003';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER attempts_after_insert AFTER INSERT ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.attempts_after_insert();

-- Nothing is ready to be sent without a proof on record that Chorus Pro does not have it, whoever says so (docs/protocol.md §3.4). The proof is
-- never sent; or the portal's or the worker's word that the last attempt did not land; or look-ups that found nothing: three that count, of an attempt that
-- the portal has not acknowledged, or the one that an operator's mark asks for. How long they must be apart, the settings of the workers say.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_proof() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a       chorus.attempts%ROWTYPE;
    suspect boolean; -- a later attempt may be forgotten
    since   timestamptz := '-infinity';
    quarantined timestamptz;
    looks   jsonb;
    empty   boolean; -- the last look-up, made since the row is in doubt, read everything and found nothing
    mark    CONSTANT text := CASE WHEN OLD.reason_code IN ('RETRY', 'RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE') THEN OLD.reason_code END;
BEGIN
    SELECT * INTO a FROM chorus.attempts WHERE invoice_id = NEW.id ORDER BY n DESC LIMIT 1;
    IF NOT FOUND AND NEW.attempt_no = 0 AND NOT NEW.lookup_first AND (OLD.state = 'received' OR mark IS NOT NULL) THEN
        RETURN NEW; -- never sent
    END IF;
    IF OLD.state = 'received' AND NEW.lookup_first THEN
        RETURN NEW; -- it is looked up first, and cannot be sent (invoices_before_update), whatever of it another table remembers
    END IF;
    IF a.n = NEW.attempt_no AND OLD.state IN ('sending', 'in_doubt') AND NEW.identifiant_facture_cpp IS NULL AND NEW.numero_flux_depot IS NULL
        AND NOT EXISTS (SELECT FROM chorus.attempts o WHERE o.invoice_id = NEW.id AND o.outcome IS NULL) THEN
        SELECT quarantined_at INTO quarantined FROM chorus.installation;
        -- An attempt that is still to come was begun while the clock was ahead: it does not tell whether before the quarantine or after it.
        suspect := quarantined IS NOT NULL AND (a.claimed_at < quarantined OR a.claimed_at > clock_timestamp());
        IF suspect THEN
            since := quarantined;
        END IF;
        IF OLD.reason_code = 'QUARANTINE' THEN
            suspect := true;
            since := greatest(since, OLD.in_doubt_since);
        END IF;
        -- Of earlier attempts that nothing is known of, a look-up since has found nothing.
        IF a.outcome IN ('NOT_SENT', 'NOT_LANDED') AND (OLD.state = 'sending' OR NOT suspect) AND NOT EXISTS (
            SELECT
            FROM chorus.attempts e
            WHERE e.invoice_id = NEW.id AND e.n < a.n AND e.outcome IN ('OWNER_LOST', 'AMBIGUOUS')
              AND NOT EXISTS (
                  SELECT
                  FROM chorus.attempts l
                  WHERE l.invoice_id = NEW.id AND l.n >= e.n
                    AND (l.evidence @> '{"lookups": [{"complete": true, "found": 0}]}' OR l.evidence @> '{"lookups": [{"absent": true}]}'))
        ) THEN
            RETURN NEW;
        END IF;
        looks := coalesce(a.evidence -> 'lookups', '[]');
        empty := coalesce((looks #>> '{-1,complete}')::boolean AND (looks #>> '{-1,found}')::integer = 0
                          AND (looks #>> '{-1,at}')::timestamptz >= OLD.in_doubt_since, false);
        IF empty AND (mark = 'RESUBMIT_OVERRIDE' OR NOT suspect AND (mark = 'RETRY' AND a.worker <> 'quarantine' OR mark = 'RESUBMIT_WANTED' AND a.outcome = 'REFUSED')) THEN
            RETURN NEW;
        END IF;
        IF (mark IS NOT NULL OR a.outcome NOT IN ('ACCEPTED', 'DUPLICATE')) AND OLD.state = 'in_doubt' AND (looks #>> '{-1,absent}')::boolean
            AND (SELECT count(*) FROM jsonb_array_elements(looks) l WHERE (l ->> 'absent')::boolean AND (l ->> 'at')::timestamptz >= since) >= 3 THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'invoice %: from % to ready without a proof on record that Chorus Pro does not have it', OLD.id, OLD.state
        USING ERRCODE = 'CH005', COLUMN = 'state';
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_proof BEFORE UPDATE OF state ON chorus.invoices FOR EACH ROW WHEN (NEW.state = 'ready' AND OLD.state <> 'ready')
    EXECUTE FUNCTION chorus.invoices_proof();

-- +goose StatementBegin
CREATE FUNCTION chorus.events_before_update() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.seq IS NOT NULL OR NEW.seq IS NULL OR (NEW.id, NEW.at, NEW.actor, NEW.detail) IS DISTINCT FROM (OLD.id, OLD.at, OLD.actor, OLD.detail)
        OR (NEW.invoice_id, NEW.from_state, NEW.to_state, NEW.attempt, NEW.reason_code)
           IS DISTINCT FROM (OLD.invoice_id, OLD.from_state, OLD.to_state, OLD.attempt, OLD.reason_code) THEN
        RAISE EXCEPTION 'event %: history is not rewritten', OLD.id USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_before_update BEFORE UPDATE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.events_before_update();

-- Events are written by the triggers and functions of this schema: a plain INSERT is refused, the owner's too. Within a trigger nothing is asked, so that the
-- events of invoices pay nothing. Otherwise the calls that led here must show a PL/pgSQL function of ours, in whatever language the server speaks.
-- +goose StatementBegin
CREATE FUNCTION chorus.events_before_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    calls text;
BEGIN
    GET DIAGNOSTICS calls = PG_CONTEXT; -- the first line is this function's
    IF calls !~ '\n.*PL/pgSQL[^"\n]*chorus\.\w+\(' THEN
        RAISE EXCEPTION 'events are written by the functions of the schema chorus, never by hand' USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_before_insert BEFORE INSERT ON chorus.events FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION chorus.events_before_insert();

-- History is written here and nowhere else, so that a change without its event cannot exist.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb; -- read apart: a subquery among the values would have each change planned anew
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chorus.events (invoice_id, actor, to_state) VALUES (NEW.id, chorus.actor(), NEW.state);
    ELSIF NEW.state <> OLD.state THEN
        IF NEW.findings > 0 AND OLD.state = 'received' THEN
            SELECT jsonb_agg(f.code ORDER BY f.n) INTO found
            FROM (SELECT code, min(n) AS n FROM chorus.invoice_findings WHERE invoice_id = NEW.id GROUP BY code) f;
        END IF;
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), NEW.reason_code, jsonb_strip_nulls(jsonb_build_object(
            'reason', NEW.reason,
            'findings', found,
            'numero_flux_depot', NEW.numero_flux_depot,
            'etat_flux', NEW.etat_flux,
            'identifiant_facture_cpp', NEW.identifiant_facture_cpp,
            'statut_courant', NEW.statut_courant)));
    ELSIF NEW.statut_courant IS DISTINCT FROM OLD.statut_courant OR NEW.statut_courant_date IS DISTINCT FROM OLD.statut_courant_date THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), 'STATUT', jsonb_strip_nulls(jsonb_build_object(
            'statut_courant', NEW.statut_courant,
            'statut_precedent', OLD.statut_courant,
            'statut_courant_date', NEW.statut_courant_date,
            'statut_commentaire', NEW.statut_commentaire)));
    ELSIF NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code)
        VALUES (NEW.id, chorus.actor(), OLD.state, NEW.state, nullif(NEW.attempt_no, 0), 'CANCEL_REQUESTED');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_history_begins AFTER INSERT ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_history();
-- Other triggers change none of these columns unless a statement names one of them (invoices_before_update).
CREATE TRIGGER invoices_history AFTER UPDATE OF state, statut_courant, statut_courant_date, cancel_requested_at ON chorus.invoices
    FOR EACH ROW EXECUTE FUNCTION chorus.invoices_history();

-- Beside the history of each change: a status that is not known, a move that goes back (from a final status, or to an earlier stage, and not a usual
-- one), and a reason that came after its status. They say so; they decide nothing.
-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_statut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    code text;
BEGIN
    IF NEW.statut_courant IS DISTINCT FROM OLD.statut_courant THEN
        SELECT CASE
                   WHEN coalesce(s.next_actor, 'unknown') = 'unknown' THEN 'UNKNOWN_STATUT'
                   WHEN s.code <> ALL (b.successors) AND (b.terminal OR s.stage BETWEEN 1 AND b.stage - 1) THEN 'BACKWARDS'
               END
        INTO code
        FROM (VALUES (1)) one
        LEFT JOIN chorus.statuts s ON s.code = NEW.statut_courant
        LEFT JOIN chorus.statuts b ON b.code = OLD.statut_courant;
    ELSIF NEW.statut_commentaire IS DISTINCT FROM OLD.statut_commentaire
        AND NEW.state = OLD.state AND NEW.statut_courant_date IS NOT DISTINCT FROM OLD.statut_courant_date AND NEW.statut_commentaire IS NOT NULL THEN
        code := 'REASON';
    END IF;
    IF code IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.id, chorus.actor(), NEW.state, NEW.state, nullif(NEW.attempt_no, 0), code, jsonb_strip_nulls(jsonb_build_object(
            'statut_courant', NEW.statut_courant,
            'statut_precedent', nullif(OLD.statut_courant, NEW.statut_courant),
            'statut_courant_date', NEW.statut_courant_date,
            'statut_commentaire', NEW.statut_commentaire)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_statut AFTER UPDATE OF statut_courant, statut_commentaire ON chorus.invoices FOR EACH ROW
    WHEN (NEW.statut_courant IS NOT NULL) EXECUTE FUNCTION chorus.invoices_statut();

-- Adds to the history of an invoice the earlier statuses that the portal's own history shows and that were never seen here, for the job that has claimed it.
-- +goose StatementBegin
CREATE FUNCTION chorus.earlier_statuts(p_id bigint, p_claim bigint, p_codes text[], p_dates timestamptz[], p_comments text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    WITH added AS (
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        SELECT i.id, chorus.actor(), i.state, i.state, nullif(i.attempt_no, 0), 'STATUT', jsonb_strip_nulls(jsonb_build_object(
                   'statut_courant', h.code,
                   'statut_courant_date', h.at,
                   'statut_commentaire', nullif(h.comment, ''),
                   'from_history', true))
        FROM chorus.invoices i, unnest(p_codes, p_dates, p_comments) WITH ORDINALITY AS h (code, at, comment, k)
        WHERE i.id = p_id AND i.claim = p_claim
          AND NOT EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = p_id AND e.detail ->> 'statut_courant' = h.code)
          AND NOT EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = p_id AND h.code = ANY (b.statuts))
        ORDER BY h.k
        RETURNING 1
    ), told AS ( -- when the recipient was told, for the clock of payment: the first time since it was routed last, at a day that somebody can mean
        SELECT min(h.at) FILTER (WHERE h.code = 'MISE_A_DISPOSITION' AND h.at > coalesce(r.at, '-infinity')
                                   AND h.at BETWEEN i.created_at - interval '1 year' AND clock_timestamp() + interval '1 day') AS at
        FROM chorus.invoices i, unnest(p_codes, p_dates) AS h (code, at), (SELECT max(x.at) AS at FROM unnest(p_codes, p_dates) AS x (code, at) WHERE x.code = 'A_RECYCLER') r
        WHERE i.id = p_id
    ), started AS (
        UPDATE chorus.invoices i
        SET available_on = (told.at AT TIME ZONE 'Europe/Paris')::date
        FROM told
        WHERE i.id = p_id AND i.claim = p_claim AND (told.at AT TIME ZONE 'Europe/Paris')::date < i.available_on
    )
    SELECT count(*) INTO n FROM added;
    RETURN n;
END $$;
-- +goose StatementEnd
