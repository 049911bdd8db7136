package chorustest

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

// TestLinesAreJSON: each field, alone and with the others, is written as encoding/json writes it.
func TestLinesAreJSON(t *testing.T) {
	all, read := &Entry{Facts: &Facts{}}, 0
	same := func(what string, e *Entry) {
		t.Helper()
		var want bytes.Buffer
		out := json.NewEncoder(&want)
		out.SetEscapeHTML(false)
		if err := out.Encode(e); err != nil {
			t.Fatal(err)
		}
		if got := encodeLine([]byte("before"), e); string(got) != "before"+want.String() {
			t.Errorf("%s:\n%s%s", what, got, &want)
		}
		again := &Entry{}
		if err := json.Unmarshal(want.Bytes(), again); err != nil {
			t.Fatal(err)
		}
		got, plain := decodePlainLine(want.Bytes())
		if plain && !reflect.DeepEqual(got, again) {
			t.Errorf("%s is read as %+v, and not %+v", &want, got, again)
		}
		if plain {
			read++
		}
	}
	same("nothing", &Entry{})
	same("no facts", &Entry{Facts: &Facts{}})
	fields := func(of func(e *Entry) reflect.Value) {
		for i := range of(all).NumField() {
			field := of(all).Type().Field(i)
			if field.Name == "Facts" {
				continue
			}
			for _, value := range valuesOf(t, field.Type) {
				one := &Entry{Facts: &Facts{}}
				of(one).Field(i).Set(value)
				of(all).Field(i).Set(value)
				same(field.Name, one)
				same("all up to "+field.Name, all)
			}
		}
	}
	fields(func(e *Entry) reflect.Value { return reflect.ValueOf(e).Elem() })
	fields(func(e *Entry) reflect.Value { return reflect.ValueOf(e.Facts).Elem() })
	if read < 100 {
		t.Errorf("%d lines are read without encoding/json", read)
	}
	for _, line := range []string{`{"seq":1.5}`, `{"SEQ":1}`, `{"seq":"1"}`, `{"type":1}`, `{"sent":null}`, `{"at":"yesterday"}`, `{"seq":99999999999999999999}`, `{}`, `{"seq":1} x`, `{"seq":1,}`, `{"n":1e2}`, `{"reused":1}`} {
		if got, plain := decodePlainLine([]byte(line)); plain {
			t.Errorf("%s is read as %+v", line, got)
		}
	}
}

// valuesOf are some values of a field's type.
func valuesOf(t *testing.T, kind reflect.Type) (all []reflect.Value) {
	var some []any
	yes, no, moment := true, false, time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)
	switch reflect.Zero(kind).Interface().(type) {
	case string:
		some = []any{"plain", `"`, `\`, "é €😀", "\x00\n\t\x1f", "\x7f", "\xff", "\u2028", "<a>&</a>", " ~"}
	case int:
		some = []any{1, -1, math.MaxInt}
	case int64:
		some = []any{int64(1), int64(math.MinInt64), int64(math.MaxInt64)}
	case uint64:
		some = []any{uint64(math.MaxUint64)}
	case bool:
		some = []any{true}
	case *bool:
		some = []any{&yes, &no}
	case time.Time:
		some = []any{moment, moment.In(Paris), moment.Truncate(time.Second), time.Time{}}
	case *time.Time:
		some = []any{&moment, &time.Time{}}
	case []string:
		some = []any{[]string{}, []string{"a", "<é>"}}
	case []*Facts:
		some = []any{[]*Facts{}, []*Facts{{Numero: "<1>"}, {}}}
	case []Move:
		some = []any{[]Move{}, []Move{{Statut: "A", Commentaire: "<é>"}}}
	case *Structure:
		some = []any{&Structure{SIRET: "1", Designation: "<é>", Services: []Service{{Code: "S"}}}}
	default:
		t.Fatalf("a field of a new kind: %s", kind)
	}
	for _, x := range some {
		all = append(all, reflect.ValueOf(x))
	}
	return all
}
