package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// englishWords are words that no French line has. States, reason codes, columns and what the database and the portal wrote stay as they are.
var englishWords = regexp.MustCompile(`(?i)(^|[\s(:;,])(the|is|are|was|were|of|to|and|by|invoice|invoices|reason|nothing|since|oldest|last|paused|attempt|account|amount|supplier|recipient|number|state|status|inserted|replaced|replaces|comment|known|found|event|events|name|told|behind|open|accepted|more|saved|query|pending)($|[\s):;,])`)

// leftEnglish are codes and parts of queries.
var leftEnglish = regexp.MustCompile(`AMOUNT|state:ready|reason FLUX_REJECTED`)

// Every command that prints for people prints French under --lang fr. One that is in neither list fails.
func TestEveryCommandInFrench(t *testing.T) {
	db := aFew(t)
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) //nolint:usetesting // it is closed before the database
	if _, err := conn.Exec(t.Context(), `
		SET session_replication_role = replica;
		INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, numero_facture, state, reason_code, reason, attempt_no, numero_flux_depot, replaces, date_facture, fournisseur_siret,
		    date_depot, statut_courant, statut_courant_date, statut_commentaire, identifiant_facture_cpp, updated_at)
		SELECT s || n, 'x', 'x', 1, upper(s) || n, s, 'SEVERAL', 'x', 1, 'CPP' || s || n, CASE WHEN s || n = 'ready1' THEN 1 END, '2026-11-02', '99999999800012', now(), 'SUSPENDUE', now(), 'x', 10 + row_number() OVER (), now()
		FROM unnest(ARRAY['parked', 'integrated', 'ready', 'invalid']) s, generate_series(1, 4) n;
		UPDATE chorus.invoices SET identifiant_facture_cpp = NULL WHERE state IN ('parked', 'rejected');
		UPDATE chorus.invoices SET statut_courant = 'A_RECYCLER' WHERE external_ref = 'integrated2';
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, numero_flux_depot, evidence)
		SELECT gen_random_uuid(), id, 1, 'w', id || '.xml', 'x', 'e', now(), now(), numero_flux_depot,
		       jsonb_build_object('lookups', jsonb_build_array(jsonb_build_object('at', now(), 'age_ns', 60000000000, 'complete', true, 'absent', true))) FROM chorus.invoices WHERE state = 'parked';
		INSERT INTO chorus.remedies (invoice_id, kind, state, requested_by, comment) SELECT id, 'complete', 'refused', 'x', 'x' FROM chorus.invoices WHERE external_ref = 'integrated1';
		INSERT INTO chorus.dismissals (invoice_id, at, actor, reason) SELECT id, now(), 'x', 'x' FROM chorus.invoices WHERE external_ref = 'invalid1';
		INSERT INTO chorus.attachments (invoice_id, nom, contenu, mime, octets, goes, created_by) SELECT id, 'a.pdf', 'x', 'application/pdf', 1, 'submission', 'x' FROM chorus.invoices WHERE external_ref = 'ready1';
		UPDATE chorus.invoices SET purged_at = now() WHERE external_ref = 'invalid2';
		INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code) VALUES (1, 'w', 'integrated', 'integrated', 'BACKWARDS');
		INSERT INTO chorus.webhooks (name, cursor, stuck, failing_since, failures, last_error, due_at) VALUES ('hook', 0, 1, now(), 3, 'x', now()), ('gone', 0, NULL, NULL, 0, NULL, now());
		INSERT INTO chorus.breakers (key, scope, name, state, since, fault, announced) VALUES ('portal/1', 'portal', 'api.example', 'open', now(), 'network', true);
		UPDATE chorus.accounts SET password_expires = current_date + 12, compare_since = now(), compare_asked_at = now();
		INSERT INTO chorus.heartbeats (worker, horizon) VALUES ('w', '4 hours');
		INSERT INTO chorus.maintenance (starts_at, ends_at) VALUES (now(), now() + interval '1 hour');
		INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by, state, finished_at) VALUES ('default', 1, '99999999800012', '[2026-11-01,2026-11-08)', 'x', 'done', now());
		INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, code, account, id_structure_cpp, subject, invoice_id, numero_facture, deposit_day, text)
		VALUES (1, 1, 'AMOUNT', 'default', 1, 'i3', 3, 'F-3', '2026-11-02', 'x');
		INSERT INTO chorus.structures (account, id_structure_cpp, identifiant) VALUES ('default', 1, '99999999800012');
		SELECT chorus.recount(false)`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "f.xml")
	if err := os.WriteFile(file, invoicetest.Invoice{}.CII(), 0o600); err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, c := range []struct {
		leaf, args string
		status     int
	}{
		{"todo show", "todo", 0},
		{"todo dismiss", "todo dismiss invalid3 --reason x", 0},
		{"todo restore", "todo restore invalid3 --reason x", 0},
		{"migrate", "migrate status", 0},
		{"submit", "submit FILE", 0},
		{"list", "list --limit 1 --total", 0},
		{"list", "list --sum", 0},
		{"views save", "views save x state:ready", 0},
		{"views list", "views", 0},
		{"views delete", "views delete x", 0},
		{"show", "show parked1", 0},
		{"show", "show integrated1", 0},
		{"show", "show invalid1", 0},
		{"show", "show invalid2", 0},
		{"show", "show ready1", 0},
		{"show", "show F-1", 0},
		{"events", "events parked1", 0},
		{"audit", "audit --limit 1", 0},
		{"stats", "stats", 0},
		{"digest", "digest", 0},
		{"money", "money", 0},
		{"purge", "purge", 0},
		{"purge", "purge --account default --keep 30d --reason x", 0},
		{"retry", "retry invalid4 --reason x", 0},
		{"retry", "retry --state invalid --dry-run", 0},
		{"resolve", "resolve parked1", 0},
		{"resolve", "resolve parked1 accept --flux CPPparked1 --reason x", 0},
		{"resolve", "resolve parked2 lookup --reason x", 0},
		{"resolve", "resolve parked3 resubmit --reason x", 0},
		{"resolve", "resolve parked4 abandon --reason x", 0},
		{"complete", "complete integrated1 --comment x", 0},
		{"recycle", "recycle integrated2 --comment x --service x", 0},
		{"cancel", "cancel ready2", 0},
		{"pause", "pause --reason x", 0},
		{"resume", "resume --wait 0s", 0},
		{"explain", "explain FLUX_REJECTED", 0},
		{"reconcile run", "reconcile --list", 0},
		{"reconcile run", "reconcile --open", 3},
		{"reconcile accept", "reconcile accept 1 --reason x", 0},
		{"reconcile reopen", "reconcile reopen 1 --reason x", 0},
		{"webhooks list", "webhooks", 0},
		{"webhooks pause", "webhooks pause hook --reason x", 0},
		{"webhooks list", "webhooks list", 0},
		{"webhooks resume", "webhooks resume hook", 0},
		{"webhooks replay", "webhooks replay gone --from 1 --dry-run", 0},
		{"webhooks forget", "webhooks forget gone", 0},
		{"man", "man DIR", 0},
		{"partition plan", "partition plan", 0},
		{"partition list", "partition list", 0},
	} {
		covered[c.leaf] = true
		args := strings.Fields(strings.NewReplacer("FILE", file, "DIR", dir).Replace(c.args))
		status, out, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL}, append(args, "--lang", "fr")...)
		if status != c.status {
			t.Errorf("%s: status %d\n%s%s", c.args, status, out, errOut)
		}
		if c.status == 0 {
			out += errOut
		}
		for line := range strings.Lines(leftEnglish.ReplaceAllString(out, "")) {
			if m := englishWords.FindString(line); m != "" {
				t.Errorf("%s: %q in %s", c.args, strings.TrimSpace(m), line)
			}
		}
	}
	for leaf, why := range map[string]string{
		"init": "asks in French (its own test)", "work": "logs", "doctor": "its own test", "probe": "its own test", "check": "its own test", "verify": "needs a database of its own", "watch": "goes on; made of stats and todo",
		"evidence": "writes a file", "agree": "its own test", "refuse": "its own test", "replace": "needs a refused invoice", "webhooks test": "needs a worker", "webhooks skip": "needs an event that is stuck",
		"partition apply": "takes the owner's login (its own test)", "partition detach": "the same", "partition attach": "the same",
		"password": "prints a hash", "completion": "prints a script", "version": "prints the version",
		"help": "its own test",
	} {
		if covered[leaf] {
			t.Errorf("%s is tried, though %s", leaf, why)
		}
		covered[leaf] = true
	}
	var c cli
	for _, leaf := range parserOf(&c, "en", os.Stdout, os.Stderr, func(int) {}).Model.Leaves(true) {
		if name := strings.TrimPrefix(leaf.Path(), "choriste "); !covered[name] && !slices.Contains([]string{"choriste"}, name) {
			t.Errorf("nobody tries %q in French", name)
		}
	}
}

// Errors of commands are said in the language, too, whatever stands around them.
func TestErrorsInFrench(t *testing.T) {
	db := aFew(t)
	for args, want := range map[string]string{
		"show F-0":                       "il n'y a pas de facture F-0",
		"retry --reason x":               "retry quoi ? donnez des ids ou un filtre",
		"retry --state invalid":          "retry demande --reason",
		"list --limit 0":                 "--limit doit être de 1 à",
		"audit --since yesterday":        `--since : "yesterday" n'est pas un jour`,
		"pause nothing --reason x":       "il n'y a pas",
		"webhooks replay no --from 1":    "il n'y a pas de webhook no",
		"evidence state:ready -o /tmp/x": "aucune facture n'est sélectionnée",
		"watch --every 1ms":              "--every doit être de 1s à 1h",
		"verify":                         "dites ce qui est à vérifier",
		"resolve F-1 lookup --reason x":  "seules celles qui sont à trancher",
	} {
		status, _, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL, "LANG": "fr_FR.UTF-8"}, strings.Fields(args)...)
		if status == 0 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, no %q in %s", args, status, want, errOut)
		}
	}
}

// An interruption is said in words, whichever statement it met.
func TestAnInterruptionInWords(t *testing.T) {
	err := fmt.Errorf("the documents that are due: %w", context.Canceled)
	for lang, want := range map[string]string{"en": "interrupted: ", "fr": "interrompu : "} {
		if got := (&app{lang: lang}).words(err); !strings.HasPrefix(got, want) || strings.Contains(got, "context") {
			t.Errorf("%s: %s", lang, got)
		}
	}
}
