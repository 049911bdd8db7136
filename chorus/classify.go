package chorus

import (
	"net/http"
	"strings"
)

// This file is the classification of answers as data. The first rule that fits decides; what none fits is AMBIGUOUS for a
// deposit and unknown for a read. A rule may leave that default only with a recorded source: docs/chorus-pro.md §9, whose
// marks are S official, P production code, L measured live by others, C third party, A our assumption, G guess.

// signs are what can be seen of an answer besides its numbers.
type signs uint16

const (
	unread      signs = 1 << iota // the answer was not read to its end
	coded                         // a codeRetour one can read, exactly one, in its own letter case
	zero                          // and it is 0
	named                         // a numeroFluxDepot of whatever kind
	numbered                      // a numeroFluxDepot one can keep
	gateway                       // the gateway's own error: WWW-Authenticate, its JSON, or an empty body with its correlation id
	saysToken                     // WWW-Authenticate speaks of the token
	saysAccount                   // WWW-Authenticate speaks of login or password
	asDuplicate                   // the libelle reads like "already there"
	healthy                       // the health check's statusCode is OK
	opened                        // something on the way may have read and answered the request (egress.Route.Opened)
)

// kind is what a rule distinguishes among operations.
type kind uint8

const (
	deposit kind = 1 << iota
	search
	report
	health
	other
	change // what a supplier does about an invoice
	submission
	reads    = search | report | health | other
	deposits = deposit | submission
	writes   = deposits | change
	every    = writes | reads
)

// operation is one method of the API.
type operation struct {
	name, method, path string
	kind               kind
	receipt            string // of a deposit: the field that acknowledges it
}

var (
	opDeposit    = operation{"factures/deposer/flux", http.MethodPost, "/cpro/factures/v1/deposer/flux", deposit, keyFlux}
	opSoumettre  = operation{"factures/soumettre", http.MethodPost, "/cpro/factures/v1/soumettre", submission, keyFacture}
	opPDF        = operation{"factures/deposer/pdf", http.MethodPost, "/cpro/factures/v1/deposer/pdf", change, ""}
	opSearch     = operation{"factures/rechercher/fournisseur", http.MethodPost, "/cpro/factures/v1/rechercher/fournisseur", search, ""}
	opHistory    = operation{"factures/consulter/historique", http.MethodPost, "/cpro/factures/v1/consulter/historique", other, ""}
	opReport     = operation{"transverses/consulterCRDetaille", http.MethodPost, "/cpro/transverses/v1/consulterCRDetaille", report, ""}
	opHealth     = operation{"transverses/health-check", http.MethodGet, "/cpro/transverses/v1/health-check", health, ""}
	opStructures = operation{
		"transverses/recuperer/structures/actives/fournisseur", http.MethodPost,
		"/cpro/transverses/v1/recuperer/structures/actives/fournisseur", other, "",
	}
	opFind       = operation{"structures/rechercher", http.MethodPost, "/cpro/structures/v1/rechercher", search, ""}
	opStructure  = operation{"structures/consulter", http.MethodPost, "/cpro/structures/v1/consulter", other, ""}
	opServices   = operation{"structures/rechercher/services", http.MethodPost, "/cpro/structures/v1/rechercher/services", search, ""}
	opService    = operation{"structures/consulter/service", http.MethodPost, "/cpro/structures/v1/consulter/service", other, ""}
	opEngagement = operation{"engagementsJuridiques/rechercher", http.MethodPost, "/cpro/engagementsJuridiques/v1/rechercher", search, ""}
	opAnnuaire   = operation{
		"transverses/telecharger/annuaire/destinataire", http.MethodPost, "/cpro/transverses/v1/telecharger/annuaire/destinataire", other, "",
	}
	opAjouter   = operation{"transverses/ajouter/fichier", http.MethodPost, "/cpro/transverses/v1/ajouter/fichier", change, ""}
	opCompleter = operation{"factures/completer", http.MethodPost, "/cpro/factures/v1/completer", change, ""}
	opRecycler  = operation{"factures/recycler", http.MethodPost, "/cpro/factures/v1/recycler", change, ""}
)

type rule struct {
	kinds    kind
	from, to int    // HTTP status; 0, 0 fits any
	code     int    // codeRetour; 0 fits any
	upTo     int    // the last codeRetour of a range that begins with code; 0: code alone
	message  string // message code; "" fits any
	has, not signs
	outcome  Outcome // of a deposit
	fault    Fault   // "" is success
	detail   string
	mark     string
}

var rules = []rule{
	// What cannot be read proves nothing, whatever its status: too large, cut, or badly packed.
	{kinds: every, has: unread, outcome: Ambiguous, fault: FaultPortal, detail: "answer not readable", mark: "A"},

	// Success, and answers that claim success beside a failure. The health check alone has no codeRetour.
	{kinds: health, from: 200, to: 200, has: healthy, mark: "L"},
	{kinds: deposits, from: 200, to: 200, has: coded | zero | numbered, outcome: Accepted, mark: "S P"},
	{kinds: deposits, has: named, outcome: Ambiguous, fault: FaultPortal, detail: "flux number unusable, or beside a failure", mark: "A"},
	{kinds: deposits, has: zero, outcome: Ambiguous, fault: FaultPortal, detail: "success without its status or flux number", mark: "A"},
	{kinds: search | report | other, from: 200, to: 200, has: coded | zero, mark: "S P"},
	{kinds: change, from: 200, to: 200, has: coded | zero, outcome: Accepted, mark: "S"},
	{kinds: reads | change, has: zero, outcome: Ambiguous, fault: FaultPortal, detail: "success under another status", mark: "A"},

	// What opens TLS on the way answers in its own name, and may do so when it has passed the request on and dislikes the answer (docs/protocol.md §3.9).
	{kinds: every, from: 401, to: 401, has: opened, not: gateway | coded, outcome: Ambiguous, fault: FaultPortal, detail: answeredOnTheWay, mark: "A"},
	{kinds: every, from: 403, to: 403, has: opened, not: gateway | coded, outcome: Ambiguous, fault: FaultPortal, detail: answeredOnTheWay, mark: "A"},
	{kinds: every, from: 413, to: 413, has: opened, not: gateway | coded, outcome: Ambiguous, fault: FaultPortal, detail: answeredOnTheWay, mark: "A"},
	{kinds: every, from: 429, to: 429, has: opened, not: gateway | coded, outcome: Ambiguous, fault: FaultPortal, detail: answeredOnTheWay, mark: "A"},
	{kinds: every, from: 407, to: 407, outcome: Ambiguous, fault: FaultNetwork, detail: "a proxy answered in the portal's place and asks for a login", mark: "A"},

	// The application's refusals, under 200 or 400 (§9).
	{
		kinds: deposits, from: 200, to: 200, code: 20001, message: "GDP_MSG_11.022", has: coded,
		outcome: Refused, fault: FaultDocument, detail: "file too large", mark: "C",
	},
	{
		kinds: deposits, from: 400, to: 400, code: 20001, message: "GDP_MSG_11.022", has: coded,
		outcome: Refused, fault: FaultDocument, detail: "file too large", mark: "C",
	},
	{kinds: deposits, from: 413, to: 413, outcome: Refused, fault: FaultDocument, detail: "request too large", mark: "S"},
	{
		kinds: deposits, from: 200, to: 200, has: coded | asDuplicate,
		outcome: Duplicate, fault: FaultDocument, detail: "refused as a duplicate", mark: "G",
	},
	{
		kinds: deposits, from: 400, to: 400, has: coded | asDuplicate,
		outcome: Duplicate, fault: FaultDocument, detail: "refused as a duplicate", mark: "G",
	},
	// A submission is judged at once, and the annex keeps this range for what it finds (§5.2a).
	{kinds: submission, from: 200, to: 200, code: 20000, upTo: 20305, has: coded, outcome: Refused, fault: FaultDocument, detail: "refused by its fields", mark: "C"},
	{kinds: submission, from: 400, to: 400, code: 20000, upTo: 20305, has: coded, outcome: Refused, fault: FaultDocument, detail: "refused by its fields", mark: "C"},
	{kinds: search, from: 200, to: 200, code: 20000, message: "TRA_MSG_00.015", has: coded, fault: FaultEmpty, detail: "no result", mark: "P"},
	{kinds: search, from: 200, to: 200, code: 20007, message: "GFT_MSG_01.075", has: coded, fault: FaultEmpty, detail: "no result", mark: "C"},
	{kinds: report, from: 200, to: 200, message: "POQ_MSG_01.003", has: coded, fault: FaultNotYet, detail: "flux not found", mark: "C L"},
	{kinds: report, from: 400, to: 400, message: "POQ_MSG_01.003", has: coded, fault: FaultNotYet, detail: "flux not found", mark: "C"},
	{kinds: reads, from: 200, to: 200, message: "GDP_MSG_11.005", has: coded, fault: FaultRights, detail: "not entitled", mark: "C"},
	{kinds: reads, from: 400, to: 400, message: "GDP_MSG_11.005", has: coded, fault: FaultRights, detail: "not entitled", mark: "C"},

	{kinds: change, message: "GDP_MSG_11.008", has: coded, outcome: Refused, fault: FaultStatut, detail: "no such invoice", mark: "C"},
	{kinds: change, message: "GDP_MSG_11.033", has: coded, outcome: Refused, fault: FaultStatut, detail: "the invoice is not suspended", mark: "C"},
	{kinds: change, message: "GDP_MSG_11.001", has: coded, outcome: Refused, fault: FaultStatut, detail: "the invoice's status does not allow it", mark: "C"},
	{kinds: change, message: "GDP_MSG_11.005", has: coded, outcome: Refused, fault: FaultRights, detail: "not entitled", mark: "C"},
	{kinds: change, code: 20003, has: coded, outcome: Refused, fault: FaultDocument, detail: "the attachment is refused", mark: "C"},
	// §9: a codeRetour that is not 0 says that nothing was done. No change is repeated after it.
	{kinds: change, from: 200, to: 200, has: coded, outcome: Refused, fault: FaultUnknown, detail: "refused with a codeRetour not known here", mark: "G"},
	{kinds: change, from: 400, to: 400, has: coded, outcome: Refused, fault: FaultUnknown, detail: "refused with a codeRetour not known here", mark: "G"},

	// A codeRetour is the application's word: the gateway has passed the request on, whatever the status says.
	{kinds: writes, from: 401, to: 401, has: coded, not: gateway, outcome: Ambiguous, fault: FaultUnknown, detail: inApplicationsWords, mark: "A"},
	{kinds: writes, from: 429, to: 429, has: coded, outcome: Ambiguous, fault: FaultQuota, detail: inApplicationsWords, mark: "A"},

	// The gateway's refusals (§3.4, §3.5).
	{kinds: every, from: 401, to: 401, has: saysAccount, outcome: NotLanded, fault: FaultAccount, detail: "technical account refused", mark: "P L"},
	{kinds: every, from: 401, to: 401, has: saysToken, outcome: NotLanded, fault: FaultToken, detail: "token refused", mark: "C"},
	{kinds: every, from: 401, to: 401, outcome: NotLanded, fault: FaultToken, detail: unclear401, mark: "A"},
	{kinds: every, from: 403, to: 403, not: coded, outcome: NotLanded, fault: FaultSubscription, detail: "route not subscribed or unknown", mark: "L"},
	{kinds: every, from: 429, to: 429, outcome: NotLanded, fault: FaultQuota, detail: "too many requests", mark: "S"},
	{kinds: every, from: 400, to: 400, has: gateway, not: coded, outcome: NotLanded, fault: FaultConfiguration, detail: "gateway refused the request", mark: "L"},
	{kinds: every, from: 404, to: 405, has: gateway, not: coded, outcome: NotLanded, fault: FaultConfiguration, detail: "gateway knows no such route", mark: "S"},
	{kinds: every, from: 415, to: 415, has: gateway, not: coded, outcome: NotLanded, fault: FaultConfiguration, detail: "gateway refused the content type", mark: "S P"},
	{kinds: every, from: 422, to: 422, has: gateway, not: coded, outcome: NotLanded, fault: FaultConfiguration, detail: "gateway refused the request", mark: "A"},

	// What may have happened behind the gateway.
	{kinds: every, from: 300, to: 399, outcome: Ambiguous, fault: FaultPortal, detail: "redirect, not followed", mark: "A"},
	{kinds: every, from: 500, to: 599, outcome: Ambiguous, fault: FaultPortal, detail: "portal failed", mark: "A"},
	{kinds: every, has: coded, outcome: Ambiguous, fault: FaultUnknown, detail: "codeRetour not known here", mark: "A"},
	{kinds: every, from: 200, to: 200, outcome: Ambiguous, fault: FaultPortal, detail: "answer is not the promised JSON", mark: "A"},
	{kinds: reads, from: 400, to: 499, fault: FaultConfiguration, detail: "request refused", mark: "A"},
}

const answeredOnTheWay = "not in the portal's words: what opens TLS on the way may have answered"

const inApplicationsWords = "the gateway's status in the application's words: it may have been taken in"

const unclear401 = "token or account refused, without saying which"

// lastResort is for what no rule fits.
var lastResort = rule{outcome: Ambiguous, fault: FaultUnknown, detail: "answer not known here", mark: "A"}

// judge finds the rule for an answer.
func judge(k kind, status int, code *int, message string, s signs) rule {
	for _, r := range rules {
		fits := r.kinds&k != 0 &&
			(r.from == 0 || status >= r.from && status <= r.to) &&
			(r.code == 0 || code != nil && *code >= r.code && *code <= max(r.code, r.upTo)) &&
			(r.message == "" || r.message == message) &&
			s&r.has == r.has && s&r.not == 0
		if fits {
			return r
		}
	}
	return lastResort
}

// challengeSigns reads WWW-Authenticate. The account is looked for first: its text may well mention a token, too.
func challengeSigns(h http.Header) signs {
	challenge := strings.ToLower(strings.Join(h.Values("WWW-Authenticate"), " "))
	switch {
	case challenge == "":
		return 0
	case strings.Contains(challenge, "login") || strings.Contains(challenge, "password"):
		return gateway | saysAccount
	case strings.Contains(challenge, "token"):
		return gateway | saysToken
	}
	return gateway
}
