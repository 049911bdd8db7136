-- What the harness knows, beside the product's own tables, so that every invariant is one query. Ordinary tables: they survive the crashes.

CREATE SCHEMA chaos;

-- The simulator's ledger, line by line.
CREATE TABLE chaos.ledger (
    seq             bigint PRIMARY KEY,
    at              timestamptz NOT NULL,
    type            text NOT NULL,
    request         bigint,
    op              text,
    key             text, -- year of issue/SIREN/number
    nom_fichier     text,
    file_sha256     text,
    flux            text,
    n               integer NOT NULL DEFAULT 0,
    refused_later   boolean NOT NULL DEFAULT false,
    refused_as      text,
    facture         bigint,
    statut          text,
    status          integer,
    fault           text,
    sent            boolean,
    token           text,
    incomplete      boolean NOT NULL DEFAULT false,
    reused          boolean NOT NULL DEFAULT false,
    idempotency_key text
);
CREATE INDEX ON chaos.ledger (request) WHERE type IN ('answer', 'accepted', 'close');
CREATE INDEX ON chaos.ledger (nom_fichier) WHERE nom_fichier IS NOT NULL;
CREATE INDEX ON chaos.ledger (key) WHERE type IN ('accepted', 'portal');
CREATE INDEX ON chaos.ledger (flux) WHERE type IN ('accepted', 'integrated');
CREATE INDEX ON chaos.ledger (facture) WHERE facture IS NOT NULL;
CREATE INDEX ON chaos.ledger (op, at) WHERE type = 'request';

-- What the inserting client was promised.
CREATE TABLE chaos.inserts (
    account      text NOT NULL,
    external_ref text NOT NULL,
    key          text NOT NULL,
    sha256       text NOT NULL,
    kind         text NOT NULL, -- what is special about it: good, invalid, twin, cancelled, typed, poison, old
    acknowledged boolean NOT NULL,
    at           timestamptz,   -- when it was acknowledged
    PRIMARY KEY (account, external_ref)
);

-- Every worker process, and how it ended: kill, term, end (of the run), exit (by itself); null: it lives.
CREATE TABLE chaos.processes (
    worker  text PRIMARY KEY, -- as attempts name it
    slot    integer NOT NULL,
    started timestamptz NOT NULL,
    ended   timestamptz,
    how     text
);

-- When the database was down.
CREATE TABLE chaos.outages (
    began timestamptz PRIMARY KEY,
    ended timestamptz NOT NULL
);

-- When the database went back in time: what was committed from lost_from on is forgotten. Written at once: I7 is asked every second.
CREATE TABLE chaos.failovers (
    lost_from timestamptz PRIMARY KEY,
    lost_to   timestamptz NOT NULL,
    one_table boolean NOT NULL
);

-- What is known of each of them in the end.
CREATE TABLE chaos.rewinds (
    way           text NOT NULL,
    one_table     boolean NOT NULL, -- the other tables remember
    lost_from     timestamptz NOT NULL,
    lost_to       timestamptz NOT NULL,
    possible      timestamptz NOT NULL, -- from then on a worker could notice
    noticed       timestamptz,
    notice_within interval NOT NULL,
    back          timestamptz,          -- the first deposit since
    back_within   interval NOT NULL
);

-- The other episodes.
CREATE TABLE chaos.episodes (
    name    text NOT NULL,
    slot    integer,              -- the worker that was hit; null: all
    began   timestamptz NOT NULL,
    ended   timestamptz NOT NULL,
    still   boolean NOT NULL,     -- what was inserted meanwhile had nothing to wait for
    back    timestamptz,          -- the first deposit since, by that worker
    allowed interval NOT NULL
);

-- When a worker could not use its database, or may have been disturbed in it.
CREATE TABLE chaos.cuts (
    slot  integer, -- null: all
    began timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    whole boolean NOT NULL -- in all that time nothing got through
);

-- What the workers' doors said.
CREATE TABLE chaos.answers (
    slot    integer NOT NULL,
    worker  text NOT NULL,
    at      timestamptz NOT NULL,
    ready   boolean NOT NULL,
    metrics integer, -- HTTP status; null: not asked
    said    text NOT NULL
);

-- The most that each process has had in RAM.
CREATE TABLE chaos.memory (
    slot   integer NOT NULL,
    worker text NOT NULL,
    bytes  bigint NOT NULL
);

-- What a worker logged while something was wrong.
CREATE TABLE chaos.noise (
    what    text NOT NULL,
    slot    integer NOT NULL,
    lines   integer NOT NULL,
    seconds float8 NOT NULL,
    most    float8 NOT NULL -- lines a second
);

-- Inserts that must be refused.
CREATE TABLE chaos.refusals (
    what     text NOT NULL,
    sqlstate text -- null: it was taken
);

-- What the secret scanner found, and where.
CREATE TABLE chaos.leaks (
    place  text NOT NULL,
    canary text NOT NULL -- which secret, in which encoding; never the secret
);

CREATE TABLE chaos.settings (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    first_seq  bigint NOT NULL DEFAULT 0, -- the ledger's newest line before the snapshot was taken
    d          interval NOT NULL,
    h          interval NOT NULL,
    silence    interval NOT NULL,         -- how long an attempt may be without an outcome
    quota      integer NOT NULL,          -- 0: not this run's subject
    token_rate integer NOT NULL,          -- token requests in one second that a well-behaved fleet may make
    never      boolean NOT NULL,
    moment     interval NOT NULL DEFAULT '30 s', -- how long harm may last that the product answers for; longer on a slow machine
    calmed     timestamptz                -- when the storm ended
);

-- When was an attempt committed? Its row is updated later, so the transaction that inserted it is noted beside it.
CREATE TABLE chaos.commits (
    attempt uuid PRIMARY KEY,
    xid     xid8 NOT NULL
);
CREATE FUNCTION chaos.note_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO chaos.commits VALUES (NEW.id, pg_current_xact_id());
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note_commit AFTER INSERT ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chaos.note_commit();

CREATE FUNCTION chaos.key(i chorus.invoices) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT extract(year FROM i.date_facture) || '/' || left(i.fournisseur_siret, 9) || '/' || i.numero_facture
$$;

-- Acc(k): what the portal holds or is going to hold. A row has it if one of its attempts brought it there; nobody's attempt brought what a person typed.
CREATE VIEW chaos.held AS
SELECT l.seq, l.type, l.key, l.flux, coalesce(l.facture, f.facture) AS facture, a.invoice_id
FROM chaos.ledger l
LEFT JOIN chorus.attempts a ON a.nom_fichier = l.nom_fichier
LEFT JOIN chaos.ledger f ON f.type = 'integrated' AND f.flux = l.flux AND f.n = l.n
WHERE l.type IN ('accepted', 'portal') AND NOT l.refused_later;

-- The deposits that arrived whole.
CREATE VIEW chaos.deposits AS
SELECT seq, at, request, nom_fichier, file_sha256, reused, idempotency_key
FROM chaos.ledger
WHERE type = 'request' AND op = 'deposer/flux' AND NOT incomplete;

-- The searches that were made for an attempt in doubt.
CREATE VIEW chaos.lookups AS
SELECT a.id AS attempt, l.at, l.age_ns / 1e9 * interval '1 second' AS age, l.complete, l.witness, l.found, l.absent
FROM chorus.attempts a
CROSS JOIN LATERAL jsonb_to_recordset(a.evidence -> 'lookups') AS l (at timestamptz, age_ns float8, complete boolean, witness boolean, found integer, absent boolean)
WHERE a.evidence ? 'lookups';
