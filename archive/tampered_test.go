package archive

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

func (h *house) rec() *record {
	rec, err := h.room.record(h.Context(), `attached_at IS NULL`)
	must(h.T, err)
	return rec
}

// What is not, to the byte, what left is refused, and nothing of it stays.
func TestATamperedArchiveIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 20)
	h.number()
	h.cut()
	_, err := h.room.Detach(t.Context(), "first", day, h.dir)
	must(t, err)
	file := filepath.Join(h.dir, fileOf("first"))
	whole, err := os.ReadFile(file)
	must(t, err)
	text, err := os.ReadFile(h.manifest())
	must(t, err)
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct{ file, manifest []byte }{
		"a bit":                   {flipped, text},
		"the end":                 {whole[:len(whole)-20], text},
		"empty":                   {nil, text},
		"no manifest":             {whole, []byte("{}")},
		"of another archive":      {whole, []byte(strings.Replace(string(text), `"sha256": "`, `"sha256": "00`, 1))},
		"another file":            {whole, []byte(strings.Replace(string(text), `"file": "`, `"file": "../`, 1))},
		"another month":           {whole, []byte(strings.ReplaceAll(string(text), `first`, `202001`))},
		"a sum that is none":      {whole, []byte(strings.Replace(string(text), `"sha256": "`, `"sha256": "zz`, 1))},
		"a zero in a name":        {whole, []byte(strings.ReplaceAll(string(text), `first`, `\u0000`))},
		"what is no month at all": {whole, []byte(strings.Replace(string(text), `"month": "first"`, `"month": "first; DROP TABLE x"`, 1))},
	} {
		must(t, os.WriteFile(file, c.file, 0o600))
		must(t, os.WriteFile(h.manifest(), c.manifest, 0o600))
		var refused *Error
		if _, err := h.room.Attach(t.Context(), h.manifest()); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if h.ask(`SELECT to_regclass('chorus.events_first')`) != "null" {
			t.Fatalf("%s: something is left", name)
		}
	}
	must(t, os.WriteFile(file, whole, 0o600))
	must(t, os.WriteFile(h.manifest(), text, 0o600))
	for _, pipe := range []string{file, h.manifest()} { // which nobody writes to
		must(t, os.Remove(pipe))
		must(t, syscall.Mkfifo(pipe, 0o600))
		var refused *Error
		if _, err := h.room.Attach(t.Context(), h.manifest()); !errors.As(err, &refused) {
			t.Errorf("a pipe: %v", err)
		}
		must(t, os.Remove(pipe))
		must(t, os.WriteFile(pipe, map[string][]byte{file: whole, h.manifest(): text}[pipe], 0o600))
	}
	h.sound()
	// What is written down can not be altered, and an owner who does so is found out.
	for _, sql := range []string{
		`UPDATE chorus.archives SET sha256 = ''`, `DELETE FROM chorus.archives`, `TRUNCATE chorus.archives CASCADE`, `UPDATE chorus.archived_invoices SET attempt = 0`,
		`DELETE FROM chorus.archived_invoices`, `DELETE FROM chorus.archived_events`, `TRUNCATE chorus.archived_events`,
	} {
		if _, err := h.owner.Exec(t.Context(), sql); store.SQLState(err) != "CH003" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	h.number()
	h.exec(`SET LOCAL session_replication_role = replica; UPDATE chorus.archives SET runs_hash = ARRAY[sha256('x')]`)
	if wrong := strings.Join(h.wrong(), "\n"); !strings.Contains(wrong, "what is written down of the archive of first (chorus.archives) was altered") {
		t.Errorf("verified: %s", wrong)
	}
	if _, err := h.room.Attach(t.Context(), h.manifest()); err == nil || !strings.Contains(err.Error(), "is not what left") {
		t.Errorf("attached: %v", err)
	}
}

// A month leaves and comes back while invoices are inserted, numbered and read: nobody fails, and nobody waits for long.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 300)
	h.number()
	h.cut()
	before := h.history(firstOnly)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type result struct {
		n    int
		most time.Duration
		err  error
	}
	results := make(chan result)
	load := func(do func(ctx context.Context) error) {
		go func() {
			var r result
			for ctx.Err() == nil && r.err == nil {
				begun := time.Now()
				err := do(context.WithoutCancel(ctx))
				r.most = max(r.most, time.Since(begun))
				r.n++
				if err != nil {
					r.err = err
				}
			}
			results <- r
		}()
	}
	load(func(ctx context.Context) error {
		_, err := h.owner.Exec(ctx, `INSERT INTO chorus.invoices (document) VALUES ('load')`)
		return err
	})
	load(func(ctx context.Context) error {
		_, err := h.worker.Announce(ctx)
		return err
	})
	memory, err := h.worker.Remember(t.Context())
	must(t, err)
	load(func(ctx context.Context) (err error) {
		memory, err = h.worker.Knows(ctx, memory, "w")
		return err
	})
	load(func(ctx context.Context) error { return h.worker.Contradicts(ctx) })
	for range 3 {
		if _, err := h.room.Detach(t.Context(), "first", day, h.dir); err != nil {
			t.Error(err)
			break
		}
		if _, err := h.room.Attach(t.Context(), h.manifest()); err != nil {
			t.Error(err)
			break
		}
		if _, err := h.room.Apply(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	for range 4 {
		r := <-results
		if r.err != nil || r.n < 5 || r.most > 5*time.Second {
			t.Errorf("%d done, the longest took %s: %v", r.n, r.most, r.err)
		}
	}
	if after := h.history(firstOnly); after != before {
		t.Errorf("history is %s, was %s", after, before)
	}
	h.number()
	h.sound()
}
