package model

// Variant is one protocol against one world. The zero value of every switch is the protocol as specified in the world as assumed.
type Variant struct {
	TSend, D, V int // ticks: T1 to request, request to landing, landing to being found; D and V at least 1

	// The world.
	Unique   bool // assumption U: the portal refuses a second invoice of the same business key, at once or later
	Late     bool // assumption D is false: a request may land at any time
	Failover bool // there is a standby that lags behind, and once it takes over; quarantine follows
	Cancel   bool // the application may cancel what is ready
	Operator bool // a person wants what is parked sent again, at any moment
	Blind    bool // the portal's search may show nothing for a while, in answers that add up
	Steps    bool // the database's clock may be set forward

	Rewind    Rewind  // the database goes back to a copy of itself
	Witnesses Witness // who notices it
	Down      int     // ticks that stopped workers stay stopped after it

	// The protocol, weakened. Each is a mistake that a change of the code could make.
	Shorten           int  // ticks taken off the horizon (M4: one)
	NoHorizon         bool // the first search that finds nothing proves absence (M5)
	NoIntent          bool // nothing is written before the request leaves (M1)
	PlainRetry        bool // what is unknown is simply sent again (M2)
	NoFence           bool // the request leaves however long after T1 (M3)
	TimeoutIsNotSent  bool // silence is read as "never sent" (M6)
	BlindClaim        bool // T1 does not compare before it sets (M7)
	NoQuarantine      bool // business as usual after a failover (M8)
	DuplicateIsFinal  bool // a refusal as duplicate is read as a refusal of this invoice (M10)
	QuarantineOldAge  bool // in quarantine, the horizon of a row that was sent or in doubt counts from the attempt that is remembered
	QuarantineAnswers bool // in quarantine, the owner of the attempt that is remembered still has a say
	OperatorBlind     bool // what an operator wants sent again is sent without a search and its proof
	ParkedOldAge      bool // a parked row's attempt counts as older than a quarantine since
	LostIsNew         bool // what a rewind lost is taken for new when it is inserted again (R5)
	LostOldAge        bool // its age counts from the copy, not from the quarantine (R6)
	StrangerIsIgnored bool // what the portal holds and no row stands for stops no insert (R7)
	BlindBelieved     bool // a search that finds nothing is believed without one for what was shown before (B1)
	StepBelieved      bool // ages are believed without holding the clock against another one (C1)

	Watch []string // the invariants to check; nil = all
}

func (v *Variant) horizon() uint8 { return uint8(v.TSend + v.D + v.V - v.Shorten) } //nolint:gosec // a handful of ticks

// What a worker is doing.
const (
	idle     = iota
	prepared // it has read the row and is about to claim it (BlindClaim only: otherwise a claim that fails leaves no trace)
	opened   // T1 is committed, the request has not left
	waiting  // the request has left
	answered // the outcome is known, T2 is not written
)

// worker is one process's deposit.
type worker struct {
	doing   uint8
	req     uint8 // the attempt: 1 to 3
	outcome Outcome
	age     uint8 // ticks since T1, while opened
	lived   bool  // the process has lived through the rewind
}

// Where an attempt's request is.
const (
	none   = iota
	unsent // T1 is written
	flying
	landed
	turned // the gateway turned it away
	lost
)

// What the portal made of a request that landed. It is decided at landing; "later" verdicts are told after the deposit was acknowledged.
const (
	pending = iota
	accepted
	refused
	refusedLater
	duplicate
	duplicateLater
)

// request is one attempt's request.
type request struct {
	phase, verdict uint8
	age            uint8 // ticks since it left, while flying; since it landed, when accepted
	copied         bool  // the standby knows the attempt
	forgotten      bool  // the database does not know the attempt any more
}

func (r request) acknowledged() bool {
	return r.verdict == accepted || r.verdict == refusedLater || r.verdict == duplicateLater
}

// What the resolver is about to write: nothing, the request it found (1 to 3), or one of these.
const (
	holdsSeveral = 4
	holdsAbsent  = 5
)

// database is what is written down. Attempts are numbered 1 to 3, 0 is none.
type database struct {
	row       Row
	cur       uint8 // the row's current attempt
	flux      uint8 // the attempt whose flux the row holds
	resubmits uint8
	age       uint8 // ticks since T1 of the current attempt, or since quarantine began
	doubted   bool  // in quarantine: the database may have forgotten a deposit; a lost row is inserted after one
	wanted    bool  // an operator wants it sent again
}

// state is everything at one instant. An attempt that can have no effect any more gives its number back, so there may be any number of attempts, three
// at a time.
type state struct {
	database
	standby database
	failed  bool // the standby, or the copy, has taken over
	traced  bool // what is forgotten may be noticed, so that it is kept in the picture
	rewound bool // and nobody has noticed
	stopped bool // all workers are
	down    uint8
	person  bool // there is an operator, so that what is parked is not over
	holds   uint8
	bad     bool // the portal finds fault with the document itself
	blind   bool // its search shows nothing
	stepped bool // the database's clock was set, and nobody has read an age since
	w       [2]worker
	req     [3]request
}

// step names one move of somebody, for the trace.
type step struct {
	text   string
	worker uint8 // 1 or 2; 0 = not a worker's
	req    uint8
}

func (s *state) at(k uint8) *request { return &s.req[k-1] }

// move takes the row to another state. Like the trigger in the database, it voids what others had claimed the row for.
func (s *state) move(to Row) {
	if s.row == to {
		return
	}
	s.row, s.holds = to, 0
	parked := to == Parked && s.person // not over: what is known of it stays
	if to != InDoubt {
		s.doubted, s.wanted = s.doubted && parked, false
	}
	if to == Ready || to.Final() && !parked {
		s.age = 0
	}
}

// open is T1.
func (s *state) open(i int, k uint8) {
	s.move(Sending)
	s.cur, s.age = k, 0
	s.w[i] = worker{doing: opened, req: k, lived: s.w[i].lived}
	*s.at(k) = request{phase: unsent}
}

// free finds a number for a new attempt.
func (s *state) free() uint8 {
	for k := range s.req {
		if s.req[k].phase == none {
			return uint8(k + 1)
		}
	}
	return 0
}

func (s *state) accepted() int {
	n := 0
	for _, r := range s.req {
		if r.verdict == accepted {
			n++
		}
	}
	return n
}

// steps emits every state that one move of anybody leads to.
func (v *Variant) steps(s state, emit func(step, state)) {
	if v.Rewind != 0 {
		v.rewindSteps(s, emit)
	}
	for k := uint8(1); k <= 3; k++ {
		if s.at(k).phase == flying {
			v.landings(s, k, emit)
		}
	}
	if n, ok := v.tick(s); ok {
		emit(step{text: "a tick"}, n)
	}
	if s.stopped {
		return
	}
	for i := range s.w {
		v.workerSteps(s, i, emit)
	}
	v.resolverSteps(s, emit)
	if s.row == Sending && int(s.age) > v.TSend {
		n := s
		if v.PlainRetry {
			n.move(Ready)
		} else {
			n.move(InDoubt)
		}
		emit(step{text: "the reaper gives the owner up", req: s.cur}, n)
	}
	if s.row == Deposited {
		n := s
		switch s.at(s.flux).verdict {
		case accepted:
			n.move(Integrated)
		case refusedLater:
			n.move(Rejected)
		case duplicateLater:
			n.move(InDoubt)
			if v.DuplicateIsFinal {
				n.move(Rejected)
			}
		}
		emit(step{text: "the poller reads what became of the flux", req: s.flux}, n)
	}
	if s.person && s.row == Parked {
		n := s
		n.move(InDoubt)
		n.wanted = true
		if v.OperatorBlind {
			n.move(Ready)
		}
		emit(step{text: "an operator wants it sent again"}, n)
	}
	if v.Cancel && s.row == Ready {
		n := s
		n.move(Cancelled)
		emit(step{text: "the application cancels"}, n)
	}
	if v.Blind {
		n := s
		n.blind = !s.blind
		emit(step{text: map[bool]string{true: "the search shows nothing any more", false: "the search shows everything again"}[n.blind]}, n)
	}
	if v.Steps && (s.row == Sending || s.row == InDoubt) {
		n := s
		n.stepped, n.age = true, uint8(v.TSend+v.D+v.V) //nolint:gosec // a handful of ticks
		emit(step{text: "the database's clock is set forward"}, n)
	}
	if v.Failover && !s.failed {
		emit(step{text: "the standby catches up"}, s.catchUp())
		emit(step{text: "the standby takes over"}, v.failover(s))
	}
}

func (v *Variant) workerSteps(s state, i int, emit func(step, state)) {
	w := s.w[i]
	who := uint8(i + 1) //nolint:gosec // 1 or 2
	say := func(text string, n state) { emit(step{text, who, n.w[i].req}, n) }
	switch w.doing {
	case idle:
		k := s.free()
		if s.row != Ready || k == 0 {
			return
		}
		n := s
		switch {
		case v.refused(s, w):
			emit(step{text: "T1 notices: quarantine"}, v.quarantine(s))
		case v.BlindClaim:
			n.w[i].doing = prepared
			say("reads the row", n)
		case v.NoIntent:
			n.w[i] = worker{doing: opened, req: k, lived: w.lived}
			n.req[k-1] = request{phase: unsent}
			say("begins without T1", n)
		default:
			n.open(i, k)
			say("T1", n)
		}
		return
	case prepared:
		if k := s.free(); k != 0 {
			n := s
			n.open(i, k)
			say("T1", n)
		}
	case opened:
		if v.NoFence || int(w.age) <= v.TSend {
			n := s
			n.at(w.req).phase = flying
			n.w[i] = worker{doing: waiting, req: w.req, lived: w.lived}
			say("sends", n)
		}
		n := s
		n.w[i] = worker{doing: answered, req: w.req, outcome: NotSent, lived: w.lived}
		say("does not send: fence, or no connection", n)
	case waiting:
		if r := *s.at(w.req); r.phase == landed || r.phase == turned {
			n := s
			n.w[i] = worker{doing: answered, req: w.req, outcome: r.answer(), lived: w.lived}
			say("is answered "+r.answer().String(), n)
		}
		n := s
		n.w[i] = worker{doing: answered, req: w.req, outcome: Ambiguous, lived: w.lived}
		if v.TimeoutIsNotSent {
			n.w[i].outcome = NotSent
		}
		say("gives the answer up", n)
	case answered:
		n := s
		n.w[i] = worker{lived: w.lived}
		v.finish(&n, w)
		emit(step{"T2 " + w.outcome.String(), who, w.req}, n)
	}
	emit(step{"crashes", who, w.req}, v.restarts(s, i))
}

// answer is what the portal says of a request that it has dealt with.
func (r request) answer() Outcome {
	switch {
	case r.phase == turned:
		return NotLanded
	case r.acknowledged():
		return Accepted
	case r.verdict == duplicate:
		return Duplicate
	default:
		return Refused
	}
}

// finish is T2.
func (v *Variant) finish(s *state, w worker) {
	if s.at(w.req).forgotten {
		return // nothing is found to be written to
	}
	own, row := s.cur == w.req, s.row
	if v.NoIntent && s.row == Ready { // nothing was written, so nothing can be compared
		own, row = true, Sending
	}
	to := AfterT2(row, own, s.flux == w.req, w.outcome)
	switch {
	case v.PlainRetry && own && w.outcome == Ambiguous && to == InDoubt:
		to = Ready
	case v.DuplicateIsFinal && own && w.outcome == Duplicate && to == InDoubt:
		to = Rejected
	case s.doubted && to == Ready && !v.QuarantineAnswers:
		to = InDoubt // that this attempt came to nothing says nothing of those that are forgotten
	}
	if to == Deposited && s.row != Deposited {
		s.flux = w.req
	}
	s.move(to)
}

// landings are the ways in which a request on its way may end.
func (v *Variant) landings(s state, k uint8, emit func(step, state)) {
	land := func(text string, phase, verdict uint8) {
		n := s
		r := n.at(k)
		r.phase, r.verdict, r.age = phase, verdict, 0
		emit(step{text: text, req: k}, n)
	}
	switch {
	case s.bad:
		land("lands and is refused", landed, refused)
		land("lands, and will be refused later", landed, refusedLater)
	case v.Unique && s.accepted() > 0:
		land("lands and is refused as a duplicate", landed, duplicate)
		land("lands, and will be refused as a duplicate later", landed, duplicateLater)
	default:
		land("lands and is accepted", landed, accepted)
	}
	land("is turned away by the gateway", turned, pending)
	land("is lost", lost, pending)
}

func (v *Variant) resolverSteps(s state, emit func(step, state)) {
	if s.row != InDoubt {
		return
	}
	if s.holds == 0 {
		v.searches(s, emit)
		if s.person { // too old, another amount: parked without any proof
			n := s
			n.move(AfterLook(Look{TooOld: true}))
			emit(step{text: "the resolver gives it up"}, n)
		}
		return
	}
	n := s
	n.holds = 0
	emit(step{text: "the resolver crashes"}, n)
	n = s
	switch s.holds {
	case holdsAbsent:
		n.move(AfterLook(Look{Proven: true})) // by the settings, or because a person is needed
		emit(step{text: "the resolver parks it"}, n)
		if s.resubmits == 0 || s.doubted || s.wanted {
			n = s
			if !s.doubted {
				n.resubmits = 1
			}
			n.move(AfterLook(Look{Proven: true, Resubmit: true}))
			emit(step{text: "the resolver has it sent once more"}, n)
		}
	case holdsSeveral:
		n.move(AfterLook(Look{Found: 2}))
		emit(step{text: "the resolver parks it"}, n)
	default:
		n.move(AfterLook(Look{Found: 1, Agree: true}))
		n.flux = s.holds
		emit(step{text: "the resolver adopts it", req: s.holds}, n)
	}
}

// searches are the answers that one search may give: what landed V ticks ago is shown; what landed later may be, or not. A search that is blind shows neither this
// invoice nor its neighbours, which are asked for next. Ages are read first, and held against a clock that nobody can set.
func (v *Variant) searches(s state, emit func(step, state)) {
	if s.stepped && !v.StepBelieved {
		s.stepped, s.age = false, 0
		emit(step{text: "the resolver notices that the clock was set: ages count anew"}, s)
		return
	}
	for shown := range 8 {
		found, last, possible := 0, uint8(0), true
		for k := range s.req {
			is, sure := s.req[k].verdict == accepted, int(s.req[k].age) >= v.V
			show := shown>>k&1 == 1
			possible = possible && (!show || is && !s.blind) && (show || !is || !sure || s.blind)
			if show {
				found, last = found+1, uint8(k+1)
			}
		}
		n := s
		switch {
		case !possible:
			continue
		case found > 1:
			n.holds = holdsSeveral
		case found == 1:
			n.holds = last
		case s.blind && !v.BlindBelieved:
			continue // nor does it show what it has shown before
		case s.age >= v.horizon() || v.NoHorizon:
			n.holds = holdsAbsent
		default:
			continue // the search shows nothing and proves nothing
		}
		text := map[uint8]string{holdsSeveral: "the resolver finds several", holdsAbsent: "the resolver has proven that it is absent"}[n.holds]
		if found == 1 {
			text = "the resolver finds it"
		}
		emit(step{text: text, req: last}, n)
	}
}

// catchUp copies everything that is written to the standby.
func (s state) catchUp() state {
	s.standby = s.database
	for k := range s.req {
		s.req[k].copied = true
	}
	return s
}

// failover is the standby that takes over, noticed at once.
func (v *Variant) failover(s state) state {
	n := s.goBack()
	if v.NoQuarantine {
		return n
	}
	return v.quarantine(n)
}

// tick lets time pass, up to where it makes no difference any more. It waits for what has to happen first: a request lands within D, if D holds.
func (v *Variant) tick(s state) (state, bool) {
	n := s
	for _, d := range []*database{&n.database, &n.standby} {
		lost := d.row == Lost && (d.doubted || v.LostOldAge)
		if d.row == Sending || d.row == InDoubt || d.row == Deposited || d.row == Parked && s.person || lost {
			d.age = min(d.age+1, uint8(v.TSend+v.D+v.V)) //nolint:gosec // a handful of ticks
		}
	}
	if s.stopped {
		n.down = uint8(min(int(s.down)+1, v.Down)) //nolint:gosec // a handful of ticks
	}
	for i, w := range s.w {
		if w.doing == opened && !v.NoFence {
			n.w[i].age = min(w.age+1, uint8(v.TSend+1)) //nolint:gosec // a handful of ticks
		}
	}
	for k, r := range s.req {
		switch {
		case r.phase == flying && !v.Late:
			if int(r.age) >= v.D {
				return s, false
			}
			n.req[k].age++
		case r.verdict == accepted:
			n.req[k].age = min(r.age+1, uint8(v.V)) //nolint:gosec // a handful of ticks
		}
	}
	return n, n != s
}
