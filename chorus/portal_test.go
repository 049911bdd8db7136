package chorus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// portal is an HTTP server that gives tokens and answers the API as a test says, and remembers what arrived.
type portal struct {
	*httptest.Server
	tokens atomic.Int64
	answer http.HandlerFunc

	mu       sync.Mutex
	requests []arrived
}

type arrived struct {
	path   string
	header http.Header
	body   []byte
	proto  int
}

func newPortal(t *testing.T, answer http.HandlerFunc) *portal {
	t.Helper()
	p := &portal{answer: answer}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/api/oauth/token" {
		w.Header().Set("Content-Type", contentType)
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, p.tokens.Add(1))
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, arrived{r.URL.Path, r.Header.Clone(), body, r.ProtoMajor})
	p.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.answer(w, r)
}

func (p *portal) arrived() []arrived {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]arrived(nil), p.requests...)
}

func (p *portal) config() Config {
	return Config{
		APIURL: p.URL, TokenURL: p.URL + "/api/oauth/token", ClientID: "client", ClientSecret: "client-secret",
		Login: "TECH_1@cpro.fr", Password: "account-password", DepositTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
	}
}

func (p *portal) client(t *testing.T) *Client { t.Helper(); return newClient(t, p.config()) }

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answerJSON(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

var aFile = File{Nom: "F-1_x.xml", Syntaxe: "IN_DP_E1_UBL_INVOICE", Contenu: []byte("<Invoice>document-canary</Invoice>")}

const acceptedBody = `{"codeRetour":0,"libelle":"TRA_MSG_00.000","numeroFluxDepot":"CPP1","dateDepot":"2026-11-20","syntaxeFlux":"IN_DP_E1_UBL_INVOICE"}`

func depositOnce(t *testing.T, c *Client) (Receipt, error) {
	t.Helper()
	d, err := c.Prepare(t.Context(), aFile)
	if err != nil {
		t.Fatal("Prepare: ", err)
	}
	return d.Send(t.Context(), time.Time{})
}

// sample is one file of testdata/samples.
type sample struct {
	Request  struct{ Method, Path string }
	Response struct {
		Status   int
		Headers  map[string]string
		Body     json.RawMessage
		BodyText string `json:"body_text"`
	}
}

func (s sample) body() []byte {
	if s.Response.BodyText != "" || len(s.Response.Body) == 0 {
		return []byte(s.Response.BodyText)
	}
	return s.Response.Body
}

func (s sample) header() http.Header {
	h := http.Header{}
	for k, v := range s.Response.Headers {
		h.Set(k, v)
	}
	return h
}

func (s sample) serve(w http.ResponseWriter, _ *http.Request) {
	for k, v := range s.header() {
		w.Header()[k] = v
	}
	w.WriteHeader(s.Response.Status)
	_, _ = w.Write(s.body())
}

// samples gives all sample exchanges by the number at the head of their name.
func samples(t testing.TB) map[string]sample {
	t.Helper()
	files, _ := filepath.Glob("testdata/samples/[0-9]*.json")
	all := map[string]sample{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(f, err)
		}
		number, _, _ := strings.Cut(filepath.Base(f), "-")
		all[number] = s
	}
	if len(all) < 50 {
		t.Fatalf("only %d samples", len(all))
	}
	return all
}
