package chorustest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What the faults that change an answer do to it. Each gets the answer that would have left.

func itoa(n int) string            { return strconv.Itoa(n) }
func number64(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func throttled(_ *Sim, _ *call, f *Fault, _ answer) answer {
	after := f.RetryAfter
	if after == "" {
		after = "1"
	}
	return tooMany(after, throttle)
}

// throttledUntil uses real time, as the Date header and the client's clock do.
func throttledUntil(*Sim, *call, *Fault, answer) answer {
	return tooMany(time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat), throttle)
}

func killToken(s *Sim, c *call, _ *Fault, _ answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[c.token] != nil {
		s.record(Entry{Type: "revoke", Client: c.client, Token: c.token})
	}
	return challenge(http.StatusUnauthorized, badToken)
}

func refuse(_ *Sim, _ *call, f *Fault, _ answer) answer {
	libelle := f.Libelle
	if libelle == "" {
		libelle = "GDP_MSG_11.999 - Syntaxe de flux inconnue."
	}
	a := refusal(orElse(f.Code, 20002), libelle)
	a.status = orElse(f.Status, http.StatusBadRequest)
	return a
}

func refuseDuplicate(_ *Sim, _ *call, f *Fault, _ answer) answer {
	a := refusal(orElse(f.Code, 20002), "GDP_MSG_11.999 - "+TexteDoublon)
	a.status = orElse(f.Status, http.StatusOK)
	return a
}

func unknownCode(_ *Sim, _ *call, f *Fault, _ answer) answer {
	libelle := f.Libelle
	if libelle == "" {
		libelle = "ZZZ_MSG_99.999 - Erreur technique non documentée."
	}
	return refusal(orElse(f.Code, 29999), libelle)
}

func redirect(_ *Sim, _ *call, f *Fault, a answer) answer {
	to := f.Location
	if to == "" {
		to = "http://127.0.0.1:9/ailleurs"
	}
	return answer{status: orElse(f.Status, http.StatusFound), header: http.Header{"Location": {to}}, flux: a.flux}
}

func noFluxNumber(_ *Sim, _ *call, _ *Fault, a answer) answer {
	for _, field := range []string{"numeroFluxDepot", "dateDepot", "syntaxeFlux"} {
		if a.codeRetour() == "0" {
			a.body[field] = nil
		}
	}
	return a
}

func stringCode(s *Sim, _ *call, _ *Fault, a answer) answer {
	if a.body.has("codeRetour") {
		a.body["codeRetour"] = a.codeRetour()
	}
	if a.body.has("dateDepot") {
		a.body["dateDepot"] = s.Now().In(Paris).Format("2006-01-02T15:04:05.000-0700")
	}
	return a
}

// rows are the invoices of a search answer.
func rows(a answer) []any { return a.body.list("listeFactures") }

func shortPage(_ *Sim, _ *call, _ *Fault, a answer) answer {
	if all := rows(a); len(all) > 0 {
		a.body["listeFactures"] = all[:len(all)/2]
	}
	return a
}

// blank hides everything consistently, as an index that is down does.
func blank(_ *Sim, _ *call, _ *Fault, a answer) answer {
	if len(rows(a)) > 0 {
		a.body["listeFactures"] = []any{}
	}
	if p := a.body.object("parametresRetour"); p != nil {
		p["total"], p["pages"] = 0, paging{size: 1}.pages(0)
	}
	return a
}

// missingInvoice hides one invoice consistently: the counters know nothing of it either.
func missingInvoice(_ *Sim, _ *call, f *Fault, a answer) answer {
	all := rows(a)
	i := target(all, f)
	if i < 0 {
		return a
	}
	a.body["listeFactures"] = slices.Delete(slices.Clone(all), i, i+1)
	p := a.body.object("parametresRetour")
	total, _ := p["total"].(int)
	size, _ := p["nbResultatsParPage"].(int)
	p["total"], p["pages"] = total-1, paging{size: max(size, 1)}.pages(total-1)
	return a
}

// target finds the row that a fault means: that of its number, or the first.
func target(all []any, f *Fault) int {
	for i, x := range all {
		if row, _ := x.(object); f.Numero == "" || row.text("numeroFacture") == f.Numero {
			return i
		}
	}
	return -1
}

func mixedDates(_ *Sim, _ *call, _ *Fault, a answer) answer {
	for i, x := range rows(a) {
		row, _ := x.(object)
		if t, _, ok := parseDate(row.text("dateHeureEtatCourant")); ok && i%2 == 0 {
			row["dateHeureEtatCourant"] = shortDate(t)
		}
	}
	return a
}

func unknownStatut(_ *Sim, _ *call, f *Fault, a answer) answer {
	value := f.Value
	if value == "" {
		value = "STATUT_FUTUR"
	}
	if i := target(rows(a), f); i >= 0 {
		rows(a)[i].(object)["statut"] = value
	}
	if a.body.has("statutCourantCode") {
		a.body["statutCourantCode"] = value
		if all := history(a); len(all) > 0 {
			all[0].(object)["histoStatutCode"] = value
		}
	}
	return a
}

func history(a answer) []any {
	all, _ := a.body["historiquesDesStatuts"].(object)
	return all.list("histoStatut")
}

// backwards answers as a replica that lags would: with the statut before the current one, and its date.
func backwards(s *Sim, _ *call, f *Fault, a answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := target(rows(a), f); i >= 0 {
		row := rows(a)[i].(object)
		id, _ := row["identifiantFactureCPP"].(int64)
		before := s.facture(id).before()
		row["statut"], row["dateHeureEtatCourant"], row["commentaireEtatCourant"] = before.statut, isoDate(before.at), orNil(s.facture(id).comment(before))
	}
	if id, is := a.body["idFacture"].(int64); is {
		a.body["statutCourantCode"] = s.facture(id).before().statut
		if all := history(a); len(all) > 1 {
			a.body["historiquesDesStatuts"].(object)["histoStatut"] = all[1:]
		}
	}
	if a.body.has("etatCourantDepotFlux") {
		a.body["etatCourantDepotFlux"] = "IN_EN_COURS_TRAITEMENT_CPP"
		a.body["listeErreurDP"], a.body["listeErreurTechnique"] = nil, nil
	}
	return a
}

func statutMissing(_ *Sim, _ *call, f *Fault, a answer) answer {
	if i := target(rows(a), f); i >= 0 {
		rows(a)[i].(object)["statut"] = nil
	}
	if a.body.has("statutCourantCode") {
		a.body["statutCourantCode"] = nil
		a.body["historiquesDesStatuts"].(object)["histoStatut"] = nil
	}
	return a
}

// commentMissing leaves out what recipients said of every invoice of the answer.
func commentMissing(_ *Sim, _ *call, _ *Fault, a answer) answer {
	for _, x := range rows(a) {
		x.(object)["commentaireEtatCourant"] = nil
	}
	for _, x := range history(a) {
		x.(object)["histoStatutCommentaire"] = nil
	}
	return a
}

func unknownState(_ *Sim, _ *call, f *Fault, a answer) answer {
	if a.body.has("etatCourantDepotFlux") {
		a.body["etatCourantDepotFlux"] = "IN_NOUVEL_ETAT_2027"
		if f.Value != "" {
			a.body["etatCourantDepotFlux"] = f.Value
		}
	}
	return a
}

func listAsObject(_ *Sim, _ *call, _ *Fault, a answer) answer {
	if all := a.body.list("listeErreurDP"); len(all) > 0 {
		a.body["listeErreurDP"] = all[0]
	}
	return a
}

func noDetail(_ *Sim, _ *call, _ *Fault, a answer) answer {
	for _, x := range a.body.list("listeErreurDP") {
		x.(object)["numeroDP"], x.(object)["libelleErreurDP"] = nil, nil
	}
	return a
}

// another keeps what was asked for, the identifier of an invoice or the state of a flux, and tells of somebody else's invoice that was paid or refused.
func another(s *Sim, _ *call, f *Fault, a answer) answer {
	if i := target(rows(a), f); i >= 0 {
		row := rows(a)[i].(object)
		row["numeroFacture"], row["numeroFluxDepot"], row["montantTTC"] = "AUTRE-77", "CPP0011117000000000000077", 1
		row["statut"], row["dateHeureEtatCourant"] = "MISE_EN_PAIEMENT", isoDate(s.now())
	}
	if a.body.has("etatCourantDepotFlux") {
		a.body["etatCourantDepotFlux"], a.body["listeErreurTechnique"] = "IN_REJETE", []any{}
		a.body["listeErreurDP"] = []any{object{
			"identifiantFournisseur": "00000000000077", "identifiantDestinataire": "00000000000085", "numeroDP": "AUTRE-77", "libelleErreurDP": "Le destinataire n'existe pas",
		}}
	}
	return a
}

func noExpiresIn(_ *Sim, _ *call, _ *Fault, a answer) answer {
	delete(a.body, "expires_in")
	return a
}

func expiresString(s *Sim, _ *call, _ *Fault, a answer) answer {
	if a.body.has("expires_in") {
		a.body["expires_in"] = itoa(int(s.cfg.TokenLife / time.Second))
	}
	return a
}
