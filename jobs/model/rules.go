// Package model is the in-doubt protocol of docs/protocol.md as a model that a computer can try in every way: two workers, a reaper, a resolver, a poller
// and one portal, with time in ticks, messages that are late or lost, and crashes between any two steps. Check explores all of it and says whether an
// invoice can be accepted twice.
//
// The package stands alone. Its rules (this file) are also the oracle of the tests in jobs and store, which is how the code is held to the model.
package model

// Row is where an invoice stands.
type Row uint8

// The states that matter to the protocol; the names are those of the table chorus.states, except lost, which is none.
const (
	Ready Row = iota
	Sending
	InDoubt
	Deposited
	Integrated
	Rejected
	Parked
	Cancelled
	Lost // there is no row: a restore has forgotten its insert
)

func (r Row) String() string {
	return [...]string{"ready", "sending", "in_doubt", "deposited", "integrated", "rejected", "parked", "cancelled", "lost"}[r]
}

// Final tells that the protocol has nothing left to do; a parked row waits for a person.
func (r Row) Final() bool { return r == Integrated || r == Rejected || r == Parked || r == Cancelled }

// Outcome is what the worker that sent an attempt knows of it.
type Outcome uint8

// The outcomes of an attempt.
const (
	NotSent Outcome = iota
	NotLanded
	Accepted
	Refused
	Duplicate
	Ambiguous
)

func (o Outcome) String() string {
	return [...]string{"NOT_SENT", "NOT_LANDED", "ACCEPTED", "REFUSED", "DUPLICATE", "AMBIGUOUS"}[o]
}

// AfterAnswer is where an attempt's outcome takes the row whose current attempt it is.
func AfterAnswer(o Outcome) Row {
	switch o {
	case NotSent, NotLanded:
		return Ready
	case Accepted:
		return Deposited
	case Refused:
		return Rejected
	default:
		return InDoubt
	}
}

// AfterT2 is where a row stands after an outcome was written down, given where it stood. Own says that the attempt is the row's current one, known that
// the row holds the attempt's flux already. Evidence is unconditional, the state is not: an outcome moves the row only from sending or in_doubt and only
// if it is its own, except that an acceptance nobody reckoned with any more asks for a person.
func AfterT2(row Row, own, known bool, o Outcome) Row {
	switch {
	case own && (row == Sending || row == InDoubt):
		return AfterAnswer(o)
	case o == Accepted && !known:
		return Parked
	default:
		return row
	}
}

// Look is what a search for an invoice in doubt showed.
type Look struct {
	Found    int  // invoices of the business key
	Agree    bool // the one that was found is ours in every field
	Proven   bool // together with the earlier searches, it proves that nothing arrived
	Resubmit bool // what is proven absent may be sent once more by itself
	TooOld   bool // it has taken too long
}

// AfterLook is where a search takes a row in doubt.
func AfterLook(l Look) Row {
	switch {
	case l.Found == 1 && l.Agree:
		return Deposited
	case l.Found > 0:
		return Parked
	case l.Proven && l.Resubmit:
		return Ready
	case l.Proven, l.TooOld:
		return Parked
	default:
		return InDoubt
	}
}
