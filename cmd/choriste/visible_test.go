package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// TestNoEscapeReachesTheTerminal: whatever an application, an operator or the portal wrote, no command prints it raw, and JSON stays JSON.
func TestNoEscapeReachesTheTerminal(t *testing.T) {
	const hostile = "a\x1b[31m\x1b]0;t\x07\r\n\t\u009b2J\u202eb"
	db := storetest.New(t)
	exec := func(url, sql string, args ...any) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			_, err = conn.Exec(t.Context(), `SELECT set_config('chorus.actor', $1, false)`, hostile)
		}
		if err == nil && url == db.URL { // the rules of the schema would not let such rows in
			_, err = conn.Exec(t.Context(), `SET session_replication_role = replica`)
		}
		if err == nil {
			_, err = conn.Exec(t.Context(), sql, args...)
		}
		if err != nil {
			t.Fatal(sql, err)
		}
		_ = conn.Close(t.Context())
	}
	exec(db.AppURL, `INSERT INTO chorus.invoices (external_ref, document, metadata) VALUES ($1::text, 'x', jsonb_build_object('k', $1::text))`, hostile)
	exec(db.URL, `
		UPDATE chorus.invoices SET state = 'invalid', reason_code = 'XML', reason = $1, numero_facture = $1, fournisseur_siret = $1, statut_courant = $1,
		       statut_commentaire = $1, devise = $1, montant_ttc = 1 WHERE id = 1`, hostile)
	exec(db.URL, `
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, outcome, evidence)
		VALUES (gen_random_uuid(), 1, 1, $1::text, 'x.xml', 'x', 'e', now(), now(), 'AMBIGUOUS', jsonb_build_object('libelle', $1::text))`, hostile)
	exec(db.URL, `INSERT INTO chorus.webhooks (name, cursor, pause_reason, paused_at, last_error) VALUES ('hook', 0, $1, now(), $1)`, hostile)
	exec(db.OperatorURL, `SELECT chorus.pause('default', $1)`, hostile)

	commands := [][]string{
		{"list"},
		{"show", "1"},
		{"events", "1"},
		{"stats"},
		{"webhooks"},
		{"reconcile", "--open"},
		{"resolve", "1"},
		{"retry", "1", "--dry-run"},
		{"retry", "1", "--reason", hostile},
		{"cancel", "1"},
		{"cancel", hostile},
		{"show", hostile},
		{"list", "--account", hostile},
		{"list", "--ref", hostile},
		{"list", "--state", hostile},
		{hostile},
		{"--" + hostile},
		{"submit", hostile},
		{"submit", "/etc/hostname", "--account", hostile},
		{"pause", hostile, "--reason", "x"},
		{"resume", hostile},
		{"complete", "1", "--comment", hostile},
		{"recycle", "1", "--service", hostile, "--reason", hostile},
		{"replace", "1", hostile},
		{"webhooks", "pause", "hook", "--reason", hostile},
		{"webhooks", "test", hostile},
		{"webhooks", "skip", "hook", "--reason", hostile},
		{"doctor"},
		{"migrate", "status"},
		{"help", hostile},
	}
	showed := 0
	for _, args := range commands {
		for _, form := range []string{"", "--json"} {
			if form != "" {
				args = append([]string{form}, args...)
			}
			_, out, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL, "CHORUS_LOGIN": hostile, "CHORUS_API_URL": hostile}, args...)
			for _, text := range []string{out, errOut} {
				if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
					t.Errorf("%q prints %.200q", args, text[max(0, i-50):])
				}
				if strings.Contains(text, `x1b[31m`) || strings.Contains(text, `u001b[31m`) {
					showed++
				}
			}
			if form == "" || args[1] == "help" || strings.HasPrefix(args[1], "--") {
				continue
			}
			for line := range strings.Lines(out) {
				if !json.Valid([]byte(line)) {
					t.Errorf("%q prints no JSON: %.200q", args, line)
				}
			}
		}
	}
	if showed < 10 {
		t.Errorf("only %d texts showed what they hide: nothing was tried", showed)
	}
	for _, form := range []string{"text", "json"} {
		var b bytes.Buffer
		log, err := logger(&b, form)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("x", "ref", hostile, slog.Group("g", "k"+hostile, []string{hostile}), "error", brokenText(hostile))
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Errorf("the %s log has %.300q", form, b.String())
		}
	}
}

type brokenText string

func (b brokenText) Error() string { return string(b) }
