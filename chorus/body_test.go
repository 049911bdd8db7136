package chorus

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"testing/iotest"
)

// TestDepositBody: what is sent piece by piece is the JSON that encoding/json would have built whole.
func TestDepositBody(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 12_287, 12_288, 12_289, 100_000} {
		f := File{Nom: "F-1_x.xml", Syntaxe: `a"<é`, Contenu: bytes.Repeat([]byte{0xfe, 1, 'x', 0}, n)[:n]}
		want, err := json.Marshal(struct {
			Contenu       []byte `json:"fichierFlux"`
			Nom           string `json:"nomFichier"`
			Syntaxe       string `json:"syntaxeFlux"`
			AvecSignature bool   `json:"avecSignature"`
		}{f.Contenu, f.Nom, f.Syntaxe, false})
		if err != nil {
			t.Fatal(err)
		}
		b, err := newDepositBody(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(b, want); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if b.Size() != int64(len(want)) || b.Len() != 0 {
			t.Errorf("%d bytes: size %d, %d left, want %d and 0", n, b.Size(), b.Len(), len(want))
		}
		if again, err := io.ReadAll(b.again()); err != nil || !bytes.Equal(again, want) {
			t.Errorf("%d bytes, again: %v", n, err)
		}
	}
}
