package model

// Rewind is a copy of the database that takes its place once, at any moment, in a way that shows nowhere by itself (docs/protocol.md §3.5).
type Rewind uint8

// The rewinds. The first is no rewind.
const (
	_            Rewind = iota
	WhileRunning        // workers run on, and know what they know
	WhileStopped        // all workers are stopped before it and started after it
	OnlyAnswers         // workers run; no T1 is forgotten, only what came after
)

// Witness is who notices it. None of them is asked about anything but attempts: whatever else the real ones notice makes them better.
type Witness uint8

// The witnesses; a set of them is a sum.
const (
	ByIdentity Witness = 1 << iota // the database is another one: asked at the start, at each T1, and now and then
	ByWorker                       // a process that has lived through it: asked at each T1 of its own, and now and then
	ByState                        // the file: asked at the start of a process
	ByPortal                       // the portal: asked when the first worker starts
)

func (v *Variant) has(w Witness) bool { return v.Witnesses&w != 0 }

func (v *Variant) rewindSteps(s state, emit func(step, state)) {
	idle := s.w[0].doing == idle && s.w[1].doing == idle
	if !s.failed {
		emit(step{text: "a copy of the database is made"}, s.catchUp())
		answers := true
		for _, r := range s.req {
			answers = answers && (r.phase == none || r.copied)
		}
		if (v.Rewind != WhileStopped || idle) && (v.Rewind != OnlyAnswers || answers) {
			n := s.goBack()
			n.rewound, n.stopped = true, v.Rewind == WhileStopped
			n.w[0].lived, n.w[1].lived = !n.stopped, !n.stopped
			emit(step{text: "the copy takes its place"}, n)
		}
	}
	if s.row == Lost {
		v.inserts(s, emit)
	}
	switch {
	case s.stopped && int(s.down) >= v.Down:
		v.starts(s, emit)
	case s.rewound && !s.stopped && (v.has(ByIdentity) || v.has(ByWorker) && s.forgets() && (s.w[0].lived || s.w[1].lived)):
		emit(step{text: "a running worker compares: quarantine"}, v.quarantine(s))
	}
}

// starts is the start of the workers: from here on, nobody notices any more what was not noticed.
func (v *Variant) starts(s state, emit func(step, state)) {
	s.stopped, s.down = false, 0
	if v.has(ByIdentity) || v.has(ByState) && s.forgets() {
		emit(step{text: "the workers start: quarantine"}, v.quarantine(s))
		return
	}
	shown, sure := s.shown(v.V)
	if s.row == Lost || !v.has(ByPortal) { // it is compared with rows
		shown, sure = false, false
	}
	if shown {
		emit(step{text: "the workers start, the portal shows more: quarantine"}, v.quarantine(s))
	}
	if !sure {
		s.rewound = false
		emit(step{text: "the workers start"}, s)
	}
}

// shown tells whether the portal may show an invoice that was forgotten, and whether it does for sure: what landed V ticks ago is shown, what landed later
// may be.
func (s *state) shown(v int) (may, sure bool) {
	for _, r := range s.req {
		if r.forgotten && r.verdict == accepted {
			may, sure = true, sure || int(r.age) >= v
		}
	}
	return may, sure
}

// inserts is the application that inserts again what a rewind lost, however late. After a quarantine its date tells that it may have been sent, and its age
// is that of the quarantine, because nothing of the lost history leaves later. Without one only the portal can tell, when it shows the invoice by then.
func (v *Variant) inserts(s state, emit func(step, state)) {
	if s.doubted && !v.LostIsNew {
		n := s
		n.row = InDoubt
		emit(step{text: "it is inserted again, and looked up first"}, n)
		return
	}
	may, sure := s.shown(v.V)
	if v.StrangerIsIgnored || !v.has(ByPortal) {
		may, sure = false, false
	}
	if may {
		n := s
		n.row, n.age = InDoubt, 0
		emit(step{text: "it is inserted again, the portal has shown it"}, n)
	}
	if !sure {
		s.move(Ready)
		emit(step{text: "it is inserted again, as new"}, s)
	}
}

// refused tells whether T1 of a worker notices the rewind.
func (v *Variant) refused(s state, w worker) bool {
	return s.rewound && (v.has(ByIdentity) || v.has(ByWorker) && w.lived && s.forgets())
}

// restarts is a worker that crashed and begins anew.
func (v *Variant) restarts(s state, i int) state {
	s.w[i] = worker{}
	if s.rewound && v.has(ByState) && s.forgets() {
		return v.quarantine(s)
	}
	return s
}

// forgets tells whether an attempt that still matters is forgotten.
func (s *state) forgets() bool {
	for _, r := range s.req {
		if r.forgotten {
			return true
		}
	}
	return false
}

// goBack makes the standby, or the copy, the database: what was written since it was last brought up to date is forgotten.
func (s state) goBack() state {
	s.database, s.standby = s.standby, database{}
	s.failed, s.holds = true, 0
	for k := range s.req {
		s.req[k].forgotten = s.req[k].phase != none && !s.req[k].copied
	}
	return s
}

// quarantine puts every row in doubt that may have been sent and forgotten. The doubt begins now, because what was forgotten may have begun at any time until now.
func (v *Variant) quarantine(s state) state {
	s.rewound, s.holds = false, 0
	switch s.row {
	case Ready:
		s.row, s.doubted, s.age, s.cur = InDoubt, true, 0, 0 // what is looked for is no attempt that is remembered
	case Lost:
		s.doubted = true
		if !v.LostOldAge {
			s.age = 0
		}
	case Parked:
		s.doubted = s.person
		if !v.ParkedOldAge {
			s.age = 0
		}
	case Sending, InDoubt:
		s.row, s.doubted, s.wanted = InDoubt, true, false
		if !v.QuarantineOldAge {
			s.age = 0
		}
	}
	return s
}
