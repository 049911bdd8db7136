package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The ways in which a database goes back in time, as an operator would do it. Each is a step of its own, so that tests and the fault harness put them together.

// Data is the server's data directory.
func (c *Cluster) Data() string { return filepath.Join(c.dir, "data") }

// Copy copies the data directory while the server is down, which is a snapshot of the volume, and starts it again. What was at to is replaced.
func (c *Cluster) Copy(ctx context.Context, to string) error {
	return c.down(ctx, func() error { return copyTree(ctx, c.Data(), to) })
}

// PutBack replaces the data directory by an earlier copy, changed by each of the given steps first, and starts the server.
func (c *Cluster) PutBack(ctx context.Context, from string, change ...func(dir string) error) error {
	err := c.down(ctx, func() error {
		if err := copyTree(ctx, from, c.Data()); err != nil {
			return err
		}
		for _, do := range change {
			if err := do(c.Data()); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, c.recovered(ctx))
}

// recovered waits until the server takes writes: one that ends a recovery answers before that, as a standby.
func (c *Cluster) recovered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL(""))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for standby := true; standby; {
		if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery() FROM pg_sleep(0.05)`).Scan(&standby); err != nil {
			return err
		}
	}
	return nil
}

// down has something done while the server is shut down in order.
func (c *Cluster) down(ctx context.Context, do func() error) error {
	if err := c.Shutdown(); err != nil {
		return err
	}
	return errors.Join(do(), c.Restart(ctx))
}

// StartCopy starts a server on a copy of this one's data directory, beside it: the same system identifier, passwords and history.
func (c *Cluster) StartCopy(ctx context.Context, dir string) (*Cluster, error) {
	beside, err := Start(ctx, Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	beside.password, beside.settings = c.password, c.settings
	return beside, c.down(ctx, func() error {
		return beside.down(ctx, func() error { return copyTree(ctx, c.Data(), beside.Data()) })
	})
}

// Promote has a copied server end its recovery at its next start and begin a timeline of its own, as a standby does that is promoted.
func Promote(dir string) error { return recoverBy(dir, "restore_command = 'false'") }

// RecoverTo has a copied server roll forward at its next start, by the log in archive, as far as a restore point (pg_create_restore_point), and begin a
// timeline of its own there: point-in-time recovery.
func RecoverTo(archive, point string) func(dir string) error {
	return func(dir string) error {
		return recoverBy(dir, fmt.Sprintf("restore_command = 'cp %s/%%f %%p'", archive), "recovery_target_name = '"+point+"'",
			"recovery_target_action = 'promote'")
	}
}

func recoverBy(dir string, settings ...string) error {
	owner, err := os.Stat(dir)
	if err != nil {
		return err
	}
	signal := filepath.Join(dir, "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if who := ownerOf(owner); who != nil {
		if err := os.Chown(signal, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	conf, err := os.OpenFile(filepath.Join(dir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // a test's server
	if err != nil {
		return err
	}
	_, err = conf.WriteString(strings.Join(settings, "\n") + "\n")
	return errors.Join(err, conf.Close())
}

// Dump writes a database to a file with pg_dump, in its custom format.
func Dump(ctx context.Context, url, file string, args ...string) error {
	return client(ctx, "pg_dump", append(args, "--format=custom", "--file="+file, "--dbname="+url)...)
}

// Restore reads a file of Dump's into a database with pg_restore.
func Restore(ctx context.Context, url, file string, args ...string) error {
	return client(ctx, "pg_restore", append(args, "--exit-on-error", "--dbname="+url, file)...)
}

// RestoreRows reads the rows of a file of Dump's into a database whose tables are there already. Of a table that holds rows which are in the file, too, it reads none:
// pg_restore says so and goes on.
func RestoreRows(ctx context.Context, url, file string) error {
	err := client(ctx, "pg_restore", "--data-only", "--disable-triggers", "--dbname="+url, file)
	if err != nil && strings.Contains(err.Error(), "errors ignored on restore") {
		return nil
	}
	return err
}

// client runs one of PostgreSQL's programs beside the server's, or from PATH.
func client(ctx context.Context, program string, args ...string) error {
	name := program
	if bin, err := Find(); err == nil {
		if beside := filepath.Join(bin, program); exec.CommandContext(ctx, beside, "--version").Run() == nil { //nolint:gosec // the server's own folder
			name = beside
		}
	}
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // likewise
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func copyTree(ctx context.Context, from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput() //nolint:gosec // a test's folders
	if err != nil {
		return fmt.Errorf("copying %s: %w: %s", from, err, out)
	}
	return nil
}
