package answers_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/answers"
)

var terms = regexp.MustCompile(`^B[TG]-[0-9]{1,3}$`)

// Every entry is whole, its example is explained by it, and what only looks like it is not.
func TestEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range answers.All() {
		name := string(e.Kind) + " " + e.Code
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if e.EN.Means == "" || e.EN.Do == "" || e.FR.Means == "" || e.FR.Do == "" || e.Mark == "" || e.Source == "" || e.Who == "" || e.Retry == "" {
			t.Errorf("%s is not whole: %+v", name, e)
		}
		for _, text := range []string{e.EN.Means, e.EN.Do, e.FR.Means, e.FR.Do} {
			if !strings.HasSuffix(text, ".") || strings.HasSuffix(text, "..") || strings.ContainsAny(text, "|\n") {
				t.Errorf("%s: %q is no sentence for a table", name, text)
			}
		}
		if e.Term != "" && !terms.MatchString(e.Term) {
			t.Errorf("%s: no term %q", name, e.Term)
		}
		explains := func(text string) bool {
			return slices.ContainsFunc(answers.Explain(text), func(m answers.Match) bool { return m.Kind == e.Kind && m.Code == e.Code })
		}
		if !explains(e.Example) {
			t.Errorf("%s does not explain its example %q", name, e.Example)
		}
		if (e.Pattern == "") != (e.Not == "") {
			t.Errorf("%s: a pattern, and only a pattern, wants a counterexample", name)
		}
		if e.Not != "" && explains(e.Not) {
			t.Errorf("%s explains %q", name, e.Not)
		}
		if other := otherCode(e.Example); e.Pattern == "" && explains(other) {
			t.Errorf("%s explains another code, %q", name, other)
		}
		if e.Pattern != "" && strings.ContainsAny(e.Pattern, "*+") {
			t.Errorf("%s: the pattern has a repetition without a bound", name)
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d entries", len(seen))
	}
}

// otherCode is a code that comes near to this one: the last digit is the next one, or a letter is too many.
func otherCode(code string) string {
	last := code[len(code)-1]
	if last < '0' || last > '9' {
		return code + "X"
	}
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string // kind code[@term], in any order; nothing else
	}{
		{"GDP_MSG_11.022", []string{"codeRetour 20001 GDP_MSG_11.022"}},
		{"GDP_MSG_11_022", []string{"codeRetour 20001 GDP_MSG_11.022"}},
		{"20001 gdp_msg_11.005", []string{"codeRetour 20001 GDP_MSG_11.005"}},
		{"20001", []string{"codeRetour 20001 POQ_MSG_01.003", "codeRetour 20001 GDP_MSG_11.022", "codeRetour 20001 GDP_MSG_11.005"}},
		{"429", []string{"gateway HTTP 429"}},
		{"http 403", []string{"gateway HTTP 403"}},
		{"IN_REJETE", []string{"etat_flux IN_REJETE"}},
		{"suspendue", []string{"statut SUSPENDUE"}},
		{"NON_CONFORME", []string{"statut NON_CONFORME", "motif NON_CONFORME"}},
		{"MONTANT_ERR - Montant de la facture erroné", []string{"motif MONTANT_ERR", "error TOTALS@BG-22"}},
		{"AUTRE : voir courrier", []string{"motif AUTRE"}},
		{"la commande est autre", nil},
		{"ABSENT", []string{"reason ABSENT"}},
		{"POISON the worker broke three times", []string{"reason POISON@"}},
		// One message cut by the portal, one whole.
		{
			"L'identifiant fournisseur de la demande de paiement (balise : AccountingSupplierParty.Party.PartyIdentification.ID.value) n'est pas reference dans notre systeme.|La structure (balise AccountingSupplierParty.Party.PartyIdentification.ID.value) n'utilise pa",
			[]string{"error SUPPLIER_UNKNOWN@BT-30", "error STRUCTURE_DOES_NOT_USE@BT-30"},
		},
		{"L'élément FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement.SpecifiedTradeSettlementHeaderMonetarySummation.GrandTotalAmount.value est obligatoire.", []string{"error ELEMENT_MISSING@BT-112"}},
		{"L’element (CreditNote.DocumentCurrencyCode.value) est obligatoire", []string{"error ELEMENT_MISSING@BT-5"}},
		{"Le mode de paiement (FichierXml…SpecifiedTradeSettlementPaymentMeans.TypeCode.value) est obligatoire.", []string{"error PAYMENT_MEANS_MISSING@BT-81"}},
		{"Le code service (FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value) est obligatoire.", []string{"error SERVICE_CODE_MISSING@BT-10"}},
		{"L'element rsm:ExchangedDocument.ram:TypeCode est obligatoire", []string{"error ELEMENT_MISSING@BT-3"}},
		{"Le champ Foo.Bar.Baz.value est obligatoire", []string{"error ELEMENT_MISSING@"}},
		{"Tout va bien", nil},
		{"", nil},
		{"GDP_MSG_99.999 - Texte inconnu", nil},
		{"IN_ETAT_FUTUR", nil},
	} {
		var got []string
		for _, m := range answers.Explain(c.in) {
			got = append(got, string(m.Kind)+" "+m.Code+"@"+m.Term)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.EqualFunc(got, c.want, func(g, w string) bool { // a term that is not stated is not compared
			without, _, _ := strings.Cut(g, "@")
			return g == w || without == w
		}) {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// TestPasted: a text as it comes out of a page, a mail or a log is the same text.
func TestPasted(t *testing.T) {
	for text, want := range map[string]string{
		"Une facture portant ce num&eacute;ro existe d&eacute;j&agrave; pour ce fournisseur.":                                                                      "DUPLICATE_INVOICE",
		"La facture F-2026-118 existe dÃ©jÃ\u00a0":                                                                                                                 "DUPLICATE_INVOICE",
		"La facture F-2026-118 existe dÃ©jÃ  sur le portail":                                                                                                       "DUPLICATE_INVOICE",
		"L&#39;engagement juridique (FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value) est obligatoire.":                 "SERVICE_CODE_MISSING",
		"Lâ€™engagement juridique 4500012345 nâ€™existe pas.":                                                                                                      "COMMITMENT_UNKNOWN",
		"L'element FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement.SpecifiedTradeSettlementPaymentMeans[2].TypeCode.value est obligatoire.": "PAYMENT_MEANS_MISSING",
		"L'identifiant destinataire  217 500 016 00019\nn'est pas reference dans notre systeme":                                                                    "RECIPIENT_UNKNOWN",
		"L'identifiant fournisseur '73282932000074' n'est pas reference dans notre systeme":                                                                        "SUPPLIER_UNKNOWN",
		"Le montant TTC (1 200,00) n&apos;est pas égal à la somme du montant HT et de la TVA":                                                                      "TOTALS",
		"cvc-complex-type.4: Attribute 'currencyID' must appear on element 'cbc:Amount'.":                                                                          "XSD_STRUCTURE",
		"429 Too Many Requests":            "HTTP 429",
		"HTTP/1.1 503 Service Unavailable": "HTTP 503",
		"Ã la bonne heure":                 "",
		"Un avoir de 12 âges & de 3 Ã":     "",
		"429 factures et plus 1":           "",
	} {
		var got string
		if found := answers.Explain(text); len(found) > 0 {
			got = found[0].Code
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if !answers.Duplicate("existe d&eacute;j&agrave;") {
		t.Error("an entity hides that the portal has the invoice already")
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"L'identifiant destinataire 12345678200051 n'est pas reference dans notre systeme.":                                                      {"siret": "12345678200051"},
		"Le service SVC_42 n'est pas connu de la structure":                                                                                      {"service": "SVC_42"},
		"L'engagement juridique 1300000042 n'existe pas":                                                                                         {"engagement": "1300000042"},
		"ERR_XSD_001 IRRECEVABILITE: cvc-datatype-valid.1.2.1: '-1 324,60' is not a valid value for 'decimal'. - ligne: 150 - position: 60":      {"value": "-1 324,60", "line": "150", "position": "60"},
		"L'element (AppliedTradeAllowanceCharge.ActualAmount.value) est obligatoire si l'element (SupplyChainTradeTransaction.X) est renseigne.": {"element": "AppliedTradeAllowanceCharge.ActualAmount"},
	} {
		found := answers.Explain(text)
		if len(found) != 1 {
			t.Errorf("%q: %d entries", text, len(found))
			continue
		}
		for name, value := range want {
			if found[0].Values[name] != value {
				t.Errorf("%q: %s is %q, want %q", text, name, found[0].Values[name], value)
			}
		}
	}
}

func TestElement(t *testing.T) {
	for path, want := range map[string]string{
		"FichierXml.ExchangedDocument.ID.value":                                                                             "BT-1",
		"Invoice.cac:PaymentMeans.cbc:PaymentMeansCode":                                                                     "BT-81",
		"FichierXml.ExchangedDocumentContext.BusinessProcessSpecifiedDocumentContextParameter.I":                            "BT-23", // cut
		"accountingcustomerparty.party.partyidentification.id.value":                                                        "BT-46",
		"SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement.SpecifiedTradeSettlementHeaderMonetarySummation.Grand": "BG-22",
		"ID": "", "": "", "Foo.Bar": "", "value": "", "....": "",
	} {
		if term, _ := answers.Element(path); term != want {
			t.Errorf("%s is %q, want %q", path, term, want)
		}
	}
}

// A hostile text costs no more than its bytes, and most of it is not even read.
func TestBounded(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("L'element (", 1_000_000), strings.Repeat("A.", 5_000_000), strings.Repeat("|", 1_000_000), strings.Repeat("montant ", 1_000_000),
		strings.Repeat("cvc-type 'x", 1_000_000), strings.Repeat("GDP_MSG_11.022 ", 1_000_000), strings.Repeat("A_", 1_000_000), "\xff\xfe" + strings.Repeat("é", 1_000_000),
	} {
		start := time.Now()
		if n := len(answers.Explain(text)); n > 50 {
			t.Errorf("%d matches", n)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%.10q took %s", text, took)
		}
	}
}
