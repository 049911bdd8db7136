package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
)

// ownCertificate writes one for localhost, and returns the names of its files.
func ownCertificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{cert: text, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: inside})} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return cert, key, pool
}

func usersOf(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// An address that others reach is refused unless somebody is asked who he is, by TLS; or it is said that this is meant.
func TestAPublicConsoleIsRefused(t *testing.T) {
	hash, err := console.HashPassword("a long password")
	if err != nil {
		t.Fatal(err)
	}
	users := usersOf(t, "users:\n  - {name: claire, role: reader, hash: '"+hash+"'}\n")
	cert, key, pool := ownCertificate(t)
	for _, address := range []string{"0.0.0.0:0", ":8080", "192.0.2.1:80", "console.example:443", "[::]:8080", "127.0.0.1.example:80"} {
		env := func(more ...string) map[string]string {
			m := map[string]string{"CHORISTE_LISTEN": address}
			for k := 0; k < len(more); k += 2 {
				m[more[k]] = more[k+1]
			}
			return m
		}
		const reached = "can be reached from other machines"
		wrong(t, env(), reached)
		wrong(t, env("CHORISTE_USERS_FILE", users), reached)
		wrong(t, env("CHORISTE_TLS_CERT", cert, "CHORISTE_TLS_KEY_FILE", key), reached)
		wrong(t, env("CHORISTE_CONSOLE", "proxied"), "CHORISTE_USERS_FILE is not set")
		right(t, env("CHORISTE_CONSOLE", "proxied", "CHORISTE_USERS_FILE", users))
		right(t, env("CHORISTE_CONSOLE", "off"))
		right(t, env("CHORISTE_CONSOLE", "open"))
		right(t, env("CHORISTE_USERS_FILE", users, "CHORISTE_TLS_CERT", cert, "CHORISTE_TLS_KEY_FILE", key))
	}
	for _, address := range []string{"127.0.0.1:8080", "localhost:0", "[::1]:80", "[::ffff:127.0.0.1]:80", "127.9.9.9:1"} {
		right(t, map[string]string{"CHORISTE_LISTEN": address})
	}
	act := map[string]string{"CHORISTE_LISTEN": ":80", "CHORISTE_CONSOLE": "open", "CHORISTE_CONSOLE_DATABASE_URL": "postgres://a@b/c"}
	wrong(t, act, "lets people act")
	act["CHORISTE_USERS_FILE"] = users
	right(t, act)
	wrong(t, map[string]string{"CHORISTE_TLS_CERT": cert}, "go together")
	wrong(t, map[string]string{"CHORISTE_TLS_CERT": users, "CHORISTE_TLS_KEY_FILE": key}, "no certificate in PEM")

	s := right(t, map[string]string{"CHORISTE_LISTEN": "0.0.0.0:0", "CHORISTE_USERS_FILE": users, "CHORISTE_TLS_CERT": cert, "CHORISTE_TLS_KEY_FILE": key, "CHORISTE_HOSTS": "localhost"})
	st := workersStore(t)
	w := newWeb(s, st, nil, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = w.serve(l) }()
	t.Cleanup(func() { _ = w.server.Close() })
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}
	resp, err := client.Get("https://" + l.Addr().String() + "/invoices") //nolint:noctx // the client has a deadline
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.Request.URL.Path != "/signin" || resp.Request.URL.Query().Get("to") != "/invoices" || !strings.Contains(string(body), `type="password"`) {
		t.Errorf("%s: %s", resp.Request.URL, body)
	}
	// Whoever leaves the file can sign in no more, the last one too; and a worker that starts with nobody in it lets nobody in.
	none := right(t, map[string]string{"CHORISTE_USERS_FILE": usersOf(t, "users: []\n")})
	w.set(none)
	if len(w.settings.Load().Users) != 0 || w.settings.Load().Certificate == nil {
		t.Error("users or certificate were not taken over as they should")
	}
	rec := httptest.NewRecorder()
	newWeb(none, st, nil, http.NotFoundHandler(), slog.New(slog.DiscardHandler)).server.Handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://localhost/invoices", nil))
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/signin") {
		t.Errorf("a console that nobody may sign in to: %d %v", rec.Code, rec.Header())
	}
}

// The file of users says who is wrong, and where.
func TestUsersFile(t *testing.T) {
	hash, err := console.HashPassword("a long password")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "is empty", "users:": "users must be a list", "{}": "users is missing", "people: []": "none of groups, users",
		"users:\n  - {role: reader, hash: '" + hash + "'}":                                                             ":2: a user needs a name",
		"users:\n  - {name: a b, role: reader, hash: '" + hash + "'}":                                                  "a user needs a name, of letters",
		"users:\n  - {name: a, role: king, hash: '" + hash + "'}":                                                      "user a needs a role",
		"users:\n  - {name: a, role: reader, accounts: [], hash: '" + hash + "'}":                                      "accounts names at least 1 account",
		"users:\n  - {name: a, role: reader, accounts: lyon, hash: '" + hash + "'}":                                    "accounts must be a list",
		"users:\n  - {name: a, role: reader, accounts:, hash: '" + hash + "'}":                                         "accounts must be a list",
		"users:\n  - {name: a, role: reader, accounts: [a b], hash: '" + hash + "'}":                                   "an account's name has letters",
		"users:\n  - {name: a, role: reader, accounts: [x, x], hash: '" + hash + "'}":                                  "accounts names x twice",
		"users:\n  - {name: a, role: reader, accounts: [lyon], hash: '" + hash + "'}":                                  "CHORISTE_CONSOLE_DATABASE_URL is not set",
		"users:\n  - {name: a, role: reader}":                                                                          "user a needs a hash",
		"users:\n  - {name: a, role: reader, hash: secret}":                                                            "hash is no hash of argon2id",
		"users:\n  - {name: a, role: reader, hash: '" + strings.Replace(hash, "m=19456", "m=9999999", 1) + "'}":        "hash is no hash of argon2id",
		"users:\n  - {name: a, role: reader, hash: '" + hash + "'}\n  - {name: a, role: reader, hash: '" + hash + "'}": ":3: there is a user a already",
	} {
		wrong(t, map[string]string{"CHORISTE_USERS_FILE": usersOf(t, text)}, want)
	}
	others := usersOf(t, "users:\n  - {name: a, role: reader, hash: '"+hash+"'}\n")
	right(t, map[string]string{"CHORISTE_USERS_FILE": others})
	if err := os.Chmod(others, 0o644); err != nil {
		t.Fatal(err)
	}
	wrong(t, map[string]string{"CHORISTE_USERS_FILE": others}, "others may read the file")
}
