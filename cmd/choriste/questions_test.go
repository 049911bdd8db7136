package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/choriste/choriste/store/storetest"
)

// TestEightQuestions runs the sessions of the manual's eight questions over a morning in which each of them has an answer.
func TestEightQuestions(t *testing.T) {
	db := storetest.New(t)
	row := func(number, set string) string {
		return fmt.Sprintf(`
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET %s WHERE external_ref = '%s';
		SET LOCAL session_replication_role = origin;`, set, number)
	}
	script(t, db, `UPDATE chorus.ecb_rates SET rate = 2.15; INSERT INTO chorus.heartbeats (worker, horizon) VALUES ('w', '4 hours');`+
		owed("F-2026-0901", "1500.00", "11000001100011", row("F-2026-0901", `state = 'in_doubt', statut_courant = NULL, reason_code = 'AMBIGUOUS', attempt_no = 1, in_doubt_since = clock_timestamp() - interval '26 hours'`), 0)+
		owed("F-2026-0821", "1500.00", "22000002200022", row("F-2026-0821", `created_at = created_at - interval '41 days'`)+
			fmt.Sprintf(`UPDATE chorus.invoices SET statut_courant = 'SUSPENDUE', statut_courant_date = %s, statut_commentaire = 'bon de livraison absent' WHERE external_ref = 'F-2026-0821';`, paris(30)), 40)+
		owed("F-2026-0902", "800.00", "11000001100011", row("F-2026-0902", `state = 'rejected', statut_courant = NULL, identifiant_facture_cpp = NULL, reason_code = 'FLUX_REJECTED', reason = 'L''engagement juridique est inconnu'`), 0)+
		`UPDATE chorus.accounts SET password_expires = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date - 1;`+
		owed("F-2026-0815", "1200.00", "22000002200022", row("F-2026-0815", `created_at = created_at - interval '46 days'`), 45)+
		owed("F-2026-0903", "2400.00", "22000002200022", fmt.Sprintf(`UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = %s WHERE external_ref = 'F-2026-0903';`, paris(0)), 0)+
		owed("F-2026-0904", "600.00", "22000002200022", "", 0)+
		`SELECT chorus.number_events(1000);`)
	transcript(t, "### Eight questions", db.OperatorURL)
	said(t, db.ReaderURL, 2, "--older-than: \"soon\" is not an age", "todo", "--older-than", "soon")
	said(t, db.ReaderURL, 2, "--total goes with a table", "list", "--total", "--json")
	said(t, db.ReaderURL, 0, "2 factures, 3000.00 EUR (dont 2400.00 payés)", "list", "--query", "destinataire:22000002200022 inseree:ce-mois", "--total", "--lang", "fr")
	said(t, db.ReaderURL, 0, "0 invoices", "list", "--sum", "--query", "inserted:last-month -older:32d newer:1d")
}

// The exit statuses that the manual tells of are those that there are.
func TestExitStatusManual(t *testing.T) {
	var documented []string
	for _, line := range cells(section(t, manualPage(t, "operating.md"), "### Exit status")) {
		documented = append(documented, line[0])
	}
	real := []string{"0"}
	for _, err := range []error{errors.New("x"), usageError{errors.New("x")}, findingsError{1}, uncomparedError{}} {
		real = append(real, strconv.Itoa(statusOf(fmt.Errorf("wrapped: %w", err))))
	}
	real = append(real, fmt.Sprintf("%d to %d", exitOf(layers[0]), exitOf(layers[len(layers)-1])))
	if got := strings.Join(documented, ", "); got != strings.Join(real, ", ") {
		t.Errorf("the manual has %s, the program %s", got, strings.Join(real, ", "))
	}
	for _, layer := range layers {
		if got := statusOf(brokenError{exit: exitOf(layer)}); got != exitOf(layer) {
			t.Errorf("%s: %d", layer, got)
		}
	}
}
