package chorustest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// ReadDocument is the portal's reading of one document.
func ReadDocument(b []byte) *Facts { return readDocument(b) }

// AcceptMany takes n invoices in, numbered from F-from on, as deposits would, and lets them be integrated.
func (s *Sim) AcceptMany(from, n int) {
	for k := from; k < from+n; k++ {
		f := &Facts{
			Numero: fmt.Sprintf("F-%06d", k), Date: "2026-01-15", Annee: 2026, Type: "FACTURE", Fournisseur: "99999999800012", Siren: "999999998",
			Destinataire: "99999999700023", Cadre: "A1", HT: "1250.00", TTC: "1500.00", APayer: "1500.00", Devise: "EUR",
		}
		s.mu.Lock()
		s.accept(Entry{
			Request: s.requestID.Add(1), Client: DefaultClient.ID, Account: DefaultAccount.Login, NomFichier: f.Numero + ".xml", Syntaxe: syntaxeUBL,
			Documents: []*Facts{f}, Flux: numeroFlux(syntaxeUBL, s.fluxSeq+1),
		}, s.now(), "")
		s.mu.Unlock()
	}
	s.Advance(time.Second)
}

// MostPlanned is no less than how much was planned at once.
func (s *Sim) MostPlanned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cap(s.agenda)
}

// SetMachineBack does what setting the machine's clock back does: the virtual time is less by so much.
func (s *Sim) SetMachineBack(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset -= d
}

// CheckAnswer lists what in an answer contradicts the Swagger files; nothing when there are none.
func CheckAnswer(files []string, path string, body map[string]any) ([]string, error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, err
	}
	s := sw.responses[path]
	if s == nil { // the files do not declare it
		return nil, nil
	}
	return s.walk("", body, s.definitions), nil
}

// CompareRequests lists where the simulator's descriptions of its requests and the Swagger files part, and how many routes of theirs it serves.
func CompareRequests(files []string) (wrong []string, served, declared int, err error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, 0, 0, err
	}
	for path, s := range sw.requests {
		declared++
		if op := operations["POST "+path]; op != nil {
			served++
			wrong = append(wrong, s.compare(op.name, field{kind: nested, fields: op.fields}, s.definitions)...)
		}
	}
	slices.Sort(wrong)
	return wrong, served, declared, nil
}

func (s *schema) compare(at string, f field, definitions map[string]*schema) (wrong []string) {
	for s.Ref != "" {
		s = definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	if f.single { // where the file has an object and clients in production send a list
		f = field{kind: f.elements, fields: f.fields}
	}
	kinds := map[string][]kind{
		"string": {text, date}, "integer": {integer}, "number": {number}, "boolean": {boolean}, "array": {list}, "object": {nested, anything}, "": {nested},
	}
	if !slices.Contains(kinds[s.Type], f.kind) {
		return []string{at + " is a " + s.Type + " in the Swagger"}
	}
	if f.kind == list {
		return s.Items.compare(at+"[]", field{kind: f.elements, fields: f.fields, enum: f.enum}, definitions)
	}
	for name, p := range s.Properties {
		own, known := f.fields[name]
		if !known {
			wrong = append(wrong, at+"."+name+" is declared and unknown here")
			continue
		}
		wrong = append(wrong, p.compare(at+"."+name, own, definitions)...)
	}
	for name := range f.fields {
		if s.Properties[name] == nil {
			wrong = append(wrong, at+"."+name+" is not declared")
		}
	}
	for _, v := range s.Enum {
		if !slices.Contains(f.enum, fmt.Sprint(v)) {
			wrong = append(wrong, fmt.Sprintf("%s: %v is declared and refused here", at, v))
		}
	}
	if len(f.enum) > len(s.Enum) {
		wrong = append(wrong, fmt.Sprintf("%s takes %d values, the Swagger declares %d", at, len(f.enum), len(s.Enum)))
	}
	return wrong
}

// Routes are those that are served with POST, below /cpro/.
func Routes() (all []string) {
	for name := range operations {
		if route, is := strings.CutPrefix(name, "POST /cpro/"); is {
			all = append(all, route)
		}
	}
	slices.Sort(all)
	return all
}

// Missing lists the keys that an answer should have and has not, and those that it has and should not.
func Missing(route string, body map[string]any) []string {
	return missing("", descriptions[route].says, body)
}

func missing(at string, says fields, body map[string]any) (wrong []string) {
	for name, f := range says {
		value, there := body[name]
		if !there {
			wrong = append(wrong, at+name+" is missing")
		}
		switch f.kind {
		case nested:
			if o, is := asObject(value); is {
				wrong = append(wrong, missing(at+name+".", f.fields, o)...)
			}
		case list:
			all, _ := value.([]any)
			for _, x := range all {
				if o, is := asObject(x); is {
					wrong = append(wrong, missing(at+name+"[].", f.fields, o)...)
				}
			}
		}
	}
	for name := range body {
		if _, declared := says[name]; !declared && name != "codeRetour" && name != "libelle" {
			wrong = append(wrong, at+name+" is not declared")
		}
	}
	return wrong
}

// CompareAnswers lists where the descriptions of answers and the Swagger files part.
func CompareAnswers(files []string) (wrong []string, err error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, err
	}
	for path, s := range sw.responses {
		if op := operations["POST "+path]; op != nil {
			wrong = append(wrong, s.compare(op.name, field{kind: nested, fields: op.says}, s.definitions)...)
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// Operations are the names of all that is served.
func Operations() []string { return operationNames() }

// French is the French for a word of the page, Words are all of them in English.
func French(english string) string { return frenchWords[english] }

func Words() (all []string) {
	for word := range frenchWords {
		all = append(all, word)
	}
	return all
}

// FrenchFaults says of each kind of fault, in French, what it does.
func FrenchFaults() map[string]string { return frenchFaults }

// FillDisk makes every write of the ledger fail, as on a full disk, until the function that it returns is called.
func (s *Sim) FillDisk() (free func(), err error) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	file := s.ledger.file
	s.ledger.file = full
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		s.ledger.file = file
		_ = full.Close()
	}, nil
}

// EachExtreme calls f for every operation with bodies of the right types, whose numbers are the largest and smallest that there are, or whose texts and lists are odd.
func EachExtreme(f func(method, path, what string, body map[string]any)) {
	type odd struct {
		what, text, integer, number string
		rows                        int
	}
	for name, op := range operations {
		method, path, _ := strings.Cut(name, " ")
		for _, x := range []odd{
			{"largest", "x", "9223372036854775807", "1e400", 1},
			{"smallest", "x", "-9223372036854775808", "-1e400", 1},
			{"nought", "", "0", "0.0000000001", 0},
			{"one", "\x00\u202e'\"<>", "1", "-1", 3},
			{"int32", strings.Repeat("é", 5000), "2147483648", "1e-400", 300},
		} {
			var fill func(fs fields) map[string]any
			var one func(v field) any
			one = func(v field) any {
				switch v.kind {
				case text:
					if v.enum != nil {
						return v.enum[0]
					}
					return x.text
				case date:
					return map[bool]string{true: "0001-01-01", false: "9999-12-31"}[x.integer[0] == '-']
				case integer:
					return json.Number(x.integer)
				case number:
					return json.Number(x.number)
				case boolean:
					return x.rows > 0
				case nested:
					return fill(v.fields)
				case list:
					all := make([]any, 0, x.rows)
					for range x.rows {
						all = append(all, one(field{kind: v.elements, enum: v.enum, fields: v.fields}))
					}
					return all
				}
				return map[string]any{}
			}
			fill = func(fs fields) map[string]any {
				o := map[string]any{}
				for name, v := range fs {
					o[name] = one(v)
				}
				return o
			}
			all := fill(op.fields)
			f(method, path, x.what, all)
			for name, v := range op.fields { // and without what may be left out
				if !v.required && v.kind != nested {
					delete(all, name)
				}
			}
			f(method, path, x.what+", few fields", all)
		}
	}
}

// EntryTypes are those of the ledger's lines.
var EntryTypes = entryTypes
