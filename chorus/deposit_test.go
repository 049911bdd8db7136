package chorus

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// judged runs an answer through the classification of deposits.
func judged(status int, header http.Header, body string) verdict {
	if header == nil {
		header = http.Header{}
	}
	r := reply{Exchange: Exchange{Status: status, Connected: true, Wrote: true}, header: header, body: []byte(body)}
	return read(opDeposit, r, redactor{})
}

// TestBelief lists which answers under HTTP 200 are believed.
func TestBelief(t *testing.T) {
	for body, want := range map[string]Outcome{
		acceptedBody:                                       Accepted,
		"\r\n " + acceptedBody + " \n":                     Accepted,
		`{"codeRetour":"0","numeroFluxDepot":"CPP1"}`:      Accepted,
		`{"codeRetour":0,"numeroFluxDepot":17}`:            Accepted,
		`{"codeRetour":0,"numeroFluxDepot":"CPP1","x":{}}`: Accepted,
		``:                          Ambiguous,
		`null`:                      Ambiguous,
		`{}`:                        Ambiguous,
		`[]`:                        Ambiguous,
		`[` + acceptedBody + `]`:    Ambiguous,
		`0`:                         Ambiguous,
		`<html>codeRetour 0</html>`: Ambiguous,
		`{"codeRetour":null,"numeroFluxDepot":"CPP1"}`:                       Ambiguous,
		`{"numeroFluxDepot":"CPP1"}`:                                         Ambiguous,
		`{"codeRetour":0}`:                                                   Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":null}`:                            Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":""}`:                              Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":"  "}`:                            Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":["CPP1"]}`:                        Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":{"v":"CPP1"}}`:                    Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":true}`:                            Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":"C\u0000P"}`:                      Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":"C\ud800P"}`:                      Ambiguous,
		"{\"codeRetour\":0,\"numeroFluxDepot\":\"C\xffP\"}":                  Ambiguous,
		`{"codeRetour":false,"numeroFluxDepot":"CPP1"}`:                      Ambiguous,
		`{"codeRetour":[0],"numeroFluxDepot":"CPP1"}`:                        Ambiguous,
		`{"codeRetour":"","numeroFluxDepot":"CPP1"}`:                         Ambiguous,
		`{"codeRetour":0.0,"numeroFluxDepot":"CPP1"}`:                        Ambiguous,
		`{"codeRetour":-0,"numeroFluxDepot":"CPP1"}`:                         Ambiguous,
		`{"codeRetour":0e5,"numeroFluxDepot":"CPP1"}`:                        Ambiguous,
		`{"codeRetour":"00","numeroFluxDepot":"CPP1"}`:                       Ambiguous,
		`{"codeRetour":4294967296,"numeroFluxDepot":"CPP1"}`:                 Ambiguous,
		`{"codeRetour":20001,"numeroFluxDepot":"CPP1"}`:                      Ambiguous,
		`{"CodeRetour":0,"numeroFluxDepot":"CPP1"}`:                          Ambiguous,
		`{"codeRetour":0,"NumeroFluxDepot":"CPP1"}`:                          Ambiguous,
		`{"codeRetour":0,"CODERETOUR":20001,"numeroFluxDepot":"CPP1"}`:       Ambiguous,
		`{"codeRetour":20001,"codeRetour":0,"numeroFluxDepot":"CPP1"}`:       Ambiguous,
		`{"codeRetour":0,"codeRetour":0,"numeroFluxDepot":"CPP1"}`:           Ambiguous,
		`{"codeRetour":0,"code\u0052etour":20001,"numeroFluxDepot":"CPP1"}`:  Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":"CPP1","numeroFluxDepot":"CPP2"}`: Ambiguous,
		`{"codeRetour":0,"numeroFluxDepot":"CPP1","numerofluxdepot":"CPP2"}`: Ambiguous,
		`{"data":{"codeRetour":0,"numeroFluxDepot":"CPP1"}}`:                 Ambiguous,
		acceptedBody + `x`:                 Ambiguous,
		acceptedBody + `{}`:                Ambiguous,
		acceptedBody + "\x00":              Ambiguous,
		"\ufeff" + acceptedBody:            Ambiguous,
		acceptedBody[:len(acceptedBody)-1]: Ambiguous,
		strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000):         Ambiguous,
		`{"codeRetour":20001,"libelle":"GDP_MSG_11.022 - trop gros"}`:             Refused,
		`{"codeRetour":"20001","libelle":"GDP_MSG_11_022"}`:                       Refused,
		`{"codeRetour":20002,"libelle":"GDP_MSG_11.022"}`:                         Ambiguous,
		`{"codeRetour":20001,"libelle":"POQ_MSG_01.003"}`:                         Ambiguous,
		`{"codeRetour":20001,"libelle":"GDP_MSG_11.022","numeroFluxDepot":"C 1"}`: Ambiguous,
		`{"codeRetour":20001}`: Ambiguous,
		`{"codeRetour":20123,"libelle":"GDP_MSG_99.999 - inconnu"}`:                    Ambiguous,
		`{"codeRetour":20123,"libelle":"GDP_MSG_99.999 - Cette facture EXISTE DÉJÀ."}`: Duplicate,
		`{"codeRetour":0,"libelle":"existe déjà"}`:                                     Ambiguous,
		`{"error":"invalid_request"}`:                                                  Ambiguous,
	} {
		if got := judged(200, nil, body); got.outcome != want {
			t.Errorf("%.90q: %s (%s), want %s", body, got.outcome, got.detail, want)
		}
	}
}

// TestEveryStatus lists the outcome of a deposit for every HTTP status and kind of answer. What is not named is AMBIGUOUS.
func TestEveryStatus(t *testing.T) {
	account := http.Header{"Www-Authenticate": {`Bearer realm="PISTE",error="Unauthorized",error_description="login or password incorrects"`}}
	token := http.Header{"Www-Authenticate": {`Bearer realm="DefaultRealm", error="invalid_token", error_description="The access token expired."`}}
	always := map[int]Outcome{401: NotLanded, 403: NotLanded, 413: Refused, 429: NotLanded}
	fromGateway := map[int]Outcome{
		400: NotLanded, 401: NotLanded, 403: NotLanded, 404: NotLanded, 405: NotLanded, 413: Refused, 415: NotLanded, 422: NotLanded, 429: NotLanded,
	}
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		want   map[int]Outcome
	}{
		{"empty", nil, "", always},
		{"HTML", nil, "<html>Service indisponible</html>", always},
		{"no codeRetour", nil, "{}", always},
		{"empty, with the gateway's correlation id", http.Header{"X-Correlationid": {"Id-1"}}, "", fromGateway},
		{"the gateway's JSON", nil, `{"error":"invalid_request"}`, fromGateway},
		{"the gateway's other JSON", nil, `{"errors":[{"code":404,"message":"x"}]}`, fromGateway},
		{"challenge for the token", token, "", fromGateway},
		{"challenge for the account", account, "", fromGateway},
		{"unknown codeRetour", nil, `{"codeRetour":20002,"libelle":"GDP_MSG_11.999"}`, map[int]Outcome{413: Refused}},
		{"known codeRetour", nil, `{"codeRetour":20001,"libelle":"GDP_MSG_11.022"}`, map[int]Outcome{400: Refused, 413: Refused}},
		{"duplicate", nil, `{"codeRetour":20009,"libelle":"doublon"}`, map[int]Outcome{400: Duplicate, 413: Refused}},
		{"a codeRetour beside a challenge for the token", token, `{"codeRetour":20002,"libelle":"GDP_MSG_11.999"}`, map[int]Outcome{401: NotLanded, 413: Refused}},
		{"success", nil, acceptedBody, nil},
		{"codeRetour 0", nil, `{"codeRetour":0}`, nil},
		{"flux number", nil, `{"codeRetour":20001,"libelle":"GDP_MSG_11.022","numeroFluxDepot":"CPP1"}`, nil},
	} {
		for status := 201; status <= 599; status++ {
			want := c.want[status]
			if want == "" {
				want = Ambiguous
			}
			v := judged(status, c.header, c.body)
			if v.outcome != want {
				t.Errorf("%s, %d: %s (%s), want %s", c.name, status, v.outcome, v.detail, want)
			}
			if v.fault == "" || v.detail == "" {
				t.Errorf("%s, %d: no fault or words", c.name, status)
			}
		}
	}
	for status, fault := range map[int]Fault{
		302: FaultPortal, 400: FaultConfiguration, 403: FaultSubscription, 404: FaultConfiguration, 413: FaultDocument, 415: FaultConfiguration,
		429: FaultQuota, 500: FaultPortal, 503: FaultPortal, 418: FaultUnknown,
	} {
		if got := judged(status, http.Header{"X-Correlationid": {"Id-1"}}, "").fault; got != fault {
			t.Errorf("%d: %s, want %s", status, got, fault)
		}
	}
	for _, h := range []http.Header{account, token, {}} {
		want := FaultToken
		if h.Get("Www-Authenticate") == account.Get("Www-Authenticate") {
			want = FaultAccount
		}
		if got := judged(401, h, "").fault; got != want {
			t.Errorf("401 %v: %s, want %s", h, got, want)
		}
	}
}

func TestEveryRuleHasAMark(t *testing.T) {
	for i, r := range rules {
		if r.mark == "" || strings.Trim(r.mark, "SPLCAG ") != "" || r.kinds == 0 {
			t.Errorf("rule %d: mark %q, kinds %b", i, r.mark, r.kinds)
		}
		if r.kinds&deposit != 0 && r.outcome == "" {
			t.Errorf("rule %d judges deposits without an outcome", i)
		}
		if r.outcome == Refused && r.kinds&deposit != 0 && !strings.ContainsAny(r.mark, "SPLC") {
			t.Errorf("rule %d refuses without evidence", i)
		}
	}
}

func gzipped(member []byte, times int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(member)
	_ = w.Close()
	return bytes.Repeat(b.Bytes(), times)
}

// TestHostileBodies: answers that are too large, badly packed or cut, over a real connection.
func TestHostileBodies(t *testing.T) {
	zip := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(data)
		}
	}
	bomb := gzipped(make([]byte, 1<<20), 1024) // 1 GiB
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   Outcome
		most   int
	}{
		{"gzip", zip(gzipped([]byte(acceptedBody), 1)), Accepted, len(acceptedBody)},
		{"just fits", answerJSON(200, acceptedBody+strings.Repeat(" ", maxAnswer-len(acceptedBody))), Accepted, maxAnswer},
		{"one byte too many", answerJSON(200, acceptedBody+strings.Repeat(" ", maxAnswer-len(acceptedBody)+1)), Ambiguous, maxAnswer + 1},
		{"1 GiB gzip bomb", zip(bomb), Ambiguous, maxAnswer + 1},
		{"gzip cut", zip(gzipped([]byte(acceptedBody), 1)[:30]), Ambiguous, 1 << 10},
		{"not gzip", zip([]byte(acceptedBody)), Ambiguous, 0},
		{"gzip with a wrong checksum", zip(append(gzipped([]byte(acceptedBody), 1)[:len(gzipped([]byte(acceptedBody), 1))-8], make([]byte, 8)...)), Ambiguous, 1 << 10},
		{"50 MB", func(w http.ResponseWriter, _ *http.Request) {
			chunk := bytes.Repeat([]byte("x"), 1<<20)
			for range 50 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, Ambiguous, maxAnswer + 1},
		{"cut before its announced length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, acceptedBody)
		}, Ambiguous, len(acceptedBody)},
		{"headers without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Big", strings.Repeat("x", maxHeader))
			_, _ = io.WriteString(w, acceptedBody)
		}, Ambiguous, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPortal(t, c.answer)
			r, err := depositOnce(t, p.client(t))
			ex := r.Exchange
			var e *Error
			if errors.As(err, &e) {
				ex = e.Exchange
			}
			if OutcomeOf(err) != c.want || ex.BytesReceived > c.most {
				t.Errorf("%s, %d bytes: %v", OutcomeOf(err), ex.BytesReceived, err)
			}
			if n := len(p.arrived()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestPreparing: nothing leaves, one permit is taken after the token, and errors mean that nothing was sent.
func TestPreparing(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	cfg := p.config()
	b := &countingBudget{}
	cfg.Budget = b
	client := newClient(t, cfg)

	for _, f := range []File{
		{Nom: "", Syntaxe: "S", Contenu: []byte("x")},
		{Nom: "a/b.xml", Syntaxe: "S", Contenu: []byte("x")},
		{Nom: ".xml", Syntaxe: "S", Contenu: []byte("x")},
		{Nom: strings.Repeat("a", 51), Syntaxe: "S", Contenu: []byte("x")},
		{Nom: "a.xml", Contenu: []byte("x")},
		{Nom: "a.xml", Syntaxe: "S"},
		{Nom: "a.xml", Syntaxe: "S", Contenu: make([]byte, MaxFile+1)},
	} {
		if _, err := client.Prepare(t.Context(), f); FaultOf(err) != FaultDocument || OutcomeOf(err) != NotSent {
			t.Errorf("%q %q %d bytes: %v", f.Nom, f.Syntaxe, len(f.Contenu), err)
		}
	}
	if len(b.lanes) != 0 || p.tokens.Load() != 0 {
		t.Error("a hopeless file cost a permit or a token")
	}
	d, err := client.Prepare(t.Context(), aFile)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(b.lanes) != "[submit]" || len(p.arrived()) != 0 {
		t.Errorf("permits %v, requests %d", b.lanes, len(p.arrived()))
	}
	if _, err := d.Send(t.Context(), time.Time{}); err != nil || len(b.lanes) != 1 {
		t.Errorf("Send: %v, permits %v", err, b.lanes)
	}
	b.err = errors.New("breaker open")
	if _, err := client.Prepare(t.Context(), aFile); !errors.Is(err, b.err) || OutcomeOf(err) != NotSent || FaultOf(err) != FaultLocal {
		t.Errorf("without a permit: %v", err)
	}
}

// TestKeptBackAtTheDoor: what may not leave when its connection stands does not, and is not in doubt.
func TestKeptBackAtTheDoor(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	cfg := p.config()
	b := &countingBudget{}
	cfg.Budget = b
	client := newClient(t, cfg)
	if _, err := depositOnce(t, client); err != nil || b.left.Load() != 1 {
		t.Fatalf("%v, %d departures", err, b.left.Load())
	}
	b.denied = errors.New("not now")
	_, err := depositOnce(t, client)
	if !errors.Is(err, b.denied) || OutcomeOf(err) != NotSent || FaultOf(err) != FaultLocal {
		t.Errorf("deposit: %v, %s", err, OutcomeOf(err))
	}
	for range 2 { // with a new connection and, were one kept, an old one
		if _, err := client.Report(t.Context(), LaneReport, "CPP1"); !errors.Is(err, b.denied) || FaultOf(err) != FaultLocal {
			t.Errorf("read: %v", err)
		}
	}
	if n := len(p.arrived()); n != 1 {
		t.Errorf("%d requests arrived, want the first deposit alone", n)
	}
}

// TestLateAtTheDoor: what waited at the door until its time was over does not leave, and is not in doubt.
func TestLateAtTheDoor(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	cfg := p.config()
	cfg.Budget = &countingBudget{slow: 300 * time.Millisecond}
	d, err := newClient(t, cfg).Prepare(t.Context(), aFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Send(t.Context(), time.Now().Add(200*time.Millisecond))
	if OutcomeOf(err) != NotSent || FaultOf(err) != FaultLocal || !strings.Contains(err.Error(), "too late") {
		t.Errorf("%v, %s", err, OutcomeOf(err))
	}
	if n := len(p.arrived()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

type countingBudget struct {
	slow   time.Duration // to depart
	lanes  []Lane
	err    error
	left   atomic.Int64
	denied error
}

func (b *countingBudget) Depart(context.Context) (func(), error) {
	time.Sleep(b.slow)
	return func() { b.left.Add(1) }, b.denied
}

func (b *countingBudget) Take(_ context.Context, lane Lane) error {
	if b.err == nil {
		b.lanes = append(b.lanes, lane)
	}
	return b.err
}

// TestTokenRefused: a deposit is not repeated, but the next one carries a fresh token; a read is repeated once.
func TestTokenRefused(t *testing.T) {
	p := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(401)
			return
		}
		answerJSON(200, acceptedBody)(w, r)
	})
	client := p.client(t)
	if _, err := depositOnce(t, client); FaultOf(err) != FaultToken || OutcomeOf(err) != NotLanded || len(p.arrived()) != 1 {
		t.Errorf("first: %v, %d requests", err, len(p.arrived()))
	}
	if _, err := depositOnce(t, client); err != nil || p.tokens.Load() != 2 {
		t.Errorf("second: %v, %d tokens", err, p.tokens.Load())
	}

	p.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-2" {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(401)
			return
		}
		answerJSON(200, `{"codeRetour":0,"etatCourantDepotFlux":"IN_INTEGRE"}`)(w, r)
	}
	if r, err := client.Report(t.Context(), LaneReport, "CPP1"); err != nil || r.State() != FluxIntegrated || p.tokens.Load() != 3 {
		t.Errorf("read: %v, %d tokens", err, p.tokens.Load())
	}
}

// TestUnclear401 is laid on the token once and on the account when a second token meets it.
func TestUnclear401(t *testing.T) {
	p := newPortal(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	client := p.client(t)
	if _, err := depositOnce(t, client); FaultOf(err) != FaultToken {
		t.Errorf("first: %v", err)
	}
	if _, err := depositOnce(t, client); FaultOf(err) != FaultAccount || OutcomeOf(err) != NotLanded {
		t.Errorf("second: %v", err)
	}
	q := newPortal(t, p.answer)
	if err := q.client(t).Health(t.Context()); FaultOf(err) != FaultAccount || len(q.arrived()) != 2 {
		t.Errorf("read: %v, %d requests", err, len(q.arrived()))
	}
}

func TestShortLivedTokensStillDeposit(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	cfg := p.config()
	cfg.DepositTimeout = 90 * time.Minute // no token lives that long
	client := newClient(t, cfg)
	for range 3 {
		if _, err := depositOnce(t, client); err != nil {
			t.Fatal(err)
		}
	}
	if p.tokens.Load() != 1 {
		t.Errorf("%d tokens for three deposits", p.tokens.Load())
	}
}
