package chorus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// Limits within one answer. A real one comes nowhere near them; beyond them it is unreadable, not cut.
const (
	maxNesting = 32    // objects and lists within one another
	maxKeys    = 1_000 // keys of one object: the widest documented one has sixty
	maxRows    = 2_000 // rows of one list: a page has a thousand at most
	maxString  = 32 << 10
)

// object is a JSON object whose keys are as they were sent, each once. Its values are parts of the answer itself, read when they are asked for: what
// nobody asks for costs nothing, and an answer costs no more memory than its bytes.
type object struct {
	fields map[string]json.RawMessage // nil: there is no object
	hide   redactor                   // for every text that is read from it
}

var errNotObject = errors.New("not one JSON object with distinct keys, or beyond the limits of an answer")

// parseAnswer reads a whole answer.
func parseAnswer(data []byte, hide redactor) (object, error) {
	if tooDeep(data) || !json.Valid(data) { // Valid refuses anything after the object
		return object{}, errNotObject
	}
	return parseObject(data, hide)
}

// tooDeep tells whether data nests deeper than maxNesting, and keeps the decoder's own stack of such things small.
func tooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = stringEnd(data, i) - 1
		case '{', '[':
			if depth++; depth > maxNesting {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// stringEnd is where the string that begins at i ends: after its closing quote.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// parts calls yield with each part between the commas of a valid object or list, without its braces, until it returns false.
func parts(data []byte, yield func(part []byte) bool) {
	begin, depth := 1, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = stringEnd(data, i) - 1
			continue
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		}
		if depth == 1 && data[i] == ',' || depth == 0 && i > 0 {
			if part := bytes.TrimSpace(data[begin:min(i, len(data))]); len(part) > 0 && !yield(part) {
				return
			}
			begin = i + 1
		}
	}
}

// parseObject splits one valid JSON object into its keys and values.
func parseObject(data []byte, hide redactor) (object, error) {
	data = bytes.TrimSpace(data)
	if len(data) < 2 || data[0] != '{' {
		return object{}, errNotObject
	}
	o, good := object{map[string]json.RawMessage{}, hide}, true
	parts(data, func(part []byte) bool {
		end := stringEnd(part, 0)
		var key string
		good = end <= maxString && json.Unmarshal(part[:end], &key) == nil && len(o.fields) < maxKeys
		if _, twice := o.fields[key]; twice || !good {
			good = false
			return false
		}
		value := bytes.TrimSpace(part[end:])
		o.fields[key] = json.RawMessage(bytes.TrimSpace(value[1:])) // after the colon
		return true
	})
	if !good {
		return object{}, errNotObject
	}
	return o, nil
}

// none tells that there is no object.
func (o object) none() bool { return o.fields == nil }

// holds tells whether a key is there, be it null.
func (o object) holds(key string) bool { _, there := o.fields[key]; return there }

// otherCase tells whether a key of o differs from one of keys by letter case alone.
func (o object) otherCase(keys ...string) bool {
	for k := range o.fields {
		for _, want := range keys {
			if k != want && strings.EqualFold(k, want) {
				return true
			}
		}
	}
	return false
}

func (o object) absent(key string) bool {
	return len(o.fields[key]) == 0 || string(o.fields[key]) == "null"
}

// text gives a string or the digits of a number; "" for anything else. It is free of our secrets, cleaned, and at most 2 KiB.
func (o object) text(key string) string { return clean(o.hide.hide(o.raw(key)), maxText) }

// raw gives the same as it was sent. Only what is compared or counted is taken from it, never what is kept. What is longer than maxString is no text.
func (o object) raw(key string) string {
	v := o.fields[key]
	if len(v) == 0 || len(v) > maxString {
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

// siret is an identifier that AIFE has shown as a number, which loses leading zeros.
func (o object) siret(key string) string {
	s := o.text(key)
	if v := o.fields[key]; len(v) > 0 && v[0] != '"' && len(s) >= 11 && len(s) < 14 && strings.Trim(s, "0123456789") == "" {
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
	switch strings.ToUpper(strings.Trim(string(o.fields[key]), `"`)) {
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
	c, err := parseObject(o.fields[key], o.hide)
	if err != nil {
		return object{}
	}
	return c
}

// each goes through the objects of a list, of a single object standing for a list of one, or of nothing. An element that is not an object is an error:
// what it stood for would silently be missing. So is a list that is longer than any page.
func (o object) each(key string, do func(object)) error {
	v := o.fields[key]
	if o.absent(key) {
		return nil
	}
	if v[0] != '[' {
		item, err := parseObject(v, o.hide)
		if err != nil {
			return err
		}
		do(item)
		return nil
	}
	n := 0
	parts(v, func([]byte) bool { n++; return n <= maxRows })
	if n > maxRows {
		return errTooManyRows
	}
	var err error
	parts(v, func(part []byte) bool {
		var item object
		if item, err = parseObject(part, o.hide); err != nil {
			return false
		}
		do(item)
		return true
	})
	return err
}

var errTooManyRows = fmt.Errorf("more than %d entries", maxRows)

// The keys on which belief in an answer rests.
const (
	keyCode    = "codeRetour"
	keyFlux    = "numeroFluxDepot"
	keyFacture = "identifiantFactureCPP"
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
	if len(s) > 100 || s != o.text(keyFlux) || strings.ContainsAny(s, " \uFFFD") {
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

// correlationID is what a correlation id looks like: dashes, dots, letters, digits.
var correlationID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)

// correlation keeps the header that PISTE's support asks for. No other header's text is kept, and of this one only what can be an id: a gateway may echo
// anything in it.
func correlation(h http.Header, hide redactor) string {
	id := h.Get("X-CorrelationID")
	if !correlationID.MatchString(id) || hide.hide(id) != id {
		return ""
	}
	return id
}
