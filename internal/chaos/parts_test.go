package chaos

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice/invoicetest"
)

func TestSecretsAreFoundInEveryEncoding(t *testing.T) {
	c := newCredentials()
	secrets := c.canaries()
	token := strings.Repeat("aB3", tokenLength/3)
	tokens := map[string]bool{"": false}
	tokens[sha(token)] = true
	for what, text := range map[string]string{
		"plain":         "password is " + c.Password + ".",
		"JSON":          `{"secret":"` + strings.ReplaceAll(c.ClientSecret, `"`, `\"`) + `"}`,
		"query":         "client_secret=" + url.QueryEscape(c.ClientSecret) + "&x=1",
		"database URL":  withLogin("postgres://127.0.0.1/x", "chaos_worker", c.Database),
		"hexadecimal":   `\x00` + hex.EncodeToString([]byte(c.Password)),
		"header":        "cpro-account: " + base64.StdEncoding.EncodeToString([]byte(c.Login+":"+c.Password)),
		"basic":         base64.StdEncoding.EncodeToString([]byte(c.ClientID + ":" + c.ClientSecret)),
		"base64":        base64.StdEncoding.EncodeToString([]byte(c.ClientSecret)),
		"URL base64":    base64.URLEncoding.EncodeToString([]byte("xx" + c.ClientSecret)),
		"a token":       "Bearer " + token + "\n",
		"within a word": "abcdef" + token + "123",
	} {
		if len(scan(text, secrets, tokens)) == 0 {
			t.Errorf("%s: nothing found in %s", what, text)
		}
	}
	for _, text := range []string{"", c.ClientID + " " + c.Login, strings.Repeat("0a", 1000), strings.Repeat("Z", 60), "canary"} {
		if found := scan(text, secrets, tokens); len(found) > 0 {
			t.Errorf("%v found in %.40s", found, text)
		}
	}
}

func TestPlansFollowFromTheSeed(t *testing.T) {
	cfg := Config{Seed: 4, Uniqueness: "on", Portal: "simulator", Invoices: 1400}
	kinds, keys, hashes := map[string]int{}, map[string]string{}, map[string]bool{}
	for n := range 1500 {
		a, err := plan(cfg, n)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := plan(cfg, n); !bytes.Equal(a.document, b.document) || a.ExternalRef != b.ExternalRef {
			t.Fatalf("the %d-th insert differs from itself", n)
		}
		kinds[a.Kind]++
		if hashes[a.SHA256] {
			t.Errorf("document %d is inserted twice", n)
		}
		hashes[a.SHA256] = true
		if other := keys[a.Key]; other != "" && a.Kind != kindTwin {
			t.Errorf("%s has the number of %s", a.ExternalRef, other)
		}
		keys[a.Key] = a.ExternalRef
	}
	for _, kind := range []string{kindGood, kindInvalid, kindTwin, kindCancelled, kindTyped, kindOld} {
		if kinds[kind] == 0 {
			t.Errorf("none of 1500 inserts is %s: %v", kind, kinds)
		}
	}
}

func TestLedgerIsReadLineByWholeLine(t *testing.T) {
	r := ledgerReader{path: filepath.Join(t.TempDir(), "ledger.jsonl")}
	if lines, err := r.read(); err != nil || len(lines) != 0 {
		t.Fatalf("a ledger that is not there yet: %v, %v", lines, err)
	}
	text := `{"seq":1,"type":"start"}` + "\n" + `{"seq":2,"type":"accepted","flux":"F","numero":"N","siren":"123456789","annee":2026,"refused_later":true}` + "\n"
	for k := range len(text) + 1 {
		if err := os.WriteFile(r.path, []byte(text[:k]), 0o600); err != nil {
			t.Fatal(err)
		}
		lines, err := r.read()
		if err != nil {
			t.Fatalf("after byte %d: %v", k, err)
		}
		if whole := k > 0 && text[k-1] == '\n'; whole != (len(lines) == 1) {
			t.Fatalf("%d lines after byte %d", len(lines), k)
		}
		if len(lines) == 1 && lines[0].Seq == 2 && (*lines[0].row()[5].(*string) != "2026/123456789/N" || !lines[0].RefusedLater) {
			t.Errorf("read %+v", lines[0])
		}
	}
}

func TestEveryMutantHasItsCircumstances(t *testing.T) {
	var names []string
	for _, m := range mutants {
		if m.patch == "" && m.sql == "" { // else TestEveryPatchAppliesAndBuilds knows it
			names = append(names, m.Name)
		}
		for _, shown := range m.Shown {
			if position(shown) < 0 {
				t.Errorf("%s is shown by %s, which is no invariant", m.Name, shown)
			}
		}
	}
	if !slices.Equal(names, crash.Mutants) {
		t.Errorf("arranged are %v, there are %v", names, crash.Mutants)
	}
}

// The foreign portal is not the simulator, and the client does not notice.
func TestForeignPortal(t *testing.T) {
	c := newCredentials()
	dir := t.TempDir()
	ledger, err := os.Create(filepath.Join(dir, "ledger.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	f := newForeign(ledger, 1, c.ClientID, c.ClientSecret, c.Login+":"+c.Password)
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	client, err := chorus.New(chorus.Config{
		APIURL: srv.URL, TokenURL: srv.URL + "/login/token", ClientID: c.ClientID, ClientSecret: chorus.Secret(c.ClientSecret), Login: c.Login,
		Password: chorus.Secret(c.Password),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Health(t.Context()); err != nil {
		t.Errorf("health: %v", err)
	}
	for name, document := range map[string][]byte{"ubl.xml": invoicetest.Invoice{Numero: "F-1"}.UBL(), "cii.xml": invoicetest.Invoice{Numero: "F-2"}.CII()} {
		prepared, err := client.Prepare(t.Context(), chorus.File{Nom: name, Syntaxe: "IN_DP_E1_UBL_INVOICE", Contenu: document})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := prepared.Send(t.Context(), time.Now().Add(time.Minute)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range f.papers {
		p.filed, p.seen = time.Now().Add(-time.Minute), time.Now().Add(-time.Minute)
	}
	for _, number := range []string{"F-1", "F-2"} {
		listing, err := client.Search(t.Context(), chorus.LaneResolve, chorus.Query{NumeroFacture: number})
		if err != nil || !listing.Complete || len(listing.Factures) != 1 {
			t.Fatalf("searching %s: %+v, %v", number, listing, err)
		}
		found := listing.Factures[0]
		if found.MontantTTC.Decimal.String() != "1500" || found.CodeFournisseur != "99999999800012" || found.CodeDestinataire != "99999999700023" ||
			found.DateFacture.Time.Format(time.DateOnly) != "2026-01-15" || found.Statut != "MISE_EN_PAIEMENT" {
			t.Errorf("%s is %+v", number, found)
		}
		report, err := client.Report(t.Context(), chorus.LaneReport, found.NumeroFluxDepot)
		if err != nil || report.State() != chorus.FluxIntegrated {
			t.Errorf("report of %s: %+v, %v", number, report, err)
		}
	}
	r := ledgerReader{path: ledger.Name(), foreign: true}
	lines, err := r.read()
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range lines {
		types = append(types, e.Type)
	}
	if got := strings.Join(types, " "); got != "request token request accepted answer request accepted answer" {
		t.Errorf("the ledger says %s", got)
	}
}
