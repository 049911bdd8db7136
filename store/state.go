package store

// State is where an invoice stands; the names are public (docs/states.md).
type State string

// The states, and the moves between them, are those of the tables chorus.states and chorus.transitions, which a trigger enforces.
const (
	Received   State = "received"
	Invalid    State = "invalid"
	Ready      State = "ready"
	Sending    State = "sending"
	InDoubt    State = "in_doubt"
	Parked     State = "parked"
	Deposited  State = "deposited"
	Integrated State = "integrated"
	Rejected   State = "rejected"
	Settled    State = "settled"
	Cancelled  State = "cancelled"
	Abandoned  State = "abandoned"
)

// States lists all of them in the order of an invoice's life.
var States = []State{Received, Ready, Sending, InDoubt, Parked, Deposited, Integrated, Settled, Rejected, Invalid, Cancelled, Abandoned}

// What the history says beside the moves; written by triggers (invoices_statut). They decide nothing.
const (
	EventPurged        = "PURGED"         // the document was deleted
	EventUnknownStatut = "UNKNOWN_STATUT" // the portal shows a statut that is in no list
	EventBackwards     = "BACKWARDS"      // it left a final statut, or went back to an earlier one, in an unusual way
)

// Outcome is how an attempt ended, as far as is known.
type Outcome string

// The outcomes of an attempt. Accepted, Refused, Duplicate, NotSent and NotLanded are proven; Ambiguous says that the request may have arrived; OwnerLost
// that nobody is left who could know.
const (
	NotSent   Outcome = "NOT_SENT"
	NotLanded Outcome = "NOT_LANDED"
	Accepted  Outcome = "ACCEPTED"
	Refused   Outcome = "REFUSED"
	Duplicate Outcome = "DUPLICATE"
	Ambiguous Outcome = "AMBIGUOUS"
	OwnerLost Outcome = "OWNER_LOST"
)

// Why a row is parked. These codes are public: they stand in reason_code.
const (
	ParkAbsent        = "ABSENT"        // proven absent, and not to be sent again by itself
	ParkSeveral       = "SEVERAL"       // the portal holds more than one invoice of this key
	ParkMismatch      = "MISMATCH"      // the portal holds one that differs
	ParkContradiction = "CONTRADICTION" // two answers cannot both be true
	ParkBudget        = "BUDGET"        // absent again after the one resubmission
	ParkTooOld        = "TOO_OLD"       // could not be settled in time
	ParkPoison        = "POISON"        // breaks the worker each time
	ParkConfiguration = "CONFIGURATION" // the gateway refuses the request itself
	ParkIncident      = "INCIDENT"      // an incident at the portal: the flux must be sent again
)

// Reasons that accompany other moves.
const (
	ReasonDuplicateNumber = "DUPLICATE_NUMBER" // another invoice of this database has the number
	ReasonListing         = "LISTING"          // the account's structures have not been listed
	ReasonOwnerLost       = "OWNER_LOST"       // the worker that sent it is gone
	ReasonAmbiguous       = "AMBIGUOUS"        // the answer says nothing certain
	ReasonDuplicate       = "DUPLICATE"        // the portal refused it as a duplicate
	ReasonResubmit        = "RESUBMIT"         // proven absent, sent once more
	ReasonFluxRejected    = "FLUX_REJECTED"    // refused at integration
	ReasonRefused         = "REFUSED"          // refused at the deposit
	ReasonRecipient       = "RECIPIENT"        // refused by the recipient
	ReasonQuarantine      = "QUARANTINE"       // the database may have forgotten a deposit
	ReasonQuiet           = "QUIET"            // no payment will be reported
	ReasonOperator        = "OPERATOR"         // an operator has resolved what was parked

	// An operator wants it sent again: while in doubt, these marks tell the resolver so.
	ReasonRetry    = "RETRY"             // after its flux was rejected
	ReasonWanted   = "RESUBMIT_WANTED"   // when its absence is proven
	ReasonOverride = "RESUBMIT_OVERRIDE" // when one complete search does not find it
)
