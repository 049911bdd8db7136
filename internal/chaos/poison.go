package chaos

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// refusal is an insert that the database must not take.
type refusal struct {
	what     string
	sqlstate string // empty: it was taken
}

// mostDocument is the largest document that an application may insert.
const mostDocument = 10_000_000

// poisons are documents that hurt whoever reads them without care.
var poisons = []struct {
	name string
	make func() []byte
}{
	{"attachments", pdfOfAttachments},
	{"inflates", pdfThatInflates},
	{"objects", func() []byte { return repeated("%PDF-1.7\n", "1 0 obj\n", "") }},
	{"openings", func() []byte { return repeated("%PDF-1.7\n1 0 obj\n", "<<", "") }},
	{"deep", func() []byte { return repeated(`<?xml version="1.0"?>`+"\n", "<a>", "") }},
	{"wide", func() []byte {
		return repeated(`<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">`, "<a/>", "</Invoice>")
	}},
	{"attributes", func() []byte {
		var b strings.Builder
		b.WriteString(`<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"`)
		for n := 0; b.Len() < mostDocument/2; n++ {
			fmt.Fprintf(&b, ` a%d=""`, n)
		}
		return []byte(b.String() + "/>")
	}},
	{"laughs", func() []byte {
		var b strings.Builder
		b.WriteString("<?xml version=\"1.0\"?><!DOCTYPE Invoice [<!ENTITY l0 \"haha\">")
		for n := 1; n < 12; n++ {
			fmt.Fprintf(&b, `<!ENTITY l%d "%s">`, n, strings.Repeat(fmt.Sprintf("&l%d;", n-1), 10))
		}
		return []byte(b.String() + `]><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">&l11;</Invoice>`)
	}},
	{"zeros", func() []byte { return make([]byte, mostDocument/2) }},
}

// repeated is a document as large as may be, of one text again and again.
func repeated(head, text, tail string) []byte {
	n := (mostDocument - len(head) - len(tail)) / len(text)
	return []byte(head + strings.Repeat(text, n) + tail)
}

// pdfOf writes objects, the first of which is the catalog.
func pdfOf(objects []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	places := make([]int, len(objects))
	for k, text := range objects {
		places[k] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", k+1, text)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

// pdfOfAttachments has 33,000 files in it.
func pdfOfAttachments() []byte {
	const n = 33_000
	var names strings.Builder
	objects := make([]string, 3, 2*n+3)
	for k := range n {
		fmt.Fprintf(&names, "(%d.xml) %d 0 R ", k, len(objects)+1)
		objects = append(objects,
			fmt.Sprintf("<< /Type /Filespec /F (%d.xml) /EF << /F %d 0 R >> >>", k, len(objects)+2),
			"<< /Type /EmbeddedFile /Length 4 >>\nstream\n<a/>\nendstream")
	}
	objects[0] = "<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [" + names.String() + "] >> >> >>"
	objects[1] = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	objects[2] = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
	return pdfOf(objects)
}

// pdfThatInflates has a factur-x.xml of a gigabyte in a megabyte.
func pdfThatInflates() []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for range 1 << 10 {
		_, _ = z.Write(blank) // a bytes.Buffer does not fail
	}
	_ = z.Close()
	return pdfOf([]string{
		"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(factur-x.xml) 4 0 R] >> >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
		"<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /AFRelationship /Data /EF << /F 5 0 R >> >>",
		fmt.Sprintf("<< /Type /EmbeddedFile /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", b.Len(), b.Bytes()),
	})
}

// hostileMetadata must be refused by the insert itself.
var hostileMetadata = map[string]string{
	"nested metadata": strings.Repeat("[", 10_500) + strings.Repeat("]", 10_500),
	"large metadata":  `{"a":"` + strings.Repeat("a", 20<<20) + `"}`,
	"wide metadata":   "[" + strings.Repeat("{},", 1_000_000) + "{}]",
}

// poisonRows inserts what must be refused, and what is taken and must end as invalid or POISON, each twice, so that two may meet. Nothing else may wait.
func (t *trial) poisonRows(ctx context.Context) error {
	began := time.Now()
	for what, metadata := range hostileMetadata {
		if err := t.refused(ctx, what, metadata); err != nil {
			return err
		}
	}
	var ids []string
	for _, p := range poisons {
		document := p.make()
		for copies := range 2 {
			i := insert{
				Account: accountDefault, ExternalRef: fmt.Sprintf("chaos-%d-poison-%s-%d\x1b[31m\x1b]0;t\x07", t.cfg.Seed, p.name, copies), Kind: kindPoison,
				document: append(document[:len(document):len(document)], "\n "[copies]), // no two documents are the same
			}
			sum := sha256.Sum256(i.document)
			i.SHA256 = hex.EncodeToString(sum[:])
			if err := t.in.put(ctx, i); err != nil {
				return err
			}
			ids = append(ids, i.ExternalRef)
		}
	}
	// A good invoice whose reference commands a terminal is sent as any other.
	good, err := plan(Config{Seed: t.cfg.Seed, special: kindGood, Portal: t.cfg.Portal}, t.cfg.Invoices+int(t.in.more.Add(1)))
	if err != nil {
		return err
	}
	good.ExternalRef += "\x1b[2J\x1b]0;t\x07"
	if err := t.in.put(ctx, good); err != nil {
		return err
	}
	for limit := time.Now().Add(t.moment()); time.Now().Before(limit); {
		var open int
		err := t.pool.QueryRow(ctx, `SELECT count(*) FROM chorus.invoices WHERE external_ref = ANY ($1) AND state NOT IN ('invalid', 'parked')`, ids).Scan(&open)
		if err == nil && open == 0 {
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return t.record(ctx, played{name: "poison-rows", began: began, slot: everyone, still: true})
}

// refused tries an insert as the application.
func (t *trial) refused(ctx context.Context, what, metadata string) error {
	conn, err := pgx.Connect(ctx, t.in.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // what is taken by mistake shall not stay
	document := invoicetest.Invoice{Numero: "NEVER"}.UBL()
	_, err = tx.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document, metadata) VALUES ($1, $2, $3::text::jsonb)`, "chaos-"+what, document, metadata)
	r := refusal{what: what}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		r.sqlstate = refused.Code
	} else if err != nil {
		return err
	}
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	t.stage.refusals = append(t.stage.refusals, r)
	return nil
}
