package record

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
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

// TestSecretsAreLabelled: not even their length is kept, whether they come in a form, in JSON or in a query, or are echoed.
func TestSecretsAreLabelled(t *testing.T) {
	const id, secret = "an-id-of-24-characters-x", "a-secret-of-31-characters-xxxxx"
	asked := []byte(`{"grant_type":"client_credentials","client_id":"` + id + `","Client_Secret":"` + secret + `"}`)
	s := newScrubber(nil)
	s.learnFrom(http.Header{}, url.Values{"motDePasse": {"un-mot-de-passe"}}, asked, nil)
	masked := func(body string) string {
		var m Message
		s.body(&m, http.Header{}, []byte(body))
		b, err := json.Marshal(m.JSON)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for what, pair := range map[string][2]string{
		"request": {masked(string(asked)), `{"Client_Secret":"secret-1","client_id":"client-1","grant_type":"client_credentials"}`},
		"echo":    {masked(`{"libelle":"` + secret + `","statut":"` + secret + `"}`), `{"libelle":"secret-1","statut":"secret-1"}`},
		"query":   {strings.Join([]string{s.form([]byte("client_secret=" + secret))["client_secret"], s.form([]byte("statut=" + id))["statut"]}, " "), "secret-1 secret-2"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, not %s", what, pair[0], pair[1])
		}
	}
	if !s.shows("un-mot-de-passe") {
		t.Error("a password in the query is not known as one")
	}
}

// TestWordsThatSecretsHave: PISTE's own texts stay, whatever words a password has.
func TestWordsThatSecretsHave(t *testing.T) {
	s := newScrubber(nil)
	s.learn("sim-password", "a persistent secret")
	const text = `Bearer realm="PISTE",error="Unauthorized",error_description="login or password incorrects"`
	if got := s.message(text); got != text {
		t.Errorf("%s", got)
	}
	if got := s.message("login or password incorrects: sim-password, persistent"); got != "login or password incorrects: secret-1, secret-2" {
		t.Errorf("%s", got)
	}
}
