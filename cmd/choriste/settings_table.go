package main

import (
	"errors"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/openid"
)

var table = []setting{
	{name: "DATABASE_URL", required: true, secret: true, about: "PostgreSQL. `work` needs a login that is a member of chorus_worker, `migrate` an owner, the operator's commands a member of chorus_operator.", set: text(func(s *settings) *string { return &s.DatabaseURL }, databaseURL)},
	{name: "CHORUS_ENV", def: "sandbox", about: "sandbox or production: picks both hosts, and must be the one the database is marked with.", set: oneOf(func(s *settings) *string { return &s.Env }, "sandbox", "production")},
	{name: "CHORUS_API_URL", about: "The API's root without /cpro, instead of the one of CHORUS_ENV. Only together with CHORUS_TOKEN_URL.", set: text(func(s *settings) *string { return &s.APIURL }, anyText)},
	{name: "CHORUS_TOKEN_URL", about: "The full address of the token endpoint. Only together with CHORUS_API_URL.", set: text(func(s *settings) *string { return &s.TokenURL }, anyText)},
	{name: "CHORISTE_FOREIGN_HOSTS", about: "allow: the two addresses may lead to hosts that are not PISTE's, in production (by https alone), and by http to another machine outside production.", set: func(s *settings, v string) error {
		if v != "allow" {
			return errors.New("must be allow, or not set")
		}
		s.ForeignHosts = true
		return nil
	}},
	{name: "CHORISTE_PROXY", about: "The HTTP proxy by which Chorus Pro, PISTE and webhooks are reached, as http://proxy.example.net:3128. It is asked for tunnels (CONNECT) alone. HTTPS_PROXY and its like are not used. [More](#the-way-out).", set: text(func(s *settings) *string { return &s.Way.Proxy }, egress.ReadProxy)},
	{name: "CHORISTE_PROXY_LOGIN", about: "The login at the proxy (Basic). Only together with CHORISTE_PROXY_PASSWORD.", set: text(func(s *settings) *string { return &s.Way.Login }, login)},
	{name: "CHORISTE_PROXY_PASSWORD", secret: true, about: "Its password.", set: secret(func(s *settings) *chorus.Secret { return &s.Way.Password })},
	{name: "NO_PROXY", about: "Hosts that are reached without CHORISTE_PROXY, separated by commas: names with all that is below them (example.net), only what is below (.example.net), addresses and networks (10.0.0.0/8), each with a port or without. no_proxy where this is not set. This machine is always reached without.", set: text(func(s *settings) *string { return &s.Way.NoProxy }, anyText)},
	{name: "CHORISTE_CA_FILE", about: "A file with certificates in PEM that are trusted beside the system's: of a proxy that opens TLS, or of hosts with roots of their own. Put such a proxy's root here and not into the system's store: [the way out](#the-way-out) says why.", set: text(func(s *settings) *string { return &s.RootsFile }, anyText)},
	{name: "CHORISTE_CLIENT_CERT", about: "A file with the certificate, and those above it, in PEM, that is shown to PISTE's hosts when they ask for one. Only together with CHORISTE_CLIENT_KEY.", set: text(func(s *settings) *string { return &s.ClientCert }, anyText)},
	{name: "CHORISTE_CLIENT_KEY", secret: true, about: "Its key, in PEM.", set: func(s *settings, v string) error { s.Way.Key = chorus.Secret(v); return nil }},
	{name: "PISTE_CLIENT_ID", required: true, orFile: true, about: "The PISTE application's client id.", set: text(func(s *settings) *string { return &s.ClientID }, identifier)},
	{name: "PISTE_CLIENT_SECRET", required: true, orFile: true, secret: true, about: "Its secret.", set: secret(func(s *settings) *chorus.Secret { return &s.ClientSecret })},
	{name: "PISTE_SCOPE", def: "openid", about: "The OAuth scope asked for.", set: text(func(s *settings) *string { return &s.Scope }, scopes)},
	{name: "CHORUS_LOGIN", required: true, orFile: true, about: "The technical account called default, as TECH_…@cpro.fr.", set: text(func(s *settings) *string { return &s.Login }, login)},
	{name: "CHORUS_PASSWORD", required: true, orFile: true, secret: true, about: "Its password.", set: secret(func(s *settings) *chorus.Secret { return &s.Password })},
	{name: "CHORISTE_ACCOUNTS_FILE", about: "A YAML file with more accounts and PISTE applications, when there are several suppliers. The four settings above may then be left out.", set: func(*settings, string) error { return nil }},
	{name: "CHORISTE_WEBHOOKS_FILE", about: "A YAML file with the endpoints that are told of events by signed webhooks.", set: func(*settings, string) error { return nil }},
	{name: "CHORISTE_RULES", about: "Rules raised or lowered for every account, as CH-CADRE=warning,BR-CO-10=off: error stops an invoice, warning is stored and shown, off is not asked. An account of the file may have rules of its own, which go over these.", set: func(s *settings, v string) (err error) {
		s.Rules, err = readLevels(v)
		return err
	}},
	{name: "CHORISTE_ANNUAIRE", def: "never", about: "never or daily: read Chorus Pro's file of all public recipients once a day, so that the first invoice to one is checked against what it demands.", set: func(s *settings, v string) error {
		if v != "never" && v != "daily" {
			return errors.New("must be never or daily")
		}
		s.Annuaire = v == "daily"
		return nil
	}},
	{name: "CHORISTE_ENGAGEMENTS", def: "never", about: "never or check: before an invoice to the State is sent, Chorus Pro is asked whether it knows its commitment number (BT-13). An account of the file may say otherwise (engagements).", set: func(s *settings, v string) error {
		if v != "never" && v != "check" {
			return errors.New("must be never or check")
		}
		s.Engagements = v == "check"
		return nil
	}},
	{name: "CHORISTE_QUOTA", def: "20", about: "Requests per second that PISTE grants this application; the fleet spends 95 % of it.", set: quota},
	{name: "CHORISTE_LISTEN", def: "127.0.0.1:8080", about: "Where /healthz, /readyz, /metrics and the console are served.", set: text(func(s *settings) *string { return &s.Listen }, listen)},
	{name: "CHORISTE_HOSTS", about: "Names by which a browser or Prometheus asks for the console and /metrics, separated by commas. IP addresses and localhost need no name.", set: hostNames},
	{name: "CHORISTE_CONSOLE", def: "auto", about: "auto: the console asks nobody who he is on this machine, and needs CHORISTE_USERS_FILE and TLS elsewhere. proxied: it asks, and TLS ends before it. open: whoever reaches the address sees every page. off: probes and metrics alone.", set: oneOf(func(s *settings) *string { return &s.Console }, consoleAuto, consoleProxied, consoleOpen, consoleOff)},
	{name: "CHORISTE_USERS_FILE", about: "A YAML file with those who may sign in to the console, and their roles, or those of their groups.", set: func(*settings, string) error { return nil }},
	{name: "CHORISTE_OPENID_ISSUER", about: "The OpenID Connect provider that [signs people in](console.md#sign-in-elsewhere) to the console, exactly as it calls itself, as https://login.example.net/realms/main.", set: text(func(s *settings) *string { return &s.OpenID.Issuer }, openid.CheckIssuer)},
	{name: "CHORISTE_OPENID_CLIENT_ID", about: "The console's client id there.", set: text(func(s *settings) *string { return &s.OpenID.ClientID }, identifier)},
	{name: "CHORISTE_OPENID_CLIENT_SECRET", secret: true, about: "Its secret.", set: secret(func(s *settings) *chorus.Secret { return &s.OpenID.Secret })},
	{name: "CHORISTE_OPENID_ADDRESS", about: "The console's address in browsers, as https://choriste.example.net. The provider sends them back to /signin/callback there: register that with it. Its name need not stand in CHORISTE_HOSTS.", set: text(func(s *settings) *string { return &s.OpenID.Address }, openid.CheckAddress)},
	{name: "CHORISTE_OPENID_CLAIM", def: "groups", about: "The claim of the ID token whose values are the groups of CHORISTE_USERS_FILE. Of email only one that the provider has verified counts.", set: text(func(s *settings) *string { return &s.OpenID.Claim }, claimName)},
	{name: "CHORISTE_OPENID_SCOPES", def: "openid profile", about: "The scopes asked for. Some providers send groups only for a scope of that name.", set: text(func(s *settings) *string { return &s.OpenID.Scopes }, openIDScopes)},
	{name: "CHORISTE_SIGNIN_HEADER", about: "The header in which a proxy [names who asks](console.md#sign-in-elsewhere), as X-Remote-User. Needs one of the two settings after the next.", set: text(func(s *settings) *string { return &s.Header.Name }, headerName)},
	{name: "CHORISTE_SIGNIN_GROUPS", about: "The header in which it says that person's groups, separated by commas, as X-Remote-Groups.", set: text(func(s *settings) *string { return &s.Header.Groups }, headerName)},
	{name: "CHORISTE_SIGNIN_PROXIES", about: "The addresses and networks from which that proxy comes, as 10.0.0.5,10.1.0.0/24.", set: proxies},
	{name: "CHORISTE_SIGNIN_SECRET", secret: true, about: "What that proxy shows in the header Choriste-Proxy-Secret; 20 characters at least.", set: secret(func(s *settings) *chorus.Secret { return &s.Header.Secret })},
	{name: "CHORISTE_CONSOLE_DATABASE_URL", secret: true, about: "PostgreSQL, as a login that is a member of chorus_operator: those who may act do so through it. Without it the console only reads.", set: text(func(s *settings) *string { return &s.ConsoleURL }, databaseURL)},
	{name: "CHORISTE_SECOND_PERSON", def: "off", about: "resubmit: what may send an invoice again by a person's word is done only when [a second person](operating.md#a-second-person) agrees. The same for all workers; the one that started last counts.", set: func(s *settings, v string) error {
		if v != "off" && v != "resubmit" {
			return errors.New("must be off or resubmit")
		}
		s.SecondPerson = v == "resubmit"
		return nil
	}},
	{name: "CHORISTE_SECOND_PERSON_WITHIN", def: "24h", about: "How long such a request waits before it lapses.", set: duration(func(s *settings) *time.Duration { return &s.SecondWithin }, 31*24*time.Hour)},
	{name: "CHORISTE_TLS_CERT", about: "A file with the certificate, and those above it, in PEM, with which CHORISTE_LISTEN is served by TLS. Only together with CHORISTE_TLS_KEY.", set: text(func(s *settings) *string { return &s.TLSCert }, anyText)},
	{name: "CHORISTE_TLS_KEY", secret: true, about: "The certificate's key, in PEM.", set: func(s *settings, v string) error { s.TLSKey = chorus.Secret(v); return nil }},
	{name: "CHORISTE_HTTP_TIMEOUT", def: "60s", about: "T_http: one deposit, from connect to the last byte of the answer.", set: duration(func(s *settings) *time.Duration { return &s.HTTPTimeout }, 15*time.Minute)},
	{name: "CHORISTE_SEND_WITHIN", def: "10s", about: "T_send: a deposit leaves so soon after it was committed to, or not at all.", set: duration(func(s *settings) *time.Duration { return &s.SendWithin }, time.Minute)},
	{name: "CHORISTE_LANDING_DELAY", def: "15m", about: "D: a request lands within this of being sent, or never.", set: duration(func(s *settings) *time.Duration { return &s.LandingDelay }, 7*24*time.Hour)},
	{name: "CHORISTE_VISIBILITY_DELAY", def: "4h", about: "V: what has landed is found by a search within this.", set: duration(func(s *settings) *time.Duration { return &s.VisibilityDelay }, 30*24*time.Hour)},
	{name: "CHORISTE_INDOUBT_RESUBMIT", def: "once", about: "once or never: send once more what is proven absent, or ask a person.", set: func(s *settings, v string) error {
		if v != "once" && v != "never" {
			return errors.New("must be once or never")
		}
		s.Never = v == "never"
		return nil
	}},
	{name: "CHORISTE_REAP_EVERY", def: "5s", about: "How often silent deposits are taken to in_doubt.", set: duration(func(s *settings) *time.Duration { return &s.ReapEvery }, 10*time.Minute)},
	{name: "CHORISTE_SWEEP_EVERY", def: "5s", about: "How often rows without a job get one again.", set: duration(func(s *settings) *time.Duration { return &s.SweepEvery }, 10*time.Minute)},
	{name: "CHORISTE_SYNC_EVERY", def: "1m", about: "How often each supplier structure's changes of status are read.", set: duration(func(s *settings) *time.Duration { return &s.SyncEvery }, 24*time.Hour)},
	{name: "CHORISTE_REPORT_AFTER", def: "2m", about: "First look at a deposit's integration report, unless the change feed usually takes longer.", set: duration(func(s *settings) *time.Duration { return &s.ReportAfter }, 7*24*time.Hour)},
	{name: "CHORISTE_RESOLVE_AFTER", def: "30s", about: "First look-up of an invoice in doubt; each next one four times later, at most 120 times this apart, and one exactly when the horizon has passed.", set: duration(func(s *settings) *time.Duration { return &s.ResolveAfter }, 24*time.Hour)},
	{name: "CHORISTE_QUIET_PERIOD", def: "2160h", about: "Without news for so long after the last status that was to be expected, an invoice is settled.", set: duration(func(s *settings) *time.Duration { return &s.QuietPeriod }, 3650*24*time.Hour)},
	{name: "CHORISTE_KEEP_EXCHANGES", def: "43800h", about: "What left and what came back at each deposit is kept for so long as [evidence](operating.md#evidence), without secrets and without the document. Its hash stays.", set: duration(func(s *settings) *time.Duration { return &s.KeepExchanges }, 3650*24*time.Hour)},
	{name: "CHORISTE_TOKEN_MARGIN", def: "2m", about: "A token is renewed so long before it expires.", set: duration(func(s *settings) *time.Duration { return &s.TokenMargin }, 30*time.Minute)},
	{name: "CHORISTE_DATABASE_WAIT", def: "60s", about: "How long `work` waits for PostgreSQL at its start; while running it waits for ever.", set: duration(func(s *settings) *time.Duration { return &s.DatabaseWait }, 24*time.Hour)},
	{name: "CHORISTE_DEPOSITS_IN_FLIGHT", def: "32", about: "Deposits in the air at once, over the whole fleet.", set: count(func(s *settings) *int { return &s.InFlight }, 10000)},
	{name: "CHORISTE_WORKERS", def: "16", about: "Jobs at once in this process.", set: count(func(s *settings) *int { return &s.Workers }, 1000)},
	{name: "CHORISTE_SHUTDOWN_TIMEOUT", def: "25s", about: "How long SIGTERM waits for deposits in the air. A second signal ends at once.", set: duration(func(s *settings) *time.Duration { return &s.ShutdownTimeout }, time.Hour)},
	{name: "CHORISTE_MAINTENANCE", about: "Announced closures of Chorus Pro, during which nothing is asked: START/END, as 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, several separated by commas.", set: windows},
	{name: "CHORISTE_STATE_DIR", about: "A directory where workers keep what they know to have been committed, outside the database, so that they notice when it is restored. By itself: systemd's $STATE_DIRECTORY, else nowhere.", set: text(func(s *settings) *string { return &s.StateDir }, anyText)},
	{name: "CHORISTE_SMTP_URL", about: "The mail server for `choriste digest --mail`: smtps://USER@HOST:465, or smtp://USER@HOST:587, which must offer STARTTLS; without TLS only on this machine. Without USER it is not signed in to.", set: smtpURL},
	{name: "CHORISTE_SMTP_PASSWORD", secret: true, about: "The password of USER.", set: secret(func(s *settings) *chorus.Secret { return &s.SMTPPassword })},
	{name: "CHORISTE_DIGEST_FROM", about: "The sender of the digest, as choriste@example.org.", set: addresses(func(s *settings) *[]string { return &s.DigestFrom }, 1)},
	{name: "CHORISTE_DIGEST_TO", about: "Who gets the digest: addresses separated by commas, twenty at most.", set: addresses(func(s *settings) *[]string { return &s.DigestTo }, 20)},
	{name: "CHORISTE_LOG", about: "text or json, and a least level after a colon, as json:warn. By itself: text on a terminal, JSON otherwise, from info on.", set: func(s *settings, v string) error {
		if _, _, err := parseLog(v); err != nil {
			return err
		}
		s.Log = v
		return nil
	}},
}
