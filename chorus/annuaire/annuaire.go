// Package annuaire reads the file of all public recipients that Chorus Pro gives (telecharger/annuaire/destinataire): a zip of XML or CSV. Which names it has inside is
// known from the public directory alone (docs/chorus-pro.md §5.3a), so a file is read by the names that are found in it, and refused where none is known. It is read as it is
// unpacked, an entry at a time: its length costs time and no memory.
package annuaire

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// MostPacked is how many bytes a packed file may have.
const MostPacked = 64 << 20

// Limits of what is read; a test lowers the first two. The public directory has some 200,000 structures and 80,000 services.
var (
	mostUnpacked int64 = 1 << 30   // bytes, of all files together
	mostEntries        = 1_000_000 // recipients and services together
)

const (
	mostFiles    = 100      // in the zip
	mostServices = 20_000   // of one recipient
	mostDepth    = 32       // elements within one another
	mostRecord   = 64 << 10 // bytes of a line, or of one thing in an XML file
	mostText     = 200      // characters kept of a name or a code
)

// Entry is what a place of the file says of one recipient. nil: it does not say.
type Entry struct {
	SIRET, Name                                                 string
	Active, ServiceRequired, EngagementRequired, EitherRequired *bool
	Services                                                    []Service
}

// Service is a service of a recipient.
type Service struct {
	Code, Name         string
	Active             bool
	EngagementRequired *bool
}

// Counts are how much was read.
type Counts struct {
	Entries, Services int
	Skipped           int // that name no SIRET, or say nothing of use
}

// Refused is why a file is not taken. It quotes nothing of it.
type Refused string

func (r Refused) Error() string { return string(r) }

const (
	notZip   = Refused("it is not a whole zip file")
	nothing  = Refused("no file in it has names that are known: no recipient was found")
	tooLong  = Refused("it has more than 1,000,000 recipients and services")
	tooMany  = Refused("a recipient in it has more than 20,000 services")
	tooDeep  = Refused("its elements are nested deeper than 32")
	tooWide  = Refused("a line of it, or a text, has more than 64 KiB")
	tooLarge = Refused("it has more than 1 GiB when it is unpacked, or more than 100 files")
	badXML   = Refused("its XML is broken or cut off")
	badCSV   = Refused("its lines are broken or cut off")
)

// Read gives yield each entry of a zip file. A recipient may come several times: what is said later adds to what was said. After an error, which is a Refused, the context's or
// yield's own, the file counts for nothing.
func Read(ctx context.Context, file []byte, yield func(Entry) error) (Counts, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return Counts{}, notZip
	}
	if len(z.File) > mostFiles {
		return Counts{}, tooLarge
	}
	r := reading{ctx: ctx, yield: yield, unpacked: mostUnpacked}
	for _, f := range z.File {
		var read func(*metered) error
		switch strings.ToLower(path.Ext(f.Name)) {
		case ".xml":
			read = r.xml
		case ".csv", ".txt":
			read = r.csv
		default:
			continue
		}
		if err := r.unpack(f, read); err != nil {
			return r.counts, err
		}
	}
	if r.counts.Entries == 0 {
		return r.counts, nothing
	}
	return r.counts, nil
}

// reading is the reading of one zip.
type reading struct {
	ctx      context.Context //nolint:containedctx // of this reading alone
	yield    func(Entry) error
	counts   Counts
	seen     int
	unpacked int64 // bytes that may still come
}

func (r *reading) unpack(f *zip.File, read func(*metered) error) error {
	body, err := f.Open()
	if err != nil {
		return notZip
	}
	defer func() { _ = body.Close() }()
	m := &metered{from: body, total: &r.unpacked}
	m.next()
	err = read(m)
	var refused Refused
	switch {
	case err == nil, r.ctx.Err() != nil:
		return errors.Join(err, r.ctx.Err())
	case m.refused != "": // whatever the parser made of it
		return m.refused
	case errors.As(err, &refused):
		return refused
	}
	return err
}

// entry passes one on.
func (r *reading) entry(e Entry) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.seen += 1 + len(e.Services); r.seen > mostEntries {
		return tooLong
	}
	said := e.Active != nil || e.ServiceRequired != nil || e.EngagementRequired != nil || e.EitherRequired != nil || len(e.Services) > 0
	if !siret(e.SIRET) || !said {
		r.counts.Skipped++
		return nil
	}
	r.counts.Entries++
	r.counts.Services += len(e.Services)
	if err := r.yield(e); err != nil {
		return &own{err}
	}
	return nil
}

// own is an error that is not the file's.
type own struct{ err error }

func (o *own) Error() string { return fmt.Sprintf("an entry could not be taken: %v", o.err) }
func (o *own) Unwrap() error { return o.err }

func siret(s string) bool { return len(s) == 14 && strings.Trim(s, "0123456789") == "" }

// metered is a file that may have so much in all, and so much until next is called again: what a parser keeps in memory at once.
type metered struct {
	from    io.Reader
	total   *int64
	left    int64
	refused Refused // why there is no more
}

// next says that what was read so far is dealt with.
func (m *metered) next() { m.left = mostRecord + readAhead }

// readAhead is as much as the parsers take before they need it.
const readAhead = 64 << 10

func (m *metered) Read(p []byte) (int, error) {
	switch {
	case *m.total <= 0:
		m.refused = tooLarge
	case m.left <= 0:
		m.refused = tooWide
	}
	if m.refused != "" {
		return 0, m.refused
	}
	n, err := m.from.Read(p[:min(int64(len(p)), m.left, *m.total)])
	m.left -= int64(n)
	*m.total -= int64(n)
	if errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
		m.refused = notZip
	}
	return n, err
}
