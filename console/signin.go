package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/openid"
)

// Who may see the pages. Without users nobody is asked: then the address must lead to this machine alone, or something before it asks.

// open are the paths that everybody may ask for.
var open = []string{"/signin", openid.CallbackPath, "/signin/openid", "/style.css", "/icon.svg"}

// guard lets in who has signed in, and no form that another site's page sends.
func (c *console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !ownForm(r) {
			http.Error(w, view{r, languageOf(r)}.t("This was sent by another site's page, or by no page at all: it is refused.",
				"Ceci a été envoyé par la page d'un autre site, ou par aucune page : c'est refusé."), http.StatusForbidden)
			return
		}
		if c.users == nil {
			next.ServeHTTP(w, r)
			return
		}
		if c.header != nil && r.URL.Path != "/style.css" && r.URL.Path != "/icon.svg" {
			p, named, answered := c.fromProxy(w, r)
			switch {
			case answered:
				return
			case named && strings.HasPrefix(r.URL.Path, "/signin"): // he is
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			case named:
				next.ServeHTTP(w, p.with(r))
				return
			}
		}
		p, signed := c.signedIn(r)
		switch {
		case signed:
			next.ServeHTTP(w, p.with(r))
		case slices.Contains(open, r.URL.Path):
			next.ServeHTTP(w, r)
		case watches(r):
			w.WriteHeader(http.StatusUnauthorized) // live.js says so, and leaves what was written where it is
		case c.again(w, r):
		case r.Method == http.MethodGet:
			http.Redirect(w, r, "/signin?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		default:
			v := view{r, languageOf(r)}
			r.Body = http.MaxBytesReader(w, r.Body, mostForm)
			_ = r.ParseForm() // what could not be read is not shown
			s := c.ways(v.before())
			s.Wrote, s.Wrong = cutAt(r.PostForm.Get("reason"), mostReason), v.t("The session was over: nothing was done.", "La session était terminée : rien n'a été fait.")
			render(w, v, http.StatusForbidden, content{page: "signin", title: v.t("Sign in", "Connexion"), data: s})
		}
	})
}

// ownForm tells that a request comes from a page of this address. A browser says so in Origin, and newer ones in Sec-Fetch-Site; one that says nothing is refused.
func ownForm(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && (origin.Scheme == "http" || origin.Scheme == "https") && origin.Host == r.Host && r.Host != ""
}

// cookieName is that of the session. __Host- has the browser take it from this host alone, and by TLS alone.
func (c *console) cookieName() string {
	if c.secure {
		return "__Host-choriste"
	}
	return "choriste"
}

// signedIn finds who has signed in. Somebody who is no longer in the file, or has another password since, has not.
func (c *console) signedIn(r *http.Request) (person, bool) {
	cookie, err := r.Cookie(c.cookieName())
	if err != nil {
		return person{}, false
	}
	s := c.sessions.find(cookie.Value, time.Now(), watches(r))
	if s == nil {
		return person{}, false
	}
	rights := c.rightsOf(s.who)
	if !rights.may(Reader) {
		return person{}, false
	}
	return person{Name: s.who.name, rights: rights, Actor: s.who.actor(), who: s.who, form: s.form}, true
}

func (c *console) user(name string) (User, bool) {
	list := c.users()
	k := slices.IndexFunc(list, func(u User) bool { return u.Name == name })
	if k < 0 {
		return User{}, false
	}
	return list[k], true
}

// signin is what the form shows.
type signin struct {
	Passwords  bool   // somebody has one
	Proxy      bool   // one signs people in
	Provider   string // the name of the one that signs people in
	Begin      string // where that begins
	EndSession string // where the session at the provider is ended
	To         string
	Name       string
	Wrong      string
	Wrote      string // before the session was over
}

// ownPath is where a reader is led to after signing in: a path of these pages, and nothing else.
func ownPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return u.RequestURI()
}

// before is the page that a form comes from.
func (v view) before() string {
	at, err := url.Parse(v.Referer())
	if err != nil || at.Host != v.Host {
		return "/"
	}
	return ownPath(at.RequestURI())
}

// mostForm is how many bytes a form has at most.
const mostForm = 16 << 10

// signIn takes a name and a password. What is wrong with them is not said, and takes as long whatever it is.
func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if c.users == nil || r.ParseForm() != nil {
		http.Error(w, "There is nothing to sign in to.", http.StatusBadRequest)
		return
	}
	s := c.ways(ownPath(r.PostForm.Get("to")))
	s.Name = cutAt(shown(r.PostForm.Get("name")), 60)
	refuse := func(status int, en, fr string) {
		s.Wrong = v.t(en, fr)
		render(w, v, status, content{page: "signin", title: v.t("Sign in", "Connexion"), data: s})
	}
	name, password := r.PostForm.Get("name"), r.PostForm.Get("password")
	if len(name) > 100 || len(password) > MostPassword {
		name, password = "", ""
	}
	u, known := c.user(name)
	if known = known && u.Hash != ""; !known { // who has none comes by the proxy alone
		u.Hash = nobody
	}
	// A name that is not in the file may be a password that was written into the wrong field: it is not kept.
	refused := func(why string) {
		if known {
			c.refusedToSignIn(r, byPassword, u.Name, why)
		} else {
			c.refusedToSignIn(r, byPassword, "", why)
		}
	}
	if !c.sessions.may(name, time.Now()) {
		refused("TOO_MANY")
		w.Header().Set("Retry-After", "60")
		refuse(http.StatusTooManyRequests, "Too many tries: wait a minute.", "Trop d'essais : attendez une minute.")
		return
	}
	select { // one at a time: each takes memory
	case c.hashing <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	hash, err := readHash(u.Hash)
	right := err == nil && hash.matches(password) && known
	<-c.hashing
	if !right {
		if known {
			refused("WRONG_PASSWORD")
		} else {
			refused("UNKNOWN_NAME")
		}
		refuse(http.StatusUnauthorized, "The name or the password is wrong.", "Le nom ou le mot de passe est faux.")
		return
	}
	c.endSession(r)
	who := identity{by: byPassword, name: u.Name, hash: u.Hash}
	c.signedInAs(r, who)
	http.SetCookie(w, c.sessionCookie(c.sessions.begin(who, time.Time{}, time.Now()), 0))
	http.Redirect(w, r, s.To, http.StatusSeeOther)
}

// nobody is the hash of no password: it is compared with where there is no such name, so that this takes as long.
var nobody = argon{hashMemory, hashPasses, hashLanes, make([]byte, saltLength), make([]byte, keyLength)}.String()

// signOut ends the session. Its form carries the session's own text.
func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if p := personOf(r); r.ParseForm() != nil || !same(r.PostForm.Get("form"), p.form) {
		v := view{r, languageOf(r)}
		render(w, v, http.StatusForbidden, v.foreignForm())
		return
	}
	c.endSession(r)
	http.SetCookie(w, c.sessionCookie("", -1))
	to := "/signin"
	if personOf(r).who.by == byOpenID {
		to += "?out"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// endSession ends the one of the browser's cookie, if there is one.
func (c *console) endSession(r *http.Request) {
	if cookie, err := r.Cookie(c.cookieName()); err == nil {
		c.sessions.end(cookie.Value)
	}
}

// sessionCookie is the cookie of a session, or, with an age below zero, takes it away.
func (c *console) sessionCookie(token string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure unless it is served to this machine alone without TLS
		Name: c.cookieName(), Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode,
	}
}
