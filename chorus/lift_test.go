package chorus

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/choriste/choriste/chorus/annuaire"
)

// A file in an answer is taken out, in pieces of any size, and the answer is judged as if it were not there.
func TestLift(t *testing.T) {
	file := bytes.Repeat([]byte{0xfb, 0xff, 0, 1, 2}, 20_000) // its base64 has / and +
	text, err := json.Marshal(base64.StdEncoding.EncodeToString(file))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		value, rest string
		broken      bool
	}{
		"plain":         {string(text), `""`, false},
		"escaped":       {strings.ReplaceAll(string(text), "/", `\/`), `""`, false},
		"in lines":      {`"` + strings.ReplaceAll(strings.Trim(string(text), `"`), "AQL7", `AQL7\r\n`) + `"`, `""`, false},
		"as units":      {strings.ReplaceAll(string(text), "+", `\u002B`), `""`, false},
		"no text":       {`{"fichierResultat":"AAAA"}`, `{"fichierResultat":"AAAA"}`, false},
		"null":          {`null`, `null`, false},
		"not base64":    {`"AAA?"`, ``, true},
		"cut":           {`"AAA"`, ``, true},
		"after its end": {`"AA==AAAA"`, ``, true},
		"too large":     {`"` + strings.Repeat("AAAA", 40_000) + `"`, ``, true},
		"another unit":  {`"\u20ac"`, ``, true},
	} {
		answer := `{ "x":{"fichierResultat":"AAAA"}, "y":["fichierResultat"],"codeRetour":0, "fichierResultat" : ` + x.value + `,"libelle":"a \"fichierResultat\":\"AAAA\""}`
		for _, in := range []io.Reader{strings.NewReader(answer), iotest.OneByteReader(strings.NewReader(answer)), iotest.DataErrReader(strings.NewReader(answer))} {
			l := &lift{field: "fichierResultat", most: len(file)}
			rest, err := io.ReadAll(l.reader(in))
			want := strings.Replace(answer, x.value, x.rest, 1)
			switch {
			case (err != nil) != x.broken:
				t.Errorf("%s: %v", name, err)
			case err == nil && string(rest) != want:
				t.Errorf("%s: left %.300s", name, rest)
			case err == nil && x.rest == `""` && !bytes.Equal(l.file, file):
				t.Errorf("%s: a file of %d bytes", name, len(l.file))
			case err == nil && x.rest != `""` && len(l.file) > 0:
				t.Errorf("%s: a file of %d bytes", name, len(l.file))
			}
		}
	}
}

func TestAnnuaire(t *testing.T) {
	large := base64.StdEncoding.EncodeToString(make([]byte, 20<<20)) // larger than an answer may be
	const head = `{"codeRetour":0,"libelle":"GCU_MSG_01_000"`
	for name, x := range map[string]struct {
		status int
		answer string
		bytes  int
		fault  Fault
	}{
		"a file":         {200, head + `,"fichierResultat":"` + large + `"}`, 20 << 20, ""},
		"none":           {200, head + `,"fichierResultat":null}`, 0, FaultPortal},
		"twice":          {200, head + `,"fichierResultat":"AAAA","fichierResultat":"AAAA"}`, 0, FaultPortal},
		"too large":      {200, head + `,"fichierResultat":"` + strings.Repeat("AAAA", annuaire.MostPacked/3+1) + `"}`, 0, FaultPortal},
		"no base64":      {200, head + `,"fichierResultat":"*"}`, 0, FaultPortal},
		"cut":            {200, head + `,"fichierResultat":"AAAA`, 0, FaultPortal},
		"a page":         {200, `<html>`, 0, FaultPortal},
		"not subscribed": {403, ``, 0, FaultSubscription},
		"not there":      {404, ``, 0, FaultConfiguration},
		"not entitled":   {200, `{"codeRetour":20001,"libelle":"GDP_MSG_11.005 - x"}`, 0, FaultRights},
	} {
		p := newPortal(t, answerJSON(x.status, x.answer))
		file, err := p.client(t).Annuaire(t.Context(), LaneReport)
		if len(file) != x.bytes || FaultOf(err) != x.fault {
			t.Errorf("%s: %d bytes, %v", name, len(file), err)
		}
	}
	first := true
	p := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			answerJSON(401, `{"fichierResultat":"BBBB"}`)(w, r)
			return
		}
		answerJSON(200, head+`,"fichierResultat":"AAAA"}`)(w, r)
	})
	if file, err := p.client(t).Annuaire(t.Context(), LaneReport); err != nil || !bytes.Equal(file, make([]byte, 3)) {
		t.Errorf("after a new token: %v, %v", file, err)
	}
}
