package chorus

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/answers"
)

// What decides (rules, fluxStates, statuts) and what explains (package answers) say the same, entry by entry.

var operations = []operation{opDeposit, opSearch, opHistory, opReport, opHealth, opStructures, opFind, opStructure, opAjouter, opCompleter, opRecycler}

// retryOf is the class that an outcome and a fault come to.
func retryOf(r rule, k kind) answers.Retry {
	switch {
	case r.fault == "" || r.fault == FaultEmpty:
		return answers.None
	case r.fault == FaultRights, r.fault == FaultAccount, r.fault == FaultApplication, r.fault == FaultSubscription, r.fault == FaultConfiguration:
		return answers.AfterChange
	case r.fault == FaultNotYet, r.fault == FaultQuota, r.fault == FaultToken:
		return answers.Automatic
	case r.outcome == Refused && r.fault != FaultUnknown:
		return answers.Never
	case r.outcome == Duplicate, r.outcome == Ambiguous && k == deposit && r.fault != FaultUnknown:
		return answers.LookUp
	}
	return answers.Unclassified
}

func TestAnswersAndRules(t *testing.T) {
	explained := func(op operation, number int, message string) bool {
		return slices.ContainsFunc(answers.Of(answers.Return), func(e answers.Entry) bool {
			return (e.Number == number || number == 0) && (message == "" || e.Message == message) && (len(e.On) == 0 || slices.Contains(e.On, op.name))
		})
	}
	// Every rule about a number or a message code has its entry, for each operation.
	for _, r := range rules {
		if r.code == 0 && r.message == "" {
			continue
		}
		for _, op := range operations {
			// A file that is uploaded belongs to no invoice yet; the rule on its size is the one on all changes.
			if op.kind == change && (op.name == opAjouter.name) == (r.fault == FaultStatut || r.code != 20003) && r.fault != FaultRights {
				continue
			}
			if r.kinds&op.kind != 0 && !explained(op, r.code, r.message) {
				t.Errorf("%s: %d %s (%s) has no entry", op.name, r.code, r.message, r.detail)
			}
		}
	}
	// Every entry is decided as it says, under both statuses.
	for _, e := range answers.Of(answers.Return) {
		for _, op := range operations {
			if len(e.On) > 0 && !slices.Contains(e.On, op.name) || e.Number == 0 && e.Retry == answers.None || op.kind == health {
				continue
			}
			if len(e.On) == 0 && op.kind == deposit { // a refusal that nobody has seen at a deposit is looked up
				continue
			}
			number := e.Number
			if number == 0 {
				number = 20099
			}
			if got := retryOf(judge(op.kind, 200, &number, e.Message, coded), op.kind); got != e.Retry {
				t.Errorf("%s answers %s: decided as %s, explained as %s", op.name, e.Code, got, e.Retry)
			}
		}
	}
	// What no entry knows is unclassified.
	unknown := 29999
	for _, op := range operations {
		if got := retryOf(judge(op.kind, 200, &unknown, "ZZZ_MSG_99.999", coded), op.kind); got != answers.Unclassified {
			t.Errorf("%s: an unknown codeRetour is %s", op.name, got)
		}
	}
	for status, want := range map[int]answers.Retry{
		403: answers.AfterChange, 404: answers.AfterChange, 413: answers.Never, 415: answers.AfterChange, 429: answers.Automatic,
		500: answers.LookUp, 502: answers.LookUp, 503: answers.LookUp, 504: answers.LookUp,
	} {
		e, _ := answers.Find(answers.Gateway, "HTTP "+strconv.Itoa(status))
		if got := retryOf(judge(deposit, status, nil, "", gateway), deposit); got != want || e.Retry != want {
			t.Errorf("HTTP %d: decided as %s, explained as %s, want %s", status, got, e.Retry, want)
		}
	}
	for challenge, code := range map[signs]string{saysAccount: "ACCOUNT_REFUSED", saysToken: "TOKEN_REFUSED"} {
		e, _ := answers.Find(answers.Gateway, code)
		if got := retryOf(judge(deposit, 401, nil, "", gateway|challenge), deposit); got != e.Retry {
			t.Errorf("%s: decided as %s, explained as %s", code, got, e.Retry)
		}
	}
}

func TestAnswersAndFluxStates(t *testing.T) {
	classes := map[FluxClass]answers.Retry{
		FluxPending: answers.Automatic, FluxIntegrated: answers.None, FluxPartial: answers.None, FluxRejected: answers.Never,
		FluxResend: answers.LookUp, FluxUnknown: answers.Unclassified,
	}
	for etat, s := range fluxStates {
		e, known := answers.Find(answers.Flux, etat)
		if !known || e.Retry != classes[s.class] || e.Mark != s.mark {
			t.Errorf("%s is %s (%s), explained as %s (%s)", etat, s.class, s.mark, e.Retry, e.Mark)
		}
	}
	if n := len(answers.Of(answers.Flux)); n != len(fluxStates) {
		t.Errorf("%d states are explained, %d known", n, len(fluxStates))
	}
}

func TestAnswersAndStatuts(t *testing.T) {
	for _, s := range statuts {
		e, _ := answers.Find(answers.Statut, s.Code)
		want := map[Actor]answers.Who{
			ActorSupplier: answers.Supplier, ActorPortal: answers.Portal, ActorNone: answers.Nobody, ActorUnknown: answers.Operator,
		}[s.Next]
		if want == "" {
			want = answers.Recipient
		}
		if e.Who != want || e.Mark != s.Mark {
			t.Errorf("%s: %s acts (%s), explained as %s (%s)", s.Code, s.Next, s.Mark, e.Who, e.Mark)
		}
	}
	if n := len(answers.Of(answers.Statut)); n != len(statuts) {
		t.Errorf("%d statuts are explained, %d known", n, len(statuts))
	}
}

// A text that says "already there" is explained as that; no other text of a report is taken for it: the invoice would be looked for instead of rejected.
func TestAnswersAndDuplicates(t *testing.T) {
	for _, e := range answers.Of(answers.Error) {
		for _, text := range []string{e.Example, strings.ToUpper(e.Example)} {
			r := Report{EtatCourantDepotFlux: "IN_REJETE", ErreursDP: []ErreurDP{{LibelleErreurDP: text}}}
			if got := r.Duplicate(); got != (e.Code == "DUPLICATE_INVOICE") {
				t.Errorf("%s: %q, duplicate: %v", e.Code, text, got)
			}
		}
	}
}
