package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// failover replaces the database by a standby that has not heard of its last second or two: what was committed in that time is forgotten, although the
// requests have left. The application inserts nothing meanwhile, since what it inserted would be lost rightly.
//
// The standby is a copy of the server's directory, taken while the server is down; at its start it ends its recovery and begins a timeline of its own, as
// any promoted standby does.
func (h *harm) failover(ctx context.Context, chance *rand.Rand) bool {
	h.clusterMu.Lock()
	defer h.clusterMu.Unlock()
	h.world.Lock()
	defer h.world.Unlock()
	data := filepath.Join(h.data, "data")
	standby := data + ".standby"
	var from time.Time
	for _, step := range []func() error{
		h.cluster.Crash,
		func() error { return exec.CommandContext(ctx, "cp", "-a", data, standby).Run() },
		func() error { from = time.Now(); return h.cluster.Restart(ctx) },
		func() error {
			time.Sleep(time.Second + time.Duration(chance.Int64N(int64(time.Second))))
			return h.cluster.Crash()
		},
		func() error { return os.RemoveAll(data) },
		func() error { return promote(standby) },
		func() error { return os.Rename(standby, data) },
		func() error { return h.cluster.Restart(ctx) },
		func() error {
			_, err := h.admin.Exec(ctx, `INSERT INTO chaos.failovers VALUES ($1, clock_timestamp())`, from)
			return err
		},
	} {
		if err := step(); err != nil {
			h.fail(fmt.Errorf("failover: %w", err))
			return false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outages = append(h.outages, outage{from, time.Now()})
	return true
}

// chownLike gives a new file of ours to the user who runs the server.
func chownLike(file string, like os.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("this system does not tell who owns a file")
	}
	return os.Chown(file, int(owner.Uid), int(owner.Gid))
}

// promote has a copied server end its recovery at its next start, and begin a new timeline.
func promote(dir string) error {
	owner, err := os.Stat(dir)
	if err != nil {
		return err
	}
	signal := filepath.Join(dir, "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if err := chownLike(signal, owner); err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(dir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = conf.WriteString("restore_command = 'false'\n") // there is no archive: what the copy has is all
	if closed := conf.Close(); err == nil {
		err = closed
	}
	return err
}
