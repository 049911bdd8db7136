package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// mostSteps is how many steps of an invoice's history the page shows: the latest. An ordinary one has ten.
const mostSteps = 120

// step is one line of an invoice's history: an event, or something about an attempt to deposit it. Times are the database's, but for what Lines quote.
type step struct {
	At     time.Time
	After  time.Duration // since the step before
	First  bool
	From   string // states, of an event that moved the row
	To     string
	Title  string
	Actor  string
	Lines  []pair
	Help   []answers.Help
	Source string // event, attempt or lookup
}

// pair is something that JSON says, in words.
type pair struct{ Label, Value string }

// timeline puts events, attempts and searches into one order, and says how many of the earliest are left out.
func (v view) timeline(events []store.Event, attempts []store.AttemptView) (steps []step, left int) {
	if len(events) > mostSteps {
		left, events = len(events)-mostSteps, events[len(events)-mostSteps:]
	}
	for _, e := range events {
		steps = append(steps, v.eventStep(e))
	}
	if len(attempts) > mostSteps {
		left += len(attempts) - mostSteps
		attempts = attempts[len(attempts)-mostSteps:]
	}
	for _, a := range attempts {
		steps = append(steps, v.attemptSteps(a)...)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.At.Compare(b.At) })
	if len(steps) > mostSteps {
		left += len(steps) - mostSteps
		steps = steps[len(steps)-mostSteps:]
	}
	for k := range steps {
		if k == 0 {
			steps[k].First = true
			continue
		}
		steps[k].After = steps[k].At.Sub(steps[k-1].At)
	}
	return steps, left
}

func (v view) eventStep(e store.Event) step {
	s := step{At: e.At, Actor: e.Actor, Source: "event", Lines: v.pairs(e.Detail), Help: operate.HelpOfEvent(e)}
	if e.ToState != nil {
		s.To = *e.ToState
	}
	if e.FromState != nil && *e.FromState != s.To {
		s.From = *e.FromState
	} else if e.FromState != nil {
		s.To = "" // it did not move
	}
	if e.ReasonCode != nil {
		s.Title = v.named(events, *e.ReasonCode)
	}
	if e.FromState == nil && e.ToState != nil {
		s.Title = v.t("inserted", "insérée")
	}
	return s
}

// attemptSteps are what a request did: it was committed to, it ended, and its invoice was looked for.
func (v view) attemptSteps(a store.AttemptView) []step {
	var evidence map[string]json.RawMessage
	var looks []store.Lookup
	_ = json.Unmarshal(a.Evidence, &evidence) // what cannot be read is not shown
	_ = json.Unmarshal(evidence["lookups"], &looks)
	delete(evidence, "lookups")
	rest, _ := json.Marshal(evidence)
	begun := step{
		At: a.ClaimedAt, Source: "attempt", Actor: a.Worker, Title: fmt.Sprintf(v.t("Attempt %d is committed to", "Tentative %d engagée"), a.N),
		Lines: []pair{{v.t("file", "fichier"), a.NomFichier}, {v.t("leaves until", "part avant le"), store.Stamp(a.SendDeadline)}},
	}
	list := []step{begun}
	if a.FinishedAt != nil {
		said := v.t("no answer", "sans réponse")
		if a.Outcome != nil {
			said = v.outcome(*a.Outcome)
		}
		end := step{
			At: *a.FinishedAt, Source: "attempt", Actor: a.Worker, Title: fmt.Sprintf(v.t("Attempt %d: %s", "Tentative %d : %s"), a.N, said),
			Lines: append([]pair{{v.t("lasted", "durée"), v.span(a.FinishedAt.Sub(a.ClaimedAt))}}, v.pairs(rest)...),
		}
		if a.NumeroFluxDepot != nil {
			end.Lines = append(end.Lines, pair{"flux", *a.NumeroFluxDepot})
		}
		list = append(list, end)
	}
	for _, l := range looks[max(0, len(looks)-mostSteps):] {
		list = append(list, step{
			At: l.At, Source: "lookup", Title: fmt.Sprintf(v.t("Search for attempt %d", "Recherche de la tentative %d"), a.N),
			Lines: []pair{{v.t("result", "résultat"), operate.LookupText(l, v.lang)}},
		})
	}
	return list
}

const (
	// mostPairs is how many values of a JSON object are shown, mostPair how long each may be, in characters.
	mostPairs, mostPair = 30, 500
)

// pairs puts a JSON object into words, nested ones too: labels for what is known, the keys themselves for the rest.
func (v view) pairs(object json.RawMessage) []pair {
	var value any
	d := json.NewDecoder(strings.NewReader(string(object)))
	d.UseNumber()
	if len(object) == 0 || d.Decode(&value) != nil {
		return nil
	}
	var list []pair
	v.walk(&list, "", value)
	return list
}

func (v view) walk(list *[]pair, path string, value any) {
	if len(*list) >= mostPairs {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			v.walk(list, strings.TrimPrefix(path+"."+key, "."), value[key])
		}
	case []any:
		var words []string
		for _, x := range value {
			if m, nested := x.(map[string]any); nested {
				v.walk(list, path, m)
			} else {
				words = append(words, fmt.Sprint(x))
			}
		}
		if len(words) > 0 {
			*list = append(*list, pair{v.label(path), cutAt(strings.Join(words[:min(len(words), 100)], ", "), mostPair)})
		}
	case nil:
	case bool:
		*list = append(*list, pair{v.label(path), v.yesno(&value)})
	default:
		text := fmt.Sprint(value)
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			text = store.Stamp(at)
		}
		*list = append(*list, pair{v.label(path), cutAt(text, mostPair)})
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return 2*(rank(a)-rank(b)) + strings.Compare(a, b)
	})
	return keys
}

// rank puts what says most first.
func rank(key string) int {
	if k := slices.Index([]string{"reason", "text", "libelle", "statut_courant", "statut_commentaire", "code_retour", "status"}, key); k >= 0 {
		return k
	}
	return 100
}

func (v view) label(key string) string { return cutAt(v.named(labels, key), 80) }

// labels are words for the keys of events and of the evidence of attempts.
var labels = map[string]word{
	"reason": {"reason", "motif"}, "findings": {"findings", "constats"}, "numero_flux_depot": {"flux", "flux"}, "etat_flux": {"state of the flux", "état du flux"},
	"identifiant_facture_cpp": {"Chorus Pro's number of it", "identifiant Chorus Pro"}, "statut_courant": {"status at Chorus Pro", "statut Chorus Pro"},
	"statut_precedent": {"before", "auparavant"}, "statut_courant_date": {"since, by Chorus Pro's clock", "depuis, à l'horloge de Chorus Pro"},
	"statut_commentaire": {"comment", "commentaire"}, "from_history": {"read later, in the portal's history", "lu plus tard, dans l'historique du portail"},
	"remedy": {"remedy", "démarche"}, "kind": {"kind", "genre"}, "comment": {"comment", "commentaire"}, "destinataire_siret": {"recipient", "destinataire"},
	"code_service": {"service", "service"}, "numero_engagement": {"commitment", "engagement"}, "files": {"files", "fichiers"}, "finding": {"difference", "écart"},
	"code": {"code", "code"}, "text": {"what", "quoi"}, "account": {"account", "compte"}, "numero_facture": {"number", "numéro"}, "resolution": {"resolution", "décision"},
	"status": {"HTTP status", "statut HTTP"}, "code_retour": {"codeRetour", "codeRetour"}, "libelle": {"the portal said", "le portail a dit"},
	"message": {"message", "message"}, "took_ms": {"answer after, by the worker's clock (ms)", "réponse après, à l'horloge du worker (ms)"},
	"connected": {"connected", "connecté"}, "wrote": {"sent whole", "envoyé en entier"}, "bytes_sent": {"bytes sent", "octets envoyés"},
	"bytes_received": {"bytes received", "octets reçus"}, "fault": {"fault", "défaut"}, "correlation_id": {"correlation id", "id de corrélation"},
	"answer_sha256": {"SHA-256 of the answer", "SHA-256 de la réponse"}, "since": {"since", "depuis"}, "detail": {"detail", "détail"},
	"cancel_requested_at": {"cancellation asked for", "annulation demandée"},
	"request":             {"request", "demande"}, "action": {"what is asked for", "ce qui est demandé"}, "override": {"against the rule", "contre la règle"}, "until": {"until", "jusqu'au"},
	"asked_by": {"asked for by", "demandé par"}, "asked_at": {"asked for on", "demandé le"}, "asked_reason": {"reason of who asked", "motif de la demande"},
}

// events are words for the reason codes of events that the dictionary does not know.
var events = map[string]word{
	"STATUT": {"status at Chorus Pro", "statut Chorus Pro"}, "DISMISSED": {"taken off the list", "retirée de la liste"}, "UNDISMISSED": {"put back on the list", "remise sur la liste"},
	"EVIDENCE_READ": {"document or evidence read", "document ou preuve lu"},
	"REQUESTED":     {"asked for: a second person must agree", "demandé : une deuxième personne doit donner son accord"}, "AGREED": {"a second person agrees", "accord d'une deuxième personne"},
	"REQUEST_REFUSED": {"a second person refuses", "refus d'une deuxième personne"}, "REQUEST_WITHDRAWN": {"the request is taken back", "demande retirée"},
	"UNKNOWN_STATUT": {"unknown status at Chorus Pro", "statut Chorus Pro inconnu"}, "BACKWARDS": {"status went back", "retour en arrière du statut"},
}
