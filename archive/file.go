package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// columns are those of chorus.events that a file holds, in their order; is_act is reckoned from them.
var columns = []string{"id", "seq", "invoice_id", "at", "actor", "from_state", "to_state", "attempt", "reason_code", "detail", "hash", "attempt_sha256", "attempt_looks", "invoice_sha256"}

// manifest stands beside a file and says what it holds.
type manifest struct {
	Format  string   `json:"format"`
	Columns []string `json:"columns"`
	record
}

const format = "choriste events 1: COPY text, UTF-8, gzip"

// monthName and sumName are what a month and a SHA-256 look like.
var (
	monthName = regexp.MustCompile(`^(first|[0-9]{6})$`)
	sumName   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// mostManifest bounds a manifest: a month has some stretches of the chain, and each takes two hundred bytes.
const mostManifest = 16 << 20

// fileOf and manifestOf name what a month's archive is.
func fileOf(month string) string { return "choriste-events-" + month + ".copy.gz" }

func manifestOf(file string) string { return strings.TrimSuffix(file, ".copy.gz") + ".json" }

// content is what a file holds.
type content struct {
	sha256 string
	rows   int64
}

// tally hashes what is written to it, and counts its lines: COPY writes a row in each.
type tally struct {
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
	rows int64
	last byte
	say  func(rows int64)
}

func newTally(say func(int64)) *tally { return &tally{hash: sha256.New(), last: '\n', say: say} }

func (t *tally) Write(p []byte) (int, error) {
	_, _ = t.hash.Write(p)
	before := t.rows
	t.rows += int64(bytes.Count(p, []byte{'\n'}))
	if len(p) > 0 {
		t.last = p[len(p)-1]
	}
	if t.say != nil && t.rows/sayRows > before/sayRows {
		t.say(t.rows)
	}
	return len(p), nil
}

func (t *tally) content() content { return content{hex.EncodeToString(t.hash.Sum(nil)), t.rows} }

// sayRows is after how many rows progress is told.
const sayRows = 1_000_000

func (r *Room) sayRead(what, quoi string) func(int64) {
	return func(n int64) { r.say(fmt.Sprintf("%s %d events", what, n), fmt.Sprintf("%d événements %s", n, quoi)) }
}

// write copies a month's table into a file, fsyncs it and reads it back. A file of the same name with the same content is left as it is; with another one, it is refused.
func (r *Room) write(ctx context.Context, month, dir string) (c content, err error) {
	name := filepath.Join(dir, fileOf(month))
	partial := name + ".partial"
	f, err := os.OpenFile(filepath.Clean(partial), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return c, err
	}
	defer func() { _ = os.Remove(partial) }()
	defer func() { _ = f.Close() }()
	t := newTally(r.sayRead("written:", "écrits"))
	buffered := bufio.NewWriterSize(f, 1<<20)
	packed := gzip.NewWriter(buffered)
	err = r.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().CopyTo(ctx, io.MultiWriter(packed, t),
			`COPY (SELECT `+strings.Join(columns, ", ")+` FROM ONLY chorus.events_`+month+` ORDER BY id) TO STDOUT`)
		return err
	})
	if err == nil {
		err = errors.Join(packed.Close(), buffered.Flush(), f.Sync(), f.Close())
	}
	if err != nil {
		return c, fmt.Errorf("writing %s: %w", partial, err)
	}
	c = t.content()
	back, err := r.read(ctx, partial, nil)
	if err != nil {
		return c, err
	}
	if back != c {
		return c, refuse("%s is not read as it was written: the disk or the memory of this machine is broken; nothing was changed", "%s ne se relit pas comme il a été écrit : le disque ou la mémoire de cette machine est défectueux ; rien n'a changé", partial)
	}
	switch there, err := r.read(ctx, name, nil); {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && there == c:
		return c, nil
	default:
		return c, refuse("%s is there already, and holds something else: move it away", "%s existe déjà et contient autre chose : déplacez-le", name)
	}
	if err := os.Rename(partial, name); err != nil {
		return c, err
	}
	return c, syncDir(dir)
}

// open opens a file for reading. A pipe, which may never be written to, is refused before anybody waits for it.
func open(name string) (*os.File, error) {
	name = filepath.Clean(name)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, refuse("%s is not a file", "%s n'est pas un fichier", name)
	}
	return os.Open(name)
}

// read reads a file to its end, and hands its content to into, which may be nil.
func (r *Room) read(ctx context.Context, name string, into io.Writer) (c content, err error) {
	f, err := open(name)
	if err != nil {
		return c, err
	}
	defer func() { _ = f.Close() }()
	unpacked, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return c, damaged(name, err)
	}
	t := newTally(nil)
	to := io.Writer(t)
	if into != nil {
		to = io.MultiWriter(t, into)
	}
	buffer := make([]byte, 1<<20)
	for {
		n, err := unpacked.Read(buffer)
		if _, werr := to.Write(buffer[:n]); werr != nil {
			return c, werr
		}
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, damaged(name, err)
		}
	}
	if t.last != '\n' {
		return c, damaged(name, io.ErrUnexpectedEOF)
	}
	return t.content(), nil
}

func damaged(name string, err error) error {
	return refuse("%s is damaged (%v): it is not what was written", "%s est endommagé (%v) : ce n'est pas ce qui a été écrit", name, err)
}

// writeManifest says beside the file what is in it. It may be written again.
func writeManifest(dir string, rec record) error {
	text, err := json.MarshalIndent(manifest{format, columns, rec}, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, manifestOf(rec.File))
	partial := name + ".partial"
	defer func() { _ = os.Remove(partial) }()
	f, err := os.OpenFile(filepath.Clean(partial), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(partial, name); err != nil {
		return err
	}
	return syncDir(dir)
}

// readManifest reads a manifest; name may be that of the file beside it.
func readManifest(name string) (m manifest, dir string, err error) {
	if strings.HasSuffix(name, ".copy.gz") {
		name = manifestOf(name)
	}
	f, err := open(name)
	if err != nil {
		return m, "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, mostManifest))
	if err != nil {
		return m, "", err
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Format != format || !slices.Equal(m.Columns, columns) || m.File != fileOf(m.Month) ||
		!monthName.MatchString(m.Month) || !sumName.MatchString(m.SHA256) {
		return m, "", refuse("%s is no manifest of an archive that this program can read", "%s n'est pas le manifeste d'une archive que ce programme sait lire", name)
	}
	return m, filepath.Dir(name), nil
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
