package operate

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"testing"
)

// Forged is an archive that somebody has changed who knows how it is made: sizes, sums and manifest fit. With again, the pages for people are written anew, too. A file that change sets to nil
// is left out.
func Forged(t *testing.T, in []byte, again bool, change func(m *Manifest, files map[string][]byte)) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(in), int64(len(in)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var m Manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	change(&m, files)
	var listed []EvidenceFile
	for _, f := range m.Files {
		if files[f.Name] != nil {
			listed = append(listed, f)
		}
	}
	if again {
		a := archive{Checked: &Checked{}}
		e, ok := a.parse(m.Invoices[0].ID, listed, files)
		if !ok {
			t.Fatal(a.Wrong)
		}
		pages, err := e.files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range pages {
			files[f.name] = f.data
		}
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, data []byte) {
		if err := addFile(w, name, data); err != nil {
			t.Fatal(err)
		}
	}
	for k, f := range listed {
		data := files[f.Name]
		add(f.Name, data)
		listed[k].Bytes, listed[k].SHA256 = len(data), hexSum(data)
	}
	m.Files = listed
	text, err := m.text()
	if err != nil {
		t.Fatal(err)
	}
	add("manifest.json", text)
	add("manifest.sha256", []byte(hexSum(text)+"\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Rehashed gives an event's line another text, and the hash that it then has.
func Rehashed(t *testing.T, line, before, after string) string {
	t.Helper()
	var e ChainedEvent
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	text := string(bytes.Replace([]byte(e.Text), []byte(before), []byte(after), 1))
	if text == e.Text {
		t.Fatalf("%s does not hold %s", e.Text, before)
	}
	prior, err := hex.DecodeString(e.Before)
	if err != nil {
		t.Fatal(err)
	}
	e.Text, e.Hash = text, hexSum(append(prior, text...))
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}
