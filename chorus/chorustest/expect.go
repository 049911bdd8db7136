package chorustest

var expectable = []string{"accepted", "twice", "refused", "integrated", "statut", "requests", "answers", "violations", "max_rate"}

// Expectations compares what has happened with what the scenario expects; nothing when none is played.
func (s *Sim) Expectations() []Expectation {
	if s.cfg.Scenario == nil {
		return nil
	}
	all := append([]Expectation{}, s.cfg.Scenario.Expect...)
	byKey := make([]map[string]int, len(all)) // twice: acceptances that were not refused, by what is unique
	for i := range byKey {
		byKey[i] = map[string]int{}
	}
	rate := s.MaxRate()
	_ = s.eachEntry(func(e Entry) error {
		numero := ""
		if e.Facts != nil {
			numero = e.Numero
		}
		for i := range all {
			x := &all[i]
			if x.Numero != "" && x.Numero != numero || x.Op != "" && x.Op != e.Op {
				continue
			}
			switch {
			case x.What == "accepted" && (e.Type == "accepted" || e.Type == "submitted" && e.RefusedAs == ""),
				x.What == "refused" && e.Type == "accepted" && e.RefusedLater,
				x.What == "integrated" && e.Type == "integrated",
				x.What == "statut" && e.Type == "statut" && e.Statut == x.Statut,
				x.What == "requests" && e.Type == "request",
				x.What == "answers" && e.Type == "answer" && e.Status == x.Status,
				x.What == "violations" && e.Type == "violation":
				x.Is++
			case x.What == "twice" && e.Type == "accepted" && (!e.RefusedLater || e.RefusedAs == refusedDuplicate):
				if byKey[i][e.Key]++; byKey[i][e.Key] == 2 {
					x.Is++
				}
			}
		}
		return nil
	})
	for i := range all {
		x := &all[i]
		if x.What == "max_rate" {
			x.Is = rate
		}
		x.Met = (x.Min == nil || x.Is >= *x.Min) && (x.Max == nil || x.Is <= *x.Max)
	}
	return all
}
