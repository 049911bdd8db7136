package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/choriste/choriste/openid"
)

// Signing in by OpenID Connect. A sign-in that has begun is kept in a cookie of the browser, sealed with a key of this process: whoever begins many costs no memory,
// and nobody ends a sign-in that another browser began.

const (
	// tryWithin is how long a sign-in at the provider may take.
	tryWithin = 10 * time.Minute
	// mostTry is how many bytes the cookie has at most, mostTo the page that it leads back to.
	mostTry, mostTo = 4000, 1500
	// mostUsed is how many ended sign-ins are remembered, so that none is ended twice.
	mostUsed = 10000
)

// signInAt is a provider, and the sign-ins at it.
type signInAt struct {
	*openid.Provider
	log  *slog.Logger
	seal cipher.AEAD

	mu   sync.Mutex
	used map[string]time.Time // states of sign-ins that came back
}

// newSignInAt makes a key that lives as long as the process.
func newSignInAt(p *openid.Provider, log *slog.Logger) *signInAt {
	if p == nil {
		return nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has a length that is taken
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // likewise
	}
	return &signInAt{Provider: p, log: log, seal: seal, used: map[string]time.Time{}}
}

// begun is what the cookie holds.
type begun struct {
	openid.Try
	To string
	At time.Time
}

// tryCookie is that of a sign-in that has begun. It comes back from the provider's site, so it is Lax.
func (c *console) tryCookie(value string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure unless it is served to this machine alone without TLS
		Name: c.cookieName() + "-signin", Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
}

// useOnce tells whether a state comes back for the first time.
func (s *signInAt) useOnce(state string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, at := range s.used {
		if now.Sub(at) > tryWithin || len(s.used) > mostUsed {
			delete(s.used, k)
		}
	}
	_, twice := s.used[state]
	s.used[state] = now
	return !twice
}

// toProvider sends the browser to the provider.
func (c *console) toProvider(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	to := ownPath(r.URL.Query().Get("to"))
	if len(to) > mostTo {
		to = "/"
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch {
	case c.openID == nil || r.Method != http.MethodGet || site != "" && site != "same-origin" && site != "none": // another site's page does not begin a sign-in
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	case r.Host != c.openID.Host():
		c.failedSignIn(w, v, http.StatusMisdirectedRequest, to, v.t("Open the console by this address, to sign in at the provider: ", "Ouvrez la console à cette adresse, pour vous connecter chez le fournisseur : ")+c.openID.Address())
		return
	}
	address, try, err := c.openID.Begin(r.Context())
	if err != nil {
		c.notSignedIn(w, v, to, err)
		return
	}
	b, err := json.Marshal(begun{try, to, time.Now()})
	if err != nil {
		panic(err) // texts and a time
	}
	sealed := c.openID.seal.Seal(nil, nil, b, nil) //nolint:gosec // the nonce is random, and made within (NewGCMWithRandomNonce)
	http.SetCookie(w, c.tryCookie(base64.RawURLEncoding.EncodeToString(sealed), int(tryWithin.Seconds())))
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// begunBy is the sign-in of the browser's cookie, which is taken away: it ends now, well or not.
func (c *console) begunBy(w http.ResponseWriter, r *http.Request) (b begun, ok bool) {
	cookie, err := r.Cookie(c.cookieName() + "-signin")
	http.SetCookie(w, c.tryCookie("", -1))
	if err != nil || len(cookie.Value) > mostTry {
		return begun{}, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return begun{}, false
	}
	text, err := c.openID.seal.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(text, &b) != nil || time.Since(b.At) > tryWithin {
		return begun{}, false
	}
	return b, true
}

// fromProvider takes the browser back from the provider, and begins a session of whoever the provider says it is.
func (c *console) fromProvider(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the code
	q := r.URL.Query()
	if c.openID == nil || r.Method != http.MethodGet {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	b, ok := c.begunBy(w, r)
	issuer := q.Get("iss")
	switch {
	case !ok, !same(q.Get("state"), b.State), len(q["state"]) != 1, len(q["code"]) > 1, issuer != "" && issuer != c.openID.Issuer(), !c.openID.useOnce(b.State, time.Now()):
		c.refusedToSignIn(r, byOpenID, "", "PROVIDER")
		c.failedSignIn(w, v, http.StatusForbidden, "/", v.t("This sign-in was not begun in this browser, took too long, or has ended already: begin again.",
			"Cette connexion n'a pas commencé dans ce navigateur, a duré trop longtemps ou est déjà terminée : recommencez."))
		return
	case q.Get("code") == "":
		code := openid.Code(q.Get("error"))
		c.openID.log.Warn("the OpenID provider refused a sign-in", "error", code)
		c.refusedToSignIn(r, byOpenID, "", "PROVIDER")
		c.failedSignIn(w, v, http.StatusForbidden, b.To, v.t("The provider did not sign you in. ", "Le fournisseur ne vous a pas connecté. ")+code)
		return
	}
	who, err := c.openID.Finish(r.Context(), b.Try, q.Get("code"))
	if err != nil {
		c.notSignedIn(w, v, b.To, err)
		return
	}
	i := identity{by: byOpenID, name: cutAt(who.Name, 100), id: who.Subject, names: who.Names, groups: who.Values}
	c.endSession(r) // whoever it was of
	if !c.rightsOf(i).may(Reader) {
		http.SetCookie(w, c.sessionCookie("", -1))
		c.refusedToSignIn(r, i.by, i.actor(), "NO_ROLE")
		page := v.noRole(i, c.openID.Claim())
		render(w, v, page.status, page)
		return
	}
	http.SetCookie(w, c.sessionCookie(c.sessions.begin(i, who.Ends, time.Now()), 0))
	c.signedInAs(r, i)
	// The cookie is Strict: the browser does not send it on a redirect that the provider's site has begun. So this page leads on, not a redirect.
	w.Header().Set("Refresh", "0; url="+b.To)
	render(w, v, http.StatusOK, content{page: "signedin", title: v.t("Signed in", "Connecté"), at: "/", data: signedIn{i.name, b.To}})
}

// signedIn is the page that leads on.
type signedIn struct{ Name, To string }

// notSignedIn says which kind of failure it was, and keeps the rest for the log. Neither has a token.
func (c *console) notSignedIn(w http.ResponseWriter, v view, to string, err error) {
	if v.Context().Err() != nil {
		return // nobody reads it
	}
	c.openID.log.Warn("a sign-in by OpenID Connect failed", "why", err.Error())
	kind := openid.NotTrusted
	var failed *openid.Error
	if errors.As(err, &failed) {
		kind = failed.Kind
	}
	if signInFailures[kind].status == http.StatusForbidden { // else nobody was refused: the provider is away
		c.refusedToSignIn(v.Request, byOpenID, "", "PROVIDER")
	}
	c.failedSignIn(w, v, signInFailures[kind].status, to, v.word(signInFailures[kind].text))
}

var signInFailures = map[openid.Kind]struct {
	status int
	text   word
}{
	openid.Unreachable: {http.StatusServiceUnavailable, word{
		"The provider that signs people in does not answer. Invoices go on by themselves; try again in a moment. The worker's log says more.",
		"Le fournisseur qui connecte les personnes ne répond pas. Les factures continuent ; réessayez dans un instant. Le journal du worker en dit plus.",
	}},
	openid.Unfit: {http.StatusServiceUnavailable, word{
		"The provider that signs people in, or the settings for it, cannot be used: the worker's log says why.",
		"Le fournisseur qui connecte les personnes, ou ses réglages, ne sont pas utilisables : le journal du worker dit pourquoi.",
	}},
	openid.Refused: {http.StatusForbidden, word{
		"The provider did not take this sign-in: begin again. If that does not help, the worker's log says why.",
		"Le fournisseur n'a pas accepté cette connexion : recommencez. Si cela n'aide pas, le journal du worker dit pourquoi.",
	}},
	openid.NotTrusted: {http.StatusForbidden, word{
		"The provider's answer does not prove who you are: you are not signed in. The worker's log says why.",
		"La réponse du fournisseur ne prouve pas qui vous êtes : vous n'êtes pas connecté. Le journal du worker dit pourquoi.",
	}},
	openid.Expired: {http.StatusForbidden, word{
		"The provider's answer has expired: begin again. If that does not help, its clock and the worker's do not agree.",
		"La réponse du fournisseur a expiré : recommencez. Si cela n'aide pas, son horloge et celle du worker diffèrent.",
	}},
}

// failedSignIn is the page to sign in, with what went wrong. Nothing is begun again by itself.
func (c *console) failedSignIn(w http.ResponseWriter, v view, status int, to, wrong string) {
	s := c.ways(to)
	s.Wrong = wrong
	render(w, v, status, content{page: "signin", title: v.t("Sign in", "Connexion"), at: "/signin?" + url.Values{"to": {to}}.Encode(), data: s})
}

// ways are those by which somebody may sign in.
func (c *console) ways(to string) signin {
	s := signin{To: to, Proxy: c.header != nil}
	for _, u := range c.users() {
		s.Passwords = s.Passwords || u.Hash != ""
	}
	if c.openID != nil {
		u, _ := url.Parse(c.openID.Issuer()) // openid.New has read it
		s.Provider, s.Begin = u.Host, "/signin/openid?"+url.Values{"to": {to}}.Encode()
	}
	return s
}

// again sends a browser whose session is over straight to the provider: it usually asks nothing. ok is false where there is no provider, or the browser had no session:
// who signed out is not signed in again by himself.
func (c *console) again(w http.ResponseWriter, r *http.Request) (ok bool) {
	cookie, err := r.Cookie(c.cookieName())
	if c.openID == nil || err != nil || cookie.Value == "" || r.Method != http.MethodGet || r.Host != c.openID.Host() {
		return false
	}
	http.SetCookie(w, c.sessionCookie("", -1)) // once: when it fails, the page to sign in says why
	http.Redirect(w, r, "/signin/openid?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	return true
}

// signinPage is the form, and the way to the provider.
func (c *console) signinPage(_ context.Context, v view) (content, error) {
	if c.users == nil {
		return content{to: "/"}, nil
	}
	s := c.ways(ownPath(v.URL.Query().Get("to")))
	if c.openID != nil && v.URL.Query().Has("out") {
		s.EndSession = c.openID.EndSession()
	}
	return content{page: "signin", title: v.t("Sign in", "Connexion"), data: s}, nil
}
