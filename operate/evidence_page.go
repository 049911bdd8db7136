package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
)

// evidenceWords are the words of the summary, by language.
var evidenceWords = map[string]map[string]string{
	"en": {
		"title": "What was sent, when, and what was answered", "invoice": "Invoice", "number": "Number (BT-1)", "date": "Date (BT-2)", "supplier": "Supplier", "recipient": "Recipient",
		"amount": "Amount with VAT", "sha": "SHA-256 of the bytes that were sent", "purged": "Document deleted at (UTC)", "state": "State", "attempts": "Deposits", "n": "No.", "claimed": "Committed to (database's clock)",
		"finished": "Known at (database's clock)", "started": "Left at (worker's clock)", "outcome": "Outcome", "flux": "Flux", "answer": "Answer", "correlation": "Correlation id", "history": "History", "at": "At (UTC)",
		"what": "What", "who": "Who", "note": "Each event's hash stands on the one before it (events.jsonl). choriste verify FILE names what does not agree with the rest of this archive; whoever writes all of it anew is found only by choriste verify FILE --database, which compares it with the history.",
	},
	"fr": {
		"title": "Ce qui a été envoyé, quand, et ce qui a été répondu", "invoice": "Facture", "number": "Numéro (BT-1)", "date": "Date (BT-2)", "supplier": "Fournisseur", "recipient": "Destinataire",
		"amount": "Montant TTC", "sha": "SHA-256 des octets envoyés", "purged": "Document supprimé le (UTC)", "state": "État", "attempts": "Dépôts", "n": "N°", "claimed": "Décidé le (horloge de la base)",
		"finished": "Connu le (horloge de la base)", "started": "Parti le (horloge du programme)", "outcome": "Issue", "flux": "Flux", "answer": "Réponse", "correlation": "Identifiant de corrélation", "history": "Historique", "at": "Le (UTC)",
		"what": "Quoi", "who": "Qui", "note": "L'empreinte de chaque événement repose sur celle du précédent (events.jsonl). choriste verify FICHIER nomme ce qui ne concorde pas avec le reste de cette archive ; une archive réécrite en entier n'est décelée que par choriste verify FICHIER --database, qui la compare à l'historique.",
	},
}

var evidencePage = template.Must(template.New("summary").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><meta charset="utf-8"><title>{{.W.title}}</title>
<style>body{font:15px/1.5 sans-serif;max-width:75em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #999;padding:.2em .6em;text-align:left;vertical-align:top}code{word-break:break-all}</style>
<h1>{{.W.title}}</h1>
<table>
<tr><th>{{.W.invoice}}<td>{{.ID}} ({{.Invoice.external_ref}}, {{.Invoice.account}})
<tr><th>{{.W.number}}<td>{{.Invoice.numero_facture}}
<tr><th>{{.W.date}}<td>{{.Invoice.date_facture}}
<tr><th>{{.W.supplier}}<td>{{.Invoice.fournisseur_nom}} {{.Invoice.fournisseur_siret}}
<tr><th>{{.W.recipient}}<td>{{.Invoice.destinataire_nom}} {{.Invoice.destinataire_siret}}
<tr><th>{{.W.amount}}<td>{{.Invoice.montant_ttc}} {{.Invoice.devise}}
<tr><th>{{.W.state}}<td>{{.State}} {{.Statut}}
<tr><th>{{.W.sha}}<td><code>{{.SHA256}}</code>
{{with .Purged}}<tr><th>{{$.W.purged}}<td>{{.}}
{{end}}</table>
<h2>{{.W.attempts}}</h2>
<table><tr><th>{{.W.n}}<th>{{.W.claimed}}<th>{{.W.started}}<th>{{.W.finished}}<th>{{.W.outcome}}<th>{{.W.flux}}<th>{{.W.answer}}<th>{{.W.correlation}}
{{range .Attempts}}<tr><td>{{.n}}<td>{{.claimed_at}}<td>{{.started}}<td>{{.finished_at}}<td>{{.outcome}}<td>{{.numero_flux_depot}}<td>{{.answer}}<td><code>{{.evidence.correlation_id}}</code>
{{end}}</table>
<h2>{{.W.history}}</h2>
<table><tr><th>{{.W.at}}<th>{{.W.what}}<th><th>{{.W.who}}
{{range .Events}}<tr><td>{{.at}}<td>{{if ne .from_state .to_state}}{{with .from_state}}{{.}} → {{end}}{{.to_state}} {{end}}{{with .reason_code}}{{.}}{{end}}<td>{{range $k, $v := .detail}}{{$k}}: {{$v}} {{end}}<td>{{.actor}}
{{end}}</table>
<p>{{.W.note}}</p></html>
`))

// summary is the page for people, of the other files alone. What others wrote is escaped by the template.
func (e *evidence) summary(lang string) ([]byte, error) {
	object := func(s string) (map[string]any, error) {
		d := json.NewDecoder(bytes.NewReader([]byte(s)))
		d.UseNumber() // amounts stay as they are
		var m map[string]any
		err := d.Decode(&m)
		for k, v := range m {
			if v == nil {
				m[k] = ""
			}
		}
		return m, err
	}
	invoice, err := object(e.invoice)
	if err != nil {
		return nil, err
	}
	state, statut := e.stands()
	data := map[string]any{"Lang": lang, "W": evidenceWords[lang], "ID": e.id, "Invoice": invoice, "State": state, "Statut": statut, "SHA256": hexSum(e.document)}
	if e.document == nil {
		data["SHA256"] = invoice["document_sha256"]
		data["Purged"], _ = e.purged()
	}
	var list, history []map[string]any
	for _, a := range e.attempts {
		m, err := object(a.text)
		if err != nil {
			return nil, err
		}
		if x, err := object(string(a.exchange)); a.exchange != nil && err == nil {
			if r, ok := x["request"].(map[string]any); ok {
				m["started"] = r["started"]
			}
			if r, ok := x["answer"].(map[string]any); ok {
				m["answer"] = fmt.Sprintf("HTTP %v: %v", r["status"], r["body"])
			}
		}
		list = append(list, m)
	}
	for _, e := range e.events {
		m, err := object(e.Text)
		if err != nil {
			return nil, err
		}
		history = append(history, m)
	}
	data["Attempts"], data["Events"] = list, history
	var b bytes.Buffer
	err = evidencePage.Execute(&b, data)
	return b.Bytes(), err
}

// stands is the state to which the last event of the archive led, and the status that was known then: what the database's own check asks, too (verifyInvoices).
func (e *evidence) stands() (state, statut string) {
	for _, line := range e.events {
		var t struct {
			From   *string        `json:"from_state"`
			To     *string        `json:"to_state"`
			Code   string         `json:"reason_code"`
			Detail map[string]any `json:"detail"`
		}
		if json.Unmarshal([]byte(line.Text), &t) != nil || t.To == nil {
			continue
		}
		_, earlier := t.Detail["from_history"]
		if moved := t.From == nil || *t.From != *t.To; moved || t.Code == "STATUT" && !earlier {
			state = *t.To
			statut, _ = t.Detail["statut_courant"].(string)
		}
	}
	return state, statut
}
