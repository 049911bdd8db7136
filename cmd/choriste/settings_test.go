package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sound are settings that can be used, with changes.
func sound(changes map[string]string) func(string) string {
	env := map[string]string{
		"DATABASE_URL": "postgres:///x", "PISTE_CLIENT_ID": "id", "PISTE_CLIENT_SECRET": "s3cr3t-canary", "CHORUS_LOGIN": "TECH_1@cpro.fr", "CHORUS_PASSWORD": "p4ss-canary",
	}
	for name, v := range changes {
		env[name] = v
	}
	return func(name string) string { return env[name] }
}

// wrong expects settings to be refused with these words.
func wrong(t *testing.T, changes map[string]string, words ...string) {
	t.Helper()
	_, err := load(sound(changes))
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%q: %v does not say %q", changes, err, w)
		}
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("%q: a secret is told: %v", changes, err)
	}
}

func right(t *testing.T, changes map[string]string) settings {
	t.Helper()
	s, err := load(sound(changes))
	if err != nil {
		t.Errorf("%q: %v", changes, err)
	}
	return s
}

func TestNumbersAndDurationsAreBounded(t *testing.T) {
	for _, v := range []string{"NaN", "nan", "Inf", "-Inf", "infinity", "0", "-1", "1e9", "1e1", "20,5", "0x14", "20 ", "+20", "100001", "1_0", "٢٠"} {
		wrong(t, map[string]string{"CHORISTE_QUOTA": v}, "CHORISTE_QUOTA must be a number of requests per second from 0.1 to 100000")
	}
	if s := right(t, map[string]string{"CHORISTE_QUOTA": "20.5"}); s.Quota != 20.5 {
		t.Errorf("%g", s.Quota)
	}
	for name, v := range map[string]string{"CHORISTE_QUOTA": "20\r", "CHORUS_ENV": "sandbox\r", "CHORISTE_LISTEN": "127.0.0.1:8080\r", "CHORISTE_SYNC_EVERY": "1m\r", "CHORISTE_WORKERS": "16\r", "CHORISTE_LOG": "text\r"} {
		wrong(t, map[string]string{name: v}, name+" must be", "begins or ends with white space: a carriage return as character")
	}
	if _, err := load(sound(map[string]string{"CHORUS_ENV": "prod"})); err == nil || strings.Contains(err.Error(), `environment is ""`) {
		t.Errorf("said twice: %v", err)
	}
	numbers := 0
	for _, row := range table {
		var s settings
		if row.def == "" || row.set(&s, row.def) != nil {
			continue
		}
		bad := []string{"-1", "0", "1000000", "NaN", "1.5x", " 5", "99999999999999999999"}
		if _, err := time.ParseDuration(row.def); err == nil && strings.Trim(row.def, "0123456789") != "" {
			bad = []string{"0", "0s", "-5s", "1ns", "999us", "60", "NaN", "2628000h", "1 h", "99999999999h", "1d", "∞"}
		} else if strings.Trim(row.def, "0123456789") != "" {
			continue
		}
		numbers++
		for _, v := range bad {
			wrong(t, map[string]string{row.name: v}, row.name+" must be")
		}
	}
	if numbers < 15 {
		t.Errorf("only %d settings are numbers or durations", numbers)
	}
	wrong(t, map[string]string{"CHORISTE_MAINTENANCE": "2026-12-05T20:00:00+01:00/2326-12-06T02:00:00+01:00"}, "CHORISTE_MAINTENANCE", "31 days")
	wrong(t, map[string]string{"CHORUS_ENV": "production", "CHORISTE_LANDING_DELAY": "30s"}, "CHORISTE_LANDING_DELAY is shorter than CHORISTE_HTTP_TIMEOUT")
}

func TestListenIsAHostAndAPort(t *testing.T) {
	for _, v := range []string{"8080", "nonsense", ":99999", ":-1", ":http", "/run/choriste.sock", "unix:/run/choriste.sock", "127.0.0.1", "::1:8080", "[::1]", "http://127.0.0.1:8080", "127.0.0.1:8080/", "a b:80", ":+80"} {
		wrong(t, map[string]string{"CHORISTE_LISTEN": v}, "CHORISTE_LISTEN must be HOST:PORT, as 127.0.0.1:8080")
	}
	for _, v := range []string{":8080", "0.0.0.0:1", "[::1]:8080", "[::]:0", "localhost:65535", "[fe80::1%eth0]:80"} {
		right(t, map[string]string{"CHORISTE_LISTEN": v, "CHORISTE_CONSOLE": "off"})
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for address, want := range map[string]string{
		taken.Addr().String(): "another program listens there", "192.0.2.1:8080": "does not have this address", "choriste.invalid:80": "nobody knows the name",
	} {
		if _, err := listenOn(address); err == nil || !strings.Contains(err.Error(), "CHORISTE_LISTEN: cannot listen on "+address) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, v := range []string{"evil.example:80", "a b", "*", "http://x", "a,,b", "-x"} {
		wrong(t, map[string]string{"CHORISTE_HOSTS": v}, "CHORISTE_HOSTS must be names")
	}
	if s := right(t, map[string]string{"CHORISTE_HOSTS": "A.example, b", "CHORISTE_LISTEN": "Gate.example:80", "CHORISTE_CONSOLE": "open"}); fmt.Sprint(s.names()) != "[gate.example a.example b]" {
		t.Errorf("%q", s.names())
	}
}

// What came along when a value was copied is found before a refused login is spent, and where.
func TestValuesThatWereBadlyCopied(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for around, want := range map[string]string{
		" %s":       "begins or ends with white space: a blank as character 1",
		"%s ":       "begins or ends with white space: a blank as character 7",
		"\t%s":      "a tab as character 1",
		"%s\r":      "a carriage return as character 7",
		"%s\nx":     "a line break as character 7",
		"%s\n\n":    "a line break",
		"\ufeff%s":  "a byte-order mark as character 1",
		"\u00a0%s":  "a no-break space (U+00A0) as character 1",
		"x\u202f%s": "a no-break space (U+202F) as character 2",
		"%s\x00":    "a NUL as character 7",
		"%s\x1b[0m": "a control character (U+001B) as character 7",
		"%s\u200b":  "an invisible character (U+200B) as character 7",
		"%s\u00ad":  "an invisible character (U+00AD) as character 7",
		"%s\u2060x": "an invisible character (U+2060)",
		"%s\u3000":  "a blank that is none (U+3000)",
		"%s\xff":    "is not UTF-8",
	} {
		v := fmt.Sprintf(around, "canary")
		for _, name := range []string{"PISTE_CLIENT_ID", "PISTE_CLIENT_SECRET", "PISTE_SCOPE", "CHORUS_LOGIN", "CHORUS_PASSWORD", "DATABASE_URL"} {
			wrong(t, map[string]string{name: v}, name+" ", want)
		}
		if err := os.WriteFile(file, []byte(v+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(v, "\r") {
			continue // with the line break, one of Windows
		}
		wrong(t, map[string]string{"CHORUS_PASSWORD": "", "CHORUS_PASSWORD_FILE": file}, "CHORUS_PASSWORD_FILE ", want)
		wrong(t, map[string]string{"CHORUS_PASSWORD": "", "CHORUS_PASSWORD_FILE": file, "PISTE_CLIENT_SECRET": "", "PISTE_CLIENT_SECRET_FILE": file}, "PISTE_CLIENT_SECRET_FILE ", want)
	}
	wrong(t, map[string]string{"CHORUS_LOGIN": `"tech@cpro.fr"`}, "CHORUS_LOGIN has '\"' as character 1: write the value itself")
	wrong(t, map[string]string{"PISTE_CLIENT_ID": "${ID}"}, "PISTE_CLIENT_ID has '$' as character 1: write the value itself")
	wrong(t, map[string]string{"CHORUS_LOGIN": "a b@cpro.fr"}, "CHORUS_LOGIN has a blank as character 2")
	wrong(t, map[string]string{"PISTE_CLIENT_ID": "idé"}, "PISTE_CLIENT_ID has a character outside ASCII (U+00E9) as character 3")
	wrong(t, map[string]string{"CHORUS_LOGIN": "TECH_1@cpro.fr:canary"}, "CHORUS_LOGIN has a colon as character 15")
	right(t, map[string]string{"CHORUS_PASSWORD": "pass phrase é:€"})
	for _, end := range []string{"", "\n", "\r\n"} {
		if err := os.WriteFile(file, []byte("p"+end), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := right(t, map[string]string{"CHORUS_PASSWORD": "", "CHORUS_PASSWORD_FILE": file}); s.Password.Reveal() != "p" {
			t.Errorf("%q", s.Password.Reveal())
		}
	}
}

// The same rules hold for the accounts file, at the start and when it is read again.
func TestAccountsFileThatWasBadlyCopied(t *testing.T) {
	dir, getenv := files(t, `
applications: [{name: main, client_id: "\ufeff0000", client_secret_file: piste}]
accounts:
  - {name: north, application: main, login: " TECH_1@cpro.fr", password_file: bad}
`, nil)
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("canary\u00a0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := load(getenv)
	for _, want := range []string{":2: client_id has a byte-order mark as character 1", ":4: login begins or ends with white space", ":4: password_file: the secret begins or ends with white space: a no-break space (U+00A0) as character 7"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestSecretFilesAreFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"empty": "", "break": "\n", "huge": strings.Repeat("x", mostSecret+1), "long": strings.Repeat("x", mostText+1), "good": "p"} {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		path("pipe"): "a pipe, a socket or a device", "/dev/zero": "a pipe, a socket or a device", dir: "this is a directory", path("none"): "there is none of this name",
		path("empty"): "the file is empty", path("break"): "the file is empty", path("huge"): "larger than 65536 bytes", path("long"): "longer than 4096 bytes",
	} {
		wrong(t, map[string]string{"CHORUS_PASSWORD": "", "CHORUS_PASSWORD_FILE": name}, "CHORUS_PASSWORD_FILE", want)
	}
	wrong(t, map[string]string{"CHORUS_PASSWORD_FILE": path("good")}, "CHORUS_PASSWORD and CHORUS_PASSWORD_FILE are both set")
	wrong(t, map[string]string{"CHORISTE_ACCOUNTS_FILE": path("pipe")}, "CHORISTE_ACCOUNTS_FILE", "a pipe")
	wrong(t, map[string]string{"CHORISTE_WEBHOOKS_FILE": dir}, "CHORISTE_WEBHOOKS_FILE", "a directory")
}

func TestAddressesNameTheirVariable(t *testing.T) {
	const token = "https://gate.example/token"
	for _, v := range []string{"sandbox-api.piste.gouv.fr", "https://u:canary@gate.example", "https://gate.example/%zz", "https://gate.example/cpro", " https://gate.example", "https://gate.example."} {
		wrong(t, map[string]string{"CHORUS_API_URL": v, "CHORUS_TOKEN_URL": token}, "CHORUS_API_URL ")
	}
	for _, v := range []string{"gate.example/token", "https://gate.example/t?canary", "https://[::1/t", "https://gate.example/a b"} {
		wrong(t, map[string]string{"CHORUS_API_URL": "https://gate.example", "CHORUS_TOKEN_URL": v}, "CHORUS_TOKEN_URL ")
	}
	wrong(t, map[string]string{"CHORUS_API_URL": "x", "CHORUS_TOKEN_URL": "y"}, "CHORUS_API_URL ", "CHORUS_TOKEN_URL ")
	for _, v := range []string{
		"jdbc:postgresql://host/db", "mysql://u@h/db", "postgres://u:canary#1@host/db", "postgres://u:1#canary@host/db", "postgres://u:can/ary@host/db", "postgres://u:ca?nary@host/db",
		"postgres://u:canary%@host/db", "postgres://u:ca[nary@host/db", "localhost", "postgres://host:port/db",
	} {
		wrong(t, map[string]string{"DATABASE_URL": v}, "DATABASE_URL ", "postgres://user@host:5432/database")
	}
	for _, v := range []string{"jdbc:postgresql://host/db", "postgres://u:canary#1@host/db", "postgres://u:canary%@host/db"} {
		wrong(t, map[string]string{"DATABASE_URL": v}, "@ %40")
	}
	for v, want := range map[string]string{
		"postgres://u:canary@host:65536/db":                           "DATABASE_URL has a port that is not a number from 1 to 65535",
		"postgres://u:canary@host:0/db":                               "DATABASE_URL has a port",
		"postgres://u:canary@a:5432,b:54a/db":                         "DATABASE_URL has a port",
		"postgres://host:x/db":                                        "DATABASE_URL has a port",
		"postgres://u:canary@host/db?sslmode=foo":                     "cannot be used: sslmode must be disable, allow,",
		"postgres://u:canary@host/db?a=b&connect_timeout=x&c=d":       "cannot be used: connect_timeout must be a number of seconds",
		"postgres://u:canary@host/db?sslrootcert=/nowhere/ca":         "cannot be used: sslrootcert must name a file",
		"postgres://u:canary@host/db?target_session_attrs=primry":     "cannot be used: target_session_attrs must be",
		"postgres://u:canary@one,two:5432,three/db":                   "give each its port, as postgres://user@one:5432,two:5432/database",
		"postgres://u:canary@host/db?service=nowhere":                 "cannot be used: service must name a service of the file",
		"service=nowhere password=canary":                             "cannot be used: service must name a service of the file",
		"postgres://u:canary@host/db?pool_max_conns=many":             "cannot be used: pool_max_conns has a value",
		"host=h password='can ary' sslmode=foo dbname=x":              "cannot be used: sslmode must be",
		"host=h port=65536 password=canary":                           "cannot be used: port must be a number",
		"host=h sslmode = 'foo' password='it\\'s a canary' port=5432": "cannot be used: sslmode must be",
	} {
		wrong(t, map[string]string{"DATABASE_URL": v}, want)
	}
	for _, v := range []string{"postgres://u:a%23%3F%2F%40%3A%25b@host:5432/db", "postgresql://host", "host=/tmp dbname=x", "postgres:///x?host=/var/run/postgresql", "postgres://a,b:5433/x"} {
		right(t, map[string]string{"DATABASE_URL": v})
	}
}

func init() { // names that tests may set
	environ = func() []string {
		return append(os.Environ(), "CHORISTE_QOUTA=", "CHORUS_PASWORD_FILE=", "PISTE_CLIENTID=", "choriste_listen=", "CHORISTE_SOMETHING_ELSE_ENTIRELY=", "CHORISTE_SERVICE_HOST=",
			"CHORISTE_PORT_8080_TCP_ADDR=", "CHORUS_ENV=", "DATABASE_URI=")
	}
}

func TestUnknownVariables(t *testing.T) {
	for name, want := range map[string]string{
		"CHORISTE_QOUTA": "CHORISTE_QOUTA (is CHORISTE_QUOTA meant?)", "CHORUS_PASWORD_FILE": "CHORUS_PASWORD_FILE (is CHORUS_PASSWORD_FILE meant?)",
		"PISTE_CLIENTID": "PISTE_CLIENTID (is PISTE_CLIENT_ID meant?)", "choriste_listen": "choriste_listen (is CHORISTE_LISTEN meant?)",
		"CHORISTE_SOMETHING_ELSE_ENTIRELY": "CHORISTE_SOMETHING_ELSE_ENTIRELY", "CHORISTE_SERVICE_HOST": "", "CHORISTE_PORT_8080_TCP_ADDR": "", "CHORUS_ENV": "", "DATABASE_URI": "",
	} {
		if got := strings.Join(unknown(sound(map[string]string{name: "1"})), ", "); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// In production, nothing goes to a host that is not PISTE's unless it is said so; and never without TLS.
func TestForeignHostsInProduction(t *testing.T) {
	pair := func(api, token string, more ...string) map[string]string {
		env := map[string]string{"CHORUS_ENV": "production", "CHORUS_API_URL": api, "CHORUS_TOKEN_URL": token}
		for k := 0; k < len(more); k += 2 {
			env[more[k]] = more[k+1]
		}
		return env
	}
	const piste, oauth = "https://api.piste.gouv.fr", "https://oauth.piste.gouv.fr/api/oauth/token"
	for _, host := range []string{"gate.example", "api.piste.gouv.fr.evil.example", "192.0.2.1", "127.0.0.1", "[::1]", "xn--pite-dsa.gouv.fr", "api-piste.gouv.fr", "localhost"} {
		wrong(t, pair("https://"+host, "https://"+host+"/t"), "CHORISTE_FOREIGN_HOSTS=allow")
		wrong(t, pair("http://"+host, "http://"+host+"/t", "CHORISTE_FOREIGN_HOSTS", "allow"), "must be https in production")
		wrong(t, pair(piste, "https://"+host+"/t", "CHORISTE_FOREIGN_HOSTS", "allow"), "PISTE's secrets would go to")
		if s := right(t, pair("https://"+host, "https://"+host+"/t", "CHORISTE_FOREIGN_HOSTS", "allow")); len(s.foreign) != 1 || !strings.Contains("["+s.foreign[0]+"]", strings.Trim(host, "[]")) {
			t.Errorf("%s: %q is named", host, s.foreign)
		}
	}
	wrong(t, pair(piste+".", oauth), "ends with a dot")
	wrong(t, pair("http://api.piste.gouv.fr", oauth), "must be https")
	wrong(t, pair("https://sandbox-api.piste.gouv.fr", oauth), "do not go together")
	wrong(t, pair(piste, "https://sandbox-oauth.piste.gouv.fr/api/oauth/token"), "do not go together")
	wrong(t, pair("https://sandbox-api.piste.gouv.fr", "https://sandbox-oauth.piste.gouv.fr/api/oauth/token"), "CHORUS_ENV says production")
	wrong(t, pair(piste, oauth, "CHORUS_ENV", "sandbox"), "CHORUS_ENV says sandbox")
	wrong(t, map[string]string{"CHORISTE_FOREIGN_HOSTS": "yes"}, "CHORISTE_FOREIGN_HOSTS must be allow")
	if s := right(t, pair("https://API.PISTE.gouv.fr:443/", oauth)); s.APIURL != piste || len(s.foreign) > 0 {
		t.Errorf("%s, %q", s.APIURL, s.foreign)
	}
	wrong(t, pair("http://simulator:8000", "http://simulator:8000/t", "CHORUS_ENV", "sandbox"), "without TLS")
	right(t, pair("http://simulator:8000", "http://simulator:8000/t", "CHORUS_ENV", "sandbox", "CHORISTE_FOREIGN_HOSTS", "allow"))
	right(t, pair("http://127.0.0.1:8000", "http://localhost:8000/t", "CHORUS_ENV", "sandbox"))
}
