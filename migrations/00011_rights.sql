-- Rights: who may read, write and call what. Nobody has any right that is not granted here; a test holds the whole matrix.

-- +goose Up

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chorus FROM PUBLIC;
GRANT USAGE ON SCHEMA chorus TO chorus_app, chorus_worker, chorus_operator, chorus_reader;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Everybody

GRANT EXECUTE ON FUNCTION chorus.only_accounts(), chorus.sees_all(), chorus.nobody_mapped(), chorus.my_accounts(), chorus.sees_recipient(text), chorus.actor(), chorus.schema_version(), chorus.event_type(bigint, text, text, text, jsonb),
    chorus.legible(jsonb), chorus.readable(jsonb), chorus.signed(text, numeric), chorus.bare_number(text)
    TO chorus_app, chorus_worker, chorus_operator, chorus_reader;
GRANT SELECT ON chorus.invoice_status, chorus.invoice_findings, chorus.events, chorus.states, chorus.transitions, chorus.statuts, chorus.remedies,
    chorus.finding_codes TO chorus_app, chorus_worker, chorus_operator, chorus_reader;

-- Not which account asked.
GRANT SELECT (siret, id_structure_cpp, name, active, never_reports_payment, service_required, engagement_required, either_required, services_listed, checked_at, listed_at)
    ON chorus.recipients TO chorus_app, chorus_operator, chorus_reader;
GRANT SELECT ON chorus.recipient_services TO chorus_app, chorus_operator, chorus_reader;

-- What `choriste migrate status` reads.
GRANT SELECT ON chorus.goose_db_version TO chorus_worker, chorus_operator, chorus_reader;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- The application

GRANT INSERT (external_ref, account, document, syntaxe_flux, fields, not_before, priority, metadata, replaces) ON chorus.invoices TO chorus_app, chorus_operator;
GRANT SELECT (id, external_ref, account, state, replaces) ON chorus.invoices TO chorus_app;
GRANT UPDATE (cancel_requested_at) ON chorus.invoices TO chorus_app;
GRANT INSERT (invoice_id, nom, contenu, mime) ON chorus.attachments TO chorus_app, chorus_operator;
GRANT SELECT (id, invoice_id, nom, mime, octets, goes, remedy_id, created_at, created_by) ON chorus.attachments TO chorus_app, chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.complete(bigint, text), chorus.attach(bigint, text, bytea, text), chorus.recycle(bigint, text, text, text, text)
    TO chorus_app, chorus_operator;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- People: the reader looks, the operator looks and acts

-- Every column of an invoice but the document.
GRANT SELECT (id, external_ref, account, syntaxe_flux, fields, not_before, priority, metadata, replaces, cancel_requested_at, state, reason_code, reason,
    document_sha256, document_bytes, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom,
    destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service,
    numero_engagement, findings, attempt_no, resubmits, refusals, panics, deaths, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date,
    identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, available_on, suspended_on, completed_on, deposited_at, visible_at,
    in_doubt_since, due_at, reason_due_at, looks, claim, claimed_until, purged_at, version, created_at, updated_at) ON chorus.invoices TO chorus_operator, chorus_reader;
GRANT SELECT ON chorus.attempts, chorus.accounts, chorus.structures, chorus.budgets, chorus.slots, chorus.installation, chorus.breakers,
    chorus.maintenance, chorus.strangers, chorus.feed_lateness, chorus.reconciliations, chorus.findings, chorus.webhooks, chorus.configured, chorus.heartbeats TO chorus_operator, chorus_reader;
GRANT SELECT ON chorus.archives, chorus.archived_invoices TO chorus_worker, chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.last_move(bigint) TO chorus_worker, chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.archived_event(bigint, timestamptz) TO chorus_worker;
GRANT EXECUTE ON FUNCTION chorus.my_way() TO chorus_operator, chorus_reader, chorus_worker;
GRANT SELECT ON chorus.logins TO chorus_operator, chorus_reader;
GRANT SELECT (key, name, since, said) ON chorus.secrets TO chorus_operator, chorus_reader;
GRANT SELECT (remedy_id, n, nom, mime, octets, piece_id) ON chorus.remedy_files TO chorus_operator, chorus_reader;
GRANT EXECUTE ON FUNCTION chorus.known_fluxes(bigint), chorus.resolutions(bigint), chorus.sequences_behind() TO chorus_operator, chorus_reader, chorus_worker;

GRANT SELECT (key, generation, rejected, expires_at, refreshed_at, refreshed_by, failures, failure, retry_at) ON chorus.tokens TO chorus_operator;
GRANT EXECUTE ON FUNCTION
    chorus.cancel(bigint),
    chorus.retry(bigint, text, timestamptz),
    chorus.resolve(bigint, text, text, text, boolean, timestamptz),
    chorus.pause(text, text),
    chorus.allow_resubmit(text),
    chorus.reconcile(text, text, date, date),
    chorus.accept_finding(bigint, text),
    chorus.reopen_finding(bigint, text),
    chorus.pause_webhook(text, text),
    chorus.replay_webhook(text, bigint),
    chorus.skip_webhook(text, text),
    chorus.test_webhook(text),
    chorus.forget_webhook(text),
    chorus.identity()
    TO chorus_operator;

GRANT EXECUTE ON FUNCTION chorus.agree(bigint, text), chorus.decline(bigint, text) TO chorus_operator;
GRANT SELECT (id, invoice_id, action, override, reason, actor, asked_at, seen, until, decision, decided_at, decided_by) ON chorus.requests TO chorus_operator, chorus_reader, chorus_worker;

-- ---------------------------------------------------------------------------------------------------------------------------------
-- The worker

GRANT SELECT ON chorus.invoices, chorus.attempts, chorus.accounts, chorus.structures, chorus.budgets, chorus.slots, chorus.installation,
    chorus.breakers, chorus.maintenance, chorus.strangers, chorus.feed_lateness, chorus.reconciliations, chorus.reconciled, chorus.suspects, chorus.findings,
    chorus.remedy_files, chorus.webhooks, chorus.configured, chorus.heartbeats, chorus.tokens, chorus.secrets TO chorus_worker;
GRANT UPDATE (state, reason_code, reason, syntaxe, numero_facture, date_facture, type_facture, fournisseur_siret, fournisseur_nom,
    destinataire_siret, destinataire_nom, montant_ht, montant_tva, montant_ttc, montant_a_payer, devise, cadre_facturation, code_service,
    numero_engagement, findings, attempt_no, resubmits, refusals, panics, deaths, lookup_first, numero_flux_depot, date_depot, etat_flux, etat_flux_date,
    identifiant_facture_cpp, mode_depot, statut_courant, statut_courant_date, statut_commentaire, visible_at, due_at, reason_due_at, looks,
    claim, claimed_until) ON chorus.invoices TO chorus_worker;
GRANT SELECT ON chorus.recipients, chorus.recipient_services TO chorus_worker;
GRANT INSERT, UPDATE ON chorus.attempts, chorus.accounts, chorus.structures, chorus.recipients, chorus.budgets, chorus.tokens, chorus.breakers,
    chorus.reconciliations, chorus.findings, chorus.webhooks, chorus.configured TO chorus_worker;
GRANT INSERT ON chorus.secrets, chorus.invoice_findings TO chorus_worker;
GRANT SELECT, INSERT, UPDATE ON chorus.locks, chorus.able TO chorus_worker;
GRANT INSERT, UPDATE, DELETE ON chorus.heartbeats, chorus.slots, chorus.maintenance, chorus.strangers, chorus.feed_lateness, chorus.reconciled, chorus.suspects,
    chorus.recipient_services TO chorus_worker;
GRANT UPDATE ON chorus.installation TO chorus_worker;
GRANT SELECT, UPDATE ON chorus.annuaire TO chorus_worker;
GRANT SELECT ON chorus.annuaire TO chorus_operator, chorus_reader;
GRANT UPDATE (state, reason, sent_at, attempts, due_at, claim, claimed_until) ON chorus.remedies TO chorus_worker;
GRANT UPDATE (piece_id) ON chorus.remedy_files TO chorus_worker;
GRANT SELECT, UPDATE (piece_id, uploaded_at) ON chorus.attachments TO chorus_worker;
GRANT EXECUTE ON FUNCTION
    chorus.reserve(text, integer, integer),
    chorus.depart(text),
    chorus.reachable(text),
    chorus.pause(text, text),
    chorus.refuse_password(text, bytea, boolean),
    chorus.other_password(text, bytea),
    chorus.remind(text[], bytea[]),
    chorus.feed_honours(text, bigint, text, interval),
    chorus.earlier_statuts(bigint, bigint, text[], timestamptz[], text[]),
    chorus.identity(),
    chorus.set_second_person(interval, text),
    chorus.shown(text, text, date, timestamptz),
    chorus.unknown_to_rows(timestamptz),
    chorus.vouched_until(timestamptz),
    chorus.oldest_row(),
    chorus.quarantine(text, integer, jsonb, timestamptz, boolean, interval, integer),
    chorus.pause_webhook(text, text),
    chorus.forget_gone()
    TO chorus_worker;

-- River's tables live in their own schema; only the worker touches them.
GRANT USAGE ON SCHEMA river TO chorus_worker;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA river TO chorus_worker;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON river.river_migration FROM chorus_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA river TO chorus_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA river TO chorus_worker;

-- Jobs live for seconds and are rewritten twice: vacuum them by number, not by share.
ALTER TABLE river.river_job SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
