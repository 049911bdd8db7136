package answers

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Match is an entry that explains something, and the values that a text carried.
type Match struct {
	Entry
	Text   string            // the message it was found in; "" for a code
	Values map[string]string // by the name of the pattern's part
}

const (
	mostInput   = 4096 // bytes of a text that are looked at
	mostParts   = 40   // messages in it
	mostMatches = 50
)

// Explain looks up a code or a text. Everything that fits is listed, the entries of one message after those of the one before. What it does not know it
// leaves out: an empty list means unclassified.
func Explain(input string) []Match {
	s := strings.TrimSpace(plain(cut(input)))
	if found := byCode(s); len(found) > 0 {
		return found
	}
	var found []Match
	for _, m := range codesIn(s) {
		found = add(found, m)
	}
	for _, part := range Messages(s) {
		for _, m := range ExplainMessage(part) {
			found = add(found, m)
		}
	}
	return found
}

func add(list []Match, m Match) []Match {
	twice := slices.ContainsFunc(list, func(o Match) bool {
		return o.Kind == m.Kind && o.Code == m.Code && o.Values["element"] == m.Values["element"]
	})
	if twice || len(list) >= mostMatches {
		return list
	}
	return append(list, m)
}

// ExplainMessage explains one message of an integration report.
func ExplainMessage(text string) []Match {
	folded := Fold(positions.ReplaceAllString(plain(cut(text)), ""))
	var found, general []Match
	for k, e := range table() {
		if e.Pattern == "" {
			continue
		}
		values, ok := match(compiled()[k], folded)
		if !ok {
			continue
		}
		m := Match{Entry: e, Text: strings.TrimSpace(cut(text)), Values: values}
		if path := values["element"]; path != "" && m.Term == "" {
			m.Term, m.Column = Element(path)
		}
		if e.General {
			general = append(general, m)
		} else {
			found = append(found, m)
		}
	}
	if len(found) == 0 && len(general) > 0 {
		return general[:1] // the table goes from the particular to the general
	}
	return found
}

// compiled are the patterns, in the table's order.
var compiled = sync.OnceValue(func() []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(table()))
	for k, e := range table() {
		if e.Pattern != "" {
			list[k] = regexp.MustCompile("(?i)" + e.Pattern)
		}
	}
	return list
})

func match(re *regexp.Regexp, text string) (map[string]string, bool) {
	at := re.FindStringSubmatch(text)
	if at == nil {
		return nil, false
	}
	var values map[string]string
	for k, name := range re.SubexpNames() {
		if name != "" && at[k] != "" {
			if values == nil {
				values = map[string]string{}
			}
			values[name] = at[k]
		}
	}
	return values, true
}

// byCode finds the entries that a code alone means: 20001, GDP_MSG_11.022, GDP_MSG_11_022, both, IN_REJETE, MISSING, 429.
func byCode(s string) (found []Match) {
	if s == "" || len(s) > 100 {
		return nil
	}
	code := strings.ToUpper(s)
	number, message := split(code)
	status := statusLine.FindStringSubmatch(code)
	for _, e := range table() {
		of := strings.EqualFold(e.Code, s)
		switch e.Kind {
		case Return:
			of = of || (number != "" || message != "") && (number == "" || numberOf(e) == number) && (message == "" || e.Message == message)
		case Gateway:
			of = of || status != nil && e.Code == "HTTP "+status[1]
		case Error, Flux, Motive, Statut, Reason:
		}
		if of {
			found = append(found, Match{Entry: e})
		}
	}
	return found
}

// statusLine is an HTTP status as people paste it: 429, HTTP 429, HTTP/1.1 429 Too Many Requests.
var statusLine = regexp.MustCompile(`^(?:HTTP(?:/[0-9.]{1,3})? )?([0-9]{3})(?: [A-Z' -]{1,40})?$`)

// positions are those of repeated elements in a path of the portal, as [2].
var positions = regexp.MustCompile(`\[[0-9]{1,6}\]`)

var codePair = regexp.MustCompile(`^([0-9]{1,5})?(?:^| *[ :/-] *|$)(?:([A-Z]{3}_MSG_[0-9]{1,4})[._]([0-9]{1,6}))?$`)

// split takes "20001 GDP_MSG_11_022" apart; either may be missing.
func split(code string) (number, message string) {
	m := codePair.FindStringSubmatch(code)
	if m == nil {
		return "", ""
	}
	if m[2] != "" {
		message = m[2] + "." + m[3]
	}
	return m[1], message
}

func numberOf(e Entry) string {
	number, _, _ := strings.Cut(e.Code, " ")
	return number
}

var (
	messageIn = regexp.MustCompile(`[A-Z]{3}_MSG_[0-9]{1,4}[._][0-9]{1,6}`)
	ruleIn    = regexp.MustCompile(`\bCH-[A-Z]{1,24}(?:-[A-Z]{1,24}){0,5}`)
	wordIn    = regexp.MustCompile(`[A-Z][A-Z0-9]{1,19}(?:_[A-Z0-9]{1,24}){0,9}`)
	headIn    = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,19}(?:_[A-Z0-9]{1,24}){0,9}(?:$|[ :.,;-])`)
)

// codesIn finds codes within a text: message codes, the codes of rules, known words with an underscore, and one known word at its head.
func codesIn(s string) (found []Match) {
	for _, m := range messageIn.FindAllString(s, mostParts) {
		for _, e := range byCode(m) {
			found = add(found, e)
		}
	}
	for _, w := range ruleIn.FindAllString(s, mostParts) {
		if e, known := Find(Reason, w); known {
			found = add(found, Match{Entry: e})
		}
	}
	words := wordIn.FindAllString(s, 10*mostParts)
	head := strings.TrimRight(headIn.FindString(s), " :.,;-")
	for _, w := range words {
		if w != head && !strings.Contains(w, "_") {
			continue
		}
		for _, e := range table() {
			if e.Kind != Error && e.Kind != Return && e.Code == w {
				found = add(found, Match{Entry: e})
			}
		}
	}
	return found
}

// UnknownMotive gives the code at the head of a recipient's comment that looks like a motive and is in neither list; "" when there is none.
func UnknownMotive(comment string) string {
	code := strings.TrimRight(headIn.FindString(cut(comment)), " :.,;-")
	if _, known := Find(Motive, code); known || !strings.Contains(code, "_") {
		return ""
	}
	return code
}

func cut(s string) string {
	if len(s) > mostInput {
		return strings.ToValidUTF8(s[:mostInput], "")
	}
	return s
}
