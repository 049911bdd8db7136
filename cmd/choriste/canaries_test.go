package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// What must be found nowhere: in no table, log, metric, probe, page, webhook or report.
const (
	canaryIBAN = "FR7610107001011234567890129"
	canaryText = "canary-words-of-a-document"
)

// disguises are a secret in every form in which it could slip out.
func disguises(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string can always be
	forms := []string{secret, string(quoted[1 : len(quoted)-1]), url.QueryEscape(secret), hex.EncodeToString([]byte(secret))}
	for shift := range 3 { // base64 looks different at each position; its ends depend on the neighbours
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		text = text[[]int{0, 2, 3}[shift] : len(text)-4]
		forms = append(forms, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	return forms
}

var tokenLike = regexp.MustCompile(`[A-Za-z0-9]{54,200}`)

// leaks are the names of what a text gives away. tokens are the SHA-256 sums of the access tokens.
func leaks(text string, secrets map[string]string, tokens map[string]bool) (found []string) {
	for name, secret := range secrets {
		for _, form := range disguises(secret) {
			if strings.Contains(text, form) {
				found = append(found, name+" as "+form)
			}
		}
	}
	for _, word := range tokenLike.FindAllString(text, -1) {
		for k := range len(word) - 53 {
			if sum := sha256.Sum256([]byte(word[k : k+54])); tokens[hex.EncodeToString(sum[:])] {
				return append(found, "an access token")
			}
		}
	}
	return found
}

// Answers that echo what they were asked with, refusals and documents that cannot be read: no secret and nothing of a document gets anywhere.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	var hooks printed
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(&hooks)
		_, _ = io.Copy(&hooks, r.Body)
	}))
	t.Cleanup(receiver.Close)
	c.secret("HOOK", aSecret)
	c.secret("CHORISTE_WEBHOOKS", fmt.Sprintf("webhooks:\n  - {name: erp, url: '%s', secret_file: %s, allow_private: true}", receiver.URL, c.env["HOOK_FILE"]))
	delete(c.env, "HOOK_FILE")

	for _, op := range []string{"deposer/flux", "rechercher/fournisseur", "consulterCRDetaille", "structures/rechercher", "recuperer/structures/actives/fournisseur"} {
		c.sim.Faults(chorustest.Fault{Op: op, Kind: "echo_token"})
	}
	c.sim.Faults(chorustest.Fault{Op: "deposer/flux", Kind: "commit_then_502_html"}, chorustest.Fault{Op: "deposer/flux", Kind: "hostile_texts"})
	r := c.work(nil)
	app := admin(c, c.db.AppURL)
	insert := func(doc []byte) {
		t.Helper()
		if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, doc); err != nil {
			t.Fatal(err)
		}
	}
	for k := range 5 {
		doc := invoicetest.Invoice{Numero: fmt.Sprintf("CANARY-%d", k), IBAN: canaryIBAN}.UBL()
		insert(bytes.Replace(doc, []byte("</cbc:ID>"), []byte("</cbc:ID><!-- "+canaryText+" -->"), 1))
	}
	insert([]byte(`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><Note>` + canaryText + ` ` + canaryIBAN + `</Nope></Invoice>`))
	insert([]byte("%PDF-1.7\n" + canaryText + canaryIBAN))
	owner := admin(c, c.db.URL)
	r.until("all were sent, looked for or refused", func() bool {
		var done bool
		err := owner.QueryRow(t.Context(), `
			SELECT count(*) = 7 AND bool_and(CASE WHEN id > 5 THEN state = 'invalid' ELSE state IN ('in_doubt', 'integrated') AND attempt_no > 0 END)
			FROM chorus.invoices`).Scan(&done)
		if err != nil {
			t.Fatal(err)
		}
		return done
	})

	places := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/readyz", "/healthz", "/invoices/1", "/invoices/6"} {
		_, places[path] = r.get(path, "")
	}
	_, _, _, places["doctor"] = c.doctor()
	for _, id := range []string{"1", "6", "7"} {
		_, out, errOut := command(t, c.env, "--json", "show", id)
		places["show "+id] = out + errOut
	}
	r.stop()
	places["log"], places["webhooks"] = r.log.String(), hooks.String()
	for _, table := range query(t, c.db.URL, `
		SELECT format('%I.%I', n.nspname, c.relname) || ' ' || string_agg(quote_ident(attname), ', ')
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
		WHERE nspname IN ('chorus', 'river') AND relkind = 'r' AND NOT (relname = 'invoices' AND attname = 'document')
		GROUP BY n.nspname, c.relname`) {
		name, columns, _ := strings.Cut(table, " ")
		places[name] = copied(t, c.db.URL, name, columns)
	}

	worker, err := url.Parse(c.db.WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := worker.User.Password()
	secrets := map[string]string{
		"the client secret": clientSecret, "the account's password": accountPassword, "the database's password": password,
		"the webhook's secret": strings.TrimPrefix(aSecret, "whsec_"), "the IBAN": canaryIBAN, "words of a document": canaryText,
	}
	tokens := map[string]bool{}
	for _, e := range c.sim.Ledger() {
		if e.Type == "token" && e.Token != "" {
			tokens[e.Token] = true
		}
	}
	if len(tokens) == 0 || hooks.String() == "" || !strings.Contains(places["log"], "echo") && len(places["log"]) < 1000 {
		t.Fatalf("the test sees too little: %d tokens, %d bytes of webhooks, %d of log", len(tokens), len(hooks.String()), len(places["log"]))
	}
	for place, text := range places {
		for _, what := range leaks(text, secrets, tokens) {
			t.Errorf("%s holds %s", place, what)
		}
	}
	// The test itself can find them.
	if found := leaks(string(invoicetest.Invoice{IBAN: canaryIBAN}.UBL()), secrets, tokens); len(found) == 0 {
		t.Error("it does not find an IBAN in a document")
	}
}

// copied is a table as text.
func copied(t *testing.T, address, table, columns string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var b bytes.Buffer
	if _, err := conn.PgConn().CopyTo(t.Context(), &b, `COPY (SELECT `+columns+` FROM `+table+`) TO STDOUT`); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
