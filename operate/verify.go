package operate

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Checked is what VerifyArchive has looked at.
type Checked struct {
	Manifest Manifest
	Events   int
	Wrong    []string // everything that is not as it was; nothing is as it should be
}

// mostWrong bounds what is named of one archive.
const mostWrong = 1000

func (c *Checked) bad(format string, args ...any) {
	switch {
	case len(c.Wrong) < mostWrong:
		c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
	case len(c.Wrong) == mostWrong:
		c.Wrong = append(c.Wrong, "and more")
	}
}

// VerifyArchive reads an archive that WriteEvidence wrote, and names everything in it that is not as it was. Without a database it says whether the archive's files agree with each other: whoever
// knows how it is made can make another one that does. With a database, it says whether the archive is what that one would write, up to the events at which history stood. The error is the
// database's. In memory are the files of one invoice at a time.
func VerifyArchive(ctx context.Context, r io.ReaderAt, size int64, db *pgxpool.Pool) (Checked, error) {
	var c Checked
	box := openArchive(&c, r, size)
	if box == nil || !box.manifest() {
		return c, nil
	}
	rest := c.Manifest.Files
	done := map[int64]bool{}
	for _, i := range c.Manifest.Invoices {
		n := 0
		for n < len(rest) && path.Dir(rest[n].Name) == strconv.FormatInt(i.ID, 10) {
			n++
		}
		if done[i.ID] || n == 0 {
			c.bad("manifest.json: invoice %d is there twice, or its files are not in their place", i.ID)
			continue
		}
		done[i.ID] = true
		e := box.invoice(i, rest[:n])
		if e != nil && db != nil {
			if err := c.compareInvoice(ctx, db, e, i.Head); err != nil {
				return c, err
			}
		}
		rest = rest[n:]
	}
	for _, f := range rest {
		c.bad("%s: it belongs to no invoice of the archive", f.Name)
	}
	if len(c.Wrong) == 0 && !box.rebuilt() {
		c.bad("the container was altered, around its files")
	}
	return c, nil
}

// archive is a container of files.
type archive struct {
	*Checked
	r     io.ReaderAt
	size  int64
	files map[string]*zip.File
	order []string
}

// openArchive reads the list of files. What choriste wrote is not compressed, so that files are never larger than the archive; nil, when it is something else.
func openArchive(c *Checked, r io.ReaderAt, size int64) *archive {
	directory := &bounded{r: r, left: mostDirectory}
	z, err := zip.NewReader(directory, size)
	if err != nil {
		c.bad("the archive cannot be read: its container was altered, or it is none")
		return nil
	}
	directory.open = true
	if len(z.File) > mostArchiveFiles+2 {
		c.bad("the archive holds more files than any that was written")
		return nil
	}
	a := &archive{Checked: c, r: r, size: size, files: map[string]*zip.File{}}
	var sum uint64
	for _, f := range z.File {
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.UncompressedSize64 > mostArchiveFile {
			c.bad("%s: it is compressed, or larger than any that was written", f.Name)
			return nil
		}
		if sum += f.UncompressedSize64; sum > uint64(size) { //nolint:gosec // never negative
			c.bad("the archive holds more than it has bytes: its container was altered")
			return nil
		}
		if a.files[f.Name] != nil {
			c.bad("%s: it is there twice", f.Name)
		}
		a.files[f.Name] = f
		a.order = append(a.order, f.Name)
	}
	return a
}

// mostDirectory bounds what a container's list of files takes, in bytes.
const mostDirectory = 16 << 20

// bounded reads so many bytes and no more, until it is opened.
type bounded struct {
	r    io.ReaderAt
	left int64
	open bool
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if !b.open {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, errors.New("the list of files is longer than any that was written")
		}
	}
	return b.r.ReadAt(p, off)
}

// read returns a file; nil when there is none.
func (a *archive) read(name string) []byte {
	f := a.files[name]
	if f == nil {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, mostArchiveFile))
	if err != nil {
		a.bad("%s: it cannot be read as it was written", name)
	}
	return data
}

// manifest reads what the archive should hold, and compares the names with what it holds.
func (a *archive) manifest() bool {
	text := a.read("manifest.json")
	if string(a.read("manifest.sha256")) != hexSum(text)+"\n" {
		a.bad("manifest.json: it is not what manifest.sha256 says")
	}
	m := &a.Manifest
	if err := json.Unmarshal(text, m); err != nil || m.Format != evidenceFormat {
		a.bad("manifest.json: it is not that of an evidence file that this version writes (%s)", evidenceFormat)
		return false
	}
	if again, err := m.text(); err != nil || !bytes.Equal(again, text) || len(m.Invoices) == 0 || m.Head != m.Invoices[len(m.Invoices)-1].Head {
		a.bad("manifest.json: it holds what none that was written holds")
	}
	listed := map[string]bool{"manifest.json": true, "manifest.sha256": true}
	for _, f := range m.Files {
		listed[f.Name] = true
		if a.files[f.Name] == nil {
			a.bad("%s: it is missing", f.Name)
		}
	}
	for _, name := range a.order {
		if !listed[name] {
			a.bad("%s: it was added", name)
		}
	}
	return true
}

// rebuilt writes the archive again and compares every byte.
func (a *archive) rebuilt() bool {
	c := &comparing{r: a.r}
	z := zip.NewWriter(c)
	for _, name := range a.order {
		if addFile(z, name, a.read(name)) != nil {
			return false
		}
	}
	return z.Close() == nil && c.at == a.size
}

// comparing is a writer that takes only what stands at its place.
type comparing struct {
	r  io.ReaderAt
	at int64
}

func (c *comparing) Write(p []byte) (int, error) {
	was := make([]byte, len(p))
	if n, _ := c.r.ReadAt(was, c.at); n < len(p) || !bytes.Equal(was, p) {
		return 0, errors.New("it differs")
	}
	c.at += int64(len(p))
	return len(p), nil
}
