package chorustest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

var objectSeeds = []string{
	`{}`, ` {"a" : "b" , "c":[1,-2.50,0,true,false,null,{"d":{}},[]]}` + "\r\n\t ", `{"a":1,"a":{"b":2},"a":{"c":3}}`, `{"é":"é€😀<&>"}`, `{"a":"\u00e9\/"}`, `{"a":"` + "\x01" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":"` + "\x7f" + `"}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e5}`, `{"a":1E}`, `{"a":+1}`, `{"a":1 2}`, `{"a":-0}`, `{"a":truefalse}`, `{"a":True}`, `{"a":nul}`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":[1`, `{"a":"b`, `{"a`,
	`[]`, `null`, `"a"`, ``, ` `, `{}{}`, `{} x`, "{}\x00", "\ufeff{}", `{a:1}`, `{'a':1}`, `{"a":1}}`, `{"a":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}`, `{"a":12345678901234567890123456789.123456789}`,
}

// sameObject reads a request both ways, and writes it again.
func sameObject(t *testing.T, raw []byte) (plain bool) {
	t.Helper()
	got, plain := readPlainObject(raw)
	want, err := readAnyObject(raw)
	if plain && (err != nil || !reflect.DeepEqual(got, want)) {
		t.Errorf("%q: %v, and not %v, %v", raw, got, want, err)
	}
	if err != nil {
		return plain
	}
	var again bytes.Buffer
	out := json.NewEncoder(&again)
	out.SetEscapeHTML(false)
	if err := out.Encode(want); err != nil {
		t.Fatal(err)
	}
	if b := append(appendObject(nil, want), '\n'); !bytes.Equal(b, again.Bytes()) {
		t.Errorf("%q, and not %q", b, &again)
	}
	return plain
}

// TestPlainObjects: requests and answers are read and written as by encoding/json.
func TestPlainObjects(t *testing.T) {
	plain := 0
	for _, raw := range objectSeeds {
		if sameObject(t, []byte(raw)) {
			plain++
		}
	}
	if plain < 7 {
		t.Errorf("%d of %d are plain", plain, len(objectSeeds))
	}
	odd := object{"a": []object{{"b": 1}}, "c": uint32(1 << 31), "d": int64(-1 << 63), "e": 1.5, "f": []string{"<>"}, "g": object(nil), "h": []any(nil), "i": map[string]any(nil), "j": Facts{Numero: "<1>"}, "\n": json.Number("1.50")}
	var want bytes.Buffer
	out := json.NewEncoder(&want)
	out.SetEscapeHTML(false)
	if err := out.Encode(odd); err != nil {
		t.Fatal(err)
	}
	if b := append(appendObject(nil, odd), '\n'); !bytes.Equal(b, want.Bytes()) {
		t.Errorf("%s, and not %s", b, &want)
	}
}

func FuzzPlainObjects(f *testing.F) {
	for _, raw := range objectSeeds {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { sameObject(t, raw) })
}
