-- The schema chorus as the migrations make it, to read. Generated: go test ./migrations -run TestSchemaFile -update

CREATE TABLE chorus.able (
    account text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    CONSTRAINT able_account_fkey FOREIGN KEY (account) REFERENCES chorus.accounts(name) ON DELETE CASCADE,
    CONSTRAINT able_pkey PRIMARY KEY (account)
);

CREATE TABLE chorus.accounts (
    name text NOT NULL,
    paused_at timestamp with time zone,
    pause_reason text,
    can_search boolean,
    structures_at timestamp with time zone,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    behind text[] DEFAULT '{}'::text[] NOT NULL,
    compare_since timestamp with time zone,
    compare_asked_at timestamp with time zone,
    compare_waits_since timestamp with time zone,
    compare_next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    compare_page integer,
    compare_pages integer,
    compare_fault text,
    compare_resumed_at timestamp with time zone,
    compare_vouched_at timestamp with time zone,
    refused bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    accepted bytea,
    accepted_at timestamp with time zone,
    probing_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    password_expires date,
    password_checked_at timestamp with time zone,
    password_said integer,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT accounts_name_check CHECK ((name ~ '^[A-Za-z0-9_.-]{1,64}$'::text)),
    CONSTRAINT accounts_pkey PRIMARY KEY (name)
);
CREATE TRIGGER accounts_asked AFTER UPDATE ON chorus.accounts FOR EACH ROW WHEN (((new.compare_asked_at IS DISTINCT FROM old.compare_asked_at) OR ((new.paused_at IS NULL) AND (old.pause_reason ~~ 'NOT\_VOUCHED: %'::text)))) EXECUTE FUNCTION chorus.accounts_asked();
CREATE TRIGGER accounts_resumed BEFORE UPDATE OF paused_at ON chorus.accounts FOR EACH ROW WHEN (((old.paused_at IS NOT NULL) AND (new.paused_at IS NULL))) EXECUTE FUNCTION chorus.accounts_resumed();
CREATE TRIGGER accounts_unable BEFORE UPDATE ON chorus.accounts FOR EACH ROW WHEN (((new.compare_asked_at IS DISTINCT FROM old.compare_asked_at) AND (new.compare_since IS NOT NULL))) EXECUTE FUNCTION chorus.accounts_unable();
ALTER TABLE chorus.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.accounts FOR ALL TO chorus_operator, chorus_reader USING (name = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.accounts FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.annuaire (
    one boolean DEFAULT true NOT NULL,
    due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    recipients integer,
    services integer,
    said text,
    CONSTRAINT annuaire_one_check CHECK (one),
    CONSTRAINT annuaire_pkey PRIMARY KEY (one)
);

CREATE TABLE chorus.answers (
    kind text NOT NULL,
    code text NOT NULL,
    n integer NOT NULL,
    who text NOT NULL,
    retry text NOT NULL,
    pattern text,
    general boolean NOT NULL,
    message_code text,
    term text,
    column_name text,
    text text NOT NULL,
    text_fr text NOT NULL,
    remedy text NOT NULL,
    remedy_fr text NOT NULL,
    mark text NOT NULL,
    source text NOT NULL,
    CONSTRAINT answers_n_key UNIQUE (n),
    CONSTRAINT answers_pkey PRIMARY KEY (kind, code)
);

CREATE TABLE chorus.archived_events (
    archive bigint NOT NULL,
    from_id bigint NOT NULL,
    marks bytea NOT NULL,
    CONSTRAINT archived_events_archive_fkey FOREIGN KEY (archive) REFERENCES chorus.archives(id),
    CONSTRAINT archived_events_pkey PRIMARY KEY (from_id, archive)
);
CREATE INDEX archived_events_archive ON chorus.archived_events USING btree (archive);
CREATE TRIGGER archived_events_stay BEFORE DELETE OR UPDATE ON chorus.archived_events FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archived_events_stay_truncate BEFORE TRUNCATE ON chorus.archived_events FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

CREATE TABLE chorus.archived_invoices (
    invoice_id bigint NOT NULL,
    archive bigint NOT NULL,
    events integer NOT NULL,
    begins boolean NOT NULL,
    move_id bigint,
    state text,
    statut_id bigint,
    statut text,
    statuts text[],
    attempt integer,
    attempt_looks integer,
    attempt_sha256 bytea,
    invoice_sha256 bytea,
    purged_sha256 text,
    CONSTRAINT archived_invoices_archive_fkey FOREIGN KEY (archive) REFERENCES chorus.archives(id),
    CONSTRAINT archived_invoices_pkey PRIMARY KEY (invoice_id, archive)
);
CREATE INDEX archived_invoices_archive ON chorus.archived_invoices USING btree (archive);
CREATE TRIGGER archived_invoices_stay BEFORE DELETE OR UPDATE ON chorus.archived_invoices FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archived_invoices_stay_truncate BEFORE TRUNCATE ON chorus.archived_invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.archived_invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.archived_invoices FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = archived_invoices.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.archived_invoices FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.archives (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    month text NOT NULL,
    from_id bigint NOT NULL,
    to_id bigint NOT NULL,
    events bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    runs_from bigint[] NOT NULL,
    runs_to bigint[] NOT NULL,
    runs_before bytea[] NOT NULL,
    runs_hash bytea[] NOT NULL,
    exchanges_forgotten bigint NOT NULL,
    exchanges_forgotten_until timestamp with time zone,
    sha256 bytea NOT NULL,
    file text NOT NULL,
    event_id bigint NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    archived_by text NOT NULL,
    attached_at timestamp with time zone,
    attached_by text,
    CONSTRAINT archives_events_check CHECK ((events > 0)),
    CONSTRAINT archives_month_check CHECK ((month ~ '^(first|\d{6})$'::text)),
    CONSTRAINT archives_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX archives_away ON chorus.archives USING btree (month) WHERE (attached_at IS NULL);
CREATE TRIGGER archives_stay BEFORE DELETE OR UPDATE ON chorus.archives FOR EACH ROW EXECUTE FUNCTION chorus.archives_stay();
CREATE TRIGGER archives_stay_truncate BEFORE TRUNCATE ON chorus.archives FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

CREATE TABLE chorus.attachments (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    invoice_id bigint NOT NULL,
    nom text NOT NULL,
    contenu bytea,
    mime text,
    octets integer NOT NULL,
    goes text NOT NULL,
    remedy_id bigint,
    piece_id bigint,
    uploaded_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT attachments_goes_check CHECK ((goes = ANY (ARRAY['submission'::text, 'completion'::text]))),
    CONSTRAINT attachments_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT attachments_pkey PRIMARY KEY (id),
    CONSTRAINT attachments_remedy_id_fkey FOREIGN KEY (remedy_id) REFERENCES chorus.remedies(id)
);
CREATE INDEX attachments_invoice ON chorus.attachments USING btree (invoice_id, id);
CREATE TRIGGER attachments_after_insert AFTER INSERT ON chorus.attachments FOR EACH ROW WHEN ((new.goes = 'completion'::text)) EXECUTE FUNCTION chorus.attachments_after_insert();
CREATE TRIGGER attachments_before_insert BEFORE INSERT ON chorus.attachments FOR EACH ROW EXECUTE FUNCTION chorus.attachments_before_insert();
ALTER TABLE chorus.attachments ENABLE ROW LEVEL SECURITY;
CREATE POLICY added ON chorus.attachments FOR INSERT TO chorus_app, chorus_operator WITH CHECK true;
CREATE POLICY mine ON chorus.attachments FOR SELECT TO chorus_app, chorus_operator, chorus_reader USING (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = attachments.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.attachments FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.attempts (
    id uuid NOT NULL,
    invoice_id bigint NOT NULL,
    n integer NOT NULL,
    worker text NOT NULL,
    nom_fichier text NOT NULL,
    sha256 bytea NOT NULL,
    db_epoch text NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    send_deadline timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    outcome text,
    numero_flux_depot text,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT attempts_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT attempts_invoice_id_n_key UNIQUE (invoice_id, n),
    CONSTRAINT attempts_n_check CHECK ((n > 0)),
    CONSTRAINT attempts_nom_fichier_check CHECK ((nom_fichier ~ '^[A-Za-z0-9_.-]{1,50}$'::text)),
    CONSTRAINT attempts_nom_fichier_key UNIQUE (nom_fichier),
    CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['NOT_SENT'::text, 'NOT_LANDED'::text, 'ACCEPTED'::text, 'REFUSED'::text, 'DUPLICATE'::text, 'AMBIGUOUS'::text, 'OWNER_LOST'::text]))),
    CONSTRAINT attempts_pkey PRIMARY KEY (id)
);
CREATE INDEX attempts_claimed ON chorus.attempts USING btree (claimed_at);
CREATE UNIQUE INDEX attempts_numero_flux_depot_key ON chorus.attempts USING btree (numero_flux_depot) WHERE (numero_flux_depot IS NOT NULL);
CREATE INDEX attempts_open ON chorus.attempts USING btree (send_deadline) WHERE (outcome IS NULL);
CREATE TRIGGER attempts_after_insert AFTER INSERT ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.attempts_after_insert();
CREATE TRIGGER attempts_before_update BEFORE UPDATE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.attempts_before_update();
CREATE TRIGGER attempts_outcome AFTER UPDATE ON chorus.attempts FOR EACH ROW WHEN ((new.outcome IS DISTINCT FROM old.outcome)) EXECUTE FUNCTION chorus.attempts_outcome();
CREATE TRIGGER attempts_refuse BEFORE DELETE ON chorus.attempts FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER attempts_refuse_truncate BEFORE TRUNCATE ON chorus.attempts FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.attempts FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = attempts.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.attempts FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.breakers (
    key text NOT NULL,
    scope text NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'closed'::text NOT NULL,
    since timestamp with time zone,
    closed_at timestamp with time zone,
    fault text,
    failed_at timestamp with time zone,
    answered boolean DEFAULT true NOT NULL,
    distrusted boolean DEFAULT false NOT NULL,
    failed_sent_at timestamp with time zone,
    next_at timestamp with time zone,
    probing_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    probe_spacing interval DEFAULT '00:00:00'::interval NOT NULL,
    trial uuid,
    trial_at timestamp with time zone,
    trial_spacing interval DEFAULT '00:00:00'::interval NOT NULL,
    ramp integer,
    announced boolean DEFAULT false NOT NULL,
    CONSTRAINT breakers_check CHECK (((state = 'closed'::text) = (since IS NULL))),
    CONSTRAINT breakers_pkey PRIMARY KEY (key),
    CONSTRAINT breakers_scope_check CHECK ((scope = ANY (ARRAY['portal'::text, 'application'::text]))),
    CONSTRAINT breakers_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'trial'::text])))
);
CREATE TRIGGER breakers_history AFTER UPDATE ON chorus.breakers FOR EACH ROW WHEN ((old.announced <> new.announced)) EXECUTE FUNCTION chorus.breakers_history();
CREATE TRIGGER breakers_over AFTER UPDATE ON chorus.breakers FOR EACH ROW WHEN ((old.announced AND (old.state = 'open'::text) AND (new.state <> 'open'::text))) EXECUTE FUNCTION chorus.breakers_over();
ALTER TABLE chorus.breakers ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.breakers FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (key = ANY (( SELECT chorus.my_way() AS my_way)::text[])));
CREATE POLICY worker ON chorus.breakers FOR ALL TO chorus_worker USING true;

CREATE UNLOGGED TABLE chorus.budgets (
    key text NOT NULL,
    every_us bigint NOT NULL,
    tat timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    paused_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lanes timestamp with time zone[] DEFAULT '{-infinity,-infinity,-infinity}'::timestamp with time zone[] NOT NULL,
    learned_us bigint DEFAULT 0 NOT NULL,
    learned_at timestamp with time zone,
    daily bigint DEFAULT 0 NOT NULL,
    day date,
    today bigint DEFAULT 0 NOT NULL,
    most integer DEFAULT 0 NOT NULL,
    departures timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    CONSTRAINT budgets_every_us_check CHECK ((every_us > 0)),
    CONSTRAINT budgets_most_check CHECK (((most >= 0) AND (most <= 1000))),
    CONSTRAINT budgets_pkey PRIMARY KEY (key)
) WITH (fillfactor=10);

CREATE TABLE chorus.chain (
    one boolean DEFAULT true NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT chain_one_check CHECK (one),
    CONSTRAINT chain_pkey PRIMARY KEY (one)
);
CREATE TRIGGER chain_before_update BEFORE UPDATE ON chorus.chain FOR EACH ROW EXECUTE FUNCTION chorus.chain_before_update();
CREATE TRIGGER chain_refuse BEFORE DELETE ON chorus.chain FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER chain_refuse_truncate BEFORE TRUNCATE ON chorus.chain FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();

CREATE TABLE chorus.check_findings (
    check_id bigint NOT NULL,
    n smallint NOT NULL,
    code text NOT NULL,
    severity text NOT NULL,
    term text,
    value text,
    where text,
    message text NOT NULL,
    message_fr text NOT NULL,
    remedy text,
    remedy_fr text,
    CONSTRAINT check_findings_check_id_fkey FOREIGN KEY (check_id) REFERENCES chorus.checks(id) ON DELETE CASCADE,
    CONSTRAINT check_findings_code_check CHECK ((length(code) <= 60)),
    CONSTRAINT check_findings_message_check CHECK ((length(message) <= 1000)),
    CONSTRAINT check_findings_message_fr_check CHECK ((length(message_fr) <= 1000)),
    CONSTRAINT check_findings_n_check CHECK (((n >= 1) AND (n <= 100))),
    CONSTRAINT check_findings_pkey PRIMARY KEY (check_id, n),
    CONSTRAINT check_findings_remedy_check CHECK ((length(remedy) <= 1000)),
    CONSTRAINT check_findings_remedy_fr_check CHECK ((length(remedy_fr) <= 1000)),
    CONSTRAINT check_findings_severity_check CHECK ((severity = ANY (ARRAY['error'::text, 'warning'::text]))),
    CONSTRAINT check_findings_term_check CHECK ((length(term) <= 60)),
    CONSTRAINT check_findings_value_check CHECK ((length(value) <= 200)),
    CONSTRAINT check_findings_where_check CHECK ((length("where") <= 500))
);
ALTER TABLE chorus.check_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.check_findings FOR ALL TO chorus_app, chorus_operator USING (( SELECT c.account
   FROM chorus.checks c
  WHERE (c.id = check_findings.check_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.check_findings FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.checks (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    document bytea,
    fields jsonb,
    account text DEFAULT 'default'::text NOT NULL,
    syntaxe_flux text,
    document_bytes integer NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    claimed_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    done_at timestamp with time zone,
    ok boolean,
    findings integer DEFAULT 0 NOT NULL,
    CONSTRAINT checks_pkey PRIMARY KEY (id),
    CONSTRAINT checks_syntaxe_flux_check CHECK ((length(syntaxe_flux) <= 60))
);
CREATE INDEX checks_created ON chorus.checks USING btree (created_at);
CREATE INDEX checks_waiting ON chorus.checks USING btree (account, id) INCLUDE (document_bytes) WHERE (done_at IS NULL);
CREATE TRIGGER checks_before_insert BEFORE INSERT ON chorus.checks FOR EACH ROW EXECUTE FUNCTION chorus.checks_before_insert();
CREATE TRIGGER checks_wake AFTER INSERT ON chorus.checks FOR EACH STATEMENT EXECUTE FUNCTION chorus.checks_wake();
ALTER TABLE chorus.checks ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.checks FOR ALL TO chorus_app, chorus_operator USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.checks FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.clock_watch (
    one boolean DEFAULT true NOT NULL,
    since timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    seen timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT clock_watch_one_check CHECK (one),
    CONSTRAINT clock_watch_pkey PRIMARY KEY (one)
);

CREATE TABLE chorus.configured (
    kind text NOT NULL,
    key text NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT configured_kind_check CHECK ((kind = ANY (ARRAY['account'::text, 'breaker'::text, 'webhook'::text, 'settings'::text, 'pace'::text, 'slots'::text]))),
    CONSTRAINT configured_pkey PRIMARY KEY (kind, key)
) WITH (fillfactor=50);
ALTER TABLE chorus.configured ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.configured FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR ((kind = 'account'::text) AND (key = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]))) OR ((kind = 'breaker'::text) AND (key = ANY (( SELECT chorus.my_way() AS my_way)::text[]))));
CREATE POLICY worker ON chorus.configured FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.dismissals (
    invoice_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT dismissals_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT dismissals_pkey PRIMARY KEY (invoice_id),
    CONSTRAINT dismissals_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000)))
);
ALTER TABLE chorus.dismissals ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.dismissals FOR ALL TO chorus_operator, chorus_reader USING (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = dismissals.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.dismissals FOR SELECT TO chorus_worker USING true;

CREATE TABLE chorus.ecb_rates (
    semester date NOT NULL,
    rate numeric NOT NULL,
    CONSTRAINT ecb_rates_pkey PRIMARY KEY (semester),
    CONSTRAINT ecb_rates_rate_check CHECK (((rate >= ('-5'::integer)::numeric) AND (rate <= (50)::numeric))),
    CONSTRAINT ecb_rates_semester_check CHECK (((EXTRACT(day FROM semester) = (1)::numeric) AND (EXTRACT(month FROM semester) = ANY (ARRAY[(1)::numeric, (7)::numeric]))))
);
CREATE TRIGGER ecb_rates_money AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON chorus.ecb_rates FOR EACH STATEMENT EXECUTE FUNCTION chorus.money_changed();

CREATE TABLE chorus.events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    seq bigint,
    invoice_id bigint,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    from_state text,
    to_state text,
    attempt integer,
    reason_code text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_act boolean GENERATED ALWAYS AS (((to_state = 'cancelled'::text) OR (reason_code = ANY (ARRAY['RETRY'::text, 'CANCEL_REQUESTED'::text, 'OPERATOR'::text, 'RESUBMIT_WANTED'::text, 'RESUBMIT_OVERRIDE'::text, 'DISMISSED'::text, 'UNDISMISSED'::text, 'REMEDY_REQUESTED'::text, 'FINDING_ACCEPTED'::text, 'FINDING_REOPENED'::text, 'EVIDENCE_READ'::text, 'PAUSED'::text, 'RESUMED'::text, 'RESUBMIT_ALLOWED'::text, 'RECONCILE_ASKED'::text, 'WEBHOOK_PAUSED'::text, 'WEBHOOK_RESUMED'::text, 'WEBHOOK_REPLAYED'::text, 'WEBHOOK_SKIPPED'::text, 'WEBHOOK_TEST'::text, 'WEBHOOK_FORGOTTEN'::text, 'LOGIN_MAPPED'::text, 'LOGIN_UNMAPPED'::text, 'RETENTION_SET'::text, 'ERASURE_ASKED'::text, 'REQUESTED'::text, 'AGREED'::text, 'REQUEST_REFUSED'::text, 'REQUEST_WITHDRAWN'::text, 'SECOND_PERSON_ON'::text, 'SECOND_PERSON_OFF'::text, 'VIEW_SAVED'::text, 'VIEW_DELETED'::text, 'SIGNED_IN'::text, 'SIGN_IN_REFUSED'::text, 'ARCHIVED'::text, 'ATTACHED'::text])))) STORED,
    hash bytea,
    attempt_sha256 bytea,
    attempt_looks integer,
    invoice_sha256 bytea
) PARTITION BY RANGE (id);
CREATE INDEX events_act_kinds ON chorus.events USING btree (reason_code, at, id) WHERE is_act;
CREATE INDEX events_actors ON chorus.events USING btree (actor, at, id) WHERE is_act;
CREATE INDEX events_acts ON chorus.events USING btree (at, id) WHERE is_act;
CREATE INDEX events_evidence ON chorus.events USING btree (reason_code, at) WHERE (reason_code = ANY (ARRAY['SEALED'::text, 'EXCHANGES_FORGOTTEN'::text]));
CREATE INDEX events_invoice ON chorus.events USING btree (invoice_id, id);
CREATE INDEX events_sending ON chorus.events USING btree (id) WHERE (to_state = 'sending'::text);
CREATE INDEX events_unsequenced ON chorus.events USING btree (id) WHERE (seq IS NULL);
CREATE INDEX events_unusual ON chorus.events USING btree (reason_code, at) WHERE (reason_code = ANY (ARRAY['UNKNOWN_STATUT'::text, 'BACKWARDS'::text]));
CREATE TRIGGER events_before_insert BEFORE INSERT ON chorus.events FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION chorus.events_before_insert();
CREATE TRIGGER events_before_update BEFORE UPDATE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.events_before_update();
CREATE TRIGGER events_refuse BEFORE DELETE ON chorus.events FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON chorus.events FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.events FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR
CASE
    WHEN (invoice_id IS NOT NULL) THEN (( SELECT i.account
       FROM chorus.invoices i
      WHERE (i.id = events.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]))
    WHEN (detail ? 'account'::text) THEN ((detail ->> 'account'::text) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]))
    ELSE ( SELECT chorus.nobody_mapped() AS nobody_mapped)
END);
CREATE POLICY worker ON chorus.events FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.events_first (
    id bigint NOT NULL,
    seq bigint,
    invoice_id bigint,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    from_state text,
    to_state text,
    attempt integer,
    reason_code text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_act boolean GENERATED ALWAYS AS (((to_state = 'cancelled'::text) OR (reason_code = ANY (ARRAY['RETRY'::text, 'CANCEL_REQUESTED'::text, 'OPERATOR'::text, 'RESUBMIT_WANTED'::text, 'RESUBMIT_OVERRIDE'::text, 'DISMISSED'::text, 'UNDISMISSED'::text, 'REMEDY_REQUESTED'::text, 'FINDING_ACCEPTED'::text, 'FINDING_REOPENED'::text, 'EVIDENCE_READ'::text, 'PAUSED'::text, 'RESUMED'::text, 'RESUBMIT_ALLOWED'::text, 'RECONCILE_ASKED'::text, 'WEBHOOK_PAUSED'::text, 'WEBHOOK_RESUMED'::text, 'WEBHOOK_REPLAYED'::text, 'WEBHOOK_SKIPPED'::text, 'WEBHOOK_TEST'::text, 'WEBHOOK_FORGOTTEN'::text, 'LOGIN_MAPPED'::text, 'LOGIN_UNMAPPED'::text, 'RETENTION_SET'::text, 'ERASURE_ASKED'::text, 'REQUESTED'::text, 'AGREED'::text, 'REQUEST_REFUSED'::text, 'REQUEST_WITHDRAWN'::text, 'SECOND_PERSON_ON'::text, 'SECOND_PERSON_OFF'::text, 'VIEW_SAVED'::text, 'VIEW_DELETED'::text, 'SIGNED_IN'::text, 'SIGN_IN_REFUSED'::text, 'ARCHIVED'::text, 'ATTACHED'::text])))) STORED,
    hash bytea,
    attempt_sha256 bytea,
    attempt_looks integer,
    invoice_sha256 bytea,
    CONSTRAINT events_first_pkey PRIMARY KEY (id)
) -- a partition: FOR VALUES FROM (MINVALUE) TO ('2000000000000000');
CREATE INDEX events_first_act_kinds ON chorus.events_first USING btree (reason_code, at, id) WHERE is_act;
CREATE INDEX events_first_actors ON chorus.events_first USING btree (actor, at, id) WHERE is_act;
CREATE INDEX events_first_acts ON chorus.events_first USING btree (at, id) WHERE is_act;
CREATE INDEX events_first_evidence ON chorus.events_first USING btree (reason_code, at) WHERE (reason_code = ANY (ARRAY['SEALED'::text, 'EXCHANGES_FORGOTTEN'::text]));
CREATE INDEX events_first_invoice ON chorus.events_first USING btree (invoice_id, id);
CREATE INDEX events_first_sending ON chorus.events_first USING btree (id) WHERE (to_state = 'sending'::text);
CREATE UNIQUE INDEX events_first_seq_key ON chorus.events_first USING btree (seq) WHERE (seq IS NOT NULL);
CREATE INDEX events_first_unsequenced ON chorus.events_first USING btree (id) WHERE (seq IS NULL);
CREATE INDEX events_first_unusual ON chorus.events_first USING btree (reason_code, at) WHERE (reason_code = ANY (ARRAY['UNKNOWN_STATUT'::text, 'BACKWARDS'::text]));
CREATE TRIGGER events_before_insert BEFORE INSERT ON chorus.events_first FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION chorus.events_before_insert();
CREATE TRIGGER events_before_update BEFORE UPDATE ON chorus.events_first FOR EACH ROW EXECUTE FUNCTION chorus.events_before_update();
CREATE TRIGGER events_refuse BEFORE DELETE ON chorus.events_first FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON chorus.events_first FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.events_first ENABLE ROW LEVEL SECURITY;

CREATE TABLE chorus.exchanges (
    attempt_id uuid NOT NULL,
    invoice_id bigint NOT NULL,
    kept_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    exchange bytea NOT NULL,
    CONSTRAINT exchanges_exchange_check CHECK ((octet_length(exchange) <= 262144)),
    CONSTRAINT exchanges_pkey PRIMARY KEY (attempt_id)
);
CREATE INDEX exchanges_invoice ON chorus.exchanges USING btree (invoice_id);
CREATE INDEX exchanges_kept ON chorus.exchanges USING btree (kept_at);
ALTER TABLE chorus.exchanges ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.exchanges FOR ALL TO chorus_operator USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = exchanges.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.exchanges FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.feed_lateness (
    account text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    lateness interval NOT NULL,
    CONSTRAINT feed_lateness_account_id_structure_cpp_fkey FOREIGN KEY (account, id_structure_cpp) REFERENCES chorus.structures(account, id_structure_cpp),
    CONSTRAINT feed_lateness_pkey PRIMARY KEY (account, id_structure_cpp, hour)
);
ALTER TABLE chorus.feed_lateness ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.feed_lateness FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.feed_lateness FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.finding_codes (
    code text NOT NULL,
    about text NOT NULL,
    CONSTRAINT finding_codes_pkey PRIMARY KEY (code)
);

CREATE TABLE chorus.findings (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    reconciliation_id bigint NOT NULL,
    last_reconciliation_id bigint NOT NULL,
    account text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    deposit_day date NOT NULL,
    code text NOT NULL,
    subject text NOT NULL,
    invoice_id bigint,
    identifiant_facture_cpp bigint,
    numero_facture text,
    here jsonb,
    portal jsonb,
    text text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    first_found_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_found_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by text,
    resolution text,
    CONSTRAINT findings_code_fkey FOREIGN KEY (code) REFERENCES chorus.finding_codes(code),
    CONSTRAINT findings_last_reconciliation_id_fkey FOREIGN KEY (last_reconciliation_id) REFERENCES chorus.reconciliations(id),
    CONSTRAINT findings_pkey PRIMARY KEY (id),
    CONSTRAINT findings_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES chorus.reconciliations(id),
    CONSTRAINT findings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'accepted'::text, 'closed'::text])))
);
CREATE INDEX findings_invoice ON chorus.findings USING btree (invoice_id);
CREATE INDEX findings_last ON chorus.findings USING btree (last_reconciliation_id);
CREATE INDEX findings_open ON chorus.findings USING btree (account, id_structure_cpp, deposit_day) WHERE (state <> 'closed'::text);
CREATE UNIQUE INDEX findings_subject ON chorus.findings USING btree (account, code, subject) WHERE (state <> 'closed'::text);
CREATE TRIGGER findings_history AFTER INSERT OR UPDATE ON chorus.findings FOR EACH ROW EXECUTE FUNCTION chorus.findings_history();
CREATE TRIGGER findings_refuse BEFORE DELETE ON chorus.findings FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER findings_refuse_truncate BEFORE TRUNCATE ON chorus.findings FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.findings FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.findings FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.heartbeats (
    worker text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    beat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    stopped boolean DEFAULT false NOT NULL,
    event_id bigint,
    event_at timestamp with time zone,
    horizon interval,
    unread_after interval,
    CONSTRAINT heartbeats_pkey PRIMARY KEY (worker)
) WITH (fillfactor=50);

CREATE TABLE chorus.installation (
    one boolean DEFAULT true NOT NULL,
    lineage uuid DEFAULT gen_random_uuid() NOT NULL,
    environment text,
    db_epoch text,
    quarantines integer DEFAULT 0 NOT NULL,
    quarantined_at timestamp with time zone,
    quarantine_kind text,
    forgotten_since timestamp with time zone,
    suspect_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    suspect_date date DEFAULT '-infinity'::date NOT NULL,
    suspect_before date DEFAULT '-infinity'::date NOT NULL,
    stepped_at timestamp with time zone,
    clock_differs double precision,
    assumption_broken_at timestamp with time zone,
    second_person interval,
    console_login text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT installation_environment_check CHECK ((environment = ANY (ARRAY['sandbox'::text, 'production'::text]))),
    CONSTRAINT installation_one_check CHECK (one),
    CONSTRAINT installation_pkey PRIMARY KEY (one),
    CONSTRAINT installation_quarantine_kind_check CHECK ((quarantine_kind = ANY (ARRAY['failover'::text, 'restore'::text]))),
    CONSTRAINT installation_second_person_check CHECK (((second_person >= '00:00:01'::interval) AND (second_person <= '31 days'::interval)))
);

CREATE TABLE chorus.invoice_findings (
    invoice_id bigint NOT NULL,
    n smallint NOT NULL,
    code text NOT NULL,
    severity text NOT NULL,
    term text,
    value text,
    where text,
    message text NOT NULL,
    message_fr text NOT NULL,
    remedy text,
    remedy_fr text,
    CONSTRAINT invoice_findings_code_check CHECK ((length(code) <= 60)),
    CONSTRAINT invoice_findings_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT invoice_findings_message_check CHECK ((length(message) <= 1000)),
    CONSTRAINT invoice_findings_message_fr_check CHECK ((length(message_fr) <= 1000)),
    CONSTRAINT invoice_findings_n_check CHECK (((n >= 1) AND (n <= 100))),
    CONSTRAINT invoice_findings_pkey PRIMARY KEY (invoice_id, n),
    CONSTRAINT invoice_findings_remedy_check CHECK ((length(remedy) <= 1000)),
    CONSTRAINT invoice_findings_remedy_fr_check CHECK ((length(remedy_fr) <= 1000)),
    CONSTRAINT invoice_findings_severity_check CHECK ((severity = ANY (ARRAY['error'::text, 'warning'::text]))),
    CONSTRAINT invoice_findings_term_check CHECK ((length(term) <= 60)),
    CONSTRAINT invoice_findings_value_check CHECK ((length(value) <= 200)),
    CONSTRAINT invoice_findings_where_check CHECK ((length("where") <= 500))
);
ALTER TABLE chorus.invoice_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.invoice_findings FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = invoice_findings.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.invoice_findings FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.invoices (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    external_ref text DEFAULT (gen_random_uuid())::text NOT NULL,
    account text DEFAULT 'default'::text NOT NULL,
    document bytea,
    syntaxe_flux text,
    fields jsonb,
    not_before timestamp with time zone,
    priority smallint DEFAULT 0 NOT NULL,
    metadata jsonb,
    replaces bigint,
    cancel_requested_at timestamp with time zone,
    state text DEFAULT 'received'::text NOT NULL,
    reason_code text,
    reason text,
    document_sha256 bytea NOT NULL,
    document_bytes integer NOT NULL,
    syntaxe text,
    numero_facture text,
    date_facture date,
    type_facture text,
    fournisseur_siret text,
    fournisseur_nom text,
    destinataire_siret text,
    destinataire_nom text,
    montant_ht numeric,
    montant_tva numeric,
    montant_ttc numeric,
    montant_a_payer numeric,
    devise text,
    cadre_facturation text,
    code_service text,
    numero_engagement text,
    findings integer DEFAULT 0 NOT NULL,
    attempt_no integer DEFAULT 0 NOT NULL,
    resubmits integer DEFAULT 0 NOT NULL,
    refusals integer DEFAULT 0 NOT NULL,
    panics integer DEFAULT 0 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    lookup_first boolean DEFAULT false NOT NULL,
    numero_flux_depot text,
    date_depot timestamp with time zone,
    etat_flux text,
    etat_flux_date timestamp with time zone,
    identifiant_facture_cpp bigint,
    mode_depot text,
    statut_courant text,
    statut_courant_date timestamp with time zone,
    statut_commentaire text,
    available_on date,
    suspended_on date,
    completed_on date,
    deposited_at timestamp with time zone,
    visible_at timestamp with time zone,
    in_doubt_since timestamp with time zone,
    due_at timestamp with time zone,
    reason_due_at timestamp with time zone,
    looks integer DEFAULT 0 NOT NULL,
    claim bigint,
    claimed_until timestamp with time zone,
    purged_at timestamp with time zone,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT invoices_external_ref_check CHECK (((external_ref <> ''::text) AND (length(external_ref) <= 200))),
    CONSTRAINT invoices_external_ref_key UNIQUE (account, external_ref),
    CONSTRAINT invoices_pkey PRIMARY KEY (id),
    CONSTRAINT invoices_replaces_fkey FOREIGN KEY (replaces) REFERENCES chorus.invoices(id),
    CONSTRAINT invoices_state_fkey FOREIGN KEY (state) REFERENCES chorus.states(name)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, toast_tuple_target=1024);
CREATE INDEX invoices_bare_number ON chorus.invoices USING btree (chorus.bare_number(numero_facture)) WHERE (numero_facture <> chorus.bare_number(numero_facture));
CREATE UNIQUE INDEX invoices_business_key ON chorus.invoices USING btree ("left"(fournisseur_siret, 9), numero_facture, EXTRACT(year FROM date_facture)) WHERE ((numero_facture IS NOT NULL) AND (state <> ALL (ARRAY['received'::text, 'invalid'::text, 'rejected'::text, 'cancelled'::text, 'abandoned'::text])));
CREATE INDEX invoices_cancel ON chorus.invoices USING btree (id) WHERE ((state = 'ready'::text) AND (cancel_requested_at IS NOT NULL));
CREATE INDEX invoices_changed ON chorus.invoices USING btree (fournisseur_siret, statut_courant_date) INCLUDE (state) WHERE (identifiant_facture_cpp IS NOT NULL);
CREATE INDEX invoices_claimed ON chorus.invoices USING btree (id, state) WHERE (claim IS NOT NULL);
CREATE INDEX invoices_created ON chorus.invoices USING brin (created_at) WITH (pages_per_range='32');
CREATE INDEX invoices_days ON chorus.invoices USING brin (date_facture, (((date_depot AT TIME ZONE 'Europe/Paris'::text))::date), statut_courant_date) WITH (pages_per_range='32');
CREATE INDEX invoices_deposit_day ON chorus.invoices USING btree (account, fournisseur_siret, (((COALESCE(date_depot, deposited_at) AT TIME ZONE 'Europe/Paris'::text))::date)) WHERE (deposited_at IS NOT NULL);
CREATE INDEX invoices_deposited ON chorus.invoices USING btree (account, due_at) WHERE (state = 'deposited'::text);
CREATE INDEX invoices_deposited_at ON chorus.invoices USING btree (account, deposited_at) WHERE (deposited_at IS NOT NULL);
CREATE UNIQUE INDEX invoices_identifiant_facture_cpp_key ON chorus.invoices USING btree (identifiant_facture_cpp) WHERE (identifiant_facture_cpp IS NOT NULL);
CREATE INDEX invoices_in_doubt ON chorus.invoices USING btree (account, due_at) WHERE (state = 'in_doubt'::text);
CREATE INDEX invoices_money_settled ON chorus.invoices USING btree ((((statut_courant_date AT TIME ZONE 'Europe/Paris'::text))::date)) INCLUDE (account, destinataire_siret, devise, montant_ttc, type_facture, statut_courant, statut_courant_date, reason_code, available_on, suspended_on, completed_on) WHERE (state = 'settled'::text);
CREATE INDEX invoices_numero ON chorus.invoices USING btree (numero_facture, id);
CREATE UNIQUE INDEX invoices_numero_flux_depot_key ON chorus.invoices USING btree (numero_flux_depot) WHERE (numero_flux_depot IS NOT NULL);
CREATE INDEX invoices_open ON chorus.invoices USING btree (statut_courant_date) WHERE (state = 'integrated'::text);
CREATE INDEX invoices_open_amount ON chorus.invoices USING btree (montant_ttc, id) WHERE (state = 'integrated'::text);
CREATE INDEX invoices_purgeable ON chorus.invoices USING btree (account, updated_at) WHERE ((purged_at IS NULL) AND (state = ANY (ARRAY['settled'::text, 'rejected'::text, 'invalid'::text, 'cancelled'::text, 'abandoned'::text])));
CREATE INDEX invoices_purgeable_again ON chorus.invoices USING btree (account, updated_at) WHERE ((purged_at IS NOT NULL) AND (updated_at > purged_at) AND (state = ANY (ARRAY['settled'::text, 'rejected'::text, 'invalid'::text, 'cancelled'::text, 'abandoned'::text])));
CREATE INDEX invoices_ready ON chorus.invoices USING btree (account, priority DESC, id) WHERE (state = 'ready'::text);
CREATE INDEX invoices_reason ON chorus.invoices USING btree (account, reason_due_at) WHERE (reason_due_at IS NOT NULL);
CREATE INDEX invoices_reason_code ON chorus.invoices USING btree (reason_code, id) WHERE (reason_code IS NOT NULL);
CREATE INDEX invoices_received ON chorus.invoices USING btree (account, priority DESC, id) WHERE (state = 'received'::text);
CREATE INDEX invoices_recipient ON chorus.invoices USING btree (destinataire_siret) WHERE (state = 'integrated'::text);
CREATE INDEX invoices_replaced ON chorus.invoices USING btree (replaces, id) WHERE (replaces IS NOT NULL);
CREATE UNIQUE INDEX invoices_replaces_key ON chorus.invoices USING btree (replaces) WHERE ((replaces IS NOT NULL) AND (state <> ALL (ARRAY['invalid'::text, 'cancelled'::text])) AND (NOT ((state = 'rejected'::text) AND (identifiant_facture_cpp IS NULL))));
CREATE INDEX invoices_settled_amount ON chorus.invoices USING btree (montant_ttc, id) WHERE (state = 'settled'::text);
CREATE INDEX invoices_settled_recipient ON chorus.invoices USING btree (destinataire_siret, id) WHERE (state = 'settled'::text);
CREATE INDEX invoices_settled_statut ON chorus.invoices USING btree (statut_courant, id) WHERE (state = 'settled'::text);
CREATE INDEX invoices_settled_supplier ON chorus.invoices USING btree (fournisseur_siret, id) WHERE (state = 'settled'::text);
CREATE INDEX invoices_state ON chorus.invoices USING btree (state, id);
CREATE INDEX invoices_supplier ON chorus.invoices USING btree (id) WHERE ((state = 'integrated'::text) AND (statut_courant = ANY (ARRAY['BROUILLON'::text, 'ERREUR_FOURNISSEUR_SUR_VALIDEUR'::text, 'REFUSEE_1'::text, 'ERREUR_COTRAITANT_SUR_VALIDEUR'::text, 'REFUSEE_2'::text, 'ERREUR_FOURNISSEUR_SUR_MOE'::text, 'A_RECYCLER'::text, 'SUSPENDUE'::text, 'REFUSEE_MOE'::text, 'EN_ATTENTE_RECYCLAGE_FOURNISSEUR'::text, 'INTERPRETEE_OCR'::text, 'ERREUR_FOURNISSEUR_SUR_MOA'::text, 'ERREUR_DESTINATAIRE_PD'::text, 'ERREUR_DESTINATAIRE_EA'::text, 'NON_CONFORME'::text, 'ERREUR_DE_MOE'::text, 'ERREUR_DE_MOA'::text, 'REFUSEE_MOA'::text, 'A_ASSOCIER_FOURNISSEUR'::text, 'REFUSEE_FOURNISSEUR'::text, 'A_COMPLETER'::text])));
CREATE INDEX invoices_updated ON chorus.invoices USING btree (updated_at, id);
CREATE TRIGGER invoices_before_insert BEFORE INSERT ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_before_insert();
CREATE TRIGGER invoices_before_update BEFORE UPDATE OF id, external_ref, account, syntaxe_flux, fields, not_before, priority, metadata, replaces, cancel_requested_at, state, reason_code, reason, document_sha256, document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom, destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service, numero_engagement, findings, attempt_no, resubmits, refusals, panics, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date, identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, available_on, suspended_on, completed_on, deposited_at, visible_at, in_doubt_since, reason_due_at, looks, purged_at, version, created_at, updated_at ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_before_update();
CREATE TRIGGER invoices_clock BEFORE UPDATE OF statut_courant ON chorus.invoices FOR EACH ROW WHEN ((new.statut_courant IS DISTINCT FROM old.statut_courant)) EXECUTE FUNCTION chorus.invoices_clock();
CREATE TRIGGER invoices_dismissed AFTER UPDATE OF state, reason_code, reason, statut_courant, statut_courant_date, statut_commentaire ON chorus.invoices FOR EACH ROW WHEN ((old.state = ANY (ARRAY['invalid'::text, 'rejected'::text]))) EXECUTE FUNCTION chorus.invoices_dismissed();
CREATE TRIGGER invoices_history AFTER UPDATE OF state, statut_courant, statut_courant_date, cancel_requested_at ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_history();
CREATE TRIGGER invoices_history_begins AFTER INSERT ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.invoices_history();
CREATE TRIGGER invoices_money AFTER UPDATE OF available_on, suspended_on, completed_on ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.money_changed();
CREATE TRIGGER invoices_proof BEFORE UPDATE OF state ON chorus.invoices FOR EACH ROW WHEN (((new.state = 'ready'::text) AND (old.state <> 'ready'::text))) EXECUTE FUNCTION chorus.invoices_proof();
CREATE TRIGGER invoices_purge BEFORE UPDATE OF purged_at ON chorus.invoices FOR EACH ROW WHEN ((new.purged_at IS DISTINCT FROM old.purged_at)) EXECUTE FUNCTION chorus.invoices_purge();
CREATE TRIGGER invoices_reason BEFORE UPDATE OF state, statut_courant, statut_courant_date, statut_commentaire ON chorus.invoices FOR EACH ROW WHEN ((new.statut_courant IS NOT NULL)) EXECUTE FUNCTION chorus.invoices_reason();
CREATE TRIGGER invoices_refuse BEFORE DELETE ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER invoices_refuse_truncate BEFORE TRUNCATE ON chorus.invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER invoices_replaces BEFORE INSERT ON chorus.invoices FOR EACH ROW WHEN ((new.replaces IS NOT NULL)) EXECUTE FUNCTION chorus.invoices_replaces();
CREATE TRIGGER invoices_sent_before BEFORE UPDATE OF state ON chorus.invoices FOR EACH ROW WHEN (((old.state = 'received'::text) AND (new.state = 'ready'::text))) EXECUTE FUNCTION chorus.invoices_sent_before();
CREATE TRIGGER invoices_statut AFTER UPDATE OF statut_courant, statut_commentaire ON chorus.invoices FOR EACH ROW WHEN ((new.statut_courant IS NOT NULL)) EXECUTE FUNCTION chorus.invoices_statut();
CREATE TRIGGER invoices_stays_document BEFORE UPDATE OF document ON chorus.invoices FOR EACH ROW WHEN (((new.document IS DISTINCT FROM old.document) AND (NOT (new.purged_at IS DISTINCT FROM old.purged_at)))) EXECUTE FUNCTION chorus.invoices_stays_document();
CREATE TRIGGER invoices_suspended AFTER UPDATE OF state, statut_courant, statut_courant_date ON chorus.invoices FOR EACH ROW WHEN ((new.statut_courant = 'SUSPENDUE'::text)) EXECUTE FUNCTION chorus.invoices_suspended();
CREATE TRIGGER invoices_wake AFTER INSERT ON chorus.invoices FOR EACH STATEMENT EXECUTE FUNCTION chorus.invoices_wake();
CREATE TRIGGER invoices_watch AFTER UPDATE OF state ON chorus.invoices FOR EACH ROW WHEN (((new.state <> old.state) AND ((new.state = 'deposited'::text) OR ((new.state = 'ready'::text) AND (new.not_before IS NOT NULL))))) EXECUTE FUNCTION chorus.invoices_watch();
ALTER TABLE chorus.invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.invoices FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.invoices FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.locks (
    name text NOT NULL,
    CONSTRAINT locks_pkey PRIMARY KEY (name)
);

CREATE TABLE chorus.logins (
    login text NOT NULL,
    account text NOT NULL,
    mapped_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT logins_account_fkey FOREIGN KEY (account) REFERENCES chorus.accounts(name),
    CONSTRAINT logins_login_check CHECK ((login <> ''::text)),
    CONSTRAINT logins_pkey PRIMARY KEY (login, account)
);
CREATE TRIGGER logins_change BEFORE INSERT OR DELETE OR UPDATE ON chorus.logins FOR EACH ROW EXECUTE FUNCTION chorus.logins_change();
ALTER TABLE chorus.logins ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.logins FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));

CREATE TABLE chorus.maintenance (
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    state text DEFAULT 'ahead'::text NOT NULL,
    CONSTRAINT maintenance_check CHECK ((ends_at > starts_at)),
    CONSTRAINT maintenance_pkey PRIMARY KEY (starts_at, ends_at),
    CONSTRAINT maintenance_state_check CHECK ((state = ANY (ARRAY['ahead'::text, 'running'::text, 'over'::text])))
);
CREATE TRIGGER maintenance_history AFTER UPDATE ON chorus.maintenance FOR EACH ROW WHEN ((old.state <> new.state)) EXECUTE FUNCTION chorus.maintenance_history();

CREATE TABLE chorus.money_blocks (
    block bigint NOT NULL,
    day date NOT NULL,
    changed boolean NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    CONSTRAINT money_blocks_pkey PRIMARY KEY (block)
) WITH (fillfactor=50);

CREATE TABLE chorus.money_sums (
    block bigint NOT NULL,
    account text NOT NULL,
    stage text NOT NULL,
    destinataire_siret text,
    devise text,
    oldest date,
    invoices bigint NOT NULL,
    amount numeric,
    late bigint NOT NULL,
    interest numeric,
    indemnity bigint
);
CREATE INDEX money_sums_block ON chorus.money_sums USING btree (block);

CREATE TABLE chorus.payment_delays (
    siren text NOT NULL,
    days integer NOT NULL,
    CONSTRAINT payment_delays_days_check CHECK (((days >= 1) AND (days <= 365))),
    CONSTRAINT payment_delays_pkey PRIMARY KEY (siren),
    CONSTRAINT payment_delays_siren_check CHECK ((siren ~ '^[0-9]{9}$'::text))
);
CREATE TRIGGER payment_delays_money AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON chorus.payment_delays FOR EACH STATEMENT EXECUTE FUNCTION chorus.money_changed();

CREATE TABLE chorus.recipient_services (
    siret text NOT NULL,
    code text NOT NULL,
    id_service bigint,
    name text,
    active boolean NOT NULL,
    named boolean DEFAULT false NOT NULL,
    engagement_required boolean,
    listed_at timestamp with time zone,
    CONSTRAINT recipient_services_pkey PRIMARY KEY (siret, code),
    CONSTRAINT recipient_services_siret_fkey FOREIGN KEY (siret) REFERENCES chorus.recipients(siret)
);
ALTER TABLE chorus.recipient_services ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.recipient_services FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR chorus.sees_recipient(siret));
CREATE POLICY worker ON chorus.recipient_services FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.recipients (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    siret text NOT NULL,
    account text DEFAULT 'default'::text NOT NULL,
    named_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    id_structure_cpp bigint,
    name text,
    active boolean,
    never_reports_payment boolean,
    service_required boolean,
    engagement_required boolean,
    either_required boolean,
    services_listed boolean DEFAULT false NOT NULL,
    checked_at timestamp with time zone,
    listed_at timestamp with time zone,
    asked_at timestamp with time zone,
    due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT recipients_id_key UNIQUE (id),
    CONSTRAINT recipients_pkey PRIMARY KEY (siret)
);
CREATE INDEX recipients_due ON chorus.recipients USING btree (due_at) WHERE (due_at < 'infinity'::timestamp with time zone);
ALTER TABLE chorus.recipients ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.recipients FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR chorus.sees_recipient(siret));
CREATE POLICY worker ON chorus.recipients FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.reconciled (
    reconciliation_id bigint NOT NULL,
    identifiant_facture_cpp bigint NOT NULL,
    invoice_id bigint,
    key text,
    montant_ttc numeric,
    devise text,
    CONSTRAINT reconciled_pkey PRIMARY KEY (reconciliation_id, identifiant_facture_cpp),
    CONSTRAINT reconciled_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES chorus.reconciliations(id)
);
CREATE INDEX reconciled_invoice ON chorus.reconciled USING btree (reconciliation_id, invoice_id);

CREATE TABLE chorus.reconciliations (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    account text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    siret text NOT NULL,
    period daterange NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    state text DEFAULT 'requested'::text NOT NULL,
    reason text,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    portal_count integer,
    portal_sums jsonb,
    here_count integer,
    here_sums jsonb,
    found integer,
    opened integer,
    closed integer,
    calls integer DEFAULT 0 NOT NULL,
    page integer DEFAULT 0 NOT NULL,
    pages integer DEFAULT '-1'::integer NOT NULL,
    total integer DEFAULT '-1'::integer NOT NULL,
    doubt text,
    listed boolean DEFAULT false NOT NULL,
    read_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    claim bigint,
    claimed_until timestamp with time zone,
    CONSTRAINT reconciliations_account_id_structure_cpp_fkey FOREIGN KEY (account, id_structure_cpp) REFERENCES chorus.structures(account, id_structure_cpp),
    CONSTRAINT reconciliations_period_check CHECK (((NOT isempty(period)) AND (lower(period) IS NOT NULL) AND (upper(period) IS NOT NULL))),
    CONSTRAINT reconciliations_pkey PRIMARY KEY (id),
    CONSTRAINT reconciliations_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'running'::text, 'done'::text, 'incomplete'::text, 'failed'::text])))
);
CREATE INDEX reconciliations_due ON chorus.reconciliations USING btree (due_at) WHERE (state = ANY (ARRAY['requested'::text, 'running'::text]));
CREATE UNIQUE INDEX reconciliations_open ON chorus.reconciliations USING btree (account, id_structure_cpp, period) WHERE (state = ANY (ARRAY['requested'::text, 'running'::text]));
ALTER TABLE chorus.reconciliations ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.reconciliations FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.reconciliations FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.remedies (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    invoice_id bigint NOT NULL,
    kind text NOT NULL,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    requested_by text NOT NULL,
    comment text,
    destinataire_siret text,
    code_service text,
    numero_engagement text,
    state text DEFAULT 'requested'::text NOT NULL,
    reason text,
    sent_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    claim bigint,
    claimed_until timestamp with time zone,
    CONSTRAINT remedies_code_service_check CHECK ((length(code_service) <= 100)),
    CONSTRAINT remedies_comment_check CHECK ((length(comment) <= 2000)),
    CONSTRAINT remedies_destinataire_siret_check CHECK ((destinataire_siret ~ '^[0-9]{14}$'::text)),
    CONSTRAINT remedies_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT remedies_kind_check CHECK ((kind = ANY (ARRAY['complete'::text, 'recycle'::text]))),
    CONSTRAINT remedies_numero_engagement_check CHECK ((length(numero_engagement) <= 50)),
    CONSTRAINT remedies_pkey PRIMARY KEY (id),
    CONSTRAINT remedies_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'sending'::text, 'done'::text, 'refused'::text, 'unknown'::text])))
);
CREATE INDEX remedies_due ON chorus.remedies USING btree (due_at) WHERE (state <> ALL (ARRAY['done'::text, 'refused'::text]));
CREATE INDEX remedies_invoice ON chorus.remedies USING btree (invoice_id, id);
CREATE UNIQUE INDEX remedies_open ON chorus.remedies USING btree (invoice_id) WHERE (state <> ALL (ARRAY['done'::text, 'refused'::text]));
CREATE TRIGGER remedies_before_update BEFORE UPDATE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.remedies_before_update();
CREATE TRIGGER remedies_history AFTER INSERT OR UPDATE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.remedies_history();
CREATE TRIGGER remedies_refuse BEFORE DELETE ON chorus.remedies FOR EACH ROW EXECUTE FUNCTION chorus.refuse();
CREATE TRIGGER remedies_refuse_truncate BEFORE TRUNCATE ON chorus.remedies FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse();
ALTER TABLE chorus.remedies ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.remedies FOR ALL TO chorus_app, chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = remedies.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.remedies FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.remedy_files (
    remedy_id bigint NOT NULL,
    n integer NOT NULL,
    nom text NOT NULL,
    mime text NOT NULL,
    contenu bytea NOT NULL,
    octets integer GENERATED ALWAYS AS (octet_length(contenu)) STORED NOT NULL,
    piece_id bigint,
    CONSTRAINT remedy_files_pkey PRIMARY KEY (remedy_id, n),
    CONSTRAINT remedy_files_remedy_id_fkey FOREIGN KEY (remedy_id) REFERENCES chorus.remedies(id)
);
ALTER TABLE chorus.remedy_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.remedy_files FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (EXISTS ( SELECT
   FROM chorus.remedies r
  WHERE (r.id = remedy_files.remedy_id))));
CREATE POLICY worker ON chorus.remedy_files FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.requests (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    invoice_id bigint,
    action text NOT NULL,
    override boolean NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    person text[] NOT NULL,
    console boolean NOT NULL,
    seen timestamp with time zone,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone NOT NULL,
    decision text,
    decided_at timestamp with time zone,
    decided_by text,
    CONSTRAINT requests_action_check CHECK ((action = ANY (ARRAY['retry'::text, 'lookup'::text, 'resubmit'::text, 'allow_resubmit'::text]))),
    CONSTRAINT requests_check CHECK (((action = 'allow_resubmit'::text) = (invoice_id IS NULL))),
    CONSTRAINT requests_decision_check CHECK ((decision = ANY (ARRAY['agreed'::text, 'refused'::text, 'withdrawn'::text, 'lapsed'::text]))),
    CONSTRAINT requests_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES chorus.invoices(id),
    CONSTRAINT requests_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX requests_open ON chorus.requests USING btree (COALESCE(invoice_id, (0)::bigint)) WHERE (decision IS NULL);
ALTER TABLE chorus.requests ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.requests FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (( SELECT i.account
   FROM chorus.invoices i
  WHERE (i.id = requests.invoice_id)) = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.requests FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.retention (
    account text NOT NULL,
    keep interval,
    erase_after timestamp with time zone,
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT retention_account_fkey FOREIGN KEY (account) REFERENCES chorus.accounts(name),
    CONSTRAINT retention_keep_check CHECK (((keep >= '1 day'::interval) AND (keep <= '36500 days'::interval))),
    CONSTRAINT retention_pkey PRIMARY KEY (account),
    CONSTRAINT retention_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000)))
);
ALTER TABLE chorus.retention ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.retention FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.retention FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.saved_views (
    name text NOT NULL,
    query text NOT NULL,
    saved_by text NOT NULL,
    saved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT saved_views_name_check CHECK ((((length(name) >= 1) AND (length(name) <= 60)) AND (name = btrim(name)) AND (name !~ '[[:cntrl:]]'::text))),
    CONSTRAINT saved_views_pkey PRIMARY KEY (name),
    CONSTRAINT saved_views_query_check CHECK (((octet_length(query) >= 1) AND (octet_length(query) <= 1000)))
);

CREATE TABLE chorus.secrets (
    key text NOT NULL,
    hash bytea NOT NULL,
    name text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    said integer,
    CONSTRAINT secrets_pkey PRIMARY KEY (key, hash)
);
ALTER TABLE chorus.secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.secrets FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (('application/'::text || key) = ANY (( SELECT chorus.my_way() AS my_way)::text[])));
CREATE POLICY worker ON chorus.secrets FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.slots (
    n integer NOT NULL,
    attempt_id uuid,
    CONSTRAINT slots_pkey PRIMARY KEY (n)
) WITH (fillfactor=50);

CREATE TABLE chorus.states (
    name text NOT NULL,
    final boolean NOT NULL,
    about text NOT NULL,
    CONSTRAINT states_pkey PRIMARY KEY (name)
);

CREATE TABLE chorus.statuts (
    code text NOT NULL,
    next_actor text NOT NULL,
    terminal boolean NOT NULL,
    state text NOT NULL,
    stage integer NOT NULL,
    awaits_payment boolean NOT NULL,
    needs_reason boolean NOT NULL,
    successors text[] NOT NULL,
    en text NOT NULL,
    fr text NOT NULL,
    CONSTRAINT statuts_pkey PRIMARY KEY (code),
    CONSTRAINT statuts_state_fkey FOREIGN KEY (state) REFERENCES chorus.states(name)
);

CREATE TABLE chorus.strangers (
    account text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    identifiant_facture_cpp bigint NOT NULL,
    numero_facture text,
    fournisseur_siret text,
    date_facture date,
    destinataire_siret text,
    montant_ttc numeric,
    devise text,
    numero_flux_depot text,
    date_depot timestamp with time zone,
    mode_depot text,
    statut text,
    statut_date timestamp with time zone,
    double_of bigint,
    first_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT strangers_double_of_fkey FOREIGN KEY (double_of) REFERENCES chorus.invoices(id),
    CONSTRAINT strangers_pkey PRIMARY KEY (account, identifiant_facture_cpp)
);
CREATE INDEX strangers_changed ON chorus.strangers USING btree (account, id_structure_cpp, statut_date);
CREATE INDEX strangers_identifiant ON chorus.strangers USING btree (identifiant_facture_cpp);
CREATE INDEX strangers_numero ON chorus.strangers USING btree (chorus.bare_number(numero_facture));
ALTER TABLE chorus.strangers ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.strangers FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.strangers FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.structures (
    account text NOT NULL,
    id_structure_cpp bigint NOT NULL,
    identifiant text NOT NULL,
    designation text,
    known_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    listed boolean DEFAULT true NOT NULL,
    watermark timestamp with time zone,
    fresh_until timestamp with time zone,
    wide_from timestamp with time zone,
    wide_at timestamp with time zone,
    checked_until timestamp with time zone,
    learning_until timestamp with time zone,
    synced_at timestamp with time zone,
    sync_expected_at timestamp with time zone,
    sync_fault text,
    next_sync_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    page_rows integer,
    usual_wait interval,
    resting boolean DEFAULT false NOT NULL,
    count_due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    deep_due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    counts integer DEFAULT 0 NOT NULL,
    probe_due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    filter_honoured text DEFAULT 'unknown'::text NOT NULL,
    filter_offset interval DEFAULT '00:00:00'::interval NOT NULL,
    depot_cursor date,
    next_reconcile_at timestamp with time zone,
    claim bigint,
    claimed_until timestamp with time zone,
    CONSTRAINT structures_account_fkey FOREIGN KEY (account) REFERENCES chorus.accounts(name),
    CONSTRAINT structures_filter_honoured_check CHECK ((filter_honoured = ANY (ARRAY['unknown'::text, 'hours'::text, 'days'::text, 'ignored'::text]))),
    CONSTRAINT structures_pkey PRIMARY KEY (account, id_structure_cpp)
);
CREATE INDEX structures_identifiant ON chorus.structures USING btree (account, identifiant);
ALTER TABLE chorus.structures ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.structures FOR ALL TO chorus_operator, chorus_reader USING (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));
CREATE POLICY worker ON chorus.structures FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.suspects (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    reconciliation_id bigint NOT NULL,
    subject text NOT NULL,
    invoice_id bigint,
    portal jsonb,
    tries integer DEFAULT 0 NOT NULL,
    CONSTRAINT suspects_pkey PRIMARY KEY (id),
    CONSTRAINT suspects_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES chorus.reconciliations(id),
    CONSTRAINT suspects_reconciliation_id_subject_key UNIQUE (reconciliation_id, subject)
);

CREATE TABLE chorus.tallied (
    one boolean DEFAULT true NOT NULL,
    seq bigint NOT NULL,
    counted_at timestamp with time zone,
    CONSTRAINT tallied_one_check CHECK (one),
    CONSTRAINT tallied_pkey PRIMARY KEY (one)
);

CREATE TABLE chorus.tallies (
    account text NOT NULL,
    state text NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT tallies_pkey PRIMARY KEY (account, state),
    CONSTRAINT tallies_state_fkey FOREIGN KEY (state) REFERENCES chorus.states(name)
) WITH (fillfactor=50);

CREATE UNLOGGED TABLE chorus.tokens (
    key text NOT NULL,
    generation bigint DEFAULT 0 NOT NULL,
    rejected bigint DEFAULT 0 NOT NULL,
    sealed bytea,
    expires_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    refreshed_at timestamp with time zone,
    refreshed_by text,
    failures integer DEFAULT 0 NOT NULL,
    failure text,
    failed_secret bytea,
    retry_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT tokens_pkey PRIMARY KEY (key)
);
ALTER TABLE chorus.tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.tokens FOR ALL TO chorus_operator USING (( SELECT chorus.sees_all() AS sees_all) OR (('application/'::text || key) = ANY (( SELECT chorus.my_way() AS my_way)::text[])));
CREATE POLICY worker ON chorus.tokens FOR ALL TO chorus_worker USING true;

CREATE TABLE chorus.transitions (
    from_state text NOT NULL,
    to_state text NOT NULL,
    about text NOT NULL,
    CONSTRAINT transitions_from_state_fkey FOREIGN KEY (from_state) REFERENCES chorus.states(name),
    CONSTRAINT transitions_pkey PRIMARY KEY (from_state, to_state),
    CONSTRAINT transitions_to_state_fkey FOREIGN KEY (to_state) REFERENCES chorus.states(name)
);

CREATE TABLE chorus.webhooks (
    name text NOT NULL,
    account text,
    events text[],
    cursor bigint NOT NULL,
    delivered bigint DEFAULT 0 NOT NULL,
    last_success_at timestamp with time zone,
    paused_at timestamp with time zone,
    pause_reason text,
    stuck bigint,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    last_status integer,
    last_error text,
    due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    claim bigint,
    claimed_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT webhooks_name_check CHECK ((name ~ '^[A-Za-z0-9_.-]{1,64}$'::text)),
    CONSTRAINT webhooks_pkey PRIMARY KEY (name)
) WITH (fillfactor=50);
ALTER TABLE chorus.webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON chorus.webhooks FOR ALL TO chorus_operator, chorus_reader USING (( SELECT chorus.sees_all() AS sees_all) OR (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])));
CREATE POLICY worker ON chorus.webhooks FOR ALL TO chorus_worker USING true;

CREATE VIEW chorus.invoice_help WITH (security_barrier=true) AS
 SELECT i.id,
    h.kind,
    h.code,
    h.who,
    h.retry,
    h.term,
    h.column_name,
    h.message,
    h.text,
    h.text_fr,
    h.remedy,
    h.remedy_fr
   FROM (chorus.invoice_status i
     CROSS JOIN LATERAL ( SELECT e.kind,
            e.code,
            e.who,
            e.retry,
            e.term,
            e.column_name,
            e.message,
            e.text,
            e.text_fr,
            e.remedy,
            e.remedy_fr
           FROM chorus.explain(i.reason_code, i.reason, i.statut_courant, i.statut_commentaire) e(kind, code, who, retry, term, column_name, message, text, text_fr, remedy, remedy_fr)
        UNION ALL
         SELECT 'rule'::text,
            f.code,
            'supplier'::text,
            'never'::text,
            f.term,
            NULL::text,
            NULL::text,
            f.message,
            f.message_fr,
            f.remedy,
            f.remedy_fr
           FROM chorus.invoice_findings f
          WHERE ((f.invoice_id = i.id) AND (f.severity = 'error'::text))) h);

CREATE VIEW chorus.invoice_status WITH (security_barrier=true) AS
 SELECT id,
    external_ref,
    account,
    state,
    reason_code,
    reason,
    numero_facture,
    date_facture,
    fournisseur_siret,
    destinataire_siret,
    montant_ttc,
    devise,
    numero_flux_depot,
    ((date_depot AT TIME ZONE 'Europe/Paris'::text))::date AS date_depot,
    identifiant_facture_cpp,
    statut_courant,
    statut_courant_date,
    statut_commentaire,
    attempt_no AS attempts,
    chorus.readable(metadata) AS metadata,
    created_at,
    updated_at,
    findings,
    purged_at,
    chorus.signed(type_facture, montant_ttc) AS montant_signe
   FROM chorus.invoices
  WHERE (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[]));

CREATE VIEW chorus.locked_rows WITH (security_barrier=true) AS
 SELECT i.id AS invoice,
    i.numero_facture,
    i.account,
    i.state,
    x.since,
    chorus.signed(i.type_facture, i.montant_ttc) AS amount,
    i.devise,
    COALESCE((('prepared transaction "'::text || p.gid) || '"'::text), (('PID '::text || l.pid) || COALESCE(((' ('::text || NULLIF(s.application_name, ''::text)) || ')'::text), ''::text))) AS holder
   FROM ( SELECT chorus.my_accounts() AS accounts) mine,
    ( SELECT clock_timestamp() AS now) clock,
    ((((((chorus.accounts a
     CROSS JOIN LATERAL (( SELECT id
           FROM chorus.invoices
          WHERE ((state = 'received'::text) AND (account = a.name) AND (claim IS NULL))
          ORDER BY priority DESC, id
         LIMIT 5)
        UNION ALL
        ( SELECT id
           FROM chorus.invoices
          WHERE ((state = 'ready'::text) AND (account = a.name) AND (claim IS NULL) AND (COALESCE(not_before, '-infinity'::timestamp with time zone) <= clock.now))
          ORDER BY priority DESC, id
         LIMIT 5)
        UNION ALL
        ( SELECT id
           FROM chorus.invoices
          WHERE ((state = 'in_doubt'::text) AND (account = a.name) AND (claim IS NULL))
          ORDER BY due_at
         LIMIT 5)
        UNION ALL
        ( SELECT id
           FROM chorus.invoices
          WHERE ((state = 'deposited'::text) AND (account = a.name) AND (claim IS NULL))
          ORDER BY due_at
         LIMIT 5)) due)
     JOIN chorus.invoices i ON ((i.id = due.id)))
     CROSS JOIN LATERAL ( SELECT GREATEST(i.created_at, i.not_before, i.due_at) AS since) x)
     JOIN pg_locks l ON (((l.locktype = 'transactionid'::text) AND l.granted AND (l.transactionid = i.xmax))))
     LEFT JOIN pg_stat_activity s ON ((s.pid = l.pid)))
     LEFT JOIN pg_prepared_xacts p ON ((p.transaction = l.transactionid)))
  WHERE ((a.name = ANY (mine.accounts)) AND (a.paused_at IS NULL) AND (x.since < (clock.now - '00:15:00'::interval)) AND (s.application_name IS DISTINCT FROM 'choriste'::text) AND (EXISTS ( SELECT
           FROM pg_locks t
          WHERE ((t.virtualtransaction = l.virtualtransaction) AND t.granted AND (t.relation = ('chorus.invoices'::regclass)::oid)))));

CREATE VIEW chorus.money WITH (security_barrier=true) AS
 SELECT m.invoice,
    m.numero_facture,
    m.date_facture,
    m.account,
    m.fournisseur_siret,
    m.destinataire_siret,
    m.destinataire_nom,
    m.amount,
    m.devise,
    m.open,
    m.settled,
    m.statut_courant,
    m.settled_on,
    m.available_on,
    m.suspended_on,
    m.completed_on,
    m.due_on,
        CASE
            WHEN (NOT m.open) THEN NULL::text
            WHEN (m.days > 90) THEN 'late_more'::text
            WHEN (m.days > 60) THEN 'late_90'::text
            WHEN (m.days > 30) THEN 'late_60'::text
            WHEN (m.days > 0) THEN 'late_30'::text
            WHEN (m.days >= '-15'::integer) THEN 'due_soon'::text
            WHEN (m.days IS NOT NULL) THEN 'in_time'::text
            WHEN (m.available_on IS NULL) THEN 'not_started'::text
            ELSE 'stopped'::text
        END AS stage,
        CASE
            WHEN (m.days > 0) THEN m.days
            ELSE 0
        END AS days_late,
        CASE
            WHEN (m.days > 0) THEN (m.rates[GREATEST(1, width_bucket((m.due_on + 1), m.semesters))] + (8)::numeric)
            ELSE NULL::numeric
        END AS rate,
        CASE
            WHEN ((m.days > 0) AND (m.amount > (0)::numeric)) THEN chorus.late_interest(m.amount, m.days, (m.rates[GREATEST(1, width_bucket((m.due_on + 1), m.semesters))] + (8)::numeric))
            ELSE NULL::numeric
        END AS interest,
        CASE
            WHEN ((m.days > 0) AND (m.amount > (0)::numeric)) THEN 40
            ELSE NULL::integer
        END AS indemnity
   FROM ( SELECT i.invoice,
            i.numero_facture,
                CASE
                    WHEN ((i.date_facture >= '0001-01-01'::date) AND (i.date_facture <= '9999-12-31'::date)) THEN i.date_facture
                    ELSE NULL::date
                END AS date_facture,
            i.account,
            i.fournisseur_siret,
            i.destinataire_siret,
            i.destinataire_nom,
            i.devise,
            i.open,
            i.settled,
            i.statut_courant,
            i.settled_on,
            f.available_on,
            f.suspended_on,
            f.completed_on,
            f.amount,
            x.due_on,
            (i.until - x.due_on) AS days,
            ( SELECT array_agg(ecb_rates.semester ORDER BY ecb_rates.semester) AS array_agg
                   FROM chorus.ecb_rates) AS semesters,
            ( SELECT array_agg(ecb_rates.rate ORDER BY ecb_rates.semester) AS array_agg
                   FROM chorus.ecb_rates) AS rates
           FROM ((((( SELECT id AS invoice,
                    numero_facture,
                    date_facture,
                    account,
                    fournisseur_siret,
                    destinataire_siret,
                    destinataire_nom,
                    montant_ttc,
                    type_facture,
                    devise,
                    statut_courant,
                    available_on,
                    suspended_on,
                    completed_on,
                    true AS open,
                    'open'::text AS settled,
                    NULL::date AS settled_on,
                    ( SELECT ((clock_timestamp() AT TIME ZONE 'Europe/Paris'::text))::date AS timezone) AS until
                   FROM chorus.invoices
                  WHERE ((state = ANY (ARRAY['deposited'::text, 'integrated'::text])) AND (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])))
                UNION ALL
                 SELECT id,
                    numero_facture,
                    date_facture,
                    account,
                    fournisseur_siret,
                    destinataire_siret,
                    destinataire_nom,
                    montant_ttc,
                    type_facture,
                    devise,
                    statut_courant,
                    available_on,
                    suspended_on,
                    completed_on,
                    false,
                        CASE
                            WHEN (reason_code = 'QUIET'::text) THEN 'quiet'::text
                            WHEN (statut_courant = 'MISE_EN_PAIEMENT'::text) THEN 'paid'::text
                            WHEN (statut_courant = 'ABANDONNEE'::text) THEN 'given_up'::text
                            WHEN (statut_courant = 'SUPPRIMEE'::text) THEN 'deleted'::text
                            ELSE 'other'::text
                        END AS "case",
                    ((statut_courant_date AT TIME ZONE 'Europe/Paris'::text))::date AS timezone,
                        CASE
                            WHEN ((reason_code IS DISTINCT FROM 'QUIET'::text) AND (statut_courant = 'MISE_EN_PAIEMENT'::text) AND ((statut_courant_date >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (statut_courant_date <= ( SELECT (clock_timestamp() + '1 day'::interval))))) THEN ((statut_courant_date AT TIME ZONE 'Europe/Paris'::text))::date
                            ELSE NULL::date
                        END AS "case"
                   FROM chorus.invoices
                  WHERE ((state = 'settled'::text) AND (account = ANY (( SELECT chorus.my_accounts() AS my_accounts)::text[])))) i
             LEFT JOIN chorus.payment_delays d ON ((d.siren = "left"(i.destinataire_siret, 9))))
             CROSS JOIN ( SELECT '2000-01-01'::date AS first,
                    (((clock_timestamp() AT TIME ZONE 'Europe/Paris'::text))::date + 1) AS last
                 OFFSET 0) b)
             CROSS JOIN LATERAL ( SELECT
                        CASE
                            WHEN ((i.available_on >= b.first) AND (i.available_on <= b.last)) THEN i.available_on
                            ELSE NULL::date
                        END AS available_on,
                        CASE
                            WHEN ((i.suspended_on >= b.first) AND (i.suspended_on <= b.last)) THEN i.suspended_on
                            ELSE NULL::date
                        END AS suspended_on,
                        CASE
                            WHEN ((i.completed_on >= b.first) AND (i.completed_on <= b.last)) THEN i.completed_on
                            ELSE NULL::date
                        END AS completed_on,
                    chorus.signed(i.type_facture, i.montant_ttc) AS amount
                 OFFSET 0) f)
             CROSS JOIN LATERAL ( SELECT
                        CASE
                            WHEN (f.suspended_on IS NULL) THEN (f.available_on + COALESCE(d.days, 30))
                            ELSE (f.completed_on + GREATEST(30, (COALESCE(d.days, 30) - (f.suspended_on - f.available_on))))
                        END AS due_on
                 OFFSET 0) x)) m;

CREATE VIEW chorus.todo WITH (security_barrier=true) AS
 WITH mine AS (
         SELECT chorus.my_accounts() AS accounts
        ), clock AS (
         SELECT clock_timestamp() AS now
        ), fleet AS (
         SELECT max(h.horizon) FILTER (WHERE ((NOT h.stopped) AND (h.beat_at > (c.now - '00:05:00'::interval)))) AS horizon,
            max(h.unread_after) FILTER (WHERE ((NOT h.stopped) AND (h.beat_at > (c.now - '00:05:00'::interval)))) AS unread_after,
            min(h.started_at) FILTER (WHERE ((NOT h.stopped) AND (h.beat_at > (c.now - '00:05:00'::interval)))) AS up_since,
            max(h.beat_at) FILTER (WHERE (NOT h.stopped)) AS beat_at
           FROM chorus.heartbeats h,
            clock c
        ), still AS (
         SELECT i.id,
            i.external_ref,
            i.account,
            i.document,
            i.syntaxe_flux,
            i.fields,
            i.not_before,
            i.priority,
            i.metadata,
            i.replaces,
            i.cancel_requested_at,
            i.state,
            i.reason_code,
            i.reason,
            i.document_sha256,
            i.document_bytes,
            i.syntaxe,
            i.numero_facture,
            i.date_facture,
            i.type_facture,
            i.fournisseur_siret,
            i.fournisseur_nom,
            i.destinataire_siret,
            i.destinataire_nom,
            i.montant_ht,
            i.montant_tva,
            i.montant_ttc,
            i.montant_a_payer,
            i.devise,
            i.cadre_facturation,
            i.code_service,
            i.numero_engagement,
            i.findings,
            i.attempt_no,
            i.resubmits,
            i.refusals,
            i.panics,
            i.deaths,
            i.lookup_first,
            i.numero_flux_depot,
            i.date_depot,
            i.etat_flux,
            i.etat_flux_date,
            i.identifiant_facture_cpp,
            i.mode_depot,
            i.statut_courant,
            i.statut_courant_date,
            i.statut_commentaire,
            i.available_on,
            i.suspended_on,
            i.completed_on,
            i.deposited_at,
            i.visible_at,
            i.in_doubt_since,
            i.due_at,
            i.reason_due_at,
            i.looks,
            i.claim,
            i.claimed_until,
            i.purged_at,
            i.version,
            i.created_at,
            i.updated_at
           FROM chorus.invoices i,
            mine
          WHERE ((i.state = ANY (ARRAY['parked'::text, 'invalid'::text, 'rejected'::text])) AND (i.account = ANY (mine.accounts)) AND ((i.state = 'parked'::text) OR ((NOT (EXISTS ( SELECT
                   FROM chorus.dismissals d
                  WHERE (d.invoice_id = i.id)))) AND (NOT (EXISTS ( SELECT
                   FROM chorus.invoices o
                  WHERE ((o.replaces = i.id) AND (o.state <> ALL (ARRAY['invalid'::text, 'cancelled'::text])) AND (NOT ((o.state = 'rejected'::text) AND (o.identifiant_facture_cpp IS NULL))))))) AND (NOT (EXISTS ( SELECT
                   FROM chorus.invoices o
                  WHERE ((o.numero_facture = i.numero_facture) AND ("left"(o.fournisseur_siret, 9) = "left"(i.fournisseur_siret, 9)) AND COALESCE((EXTRACT(year FROM o.date_facture) = EXTRACT(year FROM i.date_facture)), true) AND (o.id > i.id) AND (o.state <> 'cancelled'::text))))))))
        ), waiting AS (
         SELECT i.id,
            i.external_ref,
            i.account,
            i.document,
            i.syntaxe_flux,
            i.fields,
            i.not_before,
            i.priority,
            i.metadata,
            i.replaces,
            i.cancel_requested_at,
            i.state,
            i.reason_code,
            i.reason,
            i.document_sha256,
            i.document_bytes,
            i.syntaxe,
            i.numero_facture,
            i.date_facture,
            i.type_facture,
            i.fournisseur_siret,
            i.fournisseur_nom,
            i.destinataire_siret,
            i.destinataire_nom,
            i.montant_ht,
            i.montant_tva,
            i.montant_ttc,
            i.montant_a_payer,
            i.devise,
            i.cadre_facturation,
            i.code_service,
            i.numero_engagement,
            i.findings,
            i.attempt_no,
            i.resubmits,
            i.refusals,
            i.panics,
            i.deaths,
            i.lookup_first,
            i.numero_flux_depot,
            i.date_depot,
            i.etat_flux,
            i.etat_flux_date,
            i.identifiant_facture_cpp,
            i.mode_depot,
            i.statut_courant,
            i.statut_courant_date,
            i.statut_commentaire,
            i.available_on,
            i.suspended_on,
            i.completed_on,
            i.deposited_at,
            i.visible_at,
            i.in_doubt_since,
            i.due_at,
            i.reason_due_at,
            i.looks,
            i.claim,
            i.claimed_until,
            i.purged_at,
            i.version,
            i.created_at,
            i.updated_at,
            r.state AS remedy,
            r.reason AS remedy_reason
           FROM mine,
            (chorus.invoices i
             LEFT JOIN LATERAL ( SELECT r_1.id,
                    r_1.invoice_id,
                    r_1.kind,
                    r_1.requested_at,
                    r_1.requested_by,
                    r_1.comment,
                    r_1.destinataire_siret,
                    r_1.code_service,
                    r_1.numero_engagement,
                    r_1.state,
                    r_1.reason,
                    r_1.sent_at,
                    r_1.attempts,
                    r_1.finished_at,
                    r_1.due_at,
                    r_1.claim,
                    r_1.claimed_until
                   FROM chorus.remedies r_1
                  WHERE (r_1.invoice_id = i.id)
                  ORDER BY r_1.id DESC
                 LIMIT 1) r ON ((r.requested_at >= i.statut_courant_date)))
          WHERE ((i.account = ANY (mine.accounts)) AND (i.state = 'integrated'::text) AND (i.statut_courant = ANY (ARRAY['BROUILLON'::text, 'ERREUR_FOURNISSEUR_SUR_VALIDEUR'::text, 'REFUSEE_1'::text, 'ERREUR_COTRAITANT_SUR_VALIDEUR'::text, 'REFUSEE_2'::text, 'ERREUR_FOURNISSEUR_SUR_MOE'::text, 'A_RECYCLER'::text, 'SUSPENDUE'::text, 'REFUSEE_MOE'::text, 'EN_ATTENTE_RECYCLAGE_FOURNISSEUR'::text, 'INTERPRETEE_OCR'::text, 'ERREUR_FOURNISSEUR_SUR_MOA'::text, 'ERREUR_DESTINATAIRE_PD'::text, 'ERREUR_DESTINATAIRE_EA'::text, 'NON_CONFORME'::text, 'ERREUR_DE_MOE'::text, 'ERREUR_DE_MOA'::text, 'REFUSEE_MOA'::text, 'A_ASSOCIER_FOURNISSEUR'::text, 'REFUSEE_FOURNISSEUR'::text, 'A_COMPLETER'::text])) AND ((r.state IS NULL) OR (r.state = 'refused'::text)))
        ), apart AS MATERIALIZED (
         SELECT a.name,
            COALESCE(c.seen_at, l.said_at) AS since
           FROM mine,
            clock,
            fleet,
            ((chorus.accounts a
             LEFT JOIN chorus.configured c ON (((c.kind = 'account'::text) AND (c.key = a.name))))
             LEFT JOIN chorus.able l ON ((l.account = a.name)))
          WHERE ((a.name = ANY (mine.accounts)) AND (fleet.beat_at >= (clock.now - '00:01:00'::interval)) AND (COALESCE(c.seen_at, '-infinity'::timestamp with time zone) < (clock.now - '00:01:00'::interval)) AND (EXISTS ( SELECT
                   FROM chorus.configured o
                  WHERE ((o.kind = 'account'::text) AND (o.seen_at >= (clock.now - '00:01:00'::interval))))))
        ), orphaned AS MATERIALIZED (
         SELECT a.name AS account,
            a.since
           FROM (apart a
             CROSS JOIN LATERAL ( SELECT
                   FROM chorus.invoices i
                  WHERE ((i.account = a.name) AND (i.state = ANY (ARRAY['received'::text, 'ready'::text, 'sending'::text, 'in_doubt'::text, 'deposited'::text, 'integrated'::text])))
                 LIMIT 1) x)
        ), unread AS MATERIALIZED (
         SELECT s.account,
            s.identifiant,
            s.sync_fault AS fault,
            x.since,
                CASE
                    WHEN ((s.sync_fault = ANY (ARRAY['portal'::text, 'network'::text, 'incomplete'::text, 'quota'::text, 'unknown'::text])) AND ((x.since + fleet.horizon) > clock.now)) THEN (x.since + fleet.horizon)
                    ELSE NULL::timestamp with time zone
                END AS until
           FROM mine,
            clock,
            fleet,
            ((chorus.structures s
             JOIN chorus.accounts a ON ((a.name = s.account)))
             CROSS JOIN LATERAL ( SELECT COALESCE(s.synced_at, s.known_at) AS since,
                    COALESCE(s.sync_expected_at, s.known_at) AS expected) x)
          WHERE ((s.account = ANY (mine.accounts)) AND (NOT s.resting) AND (NOT (s.account IN ( SELECT o.account
                   FROM orphaned o))) AND (GREATEST(x.expected, fleet.up_since) < (clock.now - fleet.unread_after)) AND (a.paused_at IS NULL) AND (NOT (EXISTS ( SELECT
                   FROM chorus.breakers b
                  WHERE ((b.key = ANY (a.behind)) AND b.announced)))) AND (NOT (EXISTS ( SELECT
                   FROM chorus.maintenance
                  WHERE (maintenance.state = 'running'::text)))) AND ((EXISTS ( SELECT
                   FROM chorus.invoices i
                  WHERE ((i.account = s.account) AND (i.fournisseur_siret = s.identifiant) AND (i.state = ANY (ARRAY['sending'::text, 'in_doubt'::text, 'deposited'::text]))))) OR (EXISTS ( SELECT
                   FROM ( SELECT
                           FROM chorus.invoices i_1
                          WHERE ((i_1.fournisseur_siret = s.identifiant) AND (i_1.identifiant_facture_cpp IS NOT NULL) AND (i_1.state = 'integrated'::text))
                          ORDER BY i_1.statut_courant_date DESC
                         LIMIT 1) i))))
        ), stuck AS (
         SELECT 'sent'::text AS what,
            i.account,
            i.created_at
           FROM mine,
            clock,
            chorus.accounts a,
            LATERAL ( SELECT i_1.account,
                    i_1.created_at,
                    i_1.not_before
                   FROM chorus.invoices i_1
                  WHERE ((i_1.state = 'ready'::text) AND (i_1.claim IS NULL) AND (i_1.account = a.name) AND (COALESCE(i_1.due_at, i_1.created_at) <= (clock.now + '00:02:00'::interval)) AND (COALESCE(i_1.not_before, clock.now) <= clock.now))
                  ORDER BY i_1.priority DESC, i_1.id
                 LIMIT 1) i
          WHERE ((a.name = ANY (mine.accounts)) AND (a.paused_at IS NULL) AND (GREATEST(i.created_at, i.not_before) < (clock.now - '00:15:00'::interval)) AND (NOT (EXISTS ( SELECT
                   FROM (chorus.attempts t
                     JOIN chorus.invoices o ON ((o.id = t.invoice_id)))
                  WHERE ((t.claimed_at > (clock.now - '00:15:00'::interval)) AND (o.account = a.name))))) AND (NOT (EXISTS ( SELECT
                   FROM chorus.breakers b
                  WHERE ((b.key = ANY (a.behind)) AND (b.state <> 'closed'::text))))) AND (NOT (EXISTS ( SELECT
                   FROM chorus.maintenance
                  WHERE (maintenance.state = 'running'::text)))))
        UNION ALL
         SELECT 'read'::text,
            i.account,
            i.created_at
           FROM mine,
            clock,
            chorus.accounts a,
            LATERAL ( SELECT i_1.account,
                    i_1.created_at
                   FROM chorus.invoices i_1
                  WHERE ((i_1.state = 'received'::text) AND (i_1.claim IS NULL) AND (i_1.account = a.name))
                  ORDER BY i_1.priority DESC, i_1.id
                 LIMIT 1) i
          WHERE ((a.name = ANY (mine.accounts)) AND (i.created_at < (clock.now - '00:15:00'::interval)))
        )
 SELECT i.state AS kind,
    i.id AS invoice,
    i.numero_facture,
    i.account,
    i.updated_at AS since,
    chorus.signed(i.type_facture, i.montant_ttc) AS amount,
    i.devise,
    concat_ws(': '::text, i.reason_code, COALESCE("left"(i.reason, 500), rtrim(h.text, '.'::text))) AS cause,
        CASE i.state
            WHEN 'parked'::text THEN concat_ws(' : '::text, i.reason_code, (COALESCE(rtrim(h.text_fr, '.'::text), "left"(i.reason, 500)) || COALESCE((' '::text || "substring"("left"(i.reason, 500), '\(.*\)'::text)), ''::text)))
            ELSE concat_ws(' : '::text, i.reason_code,
            CASE
                WHEN (i.reason IS NULL) THEN rtrim(h.text_fr, '.'::text)
                ELSE NULL::text
            END, COALESCE(f.message_fr, "left"(i.reason, 500)))
        END AS cause_fr,
        CASE i.state
            WHEN 'parked'::text THEN 'operator'::text
            ELSE 'supplier'::text
        END AS who,
        CASE
            WHEN (i.state = 'parked'::text) THEN ('choriste resolve '::text || i.id)
            WHEN (i.reason_code = 'RECIPIENT'::text) THEN (('choriste replace '::text || i.id) || ' FILE'::text)
            ELSE ('choriste show '::text || i.id)
        END AS next,
    NULL::timestamp with time zone AS until
   FROM ((still i
     LEFT JOIN chorus.answers h ON (((h.kind = 'reason'::text) AND (h.code = i.reason_code))))
     LEFT JOIN chorus.invoice_findings f ON (((f.invoice_id = i.id) AND (f.n = 1) AND (i.state = 'invalid'::text))))
UNION ALL
 SELECT
        CASE
            WHEN (i.remedy IS NULL) THEN 'statut'::text
            ELSE 'remedy'::text
        END AS kind,
    i.id AS invoice,
    i.numero_facture,
    i.account,
    i.statut_courant_date AS since,
    chorus.signed(i.type_facture, i.montant_ttc) AS amount,
    i.devise,
    concat_ws(': '::text, i.statut_courant, s.en, "left"(i.statut_commentaire, 500), ('the last remedy was refused, '::text || "left"(i.remedy_reason, 300))) AS cause,
    concat_ws(' : '::text, i.statut_courant, s.fr, "left"(i.statut_commentaire, 500), ('la dernière démarche a été refusée, '::text || "left"(i.remedy_reason, 300))) AS cause_fr,
    'supplier'::text AS who,
        CASE i.statut_courant
            WHEN 'SUSPENDUE'::text THEN ('choriste complete '::text || i.id)
            WHEN 'A_RECYCLER'::text THEN ('choriste recycle '::text || i.id)
            ELSE ('choriste show '::text || i.id)
        END AS next,
    NULL::timestamp with time zone AS until
   FROM (waiting i
     JOIN chorus.statuts s ON ((s.code = i.statut_courant)))
UNION ALL
 SELECT 'in_doubt'::text AS kind,
    i.id AS invoice,
    i.numero_facture,
    i.account,
    i.in_doubt_since AS since,
    chorus.signed(i.type_facture, i.montant_ttc) AS amount,
    i.devise,
    concat_ws(': '::text, i.reason_code,
        CASE
            WHEN x.blind THEN 'it may have arrived, and Chorus Pro does not let this account look for it'::text
            ELSE COALESCE(rtrim(h.text, '.'::text), 'it may have arrived, and is looked for'::text)
        END) AS cause,
    concat_ws(' : '::text, i.reason_code,
        CASE
            WHEN x.blind THEN 'peut-être arrivée, et Chorus Pro ne laisse pas ce compte la rechercher'::text
            ELSE COALESCE(rtrim(h.text_fr, '.'::text), 'peut-être arrivée : recherche en cours'::text)
        END) AS cause_fr,
        CASE
            WHEN x.blind THEN 'supplier'::text
            WHEN (x.until > clock.now) THEN 'nobody'::text
            ELSE 'operator'::text
        END AS who,
    ('choriste show '::text || i.id) AS next,
        CASE
            WHEN ((x.until > clock.now) AND (NOT x.blind)) THEN x.until
            ELSE NULL::timestamp with time zone
        END AS until
   FROM mine,
    clock,
    fleet,
    (((chorus.invoices i
     LEFT JOIN chorus.accounts a ON ((a.name = i.account)))
     CROSS JOIN LATERAL ( SELECT ((i.in_doubt_since + COALESCE(fleet.horizon, '05:00:00'::interval)) + '1 day'::interval) AS until,
            (a.can_search IS FALSE) AS blind) x)
     LEFT JOIN chorus.answers h ON (((h.kind = 'reason'::text) AND (h.code = i.reason_code))))
  WHERE ((i.state = 'in_doubt'::text) AND (i.account = ANY (mine.accounts)))
UNION ALL
 SELECT 'finding'::text AS kind,
    f.invoice_id AS invoice,
    f.numero_facture,
    f.account,
    f.first_found_at AS since,
        CASE
            WHEN (f.id = ( SELECT min(x.id) AS min
               FROM chorus.findings x
              WHERE ((x.invoice_id = f.invoice_id) AND (x.state = 'open'::text)))) THEN chorus.signed(i.type_facture, i.montant_ttc)
            ELSE NULL::numeric
        END AS amount,
    i.devise,
    ((f.code || ': '::text) || "left"(f.text, 500)) AS cause,
    ((f.code || ' : '::text) || "left"(f.text, 500)) AS cause_fr,
    'operator'::text AS who,
    (('choriste reconcile accept '::text || f.id) || ' --reason TEXT'::text) AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    (chorus.findings f
     LEFT JOIN chorus.invoices i ON ((i.id = f.invoice_id)))
  WHERE ((f.state = 'open'::text) AND (f.account = ANY (mine.accounts)))
UNION ALL
 SELECT 'account'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    a.name AS account,
    a.paused_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    ('the account is paused: '::text || "left"(a.pause_reason, 500)) AS cause,
    ('le compte est en pause : '::text ||
        CASE
            WHEN (a.pause_reason ~~ 'NOT\_VOUCHED: no worker vouches for the database, and Chorus Pro shows%'::text) THEN 'NOT_VOUCHED : aucun worker ne répond de la base, et Chorus Pro montre moins qu''il n''a déjà montré : sa recherche est en panne ou incomplète, ou il a été vidé (qualification). Rien n''est envoyé tant qu''il ne le montre pas de nouveau. Sinon, une personne doit dire si la base a été restaurée d''une sauvegarde : reprendre le compte si elle ne l''a pas été'::text
            WHEN (a.pause_reason ~~ 'NOT\_VOUCHED: what Chorus Pro lists of this account does not add up%'::text) THEN 'NOT_VOUCHED : la liste que Chorus Pro donne pour ce compte est incohérente : il y manque des lignes, il en répète, ou il ne dit pas quelles factures ce sont (voir le journal). Ce qu''il a listé a été comparé. Une personne doit dire que rien d''autre de ce qui attend ici n''a été saisi sur Chorus Pro, et que la base n''a pas été restaurée d''une sauvegarde : regarder sur le portail, annuler ce qu''il détient déjà, puis reprendre le compte'::text
            WHEN (a.pause_reason ~~ 'NOT\_VOUCHED: Chorus Pro has got a deposit of %'::text) THEN (('NOT_VOUCHED : Chorus Pro a un dépôt du '::text || "substring"(a.pause_reason, 'deposit of ([-0-9]{10})'::text)) || ', jour à venir pour l''horloge de PostgreSQL : elle retarde, ou celle de Chorus Pro avance. Comparer les deux à l''heure réelle (choriste doctor) ; corriger celle de PostgreSQL si elle est fausse ; puis reprendre le compte : il est comparé à ce que détient Chorus Pro avant tout dépôt, au cas où la base aurait été restaurée'::text)
            WHEN (a.pause_reason ~~ 'NOT\_VOUCHED: %'::text) THEN (('NOT_VOUCHED : aucun worker ne répond de la base'::text || COALESCE((((' pour les '::text || "substring"(a.pause_reason, 'vouches for the ([0-9hms.]{1,20}) before'::text)) || ' avant le '::text) || "substring"(a.pause_reason, ' before ([^,]{1,40}), and'::text)), ''::text)) || ', et Chorus Pro ne laisse pas le compte rechercher : une personne doit dire si la base a été restaurée d''une sauvegarde. Donner au compte l''espace Factures émises de ses structures sur Chorus Pro puis le reprendre : il est comparé avant tout dépôt. Sans ce droit, le reprendre si rien n''a été restauré ; sinon regarder d''abord sur le portail, et annuler ce qu''il détient déjà'::text)
            ELSE "left"(a.pause_reason, 500)
        END) AS cause_fr,
    'operator'::text AS who,
    ('choriste resume '::text || a.name) AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    chorus.accounts a
  WHERE ((a.paused_at IS NOT NULL) AND (a.name = ANY (mine.accounts)))
UNION ALL
 SELECT 'password'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    a.name AS account,
    a.password_checked_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    ('the password of the technical account ends on '::text || a.password_expires) AS cause,
    ('le mot de passe du compte technique expire le '::text || a.password_expires) AS cause_fr,
    'operator'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    clock,
    chorus.accounts a
  WHERE ((a.password_expires <= (((clock.now AT TIME ZONE 'Europe/Paris'::text))::date + 30)) AND (a.name = ANY (mine.accounts)))
UNION ALL
 SELECT 'rights'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    a.name AS account,
    a.structures_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    'Chorus Pro does not let this account search its invoices: a doubt cannot be settled'::text AS cause,
    'Chorus Pro ne laisse pas ce compte rechercher ses factures : un doute ne peut être levé'::text AS cause_fr,
    'supplier'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    chorus.accounts a
  WHERE ((a.can_search = false) AND (a.paused_at IS NULL) AND (a.name = ANY (mine.accounts)))
UNION ALL
 SELECT 'feed'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    s.account,
    s.synced_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    ((('changes of '::text || s.identifiant) || ' come later than usual: Chorus Pro reads the filter as '::text) || s.filter_honoured) AS cause,
    ((('les changements de '::text || s.identifiant) || ' arrivent plus tard : Chorus Pro lit le filtre comme '::text) || s.filter_honoured) AS cause_fr,
    'portal'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    chorus.structures s
  WHERE ((s.filter_honoured = ANY (ARRAY['days'::text, 'ignored'::text])) AND (s.account = ANY (mine.accounts)))
UNION ALL
 SELECT 'unread'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    u.account,
    u.since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    (((('what becomes of the invoices of '::text || u.identifiant) || ' is not read, and doubts about them stay: '::text) ||
        CASE
            WHEN (u.fault = 'portal'::text) THEN 'what Chorus Pro answers to searches cannot be used (an error, a page or nothing in place of data)'::text
            WHEN (u.fault = 'network'::text) THEN 'searches get no answer'::text
            WHEN (u.fault = 'incomplete'::text) THEN 'what Chorus Pro answers to searches does not add up'::text
            WHEN (u.fault = 'quota'::text) THEN 'PISTE refuses searches as too many (429)'::text
            WHEN (u.fault = 'unknown'::text) THEN 'Chorus Pro answers searches in a way that nobody has recorded yet'::text
            WHEN (u.fault = 'subscription'::text) THEN 'searches are refused (403): the PISTE application has lost its subscription to the API Factures, or something on the way refuses them'::text
            WHEN (u.fault = 'rights'::text) THEN 'the technical account may not search the invoices of this structure: give it the space Factures émises at Chorus Pro'::text
            WHEN (u.fault = ANY (ARRAY['account'::text, 'application'::text, 'token'::text])) THEN 'searches are refused for the credentials'::text
            WHEN (u.fault IS NULL) THEN 'no reading has ended: the workers'' logs say more'::text
            ELSE (('searches are refused ('::text || u.fault) || '): the workers'' logs say more'::text)
        END) ||
        CASE
            WHEN (u.until IS NOT NULL) THEN '. It is tried again by itself; deposits go on'::text
            WHEN (u.fault = ANY (ARRAY['portal'::text, 'network'::text, 'incomplete'::text, 'quota'::text, 'unknown'::text])) THEN '. It has lasted for too long: report it to the support of Chorus Pro'::text
            ELSE ''::text
        END) AS cause,
    (((('la suite donnée aux factures de '::text || u.identifiant) || ' n''est pas lue, et leurs doutes restent : '::text) ||
        CASE
            WHEN (u.fault = 'portal'::text) THEN 'les réponses de Chorus Pro aux recherches sont inutilisables (une erreur, une page ou rien à la place des données)'::text
            WHEN (u.fault = 'network'::text) THEN 'les recherches restent sans réponse'::text
            WHEN (u.fault = 'incomplete'::text) THEN 'les réponses de Chorus Pro aux recherches sont incohérentes'::text
            WHEN (u.fault = 'quota'::text) THEN 'PISTE refuse les recherches, trop nombreuses (429)'::text
            WHEN (u.fault = 'unknown'::text) THEN 'Chorus Pro répond aux recherches d''une façon encore inconnue'::text
            WHEN (u.fault = 'subscription'::text) THEN 'recherches refusées (403) : l''application PISTE n''est plus abonnée à l''API Factures, ou un équipement intermédiaire les refuse'::text
            WHEN (u.fault = 'rights'::text) THEN 'le compte technique n''a pas le droit de rechercher les factures de cette structure : lui donner l''espace Factures émises sur Chorus Pro'::text
            WHEN (u.fault = ANY (ARRAY['account'::text, 'application'::text, 'token'::text])) THEN 'recherches refusées à cause des identifiants'::text
            WHEN (u.fault IS NULL) THEN 'aucune lecture n''a abouti ; voir les journaux des workers'::text
            ELSE (('recherches refusées ('::text || u.fault) || ') ; voir les journaux des workers'::text)
        END) ||
        CASE
            WHEN (u.until IS NOT NULL) THEN '. Nouvel essai automatique ; les dépôts continuent'::text
            WHEN (u.fault = ANY (ARRAY['portal'::text, 'network'::text, 'incomplete'::text, 'quota'::text, 'unknown'::text])) THEN '. Cela dure depuis trop longtemps : le signaler à l''assistance de Chorus Pro'::text
            ELSE ''::text
        END) AS cause_fr,
        CASE
            WHEN (u.until IS NOT NULL) THEN 'portal'::text
            WHEN (u.fault = 'rights'::text) THEN 'supplier'::text
            ELSE 'operator'::text
        END AS who,
    'choriste doctor'::text AS next,
    u.until
   FROM unread u
UNION ALL
 SELECT 'webhook'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    w.account,
    COALESCE(w.paused_at, w.failing_since) AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    concat('webhook ', w.name,
        CASE
            WHEN (w.paused_at IS NOT NULL) THEN (' is paused: '::text || "left"(w.pause_reason, 300))
            ELSE (' fails: '::text || "left"(w.last_error, 300))
        END) AS cause,
    concat('webhook ', w.name,
        CASE
            WHEN (w.paused_at IS NOT NULL) THEN (' en pause : '::text || "left"(w.pause_reason, 300))
            ELSE (' en échec : '::text || "left"(w.last_error, 300))
        END) AS cause_fr,
    'operator'::text AS who,
    'choriste webhooks'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    clock,
    chorus.webhooks w
  WHERE (((w.paused_at IS NOT NULL) OR (w.failing_since < (clock.now - '00:05:00'::interval))) AND (( SELECT chorus.sees_all() AS sees_all) OR (w.account = ANY (mine.accounts))))
UNION ALL
 SELECT 'request'::text AS kind,
    i.id AS invoice,
    i.numero_facture,
    i.account,
    r.asked_at AS since,
    chorus.signed(i.type_facture, i.montant_ttc) AS amount,
    i.devise,
    concat(r.actor, ' asks to ', x.en, ', until ', x.until, ': ', r.reason) AS cause,
    concat(r.actor, ' demande ', x.fr, ', jusqu''au ', x.until, ' : ', r.reason) AS cause_fr,
    'operator'::text AS who,
    (('choriste agree '::text || r.id) || ' --reason TEXT'::text) AS next,
    NULL::timestamp with time zone AS until
   FROM clock,
    mine,
    ((chorus.requests r
     LEFT JOIN chorus.invoices i ON ((i.id = r.invoice_id)))
     CROSS JOIN LATERAL ( SELECT (to_char((r.until AT TIME ZONE 'Europe/Paris'::text), 'YYYY-MM-DD HH24:MI'::text) || ' Paris'::text) AS until,
                CASE
                    WHEN r.override THEN 'send it again when one search does not find it'::text
                    WHEN (r.action = 'lookup'::text) THEN 'look it up again'::text
                    WHEN (r.action = 'allow_resubmit'::text) THEN 'let resubmission go on'::text
                    ELSE 'send it again once proven absent'::text
                END AS en,
                CASE
                    WHEN r.override THEN 'de la renvoyer si une recherche ne la trouve pas'::text
                    WHEN (r.action = 'lookup'::text) THEN 'de la rechercher de nouveau'::text
                    WHEN (r.action = 'allow_resubmit'::text) THEN 'que les renvois reprennent'::text
                    ELSE 'de la renvoyer si prouvée absente'::text
                END AS fr) x)
  WHERE ((r.decision IS NULL) AND (r.until > clock.now) AND (NOT (r.seen IS DISTINCT FROM i.updated_at)) AND
        CASE
            WHEN (r.invoice_id IS NULL) THEN ( SELECT chorus.sees_all() AS sees_all)
            ELSE (i.account = ANY (mine.accounts))
        END)
UNION ALL
 SELECT 'outage'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    NULL::text AS account,
    b.since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    concat('the ', b.scope, ' ', b.name, ' does not answer as it should (', b.fault, '): deposits wait, and go on by themselves') AS cause,
    concat(
        CASE b.scope
            WHEN 'portal'::text THEN 'le portail '::text
            ELSE 'l''application '::text
        END, b.name, ' ne répond pas comme il faut (', b.fault, ') : les dépôts attendent et reprennent d''eux-mêmes') AS cause_fr,
    'portal'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM chorus.breakers b
  WHERE (b.announced AND (( SELECT chorus.sees_all() AS sees_all) OR (b.key = ANY (( SELECT chorus.my_way() AS my_way)::text[]))))
UNION ALL
 SELECT 'maintenance'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    NULL::text AS account,
    m.starts_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    'Chorus Pro is closed, as announced'::text AS cause,
    'Chorus Pro est fermé, comme annoncé'::text AS cause_fr,
    'nobody'::text AS who,
    'choriste stats'::text AS next,
    m.ends_at AS until
   FROM chorus.maintenance m
  WHERE (m.state = 'running'::text)
UNION ALL
 SELECT 'worker'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    NULL::text AS account,
    fleet.beat_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    'no worker is alive: nothing is sent and nothing is followed'::text AS cause,
    'aucun worker ne tourne : rien n''est déposé ni suivi'::text AS cause_fr,
    'operator'::text AS who,
    'choriste work'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    clock,
    fleet
  WHERE ((COALESCE(fleet.beat_at, '-infinity'::timestamp with time zone) < (clock.now - '00:01:00'::interval)) AND (EXISTS ( SELECT
           FROM chorus.invoices
          WHERE ((state = ANY (ARRAY['received'::text, 'ready'::text, 'sending'::text, 'in_doubt'::text, 'deposited'::text, 'integrated'::text])) AND (account = ANY (mine.accounts))))))
UNION ALL
 SELECT 'worker'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    o.account,
    o.since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    'no live worker has the account, and its invoices wait: start a worker with it, or give it to one that runs (CHORISTE_ACCOUNTS_FILE); each account needs one'::text AS cause,
    'aucun worker en vie n''a ce compte, et ses factures attendent : démarrer un worker qui l''a, ou le donner à un worker en marche (CHORISTE_ACCOUNTS_FILE) ; il en faut un pour chaque compte'::text AS cause_fr,
    'operator'::text AS who,
    'choriste work'::text AS next,
    NULL::timestamp with time zone AS until
   FROM orphaned o
UNION ALL
 SELECT 'stalled'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    s.account,
    s.created_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
        CASE s.what
            WHEN 'sent'::text THEN 'nothing was sent for 15 minutes, though invoices wait and nothing is in their way'::text
            ELSE 'inserted invoices have not been read for 15 minutes'::text
        END AS cause,
        CASE s.what
            WHEN 'sent'::text THEN 'rien n''a été déposé depuis 15 minutes, alors que des factures attendent et que rien ne les retient'::text
            ELSE 'des factures insérées ne sont pas lues depuis 15 minutes'::text
        END AS cause_fr,
    'operator'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM stuck s,
    clock,
    fleet
  WHERE ((fleet.beat_at >= (clock.now - '00:01:00'::interval)) AND (NOT (s.account IN ( SELECT o.account
           FROM orphaned o))))
UNION ALL
 SELECT 'stalled'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    a.name AS account,
    a.compare_waits_since AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    ((((('deposits have waited for more than 15 minutes for Chorus Pro to list what it holds, in case it has got already what waits here: page '::text || COALESCE(a.compare_page, 0)) || ' of '::text) || COALESCE((NULLIF(a.compare_pages, 0))::text, '?'::text)) || ' has been read'::text) || COALESCE((', it answered '::text || a.compare_fault), ''::text)) AS cause,
    ((((('des dépôts attendent depuis plus de 15 minutes que Chorus Pro liste ce qu''il détient, au cas où il aurait déjà ce qui attend ici : page '::text || COALESCE(a.compare_page, 0)) || ' sur '::text) || COALESCE((NULLIF(a.compare_pages, 0))::text, '?'::text)) || ' lue'::text) || COALESCE((', il a répondu '::text || a.compare_fault), ''::text)) AS cause_fr,
    'operator'::text AS who,
    'choriste doctor'::text AS next,
    NULL::timestamp with time zone AS until
   FROM mine,
    clock,
    fleet,
    chorus.accounts a
  WHERE ((a.compare_since IS NOT NULL) AND (a.compare_waits_since < (clock.now - '00:15:00'::interval)) AND (a.paused_at IS NULL) AND (a.name = ANY (mine.accounts)) AND (fleet.beat_at >= (clock.now - '00:01:00'::interval)) AND (NOT (a.name IN ( SELECT o.account
           FROM orphaned o))) AND (EXISTS ( SELECT
           FROM chorus.invoices i
          WHERE ((i.account = a.name) AND (i.state = 'ready'::text)))))
UNION ALL
 SELECT 'stalled'::text AS kind,
    r.invoice,
    r.numero_facture,
    r.account,
    r.since,
    r.amount,
    r.devise,
    (('it is due, and '::text || r.holder) || ' has locked its row: end that transaction'::text) AS cause,
    (('elle devrait avancer, et '::text || replace(r.holder, 'prepared transaction'::text, 'la transaction préparée'::text)) || ' verrouille sa ligne : terminer cette transaction'::text) AS cause_fr,
    'operator'::text AS who,
    ('choriste show '::text || r.invoice) AS next,
    NULL::timestamp with time zone AS until
   FROM chorus.locked_rows r
UNION ALL
 SELECT 'resubmission'::text AS kind,
    NULL::bigint AS invoice,
    NULL::text AS numero_facture,
    NULL::text AS account,
    n.assumption_broken_at AS since,
    NULL::numeric AS amount,
    NULL::text AS devise,
    'a deposit judged absent was accepted after all: nothing is sent again by itself until an operator allows it'::text AS cause,
    'un dépôt jugé absent a finalement été accepté : plus rien n''est renvoyé tout seul avant l''accord d''un exploitant'::text AS cause_fr,
    'operator'::text AS who,
    'choriste list --reason-code CONTRADICTION'::text AS next,
    NULL::timestamp with time zone AS until
   FROM chorus.installation n
  WHERE (n.assumption_broken_at IS NOT NULL);

CREATE OR REPLACE FUNCTION chorus.accept_finding(p_id bigint, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    f chorus.findings%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'accepting a finding needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO f FROM chorus.findings WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no finding %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF f.state <> 'open' THEN
        RAISE EXCEPTION 'finding % is % already', p_id, f.state USING ERRCODE = 'CH041';
    END IF;
    UPDATE chorus.findings SET state = 'accepted', resolved_at = clock_timestamp(), resolved_by = chorus.actor(), resolution = p_reason WHERE id = p_id;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.accounts_asked()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE chorus.able SET said_at = clock_timestamp() WHERE account = NEW.name;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.accounts_resumed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.accounts_unable()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.actor()
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT session_user || coalesce('/' || nullif(left(current_setting('chorus.actor', true), 100), ''), '')
$function$
;

CREATE OR REPLACE FUNCTION chorus.agree(p_id bigint, p_reason text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r    chorus.requests%ROWTYPE;
    s    text;
    mine CONSTANT text[] := chorus.person();
    why  CONSTANT text := left(btrim(p_reason), 400);
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    r := chorus.open_request(p_id, p_reason);
    IF r.console <> chorus.in_console() THEN
        RAISE EXCEPTION 'request %: what was asked for in the console is agreed to there, and what was asked for by a login by another login', p_id USING ERRCODE = 'CH028';
    END IF;
    IF cardinality(mine) = 0 OR cardinality(r.person) = 0 THEN
        RAISE EXCEPTION 'request %: nobody was asked who he is, so it is not known that two people agree: let people sign in', p_id USING ERRCODE = 'CH028';
    END IF;
    IF r.person && mine THEN
        RAISE EXCEPTION 'request %: who asked cannot agree: another person must', p_id USING ERRCODE = 'CH028';
    END IF;
    UPDATE chorus.requests SET decision = 'agreed', decided_at = clock_timestamp(), decided_by = chorus.actor() WHERE id = p_id;
    SELECT state INTO s FROM chorus.invoices WHERE id = r.invoice_id;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (r.invoice_id, chorus.actor(), s, s, 'AGREED',
            jsonb_build_object('request', p_id, 'action', r.action, 'override', r.override, 'reason', why, 'asked_by', r.actor, 'asked_at', r.asked_at, 'asked_reason', r.reason));
    RETURN chorus.carry_out(r.invoice_id, r.action, r.override, r.reason || ' (' || r.actor || '; agreed by ' || chorus.actor() || ': ' || why || ')', r.seen);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.allow_resubmit(p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF chorus.asks_second() THEN
        PERFORM chorus.ask(NULL, 'allow_resubmit', false, p_reason, NULL);
    ELSE
        PERFORM chorus.allow_resubmit_now(p_reason);
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.allow_resubmit_now(p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'allowing resubmission again needs a reason' USING ERRCODE = 'CH021';
    END IF;
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'resubmission is allowed or not for all accounts at once: an operator does that who sees them all' USING ERRCODE = '42501';
    END IF;
    UPDATE chorus.installation SET assumption_broken_at = NULL;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'RESUBMIT_ALLOWED', jsonb_build_object('reason', p_reason));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.archive_month(p_month text, p_age interval, p_events bigint, p_sha256 bytea, p_file text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    p     record;
    c     record;
    a     chorus.archives%ROWTYPE;
    waits text := chorus.month_waits(p_month, p_age);
BEGIN
    IF waits IS NOT NULL THEN
        RAISE EXCEPTION 'the month % stays: %', p_month, waits USING ERRCODE = 'CH060';
    END IF;
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month AND x.attached;
    SELECT x.* INTO c FROM chorus.month_chain(p_month) x;
    IF c.events <> p_events THEN
        RAISE EXCEPTION 'the month % has % events, and the file %', p_month, c.events, p_events USING ERRCODE = 'CH060';
    END IF;
    SELECT min(e.id), max(e.id), min(e.at), max(e.at),
           coalesce(sum((e.detail ->> 'count')::bigint) FILTER (WHERE e.reason_code = 'EXCHANGES_FORGOTTEN'), 0), max((e.detail ->> 'until')::timestamptz) FILTER (WHERE e.reason_code = 'EXCHANGES_FORGOTTEN')
    INTO a.from_id, a.to_id, a.first_at, a.last_at, a.exchanges_forgotten, a.exchanges_forgotten_until
    FROM chorus.events e
    WHERE e.id >= p.from_id AND e.id < p.until_id;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'ARCHIVED', jsonb_build_object('month', p_month, 'events', c.events, 'sha256', encode(p_sha256, 'hex'), 'file', p_file, 'from', c.runs_from, 'to', c.runs_to,
        'hash', (SELECT jsonb_agg(encode(h, 'hex') ORDER BY k) FROM unnest(c.runs_hash) WITH ORDINALITY x (h, k))))
    RETURNING id INTO a.event_id;
    INSERT INTO chorus.archives (month, from_id, to_id, events, first_at, last_at, runs_from, runs_to, runs_before, runs_hash, exchanges_forgotten, exchanges_forgotten_until, sha256, file, event_id, archived_by)
    VALUES (p_month, a.from_id, a.to_id, c.events, a.first_at, a.last_at, c.runs_from, c.runs_to, c.runs_before, c.runs_hash, a.exchanges_forgotten, a.exchanges_forgotten_until, p_sha256, p_file,
            a.event_id, chorus.actor())
    RETURNING id INTO a.id;
    INSERT INTO chorus.archived_invoices (invoice_id, archive, events, begins, move_id, state, statut_id, statut, statuts, attempt, attempt_looks, attempt_sha256, invoice_sha256, purged_sha256)
    SELECT x.invoice_id, a.id, x.n, x.begins, x.move[1]::bigint, x.move[2], x.word[1]::bigint, x.word[2], x.statuts, x.told[1]::integer, x.told[2]::integer, decode(x.told[3], 'hex'), decode(x.sent, 'hex'), x.purged
    FROM (
        SELECT e.invoice_id, count(*)::integer AS n, bool_or(e.from_state IS NULL) AS begins,
               (array_agg(ARRAY[e.id::text, e.to_state] ORDER BY e.id DESC) FILTER (WHERE e.to_state IS DISTINCT FROM e.from_state))[1:1] AS moves,
               max(e.detail ->> 'sha256') FILTER (WHERE e.reason_code = 'PURGED') AS purged,
               max(encode(e.invoice_sha256, 'hex')) FILTER (WHERE e.invoice_sha256 IS NOT NULL) AS sent,
               array_agg(DISTINCT e.detail ->> 'statut_courant') FILTER (WHERE e.detail ? 'statut_courant') AS statuts,
               (array_agg(ARRAY[e.id::text, e.detail ->> 'statut_courant'] ORDER BY e.id DESC)
                   FILTER (WHERE e.to_state IS DISTINCT FROM e.from_state OR e.reason_code = 'STATUT' AND NOT e.detail ? 'from_history'))[1:1] AS words,
               (array_agg(ARRAY[e.attempt::text, e.attempt_looks::text, encode(e.attempt_sha256, 'hex')] ORDER BY e.attempt DESC, e.seq DESC) FILTER (WHERE e.attempt IS NOT NULL))[1:1] AS tolds
        FROM chorus.events e
        WHERE e.id >= p.from_id AND e.id < p.until_id AND e.invoice_id IS NOT NULL
        GROUP BY e.invoice_id
    ) g
    CROSS JOIN LATERAL (
        SELECT g.invoice_id, g.n, g.begins, g.purged, g.sent, g.statuts,
               ARRAY(SELECT unnest(g.moves)) AS move, ARRAY(SELECT unnest(g.words)) AS word, ARRAY(SELECT unnest(g.tolds)) AS told
    ) x;
    INSERT INTO chorus.archived_events (archive, from_id, marks)
    SELECT a.id, b.from_id, string_agg(coalesce(substring(sha256(timestamptz_send(e.at)) FOR 4), '\x00000000'), '' ORDER BY n.id)
    FROM (SELECT DISTINCT x.id - x.id % 4096 AS from_id FROM chorus.events x WHERE x.id >= p.from_id AND x.id < p.until_id) b
    CROSS JOIN LATERAL generate_series(b.from_id, b.from_id + 4095) n (id)
    LEFT JOIN chorus.events e ON e.id = n.id AND e.id >= p.from_id AND e.id < p.until_id
    GROUP BY b.from_id;
    -- A replay that began meanwhile has moved a webhook's place back, and the next one waits here and finds the month away (chorus.replay_webhook).
    PERFORM FROM chorus.webhooks w ORDER BY w.name FOR UPDATE;
    IF EXISTS (SELECT FROM chorus.webhooks w WHERE w.cursor < c.runs_to[cardinality(c.runs_to)]) THEN
        RAISE EXCEPTION 'the month % stays: %', p_month, 'a webhook is being told of it' USING ERRCODE = 'CH060';
    END IF;
    RETURN a.id;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.archived_event(p_id bigint, p_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM chorus.archived_events m
        WHERE m.from_id = p_id - p_id % 4096
          AND substring(m.marks FROM (p_id - m.from_id)::integer * 4 + 1 FOR 4) = substring(sha256(timestamptz_send(p_at)) FOR 4));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.archives_stay()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.as_seen(p_id bigint, p_updated_at timestamp with time zone, p_seen timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_updated_at <> p_seen THEN
        RAISE EXCEPTION 'invoice % has changed since it was looked at: look at it again', p_id USING ERRCODE = 'CH022';
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.ask(p_invoice bigint, p_action text, p_override boolean, p_reason text, p_seen timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i   chorus.invoices%ROWTYPE;
    r   chorus.requests%ROWTYPE;
    why CONSTANT text := left(btrim(p_reason), 500);
BEGIN
    BEGIN
        PERFORM chorus.carry_out(p_invoice, p_action, p_override, p_reason, p_seen);
        RAISE EXCEPTION USING ERRCODE = 'CHASK';
    EXCEPTION WHEN SQLSTATE 'CHASK' THEN
        NULL;
    END;
    SELECT * INTO i FROM chorus.invoices WHERE id = p_invoice FOR UPDATE;
    PERFORM chorus.as_seen(p_invoice, i.updated_at, p_seen);
    UPDATE chorus.requests SET decision = 'lapsed', decided_at = least(until, clock_timestamp()) WHERE coalesce(invoice_id, 0) = coalesce(p_invoice, 0) AND decision IS NULL AND (until <= clock_timestamp() OR seen IS DISTINCT FROM i.updated_at);
    SELECT * INTO r FROM chorus.requests WHERE coalesce(invoice_id, 0) = coalesce(p_invoice, 0) AND decision IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION '%: request % waits for a second person until % UTC', coalesce('invoice ' || p_invoice, 'resubmission'), r.id, to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
            USING ERRCODE = 'CH022';
    END IF;
    INSERT INTO chorus.requests (invoice_id, action, override, reason, actor, person, console, seen, until)
    SELECT p_invoice, p_action, coalesce(p_override, false), why, chorus.actor(), chorus.person(), chorus.in_console(), i.updated_at, clock_timestamp() + second_person
    FROM chorus.installation
    RETURNING * INTO r;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (p_invoice, chorus.actor(), i.state, i.state, 'REQUESTED',
            jsonb_build_object('request', r.id, 'action', p_action, 'override', r.override, 'reason', why, 'until', r.until));
    RAISE NOTICE 'nothing is done yet: request % waits until % for another person, who agrees or refuses', r.id, r.until;
    RETURN 'asked';
END $function$
;

CREATE OR REPLACE FUNCTION chorus.asks_second()
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT second_person IS NOT NULL FROM chorus.installation
$function$
;

CREATE OR REPLACE FUNCTION chorus.at_rest(p_id bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$ -- who asks of thousands (purge_due) has its own statement planned anew, and this one must not be, for each row
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attach(p_remedy bigint, p_nom text, p_contenu bytea, p_mime text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r chorus.remedies%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.remedies WHERE id = p_remedy AND EXISTS (SELECT FROM chorus.invoices i WHERE i.id = invoice_id AND chorus.sees(i.account)) FOR UPDATE;
    IF NOT FOUND OR r.kind <> 'complete' THEN
        RAISE EXCEPTION 'there is no completion %', p_remedy USING ERRCODE = 'CH020';
    END IF;
    IF r.state <> 'requested' OR r.attempts > 0 OR r.claim IS NOT NULL THEN
        RAISE EXCEPTION 'completion % has begun: attach files in the transaction that asks for it', p_remedy USING ERRCODE = 'CH022';
    END IF;
    PERFORM chorus.check_file(p_nom, p_contenu);
    INSERT INTO chorus.remedy_files (remedy_id, n, nom, mime, contenu)
    SELECT p_remedy, count(*) + 1, p_nom, coalesce(nullif(left(p_mime, 100), ''), 'application/octet-stream'), p_contenu
    FROM chorus.remedy_files
    WHERE remedy_id = p_remedy;
    IF (SELECT count(*) > 50 OR sum(octets) > 118000000 FROM chorus.remedy_files WHERE remedy_id = p_remedy) THEN
        RAISE EXCEPTION 'the attachments of one completion are at most 50, with 118 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attachments_after_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM chorus.invoices i WHERE i.id = NEW.invoice_id AND i.state = 'integrated' AND i.identifiant_facture_cpp IS NOT NULL AND i.statut_courant = 'SUSPENDUE') THEN
        PERFORM chorus.send_attachments(NEW.invoice_id);
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attachments_before_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    seen  boolean;
    state text;
    pdf   boolean;
BEGIN
    SELECT chorus.sees(i.account), i.state, i.fields IS NOT NULL INTO seen, state, pdf FROM chorus.invoices i WHERE i.id = NEW.invoice_id FOR NO KEY UPDATE;
    IF seen IS NOT TRUE THEN
        RAISE EXCEPTION 'column "invoice_id" names no invoice' USING ERRCODE = 'CH020', COLUMN = 'invoice_id';
    END IF;
    IF state IN ('invalid', 'rejected', 'settled', 'cancelled', 'abandoned') THEN
        RAISE EXCEPTION 'invoice % is %: nothing is sent for it any more, and no file', NEW.invoice_id, state USING ERRCODE = 'CH022', COLUMN = 'invoice_id';
    END IF;
    PERFORM chorus.check_file(NEW.nom, NEW.contenu);
    NEW.octets := octet_length(NEW.contenu);
    NEW.mime := coalesce(nullif(left(NEW.mime, 100), ''), 'application/octet-stream');
    NEW.goes := CASE WHEN pdf AND state = 'received' THEN 'submission' ELSE 'completion' END;
    NEW.created_at := clock_timestamp();
    NEW.created_by := chorus.actor();
    IF (SELECT count(*) >= 50 OR sum(a.octets) + NEW.octets > 118000000 FROM chorus.attachments a
        WHERE a.invoice_id = NEW.invoice_id AND a.goes = NEW.goes AND a.remedy_id IS NULL) THEN
        RAISE EXCEPTION 'the attachments of one invoice are at most 50, with 118 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attempt_text(p_invoice bigint, p_n integer, p_looks integer)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
                   'id', id, 'invoice_id', invoice_id, 'n', n, 'worker', worker, 'nom_fichier', nom_fichier, 'sha256', encode(sha256, 'hex'), 'db_epoch', db_epoch,
                   'claimed_at', claimed_at, 'send_deadline', send_deadline, 'finished_at', finished_at, 'outcome', outcome, 'numero_flux_depot', numero_flux_depot,
                   'evidence', evidence - 'lookups',
                   'lookups', coalesce((SELECT jsonb_agg(l ORDER BY k) FROM jsonb_array_elements(evidence -> 'lookups') WITH ORDINALITY x (l, k) WHERE k <= p_looks), '[]'))::text
        FROM chorus.attempts
        WHERE invoice_id = p_invoice AND n = p_n
    );
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attempt_texts(p_invoice bigint, p_n integer, p_looks integer)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    now  CONSTANT jsonb := chorus.attempt_text(p_invoice, p_n, p_looks);
    lost timestamptz;
BEGIN
    SELECT (e.detail ->> 'lost_at')::timestamptz INTO lost
    FROM chorus.events e
    WHERE e.invoice_id = p_invoice AND e.attempt = p_n AND e.reason_code = 'OUTCOME' AND e.detail ? 'lost_at';
    RETURN ARRAY[
        now::text,
        (now || '{"finished_at": null, "outcome": null, "numero_flux_depot": null, "evidence": {}}')::text,
        (now || jsonb_build_object('finished_at', lost, 'outcome', 'OWNER_LOST', 'numero_flux_depot', NULL,
                                   'evidence', CASE WHEN now -> 'evidence' ? 'since' THEN jsonb_build_object('since', now #> '{evidence,since}') ELSE '{}' END))::text];
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attempts_after_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attempts_before_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.attempts_outcome()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s text;
    n integer;
BEGIN
    SELECT e.to_state, e.attempt INTO s, n FROM chorus.events e WHERE e.invoice_id = NEW.invoice_id ORDER BY e.id DESC LIMIT 1;
    IF NOT FOUND THEN
        s := chorus.last_move(NEW.invoice_id); -- its history is in an archive
    END IF;
    IF OLD.outcome IS NOT NULL OR s IS DISTINCT FROM 'sending' OR n IS DISTINCT FROM NEW.n THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, attempt, reason_code, detail)
        VALUES (NEW.invoice_id, chorus.actor(), s, s, NEW.n, 'OUTCOME',
                jsonb_strip_nulls(jsonb_build_object('outcome', NEW.outcome, 'before', OLD.outcome, 'lost_at', OLD.finished_at, 'numero_flux_depot', NEW.numero_flux_depot)));
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.bare_number(p_number text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT pg_catalog.ltrim(pg_catalog.translate(p_number,
        E'abcdefghijklmnopqrstuvwxyz \t\n\x0B\f\r\u0085\u00A0\u2002\u2003\u2007\u2009\u202F\u3000', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), '0')
$function$
;

CREATE OR REPLACE FUNCTION chorus.blocks()
 RETURNS SETOF bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    next bigint := 0;
BEGIN
    LOOP
        SELECT chorus.money_block(i.id) INTO next FROM chorus.invoices i WHERE i.id >= next * 10000 ORDER BY i.id LIMIT 1;
        EXIT WHEN NOT FOUND;
        RETURN NEXT next;
        next := next + 1;
    END LOOP;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.breakers_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    SELECT chorus.actor(), CASE WHEN NEW.announced THEN 'OUTAGE_BEGAN' ELSE 'OUTAGE_ENDED' END, jsonb_strip_nulls(jsonb_build_object(
        'scope', NEW.scope,
        'name', NEW.name,
        'fault', coalesce(NEW.fault, OLD.fault),
        'since', OLD.since,
        'seconds', round(extract(epoch FROM clock_timestamp() - OLD.since)),
        'waiting', count(*) FILTER (WHERE i.state IN ('received', 'ready')),
        'in_doubt', count(*) FILTER (WHERE i.state IN ('sending', 'in_doubt'))))
    FROM chorus.accounts a
    LEFT JOIN chorus.invoices i ON i.account = a.name AND i.state IN ('received', 'ready', 'sending', 'in_doubt')
    WHERE NEW.key = ANY (a.behind);
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.breakers_over()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
BEGIN
    UPDATE chorus.accounts
    SET compare_since = OLD.since, compare_asked_at = at, compare_resumed_at = at, compare_next_at = '-infinity', compare_page = NULL, compare_pages = NULL, compare_fault = NULL
    WHERE OLD.key = ANY (behind) AND compare_since IS NULL AND can_search IS NOT FALSE;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.cancel(p_id bigint)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s text;
BEGIN
    UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp() WHERE id = p_id AND chorus.sees(account) RETURNING state INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    RETURN s;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.carry_out(p_invoice bigint, p_action text, p_override boolean, p_reason text, p_seen timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    CASE p_action
    WHEN 'retry' THEN RETURN chorus.retry_now(p_invoice, p_reason, p_seen);
    WHEN 'allow_resubmit' THEN
        PERFORM chorus.allow_resubmit_now(p_reason);
        RETURN 'allowed';
    ELSE RETURN chorus.resolve_now(p_invoice, p_action, p_reason, NULL, p_override, p_seen);
    END CASE;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.chain_before_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.seq <= OLD.seq THEN
        RAISE EXCEPTION 'the chain over history ends at event % and goes on from there', OLD.seq USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.check_file(p_nom text, p_contenu bytea)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_nom IS NULL OR length(p_nom) > 50 OR p_nom ~ '[[:cntrl:]/\\]' OR p_nom !~ '^.+\.[A-Za-z0-9]+$' THEN
        RAISE EXCEPTION 'the name of an attachment has at most 50 characters, with its extension, and no path' USING ERRCODE = 'CH024', COLUMN = 'nom';
    END IF;
    IF upper(substring(p_nom FROM '[^.]*$')) <> ALL (string_to_array('BMP BZ2 CSV DOC DOCX FAX GIF GZ GZIP HTM HTML JPEG JPG ODP ODS ODT P7S PDF PNG PPS PPT PPTX '
        'RTF SVG TGZ TIF TIFF TXT XHTML XLC XLM XLS XLSX XML ZIP', ' ')) THEN
        RAISE EXCEPTION 'an attachment''s extension must be one that Chorus Pro takes, as PDF' USING ERRCODE = 'CH024', COLUMN = 'nom';
    END IF;
    IF p_contenu IS NULL OR octet_length(p_contenu) = 0 OR octet_length(p_contenu) >= 10485760 THEN
        RAISE EXCEPTION 'an attachment holds more than nothing and less than 10 MB' USING ERRCODE = 'CH024', COLUMN = 'contenu';
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.checks_before_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.checks_wake()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF pg_try_advisory_xact_lock(820001, 2) THEN
        PERFORM pg_notify('chorus_wake', 'check');
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.clock_is_trusted()
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN (SELECT coalesce(stepped_at < clock_timestamp() - interval '1 day', true) FROM chorus.installation);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.clock_stepped(p_seconds double precision, p_differs double precision DEFAULT NULL::double precision)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    at   CONSTANT timestamptz := clock_timestamp();
    step CONSTANT interval := make_interval(secs => p_seconds);
    c    record;
BEGIN
    UPDATE chorus.installation
    SET stepped_at = at,
        clock_differs = p_differs,
        suspect_until = CASE
            WHEN p_seconds > 0 AND suspect_until > at - step THEN suspect_until + step
            WHEN p_seconds < 0 AND suspect_until > at THEN greatest(at, suspect_until + step)
            ELSE suspect_until END,
        suspect_date = CASE
            WHEN p_seconds > 0 AND isfinite(suspect_date) AND quarantine_kind = 'restore'
                THEN greatest(suspect_date, ((quarantined_at + step) AT TIME ZONE 'Europe/Paris')::date + 1, suspect_date + floor(p_seconds / 86400)::integer)
            ELSE suspect_date END,
        forgotten_since = CASE WHEN p_seconds < 0 THEN forgotten_since + step ELSE forgotten_since END,
        quarantined_at = least(quarantined_at, at),
        created_at = least(created_at, at);
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'CLOCK_STEPPED', jsonb_build_object('seconds', round(coalesce(p_differs, p_seconds)::numeric, 1)));
    IF p_seconds > 0 THEN
        UPDATE chorus.accounts
        SET compare_since = least(compare_since, chorus.vouched_until(at), at - step - interval '1 hour'), compare_asked_at = at, compare_next_at = '-infinity';
    END IF;
    IF p_seconds >= 0 THEN
        RETURN;
    END IF;
    DELETE FROM chorus.heartbeats WHERE beat_at > at;
    UPDATE chorus.budgets b
    SET tat = least(tat, greatest(at, tat + step)), paused_until = least(paused_until, greatest(at, paused_until + step)), learned_at = least(learned_at, at),
        lanes = ARRAY (SELECT least(l, greatest(at, l + step)) FROM unnest(lanes) WITH ORDINALITY x (l, k) ORDER BY k),
        departures = ARRAY (SELECT least(l, greatest(at, l + step)) FROM unnest(departures) WITH ORDINALITY x (l, k) ORDER BY k);
    DELETE FROM chorus.feed_lateness WHERE hour > at;
    UPDATE chorus.accounts SET compare_since = compare_since + step WHERE compare_since > at; -- what it stands for was as much earlier
    UPDATE chorus.able SET said_at = said_at + step WHERE said_at > at; -- so is that
    -- Whatever the workers have noted of their own work. What stands in history is not touched, nor what the portal has told, and of invoices only what the machinery needs.
    FOR c IN
        SELECT t.relname, a.attname
        FROM pg_attribute a
        JOIN pg_class t ON t.oid = a.attrelid
        WHERE t.relnamespace = 'chorus'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND a.atttypid = 'timestamptz'::regtype
          AND (t.relname IN ('accounts', 'annuaire', 'breakers', 'checks', 'configured', 'recipient_services', 'recipients', 'secrets', 'slots', 'structures', 'suspects', 'tokens', 'webhooks')
                   AND a.attname <> 'compare_since'
               OR a.attname IN ('due_at', 'reason_due_at', 'claimed_until', 'in_doubt_since', 'deposited_at'))
    LOOP
        EXECUTE format('UPDATE chorus.%I SET %I = greatest($1, %2$I + $2) WHERE %2$I > $1 AND %2$I < ''infinity''' ||
                       CASE WHEN c.relname = 'invoices' THEN ' AND coalesce(not_before, $1) <= $1' ELSE '' END ||
                       CASE WHEN c.attname = 'deposited_at' THEN ' AND state = ''deposited''' ELSE '' END, c.relname, c.attname)
            USING at, step;
    END LOOP;
    UPDATE river.river_job SET scheduled_at = at WHERE scheduled_at > at AND state IN ('available', 'scheduled', 'retryable');
END $function$
;

CREATE OR REPLACE FUNCTION chorus.complete(p_id bigint, p_comment text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r bigint;
BEGIN
    PERFORM chorus.remediable(p_id, 'SUSPENDUE');
    INSERT INTO chorus.remedies (invoice_id, kind, requested_by, comment)
    VALUES (p_id, 'complete', chorus.actor(), nullif(left(btrim(p_comment), 2000), ''))
    RETURNING id INTO r;
    PERFORM chorus.send_attachments(p_id);
    RETURN r;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.count_money(p_within interval)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.cut_months()
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    this CONSTANT date := date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Paris')::date;
    m    text;
    made text[] := '{}';
    last bigint;
BEGIN
    IF NOT chorus.clock_is_trusted() THEN
        RAISE EXCEPTION 'the database''s clock was set less than a day ago: no month begins now' USING ERRCODE = 'CH060';
    END IF;
    last := chorus.last_event_id();
    FOR k IN 0..2 LOOP
        m := to_char(this + make_interval(months => k), 'YYYYMM');
        -- A clock that was ahead has led the numbers past this month: the month that they have come to goes on.
        CONTINUE WHEN EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = m) OR last >= (m::bigint + 1) * 10000000000 OR EXISTS (SELECT FROM chorus.archives a WHERE a.month = m AND a.attached_at IS NULL);
        PERFORM chorus.make_partition(m);
        PERFORM chorus.put_partition(m);
        made := made || m;
    END LOOP;
    m := to_char(this, 'YYYYMM');
    -- Only who holds the lock sets the sequence, and only forward: no number is given twice.
    IF last < m::bigint * 10000000000 AND EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = m AND p.attached) THEN
        PERFORM setval(pg_get_serial_sequence('chorus.events', 'id')::regclass, m::bigint * 10000000000, false);
    END IF;
    RETURN made;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.decline(p_id bigint, p_reason text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r    chorus.requests%ROWTYPE := chorus.open_request(p_id, p_reason);
    what CONSTANT text := CASE WHEN r.person && chorus.person() OR r.actor = chorus.actor() THEN 'withdrawn' ELSE 'refused' END;
    s    text;
BEGIN
    UPDATE chorus.requests SET decision = what, decided_at = clock_timestamp(), decided_by = chorus.actor() WHERE id = p_id;
    SELECT state INTO s FROM chorus.invoices WHERE id = r.invoice_id;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (r.invoice_id, chorus.actor(), s, s, CASE what WHEN 'refused' THEN 'REQUEST_REFUSED' ELSE 'REQUEST_WITHDRAWN' END,
            jsonb_build_object('request', p_id, 'action', r.action, 'reason', left(btrim(p_reason), 1000), 'asked_by', r.actor, 'asked_at', r.asked_at, 'asked_reason', r.reason));
    RETURN what;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.delete_view(p_name text, p_reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.depart(p_key text, OUT leaves_at timestamp with time zone, OUT delay_us bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    b   chorus.budgets%ROWTYPE;
    cur timestamptz;
    n   integer;
BEGIN
    SELECT * INTO b FROM chorus.budgets WHERE key = p_key FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    cur := clock_timestamp(); -- after the lock was granted
    n := cardinality(b.departures);
    leaves_at := greatest(cur, b.paused_until,
        b.departures[greatest(1, n + 1 - b.most)] + make_interval(secs => greatest(b.every_us, b.learned_us) * b.most * 0.98 / 1e6));
    delay_us := (extract(epoch FROM leaves_at - cur) * 1e6)::bigint;
    IF b.paused_until > cur + interval '2 seconds' THEN
        leaves_at := NULL;
        RETURN;
    END IF;
    UPDATE chorus.budgets SET departures = (b.departures || leaves_at)[greatest(1, n + 2 - b.most):] WHERE key = p_key;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.dismiss(p_id bigint, p_reason text, p_seen timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i   chorus.invoices%ROWTYPE := chorus.listed(p_id, p_reason, p_seen);
    why CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    INSERT INTO chorus.dismissals AS d (invoice_id, actor, reason) VALUES (p_id, chorus.actor(), why)
    ON CONFLICT (invoice_id) DO UPDATE SET at = clock_timestamp(), actor = excluded.actor, reason = excluded.reason;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (p_id, chorus.actor(), i.state, i.state, 'DISMISSED', jsonb_build_object('reason', why));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.document_intact(p_id bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE WHEN i.document IS NULL AND i.purged_at IS NOT NULL
                THEN EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = p_id AND e.reason_code = 'PURGED' AND e.detail ->> 'sha256' = encode(i.document_sha256, 'hex'))
                  OR EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = p_id AND b.purged_sha256 = encode(i.document_sha256, 'hex'))
                ELSE sha256(i.document) IS NOT DISTINCT FROM i.document_sha256 END
    FROM chorus.invoices i
    WHERE i.id = p_id AND chorus.sees(i.account)
$function$
;

CREATE OR REPLACE FUNCTION chorus.earlier_statuts(p_id bigint, p_claim bigint, p_codes text[], p_dates timestamp with time zone[], p_comments text[])
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.erase_account(p_account text, p_reason text)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.event_text(e chorus.events)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
BEGIN
    RETURN jsonb_build_object(
               'seq', e.seq, 'id', e.id, 'invoice_id', e.invoice_id, 'at', e.at, 'actor', e.actor, 'from_state', e.from_state, 'to_state', e.to_state, 'attempt', e.attempt,
               'reason_code', e.reason_code, 'detail', e.detail, 'attempt_sha256', encode(e.attempt_sha256, 'hex'), 'attempt_looks', e.attempt_looks,
               'invoice_sha256', encode(e.invoice_sha256, 'hex'))::text;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.event_type(p_invoice bigint, p_from text, p_to text, p_code text, p_detail jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
    SELECT CASE
        WHEN p_invoice IS NOT NULL AND p_to IS DISTINCT FROM p_from THEN 'invoice.' || p_to
        WHEN p_invoice IS NOT NULL THEN 'invoice.' || lower(coalesce(p_code, 'changed'))
        WHEN p_code LIKE 'WEBHOOK\_%' THEN 'webhook.' || lower(substr(p_code, 9))
        WHEN p_detail ? 'account' THEN 'account.' || lower(coalesce(p_code, 'changed'))
        ELSE 'system.' || lower(coalesce(p_code, 'changed'))
    END
$function$
;

CREATE OR REPLACE FUNCTION chorus.events_before_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    calls text;
BEGIN
    GET DIAGNOSTICS calls = PG_CONTEXT; -- the first line is this function's
    IF calls !~ '\n.*PL/pgSQL[^"\n]*chorus\.\w+\(' THEN
        RAISE EXCEPTION 'events are written by the functions of the schema chorus, never by hand' USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.events_before_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF OLD.seq IS NOT NULL OR NEW.seq IS NULL OR (NEW.id, NEW.at, NEW.actor, NEW.detail) IS DISTINCT FROM (OLD.id, OLD.at, OLD.actor, OLD.detail)
        OR (NEW.invoice_id, NEW.from_state, NEW.to_state, NEW.attempt, NEW.reason_code)
           IS DISTINCT FROM (OLD.invoice_id, OLD.from_state, OLD.to_state, OLD.attempt, OLD.reason_code) THEN
        RAISE EXCEPTION 'event %: history is not rewritten', OLD.id USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.explain(p_reason_code text, p_reason text, p_statut text, p_comment text)
 RETURNS TABLE(kind text, code text, who text, retry text, term text, column_name text, message text, text text, text_fr text, remedy text, remedy_fr text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH messages AS (
        SELECT row_number() OVER () AS n, btrim(said) AS said
        FROM regexp_split_to_table(left(p_reason, 4096), '\||; ') said
        WHERE p_reason_code IN ('FLUX_REJECTED', 'REFUSED') AND btrim(said) <> ''
        LIMIT 40
    ), matched AS (
        SELECT m.n, m.said, a.kind, a.code, a.n AS entry, a.general,
               bool_and(a.general) OVER (PARTITION BY m.n) AS only_general,
               min(a.n) OVER (PARTITION BY m.n) AS first
        FROM messages m
        JOIN chorus.answers a ON a.pattern IS NOT NULL AND chorus.folded(m.said) ~* a.pattern
    ), words AS (
        -- Motives and message codes: a word with an underscore anywhere, one without at the head alone.
        SELECT m.n, m.said, a.kind, a.code
        FROM messages m
        JOIN chorus.answers a
            ON a.kind = 'codeRetour' AND strpos(replace(m.said, '.', '_'), replace(a.message_code, '.', '_')) > 0
            OR a.kind = 'motif' AND m.said ~ ('^' || a.code || '($|[ :.,;-])')
            OR a.kind = 'motif' AND strpos(a.code, '_') > 0 AND m.said ~ ('(^|[^A-Z0-9_])' || a.code || '($|[^A-Z0-9_])')
    ), said AS (
        SELECT 1 AS part, 0::bigint AS n, 'reason' AS kind, p_reason_code AS code, NULL AS message
        UNION ALL
        SELECT 2, n, kind, code, said FROM matched WHERE NOT general OR only_general AND entry = first
        UNION ALL
        SELECT 2, n, kind, code, said FROM words
        UNION ALL
        SELECT 2, m.n, 'error', 'UNCLASSIFIED', m.said
        FROM messages m
        WHERE NOT EXISTS (SELECT FROM matched x WHERE x.n = m.n) AND NOT EXISTS (SELECT FROM words x WHERE x.n = m.n)
        UNION ALL
        SELECT 3, 0, 'statut', p_statut, NULL WHERE EXISTS (SELECT FROM chorus.answers a WHERE a.kind = 'statut' AND a.code = p_statut)
        UNION ALL
        SELECT 3, 0, 'error', 'UNCLASSIFIED', p_statut WHERE p_statut <> '' AND NOT EXISTS (SELECT FROM chorus.answers a WHERE a.kind = 'statut' AND a.code = p_statut)
        UNION ALL
        SELECT DISTINCT 4, 0::bigint, a.kind, a.code, NULL
        FROM regexp_split_to_table(left(concat_ws(' | ', p_comment, CASE p_reason_code WHEN 'RECIPIENT' THEN p_reason END), 4096), '\||; ') c
        JOIN chorus.answers a
            ON a.kind = 'motif' AND (btrim(c) ~ ('^' || a.code || '($|[ :.,;-])')
            OR strpos(a.code, '_') > 0 AND c ~ ('(^|[^A-Z0-9_])' || a.code || '($|[^A-Z0-9_])'))
    )
    SELECT a.kind, a.code, a.who, a.retry, a.term, a.column_name, s.message, a.text, a.text_fr, a.remedy, a.remedy_fr
    FROM said s
    JOIN chorus.answers a ON a.kind = s.kind AND a.code = s.code
    ORDER BY s.part, s.n, a.n
$function$
;

CREATE OR REPLACE FUNCTION chorus.feed_honours(p_account text, p_structure bigint, p_honoured text, p_offset interval)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.findings_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    what text := CASE WHEN TG_OP = 'INSERT' THEN 'FINDING'
                      WHEN NEW.state = OLD.state THEN NULL
                      WHEN NEW.state = 'open' AND NEW.last_reconciliation_id = OLD.last_reconciliation_id THEN 'FINDING_REOPENED' -- by a person
                      WHEN NEW.state = 'open' THEN 'FINDING' -- it was accepted, and has become another
                      WHEN NEW.state = 'closed' THEN 'FINDING_CLOSED'
                      WHEN NEW.state = 'accepted' THEN 'FINDING_ACCEPTED' END;
    row_state text := (SELECT state FROM chorus.invoices WHERE id = NEW.invoice_id);
BEGIN
    IF what IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
        VALUES (NEW.invoice_id, chorus.actor(), row_state, row_state, what, jsonb_strip_nulls(jsonb_build_object(
            'finding', NEW.id,
            'code', NEW.code,
            'text', NEW.text,
            'account', NEW.account,
            'numero_facture', NEW.numero_facture,
            'identifiant_facture_cpp', NEW.identifiant_facture_cpp,
            'resolution', NEW.resolution)));
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.fold_moves(p_most bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.folded(p_text text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
    SELECT btrim(regexp_replace(translate(p_text,
        U&'\00e0\00e2\00e4\00e1\00e3\00e5\00e7\00e8\00e9\00ea\00eb\00ec\00ed\00ee\00ef\00f1\00f2\00f3\00f4\00f6\00f5\00f9\00fa\00fb\00fc\00fd\00ff\00c0\00c2\00c4\00c1\00c3\00c5\00c7\00c8\00c9\00ca\00cb\00cc\00cd\00ce\00cf\00d1\00d2\00d3\00d4\00d6\00d5\00d9\00da\00db\00dc\00dd\0178\2019\2018\02bc\00ab\00bb\201c\201d\00a0\202f\2009\0009\000a\000d\0300\0301\0302\0303\0308\030a\0327',
        U&'aaaaaaceeeeiiiinooooouuuuyyAAAAAACEEEEIIIINOOOOOUUUUYY''''''""""      '), ' {2,}', ' ', 'g'))
$function$
;

CREATE OR REPLACE FUNCTION chorus.forget_exchanges(p_keep interval)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    gone  bigint;
    until timestamptz;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.exchanges WHERE kept_at < clock_timestamp() - p_keep) OR NOT chorus.clock_is_trusted()
        OR EXISTS (SELECT FROM chorus.events WHERE reason_code = 'EXCHANGES_FORGOTTEN' AND reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN')
                   AND at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) THEN
        RETURN 0;
    END IF;
    WITH old AS (
        DELETE FROM chorus.exchanges
        WHERE attempt_id IN (SELECT attempt_id FROM chorus.exchanges WHERE kept_at < clock_timestamp() - p_keep ORDER BY kept_at LIMIT 20000)
        RETURNING kept_at
    )
    SELECT count(*), max(kept_at) INTO gone, until FROM old;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'EXCHANGES_FORGOTTEN', jsonb_build_object('count', gone, 'until', until));
    RETURN gone;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.forget_gone()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    since CONSTANT timestamptz := (SELECT max(seen_at) FROM chorus.configured) - interval '10 minutes';
    gone  CONSTANT text[] := ARRAY (SELECT key FROM chorus.configured WHERE kind = 'breaker' AND seen_at < since);
BEGIN
    IF cardinality(gone) > 0 THEN
        UPDATE chorus.breakers SET announced = false WHERE key = ANY (gone) AND announced;
        DELETE FROM chorus.breakers WHERE key = ANY (gone);
        DELETE FROM chorus.tokens WHERE 'application/' || key = ANY (gone);
        DELETE FROM chorus.budgets WHERE 'application/' || key = ANY (gone);
    END IF;
    DELETE FROM chorus.configured WHERE seen_at < since;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.forget_webhook(p_name text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    at   bigint;
    seen CONSTANT timestamptz := (SELECT seen_at FROM chorus.configured WHERE kind = 'webhook' AND key = p_name);
BEGIN
    IF seen > clock_timestamp() - interval '30 seconds' THEN
        RAISE EXCEPTION 'a worker is configured with the webhook %: take it out of every worker''s CHORISTE_WEBHOOKS_FILE first; 30 seconds later it can be forgotten', p_name
            USING ERRCODE = 'CH022';
    ELSIF seen > (SELECT max(seen_at) FROM chorus.configured) - interval '30 seconds' THEN
        RAISE EXCEPTION 'no worker runs, and the last one was configured with the webhook %: take it out of every worker''s CHORISTE_WEBHOOKS_FILE and start one; 30 seconds later it can be forgotten', p_name
            USING ERRCODE = 'CH022';
    END IF;
    DELETE FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) RETURNING cursor INTO at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_FORGOTTEN', jsonb_build_object('webhook', p_name, 'cursor', at));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.has_beside(p_id bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM chorus.attachments a WHERE a.invoice_id = p_id)
        OR EXISTS (SELECT FROM chorus.remedies m JOIN chorus.remedy_files f ON f.remedy_id = m.id WHERE m.invoice_id = p_id)
        OR EXISTS (SELECT FROM chorus.exchanges x WHERE x.invoice_id = p_id);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.hash_before(p_seq bigint)
 RETURNS bytea
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(
        (SELECT hash FROM chorus.events WHERE seq = p_seq - 1),
        (SELECT a.runs_hash[array_position(a.runs_to, p_seq - 1)] FROM chorus.archives a WHERE a.attached_at IS NULL AND p_seq - 1 = ANY (a.runs_to)))
$function$
;

CREATE OR REPLACE FUNCTION chorus.identity()
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN (
        SELECT concat_ws('/', system_identifier,
            CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END,
            (SELECT oid FROM pg_database WHERE datname = current_database()),
            to_regclass('chorus.installation')::oid, to_regclass('chorus.invoices')::oid, to_regclass('chorus.attempts')::oid, to_regclass('chorus.events')::oid)
        FROM pg_control_system());
END $function$
;

CREATE OR REPLACE FUNCTION chorus.in_console()
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(console_login = session_user, false) FROM chorus.installation
$function$
;

CREATE OR REPLACE FUNCTION chorus.invoice_text(p_id bigint)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
                   'id', id, 'external_ref', external_ref, 'account', account, 'created_at', created_at, 'document_sha256', encode(document_sha256, 'hex'), 'document_bytes', document_bytes,
                   'syntaxe', syntaxe, 'numero_facture', numero_facture, 'date_facture', date_facture, 'type_facture', type_facture,
                   'fournisseur_siret', fournisseur_siret, 'fournisseur_nom', fournisseur_nom, 'destinataire_siret', destinataire_siret, 'destinataire_nom', destinataire_nom,
                   'montant_ht', montant_ht, 'montant_tva', montant_tva, 'montant_ttc', montant_ttc, 'montant_a_payer', montant_a_payer, 'devise', devise,
                   'cadre_facturation', cadre_facturation, 'code_service', code_service, 'numero_engagement', numero_engagement)::text
        FROM chorus.invoices
        WHERE id = p_id
    );
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_before_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.document IS NULL OR octet_length(NEW.document) = 0 THEN
        RAISE EXCEPTION 'column "document" is empty: it must hold the invoice file (Factur-X PDF, CII or UBL)' USING ERRCODE = 'CH010', COLUMN = 'document';
    END IF;
    IF octet_length(NEW.document) > chorus.max_document_bytes() THEN
        RAISE EXCEPTION 'column "document" holds % bytes: at most % are sent, make its attachments smaller', octet_length(NEW.document), chorus.max_document_bytes()
            USING ERRCODE = 'CH011', COLUMN = 'document';
    END IF;
    IF NEW.syntaxe_flux IS NOT NULL AND NEW.syntaxe_flux NOT IN (
        'IN_DP_E1_UBL_INVOICE', 'IN_DP_E1_CII', 'IN_DP_E1_PES_FACTURE', 'IN_DP_E1_XCBL', 'IN_DP_E1_CII_16B', 'IN_DP_E2_UBL_INVOICE_MIN',
        'IN_DP_E2_CII_MIN', 'IN_DP_E2_CII_MIN_16B', 'IN_DP_E2_PES_FACTURE_MIN', 'IN_DP_E2_CPP_FACTURE_MIN', 'IN_DP_E2_CII_FACTURX',
        'IN_DP_PDFARCHIVE_UBL_INVOICE_MUG', 'IN_DP_PDFARCHIVE_CII_MUG') THEN
        RAISE EXCEPTION 'column "syntaxe_flux" holds a value that Chorus Pro does not know: leave it null to have it recognised'
            USING ERRCODE = 'CH012', COLUMN = 'syntaxe_flux';
    END IF;
    IF NEW.metadata IS NOT NULL AND NOT chorus.legible(NEW.metadata) THEN
        RAISE EXCEPTION 'column "metadata" holds more than 65536 bytes, more than 32 levels, or a number beyond a double: keep the rest in a table of your own'
            USING ERRCODE = 'CH015', COLUMN = 'metadata';
    END IF;
    IF NEW.fields IS NOT NULL AND (NOT chorus.legible(NEW.fields) OR jsonb_typeof(NEW.fields) <> 'object') THEN
        RAISE EXCEPTION 'column "fields" holds no object, more than 65536 bytes, more than 32 levels, or a number beyond a double: it describes a PDF without XML (docs/sql.md)'
            USING ERRCODE = 'CH017', COLUMN = 'fields';
    END IF;
    IF NOT isfinite(NEW.not_before) OR NEW.not_before > clock_timestamp() + interval '5 years' THEN
        RAISE EXCEPTION 'column "not_before" is infinite or more than five years ahead: leave it null to have the invoice sent at once'
            USING ERRCODE = 'CH016', COLUMN = 'not_before';
    END IF;
    -- The same words for both, so that nobody learns which accounts there are.
    IF NOT chorus.sees(NEW.account) OR NOT EXISTS (SELECT FROM chorus.accounts a WHERE a.name = NEW.account)
        OR EXISTS (SELECT FROM chorus.retention r WHERE r.account = NEW.account AND r.erase_after IS NOT NULL) THEN
        RAISE EXCEPTION 'column "account" names an account that no worker has been configured with, or that is not mapped to your login'
            USING ERRCODE = 'CH013', COLUMN = 'account';
    END IF;
    IF NEW.state <> 'received' OR NEW.attempt_no <> 0 OR NEW.numero_flux_depot IS NOT NULL OR NEW.identifiant_facture_cpp IS NOT NULL
        OR NEW.cancel_requested_at IS NOT NULL OR NEW.purged_at IS NOT NULL THEN
        RAISE EXCEPTION 'a new invoice starts in state received, never sent: leave the worker''s columns alone' USING ERRCODE = 'CH002', COLUMN = 'state';
    END IF;
    NEW.document_sha256 := sha256(NEW.document);
    NEW.document_bytes := octet_length(NEW.document);
    NEW.due_at := clock_timestamp();
    NEW.lookup_first := EXISTS (SELECT FROM chorus.installation WHERE suspect_until > clock_timestamp());
    NEW.claim := NULL;
    NEW.claimed_until := NULL;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_before_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    purge CONSTANT boolean := NEW.purged_at IS DISTINCT FROM OLD.purged_at; -- invoices_purge says whether it may be
    by_function text; -- the column that only the owner's functions change so
BEGIN
    IF NEW.id <> OLD.id OR NEW.external_ref <> OLD.external_ref OR NEW.account <> OLD.account
        OR NOT purge AND (NEW.fields IS DISTINCT FROM OLD.fields OR NEW.metadata IS DISTINCT FROM OLD.metadata)
        OR NEW.syntaxe_flux IS DISTINCT FROM OLD.syntaxe_flux OR NEW.not_before IS DISTINCT FROM OLD.not_before
        OR NEW.priority <> OLD.priority OR NEW.created_at <> OLD.created_at
        OR NEW.document_sha256 <> OLD.document_sha256 OR NEW.document_bytes <> OLD.document_bytes THEN
        RAISE EXCEPTION 'invoice %: what the application inserted cannot be changed; cancel it and insert a new one', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- A status that is still to come is the portal's mistake. Kept, it would hide every later one: the latest date counts.
    IF NEW.statut_courant_date IS DISTINCT FROM OLD.statut_courant_date AND NEW.statut_courant_date > clock_timestamp() + interval '1 day' THEN
        NEW.statut_courant_date := clock_timestamp();
    END IF;
    IF NEW.replaces IS DISTINCT FROM OLD.replaces THEN
        RAISE EXCEPTION 'invoice %: what it replaces cannot be changed', OLD.id USING ERRCODE = 'CH001', COLUMN = 'replaces';
    END IF;
    IF NEW.attempt_no < OLD.attempt_no THEN
        RAISE EXCEPTION 'invoice %: attempt_no never goes back', OLD.id USING ERRCODE = 'CH001', COLUMN = 'attempt_no';
    END IF;

    IF NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at THEN
        IF OLD.cancel_requested_at IS NOT NULL THEN
            RAISE EXCEPTION 'invoice %: cancellation has been asked for already', OLD.id USING ERRCODE = 'CH004', COLUMN = 'cancel_requested_at';
        END IF;
        IF OLD.state NOT IN ('received', 'ready', 'sending', 'in_doubt', 'cancelled') THEN
            RAISE EXCEPTION 'invoice % is % and cannot be cancelled any more', OLD.id, OLD.state
                USING ERRCODE = 'CH004', COLUMN = 'cancel_requested_at';
        END IF;
        NEW.cancel_requested_at := clock_timestamp();
        -- Not sent yet: cancelled at once. In the air: honoured only if it turns out that nothing left.
        IF NEW.state = OLD.state AND OLD.state IN ('received', 'ready') THEN
            NEW.state := 'cancelled';
        END IF;
    END IF;

    IF NEW.state <> OLD.state THEN
        IF NOT EXISTS (SELECT FROM chorus.transitions t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
            RAISE EXCEPTION 'invoice %: no way from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'CH002', COLUMN = 'state';
        END IF;
        -- A step that was claimed for the old state is over, but for the job that has read the document and goes on to send it: it says until when.
        IF (OLD.state = 'received' AND NEW.state = 'ready' AND NEW.claim = OLD.claim AND NEW.claimed_until > OLD.claimed_until) IS NOT TRUE THEN
            NEW.claim := NULL;
            NEW.claimed_until := NULL;
        END IF;
        NEW.looks := 0;
        IF NEW.state = 'in_doubt' THEN
            NEW.in_doubt_since := clock_timestamp();
        ELSE
            NEW.in_doubt_since := NULL;
        END IF;
        IF NEW.state IN ('invalid', 'rejected', 'settled', 'cancelled', 'abandoned', 'parked', 'integrated', 'sending') THEN
            NEW.due_at := NULL;
        END IF;
        IF NEW.state IN ('ready', 'sending', 'deposited', 'integrated', 'settled', 'cancelled')
            AND NEW.reason_code IS NOT DISTINCT FROM OLD.reason_code AND NEW.reason IS NOT DISTINCT FROM OLD.reason THEN
            NEW.reason_code := NULL;
            NEW.reason := NULL;
        END IF;
        IF NEW.state = 'deposited' AND NEW.deposited_at IS NULL THEN
            NEW.deposited_at := clock_timestamp();
        END IF;
    END IF;
    -- What is known of an invoice once stays. An invalid one is received again before it is read again.
    IF OLD.state <> 'received'
        AND (OLD.syntaxe, OLD.numero_facture, OLD.date_facture, OLD.type_facture, OLD.fournisseur_siret, OLD.fournisseur_nom, OLD.destinataire_siret,
             OLD.destinataire_nom, OLD.montant_ht, OLD.montant_tva, OLD.montant_ttc, OLD.montant_a_payer, OLD.devise, OLD.cadre_facturation,
             OLD.code_service, OLD.numero_engagement)
            IS DISTINCT FROM
            (NEW.syntaxe, NEW.numero_facture, NEW.date_facture, NEW.type_facture, NEW.fournisseur_siret, NEW.fournisseur_nom, NEW.destinataire_siret,
             NEW.destinataire_nom, NEW.montant_ht, NEW.montant_tva, NEW.montant_ttc, NEW.montant_a_payer, NEW.devise, NEW.cadre_facturation,
             NEW.code_service, NEW.numero_engagement) THEN
        RAISE EXCEPTION 'invoice %: what was read from its document cannot be changed', OLD.id USING ERRCODE = 'CH001';
    END IF;
    IF OLD.identifiant_facture_cpp IS NOT NULL AND NEW.identifiant_facture_cpp IS DISTINCT FROM OLD.identifiant_facture_cpp THEN
        RAISE EXCEPTION 'invoice %: Chorus Pro''s number of it cannot be changed', OLD.id USING ERRCODE = 'CH001';
    END IF;
    IF NEW.resubmits < OLD.resubmits OR NEW.attempt_no = OLD.attempt_no AND NEW.state = 'sending' AND OLD.state <> 'sending' THEN
        RAISE EXCEPTION 'invoice %: its attempts are counted one by one, when they begin', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- What is to be looked up first is looked up first.
    IF OLD.lookup_first AND (NEW.state = 'sending' OR NOT NEW.lookup_first AND NEW.state <> 'in_doubt') THEN
        RAISE EXCEPTION 'invoice %: it may have been sent before, and is looked up first', OLD.id USING ERRCODE = 'CH001';
    END IF;
    -- What was purged and comes back to life is followed as before.
    IF OLD.purged_at IS NOT NULL AND NEW.state <> OLD.state AND NEW.state IN ('received', 'ready', 'sending') THEN
        RAISE EXCEPTION 'invoice %: its document was purged, so it cannot be read or sent again; insert the document anew', OLD.id USING ERRCODE = 'CH001';
    END IF;

    -- What only people decide goes by the functions made for it, which run as the owner: the ways out of parked, reading or sending again, the mark of an
    -- operator's wish (a reason code, while in doubt), counting an attempt that did not begin (but for the stand-in for one that may be forgotten), and
    -- taking a flux number away (but for the original of a duplicate, which has another one).
    by_function := CASE
        WHEN NEW.state <> OLD.state AND (OLD.state IN ('parked', 'invalid') OR OLD.state = 'rejected' AND NEW.state = 'in_doubt') THEN 'state'
        WHEN NEW.state = 'in_doubt' AND NEW.reason_code IN ('RETRY', 'RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE')
            AND (OLD.state <> 'in_doubt' OR NEW.reason_code IS DISTINCT FROM OLD.reason_code) THEN 'reason_code'
        WHEN NEW.attempt_no > OLD.attempt_no
            AND NOT (NEW.attempt_no = OLD.attempt_no + 1 AND NEW.state = 'sending' AND OLD.state IN ('ready', 'sending')
                     OR NEW.state = 'in_doubt' AND OLD.state = 'ready') THEN 'attempt_no'
        WHEN OLD.numero_flux_depot IS NOT NULL AND NEW.numero_flux_depot IS DISTINCT FROM OLD.numero_flux_depot
            AND NOT (OLD.state = 'in_doubt' AND NEW.state = 'deposited' AND NEW.numero_flux_depot IS NOT NULL) THEN 'numero_flux_depot'
    END;
    IF by_function IS NOT NULL AND current_user <> pg_get_userbyid((SELECT relowner FROM pg_class WHERE oid = TG_RELID)) THEN
        RAISE EXCEPTION 'invoice %: this goes by the functions made for it only, as chorus.retry and chorus.resolve', OLD.id USING ERRCODE = 'CH002', COLUMN = by_function;
    END IF;

    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_clock()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    now   CONSTANT timestamptz := clock_timestamp();
    today CONSTANT date := (CASE WHEN NEW.statut_courant_date BETWEEN NEW.created_at - interval '1 year' AND now + interval '1 day' THEN NEW.statut_courant_date ELSE now END
                            AT TIME ZONE 'Europe/Paris')::date;
BEGIN
    IF NEW.statut_courant = 'A_RECYCLER' THEN
        NEW.available_on := NULL;
        NEW.suspended_on := NULL;
        NEW.completed_on := NULL;
    ELSIF NEW.available_on IS NULL AND (NEW.statut_courant IN ('SUSPENDUE', 'COMPLETEE')
        OR EXISTS (SELECT FROM chorus.statuts s WHERE s.code = NEW.statut_courant AND s.stage BETWEEN 4 AND 9)) THEN
        NEW.available_on := today;
    END IF;
    IF NEW.statut_courant = 'SUSPENDUE' THEN
        NEW.suspended_on := coalesce(NEW.suspended_on, today);
    ELSIF OLD.statut_courant = 'SUSPENDUE' AND NEW.suspended_on IS NOT NULL THEN
        NEW.completed_on := coalesce(NEW.completed_on, today);
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_dismissed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF (NEW.state, NEW.reason_code, NEW.reason, NEW.statut_courant, NEW.statut_courant_date, NEW.statut_commentaire)
        IS DISTINCT FROM (OLD.state, OLD.reason_code, OLD.reason, OLD.statut_courant, OLD.statut_courant_date, OLD.statut_commentaire) THEN
        DELETE FROM chorus.dismissals WHERE invoice_id = NEW.id;
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_proof()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_purge()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_reason()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF (NEW.state, NEW.statut_courant, NEW.statut_courant_date, NEW.statut_commentaire)
        IS NOT DISTINCT FROM (OLD.state, OLD.statut_courant, OLD.statut_courant_date, OLD.statut_commentaire) THEN
        RETURN NEW;
    END IF;
    IF NEW.state NOT IN ('integrated', 'rejected') OR NEW.identifiant_facture_cpp IS NULL OR coalesce(NEW.statut_commentaire, '') <> ''
        OR NOT EXISTS (SELECT FROM chorus.statuts s WHERE s.code = NEW.statut_courant AND s.needs_reason) THEN
        NEW.reason_due_at := NULL;
    ELSE
        NEW.reason_due_at := clock_timestamp();
        NEW.looks := 0;
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_replaces()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    o chorus.invoices%ROWTYPE;
    n bigint;
BEGIN
    SELECT * INTO o FROM chorus.invoices WHERE id = NEW.replaces AND account = NEW.account FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "replaces" names no invoice of this account' USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    IF o.state <> 'rejected' OR o.identifiant_facture_cpp IS NULL THEN
        RAISE EXCEPTION 'column "replaces": invoice % is % (%), and only one that its recipient refused is replaced', o.id, o.state, coalesce(o.statut_courant, 'no status')
            USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    SELECT id INTO n FROM chorus.invoices r
    WHERE r.replaces = o.id AND r.state NOT IN ('invalid', 'cancelled') AND NOT (r.state = 'rejected' AND r.identifiant_facture_cpp IS NULL);
    IF FOUND THEN
        RAISE EXCEPTION 'column "replaces": invoice % is replaced by invoice % already', o.id, n USING ERRCODE = 'CH014', COLUMN = 'replaces';
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_sent_before()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    NEW.lookup_first := NEW.lookup_first OR chorus.shown(NEW.numero_facture, NEW.fournisseur_siret, NEW.date_facture) OR EXISTS (
        SELECT FROM chorus.installation WHERE suspect_date > '-infinity' AND coalesce(NEW.date_facture, '-infinity') <= suspect_date
    ) OR EXISTS (
        SELECT
        FROM chorus.invoices o
        WHERE o.numero_facture = NEW.numero_facture AND o.id <> NEW.id AND (o.state = 'abandoned' AND o.attempt_no > 0 OR o.lookup_first)
          AND left(o.fournisseur_siret, 9) = left(NEW.fournisseur_siret, 9) AND extract(year FROM o.date_facture) = extract(year FROM NEW.date_facture));
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_statut()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_stays_document()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE EXCEPTION 'invoice %: what the application inserted cannot be changed; cancel it and insert a new one', OLD.id USING ERRCODE = 'CH001';
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_suspended()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.state = 'integrated' AND NEW.identifiant_facture_cpp IS NOT NULL
        AND (OLD.state, OLD.statut_courant, OLD.statut_courant_date) IS DISTINCT FROM (NEW.state, NEW.statut_courant, NEW.statut_courant_date) THEN
        PERFORM chorus.send_attachments(NEW.id);
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_wake()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF pg_try_advisory_xact_lock(820001, 1) THEN
        PERFORM pg_notify('chorus_wake', '');
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.invoices_watch()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE chorus.structures
    SET resting = false, next_sync_at = least(next_sync_at, clock_timestamp()), sync_expected_at = least(sync_expected_at, clock_timestamp())
    WHERE account = NEW.account AND identifiant = NEW.fournisseur_siret AND resting;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.keep_documents(p_account text, p_keep interval, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.known_fluxes(p_id bigint)
 RETURNS TABLE(flux text, source text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH last AS (
        SELECT n, evidence -> 'lookups' -> -1 AS look
        FROM chorus.attempts
        WHERE invoice_id = p_id AND evidence ? 'lookups'
        ORDER BY n DESC
        LIMIT 1
    ), known AS (
        SELECT numero_flux_depot AS flux, 'attempt ' || n AS source, n::integer AS rank
        FROM chorus.attempts
        WHERE invoice_id = p_id AND numero_flux_depot IS NOT NULL
        UNION ALL
        SELECT x, 'last look-up', 1000000
        FROM last, jsonb_array_elements_text(coalesce(nullif(look -> 'fluxes', 'null'), jsonb_build_array(look -> 'flux'))) x
        WHERE x <> ''
        UNION ALL
        SELECT numero_flux_depot, 'the row', 1000001 FROM chorus.invoices WHERE id = p_id AND numero_flux_depot IS NOT NULL
    )
    SELECT k.flux, string_agg(k.source, ', ' ORDER BY k.rank)
    FROM known k
    WHERE NOT EXISTS (SELECT FROM chorus.invoices o WHERE o.numero_flux_depot = k.flux AND o.id <> p_id)
      AND EXISTS (SELECT FROM chorus.invoices i WHERE i.id = p_id AND chorus.sees(i.account))
    GROUP BY k.flux
    ORDER BY min(k.rank), k.flux
$function$
;

CREATE OR REPLACE FUNCTION chorus.last_event_id()
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    last bigint;
BEGIN
    EXECUTE format('SELECT last_value FROM %s', pg_get_serial_sequence('chorus.events', 'id')) INTO last;
    RETURN last;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.last_move(p_id bigint)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.late_interest(p_amount numeric, p_days integer, p_rate numeric)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT round(p_amount * p_days * p_rate / 36500, 2)
$function$
;

CREATE OR REPLACE FUNCTION chorus.legible(j jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE
        WHEN j IS NULL THEN true
        WHEN pg_column_size(j) > 65536 THEN false
        WHEN jsonb_path_exists(j, 'strict $.**{33}') THEN false
        WHEN jsonb_path_exists(j, 'strict $.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))') THEN false
        ELSE octet_length(j::text) <= 65536
    END
$function$
;

CREATE OR REPLACE FUNCTION chorus.listed(p_id bigint, p_reason text, p_seen timestamp with time zone)
 RETURNS chorus.invoices
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i chorus.invoices%ROWTYPE;
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'taking an invoice off the list, or putting it back, needs a reason' USING ERRCODE = 'CH021';
    END IF;
    PERFORM chorus.as_seen(p_id, i.updated_at, p_seen);
    IF i.state NOT IN ('invalid', 'rejected') THEN
        RAISE EXCEPTION 'invoice % is %: only invalid and rejected invoices are taken off the list, everything else leaves it by itself', p_id, i.state USING ERRCODE = 'CH022';
    END IF;
    RETURN i;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.lock_partitions()
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM chorus.locks WHERE name = 'partitions' FOR UPDATE SKIP LOCKED;
    RETURN FOUND;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.logins_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.maintenance_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE NEW.state WHEN 'running' THEN 'MAINTENANCE_BEGAN' ELSE 'MAINTENANCE_ENDED' END,
            jsonb_build_object('starts_at', NEW.starts_at, 'ends_at', NEW.ends_at));
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.make_partition(p_month text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    EXECUTE format('CREATE TABLE chorus.%I (LIKE chorus.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)', 'events_' || p_month);
    EXECUTE format('ALTER TABLE chorus.%I ENABLE ROW LEVEL SECURITY', 'events_' || p_month); -- nobody reads or writes but by chorus.events
    EXECUTE format('REVOKE ALL ON chorus.%I FROM PUBLIC, chorus_app, chorus_worker, chorus_operator, chorus_reader', 'events_' || p_month);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.max_document_bytes()
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT 10485760 $function$
;

CREATE OR REPLACE FUNCTION chorus.may_change_views()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'views are for all accounts at once: an operator saves or deletes them who sees them all' USING ERRCODE = '42501';
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.money_block(p_id bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT p_id / 10000 $function$
;

CREATE OR REPLACE FUNCTION chorus.money_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM chorus.tallied FOR SHARE;
    IF TG_LEVEL = 'ROW' THEN
        DELETE FROM chorus.money_blocks WHERE block = chorus.money_block(NEW.id);
    ELSE
        DELETE FROM chorus.money_blocks;
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.money_of_block(p_block bigint)
 RETURNS SETOF chorus.money_sums
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
BEGIN
    RETURN QUERY
    SELECT p_block, m.account, m.stage, m.destinataire_siret, m.devise, min(m.available_on), count(*), sum(m.amount), count(m.indemnity), sum(m.interest), sum(m.indemnity)
    FROM chorus.money m
    WHERE m.open AND m.invoice >= p_block * 10000 AND m.invoice < (p_block + 1) * 10000
    GROUP BY m.account, m.stage, m.destinataire_siret, m.devise;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.money_open(p_account text, p_recipient text)
 RETURNS TABLE(stage text, destinataire_siret text, devise text, oldest date, invoices bigint, amount numeric, late bigint, interest numeric, indemnity bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.month_chain(p_month text, OUT events bigint, OUT runs_from bigint[], OUT runs_to bigint[], OUT runs_before bytea[], OUT runs_hash bytea[])
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_sort TO 'off'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    p      record;
    e      chorus.events;
    before bytea;
    seq    bigint;
BEGIN
    events := 0;
    runs_from := '{}';
    runs_to := '{}';
    runs_before := '{}';
    runs_hash := '{}';
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month;
    FOR e IN SELECT x.* FROM chorus.events x WHERE x.id >= p.from_id AND x.id < p.until_id AND x.seq IS NOT NULL ORDER BY x.seq LOOP
        IF e.seq IS DISTINCT FROM seq + 1 THEN
            IF seq IS NOT NULL THEN
                runs_to := runs_to || seq;
                runs_hash := runs_hash || before;
            END IF;
            before := chorus.hash_before(e.seq);
            runs_from := runs_from || e.seq;
            runs_before := runs_before || coalesce(before, '');
        END IF;
        IF e.hash IS DISTINCT FROM sha256(coalesce(before, '') || convert_to(chorus.event_text(e), 'UTF8')) THEN
            RAISE EXCEPTION 'event % does not fit the chain over history: choriste verify --database says more', e.seq USING ERRCODE = 'CH060';
        END IF;
        seq := e.seq;
        before := e.hash;
        events := events + 1;
    END LOOP;
    IF seq IS NOT NULL THEN
        runs_to := runs_to || seq;
        runs_hash := runs_hash || before;
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.month_facts(p_month text, p_age interval, OUT events bigint, OUT first_at timestamp with time zone, OUT last_at timestamp with time zone, OUT unnumbered bigint, OUT top_seq bigint, OUT invoices bigint, OUT not_final bigint, OUT not_over bigint)
 RETURNS record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    p record;
BEGIN
    IF NOT chorus.sees_all() THEN
        RAISE EXCEPTION 'this login sees some accounts only: a month is everybody''s' USING ERRCODE = 'CH060';
    END IF;
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month AND x.attached;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no month % in chorus.events', p_month USING ERRCODE = 'CH020';
    END IF;
    SELECT count(*), min(e.at), max(e.at), count(*) FILTER (WHERE e.seq IS NULL), max(e.seq)
    INTO events, first_at, last_at, unnumbered, top_seq
    FROM chorus.events e
    WHERE e.id >= p.from_id AND e.id < p.until_id;
    SELECT count(*), count(*) FILTER (WHERE x.final IS NOT TRUE), count(*) FILTER (WHERE x.final AND NOT x.over)
    INTO invoices, not_final, not_over
    FROM (
        SELECT i.state IN ('settled', 'rejected', 'invalid', 'cancelled', 'abandoned') AS final,
               i.updated_at < clock_timestamp() - p_age AND i.claim IS NULL AND i.claimed_until IS NULL AND i.reason_due_at IS NULL
               AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.outcome IS NULL)
               AND NOT EXISTS (SELECT FROM chorus.remedies r WHERE r.invoice_id = i.id AND r.state NOT IN ('done', 'refused')) AS over
        FROM (SELECT DISTINCT e.invoice_id FROM chorus.events e WHERE e.id >= p.from_id AND e.id < p.until_id AND e.invoice_id IS NOT NULL) e
        LEFT JOIN chorus.invoices i ON i.id = e.invoice_id
    ) x;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.month_is_back(p_archive bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    a chorus.archives%ROWTYPE;
    c record;
BEGIN
    SELECT * INTO a FROM chorus.archives WHERE id = p_archive AND attached_at IS NULL FOR UPDATE;
    SELECT x.* INTO c FROM chorus.month_chain(a.month) x;
    IF (c.events, c.runs_from, c.runs_to, c.runs_before, c.runs_hash) IS DISTINCT FROM (a.events, a.runs_from, a.runs_to, a.runs_before, a.runs_hash) THEN
        RAISE EXCEPTION 'the month % is not what left: % events, and % were written down', a.month, c.events, a.events USING ERRCODE = 'CH060';
    END IF;
    UPDATE chorus.archives SET attached_at = clock_timestamp(), attached_by = chorus.actor() WHERE id = p_archive;
    DELETE FROM chorus.archived_invoices WHERE archive = p_archive;
    DELETE FROM chorus.archived_events WHERE archive = p_archive;
    INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'ATTACHED', jsonb_build_object('month', a.month, 'events', a.events, 'sha256', encode(a.sha256, 'hex')));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.month_waits(p_month text, p_age interval)
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    f    record;
    last CONSTANT bigint := chorus.last_event_id();
    waits text := chorus.purge_waits();
    who  text;
BEGIN
    IF waits IS NOT NULL THEN
        RETURN waits;
    ELSIF p_age < interval '1 day' OR p_age IS NULL THEN
        RETURN 'a month stays for a day at least after its last invoice was final';
    ELSIF EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = p_month AND p.until_id > last) THEN
        RETURN 'events are still written to it: choriste partition apply begins the month that is';
    END IF;
    SELECT x.* INTO f FROM chorus.month_facts(p_month, p_age) x;
    IF f.events = 0 THEN
        RETURN 'it holds nothing';
    ELSIF f.last_at >= clock_timestamp() - p_age THEN
        RETURN 'its last event is not as old as was asked for';
    ELSIF f.not_final > 0 THEN
        RETURN format('%s of its invoices are not final', f.not_final);
    ELSIF f.not_over > 0 THEN
        RETURN format('%s of its invoices have been final for too short, or something of them is under way', f.not_over);
    ELSIF f.unnumbered > 0 THEN
        RETURN format('%s of its events have no number yet: let a worker run', f.unnumbered);
    ELSIF f.top_seq >= (SELECT max(e.seq) FROM chorus.events e) THEN
        RETURN 'no younger event has a number yet: let a worker run';
    ELSIF f.top_seq > (SELECT t.seq FROM chorus.tallied t) THEN
        RETURN 'its moves are not counted yet: let a worker run';
    END IF;
    SELECT min(w.name) INTO who FROM chorus.webhooks w WHERE w.cursor < f.top_seq;
    IF who IS NOT NULL THEN
        RETURN format('the webhook %s has not been told of all of it', who);
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.moved_blocks(p_after bigint, p_until bigint)
 RETURNS SETOF bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.moves(p_after bigint, p_until bigint)
 RETURNS TABLE(account text, state text, count bigint)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.my_accounts()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.my_way()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN ARRAY(SELECT DISTINCT key FROM chorus.accounts, unnest(behind) key WHERE name = ANY (chorus.my_accounts()));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.next_months()
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    this CONSTANT text := to_char(clock_timestamp() AT TIME ZONE 'Europe/Paris', 'YYYYMM');
    ahead CONSTANT text := to_char((clock_timestamp() AT TIME ZONE 'Europe/Paris') + interval '2 months', 'YYYYMM');
    last  CONSTANT bigint := chorus.last_event_id();
    here  CONSTANT text := last / 10000000000;
BEGIN
    IF here ~ '^[2-9]\d{3}(0[1-9]|1[0-2])$' AND to_regclass('chorus.events_' || here) IS NULL THEN
        IF NOT chorus.lock_partitions() THEN
            RETURN '{}';
        END IF;
        PERFORM chorus.make_partition(here);
        PERFORM chorus.put_partition(here);
        RETURN ARRAY[here];
    END IF;
    IF to_regclass('chorus.events_' || ahead) IS NOT NULL AND last >= this::bigint * 10000000000
        OR NOT EXISTS (SELECT FROM chorus.partitions() p WHERE p.month <> 'first') OR NOT chorus.clock_is_trusted() OR NOT chorus.lock_partitions() THEN
        RETURN '{}';
    END IF;
    RETURN chorus.cut_months();
END $function$
;

CREATE OR REPLACE FUNCTION chorus.nobody_mapped()
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN chorus.only_accounts() IS NULL AND NOT EXISTS (SELECT FROM chorus.logins);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.note_sign_in(p_person text, p_by text, p_from text, p_via text, p_name text, p_why text, p_times integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (session_user || '/console' || coalesce(':' || left(p_person, 92), ''), CASE WHEN p_why IS NULL THEN 'SIGNED_IN' ELSE 'SIGN_IN_REFUSED' END,
            jsonb_strip_nulls(jsonb_build_object('by', left(p_by, 20), 'from', left(p_from, 60), 'via', left(p_via, 60), 'name', left(p_name, 100), 'why', left(p_why, 40), 'times', p_times)));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.number_events(p_most integer, OUT numbered integer, OUT highest bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    e        chorus.events;
    before   bytea;
    ids      bigint[] := '{}'; -- of the events, and what they get
    hashes   bytea[] := '{}';
    attempts bytea[] := '{}';
    looks    integer[] := '{}';
    invoices bytea[] := '{}';
BEGIN
    numbered := 0;
    SELECT x.seq, x.hash INTO highest, before
    FROM (
        SELECT c.seq, c.hash, 1 AS k FROM chorus.chain c
        UNION ALL
        (SELECT l.seq, l.hash, 2 FROM chorus.events l WHERE l.seq IS NOT NULL ORDER BY l.seq DESC LIMIT 1) -- when the chain's end was taken back
    ) x
    ORDER BY x.seq DESC, x.k
    LIMIT 1;
    highest := coalesce(highest, 0);
    FOR e IN SELECT * FROM chorus.events n WHERE n.seq IS NULL ORDER BY n.id LIMIT p_most LOOP
        numbered := numbered + 1;
        highest := highest + 1;
        e.seq := highest;
        IF e.attempt IS NOT NULL THEN
            SELECT jsonb_array_length(coalesce(a.evidence -> 'lookups', '[]')) INTO e.attempt_looks FROM chorus.attempts a WHERE a.invoice_id = e.invoice_id AND a.n = e.attempt;
            e.attempt_sha256 := sha256(convert_to(chorus.attempt_text(e.invoice_id, e.attempt, e.attempt_looks), 'UTF8'));
        END IF;
        IF e.to_state = 'sending' THEN
            e.invoice_sha256 := sha256(convert_to(chorus.invoice_text(e.invoice_id), 'UTF8'));
        END IF;
        e.hash := sha256(coalesce(before, '') || convert_to(chorus.event_text(e), 'UTF8'));
        before := e.hash;
        ids := ids || e.id;
        hashes := hashes || e.hash;
        attempts := attempts || e.attempt_sha256;
        looks := looks || e.attempt_looks;
        invoices := invoices || e.invoice_sha256;
    END LOOP;
    IF numbered = 0 THEN
        highest := NULL;
        RETURN;
    END IF;
    UPDATE chorus.events n
    SET seq = highest - numbered + x.k, hash = x.hash, attempt_sha256 = x.attempt_sha256, attempt_looks = x.attempt_looks, invoice_sha256 = x.invoice_sha256
    FROM unnest(ids, hashes, attempts, looks, invoices) WITH ORDINALITY x (id, hash, attempt_sha256, attempt_looks, invoice_sha256, k)
    WHERE n.id = x.id;
    INSERT INTO chorus.chain AS c (seq, hash) VALUES (highest, before)
    ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.oldest_row()
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN least((SELECT at FROM chorus.events ORDER BY id LIMIT 1), (SELECT min(first_at) FROM chorus.archives), (SELECT claimed_at FROM chorus.attempts ORDER BY claimed_at LIMIT 1));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.only_accounts()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN nullif(current_setting('chorus.only_accounts', true), '')::text[];
END $function$
;

CREATE OR REPLACE FUNCTION chorus.open_request(p_id bigint, p_reason text)
 RETURNS chorus.requests
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r chorus.requests%ROWTYPE;
BEGIN
    SELECT * INTO r FROM chorus.requests x
    WHERE x.id = p_id AND CASE WHEN x.invoice_id IS NULL THEN chorus.sees_all() ELSE chorus.sees((SELECT i.account FROM chorus.invoices i WHERE i.id = x.invoice_id)) END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no request %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'to agree to a request, or to refuse it, needs a reason' USING ERRCODE = 'CH021';
    END IF;
    PERFORM FROM chorus.invoices WHERE id = r.invoice_id FOR UPDATE;
    SELECT * INTO r FROM chorus.requests x WHERE x.id = p_id FOR UPDATE;
    IF r.decision IS NOT NULL THEN
        RAISE EXCEPTION 'request % was % on % UTC', p_id, r.decision, to_char(r.decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') USING ERRCODE = 'CH027';
    END IF;
    IF r.until <= clock_timestamp() THEN
        RAISE EXCEPTION 'request % has lapsed on % UTC: ask anew', p_id, to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') USING ERRCODE = 'CH027';
    END IF;
    RETURN r;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.other_password(p_account text, p_hash bytea)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.partitions()
 RETURNS TABLE(month text, name text, from_id bigint, until_id bigint, attached boolean, pending boolean, rows bigint, bytes bigint)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN QUERY
    SELECT m.month, c.relname::text,
           CASE m.month WHEN 'first' THEN 0 ELSE m.month::bigint * 10000000000 END,
           CASE m.month WHEN 'first' THEN 2000000000000000 ELSE to_char(to_date(m.month, 'YYYYMM') + interval '1 month', 'YYYYMM')::bigint * 10000000000 END,
           i.inhrelid IS NOT NULL, coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false), -- which PostgreSQL 13 does not have
           c.reltuples::bigint, pg_total_relation_size(c.oid)
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT substr(c.relname, 8) AS month) m
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'chorus.events'::regclass
    WHERE c.relnamespace = 'chorus'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^events_(first|\d{6})$'
    ORDER BY m.month <> 'first', m.month;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.pause(p_account text, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.pause_webhook(p_name text, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF btrim(p_reason) = '' THEN
        RAISE EXCEPTION 'pausing a webhook needs a reason' USING ERRCODE = 'CH021';
    END IF;
    p_reason := left(p_reason, 1000);
    UPDATE chorus.webhooks
    SET paused_at = CASE WHEN p_reason IS NULL THEN NULL ELSE coalesce(paused_at, clock_timestamp()) END, pause_reason = p_reason,
        failures = CASE WHEN p_reason IS NULL THEN 0 ELSE failures END,
        failing_since = CASE WHEN p_reason IS NULL THEN NULL ELSE failing_since END,
        due_at = CASE WHEN p_reason IS NULL THEN clock_timestamp() ELSE due_at END
    WHERE name = p_name AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), CASE WHEN p_reason IS NULL THEN 'WEBHOOK_RESUMED' ELSE 'WEBHOOK_PAUSED' END,
            jsonb_strip_nulls(jsonb_build_object('webhook', p_name, 'reason', p_reason)));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.person()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN CASE WHEN chorus.in_console() THEN coalesce(nullif(current_setting('chorus.person', true), '')::text[], '{}') ELSE ARRAY['login ' || session_user] END;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.purge(p_account text, p_most integer, OUT invoices integer, OUT bytes bigint, OUT exchanges bigint, OUT files bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.purge_count(p_account text, OUT invoices bigint, OUT bytes bigint, OUT exchanges bigint, OUT files bigint, OUT held bigint, OUT not_final bigint)
 RETURNS record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.purge_due(p_account text, p_most bigint)
 RETURNS TABLE(id bigint, bytes bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.purge_waits()
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.put_partition(p_month text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    part CONSTANT text := format('chorus.%I', 'events_' || p_month);
    p    record;
    def  text;
BEGIN
    SELECT x.* INTO p FROM chorus.partitions() x WHERE x.month = p_month;
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (id)', part);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %s (seq) WHERE seq IS NOT NULL', 'events_' || p_month || '_seq_key', part);
    FOR def IN SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = 'chorus.events'::regclass AND NOT i.indisprimary LOOP
        EXECUTE regexp_replace(def, '^CREATE INDEX events_(\S+) ON (ONLY )?chorus\.events ', format('CREATE INDEX events_%s_\1 ON %s ', p_month, part));
    END LOOP;
    EXECUTE format('CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION chorus.refuse()', part);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT events_range CHECK (id >= %s AND id < %s)', part, p.from_id, p.until_id);
    EXECUTE format('ALTER TABLE chorus.events ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', part, CASE p_month WHEN 'first' THEN 'MINVALUE' ELSE p.from_id::text END, p.until_id);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT events_range', part);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.quarantine(p_kind text, p_seen integer, p_detail jsonb, p_since timestamp with time zone, p_tables boolean, p_window interval, p_head integer, OUT quarantines integer, OUT moved integer)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    now_epoch text := chorus.identity();
    inst      chorus.installation%ROWTYPE;
    since     timestamptz;
    at        timestamptz;
    cancelled bigint[];
    why       CONSTANT text := 'the database may have forgotten a deposit';
BEGIN
    -- Every transaction that moves rows holds this lock.
    LOCK TABLE chorus.locks IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO inst FROM chorus.installation FOR UPDATE;
    quarantines := inst.quarantines;
    moved := 0;
    IF inst.quarantines > p_seen THEN
        RETURN;
    END IF;
    quarantines := p_seen + 1;
    at := clock_timestamp();
    -- What a worker remembers was told by the same clock: where the history goes on earlier, that was ahead.
    since := CASE WHEN p_since <= at THEN least(p_since, (SELECT e.at FROM chorus.events e ORDER BY e.id DESC LIMIT 1)) ELSE chorus.vouched_until(at) END;
    DELETE FROM chorus.heartbeats WHERE beat_at > at;
    IF p_tables THEN
        -- What history says was cancelled: the row alone was taken back.
        cancelled := ARRAY(
            SELECT i.id
            FROM chorus.invoices i
            WHERE i.state IN ('received', 'ready', 'sending', 'in_doubt') AND i.cancel_requested_at IS NULL AND 'cancelled' = chorus.last_move(i.id));
        since := least(since, (SELECT min(updated_at) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt')),
            chorus.unknown_to_rows('-infinity'));
    END IF;
    IF EXISTS (SELECT FROM chorus.invoices WHERE state IN ('received', 'invalid', 'in_doubt') AND (lookup_first OR reason_code = 'QUARANTINE')) THEN
        since := least(since, inst.forgotten_since); -- an earlier quarantine is not over
    END IF;
    UPDATE chorus.installation i
    SET db_epoch = now_epoch, quarantines = p_seen + 1, quarantined_at = at, quarantine_kind = p_kind, forgotten_since = since,
        suspect_until = CASE WHEN p_kind = 'restore' THEN at + p_window ELSE i.suspect_until END,
        -- A day more: somewhere it is tomorrow.
        -- Nor is the clock behind what it has told a worker.
        suspect_date = CASE WHEN p_kind = 'restore' THEN greatest(i.suspect_date, (greatest(at, p_since) AT TIME ZONE 'Europe/Paris')::date + 1) ELSE i.suspect_date END,
        suspect_before = i.suspect_date,
        created_at = least(i.created_at, chorus.oldest_row()); -- older rows are dealt with
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'QUARANTINE', p_detail || jsonb_build_object('kind', p_kind, 'epoch', now_epoch, 'epoch_before', inst.db_epoch, 'since', since));

    UPDATE chorus.attempts a SET outcome = 'OWNER_LOST', finished_at = at
    FROM chorus.invoices i
    WHERE i.state = 'sending' AND a.invoice_id = i.id AND a.n = i.attempt_no AND a.outcome IS NULL;
    UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id IS NOT NULL;
    UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'QUARANTINE', reason = why, due_at = at WHERE state = 'sending';
    -- In doubt about the attempt that is remembered; there may be a later one. Their age counts from now (docs/protocol.md §3.5).
    UPDATE chorus.invoices
    SET reason_code = 'QUARANTINE', reason = why, in_doubt_since = at, due_at = at, claim = NULL, claimed_until = NULL
    WHERE state = 'in_doubt' AND reason_code IS DISTINCT FROM 'QUARANTINE';
    -- A number that was given to a forgotten attempt, of which another table still tells, is not given again.
    WITH head AS (
        SELECT id, state, document_sha256, gen_random_uuid() AS attempt,
               1 + greatest(attempt_no, (SELECT max(n) FROM chorus.attempts a WHERE a.invoice_id = i.id),
                            (SELECT max(attempt) FROM chorus.events e WHERE e.invoice_id = i.id),
                            (SELECT max(attempt) FROM chorus.archived_invoices b WHERE b.invoice_id = i.id)) AS n
        FROM chorus.invoices i
        WHERE state = 'ready'
           OR state = 'in_doubt' AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n = i.attempt_no)
           OR state = 'in_doubt' AND EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n > i.attempt_no)
        ORDER BY state = 'ready', priority DESC, id
        LIMIT CASE WHEN p_kind = 'restore' THEN NULL ELSE p_head END
        FOR UPDATE
    ), stand_in AS (
        INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome,
            evidence)
        SELECT attempt, id, n, 'quarantine', 'quarantine_' || replace(attempt::text, '-', ''), document_sha256, coalesce(inst.db_epoch, now_epoch),
               at, at, at, 'OWNER_LOST', jsonb_build_object('since', since)
        FROM head
    )
    UPDATE chorus.invoices i
    SET state = 'in_doubt', attempt_no = head.n, reason_code = 'QUARANTINE', reason = why, due_at = at
    FROM head
    WHERE i.id = head.id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE chorus.invoices SET cancel_requested_at = at WHERE id = ANY (cancelled) AND state IN ('received', 'in_doubt') AND cancel_requested_at IS NULL;
    -- What is read, or read again, from here on may have been read and sent before; what was parked before its first attempt may have been resubmitted.
    UPDATE chorus.invoices SET lookup_first = true
    WHERE (state IN ('received', 'invalid') OR state = 'parked' AND attempt_no = 0) AND NOT lookup_first;
    -- The comparison at a start has nothing to find any more.
    UPDATE chorus.accounts SET compare_since = NULL WHERE compare_since IS NOT NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.reachable(p_account text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN NOT EXISTS (
            SELECT
            FROM chorus.accounts a
            JOIN chorus.breakers b ON b.key = ANY (a.behind)
            WHERE a.name = p_account AND b.state = 'open'
        )
        AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE clock_timestamp() BETWEEN starts_at AND ends_at);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.read_evidence(p_id bigint)
 RETURNS bytea
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    d bytea;
    s text;
BEGIN
    SELECT document, state INTO d, s FROM chorus.invoices WHERE id = p_id AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code) VALUES (p_id, chorus.actor(), s, s, 'EVIDENCE_READ');
    RETURN d;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.readable(j jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN chorus.legible(j) THEN j ELSE '{"unreadable": "too large or too deep"}' END
$function$
;

CREATE OR REPLACE FUNCTION chorus.reconcile(p_account text, p_siret text, p_from date, p_to date)
 RETURNS SETOF bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    last_day  date := coalesce(p_to, (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date);
    first_day date := coalesce(p_from, last_day - 6);
    s         chorus.structures%ROWTYPE;
    day       date;
    days      daterange;
    run       bigint;
BEGIN
    IF last_day < first_day OR last_day - first_day >= 366 THEN
        RAISE EXCEPTION 'the period from % to % is empty or longer than a year', first_day, last_day USING ERRCODE = 'CH040';
    END IF;
    IF NOT EXISTS (SELECT FROM chorus.structures x WHERE (p_account IS NULL OR x.account = p_account) AND (p_siret IS NULL OR x.identifiant = p_siret) AND chorus.sees(x.account)) THEN
        RAISE EXCEPTION 'no account sees such a supplier structure: check the account and the SIRET' USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'RECONCILE_ASKED', jsonb_strip_nulls(jsonb_build_object('account', p_account, 'siret', p_siret, 'since', first_day, 'until', last_day)));
    FOR s IN
        SELECT *
        FROM chorus.structures x
        WHERE (p_account IS NULL OR x.account = p_account)
          AND (p_siret IS NULL OR x.identifiant = p_siret)
          AND chorus.sees(x.account)
          AND (p_siret IS NOT NULL
               OR EXISTS (SELECT FROM chorus.invoices i WHERE i.account = x.account AND i.fournisseur_siret = x.identifiant AND i.deposited_at IS NOT NULL))
        ORDER BY x.account, x.identifiant
    LOOP
        day := first_day;
        WHILE day <= last_day LOOP
            days := daterange(day, least(day + 7, last_day + 1));
            INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by)
            VALUES (s.account, s.id_structure_cpp, s.identifiant, days, chorus.actor())
            ON CONFLICT DO NOTHING
            RETURNING id INTO run;
            IF run IS NULL THEN
                SELECT r.id INTO run
                FROM chorus.reconciliations r
                WHERE r.account = s.account AND r.id_structure_cpp = s.id_structure_cpp AND r.period = days AND r.state IN ('requested', 'running');
            END IF;
            IF run IS NOT NULL THEN
                RETURN NEXT run;
            END IF;
            run := NULL;
            day := day + 7;
        END LOOP;
    END LOOP;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.recount(p_nightly boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.recycle(p_id bigint, p_destinataire text DEFAULT NULL::text, p_service text DEFAULT NULL::text, p_engagement text DEFAULT NULL::text, p_comment text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i      chorus.invoices%ROWTYPE := chorus.remediable(p_id, 'A_RECYCLER');
    before chorus.remedies%ROWTYPE;
    r      bigint;
BEGIN
    IF coalesce(p_destinataire, p_service, p_engagement, '') = '' THEN
        RAISE EXCEPTION 'recycling needs another recipient, service or commitment' USING ERRCODE = 'CH024';
    END IF;
    IF p_destinataire !~ '^[0-9]{14}$' OR length(p_service) > 100 OR length(p_engagement) > 50 THEN
        RAISE EXCEPTION 'a recipient is a SIRET of 14 digits, a service has at most 100 characters, a commitment at most 50' USING ERRCODE = 'CH024';
    END IF;
    SELECT * INTO before FROM chorus.remedies WHERE invoice_id = p_id AND kind = 'recycle' AND state = 'done' ORDER BY id DESC LIMIT 1;
    IF NOT FOUND THEN
        before.destinataire_siret := i.destinataire_siret;
        before.code_service := i.code_service;
        before.numero_engagement := i.numero_engagement;
    END IF;
    INSERT INTO chorus.remedies (invoice_id, kind, requested_by, comment, destinataire_siret, code_service, numero_engagement)
    VALUES (p_id, 'recycle', chorus.actor(), nullif(left(btrim(p_comment), 2000), ''),
            coalesce(p_destinataire, before.destinataire_siret),
            coalesce(p_service, CASE WHEN coalesce(p_destinataire = before.destinataire_siret, true) THEN before.code_service END),
            coalesce(p_engagement, before.numero_engagement))
    RETURNING id INTO r;
    RETURN r;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.refuse()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'rows of chorus.% are never deleted or rewritten', regexp_replace(TG_TABLE_NAME, '^events_.*', 'events') USING ERRCODE = 'CH003';
END $function$
;

CREATE OR REPLACE FUNCTION chorus.refuse_password(p_account text, p_hash bytea, p_pause boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.remediable(p_id bigint, p_statut text)
 RETURNS chorus.invoices
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i     chorus.invoices%ROWTYPE;
    wants CONSTANT text := CASE p_statut WHEN 'SUSPENDUE' THEN 'completed' ELSE 'recycled' END;
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF i.state <> 'integrated' OR i.identifiant_facture_cpp IS NULL OR i.statut_courant IS DISTINCT FROM p_statut THEN
        RAISE EXCEPTION 'invoice % is % (%): only what is % at Chorus Pro can be %', p_id, i.state, coalesce(i.statut_courant, 'no status'), p_statut, wants
            USING ERRCODE = 'CH022';
    END IF;
    IF EXISTS (SELECT FROM chorus.remedies r WHERE r.invoice_id = p_id AND r.state NOT IN ('done', 'refused')) THEN
        RAISE EXCEPTION 'invoice %: a remedy is under way already', p_id USING ERRCODE = 'CH022';
    END IF;
    RETURN i;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.remedies_before_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF OLD.state IN ('done', 'refused')
        OR (NEW.id, NEW.invoice_id, NEW.kind, NEW.requested_at, NEW.requested_by) IS DISTINCT FROM (OLD.id, OLD.invoice_id, OLD.kind, OLD.requested_at, OLD.requested_by)
        OR (NEW.comment, NEW.destinataire_siret, NEW.code_service, NEW.numero_engagement)
           IS DISTINCT FROM (OLD.comment, OLD.destinataire_siret, OLD.code_service, OLD.numero_engagement) THEN
        RAISE EXCEPTION 'remedy %: what was asked for, and what has ended, stays', OLD.id USING ERRCODE = 'CH003';
    END IF;
    IF NEW.state IN ('done', 'refused') THEN
        NEW.finished_at := clock_timestamp();
        NEW.claim := NULL;
        NEW.claimed_until := NULL;
    END IF;
    RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.remedies_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    code text := CASE
        WHEN TG_OP = 'INSERT' THEN 'REMEDY_REQUESTED'
        WHEN NEW.state = OLD.state THEN NULL
        WHEN NEW.state = 'done' THEN 'REMEDY_DONE'
        WHEN NEW.state = 'refused' THEN 'REMEDY_REFUSED'
    END;
BEGIN
    IF code IS NOT NULL THEN
        INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
        SELECT i.id, chorus.actor(), i.state, i.state, code, jsonb_strip_nulls(jsonb_build_object(
            'remedy', NEW.id, 'kind', NEW.kind, 'reason', NEW.reason, 'comment', NEW.comment, 'destinataire_siret', NEW.destinataire_siret,
            'code_service', NEW.code_service, 'numero_engagement', NEW.numero_engagement,
            'files', nullif((SELECT count(*) FROM chorus.remedy_files f WHERE f.remedy_id = NEW.id), 0)))
        FROM chorus.invoices i
        WHERE i.id = NEW.invoice_id;
    END IF;
    RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.remind(p_accounts text[], p_secrets bytea[])
 RETURNS TABLE(code text, what text, days integer)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.reopen_finding(p_id bigint, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    f chorus.findings%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'reopening a finding needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO f FROM chorus.findings WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no finding %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF f.state <> 'accepted' THEN
        RAISE EXCEPTION 'finding % is %: only an accepted one is opened again', p_id, f.state USING ERRCODE = 'CH041';
    END IF;
    UPDATE chorus.findings SET state = 'open', resolved_at = NULL, resolved_by = NULL, resolution = p_reason WHERE id = p_id;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.replay_webhook(p_name text, p_from bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    w chorus.webhooks%ROWTYPE;
BEGIN
    SELECT * INTO w FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    IF p_from < 1 OR p_from > w.cursor THEN
        RAISE EXCEPTION 'webhook %: a replay begins at an event from 1 to %, which it is done with', p_name, w.cursor USING ERRCODE = 'CH050';
    END IF;
    IF EXISTS (SELECT FROM chorus.archives a, unnest(a.runs_from, a.runs_to) r (first, last) WHERE a.attached_at IS NULL AND r.last >= p_from AND r.first <= w.cursor) THEN
        RAISE EXCEPTION 'webhook %: some events from % on are in an archive: choriste partition list says in which, and choriste partition attach brings them back', p_name, p_from USING ERRCODE = 'CH050';
    END IF;
    UPDATE chorus.webhooks
    SET cursor = p_from - 1, stuck = NULL, failures = 0, failing_since = NULL, due_at = clock_timestamp(), claim = NULL, claimed_until = NULL
    WHERE name = p_name;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_REPLAYED', jsonb_build_object('webhook', p_name, 'from', p_from, 'to', w.cursor));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.reserve(p_key text, p_lane integer, p_n integer, OUT granted boolean, OUT delay_us bigint, OUT every_us bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    depths  float8[] := '{16,8,3,1}'; -- at 20 a second; at a higher pace, what takes as long
    lane    CONSTANT integer := least(p_lane, 3);
    b       chorus.budgets%ROWTYPE;
    every   interval;
    cur     timestamptz;
    open_at timestamptz;
    slot    timestamptz;
    queue   float8;
BEGIN
    SELECT * INTO b FROM chorus.budgets WHERE key = p_key FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    cur := clock_timestamp(); -- after the lock was granted
    -- What 429 have taught is unlearned slowly.
    IF b.learned_us > b.every_us AND b.learned_at < cur - interval '1 minute' THEN
        b.learned_us := b.learned_us * 9 / 10;
        b.learned_at := cur;
    END IF;
    IF b.day IS DISTINCT FROM (cur AT TIME ZONE 'Europe/Paris')::date THEN
        b.day := (cur AT TIME ZONE 'Europe/Paris')::date;
        b.today := 0;
    END IF;
    every_us := greatest(b.every_us, b.learned_us);
    every := make_interval(secs => every_us / 1e6);
    open_at := greatest(cur, b.paused_until);
    IF b.daily > 0 AND b.today >= b.daily THEN
        open_at := greatest(open_at, (b.day + 1)::timestamp AT TIME ZONE 'Europe/Paris');
    END IF;
    depths := ARRAY(SELECT d * greatest(1, 50000.0 / every_us) FROM unnest(depths) d);
    slot := greatest(b.tat, open_at);
    queue := extract(epoch FROM slot - open_at) / extract(epoch FROM every);
    -- Behind a closed gate nobody queues: the gate may open on somebody more important.
    IF open_at > cur + interval '1 second' THEN
        granted := false;
        delay_us := (extract(epoch FROM open_at - cur) * 1e6)::bigint;
        RETURN;
    END IF;
    IF queue > depths[p_lane] AND (b.lanes[lane] > slot OR queue > 2 * depths[1]) THEN
        granted := false;
        delay_us := (extract(epoch FROM every) * (queue - depths[p_lane]) * 1e6)::bigint;
        RETURN;
    END IF;
    granted := true;
    delay_us := greatest(0, (extract(epoch FROM slot - cur) * 1e6)::bigint);
    b.lanes[lane] := greatest(b.lanes[lane], slot) + 5 * p_n * every;
    UPDATE chorus.budgets
    SET tat = slot + p_n * every, lanes = b.lanes, learned_us = b.learned_us, learned_at = b.learned_at, day = b.day, today = b.today + p_n
    WHERE key = p_key;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.resolutions(p_id bigint)
 RETURNS TABLE(action text, refusal text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT a, chorus.why_not_resolve(p_id, a, NULL, false)
    FROM unnest(ARRAY['accept', 'lookup', 'resubmit', 'abandon']) a
$function$
;

CREATE OR REPLACE FUNCTION chorus.resolve(p_id bigint, p_action text, p_reason text, p_flux text DEFAULT NULL::text, p_override boolean DEFAULT false, p_seen timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_action IN ('lookup', 'resubmit') AND p_flux IS NULL AND chorus.asks_second() THEN
        RETURN chorus.ask(p_id, p_action, p_override, p_reason, p_seen);
    END IF;
    RETURN chorus.resolve_now(p_id, p_action, p_reason, p_flux, p_override, p_seen);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.resolve_now(p_id bigint, p_action text, p_reason text, p_flux text, p_override boolean, p_seen timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i        chorus.invoices%ROWTYPE;
    refusal  text;
    accepted text;
    s        text;
    why      CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    IF p_action IS NULL OR p_action NOT IN ('accept', 'lookup', 'resubmit', 'abandon') THEN
        RAISE EXCEPTION 'an invoice is resolved by accept, lookup, resubmit or abandon' USING ERRCODE = 'CH023';
    END IF;
    IF p_flux IS NOT NULL AND p_action <> 'accept' THEN
        RAISE EXCEPTION 'a flux is named to accept it, and for nothing else' USING ERRCODE = 'CH023';
    END IF;
    IF p_override AND p_action NOT IN ('resubmit', 'abandon') THEN
        RAISE EXCEPTION 'override goes with resubmit and abandon only' USING ERRCODE = 'CH023';
    END IF;
    IF coalesce(why, '') = '' THEN
        RAISE EXCEPTION 'resolving a parked invoice needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    PERFORM chorus.as_seen(p_id, i.updated_at, p_seen);
    refusal := chorus.why_not_resolve(p_id, p_action, p_flux, p_override);
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal USING ERRCODE = 'CH022';
    END IF;
    CASE p_action
    WHEN 'accept' THEN
        accepted := coalesce(p_flux, (SELECT k.flux FROM chorus.known_fluxes(p_id) k));
        -- When it was deposited, or at least not later: as a witness (docs/protocol.md §3.4) it must not look younger than it is.
        UPDATE chorus.invoices
        SET state = 'deposited', reason_code = 'OPERATOR', reason = why, due_at = clock_timestamp(), etat_flux = NULL, etat_flux_date = NULL,
            numero_flux_depot = accepted,
            deposited_at = coalesce(
                (SELECT finished_at FROM chorus.attempts WHERE invoice_id = p_id AND numero_flux_depot = accepted),
                (SELECT min(claimed_at) FROM chorus.attempts WHERE invoice_id = p_id))
        WHERE id = p_id
        RETURNING state INTO s;
    WHEN 'lookup' THEN
        UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'OPERATOR', reason = why, due_at = clock_timestamp() WHERE id = p_id RETURNING state INTO s;
    WHEN 'resubmit' THEN
        UPDATE chorus.invoices
        SET state = 'in_doubt', reason = why, due_at = clock_timestamp(), refusals = 0, panics = 0,
            reason_code = CASE WHEN p_override THEN 'RESUBMIT_OVERRIDE' ELSE 'RESUBMIT_WANTED' END,
            numero_flux_depot = NULL, date_depot = NULL, etat_flux = NULL, etat_flux_date = NULL, deposited_at = NULL -- the attempts remember
        WHERE id = p_id
        RETURNING state INTO s;
    WHEN 'abandon' THEN
        UPDATE chorus.invoices
        SET state = 'abandoned', reason_code = 'OPERATOR', reason = CASE WHEN p_override THEN 'override: ' ELSE '' END || why
        WHERE id = p_id
        RETURNING state INTO s;
    END CASE;
    IF s = 'in_doubt' THEN
        PERFORM chorus.stand_in(p_id);
    END IF;
    RETURN s;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.retry(p_id bigint, p_reason text, p_seen timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    -- Locked, then looked at: it may be rejected in this moment.
    IF chorus.asks_second() AND 'rejected' = (SELECT state FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE) THEN
        RETURN chorus.ask(p_id, 'retry', false, p_reason, p_seen);
    END IF;
    RETURN chorus.retry_now(p_id, p_reason, p_seen);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.retry_now(p_id bigint, p_reason text, p_seen timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i chorus.invoices%ROWTYPE;
    d record;
BEGIN
    p_reason := left(p_reason, 1000);
    LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE; -- no quarantine begins meanwhile
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'a retry needs a reason' USING ERRCODE = 'CH021';
    END IF;
    PERFORM chorus.as_seen(p_id, i.updated_at, p_seen);
    SELECT * INTO d FROM chorus.dismissals WHERE invoice_id = p_id;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % was taken off the list by % on % (%): to retry it, put it back first (choriste todo restore %)',
            p_id, d.actor, (d.at AT TIME ZONE 'Europe/Paris')::date, left(d.reason, 300), p_id USING ERRCODE = 'CH022';
    END IF;
    IF i.purged_at IS NOT NULL AND (i.state = 'invalid' OR i.state = 'rejected' AND i.identifiant_facture_cpp IS NULL) THEN
        RAISE EXCEPTION 'invoice %: its document was purged on %: insert the document again, under another external_ref', p_id, (i.purged_at AT TIME ZONE 'Europe/Paris')::date
            USING ERRCODE = 'CH022';
    END IF;
    IF i.state = 'invalid' THEN
        BEGIN
            UPDATE chorus.invoices
            SET state = 'received', reason_code = 'RETRY', reason = p_reason, panics = 0, findings = 0, due_at = clock_timestamp()
            WHERE id = p_id;
            DELETE FROM chorus.invoice_findings WHERE invoice_id = p_id;
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION 'invoice %: another one replaces the same invoice since', p_id USING ERRCODE = 'CH022';
        END;
        RETURN 'received';
    END IF;
    IF i.state = 'rejected' AND i.identifiant_facture_cpp IS NULL THEN
        BEGIN
            UPDATE chorus.invoices
            SET state = 'in_doubt', reason_code = 'RETRY', reason = p_reason, refusals = 0, panics = 0,
                numero_flux_depot = NULL, date_depot = NULL, etat_flux = NULL, etat_flux_date = NULL, deposited_at = NULL, due_at = clock_timestamp()
            WHERE id = p_id;
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION 'invoice %: another invoice has its number, or its place, since', p_id USING ERRCODE = 'CH022';
        END;
        PERFORM chorus.stand_in(p_id);
        RETURN 'in_doubt';
    END IF;
    IF i.state = 'rejected' THEN
        RAISE EXCEPTION 'invoice % was refused by its recipient: its number is used up, replace it', p_id USING ERRCODE = 'CH022';
    END IF;
    IF i.state = 'parked' THEN
        RAISE EXCEPTION 'invoice % is parked: it is resolved, not retried', p_id USING ERRCODE = 'CH022';
    END IF;
    RAISE EXCEPTION 'invoice % is %: only invalid invoices and rejected fluxes can be retried', p_id, i.state USING ERRCODE = 'CH022';
END $function$
;

CREATE OR REPLACE FUNCTION chorus.save_view(p_name text, p_query text, p_reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.schema_version()
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
		         BEGIN
		             RETURN (SELECT max(version_id) FROM chorus.goose_db_version WHERE is_applied);
		         EXCEPTION WHEN undefined_table THEN
		             RETURN 0;
		         END $function$
;

CREATE OR REPLACE FUNCTION chorus.seal(OUT seq bigint, OUT sha256 text)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- A seal that is to come was set by a clock that was ahead.
    IF (SELECT e.at FROM chorus.events e WHERE e.seq IS NOT NULL ORDER BY e.seq LIMIT 1) >= date_trunc('day', clock_timestamp(), 'UTC')
        OR EXISTS (SELECT FROM chorus.events e WHERE e.reason_code = 'SEALED' AND e.reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN') AND e.at BETWEEN date_trunc('day', clock_timestamp(), 'UTC') AND clock_timestamp()) THEN
        RETURN;
    END IF;
    SELECT e.seq, encode(e.hash, 'hex') INTO seq, sha256
    FROM chorus.events e
    WHERE e.seq = (SELECT max(l.seq) FROM chorus.events l) AND e.reason_code IS DISTINCT FROM 'SEALED';
    IF seq IS NOT NULL THEN
        INSERT INTO chorus.events (actor, reason_code, detail) VALUES (chorus.actor(), 'SEALED', jsonb_build_object('seq', seq, 'sha256', sha256));
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.sees(p_account text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN chorus.sees_all() OR coalesce(p_account = ANY (chorus.my_accounts()), false);
END $function$
;

CREATE OR REPLACE FUNCTION chorus.sees_all()
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN chorus.only_accounts() IS NULL AND (
        pg_has_role(session_user, current_user, 'MEMBER') -- the owner
        OR pg_has_role(session_user, 'chorus_worker', 'MEMBER')
        OR (pg_has_role(session_user, 'chorus_operator', 'MEMBER') OR pg_has_role(session_user, 'chorus_reader', 'MEMBER'))
            AND NOT EXISTS (SELECT FROM chorus.logins l JOIN pg_roles r ON r.rolname = l.login WHERE pg_has_role(session_user, r.oid, 'MEMBER')));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.sees_recipient(p_siret text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM chorus.invoices WHERE destinataire_siret = p_siret AND state = 'integrated' AND account = ANY (chorus.my_accounts()));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.send_attachments(p_id bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r chorus.remedies%ROWTYPE;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.attachments a WHERE a.invoice_id = p_id AND a.goes = 'completion' AND a.remedy_id IS NULL) THEN
        RETURN;
    END IF;
    SELECT * INTO r FROM chorus.remedies WHERE invoice_id = p_id AND state NOT IN ('done', 'refused') FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO chorus.remedies (invoice_id, kind, requested_by) VALUES (p_id, 'complete', chorus.actor()) RETURNING * INTO r;
    ELSIF r.kind <> 'complete' OR r.state <> 'requested' OR r.attempts > 0 OR r.claim IS NOT NULL OR (
        SELECT count(*) > 50 OR sum(octets) > 118000000
        FROM (SELECT octets FROM chorus.remedy_files WHERE remedy_id = r.id
              UNION ALL SELECT octets FROM chorus.attachments WHERE invoice_id = p_id AND goes = 'completion' AND remedy_id IS NULL) f) THEN
        RETURN;
    END IF;
    INSERT INTO chorus.remedy_files (remedy_id, n, nom, mime, contenu)
    SELECT r.id, (SELECT count(*) FROM chorus.remedy_files WHERE remedy_id = r.id) + row_number() OVER (ORDER BY a.id), a.nom, a.mime, a.contenu
    FROM chorus.attachments a
    WHERE a.invoice_id = p_id AND a.goes = 'completion' AND a.remedy_id IS NULL;
    UPDATE chorus.attachments SET remedy_id = r.id, contenu = NULL WHERE invoice_id = p_id AND goes = 'completion' AND remedy_id IS NULL;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.sequences_behind()
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s   record;
    top bigint;
BEGIN
    FOR s IN
        SELECT q.seqrelid, q.seqstart, format('%I.%I', n.nspname, c.relname) AS name, format('%I.%I', tn.nspname, t.relname) AS of_table, a.attname
        FROM pg_sequence q
        JOIN pg_class c ON c.oid = q.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        JOIN pg_class t ON t.oid = d.refobjid
        JOIN pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
        WHERE tn.nspname IN ('chorus', 'river')
        ORDER BY name
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', s.attname, s.of_table) INTO top;
        IF top >= coalesce(pg_sequence_last_value(s.seqrelid) + 1, s.seqstart) THEN -- asked after the table: nothing that is inserted meanwhile is behind
            RETURN NEXT format('SELECT setval(%L, (SELECT max(%I) FROM %s))', s.name, s.attname, s.of_table);
        END IF;
    END LOOP;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.set_second_person(p_within interval, p_console text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    n chorus.installation%ROWTYPE;
BEGIN
    SELECT * INTO n FROM chorus.installation FOR UPDATE;
    IF (n.second_person, n.console_login) IS NOT DISTINCT FROM (p_within, p_console) THEN
        RETURN;
    END IF;
    UPDATE chorus.installation SET second_person = p_within, console_login = p_console;
    IF n.second_person IS DISTINCT FROM p_within THEN
        INSERT INTO chorus.events (actor, reason_code, detail)
        VALUES (chorus.actor(), CASE WHEN p_within IS NULL THEN 'SECOND_PERSON_OFF' ELSE 'SECOND_PERSON_ON' END, jsonb_strip_nulls(jsonb_build_object('within', p_within)));
    END IF;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.shown(p_numero text, p_siret text, p_date date, p_since timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM chorus.strangers s
        WHERE chorus.bare_number(s.numero_facture) = chorus.bare_number(p_numero) AND coalesce(s.statut, '') NOT IN ('REJETEE', 'ABANDONNEE', 'SUPPRIMEE')
          AND (p_since IS NULL OR s.first_seen_at > p_since)
          AND (s.fournisseur_siret IS NULL
               OR left(s.fournisseur_siret, 9) = left(p_siret, 9) AND (s.numero_facture = p_numero OR s.fournisseur_siret = p_siret OR s.fournisseur_siret !~ '^[0-9]{14}$'))
          AND (s.date_facture IS NULL OR extract(year FROM s.date_facture) = extract(year FROM p_date)));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.signed(p_type text, p_amount numeric)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE
        WHEN p_amount NOT BETWEEN -1e12 AND 1e12 THEN NULL
        WHEN p_type IN ('AVOIR', '81', '83', '261', '262', '296', '308', '381', '396', '420', '458', '502', '503', '532') THEN -p_amount
        ELSE p_amount
    END
$function$
;

CREATE OR REPLACE FUNCTION chorus.skip_webhook(p_name text, p_reason text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    w chorus.webhooks%ROWTYPE;
BEGIN
    p_reason := left(p_reason, 1000);
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'to skip an event needs a reason' USING ERRCODE = 'CH021';
    END IF;
    SELECT * INTO w FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    IF w.stuck IS NULL THEN
        RAISE EXCEPTION 'webhook %: no event is held up, there is nothing to skip', p_name USING ERRCODE = 'CH050';
    END IF;
    UPDATE chorus.webhooks
    SET cursor = w.stuck, stuck = NULL, failures = 0, failing_since = NULL, due_at = clock_timestamp(), claim = NULL, claimed_until = NULL
    WHERE name = p_name;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_SKIPPED', jsonb_build_object('webhook', p_name, 'seq', w.stuck, 'reason', p_reason));
    RETURN w.stuck;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.stand_in(p_id bigint)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH row AS (
        UPDATE chorus.invoices i
        SET lookup_first = false,
            attempt_no = 1 + greatest(attempt_no, (SELECT max(n) FROM chorus.attempts WHERE invoice_id = i.id),
                                      (SELECT max(attempt) FROM chorus.events WHERE invoice_id = i.id),
                                      (SELECT max(attempt) FROM chorus.archived_invoices WHERE invoice_id = i.id))
        WHERE id = p_id AND state = 'in_doubt'
          AND (lookup_first OR attempt_no <> (SELECT coalesce(max(n), 0) FROM chorus.attempts WHERE invoice_id = i.id))
        RETURNING id, attempt_no, document_sha256, gen_random_uuid() AS attempt
    )
    INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
    SELECT attempt, id, attempt_no, 'quarantine', 'quarantine_' || replace(attempt::text, '-', ''), document_sha256, chorus.identity(),
           since, since, clock_timestamp(), 'OWNER_LOST'
    FROM row, (SELECT coalesce(quarantined_at, clock_timestamp()) AS since FROM chorus.installation) s
$function$
;

CREATE OR REPLACE FUNCTION chorus.tally()
 RETURNS TABLE(account text, state text, count bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION chorus.test_webhook(p_name text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    event bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chorus.webhooks WHERE name = p_name AND chorus.sees(account)) THEN
        RAISE EXCEPTION 'there is no webhook %', p_name USING ERRCODE = 'CH020';
    END IF;
    INSERT INTO chorus.events (actor, reason_code, detail)
    VALUES (chorus.actor(), 'WEBHOOK_TEST', jsonb_build_object('webhook', p_name))
    RETURNING id INTO event;
    RETURN event;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.undismiss(p_id bigint, p_reason text, p_seen timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i   chorus.invoices%ROWTYPE := chorus.listed(p_id, p_reason, p_seen);
    why CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    DELETE FROM chorus.dismissals WHERE invoice_id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invoice % was not taken off the list', p_id USING ERRCODE = 'CH022';
    END IF;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (p_id, chorus.actor(), i.state, i.state, 'UNDISMISSED', jsonb_build_object('reason', why));
END $function$
;

CREATE OR REPLACE FUNCTION chorus.unknown_to_rows(p_after timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_sort TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
    attempts CURSOR FOR
        SELECT a.claimed_at, EXISTS (SELECT FROM chorus.invoices i WHERE i.id = a.invoice_id AND i.attempt_no >= a.n)
        FROM chorus.attempts a
        ORDER BY a.claimed_at DESC;
    events   CURSOR FOR
        SELECT e.at, EXISTS (SELECT FROM chorus.invoices i WHERE i.id = e.invoice_id AND i.attempt_no >= e.attempt)
        FROM chorus.events e
        WHERE e.to_state = 'sending'
        ORDER BY e.id DESC;
    history  refcursor;
    begun    timestamptz;
    known    boolean;
    row      integer;
    since    timestamptz;
BEGIN
    OPEN attempts;
    OPEN events;
    FOREACH history IN ARRAY ARRAY[attempts::text, events::text] LOOP
        row := 0;
        LOOP
            FETCH history INTO begun, known;
            EXIT WHEN NOT FOUND OR begun <= p_after;
            row := CASE WHEN known THEN row + 1 ELSE 0 END;
            EXIT WHEN row = 1000;
            IF NOT known THEN
                since := least(since, begun);
            END IF;
        END LOOP;
    END LOOP;
    RETURN since;
END $function$
;

CREATE OR REPLACE FUNCTION chorus.vouched_until(p_now timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN coalesce(
        (SELECT least(h.beat_at, (SELECT min(e.at) FROM chorus.events e WHERE e.id > coalesce(h.event_id, 0)))
         FROM chorus.heartbeats h
         WHERE h.beat_at <= p_now
         ORDER BY h.beat_at DESC
         LIMIT 1),
        (SELECT e.at FROM chorus.events e
         WHERE e.at <= p_now AND e.id < coalesce((SELECT min(f.id) FROM chorus.events f WHERE f.at > p_now), 9223372036854775807) AND (EXISTS (SELECT FROM chorus.heartbeats) OR EXISTS (SELECT FROM chorus.installation WHERE stepped_at IS NOT NULL))
         ORDER BY e.id DESC
         LIMIT 1),
        (SELECT least(created_at, chorus.oldest_row()) FROM chorus.installation WHERE created_at <= p_now),
        p_now - interval '1 year');
END $function$
;

CREATE OR REPLACE FUNCTION chorus.watch_clock()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    UPDATE chorus.clock_watch
    SET since = CASE WHEN clock_timestamp() BETWEEN seen AND seen + interval '2 hours' THEN since ELSE clock_timestamp() END, seen = clock_timestamp()
$function$
;

CREATE OR REPLACE FUNCTION chorus.why_not_resolve(p_id bigint, p_action text, p_flux text, p_override boolean)
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    i      chorus.invoices%ROWTYPE;
    fluxes text[];
    ours   text;
    unseen text; -- why the last look-up said nothing
BEGIN
    SELECT * INTO i FROM chorus.invoices WHERE id = p_id AND chorus.sees(account);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no invoice %', p_id USING ERRCODE = 'CH020';
    END IF;
    IF i.state <> 'parked' THEN
        RETURN format('invoice %s is %s: only parked invoices are resolved', p_id, i.state);
    END IF;
    fluxes := ARRAY(SELECT k.flux FROM chorus.known_fluxes(p_id) k);
    CASE p_action
    WHEN 'accept' THEN
        IF cardinality(fluxes) = 0 THEN
            RETURN format('invoice %s: there is no flux to accept; neither a deposit was acknowledged nor did the last look-up find one', p_id);
        END IF;
        IF p_flux IS NULL AND (cardinality(fluxes) > 1 OR i.reason_code IN ('CONTRADICTION', 'SEVERAL', 'MISMATCH')) THEN
            RETURN format('invoice %s: say which flux is meant: %s', p_id, array_to_string(fluxes, ' or '));
        END IF;
        IF p_flux <> ALL (fluxes) THEN
            RETURN format('invoice %s: nothing here says that this flux is the invoice''s; known: %s', p_id, array_to_string(fluxes, ', '));
        END IF;
    WHEN 'lookup' THEN
        IF i.attempt_no = 0 AND NOT i.lookup_first THEN
            RETURN format('invoice %s was never sent: there is nothing to look for', p_id);
        END IF;
    WHEN 'resubmit' THEN
        IF i.purged_at IS NOT NULL THEN
            RETURN format('invoice %s: its document was purged on %s, so it cannot be sent again; look it up, or abandon it and insert the document anew',
                          p_id, (i.purged_at AT TIME ZONE 'Europe/Paris')::date);
        END IF;
        IF i.identifiant_facture_cpp IS NOT NULL THEN
            RETURN format('invoice %s: Chorus Pro holds it as %s, so it cannot be sent again', p_id, i.identifiant_facture_cpp);
        END IF;
        IF i.reason_code = 'CONTRADICTION' THEN
            RETURN format('invoice %s was accepted against expectation, so it cannot be sent again; accept the flux that counts', p_id);
        END IF;
    WHEN 'abandon' THEN
        SELECT format('attempt %s was accepted as %s', n, numero_flux_depot) INTO ours
        FROM chorus.attempts
        WHERE invoice_id = p_id AND outcome = 'ACCEPTED'
        ORDER BY n DESC
        LIMIT 1;
        IF ours IS NOT NULL AND i.reason_code IS DISTINCT FROM 'INCIDENT' AND NOT coalesce(p_override, false) THEN
            RETURN format('invoice %s: %s; accept it, or abandon it with override', p_id, ours);
        END IF;
        SELECT evidence -> 'lookups' -> -1 ->> 'code' INTO unseen FROM chorus.attempts WHERE invoice_id = p_id ORDER BY n DESC LIMIT 1;
        IF unseen IS NOT NULL AND NOT coalesce(p_override, false) THEN
            RETURN format('invoice %s may be at Chorus Pro, and the last look-up could not tell (%s): let the account see its supplier''s invoices and look it up again, '
                          'or see at the portal that it is not there and abandon it with override; inserted anew, it would be sent', p_id, unseen);
        END IF;
    END CASE;
    RETURN NULL;
END $function$
;

-- Rights
GRANT USAGE ON SCHEMA chorus TO chorus_app;
GRANT USAGE ON SCHEMA chorus TO chorus_operator;
GRANT USAGE ON SCHEMA chorus TO chorus_reader;
GRANT USAGE ON SCHEMA chorus TO chorus_worker;
GRANT USAGE ON SCHEMA river TO chorus_worker;
GRANT INSERT, SELECT, UPDATE ON chorus.able TO chorus_worker;
GRANT SELECT ON chorus.accounts TO chorus_operator;
GRANT SELECT ON chorus.accounts TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.accounts TO chorus_worker;
GRANT SELECT ON chorus.annuaire TO chorus_operator;
GRANT SELECT ON chorus.annuaire TO chorus_reader;
GRANT SELECT, UPDATE ON chorus.annuaire TO chorus_worker;
GRANT SELECT ON chorus.answers TO chorus_app;
GRANT SELECT ON chorus.answers TO chorus_operator;
GRANT SELECT ON chorus.answers TO chorus_reader;
GRANT SELECT ON chorus.archived_invoices TO chorus_operator;
GRANT SELECT ON chorus.archived_invoices TO chorus_reader;
GRANT SELECT ON chorus.archived_invoices TO chorus_worker;
GRANT SELECT ON chorus.archives TO chorus_operator;
GRANT SELECT ON chorus.archives TO chorus_reader;
GRANT SELECT ON chorus.archives TO chorus_worker;
GRANT SELECT ON chorus.attachments TO chorus_worker;
GRANT SELECT ON chorus.attempts TO chorus_operator;
GRANT SELECT ON chorus.attempts TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.attempts TO chorus_worker;
GRANT SELECT ON chorus.breakers TO chorus_operator;
GRANT SELECT ON chorus.breakers TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.breakers TO chorus_worker;
GRANT SELECT ON chorus.budgets TO chorus_operator;
GRANT SELECT ON chorus.budgets TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.budgets TO chorus_worker;
GRANT SELECT ON chorus.chain TO chorus_operator;
GRANT SELECT ON chorus.check_findings TO chorus_app;
GRANT SELECT ON chorus.check_findings TO chorus_operator;
GRANT INSERT, SELECT ON chorus.check_findings TO chorus_worker;
GRANT DELETE, SELECT, UPDATE ON chorus.checks TO chorus_worker;
GRANT SELECT ON chorus.configured TO chorus_operator;
GRANT SELECT ON chorus.configured TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.configured TO chorus_worker;
GRANT SELECT ON chorus.dismissals TO chorus_operator;
GRANT SELECT ON chorus.dismissals TO chorus_reader;
GRANT SELECT ON chorus.dismissals TO chorus_worker;
GRANT SELECT ON chorus.ecb_rates TO chorus_operator;
GRANT SELECT ON chorus.ecb_rates TO chorus_reader;
GRANT SELECT ON chorus.ecb_rates TO chorus_worker;
GRANT SELECT ON chorus.events TO chorus_app;
GRANT SELECT ON chorus.events TO chorus_operator;
GRANT SELECT ON chorus.events TO chorus_reader;
GRANT SELECT ON chorus.events TO chorus_worker;
GRANT SELECT ON chorus.exchanges TO chorus_operator;
GRANT INSERT, SELECT ON chorus.exchanges TO chorus_worker;
GRANT SELECT ON chorus.feed_lateness TO chorus_operator;
GRANT SELECT ON chorus.feed_lateness TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.feed_lateness TO chorus_worker;
GRANT SELECT ON chorus.finding_codes TO chorus_app;
GRANT SELECT ON chorus.finding_codes TO chorus_operator;
GRANT SELECT ON chorus.finding_codes TO chorus_reader;
GRANT SELECT ON chorus.finding_codes TO chorus_worker;
GRANT SELECT ON chorus.findings TO chorus_operator;
GRANT SELECT ON chorus.findings TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.findings TO chorus_worker;
GRANT SELECT ON chorus.goose_db_version TO chorus_operator;
GRANT SELECT ON chorus.goose_db_version TO chorus_reader;
GRANT SELECT ON chorus.goose_db_version TO chorus_worker;
GRANT SELECT ON chorus.heartbeats TO chorus_operator;
GRANT SELECT ON chorus.heartbeats TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.heartbeats TO chorus_worker;
GRANT SELECT ON chorus.installation TO chorus_operator;
GRANT SELECT ON chorus.installation TO chorus_reader;
GRANT SELECT, UPDATE ON chorus.installation TO chorus_worker;
GRANT SELECT ON chorus.invoice_findings TO chorus_app;
GRANT SELECT ON chorus.invoice_findings TO chorus_operator;
GRANT SELECT ON chorus.invoice_findings TO chorus_reader;
GRANT INSERT, SELECT ON chorus.invoice_findings TO chorus_worker;
GRANT SELECT ON chorus.invoice_help TO chorus_app;
GRANT SELECT ON chorus.invoice_help TO chorus_operator;
GRANT SELECT ON chorus.invoice_help TO chorus_reader;
GRANT SELECT ON chorus.invoice_status TO chorus_app;
GRANT SELECT ON chorus.invoice_status TO chorus_operator;
GRANT SELECT ON chorus.invoice_status TO chorus_reader;
GRANT SELECT ON chorus.invoice_status TO chorus_worker;
GRANT SELECT ON chorus.invoices TO chorus_worker;
GRANT SELECT ON chorus.locked_rows TO chorus_operator;
GRANT SELECT ON chorus.locked_rows TO chorus_reader;
GRANT SELECT ON chorus.locked_rows TO chorus_worker;
GRANT INSERT, SELECT, UPDATE ON chorus.locks TO chorus_worker;
GRANT SELECT ON chorus.logins TO chorus_operator;
GRANT SELECT ON chorus.logins TO chorus_reader;
GRANT SELECT ON chorus.maintenance TO chorus_operator;
GRANT SELECT ON chorus.maintenance TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.maintenance TO chorus_worker;
GRANT SELECT ON chorus.money TO chorus_operator;
GRANT SELECT ON chorus.money TO chorus_reader;
GRANT SELECT ON chorus.money TO chorus_worker;
GRANT SELECT ON chorus.recipient_services TO chorus_app;
GRANT SELECT ON chorus.recipient_services TO chorus_operator;
GRANT SELECT ON chorus.recipient_services TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.recipient_services TO chorus_worker;
GRANT INSERT, SELECT, UPDATE ON chorus.recipients TO chorus_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.reconciled TO chorus_worker;
GRANT SELECT ON chorus.reconciliations TO chorus_operator;
GRANT SELECT ON chorus.reconciliations TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.reconciliations TO chorus_worker;
GRANT SELECT ON chorus.remedies TO chorus_app;
GRANT SELECT ON chorus.remedies TO chorus_operator;
GRANT SELECT ON chorus.remedies TO chorus_reader;
GRANT SELECT ON chorus.remedies TO chorus_worker;
GRANT SELECT ON chorus.remedy_files TO chorus_worker;
GRANT SELECT ON chorus.retention TO chorus_operator;
GRANT SELECT ON chorus.retention TO chorus_reader;
GRANT SELECT ON chorus.retention TO chorus_worker;
GRANT SELECT ON chorus.saved_views TO chorus_operator;
GRANT SELECT ON chorus.saved_views TO chorus_reader;
GRANT SELECT ON chorus.saved_views TO chorus_worker;
GRANT INSERT, SELECT ON chorus.secrets TO chorus_worker;
GRANT SELECT ON chorus.slots TO chorus_operator;
GRANT SELECT ON chorus.slots TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.slots TO chorus_worker;
GRANT SELECT ON chorus.states TO chorus_app;
GRANT SELECT ON chorus.states TO chorus_operator;
GRANT SELECT ON chorus.states TO chorus_reader;
GRANT SELECT ON chorus.states TO chorus_worker;
GRANT SELECT ON chorus.statuts TO chorus_app;
GRANT SELECT ON chorus.statuts TO chorus_operator;
GRANT SELECT ON chorus.statuts TO chorus_reader;
GRANT SELECT ON chorus.statuts TO chorus_worker;
GRANT SELECT ON chorus.strangers TO chorus_operator;
GRANT SELECT ON chorus.strangers TO chorus_reader;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.strangers TO chorus_worker;
GRANT SELECT ON chorus.structures TO chorus_operator;
GRANT SELECT ON chorus.structures TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.structures TO chorus_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON chorus.suspects TO chorus_worker;
GRANT SELECT ON chorus.todo TO chorus_operator;
GRANT SELECT ON chorus.todo TO chorus_reader;
GRANT SELECT ON chorus.todo TO chorus_worker;
GRANT INSERT, SELECT, UPDATE ON chorus.tokens TO chorus_worker;
GRANT SELECT ON chorus.transitions TO chorus_app;
GRANT SELECT ON chorus.transitions TO chorus_operator;
GRANT SELECT ON chorus.transitions TO chorus_reader;
GRANT SELECT ON chorus.transitions TO chorus_worker;
GRANT SELECT ON chorus.webhooks TO chorus_operator;
GRANT SELECT ON chorus.webhooks TO chorus_reader;
GRANT INSERT, SELECT, UPDATE ON chorus.webhooks TO chorus_worker;
GRANT INSERT (invoice_id, nom, contenu, mime) ON chorus.attachments TO chorus_app;
GRANT SELECT (id, invoice_id, nom, mime, octets, goes, remedy_id, created_at, created_by) ON chorus.attachments TO chorus_app;
GRANT INSERT (invoice_id, nom, contenu, mime) ON chorus.attachments TO chorus_operator;
GRANT SELECT (id, invoice_id, nom, mime, octets, goes, remedy_id, created_at, created_by) ON chorus.attachments TO chorus_operator;
GRANT SELECT (id, invoice_id, nom, mime, octets, goes, remedy_id, created_at, created_by) ON chorus.attachments TO chorus_reader;
GRANT UPDATE (piece_id, uploaded_at) ON chorus.attachments TO chorus_worker;
GRANT INSERT (document, fields, account, syntaxe_flux) ON chorus.checks TO chorus_app;
GRANT SELECT (id, account, created_at, done_at, ok, findings) ON chorus.checks TO chorus_app;
GRANT INSERT (document, fields, account, syntaxe_flux) ON chorus.checks TO chorus_operator;
GRANT SELECT (id, account, created_at, done_at, ok, findings) ON chorus.checks TO chorus_operator;
GRANT INSERT (external_ref, account, document, syntaxe_flux, fields, not_before, priority, metadata, replaces) ON chorus.invoices TO chorus_app;
GRANT SELECT (id, external_ref, account, replaces, state) ON chorus.invoices TO chorus_app;
GRANT UPDATE (cancel_requested_at) ON chorus.invoices TO chorus_app;
GRANT INSERT (external_ref, account, document, syntaxe_flux, fields, not_before, priority, metadata, replaces) ON chorus.invoices TO chorus_operator;
GRANT SELECT (id, external_ref, account, syntaxe_flux, fields, not_before, priority, metadata, replaces, cancel_requested_at, state, reason_code, reason, document_sha256, document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom, destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service, numero_engagement, findings, attempt_no, resubmits, refusals, panics, deaths, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date, identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, available_on, suspended_on, completed_on, deposited_at, visible_at, in_doubt_since, due_at, reason_due_at, looks, claim, claimed_until, purged_at, version, created_at, updated_at) ON chorus.invoices TO chorus_operator;
GRANT SELECT (id, external_ref, account, syntaxe_flux, fields, not_before, priority, metadata, replaces, cancel_requested_at, state, reason_code, reason, document_sha256, document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom, destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service, numero_engagement, findings, attempt_no, resubmits, refusals, panics, deaths, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date, identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, available_on, suspended_on, completed_on, deposited_at, visible_at, in_doubt_since, due_at, reason_due_at, looks, claim, claimed_until, purged_at, version, created_at, updated_at) ON chorus.invoices TO chorus_reader;
GRANT UPDATE (state, reason_code, reason, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom, destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service, numero_engagement, findings, attempt_no, resubmits, refusals, panics, deaths, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date, identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, visible_at, due_at, reason_due_at, looks, claim, claimed_until) ON chorus.invoices TO chorus_worker;
GRANT SELECT (siret, id_structure_cpp, name, active, never_reports_payment, service_required, engagement_required, either_required, services_listed, checked_at, listed_at) ON chorus.recipients TO chorus_app;
GRANT SELECT (siret, id_structure_cpp, name, active, never_reports_payment, service_required, engagement_required, either_required, services_listed, checked_at, listed_at) ON chorus.recipients TO chorus_operator;
GRANT SELECT (siret, id_structure_cpp, name, active, never_reports_payment, service_required, engagement_required, either_required, services_listed, checked_at, listed_at) ON chorus.recipients TO chorus_reader;
GRANT UPDATE (state, reason, sent_at, attempts, due_at, claim, claimed_until) ON chorus.remedies TO chorus_worker;
GRANT SELECT (remedy_id, n, nom, mime, octets, piece_id) ON chorus.remedy_files TO chorus_operator;
GRANT SELECT (remedy_id, n, nom, mime, octets, piece_id) ON chorus.remedy_files TO chorus_reader;
GRANT UPDATE (piece_id) ON chorus.remedy_files TO chorus_worker;
GRANT SELECT (id, invoice_id, action, override, reason, actor, seen, asked_at, until, decision, decided_at, decided_by) ON chorus.requests TO chorus_operator;
GRANT SELECT (id, invoice_id, action, override, reason, actor, seen, asked_at, until, decision, decided_at, decided_by) ON chorus.requests TO chorus_reader;
GRANT SELECT (id, invoice_id, action, override, reason, actor, seen, asked_at, until, decision, decided_at, decided_by) ON chorus.requests TO chorus_worker;
GRANT SELECT (key, name, since, said) ON chorus.secrets TO chorus_operator;
GRANT SELECT (key, name, since, said) ON chorus.secrets TO chorus_reader;
GRANT SELECT (key, generation, rejected, expires_at, refreshed_at, refreshed_by, failures, failure, retry_at) ON chorus.tokens TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.accept_finding(bigint,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.actor() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.actor() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.actor() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.actor() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.agree(bigint,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.allow_resubmit(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.archived_event(bigint,timestamp with time zone) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.attach(bigint,text,bytea,text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.attach(bigint,text,bytea,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.attempt_text(bigint,integer,integer) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.attempt_texts(bigint,integer,integer) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.bare_number(text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.bare_number(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.bare_number(text) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.bare_number(text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.cancel(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.clock_is_trusted() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.clock_stepped(double precision,double precision) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.complete(bigint,text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.complete(bigint,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.decline(bigint,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.delete_view(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.depart(text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.dismiss(bigint,text,timestamp with time zone) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.document_intact(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.earlier_statuts(bigint,bigint,text[],timestamp with time zone[],text[]) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.erase_account(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.event_text(chorus.events) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.event_type(bigint,text,text,text,jsonb) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.event_type(bigint,text,text,text,jsonb) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.event_type(bigint,text,text,text,jsonb) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.event_type(bigint,text,text,text,jsonb) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.explain(text,text,text,text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.explain(text,text,text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.explain(text,text,text,text) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.feed_honours(text,bigint,text,interval) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.fold_moves(bigint) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.folded(text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.folded(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.folded(text) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.forget_exchanges(interval) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.forget_gone() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.forget_webhook(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.hash_before(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.identity() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.identity() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.invoice_text(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.keep_documents(text,interval,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.known_fluxes(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.known_fluxes(bigint) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.known_fluxes(bigint) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.last_event_id() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.last_move(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.last_move(bigint) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.last_move(bigint) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.late_interest(numeric,integer,numeric) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.late_interest(numeric,integer,numeric) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.late_interest(numeric,integer,numeric) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.legible(jsonb) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.legible(jsonb) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.legible(jsonb) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.legible(jsonb) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.money_open(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.money_open(text,text) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.money_open(text,text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.month_facts(text,interval) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.month_waits(text,interval) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.my_accounts() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.my_accounts() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.my_accounts() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.my_accounts() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.my_way() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.my_way() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.my_way() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.next_months() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.nobody_mapped() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.nobody_mapped() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.nobody_mapped() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.nobody_mapped() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.note_sign_in(text,text,text,text,text,text,integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.number_events(integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.oldest_row() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.only_accounts() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.only_accounts() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.only_accounts() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.only_accounts() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.other_password(text,bytea) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.partitions() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.partitions() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.partitions() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.pause(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.pause(text,text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.pause_webhook(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.pause_webhook(text,text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.purge(text,integer) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.purge(text,integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.purge_count(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.purge_waits() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.purge_waits() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.quarantine(text,integer,jsonb,timestamp with time zone,boolean,interval,integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.reachable(text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.read_evidence(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.readable(jsonb) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.readable(jsonb) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.readable(jsonb) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.readable(jsonb) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.reconcile(text,text,date,date) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.recount(boolean) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.recycle(bigint,text,text,text,text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.recycle(bigint,text,text,text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.refuse_password(text,bytea,boolean) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.remind(text[],bytea[]) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.reopen_finding(bigint,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.replay_webhook(text,bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.reserve(text,integer,integer) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.resolutions(bigint) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.resolutions(bigint) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.resolutions(bigint) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.resolve(bigint,text,text,text,boolean,timestamp with time zone) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.retry(bigint,text,timestamp with time zone) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.save_view(text,text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.schema_version() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.schema_version() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.schema_version() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.schema_version() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.seal() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.sees_all() TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.sees_all() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.sees_all() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.sees_all() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.sees_recipient(text) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.sees_recipient(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.sees_recipient(text) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.sees_recipient(text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.sequences_behind() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.sequences_behind() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.sequences_behind() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.set_second_person(interval,text) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.shown(text,text,date,timestamp with time zone) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.signed(text,numeric) TO chorus_app;
GRANT EXECUTE ON FUNCTION chorus.signed(text,numeric) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.signed(text,numeric) TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.signed(text,numeric) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.skip_webhook(text,text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.tally() TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.tally() TO chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.tally() TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.test_webhook(text) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.undismiss(bigint,text,timestamp with time zone) TO chorus_operator;
GRANT EXECUTE ON FUNCTION chorus.unknown_to_rows(timestamp with time zone) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.vouched_until(timestamp with time zone) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.watch_clock() TO chorus_worker;
