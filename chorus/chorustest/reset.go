package chorustest

import "net/http"

func (s *Sim) startLine() Entry {
	return Entry{Type: "start", Seed: s.cfg.Seed, Profile: s.cfg.Profile}
}

// Reset makes the simulator as it was when it started: no invoice, flux, token, fault or violation, its first accounts and structures, the clock
// of the machine. The ledger begins anew, and goes on counting its lines and requests.
func (s *Sim) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ledger.startAnew(); err != nil {
		return err
	}
	s.begin()
	was := s.started
	s.cfg.LagFrom, s.cfg.Lag, s.cfg.PeriodsByDay, s.cfg.PeriodsIgnored, s.cfg.PeriodsShift = was.LagFrom, was.Lag, was.PeriodsByDay, was.PeriodsIgnored, was.PeriodsShift
	s.record(s.startLine())
	if s.cfg.Scenario != nil {
		return s.stage(s.cfg.Scenario)
	}
	return nil
}

// POST /reset
func (s *Sim) postReset(r *http.Request) (any, error) {
	s.mu.Lock()
	ended := s.liveTokens()
	s.mu.Unlock()
	if err := s.Reset(); err != nil {
		return nil, err
	}
	return withTokens(object{"now": s.Now()}, ended), nil
}

// liveTokens counts the tokens that would still be taken. Callers hold the lock.
func (s *Sim) liveTokens() int {
	live := 0
	for _, t := range s.tokens {
		if s.now().Before(t.end) {
			live++
		}
	}
	return live
}

// withTokens says in an answer that tokens have ended.
func withTokens(in object, ended int) object {
	in["tokens_ended"] = ended
	if ended > 0 {
		in["note"] = "tokens that were given before are dead: ask for a new one"
	}
	return in
}
