package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
)

// scrubber takes everything out of an exchange that is somebody's. It knows what may stay, and replaces all else: a field that nobody has heard of is replaced.
type scrubber struct {
	*masker
	vocabulary

	mu      sync.Mutex
	secrets []string
	guard   chorus.Redactor // of the secrets; nothing may show one, in whatever encoding
}

func newScrubber(keep []string) *scrubber {
	s := &scrubber{masker: newMasker(), vocabulary: knownWords()}
	if len(keep) > 0 {
		words := map[string]bool{}
		for w := range s.words {
			words[w] = true
		}
		for _, w := range keep {
			words[strings.ToLower(w)] = true
		}
		s.words = words
	}
	return s
}

const (
	mostRows   = 50   // of a list
	mostText   = 1000 // of one value
	mostPage   = 500  // of a page of HTML
	labelPlain = "secret"

	mostCredentials = 64 << 10 // of a body that is looked through for secrets: what carries them is short
)

// learn remembers a secret, so that nothing shows it later.
func (s *scrubber) learn(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := false
	for _, secret := range secrets {
		if secret != "" && !slices.Contains(s.secrets, secret) && len(s.secrets) < 10_000 {
			s.secrets, fresh = append(s.secrets, secret), true
		}
	}
	if fresh {
		s.guard = chorus.NewRedactor(s.secrets...)
	}
}

func (s *scrubber) shows(text string) bool {
	s.mu.Lock()
	guard := s.guard
	s.mu.Unlock()
	return guard.Shows(text)
}

// learnFrom takes the secrets out of a request, whether it carries them in its headers, its query, a form or JSON, and out of its answer, before anything is written.
func (s *scrubber) learnFrom(h http.Header, form url.Values, asked, answer []byte) {
	if _, token, found := strings.Cut(h.Get("Authorization"), " "); found {
		s.learn(token)
	}
	if user, password, ok := (&http.Request{Header: h}).BasicAuth(); ok {
		s.learn(user, password)
	}
	account := h.Get("cpro-account")
	s.learn(account)
	if plain, err := base64.StdEncoding.DecodeString(account); err == nil {
		login, password, _ := strings.Cut(string(plain), ":")
		s.learn(login, password)
	}
	for _, name := range h.Values("Cookie") {
		s.learn(name)
	}
	for name, values := range form {
		if secretKinds[strings.ToLower(name)] != "" {
			s.learn(values...)
		}
	}
	for _, body := range [][]byte{asked, answer} {
		var o map[string]any
		if len(body) > mostCredentials || json.Unmarshal(body, &o) != nil {
			continue
		}
		for name, value := range o {
			if text, is := value.(string); is && secretKinds[strings.ToLower(name)] != "" {
				s.learn(text)
			}
		}
	}
}

// secretKinds are the fields, in whatever form a client sends them, whose values are labelled: not even their length is kept.
var secretKinds = map[string]string{
	"client_id": "client", "client_secret": labelPlain, "password": "password", "motdepasse": "password", "username": "login", "login": "login",
	"access_token": "token", "refresh_token": "token", "id_token": "token",
}

// headers keeps those that say something, and the names of others.
func (s *scrubber) headers(h http.Header) (kept map[string]string, others []string) {
	kept = map[string]string{}
	for name, values := range h {
		value := values[0]
		switch {
		case name == "Authorization":
			scheme, secret, _ := strings.Cut(value, " ")
			if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "basic") {
				scheme, secret = "other", value
			}
			kept[name] = scheme + " " + s.label("token", secret)
		case name == "Cpro-Account":
			kept[name] = s.account(value)
		case name == "Content-Type":
			kept[name] = s.contentType(value)
		case name == "Retry-After" || name == "X-Rate-Limit":
			kept[name] = s.limits(value)
		case plainHeaders[name]:
			kept[name] = s.message(value)
		case s.shows(name) || len(name) > 60:
		case headerForm.MatchString(name):
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return kept, others
}

var (
	mediaForm = regexp.MustCompile(`^(application|text)/(json|xml|pdf|zip|plain|html|octet-stream|x-www-form-urlencoded|problem\+json)$`)
	limitForm = regexp.MustCompile(`^\d{1,6}$|^\[\{"window":\d{1,6},"type":"throttle","remaining":\d{1,6}\}\]$`)
)

// contentType keeps the types that there are.
func (s *scrubber) contentType(value string) string {
	media, params, err := mime.ParseMediaType(value)
	charset := strings.ToLower(params["charset"])
	if err != nil || !mediaForm.MatchString(media) || charset != "" && charset != "utf-8" && charset != "iso-8859-1" {
		return s.text(value)
	}
	if charset != "" {
		media += ";charset=" + charset
	}
	return media
}

// limits keeps what a gateway says of its quota.
func (s *scrubber) limits(value string) string {
	if _, err := http.ParseTime(value); err == nil || limitForm.MatchString(value) {
		return value
	}
	return s.text(value)
}

var headerForm = regexp.MustCompile(`^(X-(Correlationid|Request-Id|Piste-Request-Id|Error-Message|Frame-Options|Content-Type-Options|Xss-Protection|Powered-By|Forwarded-For|Chorus-Sim)|Content-Length|Date|Server|Via|Accept|Accept-Language|User-Agent|Cache-Control|Connection|Content-Security-Policy|Etag|Expires|Keep-Alive|Last-Modified|Location|Pragma|Referrer-Policy|Set-Cookie|Cookie|Strict-Transport-Security|Transfer-Encoding|Vary)$`)

// account stands for login and password, in the form that they have.
func (s *scrubber) account(value string) string {
	plain, err := base64.StdEncoding.DecodeString(value)
	login, password, found := strings.Cut(string(plain), ":")
	if err != nil || !found {
		return "unreadable"
	}
	return base64.StdEncoding.EncodeToString([]byte(s.label("login", login) + ":" + s.label("password", password)))
}

// method keeps those of HTTP: a client may put any word in its place.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return m
	}
	return "OTHER"
}

// path keeps the routes that there are.
func (s *scrubber) path(p string) string {
	if route, own := strings.CutPrefix(p, "/cpro/"); p == tokenPath || own && s.Routes[route] {
		return p
	}
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if i == 1 && part == "cpro" || regexp.MustCompile(`^v\d$`).MatchString(part) || s.isRoutePart(part) {
			continue
		}
		parts[i] = s.text(part)
	}
	return strings.Join(parts, "/")
}

func (s *scrubber) isRoutePart(part string) bool {
	for route := range s.Routes {
		if slices.Contains(strings.Split(route, "/"), part) {
			return true
		}
	}
	return false
}

// gatewayTexts are PISTE's whole texts. They stay even when a secret has a word of theirs within it, as passwords have "password".
var gatewayTexts = regexp.MustCompile(`login or password incorrects|The access token expired|Unable to find the access token in persistent storage|Unable to find token in the message`)

// message masks all words of a text but the portal's own.
func (s *scrubber) message(text string) string {
	var out strings.Builder
	for {
		at := gatewayTexts.FindStringIndex(text)
		if at == nil {
			out.WriteString(s.ownWords(text))
			return out.String()
		}
		out.WriteString(s.ownWords(text[:at[0]]))
		out.WriteString(text[at[0]:at[1]])
		text = text[at[1]:]
	}
}

func (s *scrubber) ownWords(text string) string {
	var out strings.Builder
	begins := true
	eachWord(text, func(part string, isWord bool) {
		switch {
		case !isWord:
			begins = begins && strings.TrimSpace(part) == "" || strings.ContainsAny(part, ".!?:|-\"'’(")
		case s.shows(part):
			part, begins = s.label(labelPlain, part), false
		case s.keeps(part, begins):
			begins = false
		default:
			part, begins = s.word(part), codeForm.MatchString(part)
		}
		out.WriteString(part)
	})
	return out.String()
}

// body masks a body, whatever it is.
func (s *scrubber) body(m *Message, h http.Header, body []byte) {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case len(body) == 0:
	case h.Get("Content-Encoding") != "" && h.Get("Content-Encoding") != "identity":
		m.LeftOut = "it is encoded"
	case media == "application/x-www-form-urlencoded":
		m.Form = s.form(body)
	case media == "text/html":
		text := tags.ReplaceAllString(string(body[:min(len(body), 64<<10)]), " ")
		m.Text = s.message(strings.Join(strings.Fields(text), " "))
		m.Text = string([]rune(m.Text)[:min(len([]rune(m.Text)), mostPage)])
	default:
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			m.LeftOut = "it is no JSON"
			return
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			m.LeftOut = "something follows the JSON"
			return
		}
		m.JSON = s.value("", v)
	}
}

var tags = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]*>`)

func (s *scrubber) form(body []byte) map[string]string {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return map[string]string{"left_out": "it is no form"}
	}
	form := map[string]string{}
	for name, all := range values {
		value := all[0]
		switch {
		case secretKinds[strings.ToLower(name)] != "":
			value = s.label(secretKinds[strings.ToLower(name)], value)
		case s.shows(value):
			value = s.label(labelPlain, value)
			if !s.knowsKey(name) {
				name = s.text(name)
			}
		case name == "grant_type" || name == "scope":
			value = s.message(value)
		case !s.knowsKey(name):
			name, value = s.text(name), s.text(value)
		default:
			value = s.text(value)
		}
		form[name] = value
	}
	return form
}

// value masks what stands under a key.
func (s *scrubber) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		masked := map[string]any{}
		for name, inner := range v {
			shown := name
			if secretKinds[strings.ToLower(name)] == "" && !oauthKeys[name] && !s.knowsKey(name) || s.shows(name) {
				shown = "unknown_" + s.text(name)
			}
			masked[shown] = s.value(name, inner)
		}
		return masked
	case []any:
		masked := make([]any, 0, min(len(v), mostRows+1))
		for i, inner := range v {
			if i == mostRows {
				masked = append(masked, map[string]any{"left_out": "rows", "count": len(v) - mostRows})
				break
			}
			masked = append(masked, s.value(key, inner))
		}
		return masked
	case json.Number:
		return s.numeral(key, v)
	case string:
		return s.string(key, v)
	}
	return v // true, false, null
}

func (s *scrubber) numeral(key string, n json.Number) any {
	text := n.String()
	if smallNumbers[key] && len(text) <= 6 {
		return n
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if strings.ContainsAny(text, "eE") {
		return json.Number("1e1")
	}
	return json.Number(sign + s.word(text))
}

var dateForm = regexp.MustCompile(`^(19|20)\d\d-[01]\d-[0-3]\d([T ][0-2]\d:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-][0-2]\d:?[0-5]\d)?)?$`)

// string masks a text under a key.
func (s *scrubber) string(key, text string) any {
	switch {
	case secretKinds[strings.ToLower(key)] != "":
		return s.label(secretKinds[strings.ToLower(key)], text)
	case strings.HasSuffix(key, "_token"):
		return s.label("token", text)
	case slices.Contains(s.Files, key):
		return s.file(text)
	case len(text) > mostText:
		return map[string]any{"left_out": "text", "bytes": len(text)}
	case (text == "" || dateForm.MatchString(text) || s.Values[text]) && !s.shows(text):
		return text
	case messageKeys[key]:
		return s.message(text)
	case s.shows(text):
		return s.label(labelPlain, text)
	case oauthKeys[key]:
		return s.message(text)
	}
	return s.text(text)
}

// file leaves a file out, and keeps what the simulator needs to make another one: the facts of an invoice, masked.
func (s *scrubber) file(text string) any {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return map[string]any{"left_out": "no base64", "bytes": len(text)}
	}
	f := File{LeftOut: "file", Bytes: len(raw), Fingerprint: s.fingerprint(raw)}
	for _, d := range chorustest.ReadFile(raw) {
		if len(f.Documents) < mostRows && d.Numero != "" {
			f.Documents = append(f.Documents, s.facts(d))
		}
	}
	return f
}

// oauthKeys are the fields of a request for a token that are no secrets.
var oauthKeys = setOf(`grant_type scope`)

var (
	cadreForm    = regexp.MustCompile(`^[ABMS][0-9]{1,2}$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// facts masks what is read out of an invoice.
func (s *scrubber) facts(d *chorustest.Facts) *chorustest.Facts {
	masked := &chorustest.Facts{Syntaxe: d.Syntaxe, DefectKind: d.DefectKind, Octets: d.Octets}
	for _, x := range []struct {
		to   *string
		from string
	}{
		{&masked.Numero, d.Numero},
		{&masked.Date, d.Date},
		{&masked.Type, d.Type},
		{&masked.Fournisseur, d.Fournisseur},
		{&masked.Destinataire, d.Destinataire},
		{&masked.Service, d.Service},
		{&masked.Engagement, d.Engagement},
		{&masked.HT, d.HT},
		{&masked.TTC, d.TTC},
		{&masked.APayer, d.APayer},
	} {
		if text, is := s.string("", x.from).(string); is {
			*x.to = text
		}
	}
	if cadreForm.MatchString(d.Cadre) {
		masked.Cadre = d.Cadre
	}
	if currencyForm.MatchString(d.Devise) {
		masked.Devise = d.Devise
	}
	return masked
}
