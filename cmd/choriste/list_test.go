package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// aFew inserts three invoices, all that a list can show among them.
func aFew(t *testing.T) *storetest.Database {
	t.Helper()
	db := storetest.New(t)
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for _, sql := range []string{
		`INSERT INTO chorus.invoices (external_ref, document) VALUES ('one', 'x'), ('two', 'x'), ('three', 'x')`,
		`SET session_replication_role = replica`,
		`UPDATE chorus.invoices SET numero_facture = 'F-' || id, montant_ttc = 100 * id, devise = 'EUR', destinataire_siret = '1300252650001' || id, updated_at = now()`,
		`UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED', reason = 'L''engagement juridique ' || repeat('est inconnu ', 10) WHERE id = 1`,
		`UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT', date_depot = '2026-11-20 00:00+01' WHERE id = 2`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// numbersIn are the invoice numbers in what a list printed, in order.
func numbersIn(out string) (list []string) {
	for _, word := range strings.Fields(out) {
		if strings.HasPrefix(word, "F-") {
			list = append(list, word)
		}
	}
	return list
}

// TestListByQuery: the query narrows, a sort orders, and both go with flags, in list and in retry.
func TestListByQuery(t *testing.T) {
	db := aFew(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "F-3 F-2 F-1"},
		{[]string{"--query", "amount:>100 -state:settled"}, "F-3"},
		{[]string{"--query=-state:settled"}, "F-3 F-1"},
		{[]string{"--query", "-state:settled"}, "F-3 F-1"},
		{[]string{"-q", "-state:settled"}, "F-3 F-1"},
		{[]string{"-q", "F-*", "--state", "rejected,settled"}, "F-2 F-1"},
		{[]string{"--sort", "amount"}, "F-1 F-2 F-3"},
		{[]string{"--sort", "-montant_ttc", "--limit", "1"}, "F-3"},
		{[]string{"--sort=-statut", "--limit", "1"}, "F-2"},
		{[]string{"--sort", "amount", "--after", "1"}, "F-2 F-3"},
	} {
		if got := numbersIn(said(t, db.ReaderURL, 0, "", append([]string{"list"}, c.args...)...)); strings.Join(got, " ") != c.want {
			t.Errorf("list %q: %v, wanted %s", c.args, got, c.want)
		}
	}
	said(t, db.OperatorURL, 0, "1 invoice, 100.00 EUR", "retry", "--query", "F-*", "--dry-run")
	said(t, db.ReaderURL, 0, "2 invoices, 300.00 EUR", "list", "--sum", "--query", "amount:<=200")
	for want, args := range map[string][]string{
		"a query has no key stat: there are state, account":      {"--query", "stat:x"},
		"une requête n'a pas de clé stat : il y a state":         {"--query", "stat:x", "--lang", "fr"},
		"not sorted by price: there are id, state":               {"--sort", "price"},
		"ne se trient pas par price":                             {"--sort", "price", "--lang", "fr"},
		"there is no column price: there are id, external_ref":   {"--columns", "id,price"},
		"--oldest and --sort can't be used together":             {"--sort", "id", "--oldest"},
		"must be one of \"table\",\"wide\",\"csv\",\"json\" but": {"-o", "yaml"},
	} {
		said(t, db.ReaderURL, 2, want, append([]string{"list"}, args...)...)
	}
	said(t, db.ReaderURL, 1, "il n'y a pas de compte nobody : il y a default", "list", "--query", "account:nobody", "--lang", "fr")
}

// TestListOutput tries each form of a list, with the usual columns and with chosen ones.
func TestListOutput(t *testing.T) {
	db := aFew(t)
	said(t, db.ReaderURL, 0, "ID  STATE     NUMBER  TTC         STATUS            FINDINGS  REASON\n", "list")
	said(t, db.ReaderURL, 0, "ID  ÉTAT      NUMÉRO  TTC         STATUT            REMARQUES  MOTIF\n", "list", "--lang", "fr")
	said(t, db.ReaderURL, 0, "RECIPIENT", "list", "-o", "wide")
	said(t, db.ReaderURL, 0, strings.Repeat("est inconnu ", 10)[:119], "list", "-o", "wide")
	said(t, db.ReaderURL, 0, "NUMBER  TTC         DEPOSITED\nF-3     300.00 EUR  -\nF-2     200.00 EUR  2026-11-20\n", "list", "--columns", "number,montant_ttc,date_depot")
	said(t, db.ReaderURL, 0, "\ufeffid;montant_ttc\r\n3;300,00\r\n", "list", "-o", "csv", "--columns", "id,amount")
	said(t, db.ReaderURL, 0, `{"id":3,"montant_ttc":"300"}`+"\n", "list", "-o", "json", "--columns", "id,amount")
	if a, b := said(t, db.ReaderURL, 0, "", "list", "-o", "json"), said(t, db.ReaderURL, 0, "", "list", "--json"); a != b || strings.Count(a, "\n") != 3 {
		t.Errorf("-o json and --json differ:\n%s\n%s", a, b)
	}
}

// TestErrorsAsJSON: with --json an error is an object, whoever complains.
func TestErrorsAsJSON(t *testing.T) {
	db := aFew(t)
	for _, c := range []struct {
		url, code string
		status    int
		args      string
	}{
		{db.ReaderURL, "", 2, "list --json --nothing"},
		{db.ReaderURL, "", 2, "list --json --query a:b"},
		{db.ReaderURL, "", 2, "list -o json --sort price"},
		{db.ReaderURL, "", 1, "show 7 --json"},
		{db.OperatorURL, "CH022", 1, "retry 2 --reason x --json"},
		{db.OperatorURL, "", 4, "reconcile --open --json"},
		{"postgres://nobody@127.0.0.1:1/x", "DATABASE_UNREACHABLE", 1, "list --json"},
	} {
		status, _, errOut := command(t, map[string]string{"DATABASE_URL": c.url}, strings.Fields(c.args)...)
		var said struct {
			Error, Code string
			Status      int
		}
		if err := json.Unmarshal([]byte(errOut), &said); err != nil || status != c.status || said.Status != status || said.Error == "" || c.code != "" && said.Code != c.code {
			t.Errorf("%s: status %d, %v: %s", c.args, status, err, errOut)
		}
	}
}

// TestHelp: of a command, of the query, in both languages; and the version as a flag.
func TestHelp(t *testing.T) {
	for want, args := range map[string]string{
		"Usage: choriste reconcile accept --reason=TEXT <finding>": "help reconcile accept",
		"Usage: choriste <command>":                                "help",
		"Usage: choriste list":                                     "help list",
		"narrow each other down":                                   "help query",
		"qui se restreignent":                                      "help query --lang fr",
		`"key":"amount"`:                                           "help query --json",
		"choriste ":                                                "--version",
	} {
		if status, out, errOut := command(t, nil, strings.Fields(args)...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %s%s", args, status, out, errOut)
		}
	}
	if status, _, errOut := command(t, nil, "help", "nothing"); status != 2 || !strings.Contains(errOut, "nothing") {
		t.Errorf("help on nothing: %d %s", status, errOut)
	}
	for locale, want := range map[string]string{"fr_FR.UTF-8": "se restreignent", "en_GB.UTF-8": "narrow", "C": "narrow", "": "narrow"} {
		if _, out, _ := command(t, map[string]string{"LANG": locale}, "help", "query"); !strings.Contains(out, want) {
			t.Errorf("in %s: %s", locale, out)
		}
	}
}
