package chorus

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// encodings are the forms in which a secret could show.
func encodings(s string) []string {
	quoted, _ := json.Marshal(s)
	return []string{
		s, base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)), url.QueryEscape(s), url.PathEscape(s),
		hex.EncodeToString([]byte(s)), string(quoted[1 : len(quoted)-1]),
	}
}

const (
	canaryPassword = `pw"é&+/canary?0123456789~`
	canaryClient   = `cs"é&+/canary?0123456789~`
	canaryToken    = `tokencanary0123456789/+abc`
)

// TestNoSecretInWords: a gateway that echoes every secret in every encoding everywhere gets none of them into an error, a
// log line, or the evidence.
func TestNoSecretInWords(t *testing.T) {
	account := base64.StdEncoding.EncodeToString([]byte("TECH_1@cpro.fr:" + canaryPassword))
	document := base64.StdEncoding.EncodeToString(aFile.Contenu)
	var needles []string
	for _, s := range []string{canaryPassword, canaryClient, canaryToken, account} {
		needles = append(needles, encodings(s)...)
	}
	echo := strings.Join(needles, " | ")
	quotedEcho, _ := json.Marshal(echo)

	tokenOK := answerJSON(200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, canaryToken))
	loud := func(status int, body string, needles []string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer error="`+url.QueryEscape(echo)+`"`)
			for _, n := range needles {
				w.Header().Add("X-CorrelationID", n)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	var said []string
	say := func(values ...any) {
		for _, v := range values {
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
			j, _ := json.Marshal(v)
			said = append(said, fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v), string(j), log.String())
			if err, ok := v.(error); ok {
				var e *Error
				if errors.As(err, &e) {
					j, _ := json.Marshal(*e)
					said = append(said, err.Error(), fmt.Sprintf("%+v %#v", *e, *e), string(j))
				}
			}
		}
	}

	run := func(token, api http.HandlerFunc, short bool) {
		mux := http.NewServeMux()
		mux.HandleFunc("/api/oauth/token", token)
		mux.HandleFunc("/", api)
		s := httptest.NewServer(mux)
		defer s.Close()
		cfg := Config{
			APIURL: s.URL, TokenURL: s.URL + "/api/oauth/token", ClientID: "client", ClientSecret: canaryClient,
			Login: "TECH_1@cpro.fr", Password: canaryPassword,
		}
		c := newClient(t, cfg)
		say(cfg, &cfg, c, c.tokens, struct{ inner *Client }{c}, Secret(canaryPassword), []Secret{canaryPassword})
		d, err := c.Prepare(t.Context(), aFile)
		say(err)
		if err == nil {
			say(d, struct{ inner *Deposit }{d}, *d.token)
			r, err := d.Send(t.Context(), time.Time{})
			say(r, err)
		}
		if short {
			return
		}
		report, err := c.Report(t.Context(), LaneReport, "CPP1")
		say(report, err)
		l, err := c.Search(t.Context(), LaneSync, Query{})
		say(l, err)
		say(c.Health(t.Context()))
		_, err = c.History(t.Context(), LaneSync, 1)
		say(err)
	}
	html := "<html>" + echo + "</html>"
	libelle := `{"codeRetour":20999,"libelle":` + string(quotedEcho) + `}`
	success := fmt.Sprintf(`{"codeRetour":0,"libelle":%s,"numeroFluxDepot":"CPP1","etatCourantDepotFlux":"IN_REJETE",
		"listeErreurDP":{"libelleErreurDP":%s},"listeFactures":{"identifiantFactureCPP":1,"commentaireEtatCourant":%s}}`, quotedEcho, quotedEcho, quotedEcho)
	for _, body := range []string{html, libelle, success, `{"error":` + string(quotedEcho) + `,"error_description":` + string(quotedEcho) + `}`} {
		for _, status := range []int{200, 400, 401, 403, 429, 500, 302} {
			run(tokenOK, loud(status, body, needles), status == 401) // each 401 costs a token, and tokens are paced
		}
		for _, status := range []int{200, 400, 401, 500} {
			run(loud(status, body, encodings(canaryClient)), loud(200, body, needles), true)
		}
	}
	all := strings.Join(said, "\n")
	if len(said) < 500 || !strings.Contains(all, redacted) {
		t.Fatalf("only %d texts: nothing was tried", len(said))
	}
	for _, n := range append(needles, document, "document-canary", "canary") {
		if i := strings.Index(all, n); i >= 0 {
			t.Errorf("%q shows: %.300q", n, all[max(0, i-150):])
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Réf. n° 7 – ok":    "Réf. n° 7 – ok",
		"a\r\nb\tc\x00\x1b": `a\r\nb\tc\x00\x1b`,
		"a\u202eb\u2028":    `a\u202eb\u2028`,
		"bad \xff":          "bad \uFFFD",
	} {
		if got := clean(in, maxText); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("é", 5000), maxText); len(got) > maxText || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes", len(got))
	}
}
