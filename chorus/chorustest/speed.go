package chorustest

import (
	"fmt"
	"time"
)

// maxSpeed makes a day of a second.
const maxSpeed = 86400

// SetSpeed makes the virtual clock run so many times faster than the machine's; 1 is real time.
func (s *Sim) SetSpeed(speed int) error {
	if speed < 1 || speed > maxSpeed {
		return fmt.Errorf("speed: %d is not between 1 and %d", speed, maxSpeed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hasten(time.Now())
	s.speed, s.hastened = speed, time.Now()
	return nil
}

// hasten moves the clock on by what its speed has gained since the last time. A line of the ledger says so, for whoever reads it again. Callers hold the lock.
func (s *Sim) hasten(now time.Time) {
	if s.speed <= 1 {
		return
	}
	gained := time.Duration(s.speed-1) * now.Sub(s.hastened)
	if gained < time.Millisecond {
		return
	}
	s.hastened = now
	s.record(Entry{Type: "clock", OffsetMS: s.ahead(gained).Milliseconds()})
}
