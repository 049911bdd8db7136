package chorus

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// echoes are the ways in which a gateway could write a text down again.
var echoes = map[string]func(string) string{
	"as it is":   func(s string) string { return s },
	"upper":      strings.ToUpper,
	"lower":      strings.ToLower,
	"backwards":  func(s string) string { b := []byte(s); slices.Reverse(b); return string(b) },
	"base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 raw": func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64url":  func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 twice": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	},
	"base64, lines": func(s string) string { return fold(base64.StdEncoding.EncodeToString([]byte(s)), 20, "\r\n") },
	"base64 UTF-16": func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return base64.StdEncoding.EncodeToString(b)
	},
	"base32":            func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) },
	"hex":               func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":               func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"hex with colons":   func(s string) string { return fold(hex.EncodeToString([]byte(s)), 2, ":") },
	"hex with blanks":   func(s string) string { return fold(hex.EncodeToString([]byte(s)), 2, " ") },
	"URL":               url.QueryEscape,
	"URL path":          url.PathEscape,
	"URL, every byte":   func(s string) string { return each(s, "%%%02x") },
	"URL, every BYTE":   func(s string) string { return each(s, "%%%02X") },
	"URL twice":         func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"quoted-printable":  func(s string) string { return each(s, "=%02X") },
	"JSON":              func(s string) string { b, _ := json.Marshal(s); return strings.Trim(string(b), `"`) },
	"JSON, every byte":  func(s string) string { return each(s, `\u%04x`) },
	"JavaScript":        func(s string) string { return each(s, `\x%02x`) },
	"octal":             func(s string) string { return each(s, `\%03o`) },
	"Go":                func(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) },
	"HTML":              html.EscapeString,
	"HTML, every byte":  func(s string) string { return each(s, "&#%d;") },
	"HTML, hexadecimal": func(s string) string { return each(s, "&#x%x;") },
	"numbers":           func(s string) string { return each(s, "%d ") },
	"base64 of URL":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(s))) },
	"URL of base64":     func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"hex of base64":     func(s string) string { return hex.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s)))) },
}

func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		_, _ = fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func fold(s string, n int, with string) string {
	var parts []string
	for p := range slices.Chunk([]byte(s), n) {
		parts = append(parts, string(p))
	}
	return strings.Join(parts, with)
}

// TestRedactorKnowsEveryEcho: whatever the encoding, whatever stands before and after, whole or cut, no secret passes; as a text and as a header.
func TestRedactorKnowsEveryEcho(t *testing.T) {
	secrets := []string{
		canaryPassword, canaryClient, "Hunter2-Hunter2", "pw-4711",
		base64.StdEncoding.EncodeToString([]byte("TECH_1@cpro.fr:" + canaryPassword)),
		"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
		"c2VjcmV0LWluLWJhc2U2NC0x+/aZ09zz9900==",
	}
	r := newRedactor(secrets...)
	tried := 0
	for _, secret := range secrets {
		for how, echo := range echoes {
			if len(secret) < gram && strings.Contains("upper lower backwards", how) {
				continue // a short one is known as it is
			}
			for _, before := range []string{"", "x", "ab", "Authorization: Bearer ", "Basic  ", "cpro-account:", "1234é"} {
				for _, after := range []string{"", "\n", "&grant_type=x", "z"} {
					for _, text := range []string{echo(before + secret + after), before + echo(secret) + after} {
						tried++
						if got := r.hide(text); got == text || r.shows([]byte(got)) {
							t.Fatalf("%s of %q in %q: %q", how, secret, text, got)
						}
						if c := clean(r.hide(text), maxText); strings.Contains(c, echo(secret)) {
							t.Fatalf("%s of %q: %q", how, secret, c)
						}
						if id := correlation(http.Header{"X-Correlationid": {text}}, r); id != "" {
							t.Fatalf("%s of %q as an id: %q", how, secret, id)
						}
					}
				}
				if half := echo(before + secret)[:len(echo(before+secret))*3/4]; len(secret) > 24 && before == "" && r.hide(half) == half {
					t.Fatalf("%s of %q, cut: %q", how, secret, half)
				}
			}
		}
	}
	if tried < 5000 {
		t.Fatalf("only %d texts", tried)
	}
}

func TestRedactorLeavesTheRest(t *testing.T) {
	r := newRedactor(canaryPassword, canaryClient, canaryToken, "pw-4711")
	for _, text := range []string{
		"", "GDP_MSG_11.022 - Le fichier dépasse la taille maximale autorisée (10 Mo) & doit être réduit.",
		"MISE_EN_PAIEMENT", "99999999800012", "CPP0011100000000000912346", "Service gestionnaire de l'action n° 4/2026 : 100 % payé\nMerci",
		"0198f3a4-7c1e-7b1a-9d52-0b8c6f0a2d11", strings.Repeat("facture rejetée par le destinataire, ", 50),
	} {
		if got := r.hide(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := r.hide("the token " + canaryToken + " was refused"); got != "the token "+redacted+" was refused" {
		t.Errorf("%q", got)
	}
	for _, id := range []string{"Id-7f3c2b1a-0001", "0198f3a4-7c1e-7b1a-9d52-0b8c6f0a2d11", "Id-a2e1c35f0101a8c00000"} {
		if got := correlation(http.Header{"X-Correlationid": {id}}, r); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	for _, id := range []string{"a b", "a\x1b[31m", strings.Repeat("a", 65), "<b>", "é"} {
		if got := correlation(http.Header{"X-Correlationid": {id}}, r); got != "" {
			t.Errorf("%q is kept", got)
		}
	}
}
