package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/choriste/choriste/store/storetest"
)

// paris is midday in Paris, so many days ago.
func paris(days int) string {
	return fmt.Sprintf(`((clock_timestamp() AT TIME ZONE 'Europe/Paris')::date - %d + time '12:00') AT TIME ZONE 'Europe/Paris'`, days)
}

// owed inserts an invoice that was made available so many days ago; more is what happened then.
func owed(number, amount, recipient, more string, days int) string {
	return fmt.Sprintf(`
		INSERT INTO chorus.invoices (external_ref, document) VALUES ('%[1]s', 'x');
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices
		SET state = 'deposited', numero_facture = '%[1]s', montant_ttc = %[2]s, devise = 'EUR', destinataire_siret = '%[3]s', identifiant_facture_cpp = id
		WHERE external_ref = '%[1]s';
		SET LOCAL session_replication_role = origin;
		UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'MISE_A_DISPOSITION', statut_courant_date = %[4]s
		WHERE external_ref = '%[1]s';%[5]s`, number, amount, recipient, paris(days), more)
}

// TestMoneyCommand runs the sessions of the manual, and tries the forms and the faults of the command.
func TestMoneyCommand(t *testing.T) {
	db := storetest.New(t)
	said(t, db.ReaderURL, 0, "Nothing is open", "money")
	said(t, db.ReaderURL, 0, "Rien n'est dû", "money", "--lang", "fr")
	then := func(number, state, statut string, days int) string {
		return fmt.Sprintf(`
		UPDATE chorus.invoices SET state = '%s', statut_courant = '%s', statut_courant_date = %s WHERE external_ref = '%s';`, state, statut, paris(days), number)
	}
	script(t, db, `UPDATE chorus.ecb_rates SET rate = 2.15;`+
		owed("F-2026-0830", "1500.00", "11000001100011", "", 10)+
		owed("F-2026-0815", "1200.00", "22000002200022", "", 45)+
		owed("F-2026-0821", "1500.00", "22000002200022", then("F-2026-0821", "integrated", "SUSPENDUE", 30), 40)+
		owed("F-2026-0800", "2400.00", "11000001100011", then("F-2026-0800", "settled", "MISE_EN_PAIEMENT", 3), 37))
	transcript(t, "### The money", db.ReaderURL)

	said(t, db.ReaderURL, 0, `{"part":"open","stage":"late_30","oldest":"`, "money", "--json")
	said(t, db.ReaderURL, 0, `"devise":"EUR","invoices":1,"amount":"1200","late":1,"interest":"5.01","indemnity":"40"}`, "money", "--json")
	said(t, db.ReaderURL, 0, `{"part":"recipient","destinataire_siret":"22000002200022"`, "money", "--json")
	said(t, db.ReaderURL, 0, `{"part":"rate","ecb_rate_since":"2026-01-01","ecb_rate":"2.15"}`, "money", "--json")
	said(t, db.ReaderURL, 0, ";1200,00;EUR;open;MISE_A_DISPOSITION;;", "money", "--csv")
	said(t, db.ReaderURL, 0, ";late_30;15;10,15;5,01;40,00\r\n", "money", "--csv")
	said(t, db.ReaderURL, 0, ";2400,00;EUR;paid;MISE_EN_PAIEMENT;", "money", "--csv", "--siret", "110000011")
	said(t, db.ReaderURL, 0, "6.66 EUR + 40 EUR", "money", "--ecb-rate", "5.5")
	if out := said(t, db.ReaderURL, 0, "payé", "money", "--lang", "fr", "--recipient", "110000011"); strings.Contains(out, "1200.00") {
		t.Errorf("another recipient's: %s", out)
	}
	if out := said(t, db.ReaderURL, 0, "1 to 30 days late", "money", "--until", "2026-01-01"); strings.Contains(out, "2400.00") {
		t.Errorf("paid outside the period: %s", out)
	}
	for _, args := range []string{"--recipient 12", "--since yesterday", "--ecb-rate much", "--ecb-rate 1e9", "--ecb-rate NaN", "--csv --json", "--lang de"} {
		said(t, db.ReaderURL, 2, "", append([]string{"money"}, strings.Fields(args)...)...)
	}
	said(t, db.ReaderURL, 1, "there is no account nobody", "money", "--account", "nobody")
	said(t, db.AppURL, 1, "does not have the rights of chorus_", "money")
}
