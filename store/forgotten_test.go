package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// A person may have had sent again what is parked or refused here, in a history that the database has forgotten. After a restore it takes the whole proof to have
// it sent, however late the person comes: for one that was never sent, as far as its row knows, and for one whose attempts were taken back.
func TestWhatAPersonHadSentIsForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		set  string
		sent bool // and its attempt is remembered
		lose bool // and lost
		want string
		by   string
	}{
		"parked before its first attempt":             {set: `state = 'parked', reason_code = 'POISON'`, by: "resubmit"},
		"the same, looked up":                         {set: `state = 'parked', reason_code = 'POISON'`, by: "lookup"},
		"parked after one that did not land":          {set: `state = 'parked', reason_code = 'CONFIGURATION'`, sent: true, by: "resubmit"},
		"parked, and its attempt is lost":             {set: `state = 'parked', reason_code = 'CONFIGURATION'`, sent: true, lose: true, by: "resubmit"},
		"a flux that was rejected":                    {set: `state = 'rejected', reason_code = 'FLUX_REJECTED'`, sent: true, by: "retry"},
		"a flux that was rejected, its attempt lost":  {set: `state = 'rejected', reason_code = 'FLUX_REJECTED'`, sent: true, lose: true, by: "retry"},
		"in doubt, as somebody wants it sent, unsent": {set: `state = 'in_doubt', reason_code = 'RESUBMIT_WANTED', in_doubt_since = now()`},
		"in doubt, as somebody wants it sent":         {set: `state = 'in_doubt', reason_code = 'RETRY', in_doubt_since = now()`, sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := b.ready(t, "default")
			if c.sent {
				a := b.sent(t, id, "default", false)
				must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.NotLanded, To: store.Ready}))
			}
			force(t, b.owner, id, c.set)
			if c.lose {
				unruled(t, b.owner, `DELETE FROM chorus.attempts WHERE invoice_id = $1`, id)
			}
			m, err := b.worker.Remember(t.Context())
			must(t, err)
			_, _, err = b.worker.Quarantine(t.Context(), m, &store.Forgot{Witness: store.WitnessIdentity, Kind: store.KindRestore}, time.Hour, 10)
			must(t, err)
			_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET suspect_until = now() - interval '1 second'`)
			must(t, err)
			switch c.by {
			case "retry":
				_, err = b.operator.Retry(t.Context(), id, "because", nil)
			case "resubmit", "lookup":
				_, err = b.operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.Action(c.by), Reason: "because"})
			}
			must(t, err)

			attempts, err := b.worker.Attempts(t.Context(), id)
			must(t, err)
			inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
			must(t, err)
			if len(attempts) == 0 {
				t.Fatal("nothing stands for what may be forgotten")
			}
			last := attempts[len(attempts)-1]
			if last.N != inv.AttemptNo || !last.StandIn && !last.Older {
				t.Fatalf("attempt %d of %d is %+v", last.N, inv.AttemptNo, last)
			}
			if last.Age > time.Minute {
				t.Errorf("it is %s old, and may have been sent just before the quarantine", last.Age)
			}
			look := store.Lookup{Complete: true, Absent: true}
			ready := store.Doubt{To: store.Ready, ReasonCode: inv.ReasonCode}
			if err := b.worker.Resolve(t.Context(), inv, last, look, ready); store.SQLState(err) != "CH005" {
				t.Errorf("after one look-up that found nothing: %v", err)
			}
			for range 2 {
				must(t, b.worker.Resolve(t.Context(), inv, last, look, store.Doubt{To: store.InDoubt}))
				inv, err = b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
				must(t, err)
			}
			must(t, b.worker.Resolve(t.Context(), inv, last, look, ready))
			a := b.sent(t, id, "default", false)
			if a.N <= last.N {
				t.Errorf("the next attempt is number %d, after %d", a.N, last.N)
			}
		})
	}
}

// What the comparison at a start takes for a deposit that was forgotten: what came by a flux and no attempt explains.
func TestWhatTheComparisonTakesForForgotten(t *testing.T) {
	b := newBench(t)
	asked := time.Now()
	for name, c := range map[string]struct {
		set     string
		outcome store.Outcome // of its only attempt; "" = it has none
		twin    string        // another row of its number
		look    bool          // the feed was first
		want    bool
	}{
		"ready":                                  {set: `state = 'ready'`, want: true},
		"parked, never sent":                     {set: `state = 'parked'`, want: true},
		"parked, never sent, suspected already":  {set: `state = 'parked', lookup_first = true`},
		"parked, not landed":                     {set: `state = 'parked'`, outcome: store.NotLanded, want: true},
		"parked, it may have landed":             {set: `state = 'parked'`, outcome: store.Ambiguous},
		"parked, a duplicate":                    {set: `state = 'parked'`, outcome: store.Duplicate},
		"in doubt, never sent":                   {set: `state = 'in_doubt', reason_code = 'RESUBMIT_WANTED'`, want: true},
		"in doubt, refused":                      {set: `state = 'in_doubt', reason_code = 'RETRY'`, outcome: store.Refused, want: true},
		"in doubt, lost":                         {set: `state = 'in_doubt'`, outcome: store.OwnerLost},
		"in doubt, the feed was first":           {set: `state = 'ready'`, look: true, want: true},
		"a rejected flux":                        {set: `state = 'rejected'`, outcome: store.Refused, want: true},
		"a rejected flux, and another one's":     {set: `state = 'rejected'`, outcome: store.Refused, twin: `state = 'deposited', numero_flux_depot = 'FLUX' || ID`},
		"a rejected flux, and another was given": {set: `state = 'rejected'`, outcome: store.Refused, twin: `state = 'in_doubt'`},
		"deposited":                              {set: `state = 'deposited', numero_flux_depot = 'FLUX' || ID`, outcome: store.Accepted},
		"adopted":                                {set: `state = 'integrated', numero_flux_depot = 'FLUX' || ID, identifiant_facture_cpp = ID`},
		"refused by its recipient":               {set: `state = 'rejected', identifiant_facture_cpp = ID`, outcome: store.Accepted},
		"invalid":                                {set: `state = 'invalid'`},
	} {
		t.Run(name, func(t *testing.T) {
			id := b.ready(t, "default")
			number, flux := fmt.Sprintf("N%d", id), fmt.Sprintf("FLUX%d", id)
			attempt := func(id int64, outcome store.Outcome, flux *string) {
				unruled(t, b.owner, `
					INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, outcome, numero_flux_depot)
					VALUES ($2, $1, 1, 'w', 'f' || $1::bigint, 'x', 'e', now() - interval '1 hour', now(), $3, $4)`, id, store.NewID(), outcome, flux)
				force(t, b.owner, id, `attempt_no = 1`)
			}
			if c.outcome == store.Accepted {
				attempt(id, c.outcome, &flux)
			} else if c.outcome != "" {
				attempt(id, c.outcome, nil)
			}
			force(t, b.owner, id, strings.ReplaceAll(c.set, "ID", fmt.Sprint(id)))
			if c.twin != "" {
				twin := b.ready(t, "default")
				attempt(twin, store.OwnerLost, nil)
				force(t, b.owner, twin, fmt.Sprintf(`numero_facture = '%s', `, number)+strings.ReplaceAll(c.twin, "ID", fmt.Sprint(id)))
			}
			if c.look {
				must(t, b.worker.LookNow(t.Context(), id))
			}
			found, _, err := b.worker.Unsent(t.Context(), "default", asked, asked, []store.Seen{{NumeroFacture: "OTHER"}, {
				NumeroFacture: number, FournisseurSIRET: protocolFacts("").FournisseurSIRET, DateFacture: protocolFacts("").DateFacture, NumeroFlux: flux,
			}})
			must(t, err)
			if got := found[1] == id; got != c.want || len(found) > 1 {
				t.Errorf("found %v, want %v", found, c.want)
			}
		})
	}
}

// The invoices and their attempts are taken back together, under a worker that has sent nothing itself since the copy. It knows what others sent.
func TestAWorkerRemembersWhatOthersBegan(t *testing.T) {
	b := newBench(t)
	m, err := b.worker.Knows(t.Context(), b.memory, "beats")
	must(t, err)
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Accepted, NumeroFlux: "LOST", To: store.Deposited}))
	next := b.ready(t, "default")
	m, err = b.worker.Knows(t.Context(), m, "beats")
	must(t, err)
	if len(m.Attempts) > 0 {
		t.Fatalf("it has sent %v", m.Attempts)
	}
	unruled(t, b.owner, `WITH a AS (DELETE FROM chorus.attempts WHERE invoice_id = $1) DELETE FROM chorus.invoices WHERE id = $1`, id)
	var f *store.Forgot
	if _, err := b.worker.Knows(t.Context(), m, "beats"); !errors.As(err, &f) || f.Kind != store.KindRestore {
		t.Errorf("within a second: %v", err)
	}
	inv, err := b.worker.Take(t.Context(), next, b.claim(t, store.StepSubmit, "default")[next], store.Ready, time.Hour)
	must(t, err)
	b.memory = m
	if _, err := b.worker.Begin(t.Context(), inv, b.intent(false)); !errors.Is(err, store.ErrForgot) {
		t.Errorf("at T1: %v", err)
	}
}
