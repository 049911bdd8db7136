package chaos

import (
	"context"
	"path/filepath"
	"time"
)

// changedSettings restarts the workers with other settings, as somebody does who tries things: another PISTE application, an address with a slash at its
// end, another quota, fewer jobs at a time. Then it restarts them as they were.
func (t *trial) changedSettings(ctx context.Context) error {
	began := time.Now()
	defer t.workers.reset()
	changes := [][]string{
		{"PISTE_CLIENT_ID=" + t.secrets.OtherID, "PISTE_CLIENT_SECRET_FILE=" + filepath.Join(t.workers.secrets, "other")},
		{"CHORUS_API_URL=" + t.network.API + "/", "CHORISTE_WORKERS=4"},
		{"CHORISTE_QUOTA=300", "CHORISTE_DEPOSITS_IN_FLIGHT=8"},
	}
	if err := t.workers.secret("other", t.secrets.OtherSecret); err != nil {
		return err
	}
	for _, slot := range t.hit(len(changes)) {
		t.workers.change(slot, changes[slot]...)
	}
	for range 2 {
		if err := t.fleet.stopAll("term"); err != nil {
			return err
		}
		if err := t.fleet.startAll(); err != nil {
			return err
		}
		t.workers.reset()
		t.disturbed(everyone, began)
		if err := t.in.burst(ctx, 20); err != nil {
			return err
		}
		if err := pause(ctx, 4*time.Second); err != nil {
			return err
		}
	}
	return t.record(ctx, played{name: "settings", began: began, ended: time.Now(), slot: everyone, still: true})
}

// clockStep sets the wall clock of one worker an hour forward and that of another an hour back, while they work. Their monotonic clocks go on, as they do on
// a machine whose time is set (mutants/clock.patch).
func (t *trial) clockStep(ctx context.Context) error {
	began := time.Now()
	steps := []string{"2:3600", "2:-3600"}
	slots := t.hit(len(steps))
	restart := func() error {
		for _, slot := range slots {
			if err := t.fleet.restart(slot); err != nil {
				return err
			}
			t.disturbed(slot, began)
		}
		return nil
	}
	for _, slot := range slots {
		t.workers.change(slot, "CHAOS_CLOCK_STEP="+steps[slot])
	}
	defer t.workers.reset()
	if err := restart(); err != nil {
		return err
	}
	t.workers.reset()
	for range 6 {
		if err := t.in.burst(ctx, 15); err != nil {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	if err := restart(); err != nil {
		return err
	}
	return t.record(ctx, played{name: "clock", began: began, ended: time.Now(), slot: everyone, still: true})
}
