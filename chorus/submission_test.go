package chorus

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

func aSubmission() Submission {
	return Submission{
		Numero: "F-1", Date: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), IDFournisseur: 26300991, Destinataire: "99999999700023", Cadre: "A1", Devise: "EUR",
		TypeTVA: "TVA_SUR_DEBIT", TTC: decimal.RequireFromString("1200.10"), APayer: decimal.RequireFromString("1200.10"), PieceJointe: 7,
		HT:        decimal.NewNullDecimal(decimal.RequireFromString("1000.08")),
		LignesTVA: []LigneTVA{{Taux: decimal.RequireFromString("20"), Base: decimal.RequireFromString("1000.08"), TVA: decimal.RequireFromString("200.02")}},
	}
}

// What a submission's answer is worth: the invoice's number acknowledges it, and nothing else does.
func TestSubmissionOutcomes(t *testing.T) {
	for name, x := range map[string]struct {
		status  int
		body    string
		outcome Outcome
	}{
		"taken in":                   {200, `{"codeRetour":0,"libelle":"GCU_MSG_01_000","identifiantFactureCPP":41207733,"numeroFacture":"F-1","statutFacture":"DEPOSEE"}`, Accepted},
		"without its number":         {200, `{"codeRetour":0,"libelle":"GCU_MSG_01_000"}`, Ambiguous},
		"a flux number is none":      {200, `{"codeRetour":0,"libelle":"ok","numeroFluxDepot":"CPP001"}`, Ambiguous},
		"a number beside a refusal":  {200, `{"codeRetour":20010,"libelle":"no","identifiantFactureCPP":41207733}`, Ambiguous},
		"refused by its fields":      {200, `{"codeRetour":20010,"libelle":"GDP_MSG_11.999 - Le numéro est obligatoire."}`, Refused},
		"refused, last of the range": {400, `{"codeRetour":20305,"libelle":"no"}`, Refused},
		"a code beyond the range":    {200, `{"codeRetour":20306,"libelle":"no"}`, Ambiguous},
		"a duplicate":                {200, `{"codeRetour":20020,"libelle":"Une facture portant ce numéro existe déjà pour ce fournisseur."}`, Duplicate},
		"no JSON":                    {200, `<html>`, Ambiguous},
		"the portal fails":           {502, ``, Ambiguous},
		"too many requests":          {429, ``, NotLanded},
	} {
		p := newPortal(t, answerJSON(x.status, x.body))
		d, err := p.client(t).PrepareSubmission(t.Context(), aSubmission())
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Send(t.Context(), time.Time{})
		if OutcomeOf(err) != x.outcome {
			t.Errorf("%s: %s, want %s (%v)", name, OutcomeOf(err), x.outcome, err)
		}
		if x.outcome == Accepted && (r.IdentifiantFactureCPP != 41207733 || r.NumeroFacture != "F-1" || r.StatutFacture != "DEPOSEE" || r.NumeroFluxDepot != "") {
			t.Errorf("%s: %+v", name, r)
		}
		sent := p.arrived()
		if len(sent) != 1 || !strings.Contains(string(sent[0].body), `"montantTtcTotal":1200.1`) || !strings.Contains(string(sent[0].body), `"dateFacture":"2026-01-31"`) {
			t.Errorf("%s: sent %+v", name, sent)
		}
	}
}

func TestSubmissionsThatAreNotWhole(t *testing.T) {
	p := newPortal(t, answerJSON(200, `{}`))
	c := p.client(t)
	for name, change := range map[string]func(*Submission){
		"number":   func(s *Submission) { s.Numero = "" },
		"date":     func(s *Submission) { s.Date = time.Time{} },
		"supplier": func(s *Submission) { s.IDFournisseur = 0 },
		"file":     func(s *Submission) { s.PieceJointe = 0 },
		"cadre":    func(s *Submission) { s.Cadre = "B1" },
	} {
		s := aSubmission()
		change(&s)
		if _, err := c.PrepareSubmission(t.Context(), s); FaultOf(err) != FaultDocument || OutcomeOf(err) != NotSent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(p.arrived()); n != 0 {
		t.Errorf("%d requests left", n)
	}
}
