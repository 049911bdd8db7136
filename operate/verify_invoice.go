package operate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/choriste/choriste/store"
)

// invoice reads the files of one invoice, checks what they say of each other, and returns them; nil when they cannot be read.
func (a *archive) invoice(i EvidenceInvoice, listed []EvidenceFile) *evidence {
	dir := strconv.FormatInt(i.ID, 10)
	files := map[string][]byte{}
	var sum int
	for _, f := range listed {
		data := a.read(f.Name)
		if len(data) != f.Bytes || hexSum(data) != f.SHA256 {
			a.bad("%s: it was altered", f.Name)
		}
		if sum += len(data); sum > mostInvoiceFiles {
			a.bad("%s: its files are larger than any that were written", dir)
			return nil
		}
		files[f.Name] = data
	}
	e, ok := a.parse(i.ID, listed, files)
	if !ok {
		return nil
	}
	before := len(a.Wrong)
	a.rewritten(e, listed, files)
	a.said(dir, e)
	if len(a.Wrong) > before {
		return e
	}
	a.told(dir, e, i.Head)
	return e
}

// parse turns files into what they were written of.
func (a *archive) parse(id int64, listed []EvidenceFile, files map[string][]byte) (*evidence, bool) {
	dir := strconv.FormatInt(id, 10)
	e := &evidence{id: id, invoice: string(files[dir+"/invoice.json"])}
	if e.document = files[dir+"/document.xml"]; e.document == nil {
		e.document = files[dir+"/document.pdf"]
	}
	last := 0
	for _, f := range listed { // a quarantine leaves numbers out
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(f.Name, dir+"/attempt-"), ".json")); err == nil && n > last {
			e.attempts = append(e.attempts, evidenceAttempt{n, string(files[f.Name]), files[fmt.Sprintf("%s/exchange-%d.json", dir, n)]})
			last = n
		}
	}
	for line := range bytes.Lines(files[dir+"/events.jsonl"]) {
		var c ChainedEvent
		if json.Unmarshal(line, &c) != nil || !json.Valid([]byte(c.Text)) || len(e.events) == mostEvents {
			a.bad("%s/events.jsonl: line %d cannot be read", dir, len(e.events)+1)
			return nil, false
		}
		e.events = append(e.events, c)
	}
	a.Events += len(e.events)
	return e, true
}

// rewritten writes the files again, the summaries for people included, and compares every byte.
func (a *archive) rewritten(e *evidence, listed []EvidenceFile, files map[string][]byte) {
	again, err := e.files()
	if err != nil {
		a.bad("%d: its files cannot be read as they were written", e.id)
		return
	}
	names := map[string]bool{}
	for k, f := range again {
		names[f.name] = true
		if data, there := files[f.name]; there && !bytes.Equal(data, f.data) {
			a.bad("%s: it is not what the other files say", f.name)
		}
		if k >= len(listed) || listed[k].Name != f.name {
			a.bad("%s: it is not in its place", f.name)
		}
	}
	for _, f := range listed {
		if !names[f.Name] {
			a.bad("%s: no archive has such a file, or it belongs to nothing", f.Name)
		}
	}
}

// said checks that the document is the one of which the invoice's text tells.
func (a *archive) said(dir string, e *evidence) {
	var i struct {
		ID     int64  `json:"id"`
		SHA256 string `json:"document_sha256"`
		Bytes  int    `json:"document_bytes"`
	}
	if json.Unmarshal([]byte(e.invoice), &i) != nil || i.ID != e.id {
		a.bad("%s/invoice.json: it is not that of invoice %d", dir, e.id)
	} else if e.document == nil {
		if at, sum := e.purged(); at == "" || sum != i.SHA256 {
			a.bad("%s/document: it is missing, and no event says that it was purged", dir)
		}
	} else if i.SHA256 != hexSum(e.document) || i.Bytes != len(e.document) {
		a.bad("%s/document: it is not the one that invoice.json tells of", dir)
	}
}

// purged says when the document was purged, and what its SHA-256 was; "" when no event of the archive says so.
func (e *evidence) purged() (at, sum string) {
	for _, line := range e.events {
		var t struct {
			At     string `json:"at"`
			Code   string `json:"reason_code"`
			Detail struct {
				SHA256 string `json:"sha256"`
			} `json:"detail"`
		}
		if json.Unmarshal([]byte(line.Text), &t) == nil && t.Code == store.EventPurged && at == "" {
			at, sum = t.At, t.Detail.SHA256
		}
	}
	return at, sum
}

// eventText is what the check needs of an event's text.
type eventText struct {
	Seq           int64   `json:"seq"`
	InvoiceID     int64   `json:"invoice_id"`
	From          *string `json:"from_state"`
	To            *string `json:"to_state"`
	Attempt       int     `json:"attempt"`
	AttemptSHA256 string  `json:"attempt_sha256"`
	AttemptLooks  int     `json:"attempt_looks"`
	InvoiceSHA256 string  `json:"invoice_sha256"`
}

// told checks the history, and by its hashes the invoice and each attempt.
func (a *archive) told(dir string, e *evidence, head EvidenceHead) {
	latest := map[int]eventText{} // by attempt: the last event that names it
	var before eventText
	var last string
	for k, line := range e.events {
		var t eventText
		if json.Unmarshal([]byte(line.Text), &t) != nil || t.InvoiceID != e.id {
			a.bad("%s/events.jsonl: line %d is no event of invoice %d", dir, k+1, e.id)
			continue
		}
		prior, err := hex.DecodeString(line.Before)
		if sum := sha256.Sum256(append(prior, line.Text...)); err != nil || hex.EncodeToString(sum[:]) != line.Hash {
			a.bad("%s/events.jsonl: event %d was altered", dir, t.Seq)
		}
		if t.Seq <= before.Seq || t.Seq == before.Seq+1 && k > 0 && line.Before != last {
			a.bad("%s/events.jsonl: event %d does not follow on the one before it", dir, t.Seq)
		}
		if k == 0 && (t.From != nil || t.To == nil) {
			a.bad("%s/events.jsonl: it does not begin with the insertion of the invoice: events were removed", dir)
		}
		if t.Seq > head.Seq || t.Seq == head.Seq && line.Hash != head.SHA256 {
			a.bad("%s/events.jsonl: event %d does not agree with the head in manifest.json", dir, t.Seq)
		}
		before, last = t, line.Hash
		if t.AttemptSHA256 != "" {
			latest[t.Attempt] = t
		}
		if t.InvoiceSHA256 != "" && t.InvoiceSHA256 != hexSum([]byte(e.invoice)) {
			a.bad("%s/invoice.json: it is not what was sent, by event %d", dir, t.Seq)
		}
	}
	for _, x := range e.attempts {
		t, named := latest[x.n]
		if !named {
			a.bad("%s/attempt-%d.json: no event names it: it was added, or events were removed", dir, x.n)
			continue
		}
		delete(latest, x.n)
		a.attempt(dir, e, x, t)
	}
	for n := range latest {
		a.bad("%s/attempt-%d.json: it is missing, and event %d names it", dir, n, latest[n].Seq)
	}
}

// attempt compares an attempt with what the last event says that names it, and its exchange and document with what it says itself.
func (a *archive) attempt(dir string, e *evidence, x evidenceAttempt, t eventText) {
	var w struct {
		Invoice  int64           `json:"invoice_id"`
		N        int             `json:"n"`
		Lookups  json.RawMessage `json:"lookups"`
		Evidence struct {
			Exchange string `json:"exchange_sha256"`
		} `json:"evidence"`
		SHA256 string `json:"sha256"`
	}
	var looks []json.RawMessage
	if json.Unmarshal([]byte(x.text), &w) != nil || json.Unmarshal(w.Lookups, &looks) != nil || len(looks) < t.AttemptLooks || w.Invoice != e.id || w.N != x.n {
		a.bad("%s/attempt-%d.json: it is not what history says", dir, x.n)
		return
	}
	// Look-ups that came after the event are not in its hash.
	var then []string
	for _, l := range looks[:t.AttemptLooks] {
		then = append(then, string(l))
	}
	const key = `"lookups": `
	text := strings.Replace(x.text, key+string(w.Lookups), key+"["+strings.Join(then, ", ")+"]", 1)
	if hexSum([]byte(text)) != t.AttemptSHA256 {
		a.bad("%s/attempt-%d.json: it is not what event %d says", dir, x.n, t.Seq)
	}
	if x.exchange != nil && hexSum(x.exchange) != w.Evidence.Exchange {
		a.bad("%s/exchange-%d.json: it is not the exchange of this attempt", dir, x.n)
	}
	if e.document != nil && w.SHA256 != hexSum(e.document) {
		a.bad("%s/document: it is not what attempt %d sent", dir, x.n)
	}
}
