package console

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language"
)

// languages are those of the pages; the first one is for who asks for none of them.
var languages = language.NewMatcher([]language.Tag{language.English, language.French})

// languageCookie remembers the reader's choice.
const languageCookie = "choriste_lang"

// languageOf is the reader's language, en or fr: his choice, or else his browser's.
func languageOf(r *http.Request) string {
	if c, err := r.Cookie(languageCookie); err == nil && (c.Value == "en" || c.Value == "fr") {
		return c.Value
	}
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")) // none, when it cannot be read
	_, k, _ := languages.Match(tags...)
	return []string{"en", "fr"}[k]
}

// languageChosen finds the reader's language. A choice (?lang=fr) is kept in a cookie, and answered by the same page without it.
func languageChosen(w http.ResponseWriter, r *http.Request) (lang string, answered bool) {
	q := r.URL.Query()
	chosen := q.Get("lang")
	if chosen != "en" && chosen != "fr" {
		return languageOf(r), false
	}
	q.Del("lang")
	to := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: q.Encode()} // a path that begins with two slashes would be another site's
	http.SetCookie(w, &http.Cookie{                                                    //nolint:gosec // it is no secret, and the console may be on this machine without TLS
		Name: languageCookie, Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
	return chosen, true
}
