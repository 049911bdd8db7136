package chorustest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// keyError is what is wrong at one key of a scenario's file: timeline[1].outage.kind.
type keyError struct {
	key string
	err error
}

func (e *keyError) Error() string { return strings.TrimPrefix(e.key+": ", ": ") + e.err.Error() }

// wrongAt names the key of an error. One that begins with the name of a field, as "kind: …", is that field's.
func wrongAt(key string, err error) error {
	if err == nil {
		return nil
	}
	if name, reason, is := strings.Cut(err.Error(), ": "); is && !strings.ContainsAny(name, " \"") {
		return &keyError{strings.TrimPrefix(key+"."+name, "."), errors.New(reason)}
	}
	return &keyError{key, err}
}

// parseScenario reads a file. What is wrong with it is said with its line and its key.
func parseScenario(raw []byte) (*Scenario, error) {
	lines, err := keyLines(raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("line %d: %w", lineOf(raw, syntax.Offset), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("line %d: the file ends within its JSON object", lineOf(raw, int64(len(raw))))
	}
	sc := &Scenario{}
	if err == nil && string(bytes.TrimSpace(raw)) == "null" {
		err = &keyError{"", errors.New("is no object")}
	}
	if err == nil {
		err = fits("", raw, reflect.TypeFor[Scenario]())
	}
	if err == nil {
		err = strictly(bytes.NewReader(raw), sc)
	}
	if err == nil {
		err = sc.check()
	}
	var key *keyError
	if errors.As(err, &key) {
		at := key.key
		for at != "" && lines[at] == 0 { // a key that is missing: where it should be
			at = at[:max(0, strings.LastIndexAny(at, ".["))]
		}
		return nil, fmt.Errorf("line %d: %w", max(1, lines[at]), key)
	}
	return sc, err
}

func lineOf(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(max(0, offset), int64(len(raw)))], []byte("\n"))
}

// Bounds of a scenario's file.
const (
	maxScenario = 1 << 20
	maxKey      = 200 // characters; an invoice number is the longest
)

// maxLevels bounds how deep the JSON of scenarios and of the management door may be nested.
const maxLevels = 32

// keyLines finds the line of every key and element. A key that stands twice in one object is an error: only the last would count.
func keyLines(raw []byte) (map[string]int, error) {
	lines := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(raw))
	line, counted := 1, 0
	here := func() int { // where the decoder stands, which only goes on
		to := int(d.InputOffset())
		line, counted = line+bytes.Count(raw[counted:to], []byte("\n")), to
		return line
	}
	var walk func(at string, level int) error
	walk = func(at string, level int) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if lines[at] == 0 {
			lines[at] = here()
		}
		if level > maxLevels {
			return &keyError{at, fmt.Errorf("is nested deeper than %d levels", maxLevels)}
		}
		switch t {
		case json.Delim('{'):
			for d.More() {
				name, err := d.Token()
				if err != nil {
					return err
				}
				if text, is := name.(string); is && len(text) > maxKey {
					return &keyError{at, fmt.Errorf("a key is longer than %d characters: %.40q…", maxKey, text)}
				}
				key := strings.TrimPrefix(fmt.Sprintf("%s.%s", at, name), ".")
				twice := lines[key] != 0
				if lines[key] = here(); twice {
					return &keyError{key, errors.New("stands there twice")}
				}
				if err := walk(key, level+1); err != nil {
					return err
				}
			}
		case json.Delim('['):
			for i := 0; d.More(); i++ {
				if err := walk(fmt.Sprintf("%s[%d]", at, i), level+1); err != nil {
					return err
				}
			}
		default:
			return nil
		}
		_, err = d.Token()
		return err
	}
	err := walk("", 0)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = fmt.Errorf("line %d: something follows the JSON object", here())
	}
	return lines, err
}

// namesOnce refuses JSON in which an object has a name twice, in whatever letter case: only the last would count. It also bounds how deep it is nested.
func namesOnce(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var walk func(level int) error
	walk = func(level int) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if level > maxLevels {
			return fmt.Errorf("it is nested deeper than %d levels", maxLevels)
		}
		seen := map[string]bool{}
		switch t {
		case json.Delim('{'), json.Delim('['):
			for d.More() {
				if t == json.Delim('{') {
					name, err := d.Token()
					if err != nil {
						return err
					}
					text, _ := name.(string)
					if seen[strings.ToLower(text)] {
						return fmt.Errorf("%.60s: stands there twice", text)
					}
					seen[strings.ToLower(text)] = true
				}
				if err := walk(level + 1); err != nil {
					return err
				}
			}
			_, err = d.Token()
		}
		return err
	}
	return walk(0)
}

// fits finds the first key that there is not, or whose value has another type than the field of that name.
func fits(at string, raw json.RawMessage, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	value := reflect.New(t)
	_, leaf := value.Interface().(json.Unmarshaler)
	switch {
	case leaf:
	case t.Kind() == reflect.Struct:
		fields, names := map[string]reflect.Type{}, []string{}
		for f := range t.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
				fields[name], names = f.Type, append(names, name)
			}
		}
		return fitsObject(at, raw, func(name string) (reflect.Type, error) {
			if fields[name] == nil {
				return nil, fmt.Errorf("there is no such field; there are %s", strings.Join(names, ", "))
			}
			return fields[name], nil
		})
	case t.Kind() == reflect.Map:
		return fitsObject(at, raw, func(string) (reflect.Type, error) { return t.Elem(), nil })
	case t.Kind() == reflect.Slice:
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			return &keyError{at, errors.New("is no list")}
		}
		for i, x := range all {
			if err := fits(fmt.Sprintf("%s[%d]", at, i), x, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	err := json.Unmarshal(raw, value.Interface())
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &other):
		if leaf {
			t = reflect.TypeFor[string]()
		}
		return &keyError{at, fmt.Errorf("%.60s is not what belongs there: %s", raw, kindOf(t))}
	case err != nil:
		return &keyError{at, err}
	}
	return nil
}

func fitsObject(at string, raw json.RawMessage, typeOf func(name string) (reflect.Type, error)) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return &keyError{at, errors.New("is no object")}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key := strings.TrimPrefix(at+"."+name, ".")
		t, err := typeOf(name)
		if err != nil {
			return &keyError{key, err}
		}
		if err := fits(key, all[name], t); err != nil {
			return err
		}
	}
	return nil
}

// check looks at what the types do not say.
func (sc *Scenario) check() error {
	var wrong error
	look := func(err error, key string, of ...any) {
		if wrong == nil {
			wrong = wrongAt(fmt.Sprintf(key, of...), err)
		}
	}
	if sc.Profile != "" && !slices.Contains(profiles, sc.Profile) {
		look(fmt.Errorf("%.60q is none of %s", sc.Profile, strings.Join(profiles, ", ")), "profile")
	}
	if sc.Begins != "" {
		_, err := nextMoment(sc.Begins, time.Now())
		look(err, "")
	}
	if sc.LagFrom > sc.Lag {
		look(fmt.Errorf("%s is above lag, %s", time.Duration(sc.LagFrom), time.Duration(sc.Lag)), "lag_from")
	}
	seen := map[string]bool{}
	once := func(what, is, key string, i int) {
		if is != "" && seen[key+is] {
			look(fmt.Errorf("%s%.60q stands there twice", what, is), key, i)
		}
		seen[key+is] = true
	}
	for i, a := range sc.Accounts {
		look(a.check(), "accounts[%d]", i)
		once("login: ", a.Login, "accounts[%d]", i)
	}
	for i, st := range sc.Structures {
		once("siret: ", st.SIRET, "structures[%d]", i)
		if !siretForm.MatchString(st.SIRET) {
			look(fmt.Errorf("siret: %.40q is not a SIRET of 14 digits", st.SIRET), "structures[%d]", i)
		}
	}
	for i, f := range sc.Faults {
		look(f.check(), "faults[%d]", i)
	}
	for i, f := range sc.Typed {
		if f.Date == "today" {
			f.Date = dayOf(time.Now())
		}
		look(f.asTyped(), "typed[%d]", i)
		once("numero: year, SIREN and number ", f.key(), "typed[%d]", i)
	}
	for numero, moves := range sc.Scripts {
		if numero == "" {
			look(errors.New("an invoice number is missing; * is every other"), "scripts")
		}
		for i, m := range moves {
			look(checkStatut(m.Statut), "scripts.%s[%d]", numero, i)
		}
	}
	for i, h := range sc.Timeline {
		if i > 0 && h.After < sc.Timeline[i-1].After {
			look(fmt.Errorf("after: %s comes before %s", time.Duration(h.After), time.Duration(sc.Timeline[i-1].After)), "timeline[%d]", i)
		}
		look(h.check(), "timeline[%d]", i)
		for j, f := range h.Faults {
			look(f.check(), "timeline[%d].faults[%d]", i, j)
		}
		if h.Outage != nil {
			look(checkOutage(h.Outage.Scope, h.Outage.Kind), "timeline[%d].outage", i)
		}
		if h.Account != nil {
			look(h.Account.check(), "timeline[%d].account", i)
		}
	}
	for i, e := range sc.Expect {
		look(e.check(), "expect[%d]", i)
	}
	return wrong
}

func (a *ScenarioAccount) check() error {
	if a.Login == "" || a.Password == "" || strings.Contains(a.Login, ":") {
		return errors.New("login (without a colon) and password are required")
	}
	for _, siret := range a.Structures {
		if !siretForm.MatchString(siret) {
			return fmt.Errorf("structures: %.40q is not a SIRET of 14 digits", siret)
		}
	}
	return nil
}

// check wants exactly one thing to happen.
func (h *Happening) check() error {
	n := 0
	for _, set := range []bool{h.Faults != nil, h.Clear, h.Outage != nil, h.Revoke, h.Weather != nil, h.Account != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("has %d of faults, clear, outage, revoke, weather, account, and takes one", n)
	}
	return nil
}

func (e *Expectation) check() error {
	switch {
	case !slices.Contains(expectable, e.What):
		return fmt.Errorf("what: %.60q is none of %s", e.What, strings.Join(expectable, ", "))
	case e.Min == nil && e.Max == nil:
		return errors.New("has neither min nor max")
	case e.Min != nil && e.Max != nil && *e.Min > *e.Max:
		return fmt.Errorf("min: %d is above max, %d", *e.Min, *e.Max)
	case e.Max != nil && *e.Max < 0:
		return fmt.Errorf("max: %d is below nothing", *e.Max)
	case e.What == "statut":
		return checkStatut(e.Statut)
	case e.What == "answers" && (e.Status < 100 || e.Status > 599):
		return fmt.Errorf("status: %d is no status of an answer", e.Status)
	case e.Op != "" && e.Op != "token" && e.Op != unknownRoute && !slices.Contains(operationNames(), e.Op):
		return fmt.Errorf("op: %.60q is none of token, %s, %s", e.Op, unknownRoute, strings.Join(operationNames(), ", "))
	}
	return nil
}
