package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		args string
		exit int
		want []string // of standard output
		none string
	}{
		{"explain 20001", 0, []string{"codeRetour 20001 POQ_MSG_01.003", "codeRetour 20001 GDP_MSG_11.022", "answered by  factures/deposer/flux"}, "sens"},
		{"explain --lang fr MONTANT_ERR", 0, []string{"motif MONTANT_ERR", "sens", "Montant de la facture erroné.", "le fournisseur"}, "means"},
		{"explain CH-BUYER-SIRET BT-47 (recipient's SIRET) has a space or a line break in it", 0, []string{"rule CH-BUYER-SIRET", "14 digits"}, "unclassified"},
		{"explain BR-CO-10", 0, []string{"rule BR-CO-10", "BT-106"}, ""},
		{"explain FichierXml.ExchangedDocument.ID.value est obligatoire", 0, []string{"error INVOICE_NUMBER_FORM", "BT-1, chorus.invoices.numero_facture"}, ""},
		{"explain L'engagement juridique 42 n'existe pas.|Un texte nouveau", 0, []string{"engagement   42", "error UNCLASSIFIED", "Un texte nouveau"}, ""},
		{"explain Un texte nouveau", 1, nil, "means"},
		{"explain  20001 ", 0, []string{"codeRetour 20001"}, ""},
		{"explain codeRetour=20001", 0, []string{"codeRetour 20001"}, ""},
		{"explain codeRetour : 20001", 0, []string{"codeRetour 20001"}, ""},
		{"explain poq_msg_01_003", 0, []string{"POQ_MSG_01.003"}, ""},
		{"explain http 503", 0, []string{"gateway HTTP 503"}, ""},
		{"explain rejetée", 0, []string{"statut REJETEE"}, ""},
		{"explain « REJETÉE »", 0, []string{"statut REJETEE"}, ""},
		{"explain Mise  en paiement.", 0, []string{"statut MISE_EN_PAIEMENT"}, ""},
		{"explain statut : à recycler", 0, []string{"statut A_RECYCLER"}, ""},
		{"explain in integre", 0, []string{"etat_flux IN_INTEGRE"}, ""},
		{"explain double fact", 0, []string{"motif DOUBLE_FACT"}, ""},
		{"explain \x1b[31mDOUBLE_FACT\x1b[0m", 0, []string{"motif DOUBLE_FACT"}, "\x1b"},
		{"explain \"IN_REJETE\"", 0, []string{"etat_flux IN_REJETE"}, ""},
		{"explain (br-co-10),", 0, []string{"rule BR-CO-10"}, ""},
		{"explain absent", 0, []string{"reason ABSENT"}, ""},
		{"explain " + strings.Repeat("x", 100_000), 1, nil, "means"},
		{"explain " + strings.Repeat("_", 100), 1, nil, "means"},
		{"explain \xff\xfe\x00", 1, nil, "means"},
		{"explain %s%n'; DROP TABLE x", 1, nil, "means"},
		{"explain 99999", 1, nil, "means"},
		{"explain -5", 1, nil, "means"},
		{"explain --lang fr tout_autre_chose", 1, nil, "means"},
		{"explain   ", 2, nil, "means"},
		{"explain", 2, nil, "means"},
		{"explain --lang de 20001", 2, nil, "means"},
	} {
		args := strings.Fields(c.args)
		if rest, isText := strings.CutPrefix(c.args, "explain "); isText && !strings.HasPrefix(rest, "--") {
			args = []string{"explain", "--", rest}
		}
		var out, errOut bytes.Buffer
		exit := run(t.Context(), args, func(string) string { return "" }, &out, &errOut)
		if c.exit == 1 && strings.Contains(c.args, "--lang fr") != strings.Contains(errOut.String(), "non classé") {
			t.Errorf("%.40s in another language: %s", c.args, errOut.String())
		}
		if exit != c.exit || c.exit != 0 && strings.Count(errOut.String(), "\n") != 1 {
			t.Errorf("%s: exit status %d, %s", c.args, exit, errOut.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s does not say %q:\n%s", c.args, want, out.String())
			}
		}
		if c.none != "" && strings.Contains(out.String(), c.none) {
			t.Errorf("%s says %q:\n%s", c.args, c.none, out.String())
		}
	}
}

// Whatever code a finding, or the reason of an invalid row, may hold: it is explained, in both languages, with what to do.
func TestEveryRuleIsExplained(t *testing.T) {
	for _, r := range rules.Rules() {
		var out bytes.Buffer
		exit := run(t.Context(), []string{"explain", "--json", r.Code}, func(string) string { return "" }, &out, &bytes.Buffer{})
		var got struct {
			Kind, Code, Text, Remedy, Source string
			TextFR                           string `json:"text_fr"`
			RemedyFR                         string `json:"remedy_fr"`
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || exit != 0 || got.Kind != "rule" || got.Code != r.Code || got.Text == got.TextFR || got.Remedy == "" || got.RemedyFR == "" || got.Source == "" {
			t.Errorf("%s: %d, %v, %s", r.Code, exit, err, out.String())
		}
	}
}

func TestExplainJSON(t *testing.T) {
	for args, want := range map[string]map[string]any{
		"IN_REJETE":        {"kind": "etat_flux", "who": "supplier", "retry": "never"},
		"Un texte nouveau": {"code": "UNCLASSIFIED", "retry": "unclassified", "message": "Un texte nouveau"},
		"L'element (CreditNote.DocumentCurrencyCode.value) est obligatoire": {"code": "ELEMENT_MISSING", "term": "BT-5", "column": "devise"},
	} {
		var out bytes.Buffer
		run(t.Context(), []string{"explain", "--json", args}, func(string) string { return "" }, &out, &bytes.Buffer{})
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v in %s", args, err, out.String())
		}
		for _, key := range []string{"text", "text_fr", "remedy", "remedy_fr", "who"} {
			if s, _ := got[key].(string); s == "" {
				t.Errorf("%s: no %s", args, key)
			}
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %v, want %v", args, key, got[key], value)
			}
		}
	}
}

// planted is a database with one invoice of which the portal has said so much. The triggers look away.
func planted(t *testing.T, set string) *storetest.Database {
	t.Helper()
	db := storetest.New(t)
	said(t, db.OperatorURL, 0, "invoice 1", "submit", document(t, "invoice.xml", invoicetest.Invoice{}.CII()))
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for _, sql := range []string{
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET ` + set,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Forge(t, db.URL, `INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
		SELECT id, 'test', 'deposited', state, reason_code, jsonb_strip_nulls(jsonb_build_object('reason', reason, 'statut_courant', statut_courant)) FROM chorus.invoices`)
	return db
}

func TestShowExplains(t *testing.T) {
	db := planted(t, `state = 'rejected', reason_code = 'FLUX_REJECTED', reason = 'L''engagement juridique (….BuyerReference.value) est obligatoire. | Un texte nouveau'`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"show", "1"}, "SERVICE_CODE_MISSING  The service code (BT-10) is missing"},
		{[]string{"show", "1"}, "→ Ask the recipient for its service code"},
		{[]string{"show", "1"}, "UNCLASSIFIED          Un texte nouveau: The dictionary does not know this answer."},
		{[]string{"show", "1", "--lang", "fr"}, "SERVICE_CODE_MISSING  Il manque le code service (BT-10)"},
		{[]string{"show", "1", "--json"}, `"remedy_fr":"Demander le code service au destinataire`},
		{[]string{"events", "1", "--json"}, `"code":"SERVICE_CODE_MISSING"`},
		{[]string{"explain", "--unclassified"}, "error  1 times, last of invoice 1  Un texte nouveau\n"},
		{[]string{"explain", "--unclassified", "--json"}, `{"kind":"error","text":"Un texte nouveau","count":1,"invoice":1}`},
	} {
		said(t, db.ReaderURL, 0, c.want, c.args...)
	}
	if out := said(t, db.ReaderURL, 0, "", "explain", "--unclassified"); strings.Contains(out, "BuyerReference") {
		t.Errorf("a known text is listed: %s", out)
	}
}
