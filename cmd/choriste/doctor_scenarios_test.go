package main

import (
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/lab/httpproxy"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// scenario is one broken set-up and all that may be said of it: the codes of failures and, after a question mark, of warnings.
type scenario struct {
	name   string
	codes  string
	portal func(*chorustest.Config)
	broken func(*clinic)
}

func unsubscribed(apis ...string) func(*chorustest.Config) {
	return func(cfg *chorustest.Config) { cfg.Clients[0].Unsubscribed = apis }
}

func fault(kind, op string) func(*clinic) {
	return func(c *clinic) { c.sim.Faults(chorustest.Fault{Kind: kind, Op: op, Times: -1}) }
}

const day = 24 * time.Hour

var scenarios = []scenario{
	{name: "healthy", codes: ""},
	{name: "healthy, marked and at work", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.installation SET environment = 'sandbox'; UPDATE chorus.accounts SET structures_at = now()`)
	}},

	{name: "nothing set", codes: "SETTINGS_MISSING", broken: func(c *clinic) { clear(c.env) }},
	{name: "a misspelt setting", codes: "?SETTINGS_UNKNOWN", broken: func(c *clinic) { c.env["CHORISTE_QOUTA"] = "5" }},
	{name: "a state directory that is not there", codes: "?STATE_DIR", broken: func(c *clinic) { c.env["CHORISTE_STATE_DIR"] = filepath.Join(c.dir, "nowhere") }},
	{name: "a state directory that is a file", codes: "?STATE_DIR", broken: func(c *clinic) { c.env["STATE_DIRECTORY"] = c.env["DATABASE_URL_FILE"] }},
	{name: "a state directory", broken: func(c *clinic) { c.env["CHORISTE_STATE_DIR"] = c.dir }},
	{name: "no login", codes: "SETTINGS_MISSING", broken: func(c *clinic) { delete(c.env, "CHORUS_LOGIN") }},
	{name: "a duration without unit", codes: "SETTINGS_INVALID", broken: func(c *clinic) { c.env["CHORISTE_HTTP_TIMEOUT"] = "60" }},
	{name: "a database address in pieces", codes: "SETTINGS_INVALID", broken: func(c *clinic) { c.secret("DATABASE_URL", "postgres://u:"+accountPassword+"@[/x") }},
	{name: "a secret given twice", codes: "SETTINGS_INVALID", broken: func(c *clinic) { c.env["CHORUS_PASSWORD"] = accountPassword }},
	{name: "a secret file that is not there", codes: "SECRET_FILE", broken: func(c *clinic) { c.env["CHORUS_PASSWORD_FILE"] += "x" }},
	{name: "a secret file that others read", codes: "SECRET_FILE", broken: func(c *clinic) {
		if err := os.Chmod(c.env["CHORUS_PASSWORD_FILE"], 0o644); err != nil {
			c.Fatal(err)
		}
	}},
	{name: "an accounts file with a wrong word", codes: "ACCOUNTS_INVALID", broken: func(c *clinic) { c.accounts("accounts: [{name: b, colour: blue}]") }},
	{name: "a space after a password of the accounts file", codes: "SECRET_WHITESPACE", broken: func(c *clinic) {
		c.accounts("accounts: [{name: b, application: default, login: TECH_1@cpro.fr, password_file: b}]")
		c.secret("b", accountPassword+" ")
	}},
	{name: "an invisible character in the accounts file", codes: "SECRET_WHITESPACE", broken: func(c *clinic) {
		c.accounts(`accounts: [{name: b, application: default, login: "TECH_1\u00ad@cpro.fr", password_file: b}]`)
		c.secret("b", accountPassword)
	}},
	{name: "two healthy accounts", broken: func(c *clinic) {
		c.accounts("accounts: [{name: b, application: default, login: TECH_1@cpro.fr, password_file: b, suppliers: ['99999999800012']}]")
		c.secret("b", accountPassword)
	}},
	{name: "one of two accounts refused", codes: "ACCOUNT_REFUSED", broken: func(c *clinic) {
		c.accounts("accounts: [{name: b, application: default, login: TECH_2@cpro.fr, password_file: b}]")
		c.secret("b", accountPassword)
	}},
	{name: "a supplier that the account is to send for and may not", codes: "?STRUCTURE_MISSING", broken: func(c *clinic) {
		c.accounts("accounts: [{name: b, application: default, login: TECH_1@cpro.fr, password_file: b, suppliers: ['11111111100011']}]")
		c.secret("b", accountPassword)
	}},
	{name: "a space after the client secret", codes: "SECRET_WHITESPACE", broken: func(c *clinic) { c.secret("PISTE_CLIENT_SECRET", clientSecret+" ") }},
	{name: "a line break in the password", codes: "SECRET_WHITESPACE", broken: func(c *clinic) { c.secret("CHORUS_PASSWORD", accountPassword+"\n") }},
	{name: "an invisible character in the client id", codes: "SECRET_WHITESPACE", broken: func(c *clinic) { c.env["PISTE_CLIENT_ID"] = "\u200bapp" }},
	{name: "a no-break space after the login", codes: "SECRET_WHITESPACE", broken: func(c *clinic) { c.env["CHORUS_LOGIN"] += "\u00a0" }},
	{name: "a secret in the environment", codes: "?SECRET_IN_ENVIRONMENT", broken: func(c *clinic) {
		delete(c.env, "CHORUS_PASSWORD_FILE")
		c.env["CHORUS_PASSWORD"] = accountPassword
	}},
	{name: "half a pair of hosts", codes: "HOSTS_HALF", broken: func(c *clinic) { delete(c.env, "CHORUS_TOKEN_URL") }},
	{name: "sandbox tokens for production", codes: "HOSTS_MIXED", broken: func(c *clinic) {
		c.env["CHORUS_API_URL"], c.env["CHORUS_TOKEN_URL"] = "https://api.piste.gouv.fr", "https://sandbox-oauth.piste.gouv.fr/api/oauth/token"
	}},
	{name: "a pair that CHORUS_ENV contradicts", codes: "HOSTS_MIXED", broken: func(c *clinic) {
		c.env["CHORUS_API_URL"], c.env["CHORUS_TOKEN_URL"] = "https://api.piste.gouv.fr", "https://oauth.piste.gouv.fr/api/oauth/token"
	}},
	{name: "the sandbox's API and somebody else's tokens", codes: "HOSTS_FOREIGN", broken: func(c *clinic) { c.env["CHORUS_API_URL"] = "https://sandbox-api.piste.gouv.fr" }},
	{name: "production at the simulator", codes: "HOSTS_FOREIGN", broken: func(c *clinic) { c.env["CHORUS_ENV"] = "production" }},
	{name: "production by way of a gate that is allowed", codes: "?HOSTS_FOREIGN NETWORK_DNS", broken: func(c *clinic) {
		c.env["CHORUS_ENV"], c.env["CHORISTE_FOREIGN_HOSTS"] = "production", "allow"
		c.env["CHORUS_API_URL"], c.env["CHORUS_TOKEN_URL"] = "https://gate.invalid", "https://gate.invalid/token"
	}},
	{name: "a byte-order mark before the password", codes: "SECRET_WHITESPACE", broken: func(c *clinic) { c.secret("CHORUS_PASSWORD", "\ufeff"+accountPassword) }},
	{name: "a pipe for a secret's file", codes: "SECRET_FILE", broken: func(c *clinic) {
		c.env["CHORUS_PASSWORD_FILE"] = filepath.Join(c.dir, "pipe")
		if err := syscall.Mkfifo(c.env["CHORUS_PASSWORD_FILE"], 0o600); err != nil {
			c.Fatal(err)
		}
	}},
	{name: "a JDBC address", codes: "SETTINGS_INVALID", broken: func(c *clinic) { c.secret("DATABASE_URL", "jdbc:postgresql://127.0.0.1/x") }},
	{name: "an API address with /cpro", codes: "HOSTS_INVALID", broken: func(c *clinic) { c.env["CHORUS_API_URL"] += "/cpro" }},

	{name: "no server", codes: "DATABASE_UNREACHABLE", broken: func(c *clinic) { c.secret("DATABASE_URL", "postgres://x@127.0.0.1:1/x") }},
	{name: "an unknown user", codes: "DATABASE_LOGIN", broken: func(c *clinic) {
		c.databaseURL(func(u *url.URL) { u.User = url.UserPassword("choriste_nobody", "x") })
	}},
	{name: "no database", codes: "DATABASE_MISSING", broken: func(c *clinic) { c.databaseURL(func(u *url.URL) { u.Path = "/choriste_nowhere" }) }},
	{name: "a column taken away", codes: "DATABASE_ANSWER", broken: func(c *clinic) { c.exec(`ALTER TABLE chorus.accounts RENAME pause_reason TO other`) }},
	{name: "an application's login", codes: "DATABASE_ROLE", broken: func(c *clinic) { c.secret("DATABASE_URL", c.db.AppURL) }},
	{name: "no schema", codes: "MIGRATION_PENDING", broken: func(c *clinic) { c.exec(`DROP SCHEMA chorus CASCADE`) }},
	{name: "an older schema", codes: "MIGRATION_PENDING", broken: func(c *clinic) {
		c.exec(`DELETE FROM chorus.goose_db_version WHERE version_id = (SELECT max(version_id) FROM chorus.goose_db_version)`)
	}},
	{name: "the other portal's database", codes: "ENVIRONMENT_MISMATCH", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.installation SET environment = 'production'`)
	}},
	{name: "the database five minutes ahead", codes: "CLOCK_DATABASE", broken: func(c *clinic) { c.databaseAhead("5 minutes") }},
	{name: "the database ten seconds behind", codes: "?CLOCK_DATABASE", broken: func(c *clinic) { c.databaseAhead("-10 seconds") }},
	{name: "the portal five minutes behind", codes: "CLOCK_PORTAL", broken: func(c *clinic) { c.portalAhead(-5 * time.Minute) }},
	{name: "the portal ten seconds ahead", codes: "?CLOCK_PORTAL", broken: func(c *clinic) { c.portalAhead(10 * time.Second) }},

	{name: "a name that nobody knows", codes: "NETWORK_DNS", broken: func(c *clinic) { c.env["CHORUS_TOKEN_URL"] = "https://piste.invalid/api/oauth/token" }},
	{name: "a closed port", codes: "NETWORK_TCP", broken: func(c *clinic) { c.env["CHORUS_TOKEN_URL"] = "http://127.0.0.1:1/api/oauth/token" }},
	{name: "no TLS there", codes: "NETWORK_TLS", broken: func(c *clinic) { c.env["CHORUS_TOKEN_URL"] = strings.Replace(c.sim.TokenURL(), "http:", "https:", 1) }},
	{name: "a certificate of nobody's", codes: "TLS_INTERCEPTED", broken: func(c *clinic) {
		server := httptest.NewTLSServer(always(200, ""))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		c.Cleanup(server.Close)
		c.env["CHORUS_TOKEN_URL"] = server.URL
	}},
	{name: "healthy, by way of a proxy that asks for a login", broken: func(c *clinic) {
		p := c.proxy()
		p.Login("robot", proxyPassword)
		c.env["CHORISTE_PROXY_LOGIN"] = "robot"
		c.secret("CHORISTE_PROXY_PASSWORD", proxyPassword)
	}},
	{name: "a wrong login at the proxy", codes: "PROXY_LOGIN", broken: func(c *clinic) {
		c.proxy().Login("robot", "other")
		c.env["CHORISTE_PROXY_LOGIN"] = "robot"
		c.secret("CHORISTE_PROXY_PASSWORD", proxyPassword)
	}},
	{name: "a proxy that does not let through", codes: "PROXY_FORBIDS", broken: func(c *clinic) { c.proxy().Do(httpproxy.Answer(403)) }},
	{name: "a proxy that does not reach the portal", codes: "PROXY_UPSTREAM", broken: func(c *clinic) { c.proxy().Do(httpproxy.Answer(504)) }},
	{name: "a proxy that hangs up", codes: "PROXY_SILENT", broken: func(c *clinic) { c.proxy().Do(httpproxy.HangUp) }},
	{name: "something else than a proxy", codes: "PROXY_OTHER", broken: func(c *clinic) { c.proxy().Do(httpproxy.Say("SSH-2.0-x\r\n")) }},
	{name: "no proxy at its address", codes: "PROXY_UNREACHABLE", broken: func(c *clinic) {
		c.proxy()
		c.env["CHORISTE_PROXY"] = "http://127.0.0.1:1"
	}},
	{name: "a login in the proxy's address", codes: "SETTINGS_INVALID", broken: func(c *clinic) { c.env["CHORISTE_PROXY"] = "http://robot:" + proxyPassword + "@127.0.0.1:3128" }},
	{name: "an application with a proxy of its own", codes: "PROXY_FORBIDS", broken: func(c *clinic) {
		p := httpproxy.New(c.T)
		p.Do(httpproxy.Answer(403))
		c.proxy()
		c.accounts("applications: [{name: far, client_id: other, client_secret_file: PISTE_CLIENT_SECRET, proxy: '" + p.URL() + "'}]\n" +
			"accounts: [{name: b, application: far, login: TECH_1@cpro.fr, password_file: CHORUS_PASSWORD}]")
	}},
	{name: "a proxy of the environment, which is not used", codes: "NETWORK_DNS ?PROXY_UNUSED", broken: func(c *clinic) {
		c.env["HTTPS_PROXY"] = c.proxy().URL()
		delete(c.env, "CHORISTE_PROXY")
	}},
	{name: "TLS opened by a proxy", codes: "TLS_INTERCEPTED", broken: func(c *clinic) { c.intercepted() }},
	{name: "TLS opened by a proxy that is trusted", codes: "?TLS_OPENED", broken: func(c *clinic) {
		file := filepath.Join(c.dir, "roots.pem")
		if err := os.WriteFile(file, []byte(c.intercepted().PEM), 0o600); err != nil {
			c.Fatal(err)
		}
		c.env["CHORISTE_CA_FILE"] = file
	}},
	{name: "a connection that is cut", codes: "NETWORK_SILENT", broken: func(c *clinic) { c.outage("token", "drop_before_commit") }},
	{name: "a wrong client secret", codes: "TOKEN_CLIENT", broken: func(c *clinic) { c.secret("PISTE_CLIENT_SECRET", "other") }},
	{name: "an unknown client", codes: "TOKEN_CLIENT", broken: func(c *clinic) { c.env["PISTE_CLIENT_ID"] = "other" }},
	{name: "the account's secrets for the application's", codes: "TOKEN_CLIENT", broken: func(c *clinic) {
		c.env["PISTE_CLIENT_ID"] = "TECH_1@cpro.fr"
		c.secret("PISTE_CLIENT_SECRET", accountPassword)
	}},
	{name: "a scope that is refused", codes: "TOKEN_SCOPE", broken: func(c *clinic) { c.outage("token", "invalid_scope") }},
	{name: "no token endpoint there", codes: "TOKEN_ADDRESS", broken: func(c *clinic) { c.instead("CHORUS_TOKEN_URL", "/x", http.NotFoundHandler()) }},
	{name: "the token endpoint down", codes: "TOKEN_DOWN", broken: func(c *clinic) { c.outage("token", "503") }},
	{name: "a page for a token", codes: "TOKEN_DOWN", broken: func(c *clinic) { c.outage("token", "html_200") }},

	{name: "the API's port closed", codes: "API_UNREACHABLE", broken: func(c *clinic) { c.env["CHORUS_API_URL"] = "http://127.0.0.1:1" }},
	{name: "the API down", codes: "API_DOWN", broken: func(c *clinic) { c.outage("api", "503") }},
	{name: "a page for an answer", codes: "API_DOWN", broken: func(c *clinic) { c.outage("api", "html_200") }},
	{name: "down between two requests", codes: "API_DOWN", broken: fault("504", "structures/consulter")},
	{name: "another site", codes: "API_ADDRESS", broken: func(c *clinic) { c.instead("CHORUS_API_URL", "", http.NotFoundHandler()) }},
	{name: "an answer nobody knows", codes: "API_UNKNOWN", broken: func(c *clinic) { c.instead("CHORUS_API_URL", "", always(202, "{}")) }},
	{name: "tokens that are refused", codes: "TOKEN_REFUSED", broken: func(c *clinic) { c.outage("api", "401_token") }},
	{name: "a token that was revoked once", broken: func(c *clinic) { c.sim.Faults(chorustest.Fault{Kind: "401_token", Op: "health-check"}) }},

	{name: "no Factures", codes: "SUBSCRIPTION_FACTURES", portal: unsubscribed("factures")},
	{name: "no Transverses", codes: "SUBSCRIPTION_TRANSVERSES", portal: unsubscribed("transverses")},
	{name: "no Structures", codes: "SUBSCRIPTION_STRUCTURES", portal: unsubscribed("structures")},
	{name: "nothing subscribed", codes: "SUBSCRIPTION_TRANSVERSES SUBSCRIPTION_STRUCTURES SUBSCRIPTION_FACTURES", portal: unsubscribed("factures", "transverses", "structures")},

	{name: "a wrong password", codes: "ACCOUNT_REFUSED", broken: func(c *clinic) { c.secret("CHORUS_PASSWORD", "other") }},
	{name: "an unknown login, or one not active yet", codes: "ACCOUNT_REFUSED", broken: func(c *clinic) { c.env["CHORUS_LOGIN"] = "TECH_2@cpro.fr" }},
	{name: "a wrong password, and no Transverses", codes: "SUBSCRIPTION_TRANSVERSES ACCOUNT_REFUSED", portal: unsubscribed("transverses"), broken: func(c *clinic) {
		c.secret("CHORUS_PASSWORD", "other")
	}},
	{name: "a 401 that does not say of what", codes: "ACCOUNT_REFUSED", broken: func(c *clinic) { c.outage("api", "401_unclear") }},
	{name: "an expired password", codes: "ACCOUNT_STOPPED", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.accounts SET structures_at = now()`)
		c.account(func(a *chorustest.Account) { a.Expires = time.Now().Add(-time.Hour) })
	}},
	{name: "a password whose end was announced", codes: "ACCOUNT_EXPIRED", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.accounts SET structures_at = now(), password_expires = current_date - 1`)
		c.account(func(a *chorustest.Account) { a.Expires = time.Now().Add(-day) })
	}},
	{name: "a locked account", codes: "ACCOUNT_STOPPED", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.accounts SET structures_at = now()`)
		c.account(func(a *chorustest.Account) { a.Locked = true })
	}},
	{name: "20 days to the end of the password", codes: "?ACCOUNT_EXPIRES", broken: func(c *clinic) {
		c.account(func(a *chorustest.Account) { a.Expires = time.Now().Add(20 * day) })
	}},
	{name: "70 days to the end of the password", broken: func(c *clinic) {
		c.account(func(a *chorustest.Account) { a.Expires = time.Now().Add(70 * day) })
	}},
	{name: "no word of the password", codes: "?EXPIRY_UNKNOWN", broken: fault("unknown_code", "structures/consulter")},
	{name: "a paused account", codes: "?ACCOUNT_PAUSED", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.accounts SET paused_at = now(), pause_reason = 'ACCOUNT_REFUSED'`)
	}},
	{name: "deposits that wait for a comparison", codes: "?ACCOUNT_COMPARING", broken: func(c *clinic) {
		c.exec(`UPDATE chorus.accounts SET compare_since = now(), compare_asked_at = now()`)
	}},

	{name: "attached to nothing", codes: "STRUCTURES_NONE", portal: func(cfg *chorustest.Config) {
		const gone = "99999999600015"
		cfg.Structures = []chorustest.Structure{{SIRET: gone, Designation: "ANCIENNE SARL", Inactive: true}}
		cfg.Accounts[0].Structures = []string{gone}
	}},
	{name: "an invoice of a supplier that is not attached", codes: "?STRUCTURE_MISSING", portal: func(cfg *chorustest.Config) {
		cfg.Accounts[0].Structures = []string{"99999998900010"}
	}, broken: func(c *clinic) { c.waiting("99999999800012") }},
	{name: "an invoice of a supplier that is", broken: func(c *clinic) { c.waiting("99999999800012") }},
	{name: "a list that is refused", codes: "STRUCTURES_UNKNOWN", broken: fault("unknown_code", "recuperer/structures/actives/fournisseur")},
	{name: "no right to search", codes: "SEARCH_FORBIDDEN", broken: fault("not_entitled", "rechercher/fournisseur")},
	{name: "a search that is refused", codes: "SEARCH_UNKNOWN", broken: fault("unknown_code", "rechercher/fournisseur")},
	{name: "an empty search", portal: func(cfg *chorustest.Config) { cfg.Empty = "20000" }},
	{name: "the day's quota spent", codes: "QUOTA_SPENT", broken: func(c *clinic) { c.outage("api", "429_daily") }},
	{name: "the quota spent in the midst", codes: "QUOTA_SPENT", broken: fault("429_daily", "rechercher/fournisseur")},
	{name: "no tokens left", codes: "QUOTA_SPENT", broken: func(c *clinic) { c.outage("token", "429") }},
	{name: "beside a busy fleet", codes: "?QUOTA_TIGHT", broken: func(c *clinic) { c.sim.Faults(chorustest.Fault{Kind: "429", Op: "rechercher/fournisseur"}) }},

	{name: "no server and a wrong secret", codes: "DATABASE_UNREACHABLE TOKEN_CLIENT", broken: func(c *clinic) {
		c.secret("DATABASE_URL", "postgres://x@127.0.0.1:1/x")
		c.secret("PISTE_CLIENT_SECRET", "other")
	}},
}

// databaseAhead gives the database another clock.
func (c *clinic) databaseAhead(by string) {
	c.exec(`ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO real_clock_timestamp;
		CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT real_clock_timestamp() + '` + by + `'::interval $$`)
}

// portalAhead puts a portal whose clock is wrong before the simulator's token endpoint.
func (c *clinic) portalAhead(by time.Duration) {
	c.instead("CHORUS_TOKEN_URL", "/api/oauth/token", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, c.sim.TokenURL(), r.Body)
		if err != nil {
			panic(err)
		}
		req.Header = r.Header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer func() { _ = resp.Body.Close() }()
		w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
}

// waiting leaves an invoice of a supplier on its way.
func (c *clinic) waiting(siret string) {
	doc := base64.StdEncoding.EncodeToString(invoicetest.Invoice{Numero: "F-1"}.UBL())
	c.exec(`INSERT INTO chorus.invoices (document) VALUES (decode('` + doc + `', 'base64'));
		SET session_replication_role = replica;
		UPDATE chorus.invoices SET state = 'ready', fournisseur_siret = '` + siret + `'`)
}
