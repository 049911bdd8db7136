-- What needs a person, from one definition that the commands, the console, the metrics and the alerts share.
--
-- A line stands for an invoice, a finding, an account, a webhook, or the fleet. `who` must act; `next` is the command to begin with; `until` is set when nothing
-- is to be done before: it settles itself, or it is known when it ends. Amounts are what the line is worth, in `devise`, below zero for a credit note.

-- +goose Up

-- The delays that a worker goes by, for whoever asks how long a doubt may last, and for how long a change feed may go unread. The longest of the workers
-- that live counts.
ALTER TABLE chorus.heartbeats
    ADD COLUMN horizon interval,
    ADD COLUMN unread_after interval;

-- Somebody took note: an invalid or rejected invoice of which nothing more will come. It counts until the invoice moves, or something else is said of it.
CREATE TABLE chorus.dismissals (
    invoice_id bigint PRIMARY KEY REFERENCES chorus.invoices,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000)
);
ALTER TABLE chorus.dismissals ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chorus.dismissals FOR SELECT TO chorus_worker USING (true);
CREATE POLICY mine ON chorus.dismissals TO chorus_operator, chorus_reader
    USING ((SELECT i.account FROM chorus.invoices i WHERE i.id = dismissals.invoice_id) = ANY ((SELECT chorus.my_accounts())::text[]));

-- +goose StatementBegin
CREATE FUNCTION chorus.invoices_dismissed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.state, NEW.reason_code, NEW.reason, NEW.statut_courant, NEW.statut_courant_date, NEW.statut_commentaire)
        IS DISTINCT FROM (OLD.state, OLD.reason_code, OLD.reason, OLD.statut_courant, OLD.statut_courant_date, OLD.statut_commentaire) THEN
        DELETE FROM chorus.dismissals WHERE invoice_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoices_dismissed AFTER UPDATE OF state, reason_code, reason, statut_courant, statut_courant_date, statut_commentaire ON chorus.invoices FOR EACH ROW
    WHEN (OLD.state IN ('invalid', 'rejected')) EXECUTE FUNCTION chorus.invoices_dismissed();

-- The row of an invalid or rejected invoice, for taking it off the list or putting it back.
-- +goose StatementBegin
CREATE FUNCTION chorus.listed(p_id bigint, p_reason text, p_seen timestamptz) RETURNS chorus.invoices LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
-- +goose StatementEnd

-- Takes an invoice off the list: it was settled by other ways, or will not be sent. Nothing else about it changes.
-- +goose StatementBegin
CREATE FUNCTION chorus.dismiss(p_id bigint, p_reason text, p_seen timestamptz DEFAULT NULL) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i   chorus.invoices%ROWTYPE := chorus.listed(p_id, p_reason, p_seen);
    why CONSTANT text := left(btrim(p_reason), 1000);
BEGIN
    INSERT INTO chorus.dismissals AS d (invoice_id, actor, reason) VALUES (p_id, chorus.actor(), why)
    ON CONFLICT (invoice_id) DO UPDATE SET at = clock_timestamp(), actor = excluded.actor, reason = excluded.reason;
    INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
    VALUES (p_id, chorus.actor(), i.state, i.state, 'DISMISSED', jsonb_build_object('reason', why));
END $$;
-- +goose StatementEnd

-- Undoes that: it is on the list again, and can be retried.
-- +goose StatementBegin
CREATE FUNCTION chorus.undismiss(p_id bigint, p_reason text, p_seen timestamptz DEFAULT NULL) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
-- +goose StatementEnd

-- The statuts at which Chorus Pro waits for the supplier are few among a million: their list is chorus.statuts' (next_actor), which a test compares.
CREATE INDEX invoices_supplier ON chorus.invoices (id) WHERE state = 'integrated' AND statut_courant IN (
    'BROUILLON', 'ERREUR_FOURNISSEUR_SUR_VALIDEUR', 'REFUSEE_1', 'ERREUR_COTRAITANT_SUR_VALIDEUR', 'REFUSEE_2',
    'ERREUR_FOURNISSEUR_SUR_MOE', 'A_RECYCLER', 'SUSPENDUE', 'REFUSEE_MOE', 'EN_ATTENTE_RECYCLAGE_FOURNISSEUR', 'INTERPRETEE_OCR',
    'ERREUR_FOURNISSEUR_SUR_MOA', 'ERREUR_DESTINATAIRE_PD', 'ERREUR_DESTINATAIRE_EA', 'NON_CONFORME', 'ERREUR_DE_MOE', 'ERREUR_DE_MOA',
    'REFUSEE_MOA', 'A_ASSOCIER_FOURNISSEUR', 'REFUSEE_FOURNISSEUR', 'A_COMPLETER');

-- Rows that are due and that nobody takes, because a session or a prepared transaction has locked them: whatever gives out rows passes locked ones over, and the others
-- flow. What is passed over comes to stand first, so that few of each account are looked at. The workers' own sessions are left out: they hold a row for moments.
CREATE VIEW chorus.locked_rows WITH (security_barrier = true) AS
SELECT i.id AS invoice, i.numero_facture, i.account, i.state, x.since, chorus.signed(i.type_facture, i.montant_ttc) AS amount, i.devise,
       coalesce('prepared transaction "' || p.gid || '"', 'PID ' || l.pid || coalesce(' (' || nullif(s.application_name, '') || ')', '')) AS holder
FROM (SELECT chorus.my_accounts() AS accounts) mine, (SELECT clock_timestamp() AS now) clock, chorus.accounts a
CROSS JOIN LATERAL (
    (SELECT id FROM chorus.invoices WHERE state = 'received' AND account = a.name AND claim IS NULL ORDER BY priority DESC, id LIMIT 5)
    UNION ALL
    (SELECT id FROM chorus.invoices WHERE state = 'ready' AND account = a.name AND claim IS NULL AND coalesce(not_before, '-infinity') <= clock.now ORDER BY priority DESC, id LIMIT 5)
    UNION ALL
    (SELECT id FROM chorus.invoices WHERE state = 'in_doubt' AND account = a.name AND claim IS NULL ORDER BY due_at LIMIT 5)
    UNION ALL
    (SELECT id FROM chorus.invoices WHERE state = 'deposited' AND account = a.name AND claim IS NULL ORDER BY due_at LIMIT 5)
) due
JOIN chorus.invoices i ON i.id = due.id
CROSS JOIN LATERAL (SELECT greatest(i.created_at, i.not_before, i.due_at) AS since) x
JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = i.xmax
LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid = l.pid
LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
WHERE a.name = ANY (mine.accounts) AND a.paused_at IS NULL
  AND x.since < clock.now - interval '15 minutes'
  AND s.application_name IS DISTINCT FROM 'choriste'
  AND EXISTS (
      SELECT FROM pg_catalog.pg_locks t
      WHERE t.virtualtransaction = l.virtualtransaction AND t.granted AND t.relation = 'chorus.invoices'::regclass);

CREATE VIEW chorus.todo WITH (security_barrier = true) AS
WITH mine AS (
    SELECT chorus.my_accounts() AS accounts
), clock AS (
    SELECT clock_timestamp() AS now
), fleet AS (
    SELECT max(h.horizon) FILTER (WHERE NOT h.stopped AND h.beat_at > c.now - interval '5 minutes') AS horizon,
           max(h.unread_after) FILTER (WHERE NOT h.stopped AND h.beat_at > c.now - interval '5 minutes') AS unread_after,
           min(h.started_at) FILTER (WHERE NOT h.stopped AND h.beat_at > c.now - interval '5 minutes') AS up_since,
           max(h.beat_at) FILTER (WHERE NOT h.stopped) AS beat_at
    FROM chorus.heartbeats h, clock c
),
-- Invoices that stand still for good. Of several rows with one number of one year, the latest counts: an older one was corrected. A year that was not read
-- may be the same.
still AS (
    SELECT i.*
    FROM chorus.invoices i, mine
    WHERE i.state IN ('parked', 'invalid', 'rejected')
      AND i.account = ANY (mine.accounts)
      AND (i.state = 'parked' OR
           NOT EXISTS (SELECT FROM chorus.dismissals d WHERE d.invoice_id = i.id)
           AND NOT EXISTS ( -- as the index invoices_replaces_key has it
               SELECT FROM chorus.invoices o
               WHERE o.replaces = i.id AND o.state NOT IN ('invalid', 'cancelled') AND NOT (o.state = 'rejected' AND o.identifiant_facture_cpp IS NULL))
           AND NOT EXISTS (
               SELECT FROM chorus.invoices o
               WHERE o.numero_facture = i.numero_facture AND left(o.fournisseur_siret, 9) = left(i.fournisseur_siret, 9)
                 AND coalesce(extract(year FROM o.date_facture) = extract(year FROM i.date_facture), true)
                 AND o.id > i.id AND o.state <> 'cancelled'))
),
-- Invoices of which Chorus Pro waits for the supplier. One whose completion or new routing is under way waits for nobody.
waiting AS (
    SELECT i.*, r.state AS remedy, r.reason AS remedy_reason
    FROM mine, chorus.invoices i
    LEFT JOIN LATERAL (SELECT * FROM chorus.remedies r WHERE r.invoice_id = i.id ORDER BY r.id DESC LIMIT 1) r
        ON r.requested_at >= i.statut_courant_date
    WHERE i.account = ANY (mine.accounts)
      AND i.state = 'integrated'
      AND i.statut_courant IN (
        'BROUILLON', 'ERREUR_FOURNISSEUR_SUR_VALIDEUR', 'REFUSEE_1', 'ERREUR_COTRAITANT_SUR_VALIDEUR', 'REFUSEE_2',
        'ERREUR_FOURNISSEUR_SUR_MOE', 'A_RECYCLER', 'SUSPENDUE', 'REFUSEE_MOE', 'EN_ATTENTE_RECYCLAGE_FOURNISSEUR', 'INTERPRETEE_OCR',
        'ERREUR_FOURNISSEUR_SUR_MOA', 'ERREUR_DESTINATAIRE_PD', 'ERREUR_DESTINATAIRE_EA', 'NON_CONFORME', 'ERREUR_DE_MOE', 'ERREUR_DE_MOA',
        'REFUSEE_MOA', 'A_ASSOCIER_FOURNISSEUR', 'REFUSEE_FOURNISSEUR', 'A_COMPLETER')
      AND (r.state IS NULL OR r.state = 'refused')
),
-- Accounts that no live worker has, though others live. Workers may have different accounts; each account needs one. A worker that is started again is away for less than a minute.
apart AS MATERIALIZED (
    SELECT a.name, coalesce(c.seen_at, l.said_at) AS since
    FROM mine, clock, fleet, chorus.accounts a
    LEFT JOIN chorus.configured c ON c.kind = 'account' AND c.key = a.name
    LEFT JOIN chorus.able l ON l.account = a.name
    WHERE a.name = ANY (mine.accounts)
      AND fleet.beat_at >= now - interval '1 minute'
      AND coalesce(c.seen_at, '-infinity') < now - interval '1 minute'
      AND EXISTS (SELECT FROM chorus.configured o WHERE o.kind = 'account' AND o.seen_at >= now - interval '1 minute')
),
-- Those of them whose invoices wait.
orphaned AS MATERIALIZED (
    SELECT a.name AS account, a.since
    FROM apart a
    CROSS JOIN LATERAL (
        SELECT FROM chorus.invoices i
        WHERE i.account = a.name AND i.state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited', 'integrated')
        LIMIT 1
    ) x
),
-- Suppliers with open invoices whose changes were not read for longer than the workers allow. An outage, a closure and a paused account have lines of their own.
unread AS MATERIALIZED (
    SELECT s.account, s.identifiant, s.sync_fault AS fault, x.since,
           CASE WHEN s.sync_fault IN ('portal', 'network', 'incomplete', 'quota', 'unknown') AND x.since + fleet.horizon > now THEN x.since + fleet.horizon END AS until
    FROM mine, clock, fleet, chorus.structures s
    JOIN chorus.accounts a ON a.name = s.account
    CROSS JOIN LATERAL (SELECT coalesce(s.synced_at, s.known_at) AS since, coalesce(s.sync_expected_at, s.known_at) AS expected) x
    WHERE s.account = ANY (mine.accounts)
      AND NOT s.resting
      AND s.account NOT IN (SELECT o.account FROM orphaned o)
      AND greatest(x.expected, fleet.up_since) < now - fleet.unread_after
      AND a.paused_at IS NULL
      AND NOT EXISTS (SELECT FROM chorus.breakers b WHERE b.key = ANY (a.behind) AND b.announced)
      AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE state = 'running')
      AND (EXISTS (
               SELECT FROM chorus.invoices i
               WHERE i.account = s.account AND i.fournisseur_siret = s.identifiant AND i.state IN ('sending', 'in_doubt', 'deposited'))
           OR EXISTS (
               SELECT FROM (
                   SELECT FROM chorus.invoices i
                   WHERE i.fournisseur_siret = s.identifiant AND i.identifiant_facture_cpp IS NOT NULL AND i.state = 'integrated'
                   ORDER BY i.statut_courant_date DESC
                   LIMIT 1) i))
),
-- What waits though nothing is in its way: of each account by itself, since others may send. A row that a job gives back again and again is due soon, too.
stuck AS (
    SELECT 'sent' AS what, i.account, i.created_at
    FROM mine, clock, chorus.accounts a,
         LATERAL (
             SELECT i.account, i.created_at, i.not_before
             FROM chorus.invoices i
             WHERE i.state = 'ready' AND i.claim IS NULL AND i.account = a.name AND coalesce(i.due_at, i.created_at) <= now + interval '2 minutes' AND coalesce(i.not_before, now) <= now
             ORDER BY i.priority DESC, i.id
             LIMIT 1
         ) i
    WHERE a.name = ANY (mine.accounts)
      AND a.paused_at IS NULL
      AND greatest(i.created_at, i.not_before) < now - interval '15 minutes'
      AND NOT EXISTS (
          SELECT FROM chorus.attempts t JOIN chorus.invoices o ON o.id = t.invoice_id WHERE t.claimed_at > now - interval '15 minutes' AND o.account = a.name)
      AND NOT EXISTS (SELECT FROM chorus.breakers b WHERE b.key = ANY (a.behind) AND b.state <> 'closed')
      AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE state = 'running')
    UNION ALL
    SELECT 'read', i.account, i.created_at
    FROM mine, clock, chorus.accounts a,
         LATERAL (
             SELECT i.account, i.created_at
             FROM chorus.invoices i
             WHERE i.state = 'received' AND i.claim IS NULL AND i.account = a.name
             ORDER BY i.priority DESC, i.id
             LIMIT 1
         ) i
    WHERE a.name = ANY (mine.accounts) AND i.created_at < now - interval '15 minutes'
)
SELECT i.state AS kind, i.id AS invoice, i.numero_facture, i.account, i.updated_at AS since, chorus.signed(i.type_facture, i.montant_ttc) AS amount, i.devise,
       concat_ws(': ', i.reason_code, coalesce(left(i.reason, 500), rtrim(h.text, '.'))) AS cause,
       -- Of our own words about a parked row, which are English, what stands in brackets is for both languages.
       CASE i.state
           WHEN 'parked' THEN concat_ws(' : ', i.reason_code, coalesce(rtrim(h.text_fr, '.'), left(i.reason, 500)) || coalesce(' ' || substring(left(i.reason, 500) FROM '\(.*\)'), ''))
           ELSE concat_ws(' : ', i.reason_code, CASE WHEN i.reason IS NULL THEN rtrim(h.text_fr, '.') END, coalesce(f.message_fr, left(i.reason, 500)))
       END AS cause_fr,
       CASE i.state WHEN 'parked' THEN 'operator' ELSE 'supplier' END AS who,
       CASE
           WHEN i.state = 'parked' THEN 'choriste resolve ' || i.id
           WHEN i.reason_code = 'RECIPIENT' THEN 'choriste replace ' || i.id || ' FILE'
           ELSE 'choriste show ' || i.id
       END AS next,
       NULL::timestamptz AS until
FROM still i
LEFT JOIN chorus.answers h ON h.kind = 'reason' AND h.code = i.reason_code
LEFT JOIN chorus.invoice_findings f ON f.invoice_id = i.id AND f.n = 1 AND i.state = 'invalid'
UNION ALL
SELECT CASE WHEN i.remedy IS NULL THEN 'statut' ELSE 'remedy' END, i.id, i.numero_facture, i.account, i.statut_courant_date, chorus.signed(i.type_facture, i.montant_ttc), i.devise,
       concat_ws(': ', i.statut_courant, s.en, left(i.statut_commentaire, 500), 'the last remedy was refused, ' || left(i.remedy_reason, 300)),
       concat_ws(' : ', i.statut_courant, s.fr, left(i.statut_commentaire, 500), 'la dernière démarche a été refusée, ' || left(i.remedy_reason, 300)),
       'supplier',
       CASE i.statut_courant
           WHEN 'SUSPENDUE' THEN 'choriste complete ' || i.id
           WHEN 'A_RECYCLER' THEN 'choriste recycle ' || i.id
           ELSE 'choriste show ' || i.id
       END,
       NULL
FROM waiting i
JOIN chorus.statuts s ON s.code = i.statut_courant
UNION ALL
-- A doubt settles itself within the horizon and a day, or is parked. Where the account may not search, nothing settles it.
SELECT 'in_doubt', i.id, i.numero_facture, i.account, i.in_doubt_since, chorus.signed(i.type_facture, i.montant_ttc), i.devise,
       concat_ws(': ', i.reason_code, CASE WHEN x.blind THEN 'it may have arrived, and Chorus Pro does not let this account look for it'
           ELSE coalesce(rtrim(h.text, '.'), 'it may have arrived, and is looked for') END),
       concat_ws(' : ', i.reason_code, CASE WHEN x.blind THEN 'peut-être arrivée, et Chorus Pro ne laisse pas ce compte la rechercher'
           ELSE coalesce(rtrim(h.text_fr, '.'), 'peut-être arrivée : recherche en cours') END),
       CASE WHEN x.blind THEN 'supplier' WHEN x.until > now THEN 'nobody' ELSE 'operator' END,
       'choriste show ' || i.id,
       CASE WHEN x.until > now AND NOT x.blind THEN x.until END
FROM mine, clock, fleet, chorus.invoices i
LEFT JOIN chorus.accounts a ON a.name = i.account
CROSS JOIN LATERAL (SELECT i.in_doubt_since + coalesce(fleet.horizon, interval '5 hours') + interval '1 day' AS until, a.can_search IS FALSE AS blind) x
LEFT JOIN chorus.answers h ON h.kind = 'reason' AND h.code = i.reason_code
WHERE i.state = 'in_doubt' AND i.account = ANY (mine.accounts)
UNION ALL
SELECT 'finding', f.invoice_id, f.numero_facture, f.account, f.first_found_at,
       -- An invoice of several findings is worth once what it is worth.
       CASE WHEN f.id = (SELECT min(x.id) FROM chorus.findings x WHERE x.invoice_id = f.invoice_id AND x.state = 'open') THEN chorus.signed(i.type_facture, i.montant_ttc) END, i.devise,
       f.code || ': ' || left(f.text, 500),
       f.code || ' : ' || left(f.text, 500),
       'operator', 'choriste reconcile accept ' || f.id || ' --reason TEXT', NULL
FROM mine, chorus.findings f
LEFT JOIN chorus.invoices i ON i.id = f.invoice_id
WHERE f.state = 'open' AND f.account = ANY (mine.accounts)
UNION ALL
SELECT 'account', NULL, NULL, a.name, a.paused_at, NULL, NULL,
       'the account is paused: ' || left(a.pause_reason, 500),
       'le compte est en pause : ' || CASE
           WHEN a.pause_reason LIKE 'NOT\_VOUCHED: no worker vouches for the database, and Chorus Pro shows%' THEN 'NOT_VOUCHED : aucun worker ne répond de la base, et Chorus Pro montre moins qu''il n''a déjà '
               'montré : sa recherche est en panne ou incomplète, ou il a été vidé (qualification). Rien n''est envoyé tant qu''il ne le montre pas de nouveau. Sinon, une personne doit dire si la base '
               'a été restaurée d''une sauvegarde : reprendre le compte si elle ne l''a pas été'
           WHEN a.pause_reason LIKE 'NOT\_VOUCHED: what Chorus Pro lists of this account does not add up%' THEN 'NOT_VOUCHED : la liste que Chorus Pro donne pour ce compte est incohérente : il y manque des '
               'lignes, il en répète, ou il ne dit pas quelles factures ce sont (voir le journal). Ce qu''il a listé a été comparé. Une personne doit dire que rien d''autre de ce qui attend ici n''a été saisi '
               'sur Chorus Pro, et que la base n''a pas été restaurée d''une sauvegarde : regarder sur le portail, annuler ce qu''il détient déjà, puis reprendre le compte'
           WHEN a.pause_reason LIKE 'NOT\_VOUCHED: Chorus Pro has got a deposit of %' THEN 'NOT_VOUCHED : Chorus Pro a un dépôt du ' || substring(a.pause_reason FROM 'deposit of ([-0-9]{10})')
               || ', jour à venir pour l''horloge de PostgreSQL : elle retarde, ou celle de Chorus Pro avance. Comparer les deux à l''heure réelle (choriste doctor) ; corriger celle de PostgreSQL '
               'si elle est fausse ; puis reprendre le compte : il est comparé à ce que détient Chorus Pro avant tout dépôt, au cas où la base aurait été restaurée'
           WHEN a.pause_reason LIKE 'NOT\_VOUCHED: %' THEN 'NOT_VOUCHED : aucun worker ne répond de la base' || coalesce(' pour les ' ||
               substring(a.pause_reason FROM 'vouches for the ([0-9hms.]{1,20}) before') || ' avant le ' || substring(a.pause_reason FROM ' before ([^,]{1,40}), and'), '') || ', et Chorus Pro ne laisse pas le compte rechercher : une personne doit dire si la base a été '
               'restaurée d''une sauvegarde. Donner au compte l''espace Factures émises de ses structures sur Chorus Pro puis le reprendre : il est comparé avant tout dépôt. Sans ce droit, '
               'le reprendre si rien n''a été restauré ; sinon regarder d''abord sur le portail, et annuler ce qu''il détient déjà'
           ELSE left(a.pause_reason, 500)
       END,
       'operator', 'choriste resume ' || a.name, NULL
FROM mine, chorus.accounts a
WHERE a.paused_at IS NOT NULL AND a.name = ANY (mine.accounts)
UNION ALL
SELECT 'password', NULL, NULL, a.name, a.password_checked_at, NULL, NULL,
       'the password of the technical account ends on ' || a.password_expires,
       'le mot de passe du compte technique expire le ' || a.password_expires,
       'operator', 'choriste doctor', NULL
FROM mine, clock, chorus.accounts a
WHERE a.password_expires <= (now AT TIME ZONE 'Europe/Paris')::date + 30 AND a.name = ANY (mine.accounts)
UNION ALL
SELECT 'rights', NULL, NULL, a.name, a.structures_at, NULL, NULL,
       'Chorus Pro does not let this account search its invoices: a doubt cannot be settled',
       'Chorus Pro ne laisse pas ce compte rechercher ses factures : un doute ne peut être levé',
       'supplier', 'choriste doctor', NULL
FROM mine, chorus.accounts a
WHERE a.can_search = false AND a.paused_at IS NULL AND a.name = ANY (mine.accounts)
UNION ALL
SELECT 'feed', NULL, NULL, s.account, s.synced_at, NULL, NULL,
       'changes of ' || s.identifiant || ' come later than usual: Chorus Pro reads the filter as ' || s.filter_honoured,
       'les changements de ' || s.identifiant || ' arrivent plus tard : Chorus Pro lit le filtre comme ' || s.filter_honoured,
       'portal', 'choriste doctor', NULL
FROM mine, chorus.structures s
WHERE s.filter_honoured IN ('days', 'ignored') AND s.account = ANY (mine.accounts)
UNION ALL
-- While the portal is at fault, nothing is to be done before doubts can no longer be told from it: the horizon.
SELECT 'unread', NULL, NULL, u.account, u.since, NULL, NULL,
       'what becomes of the invoices of ' || u.identifiant || ' is not read, and doubts about them stay: ' || CASE
           WHEN u.fault = 'portal' THEN 'what Chorus Pro answers to searches cannot be used (an error, a page or nothing in place of data)'
           WHEN u.fault = 'network' THEN 'searches get no answer'
           WHEN u.fault = 'incomplete' THEN 'what Chorus Pro answers to searches does not add up'
           WHEN u.fault = 'quota' THEN 'PISTE refuses searches as too many (429)'
           WHEN u.fault = 'unknown' THEN 'Chorus Pro answers searches in a way that nobody has recorded yet'
           WHEN u.fault = 'subscription' THEN 'searches are refused (403): the PISTE application has lost its subscription to the API Factures, or something on the way refuses them'
           WHEN u.fault = 'rights' THEN 'the technical account may not search the invoices of this structure: give it the space Factures émises at Chorus Pro'
           WHEN u.fault IN ('account', 'application', 'token') THEN 'searches are refused for the credentials'
           WHEN u.fault IS NULL THEN 'no reading has ended: the workers'' logs say more'
           ELSE 'searches are refused (' || u.fault || '): the workers'' logs say more'
       END || CASE
           WHEN u.until IS NOT NULL THEN '. It is tried again by itself; deposits go on'
           WHEN u.fault IN ('portal', 'network', 'incomplete', 'quota', 'unknown') THEN '. It has lasted for too long: report it to the support of Chorus Pro'
           ELSE ''
       END,
       'la suite donnée aux factures de ' || u.identifiant || ' n''est pas lue, et leurs doutes restent : ' || CASE
           WHEN u.fault = 'portal' THEN 'les réponses de Chorus Pro aux recherches sont inutilisables (une erreur, une page ou rien à la place des données)'
           WHEN u.fault = 'network' THEN 'les recherches restent sans réponse'
           WHEN u.fault = 'incomplete' THEN 'les réponses de Chorus Pro aux recherches sont incohérentes'
           WHEN u.fault = 'quota' THEN 'PISTE refuse les recherches, trop nombreuses (429)'
           WHEN u.fault = 'unknown' THEN 'Chorus Pro répond aux recherches d''une façon encore inconnue'
           WHEN u.fault = 'subscription' THEN 'recherches refusées (403) : l''application PISTE n''est plus abonnée à l''API Factures, ou un équipement intermédiaire les refuse'
           WHEN u.fault = 'rights' THEN 'le compte technique n''a pas le droit de rechercher les factures de cette structure : lui donner l''espace Factures émises sur Chorus Pro'
           WHEN u.fault IN ('account', 'application', 'token') THEN 'recherches refusées à cause des identifiants'
           WHEN u.fault IS NULL THEN 'aucune lecture n''a abouti ; voir les journaux des workers'
           ELSE 'recherches refusées (' || u.fault || ') ; voir les journaux des workers'
       END || CASE
           WHEN u.until IS NOT NULL THEN '. Nouvel essai automatique ; les dépôts continuent'
           WHEN u.fault IN ('portal', 'network', 'incomplete', 'quota', 'unknown') THEN '. Cela dure depuis trop longtemps : le signaler à l''assistance de Chorus Pro'
           ELSE ''
       END,
       CASE WHEN u.until IS NOT NULL THEN 'portal' WHEN u.fault = 'rights' THEN 'supplier' ELSE 'operator' END,
       'choriste doctor', u.until
FROM unread u
UNION ALL
SELECT 'webhook', NULL, NULL, w.account, coalesce(w.paused_at, w.failing_since), NULL, NULL,
       concat('webhook ', w.name, CASE WHEN w.paused_at IS NOT NULL THEN ' is paused: ' || left(w.pause_reason, 300) ELSE ' fails: ' || left(w.last_error, 300) END),
       concat('webhook ', w.name, CASE WHEN w.paused_at IS NOT NULL THEN ' en pause : ' || left(w.pause_reason, 300) ELSE ' en échec : ' || left(w.last_error, 300) END),
       'operator', 'choriste webhooks', NULL
FROM mine, clock, chorus.webhooks w
WHERE (w.paused_at IS NOT NULL OR w.failing_since < now - interval '5 minutes')
  AND ((SELECT chorus.sees_all()) OR w.account = ANY (mine.accounts))
UNION ALL
-- What waits for a second person.
SELECT 'request', i.id, i.numero_facture, i.account, r.asked_at, chorus.signed(i.type_facture, i.montant_ttc), i.devise,
       concat(r.actor, ' asks to ', x.en, ', until ', x.until, ': ', r.reason),
       concat(r.actor, ' demande ', x.fr, ', jusqu''au ', x.until, ' : ', r.reason),
       'operator', 'choriste agree ' || r.id || ' --reason TEXT', NULL
FROM clock, mine, chorus.requests r
LEFT JOIN chorus.invoices i ON i.id = r.invoice_id
CROSS JOIN LATERAL (SELECT to_char(r.until AT TIME ZONE 'Europe/Paris', 'YYYY-MM-DD HH24:MI') || ' Paris' AS until,
    CASE WHEN r.override THEN 'send it again when one search does not find it' WHEN r.action = 'lookup' THEN 'look it up again' WHEN r.action = 'allow_resubmit' THEN 'let resubmission go on'
         ELSE 'send it again once proven absent' END AS en,
    CASE WHEN r.override THEN 'de la renvoyer si une recherche ne la trouve pas' WHEN r.action = 'lookup' THEN 'de la rechercher de nouveau' WHEN r.action = 'allow_resubmit' THEN 'que les renvois reprennent'
         ELSE 'de la renvoyer si prouvée absente' END AS fr) x
WHERE r.decision IS NULL AND r.until > now AND r.seen IS NOT DISTINCT FROM i.updated_at
  AND CASE WHEN r.invoice_id IS NULL THEN (SELECT chorus.sees_all()) ELSE i.account = ANY (mine.accounts) END
UNION ALL
SELECT 'outage', NULL, NULL, NULL, b.since, NULL, NULL,
       concat('the ', b.scope, ' ', b.name, ' does not answer as it should (', b.fault, '): deposits wait, and go on by themselves'),
       concat(CASE b.scope WHEN 'portal' THEN 'le portail ' ELSE 'l''application ' END, b.name, ' ne répond pas comme il faut (', b.fault,
           ') : les dépôts attendent et reprennent d''eux-mêmes'),
       'portal', 'choriste doctor', NULL
FROM chorus.breakers b
WHERE b.announced
  AND ((SELECT chorus.sees_all()) OR b.key = ANY ((SELECT chorus.my_way())::text[]))
UNION ALL
SELECT 'maintenance', NULL, NULL, NULL, m.starts_at, NULL, NULL,
       'Chorus Pro is closed, as announced',
       'Chorus Pro est fermé, comme annoncé',
       'nobody', 'choriste stats', m.ends_at
FROM chorus.maintenance m
WHERE m.state = 'running'
UNION ALL
SELECT 'worker', NULL, NULL, NULL, fleet.beat_at, NULL, NULL,
       'no worker is alive: nothing is sent and nothing is followed',
       'aucun worker ne tourne : rien n''est déposé ni suivi',
       'operator', 'choriste work', NULL
FROM mine, clock, fleet
WHERE coalesce(fleet.beat_at, '-infinity') < now - interval '1 minute'
  AND EXISTS (SELECT FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited', 'integrated') AND account = ANY (mine.accounts))
UNION ALL
SELECT 'worker', NULL, NULL, o.account, o.since, NULL, NULL,
       'no live worker has the account, and its invoices wait: start a worker with it, or give it to one that runs (CHORISTE_ACCOUNTS_FILE); each account needs one',
       'aucun worker en vie n''a ce compte, et ses factures attendent : démarrer un worker qui l''a, ou le donner à un worker en marche (CHORISTE_ACCOUNTS_FILE) ; il en faut un pour chaque compte',
       'operator', 'choriste work', NULL
FROM orphaned o
UNION ALL
SELECT 'stalled', NULL, NULL, s.account, s.created_at, NULL, NULL,
       CASE s.what
           WHEN 'sent' THEN 'nothing was sent for 15 minutes, though invoices wait and nothing is in their way'
           ELSE 'inserted invoices have not been read for 15 minutes'
       END,
       CASE s.what
           WHEN 'sent' THEN 'rien n''a été déposé depuis 15 minutes, alors que des factures attendent et que rien ne les retient'
           ELSE 'des factures insérées ne sont pas lues depuis 15 minutes'
       END,
       'operator', 'choriste doctor', NULL
FROM stuck s, clock, fleet
WHERE fleet.beat_at >= now - interval '1 minute'
  AND s.account NOT IN (SELECT o.account FROM orphaned o)
UNION ALL
SELECT 'stalled', NULL, NULL, a.name, a.compare_waits_since, NULL, NULL,
       'deposits have waited for more than 15 minutes for Chorus Pro to list what it holds, in case it has got already what waits here: page ' || coalesce(a.compare_page, 0)
           || ' of ' || coalesce(nullif(a.compare_pages, 0)::text, '?') || ' has been read' || coalesce(', it answered ' || a.compare_fault, ''),
       'des dépôts attendent depuis plus de 15 minutes que Chorus Pro liste ce qu''il détient, au cas où il aurait déjà ce qui attend ici : page ' || coalesce(a.compare_page, 0)
           || ' sur ' || coalesce(nullif(a.compare_pages, 0)::text, '?') || ' lue' || coalesce(', il a répondu ' || a.compare_fault, ''),
       'operator', 'choriste doctor', NULL
FROM mine, clock, fleet, chorus.accounts a
WHERE a.compare_since IS NOT NULL AND a.compare_waits_since < now - interval '15 minutes' AND a.paused_at IS NULL AND a.name = ANY (mine.accounts)
  AND fleet.beat_at >= now - interval '1 minute'
  AND a.name NOT IN (SELECT o.account FROM orphaned o)
  AND EXISTS (SELECT FROM chorus.invoices i WHERE i.account = a.name AND i.state = 'ready')
UNION ALL
SELECT 'stalled', r.invoice, r.numero_facture, r.account, r.since, r.amount, r.devise,
       'it is due, and ' || r.holder || ' has locked its row: end that transaction',
       'elle devrait avancer, et ' || replace(r.holder, 'prepared transaction', 'la transaction préparée') || ' verrouille sa ligne : terminer cette transaction',
       'operator', 'choriste show ' || r.invoice, NULL
FROM chorus.locked_rows r
UNION ALL
SELECT 'resubmission', NULL, NULL, NULL, n.assumption_broken_at, NULL, NULL,
       'a deposit judged absent was accepted after all: nothing is sent again by itself until an operator allows it',
       'un dépôt jugé absent a finalement été accepté : plus rien n''est renvoyé tout seul avant l''accord d''un exploitant',
       'operator', 'choriste list --reason-code CONTRADICTION', NULL
FROM chorus.installation n
WHERE n.assumption_broken_at IS NOT NULL;

REVOKE ALL ON FUNCTION chorus.listed(bigint, text, timestamptz), chorus.dismiss(bigint, text, timestamptz), chorus.undismiss(bigint, text, timestamptz), chorus.invoices_dismissed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chorus.dismiss(bigint, text, timestamptz), chorus.undismiss(bigint, text, timestamptz) TO chorus_operator;
GRANT SELECT ON chorus.dismissals, chorus.locked_rows, chorus.todo TO chorus_operator, chorus_reader, chorus_worker;
