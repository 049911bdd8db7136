package jobs

import (
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// This file decides; it asks nobody and changes nothing. docs/protocol.md says why each decision is safe.

// answer is what is known after a deposit.
type answer struct {
	outcome  store.Outcome
	fault    chorus.Fault
	flux     string
	libelle  string
	wait     time.Duration // as the portal asked; < 0 when it did not
	refusals int           // by the gateway, of this row, before this one
}

// afterDeposit says where a row goes after an attempt (§3.6). Only outcomes that prove that nothing landed lead back to ready.
func afterDeposit(s Settings, a answer) store.Ending {
	if crash.Enabled {
		a.outcome = mutate(a)
	}
	e := store.Ending{Outcome: a.outcome, NumeroFlux: a.flux}
	switch a.outcome {
	case store.Accepted:
		e.To, e.Due = store.Deposited, s.ReportAfter
	case store.Refused:
		e.To, e.ReasonCode, e.Reason = store.Rejected, store.ReasonRefused, a.libelle
		if e.Reason == "" {
			e.Reason = "Chorus Pro refused the file without saying why"
		}
	case store.Duplicate:
		e.To, e.ReasonCode, e.Reason = store.InDoubt, store.ReasonDuplicate, "Chorus Pro says that it has this invoice: looking for it"
	case store.NotSent:
		e.To, e.Due = store.Ready, 2*time.Second
	case store.NotLanded:
		e.To, e.Due = store.Ready, 2*time.Second
		switch a.fault {
		case chorus.FaultToken:
			e.Due = 0
		case chorus.FaultQuota:
			e.Due = quotaWait(s, a.wait)
		case chorus.FaultConfiguration:
			e.Refusals = 1
			e.Due = time.Minute
			if a.refusals > 0 {
				e.To, e.ReasonCode = store.Parked, store.ParkConfiguration
				e.Reason = "the gateway refuses the request itself, twice: check the addresses and the version of choriste"
			}
		}
	default:
		e.Outcome = store.Ambiguous
		e.To, e.ReasonCode, e.Due = store.InDoubt, store.ReasonAmbiguous, s.ResolveAfter
		e.Reason = looking
	}
	return e
}

// What is said of a row in doubt that is looked for, and of one that nobody can look for.
const (
	looking     = "the request may have arrived: looking for it at Chorus Pro"
	blindSearch = "the request may have arrived, and Chorus Pro's search does not show what it has shown of this supplier before: nothing counts as absent until it does"
	nothingSeen = "the request may have arrived, and Chorus Pro has shown nothing of this supplier yet, so that nothing counts as absent until it does: the next invoice of this supplier will tell, or the technical account lacks the space Factures émises"
	clockWrong  = "the request may have arrived, and Chorus Pro shows a deposit of a day that is to come by PostgreSQL's clock: nothing counts as absent until that clock, if it is behind, is put right"
	cannotLook  = "the request may have arrived, and the technical account may not look for it at Chorus Pro: whoever administers the supplier's structure there " +
		"gives it the space Factures émises of that structure; then it is looked up by itself"
)

// QuotaWait is how long the fleet keeps quiet after an error that is a 429.
func (s Settings) QuotaWait(err error) time.Duration {
	asked, said := chorus.RetryAfter(err)
	if !said {
		asked = -1
	}
	return quotaWait(s, asked)
}

// quotaWait is how long the fleet keeps quiet after a 429: as asked, within reason; without a word, a little over the window of one second (a fortieth of
// T_http, so that a fault run does not wait longer for this than for anything else).
func quotaWait(s Settings, asked time.Duration) time.Duration {
	const most = 15 * time.Minute
	switch {
	case asked < 0:
		return about(s.HTTPTimeout / 40)
	case asked > most:
		return most
	default:
		return asked
	}
}

// search is what looking for an invoice in doubt found.
type search struct {
	complete bool   // every page was read and the counts agree
	matches  int    // invoices of the same business key
	agree    bool   // the one match is ours in every field that can be compared
	differs  string // in which it is not
	alike    bool   // no difference is more than something that one side does not say, or writes otherwise
	witness  bool   // a deposit of the supplier acknowledged later is findable
	later    bool   // there is such a deposit at all
	blind    bool   // the search does not show what it has shown of the supplier before: it is not complete
	untried  bool   // nothing is known that it should show
	other    string // in what the portal shows by other ways differs from it, though it may be it in another writing
	flux     string // by which that came
	taken    string // the invoice of another establishment of the supplier that has our number and year: the number is taken (docs/chorus-pro.md §10)
	lag      bool   // the portal shows a deposit of a day that is to come: it is not complete
	unseen   bool   // nor was anything of the supplier ever seen: only a later deposit that is findable proves that it would show this one
}

// absent tells whether the search counts towards the proof of absence (§3.4).
func (f search) absent() bool {
	if crash.Mutant(crash.NoWitness) {
		return f.matches == 0
	}
	return f.complete && f.matches == 0 && f.other == "" && (f.witness || !f.later)
}

// doubt is everything that a decision about a row in doubt rests on.
type doubt struct {
	outcome   store.Outcome  // of the attempt it is about
	age       time.Duration  // of that attempt
	lookups   []store.Lookup // earlier ones about that attempt
	standIn   bool           // nothing is known to have been sent: the database may have forgotten
	resubmits int
	resubmit  bool          // policy once, and the account may search
	calm      time.Duration // since the portal last failed us
	looks     int
	unsent    bool          // there is no attempt to keep look-ups with
	doubted   time.Duration // since the row came to be in doubt, this time
	wanted    string        // the reason code of an operator who wants it sent again; "" when nobody does
	older     bool          // the attempt is from before the last quarantine: a later one may be forgotten
	search    bool          // the account may search
	duplicate bool          // the report on its flux refused it as one
	broken    bool          // the assumptions on delays have been seen not to hold
}

// neededLookups is how many searches that found nothing make a proof, together with their age.
const neededLookups = 3

// tooOld is how long after the horizon a person is asked.
const tooOld = 24 * time.Hour

// unprovable is said of a row that is not sent while D or V are known not to hold.
const unprovable = "the assumptions on delays do not hold, so its absence cannot be proven: set them right and allow resubmission first"

// afterSearch says what becomes of a row in doubt.
func afterSearch(s Settings, d doubt, f search) store.Doubt {
	switch {
	case f.matches == 1 && f.agree:
		return store.Doubt{To: store.Deposited}
	case f.matches == 1 && f.alike:
		return park(store.ParkMismatch, "Chorus Pro holds an invoice that may be this one: what both say agrees, but not all is said or written alike (choriste ≠ Chorus Pro: "+f.differs+")")
	case f.matches == 1:
		return park(store.ParkMismatch, "Chorus Pro holds an invoice of this number that differs from this one (choriste ≠ Chorus Pro: "+f.differs+")")
	case f.matches > 1:
		return park(store.ParkSeveral, "Chorus Pro holds more than one invoice of this number")
	case f.other != "":
		return park(store.ParkMismatch, "Chorus Pro has shown an invoice that may be this one, and a search for this number does not find it (choriste ≠ Chorus Pro: "+f.other+")")
	case f.taken != "" && (d.standIn || d.unsent || d.wanted != "" || proven(s, d, f)): // else ours may still be shown
		return park(store.ParkMismatch, "Chorus Pro holds an invoice of this number and year of another establishment of the supplier ("+f.taken+"): a number is taken once per SIREN and year")
	case d.wanted != "":
		return wantedAgain(s, d, f)
	}
	if proven(s, d, f) {
		switch {
		case d.outcome == store.Duplicate, d.outcome == store.Accepted && d.duplicate:
			return park(store.ParkAbsent, "Chorus Pro refused it as a duplicate, but the original is not to be found")
		case d.outcome == store.Accepted:
			return park(store.ParkAbsent, "Chorus Pro acknowledged it once, and shows nothing of it")
		case d.standIn && d.broken:
			return park(store.ParkAbsent, unprovable)
		case d.standIn:
			return store.Doubt{To: store.Ready, ReasonCode: store.ReasonQuarantine, Reason: "not to be found at Chorus Pro: nothing had been forgotten"}
		case !d.resubmit:
			return park(store.ParkAbsent, "proven absent at Chorus Pro; by the settings, a person decides whether it is sent again")
		case d.resubmits > 0:
			return park(store.ParkBudget, "proven absent at Chorus Pro for the second time")
		default:
			return store.Doubt{To: store.Ready, ReasonCode: store.ReasonResubmit, Reason: "proven absent at Chorus Pro: sent once more", Resubmit: true}
		}
	}
	return lookAgain(s, d, f)
}

// lookAgain keeps a row in doubt, but not for ever.
func lookAgain(s Settings, d doubt, f search) store.Doubt {
	latest := s.Horizon()
	if !f.later {
		latest *= 2 // as the proof needs
	}
	// An operator may have an old one looked up again. And where nobody looked for a day, because no worker ran, or because the clock was set while none did, the
	// looking has only begun.
	if d.age > latest+tooOld && d.doubted > tooOld && d.looked(latest) >= neededLookups {
		return park(store.ParkTooOld, "could not be settled by looking it up at Chorus Pro for a day after the horizon")
	}
	return store.Doubt{To: store.InDoubt, Due: nextLook(s, d)}
}

// looked counts the look-ups, this one included, at which the attempt was older than so.
func (d doubt) looked(than time.Duration) int {
	if d.unsent {
		return d.looks + 1
	}
	n := 1
	for _, l := range d.lookups {
		if l.Age > than {
			n++
		}
	}
	return n
}

// wantedAgain says what becomes of a row that an operator wants sent again and that this search did not find. The operator's word stands for the policy and
// the budget, never for the search. It stands for the proof of absence only where an override says so; where the portal itself has said what became of
// the last attempt, nothing can be in the air, and one complete search shows that nobody has sent it by another way.
func wantedAgain(s Settings, d doubt, f search) store.Doubt {
	ended := !d.older && !d.standIn &&
		(d.wanted == store.ReasonRetry || d.outcome == store.NotSent || d.outcome == store.NotLanded || d.outcome == store.Refused)
	switch {
	case !d.search:
		return park(store.ParkAbsent, "the account may not search its supplier's invoices, and nothing is sent again without a search")
	case ended && f.complete:
		return store.Doubt{To: store.Ready, ReasonCode: d.wanted, Reason: "sent again for an operator: Chorus Pro does not hold it"}
	case d.wanted == store.ReasonOverride && f.complete:
		return store.Doubt{To: store.Ready, ReasonCode: d.wanted, Reason: "sent again for an operator: one search did not find it", Resubmit: true}
	case d.broken && !ended:
		return park(store.ParkAbsent, unprovable)
	case proven(s, d, f):
		return store.Doubt{To: store.Ready, ReasonCode: d.wanted, Reason: "sent again for an operator: proven absent at Chorus Pro", Resubmit: true}
	default:
		return lookAgain(s, d, f)
	}
}

// wanted is the mark that an operator has left on a row in doubt.
func wanted(reasonCode string) string {
	switch reasonCode {
	case store.ReasonWanted, store.ReasonOverride, store.ReasonRetry:
		return reasonCode
	default:
		return ""
	}
}

func park(code, reason string) store.Doubt {
	return store.Doubt{To: store.Parked, ReasonCode: code, Reason: reason}
}

// proven is the proof of absence: three searches that count, the last one when nothing can land or appear any more, and a portal that did not fail us
// meanwhile. Without a later deposit to act as a witness, twice the horizon must have passed.
func proven(s Settings, d doubt, f search) bool {
	if crash.Mutant(crash.FirstEmpty) {
		return f.matches == 0
	}
	if !f.absent() {
		return false
	}
	horizon := s.Horizon()
	if !f.later {
		horizon *= 2
	}
	if d.age < horizon && !crash.Mutant(crash.HorizonShort) {
		return false
	}
	count, first := 1, d.age
	for _, l := range d.lookups {
		if l.Absent {
			count++
			first = min(first, l.Age)
		}
	}
	return count >= neededLookups && d.calm >= min(120*s.ResolveAfter, d.age-first)
}

// nextLook spaces the searches: each four times later than the one before, at most 120 times the first, and one exactly when the horizon passes.
func nextLook(s Settings, d doubt) time.Duration {
	wait := s.ResolveAfter
	for range d.looks + 1 {
		wait = min(4*wait, 120*s.ResolveAfter)
	}
	wait = about(wait)
	for _, h := range []time.Duration{s.Horizon(), 2 * s.Horizon()} {
		if left := h - d.age; left > 0 {
			wait = min(wait, left)
		}
	}
	return wait
}

// to says where a statut of the portal puts a row.
func to(statut string) store.State {
	info, _ := chorus.StatutInfo(statut)
	return store.State(info.Puts)
}
