package chorustest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxRequest   = 45 << 20 // beyond it 413 [G: 30 MB flux, in base64]
	maxFailures  = 5        // wrong passwords in a row that lock a technical account
	jsonMedia    = "application/json;charset=utf-8"
	noToken      = `Bearer realm="DefaultRealm", error="invalid_request", error_description="Unable to find token in the message"`
	badToken     = `Bearer realm="DefaultRealm", error="invalid_token", error_description="The access token expired."`
	strangeToken = `Bearer realm="DefaultRealm", error="invalid_token", error_description="Unable to find the access token in persistent storage."`
	badAccount   = `Bearer realm="PISTE",error="Unauthorized",error_description="login or password incorrects"`
	unknownRoute = "unknown"
)

// connection is the context key of a connection's request counter.
type connection struct{}

// call is one request and what is known of it.
type call struct {
	id          int64
	at          time.Time // arrival, virtual
	method      string
	path        string
	op          *operation
	header      http.Header
	contentType string
	length      int64 // as its head says; below 0: not

	basicUser, basicPassword string

	raw        []byte
	size       int  // of the body, without the file in it
	incomplete bool // the client left before the end of the body
	tooLarge   bool
	crowded    bool // no room for its body
	body       object
	malformed  error // of the JSON

	client   string
	token    string // hash
	tokenOK  bool
	ended    time.Time // when the token's life was over, if it is known
	sentAny  bool      // some token was sent
	overrun  bool      // beyond the quota
	account  *account
	login    string
	password string

	file       []byte // decoded fichierFlux; dropped when read
	fileSHA    string
	documents  []*Facts
	fault      *Fault
	why        string // it is refused, for whoever reads the answer
	correlated string
}

// numero is the invoice a request is about, if one can tell, for faults that wait for it.
func (c *call) numero(s *Sim) string {
	if numero := c.numeroSaid(); numero != "" {
		return numero
	}
	return s.numeroAsked(c.body)
}

// numeroSaid is the number that the request itself holds.
func (c *call) numeroSaid() string {
	if len(c.documents) > 0 {
		return c.documents[0].Numero
	}
	for _, name := range []string{"numeroFacture", "numeroFactureSaisi"} {
		if n := c.body.text(name); n != "" {
			return n
		}
	}
	return ""
}

// numeroAsked is the invoice that is meant by a flux or an identifier.
func (s *Sim) numeroAsked(body object) string {
	if fl := s.flux(body.text("numeroFluxDepot")); fl != nil {
		return s.facts(fl.document(0).line).Numero
	}
	for _, name := range []string{"idFacture", "identifiantFactureCPP"} {
		if f := s.facture(body.integer(name)); f != nil {
			return f.facts().Numero
		}
	}
	return ""
}

// holds tells that one of the documents of a deposit has this number.
func (c *call) holds(numero string) bool {
	return slices.ContainsFunc(c.documents, func(f *Facts) bool { return f.Numero == numero })
}

// serveAPI is the API and token door: it counts, reads, records, judges and answers one request.
func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/openapi.json") { // the portal has neither: this is no request to it
		s.serveAbout(w, r)
		return
	}
	c := s.arrive(r)
	release, room := s.room(r)
	defer release()
	if !room {
		c.why, c.crowded = "too many large requests at once: more than 256 MB of them", true
	} else {
		c.read(http.MaxBytesReader(w, r.Body, maxRequest))
	}
	s.admit(c, r)
	a := s.answer(c)
	s.send(w, r, c, a)
}

// arrive counts the request at the moment its headers are here, before its body is.
func (s *Sim) arrive(r *http.Request) *call {
	c := &call{
		length: r.ContentLength,
		id:     s.requestID.Add(1), method: r.Method, path: r.URL.Path, header: r.Header, contentType: r.Header.Get("Content-Type"),
	}
	c.basicUser, c.basicPassword, _ = r.BasicAuth()
	c.op = operations[r.Method+" "+r.URL.Path]
	c.correlated = fmt.Sprintf("Id-%08x%08x %d", uint32(s.cfg.Seed), uint32(c.id), c.id)
	if login, err := base64.StdEncoding.DecodeString(r.Header.Get("cpro-account")); err == nil {
		c.login, c.password, _ = strings.Cut(string(login), ":")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c.at = s.now()
	if c.path != tokenPath {
		t, hash, sent := s.bearer(r.Header.Get("Authorization"))
		c.token, c.sentAny = hash, sent
		switch {
		case t == nil:
		case !c.at.Before(t.end):
			c.ended = t.end
		default:
			c.client, c.tokenOK = t.client, true
			c.overrun = s.count(c.client, time.Now())
		}
	}
	s.open[c.id] = &openRequest{call: c, since: c.at}
	return c
}

// opName names the operation in the ledger, in faults and in statistics.
func (c *call) opName() string {
	switch {
	case c.path == tokenPath:
		return "token"
	case c.op == nil:
		return unknownRoute
	}
	return c.op.name
}

// read takes the whole body, and the facts of the document in it, without the lock.
func (c *call) read(body io.Reader) {
	raw, err := readAll(body, c.length)
	c.raw, c.size = raw, len(raw)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		c.tooLarge, c.raw = true, nil
		return
	}
	if err != nil {
		c.incomplete = true
		return
	}
	if c.path == tokenPath || c.op == nil {
		return
	}
	if c.method == http.MethodGet {
		return
	}
	if c.body, c.malformed = readObject(raw); c.malformed != nil {
		if reason := c.odd(raw); reason != "" {
			c.malformed = errors.New(reason)
		}
	}
	c.raw = nil
	if c.op.name == "deposer/flux" {
		file, err := base64.StdEncoding.DecodeString(c.body.text("fichierFlux"))
		if err == nil && len(file) > 0 {
			c.file, c.fileSHA = file, sum(file)
			c.size -= len(c.body.text("fichierFlux"))
			if len(file) <= maxFile || bytes.HasPrefix(file, []byte{0x1f, 0x8b}) {
				c.documents = readFile(file)
			}
		}
	}
}

// noToken says what was sent in its place.
func (c *call) noToken() string {
	scheme, _, _ := strings.Cut(strings.TrimSpace(c.header.Get("Authorization")), " ")
	switch {
	case scheme == "":
		return "no token was sent"
	case scheme == "Bearer":
		return "no token was sent: nothing follows Bearer in the Authorization header"
	case strings.EqualFold(scheme, "bearer"):
		return "no token was sent: the Authorization header has to begin with Bearer, written so" // whether PISTE minds is not known [G]
	}
	return "no token was sent: the Authorization header does not begin with Bearer"
}

// odd says what the bytes of a body are that no JSON begins with; "" when nothing is known.
func (c *call) odd(raw []byte) string {
	switch {
	case !isOneOf(c.header.Get("Content-Encoding"), []string{"", "identity"}) || bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		return "it is compressed, and the portal is not known to take that"
	case bytes.HasPrefix(raw, []byte("\ufeff")):
		return "it begins with a byte order mark"
	}
	return ""
}

// readAll is io.ReadAll with room for what is to come, if that is not much.
func readAll(body io.Reader, length int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+max(0, min(length, largeBody))))
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// readObject reads one JSON object. A number stays as it was written.
func readObject(raw []byte) (body object, err error) {
	values := 0
	for _, mark := range []string{",", "[", "{"} {
		values += bytes.Count(raw, []byte(mark))
	}
	if values > maxValues { // in memory each is many times as large as in the request
		return nil, fmt.Errorf("it has more than %d values", maxValues)
	}
	if body, plain := readPlainObject(raw); plain {
		return body, nil
	}
	return readAnyObject(raw)
}

// readAnyObject reads what is not plain.
func readAnyObject(raw []byte) (body object, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		var other *json.UnmarshalTypeError
		switch {
		case errors.Is(err, io.EOF):
			err = errors.New("it is empty: {} is wanted where nothing is asked")
		case errors.As(err, &other):
			err = errors.New("it is an " + other.Value)
			if other.Value != "array" {
				err = errors.New("it is a " + other.Value)
			}
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return body, errors.New("something follows the JSON object")
	}
	if body == nil {
		return nil, errors.New("null is not an object")
	}
	return body, nil
}

// admit writes the request into the ledger.
func (s *Sim) admit(c *call, r *http.Request) {
	e := Entry{
		At: c.at, Type: "request", Request: c.id, Op: c.opName(), Client: c.client, Account: short(c.login),
		NomFichier: short(c.body.text("nomFichier")), FileSHA256: c.fileSHA, Bytes: int64(len(c.file)), Incomplete: c.incomplete,
		UserAgent: short(r.UserAgent()), IdempotencyKey: short(r.Header.Get("Idempotency-Key")), Correlation: c.correlated,
	}
	if served, ok := r.Context().Value(connection{}).(*atomic.Int64); ok {
		e.Reused = served.Add(1) > 1
	}
	if e.Op == unknownRoute {
		e.Reason = short(c.method + " " + c.path)
	}
	switch {
	case len(c.documents) == 1:
		e.Facts = c.documents[0]
	case len(c.documents) > 1:
		e.Documents = c.documents
	case c.body.text("numeroFacture") != "":
		e.Facts = &Facts{Numero: short(c.body.text("numeroFacture"))}
	case c.body.text("numeroFactureSaisi") != "":
		e.Facts = &Facts{Numero: short(c.body.text("numeroFactureSaisi"))}
	}
	e.Flux = short(c.body.text("numeroFluxDepot"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(e)
}

// answer applies the gateway's checks in PISTE's order, then a fault if one is due, then the operation.
func (s *Sim) answer(c *call) answer {
	switch {
	case c.crowded:
		return html(http.StatusServiceUnavailable, unavailable)
	case c.incomplete:
		return answer{wire: wireDrop}
	}
	if c.path == tokenPath {
		return s.withFault(c, s.serveToken)
	}
	if a, refused := s.gate(c); refused {
		return a
	}
	return s.withFault(c, s.operate)
}

// gate is everything that PISTE checks before Chorus Pro hears of the request.
func (s *Sim) gate(c *call) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !c.sentAny:
		s.violateLocked(c, c.noToken())
		return challenge(http.StatusBadRequest, noToken), true
	case !c.tokenOK:
		return s.deadToken(c), true
	case c.op == nil && c.declaredOnly():
		c.why = "not simulated"
		return plain(http.StatusForbidden), true
	case c.op == nil:
		s.violateLocked(c, "undeclared route "+c.method+" "+short(c.path)+c.meant())
		return plain(http.StatusForbidden), true
	case slices.Contains(s.clients[c.client].Unsubscribed, c.op.api):
		c.why = "the application has not subscribed to " + c.op.api
		return plain(http.StatusForbidden), true
	case c.overrun:
		c.why = "beyond the quota"
		return tooMany("1", throttle), true
	}
	if !s.login(c) {
		return challenge(http.StatusUnauthorized, badAccount), true
	}
	if c.tooLarge {
		c.why = "the request is larger than 45 MB"
		return plain(http.StatusRequestEntityTooLarge), true
	}
	if c.method == http.MethodPost && c.contentType != jsonMedia {
		media, params, err := mime.ParseMediaType(c.contentType)
		if err != nil || media != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
			s.violateLocked(c, "Content-Type "+strconv.Quote(c.contentType)+" is not application/json;charset=utf-8")
			return plain(http.StatusUnsupportedMediaType), true
		}
	}
	return answer{}, false
}
