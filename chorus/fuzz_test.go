package chorus

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func seed(f *testing.F, add func(s sample)) {
	f.Helper()
	for _, s := range samples(f) {
		add(s)
	}
}

// fit fails for a text that should not reach a log or a database.
func fit(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			t.Errorf("unfit text %q", s)
		}
	}
}

func FuzzDepositAnswer(f *testing.F) {
	seed(f, func(s sample) { f.Add(s.Response.Status, s.header().Get("WWW-Authenticate"), s.body()) })
	f.Add(200, "", []byte(`{"codeRetour":0,"codeRetour":1,"numeroFluxDepot":"CPP1"}`))
	f.Add(200, "", []byte(`{"CodeRetour":0,"numeroFluxDepot":"CPP1"}`))
	f.Fuzz(func(t *testing.T, status int, challenge string, body []byte) {
		if status < 100 || status > 999 {
			return
		}
		v := judged(status, http.Header{"Www-Authenticate": {challenge}}, string(body))
		e := v.failed(opDeposit)
		fit(t, e.Error(), v.Exchange.Libelle, v.Exchange.Message, v.Exchange.CorrelationID)
		if v.outcome == NotSent || v.outcome == "" {
			t.Fatalf("outcome %q of an answer", v.outcome)
		}
		if v.outcome != Accepted {
			return
		}
		// What is accepted must be so for a reader that knows nothing of ours.
		var any map[string]any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if status != 200 || dec.Decode(&any) != nil || dec.Decode(new(struct{})) != io.EOF {
			t.Fatalf("accepted %d %q", status, body)
		}
		code := any["codeRetour"]
		if code != json.Number("0") && code != "0" || v.flux() == "" || v.fault != "" {
			t.Fatalf("accepted %q", body)
		}
		fit(t, v.flux(), v.text("syntaxeFlux"), v.date("dateDepot").Raw)
		for k := range any {
			if k != keyCode && strings.EqualFold(k, keyCode) || k != keyFlux && strings.EqualFold(k, keyFlux) {
				t.Fatalf("accepted beside %q", k)
			}
		}
	})
}

func FuzzAPIAnswer(f *testing.F) {
	seed(f, func(s sample) { f.Add(s.Response.Status, s.body()) })
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return
		}
		r := reply{Exchange: Exchange{Status: status, Connected: true, Wrote: true}, header: http.Header{}, body: body}
		for _, op := range []operation{opSearch, opReport, opHistory, opStructures, opFind, opHealth} {
			v := read(op, r, redactor{})
			fit(t, v.failed(op).Error(), v.Exchange.Libelle)
			if v.fault != "" {
				continue
			}
			if status != 200 || v.none() || op.kind != health && (v.Exchange.CodeRetour == nil || *v.Exchange.CodeRetour != 0) {
				t.Fatalf("%s: success of %d %q", op.name, status, body)
			}
		}
		if v := read(opSearch, r, redactor{}); v.fault == "" {
			if p, err := readPage(v, 1); err == nil {
				var sum tally
				sum.add(&p, 1)
				if sum.doubt() == "" && p.Total >= 0 && p.Total != len(p.Factures) {
					t.Fatalf("complete with %d rows of %d: %q", len(p.Factures), p.Total, body)
				}
				for _, x := range p.Factures {
					fit(t, x.NumeroFacture, x.Statut, x.CommentaireEtatCourant, x.CodeFournisseur, x.DateDepot.Raw, x.MontantTTC.Decimal.String())
				}
			}
		}
		if v := read(opReport, r, redactor{}); v.fault == "" {
			if report, err := readReport(v); err == nil {
				fit(t, report.EtatCourantDepotFlux, report.NomFichier)
				for _, x := range report.ErreursDP {
					fit(t, x.LibelleErreurDP, x.NumeroDP)
				}
				if report.Duplicate() && report.State() != FluxRejected && report.State() != FluxPartial {
					t.Fatal("duplicate without refusal")
				}
			}
		}
		if v := read(opHistory, r, redactor{}); v.fault == "" {
			if h, _, err := readHistory(v, 41207733); err == nil && h.IDFacture != 41207733 {
				t.Fatal("another invoice's history")
			}
		}
	})
}

type answerAlways struct {
	status      int
	contentType string
	body        []byte
}

func (a answerAlways) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Header: http.Header{"Content-Type": {a.contentType}},
		Body: io.NopCloser(bytes.NewReader(a.body)), Request: r,
	}, nil
}

func FuzzTokenAnswer(f *testing.F) {
	seed(f, func(s sample) { f.Add(s.Response.Status, "application/json", s.body()) })
	f.Add(200, "text/plain", []byte("access_token=t&expires_in=9"))
	f.Add(400, "", []byte(`{"error":"client-secret","error_description":"client-secret"}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		if status < 200 || status > 999 {
			return
		}
		e, err := NewTokenEndpoint(Config{TokenURL: "http://portal.invalid/t", ClientID: "client", ClientSecret: "client-secret"})
		if err != nil {
			t.Fatal(err)
		}
		e.http.Transport = answerAlways{status, contentType, body}
		token, err := e.Fetch(t.Context())
		if err != nil {
			fit(t, err.Error())
			if OutcomeOf(err) != NotSent || FaultOf(err) == "" || strings.Contains(err.Error(), "client-secret") {
				t.Fatalf("error %v", err)
			}
			return
		}
		if status > 299 || !headerSafe(token.Value.Reveal()) || token.left() <= 0 || token.left() > maxLife {
			t.Fatalf("status %d, token %q lives %s", status, token.Value.Reveal(), token.left())
		}
	})
}
