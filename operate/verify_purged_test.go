package operate_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// settle brings the chronicle's invoice to its end, long enough ago to be purged.
func (c *chronicle) settle() {
	c.Helper()
	for _, sql := range append(append([]string{}, stages...),
		`UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT'`,
		`SELECT chorus.keep_documents('default', '30 days', 'x')`,
		`UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`,
		`SET session_replication_role = replica; UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '31 days'; SET session_replication_role = origin`) {
		c.exec(sql)
	}
}

// What a purge deletes leaves evidence that is whole: the database, an archive of before and one of after say "purged on …", and not "altered".
func TestEvidenceOfAPurgedInvoice(t *testing.T) {
	t.Parallel()
	c := begun(t)
	c.settle()
	before := c.archive()
	c.exec(`SELECT chorus.purge('default', 10)`)
	after := c.archive()
	if wrong := c.database(); len(wrong) > 0 {
		t.Errorf("the database: %v", wrong)
	}
	for name, archive := range map[string][]byte{"before": before, "after": after} {
		if wrong := c.wrong(archive, nil); len(wrong) > 0 {
			t.Errorf("the archive of %s in itself: %v", name, wrong)
		}
		if wrong := c.wrong(archive, c.operator); len(wrong) > 0 {
			t.Errorf("the archive of %s by the database: %v", name, wrong)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(after), int64(len(after)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if strings.Contains(f.Name, "/document") || strings.Contains(f.Name, "/exchange") {
			t.Errorf("%s is in the archive of a purged invoice", f.Name)
		}
		if f.Name == "1/summary.en.html" {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			page, err := io.ReadAll(r)
			if err != nil || !strings.Contains(string(page), "Document deleted at (UTC)<td>20") || !strings.Contains(string(page), hexOf("the document")) {
				t.Errorf("the summary does not say when the document was deleted, and what its hash was: %v\n%s", err, page)
			}
		}
	}
}

// A document or an exchange that somebody removed without a purge is named.
func TestRemovalIsNoPurge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ purge, sql, want string }{
		{"", `UPDATE chorus.invoices SET document = NULL`, "the document of invoice 1 was altered"},
		{"", `UPDATE chorus.invoices SET document = NULL, purged_at = now()`, "the document of invoice 1 was removed, and no event says that it was purged"},
		{"", `DELETE FROM chorus.exchanges`, "the exchange of attempt 1 of invoice 1 was removed"},
		{"purge", `UPDATE chorus.invoices SET document = 'another'`, "the document of invoice 1 was removed, and no event"},
		{"purge", `UPDATE chorus.invoices SET document_sha256 = sha256('another')`, "invoice 1 was altered"},
	} {
		t.Run(c.purge+c.sql, func(t *testing.T) {
			t.Parallel()
			h := begun(t)
			h.settle()
			if c.purge != "" {
				h.exec(`SELECT chorus.purge('default', 10)`)
			}
			h.exec(`SET session_replication_role = replica; ` + c.sql + `; SET session_replication_role = origin`)
			if wrong := strings.Join(h.database(), "\n"); !strings.Contains(wrong, c.want) {
				t.Errorf("said %q, want %q", wrong, c.want)
			}
		})
	}
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
