package chorustest

// What is only guessed to be refused [G] is taken with Config.Tolerant, and recorded: unknown fields, file names of a flux, dates to come, lengths of
// texts. docs/simulator.md lists them.

func (s *Sim) tolerate(request int64, op, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tolerateLocked(request, op, reason)
}

func (s *Sim) tolerateLocked(request int64, op, reason string) {
	s.record(Entry{Type: "tolerated", Request: request, Op: op, Reason: reason})
}

// Tolerated are the requests and documents that were taken only because the simulator is tolerant.
func (s *Sim) Tolerated() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Violation{}, s.tolerated...)
}
