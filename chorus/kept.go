package chorus

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mostKept bounds what is kept of an answer's body, in bytes. A deposit's answer has some hundred.
const mostKept = 64 << 10

// keptHeaders are the headers of an answer that are kept: those that say when, who, and how often, and never a cookie.
var keptHeaders = []string{"Content-Type", "Content-Length", "Date", "Server", "Via", "Retry-After", "X-Correlationid", "X-Piste-Request-Id", "X-Request-Id", "X-Error-Message"}

// Kept is one request and its answer as they were, for evidence. The token, the account and every secret of this client are taken out; the file in the request's body is
// left out, for the caller has it.
type Kept struct {
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Fields  string            `json:"fields"` // the body's JSON without the file
		Bytes   int64             `json:"bytes"`  // of the whole body
		Started time.Time         `json:"started"`
	} `json:"request"`
	Answer *KeptAnswer `json:"answer"` // null: none came
}

// KeptAnswer is what came back.
type KeptAnswer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`  // at most 64 KiB of it, as text
	Cut     bool              `json:"cut"`   // there was more
	Bytes   int               `json:"bytes"` // as far as it was read
	TookMS  int64             `json:"took_ms"`
}

// Kept is what is to be kept of the request after Send, as JSON; nil before it.
func (d *Deposit) Kept() []byte { return d.kept }

func (d *Deposit) keep(r reply, hide redactor) {
	var k Kept
	k.Request.Method, k.Request.Path, k.Request.Bytes, k.Request.Started = d.req.Method, d.req.URL.Path, d.body.Size(), r.Started.UTC()
	k.Request.Headers = map[string]string{}
	for name, values := range d.req.Header {
		if k.Request.Headers[name] = strings.Join(values, ", "); name == "Authorization" || strings.EqualFold(name, "cpro-account") {
			k.Request.Headers[name] = redacted
		}
	}
	if f, ok := d.body.body.(*fileBody); ok {
		k.Request.Fields = hide.hide(strings.ToValidUTF8(string(f.head)+"…"+string(f.tail), "�"))
	}
	if r.Status != 0 {
		k.Answer = &KeptAnswer{Status: r.Status, Headers: map[string]string{}, Bytes: len(r.body), Cut: len(r.body) > mostKept, TookMS: r.Took.Milliseconds()}
		// The whole is looked at before it is cut, so that no half of a secret stays.
		body := hide.hide(strings.ToValidUTF8(string(r.body[:min(len(r.body), maxAnswer)]), "�"))
		k.Answer.Body = strings.ToValidUTF8(body[:min(len(body), mostKept)], "")
		for name, values := range r.header {
			if slices.Contains(keptHeaders, http.CanonicalHeaderKey(name)) {
				k.Answer.Headers[name] = hide.hide(strings.ToValidUTF8(strings.Join(values, ", "), "�"))
			}
		}
	}
	d.kept, _ = json.Marshal(k) // texts and numbers: nothing that could fail
}
