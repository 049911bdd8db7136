package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
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
		{"explain BR-CO-10", 0, []string{"rule BR-CO-10", "BT-106"}, ""},
		{"explain FichierXml.ExchangedDocument.ID.value est obligatoire", 0, []string{"error INVOICE_NUMBER_FORM", "BT-1, chorus.invoices.numero_facture"}, ""},
		{"explain L'engagement juridique 42 n'existe pas.|Un texte nouveau", 0, []string{"engagement   42", "error UNCLASSIFIED", "Un texte nouveau"}, ""},
		{"explain Un texte nouveau", 1, nil, "means"},
		{"explain", 2, nil, "means"},
		{"explain --lang de 20001", 2, nil, "means"},
	} {
		args := strings.SplitN(c.args, " ", 2)
		if rest, isText := strings.CutPrefix(c.args, "explain "); isText && !strings.HasPrefix(rest, "--") {
			args = []string{"explain", rest}
		} else {
			args = strings.Fields(c.args)
		}
		var out, errOut bytes.Buffer
		exit := run(t.Context(), args, func(string) string { return "" }, &out, &errOut)
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
