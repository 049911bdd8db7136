package chorus

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Decoding is lenient about what the portal has been seen to vary (docs/chorus-pro.md §4): numbers may be strings, lists
// may be a single object, anything may be null, absent or unknown to us. It is strict about what makes an answer
// believable: one whole JSON object, no key twice, the essential keys in their own letter case. encoding/json alone takes
// {"CODERETOUR":1,"codeRetour":0} for a success.

// object is a JSON object whose keys are as they were sent, each once.
type object map[string]json.RawMessage

var errNotObject = errors.New("not one JSON object with distinct keys")

func parseObject(data []byte) (object, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' || !json.Valid(data) { // Valid refuses anything after the object
		return nil, errNotObject
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	o := object{}
	for dec.More() {
		key, err := dec.Token()
		name, isString := key.(string)
		var value json.RawMessage
		if err != nil || !isString || dec.Decode(&value) != nil {
			return nil, errNotObject
		}
		if _, twice := o[name]; twice {
			return nil, errNotObject
		}
		o[name] = value
	}
	return o, nil
}

// otherCase tells whether a key of o differs from one of keys by letter case alone.
func (o object) otherCase(keys ...string) bool {
	for k := range o {
		for _, want := range keys {
			if k != want && strings.EqualFold(k, want) {
				return true
			}
		}
	}
	return false
}

func (o object) absent(key string) bool { return len(o[key]) == 0 || string(o[key]) == "null" }

// text gives a string or the digits of a number; "" for anything else. It is cleaned and at most 2 KiB.
func (o object) text(key string) string { return clean(o.raw(key), maxText) }

func (o object) raw(key string) string {
	v := o[key]
	if len(v) == 0 {
		return ""
	}
	switch c := v[0]; {
	case c == '"':
		var s string
		_ = json.Unmarshal(v, &s)
		return s
	case c == '-' || c >= '0' && c <= '9':
		return string(v)
	}
	return ""
}

// free is a text written for people, in which a secret of ours could be repeated.
func (o object) free(key string, hide redactor) string {
	return clean(hide.hide(o.raw(key)), maxText)
}

// siret is an identifier that AIFE has shown as a number, which loses leading zeros.
func (o object) siret(key string) string {
	s := o.text(key)
	if v := o[key]; len(v) > 0 && v[0] != '"' && len(s) >= 11 && len(s) < 14 && strings.Trim(s, "0123456789") == "" {
		s = strings.Repeat("0", 14-len(s)) + s
	}
	return s
}

func (o object) date(key string) Date { return parseDate(o.text(key)) }

// integer gives a whole number written as a number or in quotes, in its shortest form; false for anything else.
func (o object) integer(key string) (int64, bool) {
	s := o.raw(key)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// id is an integer of the portal's; 0 when absent.
func (o object) id(key string) int64 {
	n, _ := o.integer(key)
	return n
}

// count is an integer that cannot be negative; -1 when absent.
func (o object) count(key string) int {
	n, ok := o.integer(key)
	if !ok || n < 0 || n > 1<<31-1 {
		return -1
	}
	return int(n)
}

func (o object) boolean(key string) bool {
	switch strings.ToUpper(strings.Trim(string(o[key]), `"`)) {
	case "TRUE", "OUI", "O", "1":
		return true
	}
	return false
}

// money is exact; invalid when absent, unreadable or of an absurd size.
func (o object) money(key string) decimal.NullDecimal {
	s := o.raw(key)
	d, err := decimal.NewFromString(s)
	ok := s != "" && len(s) <= 40 && err == nil && d.Exponent() > -30 && d.Exponent() < 30
	if !ok {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(d)
}

// child gives a nested object; an empty one when there is none.
func (o object) child(key string) object {
	c, err := parseObject(o[key])
	if err != nil {
		return object{}
	}
	return c
}

// list gives the objects of a list, of a single object standing for a list of one, or of nothing. An element that is not
// an object is an error: what it stood for would silently be missing.
func (o object) list(key string) ([]object, error) {
	v := o[key]
	if o.absent(key) {
		return nil, nil
	}
	elements := []json.RawMessage{v}
	if v[0] == '[' {
		if err := json.Unmarshal(v, &elements); err != nil {
			return nil, errNotObject
		}
	}
	list := make([]object, 0, len(elements))
	for _, e := range elements {
		item, err := parseObject(e)
		if err != nil {
			return nil, errNotObject
		}
		list = append(list, item)
	}
	return list, nil
}

// The keys on which belief in an answer rests.
const (
	keyCode = "codeRetour"
	keyFlux = "numeroFluxDepot"
)

// code gives codeRetour, a number or a number in quotes.
func (o object) code() *int {
	n, ok := o.integer(keyCode)
	if !ok || n < -1<<31 || n > 1<<31-1 {
		return nil
	}
	code := int(n)
	return &code
}

// flux gives numeroFluxDepot, which must be a printable text that a database gives back unchanged; else "".
func (o object) flux() string {
	s := o.raw(keyFlux)
	if len(s) > 100 || s != clean(s, maxText) || strings.ContainsAny(s, " \uFFFD") {
		return ""
	}
	return s
}

// messageCode finds the message code at the head of a libelle, as "POQ_MSG_01.003 - Flux introuvable." or GCU_MSG_01_000.
var messageCode = regexp.MustCompile(`^\s*([A-Z]{3}_MSG_[0-9]{1,4})[._]([0-9]{1,6})`)

// message normalises the two spellings to the one with a dot, docs/chorus-pro.md §4.
func message(libelle string) string {
	m := messageCode.FindStringSubmatch(libelle)
	if m == nil {
		return ""
	}
	return m[1] + "." + m[2]
}

func correlation(h http.Header, hide redactor) string {
	return clean(hide.hide(h.Get("X-CorrelationID")), 200)
}
