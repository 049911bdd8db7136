package record

import (
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestShortWordsOfAnInvoice: what is short is no cadre and no currency by that alone; it may be a person's name.
func TestShortWordsOfAnInvoice(t *testing.T) {
	s := newScrubber(nil)
	if f := s.facts(&chorustest.Facts{Numero: "F-1", Cadre: "Bob", Devise: "lea"}); f.Cadre != "" || f.Devise != "" {
		t.Errorf("it shows %q and %q", f.Cadre, f.Devise)
	}
	if f := s.facts(&chorustest.Facts{Numero: "F-1", Cadre: "A12", Devise: "EUR"}); f.Cadre != "A12" || f.Devise != "EUR" {
		t.Errorf("it hides %q and %q", f.Cadre, f.Devise)
	}
}

// TestMethodsOfARecording: a client's own word in the place of a method is not kept.
func TestMethodsOfARecording(t *testing.T) {
	for m, want := range map[string]string{"POST": "POST", "GET": "GET", "CANARYDUPONT": "OTHER", "post": "OTHER"} {
		if got := method(m); got != want {
			t.Errorf("%s: %s", m, got)
		}
	}
}
