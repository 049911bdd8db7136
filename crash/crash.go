// Package crash names the moments at which a process may be made to die, stall or fail, and the mistakes that may be put into it, so that the promise of
// docs/protocol.md can be shown to hold at every one of them, and the tests to see it when it does not. It is the only package of ours that the others may
// all import.
//
// In a build without the tag chaos, which is every build that is released, Point and Mutant are constants to the compiler: nothing of this is in the
// program (docs/reliability.md).
package crash

// Points lists every moment, in the order of an invoice's way.
var Points = []string{
	InsertTrigger, AfterWake, Validate, BeforeToken, AfterUpload, AfterToken, BeforeQuota, BeforeT1, InT1BeforeCommit, AfterT1, Fence,
	AfterDial, AfterHeaders, MidBody, AfterWrite, BeforeRead, MidRead, AfterParse, BeforeT2, InT2BeforeCommit, AfterT2,
	ResolverAfterSearch, ResolverBeforeAdopt, ReaperMidBatch, Shutdown,
}

// The moments.
const (
	InsertTrigger       = "insertTrigger" // in the application's own transaction: the tests reach it in SQL, no code is behind it
	AfterWake           = "afterWake"
	Validate            = "validate"
	BeforeToken         = "beforeToken"
	AfterUpload         = "afterUpload" // a file for a submission is at the portal, and its number is not written down
	AfterToken          = "afterToken"
	BeforeQuota         = "beforeQuota"
	BeforeT1            = "beforeT1"
	InT1BeforeCommit    = "inT1BeforeCommit"
	AfterT1             = "afterT1"
	Fence               = "fence"
	AfterDial           = "afterDial"
	AfterHeaders        = "afterHeaders"
	MidBody             = "midBody"
	AfterWrite          = "afterWrite"
	BeforeRead          = "beforeRead"
	MidRead             = "midRead"
	AfterParse          = "afterParse"
	BeforeT2            = "beforeT2"
	InT2BeforeCommit    = "inT2BeforeCommit"
	AfterT2             = "afterT2"
	ResolverAfterSearch = "resolverAfterSearch"
	ResolverBeforeAdopt = "resolverBeforeAdopt"
	ReaperMidBatch      = "reaperMidBatch"
	Shutdown            = "shutdown"
)

// KillsReader is a text that kills the process which reads a document with it, in a build with the tag chaos.
const KillsReader = "choriste: this document kills its reader"

// Mutants lists every mistake: the ten of the protocol, which the model shows to be fatal, and ten of the way it is carried out.
var Mutants = []string{
	NoIntent, PlainRetry, NoFence, HorizonShort, FirstEmpty, TimeoutNotSent, NoCompareAndSet, NoQuarantine, LateLanding, DuplicateRejects,
	DefaultTransport, LooseDecode, NoUniqueIndex, T2Swallowed, PlainTokens, ErrorNotSnooze, NoReaper, NoWitness, EvidenceConditional, NoDrain,
}

// The mistakes. In brackets, what shows it: the invariant of docs/protocol.md §3.7 that breaks, and under which circumstances.
const (
	NoIntent         = "M1-no-intent"          // deposits without writing so first
	PlainRetry       = "M2-plain-retry"        // sends again whatever the outcome was
	NoFence          = "M3-no-fence"           // sends however late it is
	HorizonShort     = "M4-horizon-short"      // sends again before the horizon
	FirstEmpty       = "M5-first-empty"        // takes the first empty search for a proof
	TimeoutNotSent   = "M6-timeout-not-sent"   // takes silence for "not sent"
	NoCompareAndSet  = "M7-no-compare-and-set" // claims without looking whether the row is still ready
	NoQuarantine     = "M8-no-quarantine"      // trusts a database that has forgotten
	LateLanding      = "M9-late-landing"       // D does not hold, and nothing else protects
	DuplicateRejects = "M10-duplicate-rejects" // takes the refusal of a duplicate for the refusal of the invoice

	DefaultTransport    = "H1-default-transport"    // Go's HTTP client as it comes
	LooseDecode         = "H2-loose-decode"         // takes any 200 for success
	NoUniqueIndex       = "H3-no-unique-index"      // two rows for one number (the harness drops the index)
	T2Swallowed         = "H4-t2-swallowed"         // forgets the result of a deposit now and then
	PlainTokens         = "H5-plain-tokens"         //nolint:gosec // a name: x/oauth2's own token source
	ErrorNotSnooze      = "H6-error-not-snooze"     // an outage burns attempts until the row is given up
	NoReaper            = "H7-no-reaper"            // nobody looks after silent deposits
	NoWitness           = "H8-no-witness"           // an empty search counts whatever it can see
	EvidenceConditional = "H9-evidence-conditional" // drops what a late owner knows
	NoDrain             = "H10-no-drain"            // exits without waiting for answers
)
