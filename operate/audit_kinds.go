package operate

import "strings"

// ActKind is a kind of what people do, by the events that it leaves.
type ActKind struct {
	Name   string // in commands, addresses and JSON
	En, Fr string

	where string // of an event
}

// Text is its name for people.
func (k ActKind) Text(lang string) string {
	if lang == "fr" {
		return k.Fr
	}
	return k.En
}

// actKinds are all that chorus.events.is_act tells of.
var actKinds = []ActKind{
	{"retry", "retried", "relancée", `e.reason_code = 'RETRY' AND e.from_state IN ('invalid', 'rejected')`},
	{"cancel", "cancelled", "annulée", `(e.reason_code = 'CANCEL_REQUESTED' OR e.to_state = 'cancelled' AND e.from_state IN ('received', 'ready'))`},
	{"accept", "flux accepted", "flux accepté", `e.reason_code = 'OPERATOR' AND e.from_state = 'parked' AND e.to_state = 'deposited'`},
	{"lookup", "looked up again", "recherchée de nouveau", `e.reason_code = 'OPERATOR' AND e.from_state = 'parked' AND e.to_state = 'in_doubt'`},
	{"resubmit", "to be sent again", "à renvoyer", `e.reason_code IN ('RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE') AND e.from_state = 'parked'`},
	{"ask", "a second person asked for", "deuxième personne demandée", `e.reason_code = 'REQUESTED'`},
	{"agree", "agreed as a second person", "accord en deuxième personne", `e.reason_code = 'AGREED'`},
	{"refuse", "a request refused or taken back", "demande refusée ou retirée", `e.reason_code IN ('REQUEST_REFUSED', 'REQUEST_WITHDRAWN')`},
	{"second-person", "a second person wanted, or not any more", "deuxième personne voulue, ou plus", `e.reason_code IN ('SECOND_PERSON_ON', 'SECOND_PERSON_OFF')`},
	{"abandon", "given up", "abandonnée", `e.reason_code = 'OPERATOR' AND e.from_state = 'parked' AND e.to_state = 'abandoned'`},
	{"dismiss", "taken off the list", "retirée de la liste", `e.reason_code = 'DISMISSED'`},
	{"restore", "put back on the list", "remise sur la liste", `e.reason_code = 'UNDISMISSED'`},
	{"remedy", "completed or recycled", "complétée ou recyclée", `e.reason_code = 'REMEDY_REQUESTED'`},
	{"finding", "difference accepted", "écart accepté", `e.reason_code = 'FINDING_ACCEPTED'`},
	{"finding-reopen", "difference opened again", "écart rouvert", `e.reason_code = 'FINDING_REOPENED'`},
	{"reconcile", "comparison asked for", "comparaison demandée", `e.reason_code = 'RECONCILE_ASKED'`},
	{"read", "document or evidence read", "document ou preuve lu", `e.reason_code = 'EVIDENCE_READ'`},
	{"pause", "account paused", "compte mis en pause", `e.reason_code = 'PAUSED'`},
	{"resume", "account resumed", "compte repris", `e.reason_code = 'RESUMED'`},
	{"resubmission", "resubmission allowed again", "renvoi de nouveau permis", `e.reason_code = 'RESUBMIT_ALLOWED'`},
	{"retention", "retention set", "conservation fixée", `e.reason_code = 'RETENTION_SET'`},
	{"erase", "erasure asked for", "effacement demandé", `e.reason_code = 'ERASURE_ASKED'`},
	{"archive", "a month of history archived, or brought back", "un mois d'historique archivé, ou ramené", `e.reason_code IN ('ARCHIVED', 'ATTACHED')`},
	{"webhook-pause", "webhook paused", "webhook mis en pause", `e.reason_code = 'WEBHOOK_PAUSED'`},
	{"webhook-resume", "webhook resumed", "webhook repris", `e.reason_code = 'WEBHOOK_RESUMED'`},
	{"webhook-replay", "webhook replayed", "webhook rejoué", `e.reason_code = 'WEBHOOK_REPLAYED'`},
	{"webhook-skip", "event of a webhook skipped", "événement de webhook sauté", `e.reason_code = 'WEBHOOK_SKIPPED'`},
	{"webhook-test", "webhook tested", "webhook essayé", `e.reason_code = 'WEBHOOK_TEST'`},
	{"webhook-forget", "webhook forgotten", "webhook oublié", `e.reason_code = 'WEBHOOK_FORGOTTEN'`},
	{"view", "view saved or deleted", "vue enregistrée ou supprimée", `e.reason_code IN ('VIEW_SAVED', 'VIEW_DELETED')`},
	{"sign-in", "signed in to the console", "connexion à la console", `e.reason_code = 'SIGNED_IN'`},
	{"sign-in-refused", "sign-in to the console refused", "connexion à la console refusée", `e.reason_code = 'SIGN_IN_REFUSED'`},
	{"login", "login mapped or unmapped", "login rattaché ou détaché", `e.reason_code IN ('LOGIN_MAPPED', 'LOGIN_UNMAPPED')`},
}

// ActKinds lists them.
func ActKinds() []ActKind { return actKinds }

// ActKindNames lists their names.
func ActKindNames() (names []string) {
	for _, k := range actKinds {
		names = append(names, k.Name)
	}
	return names
}

// ActText is a kind's name for people.
func ActText(name, lang string) string {
	for _, k := range actKinds {
		if k.Name == name {
			return k.Text(lang)
		}
	}
	return name
}

// actName is the kind of an event in SQL.
var actName = func() string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, k := range actKinds {
		b.WriteString(" WHEN " + k.where + " THEN '" + k.Name + "'")
	}
	return b.String() + " END"
}()

// actsOf is the condition that an event is of one of these kinds; of any, without one.
func actsOf(names []string) string {
	var any []string
	for _, k := range actKinds {
		for _, name := range names {
			if k.Name == name {
				any = append(any, "("+k.where+")")
			}
		}
	}
	if len(names) == 0 {
		return actName + " IS NOT NULL"
	}
	return "(" + strings.Join(any, " OR ") + ")"
}
