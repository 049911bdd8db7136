package model

import (
	"fmt"
	"slices"
	"strings"
)

// The invariants, named as in docs/protocol.md §3.7.
const (
	I1   = "I1" // never twice
	I2   = "I2" // no false success
	I3   = "I3" // no false failure
	I4   = "I4" // nothing is ready while an invoice exists or may still appear
	Live = "L"  // from everywhere, a final state can be reached
)

// Result is what the exploration of a variant showed.
type Result struct {
	States    int             // distinct ones
	Moves     map[[2]Row]bool // from, to: every change of the row that was seen
	Violation *Violation      // nil when all watched invariants hold
}

// Violation is the shortest way to a state that must not be.
type Violation struct {
	Invariant string
	About     string
	Trace     []string
}

func (v *Violation) String() string {
	return fmt.Sprintf("%s: %s\n    %s", v.Invariant, v.About, strings.Join(v.Trace, "\n    "))
}

// Check explores every state that the variant can reach, breadth first, until one violates an invariant.
func Check(v Variant) Result {
	watched := func(name string) bool { return v.Watch == nil || slices.Contains(v.Watch, name) }
	var (
		states = make([]state, 0, 1<<16)
		parent = make([]int32, 0, 1<<16)
		number = make(map[state]int32, 1<<16)
		edges  = make([]int32, 0, 1<<18) // successors, one state's after the other's
		last   = make([]int32, 0, 1<<16) // where a state's successors end
		moves  = map[[2]Row]bool{}
	)
	add := func(s state, from int32) int32 {
		s.tidy()
		s.sort()
		n, known := number[s]
		if !known {
			n = int32(len(states)) //nolint:gosec // a few million
			number[s] = n
			states = append(states, s)
			parent = append(parent, from)
		}
		return n
	}
	first := state{person: v.Operator, traced: v.Rewind != 0}
	if v.Rewind != 0 {
		first.standby.row = Lost // the copy is older than the insert, until it is made anew
	}
	add(first, -1)
	first.bad = true
	add(first, -1)
	for n := 0; n < len(states); n++ {
		s := states[n]
		if name, about := v.broken(s, watched); name != "" {
			return Result{len(states), moves, &Violation{name, about, v.trace(states, parent, n)}}
		}
		v.steps(s, func(_ step, next state) {
			edges = append(edges, add(next, int32(n))) //nolint:gosec // a few million
			if next.row != s.row {
				moves[[2]Row{s.row, next.row}] = true
			}
		})
		last = append(last, int32(len(edges))) //nolint:gosec // a few million
	}
	r := Result{States: len(states), Moves: moves}
	if n := stuck(states, edges, last); n >= 0 && watched(Live) {
		r.Violation = &Violation{Live, "no final state can be reached", v.trace(states, parent, n)}
	}
	return r
}

// stuck finds a state from which no final one can be reached, or -1.
func stuck(states []state, edges, last []int32) int {
	ends := make([]bool, len(states))
	for changed := true; changed; {
		changed = false
		for n := len(states) - 1; n >= 0; n-- {
			if ends[n] {
				continue
			}
			first := int32(0)
			if n > 0 {
				first = last[n-1]
			}
			ends[n] = states[n].row.Final() || slices.ContainsFunc(edges[first:last[n]], func(next int32) bool { return ends[next] })
			changed = changed || ends[n]
		}
	}
	return slices.Index(ends, false)
}

// broken tells which watched invariant a state violates.
func (v *Variant) broken(s state, watched func(string) bool) (name, about string) {
	exist := s.accepted()
	if exist > 1 && watched(I1) {
		return I1, "two invoices accepted"
	}
	if watched(I2) {
		if s.row == Integrated && s.at(s.flux).verdict != accepted {
			return I2, "integrated, but the portal accepted no such flux"
		}
		if s.row == Deposited && !s.at(s.flux).acknowledged() {
			return I2, "deposited, but the portal acknowledged no such flux"
		}
	}
	if (s.row == Rejected || s.row == Cancelled) && exist > 0 && watched(I3) {
		return I3, s.row.String() + " written while the invoice exists"
	}
	if s.row == Ready && watched(I4) {
		if exist > 0 {
			return I4, "ready while the invoice exists"
		}
		for _, r := range s.req {
			if r.phase == flying {
				return I4, "ready while a request is in the air"
			}
		}
		for _, w := range s.w {
			if w.doing == opened && int(w.age) <= v.TSend {
				return I4, "ready while a worker may still send"
			}
		}
	}
	return "", ""
}

// tidy forgets what can have no effect any more.
func (s *state) tidy() {
	inHand := func(k uint8) bool { return s.w[0].req == k || s.w[1].req == k }
	for _, d := range [...]*database{&s.database, &s.standby} {
		if d.cur != 0 && !inHand(d.cur) { // only the one who holds an attempt asks whether it is the row's
			d.cur = 0
		}
		if d.flux != 0 && d.row != Deposited && d.row != Integrated && !inHand(d.flux) {
			d.flux = 0
		}
	}
	for k := uint8(1); k <= 3; k++ {
		r := s.at(k)
		if !inHand(k) && !(s.traced && (!s.failed || s.rewound || s.row == Lost)) { // who may still notice asks what is forgotten
			r.forgotten, r.copied = false, false
		}
		if s.failed {
			r.copied = false
		}
		if r.phase != none && r.phase != flying && r.verdict != accepted && !inHand(k) && s.flux != k && s.standby.flux != k {
			*r = request{}
		}
		if r.phase == none {
			r.copied = false
		}
	}
}

// sort puts workers and attempts, which are all alike, in an order, so that states that differ by names only are one. Attempts of equal rank really are
// interchangeable: the rank says who refers to them, too.
func (s *state) sort() {
	for _, p := range [...][2]uint8{{1, 2}, {2, 3}, {1, 2}} {
		if s.rank(p[1]) > s.rank(p[0]) {
			s.swap(p[0], p[1])
		}
	}
	order := func(w worker) uint32 {
		return uint32(w.doing)<<24 | uint32(w.req)<<16 | uint32(w.outcome)<<8 | uint32(w.age)<<1 | bit(w.lived)
	}
	if order(s.w[1]) > order(s.w[0]) {
		s.w[0], s.w[1] = s.w[1], s.w[0]
	}
}

func bit(is bool) uint32 {
	if is {
		return 1
	}
	return 0
}

func (s *state) rank(k uint8) uint64 {
	r := s.at(k)
	rank := uint64(r.phase)<<8 | uint64(r.verdict)
	rank = rank<<8 | uint64(r.age)
	for _, is := range [...]bool{r.copied, r.forgotten, s.cur == k, s.flux == k, s.standby.cur == k, s.standby.flux == k, s.holds == k} {
		rank <<= 1
		if is {
			rank |= 1
		}
	}
	for _, w := range s.w {
		if w.req == k {
			rank = rank<<16 | uint64(w.doing)<<12 | uint64(w.outcome)<<8 | uint64(w.age)<<1 | uint64(bit(w.lived))
		}
	}
	return rank
}

// swap exchanges the numbers of two attempts.
func (s *state) swap(a, b uint8) {
	*s.at(a), *s.at(b) = *s.at(b), *s.at(a)
	for _, k := range [...]*uint8{&s.cur, &s.flux, &s.standby.cur, &s.standby.flux, &s.holds, &s.w[0].req, &s.w[1].req} {
		switch *k {
		case a:
			*k = b
		case b:
			*k = a
		}
	}
}

// trace retells the way to states[n] with names that stay: workers and attempts are renamed on the way there, here they are not.
func (v *Variant) trace(states []state, parent []int32, n int) []string {
	var path []int
	for at := n; at >= 0; at = int(parent[at]) {
		path = append(path, at)
	}
	slices.Reverse(path)
	s := states[path[0]]
	var lines []string
	attempt, attempts := [4]int{}, 0
	for _, at := range path[1:] {
		var taken *step
		from := s
		v.steps(from, func(by step, next state) {
			next.tidy()
			same := next
			same.sort()
			if taken == nil && same == states[at] {
				taken, s = &by, next
			}
		})
		if w := taken.worker; w > 0 && s.w[w-1].doing == opened {
			attempts++
			attempt[taken.req] = attempts
		}
		lines = append(lines, fmt.Sprintf("%-62s row %s", taken.tell(attempt), s.row))
	}
	return lines
}

func (t *step) tell(attempt [4]int) string {
	text := t.text
	if t.worker > 0 {
		text = fmt.Sprintf("worker %d %s", t.worker, text)
	}
	if t.req > 0 {
		text += fmt.Sprintf(" [attempt %d]", attempt[t.req])
	}
	return text
}
