package chorustest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// client is a plain client of the portal, as anybody might write it.
type client struct {
	t        testing.TB
	api, url string
	token    string
	account  string
	http     *http.Client
}

// dial makes a client with a token. Its redirects are not followed and its connections are its own.
func dial(t testing.TB, api, tokenURL string) *client {
	c := &client{t: t, api: api, url: tokenURL, account: "TECH_SIM@cpro.fr:sim-password", http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(c.http.CloseIdleConnections)
	c.login()
	return c
}

func start(t testing.TB, cfg *chorustest.Config) (*chorustest.Sim, *client) {
	t.Helper()
	s := chorustest.New(t, cfg)
	return s, dial(t, s.APIURL(), s.TokenURL())
}

// reply is an answer read to its end, or the error that came instead.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any // nil when it is not a JSON object
	err    error
}

func (c *client) login() {
	c.t.Helper()
	r := c.askToken("sim", "sim-secret")
	c.token, _ = r.body["access_token"].(string)
	if c.token == "" {
		c.t.Fatalf("no token: %d %s %v", r.status, r.raw, r.err)
	}
}

func (c *client) askToken(id, secret string) reply {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {"openid"}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(req)
}

func (c *client) do(req *http.Request) reply {
	res, err := c.http.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	r := reply{status: res.StatusCode, header: res.Header}
	r.raw, r.err = io.ReadAll(io.LimitReader(res.Body, 2<<20))
	d := json.NewDecoder(bytes.NewReader(r.raw))
	d.UseNumber()
	_ = d.Decode(&r.body)
	return r
}

func (c *client) request(method, path string, body any) *http.Request {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.api+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte(c.account)))
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	return req
}

func (c *client) post(path string, body any) reply {
	c.t.Helper()
	return c.do(c.request(http.MethodPost, path, body))
}

// m is a JSON object.
type m = map[string]any

func (c *client) depositFile(nom, syntaxe string, file []byte) reply {
	c.t.Helper()
	return c.post("/cpro/factures/v1/deposer/flux", m{
		"fichierFlux": base64.StdEncoding.EncodeToString(file), "nomFichier": nom, "syntaxeFlux": syntaxe, "avecSignature": false,
	})
}

func (c *client) deposit(i invoicetest.Invoice) reply {
	c.t.Helper()
	return c.depositFile(strings.ReplaceAll(i.Numero, "/", "-")+".xml", "IN_DP_E1_UBL_INVOICE", i.UBL())
}

// accepted deposits and returns the flux number.
func (c *client) accepted(i invoicetest.Invoice) string {
	c.t.Helper()
	r := c.deposit(i)
	flux, _ := r.body["numeroFluxDepot"].(string)
	if r.status != 200 || flux == "" {
		c.t.Fatalf("deposit of %s: %d %s %v", i.Numero, r.status, r.raw, r.err)
	}
	return flux
}

func (c *client) report(flux string) reply {
	c.t.Helper()
	return c.post("/cpro/transverses/v1/consulterCRDetaille", m{"numeroFluxDepot": flux})
}

// integrated waits for the end of a flux and returns the last report.
func (c *client) integrated(flux string) reply {
	c.t.Helper()
	for range 1000 {
		r := c.report(flux)
		switch r.body["etatCourantDepotFlux"] {
		case "IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE", "IN_INCIDENTE":
			return r
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Fatalf("flux %s does not end", flux)
	return reply{}
}

func (c *client) search(body m) reply {
	c.t.Helper()
	return c.post("/cpro/factures/v1/rechercher/fournisseur", body)
}

// found are the rows of a search answer.
func (r reply) found() []m {
	all, _ := r.body["listeFactures"].([]any)
	var rows []m
	for _, x := range all {
		rows = append(rows, x.(m))
	}
	return rows
}

func (r reply) code() string { return fmt.Sprint(r.body["codeRetour"]) }

func (r reply) text(field string) string {
	t, _ := r.body[field].(string)
	return t
}

func facture(numero string) invoicetest.Invoice { return invoicetest.Invoice{Numero: numero} }

// dialless is an HTTP client without a token.
func dialless() *http.Client { return &http.Client{Timeout: 10 * time.Second} }

func asExit(err error, exit **exec.ExitError) bool { return errors.As(err, exit) }
