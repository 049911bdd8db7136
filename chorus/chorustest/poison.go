package chorustest

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

// Answers that hurt whoever reads them without care. They are said in place of the operation's own, under HTTP 200 unless it is said otherwise.

const (
	emptyRows  = 4_000_000 // 12 MB
	deepLevels = 200_000
	longText   = 1 << 20
)

// lazily makes a large answer once, when it is first asked for.
func lazily(make func() string) func(*Sim, *call, *Fault, answer) answer {
	text := sync.OnceValue(make)
	return func(_ *Sim, _ *call, _ *Fault, a answer) answer {
		return answer{status: http.StatusOK, text: text(), flux: a.flux}
	}
}

func manyRows() string {
	return `{"codeRetour":0,"libelle":"TRA_MSG_00.000","listeFactures":[` + strings.Repeat("{},", emptyRows-1) + `{}]}`
}

func deepJSON() string {
	return `{"codeRetour":0,"libelle":"TRA_MSG_00.000","listeFactures":` + strings.Repeat("[", deepLevels) + strings.Repeat("]", deepLevels) + `}`
}

func longTexts() string {
	text := strings.Repeat("é", longText/2)
	return `{"codeRetour":29999,"libelle":"` + text + `","numeroFluxDepot":"` + text + `","dateDepot":"` + text + `"}`
}

// hostileTexts have what no text should: NUL, bytes that are no UTF-8, and a terminal's commands.
const hostileTexts = "{\"codeRetour\":29999,\"libelle\":\"a\\u0000b \\ud800 \xff\xfe \\u001b[31m\\u001b]0;t\\u0007 \\u202e\",\"numeroFluxDepot\":\"CPP\\u0000\xff\"}"

// echoToken is an error page of a gateway that says what it was sent, in several encodings.
func echoToken(_ *Sim, c *call, _ *Fault, a answer) answer {
	sent := "Authorization: " + c.header.Get("Authorization")
	account := "cpro-account: " + c.header.Get("cpro-account")
	header := http.Header{
		"X-Debug":         {base64.StdEncoding.EncodeToString([]byte(sent))},
		"X-Request":       {base64.URLEncoding.EncodeToString([]byte("x" + sent + "\r\n" + account))},
		"X-Correlationid": {base64.RawStdEncoding.EncodeToString([]byte("xx" + sent))},
		"X-Rate-Limit":    {hex.EncodeToString([]byte(sent))},
		"Content-Type":    {"text/html; charset=utf-8"},
	}
	text := "<html><body>" + base64.StdEncoding.EncodeToString([]byte(sent+"\r\n"+account)) + " " + c.header.Get("Authorization") + "</body></html>"
	return answer{status: http.StatusInternalServerError, header: header, text: text, flux: a.flux}
}
