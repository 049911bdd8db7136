package chorus

import (
	"errors"
	"strings"
	"testing"
)

// Two spellings of one address are one address.
func TestAddressesAreWrittenInOneWay(t *testing.T) {
	for _, c := range [][4]string{
		{"https://API.piste.gouv.fr/", "https://OAUTH.piste.gouv.fr:443/api/oauth/token", productionAPI, productionToken},
		{"HTTPS://sandbox-api.piste.gouv.fr:0443", sandboxToken, sandboxAPI, sandboxToken},
		{"http://LOCALHOST:80//", "http://localhost/t/", "http://localhost", "http://localhost/t/"},
		{"http://[::1]:8080/", "http://[::1]:80/t", "http://[::1]:8080", "http://[::1]/t"},
	} {
		h, err := ReadHosts(c[0], c[1])
		if err != nil || h.API != c[2] || h.Token != c[3] {
			t.Errorf("%q, %q: %q, %q, %v", c[0], c[1], h.API, h.Token, err)
		}
	}
}

func TestAddressesThatCannotBeMeant(t *testing.T) {
	for _, address := range []string{
		"", "api.piste.gouv.fr", "https://", "https:api.piste.gouv.fr", "ftp://x", "https:///x", "//x", "https://u@x", "https://u:pass@x", "https://x?", "https://x?a=b", "https://x#",
		"https://x#f", "https://x:", "https://x:0", "https://x:65536", "https://x:port", "https://x.", "https://a..b", "https://é.example", "https://x/%zz", " https://x",
		"https://x\n", "https://x\u200b", "\ufeffhttps://x", "http://api.piste.gouv.fr", "https://a b", "https://x%20y", "https://api.piste.gouv.fr.",
	} {
		for _, pair := range [][2]string{{address, "https://x/t"}, {"https://x", address}} {
			_, err := ReadHosts(pair[0], pair[1])
			if wrong := new(AddressError); !errors.As(err, &wrong) || strings.Contains(err.Error(), "pass") {
				t.Errorf("%q: %v", pair, err)
			}
		}
	}
}

func TestHostsThatSuit(t *testing.T) {
	const own, plain = "https://gate.example", "http://gate.example"
	for _, c := range []struct {
		api, token, env string
		foreign         bool
		wrong           string
	}{
		{productionAPI, productionToken, "production", false, ""},
		{sandboxAPI, sandboxToken, "sandbox", false, ""},
		{productionAPI, productionToken, "sandbox", true, "is of production"},
		{sandboxAPI, sandboxToken, "production", true, "is of sandbox"},
		{own, own, "production", false, "CHORISTE_FOREIGN_HOSTS"},
		{own, own, "production", true, ""},
		{own, own, "sandbox", false, ""},
		{plain, plain, "production", true, "must be https"},
		{plain, own, "production", true, "must be https"},
		{plain, plain, "sandbox", false, "without TLS"},
		{plain, plain, "sandbox", true, ""},
		{"http://127.0.0.9:1", "http://[::1]/t", "sandbox", false, ""},
		{"http://127.0.0.1", "http://localhost/t", "production", true, "must be https"},
		{"https://127.0.0.1", "https://127.0.0.1/t", "production", false, "not PISTE's"},
		{"https://api.piste.gouv.fr.evil.example", own, "production", false, "not PISTE's"},
		{"https://xn--pi-ste.gouv.fr", own, "production", false, "not PISTE's"},
		{"https://apipiste.gouv.fr", own, "production", false, "not PISTE's"},
		{"http://127.0.0.1.evil.example", own, "sandbox", false, "without TLS"},
	} {
		h, err := ReadHosts(c.api, c.token)
		if err != nil {
			t.Errorf("%s: %v", c.api, err)
			continue
		}
		err = h.Suit(c.env, c.foreign)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s, %s in %s, %v: %v", c.api, c.token, c.env, c.foreign, err)
		}
	}
	for _, pair := range [][2]string{
		{productionAPI, own}, {own, productionToken}, {sandboxAPI, own}, {productionAPI, "https://oauth.piste.gouv.fr.evil.example/t"}, {productionAPI, "https://192.0.2.1/t"},
	} {
		if err := Check(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "PISTE") {
			t.Errorf("%v: %v", pair, err)
		}
	}
}
