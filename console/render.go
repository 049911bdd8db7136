package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

//go:embed *.html style.css icon.svg live.js vendored/*.js
var files embed.FS

// templates are the pages by language and name. A template writes both languages side by side, {{t "English" "français"}}, and each set shows one.
var templates = func() map[string]map[string]*template.Template {
	sets := map[string]map[string]*template.Template{}
	for _, lang := range []string{"en", "fr"} {
		frame := template.Must(template.New("layout.html").Funcs(functions(lang)).ParseFS(files, "layout.html", "parts.html"))
		sets[lang] = map[string]*template.Template{}
		for _, page := range []string{"overview", "invoices", "found", "causes", "invoice", "document", "findings", "recipients", "money", "accounts", "webhooks", "signin", "signedin", "norole", "error", "many", "run", "runs", "audit", "settings"} {
			sets[lang][page] = template.Must(template.Must(frame.Clone()).ParseFS(files, page+".html"))
		}
	}
	return sets
}()

// functions are what templates call.
func functions(lang string) template.FuncMap {
	v := view{lang: lang}
	return template.FuncMap{
		"t": v.t, "lang": func() string { return lang },
		"place": func(where string) string { return rules.Place(where, lang) },
		"text":  shown, "long": func(n int, s any) string { return cutAt(shown(s), n) },
		"clock": clock, "minute": minute, "day": day, "span": v.span, "since": func(at time.Time) string { return v.span(time.Since(at)) },
		"money": v.money, "number": v.number, "unit": unit, "sum": v.sum, "stage": v.stage, "settledHow": v.settledHow, "count": v.count,
		"state": v.state, "kind": v.kind, "who": v.who, "retry": v.retry, "outcome": v.outcome, "yesno": v.yesno, "breaker": v.breaker, "word": v.word, "request": v.request,
		"did": v.did, "why": v.why, "source": v.source, "personIn": personIn,
		"said":    v.said,
		"english": func(s any) bool { _, is := s.(english); return is },
		"style":   func() string { return style.at }, "scripts": func() []string { return []string{htmx.at, live.at} },
		"nav": func(now, page, href, text string) map[string]any {
			return map[string]any{"Here": now == page, "Href": href, "Text": text}
		},
	}
}

// frame is what the layout shows around a page.
type frame struct {
	Title   string
	Page    string
	Switch  string // the same page in the other language
	Now     time.Time
	Person  person
	Form    string // what the forms of this session carry
	Again   bool   // a browser without JavaScript asks for it again after a moment
	Live    string // its address, where it is kept current
	Running int    // acts that go on, for who may act
	Some    bool   // its reader sees some accounts only
	Data    any
}

// render writes a page. It is made whole before the first byte leaves, so that an error is never half a page.
func render(w http.ResponseWriter, v view, status int, body content) {
	other := "fr"
	if v.lang == "fr" {
		other = "en"
	}
	at := v.URL
	if body.at == "" && v.Method == http.MethodPost && v.URL.Path != "/signin" { // no page: the other language is of the one before
		body.at = v.before()
	}
	if body.at != "" {
		at, _ = url.Parse(body.at) // one that we wrote, or that was read as one
	}
	q := at.Query()
	q.Set("lang", other)
	watched := ""
	if body.live {
		watched = v.URL.RequestURI()
	}
	_, some := store.AccountsOf(v.Context())
	var page bytes.Buffer
	err := templates[v.lang][body.page].Execute(&page, frame{
		Title: body.title, Page: section(body.page), Switch: at.Path + "?" + q.Encode(), Now: time.Now(), Data: body.data, Again: body.again, Live: watched, Running: body.running, Some: some,
		Person: personOf(v.Request), Form: personOf(v.Request).form,
	})
	if err != nil {
		http.Error(w, "This page cannot be shown: its template broke, which is a fault of choriste.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.lang)
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// section is the entry of the navigation that a page belongs to.
func section(page string) string {
	if page == "causes" {
		return "overview"
	}
	if page == "signedin" || page == "norole" {
		return "signin"
	}
	if page == "invoice" || page == "document" || page == "found" || page == "many" || page == "run" || page == "runs" {
		return "invoices"
	}
	return page
}

// shown is a text that others wrote, with its control and direction characters visible. A nil pointer is nothing.
func shown(s any) string {
	switch s := s.(type) {
	case string:
		return visible.Text(s)
	case *string:
		if s != nil {
			return visible.Text(*s)
		}
	case store.State:
		return string(s)
	case english:
		return visible.Text(string(s))
	}
	return ""
}

// said is what the database says, in French where it is known; elsewhere it is marked as English.
func (v view) said(s any) template.HTML {
	text := shown(s)
	if v.lang == "fr" {
		french, known := store.InFrench(text)
		if !known {
			return template.HTML(`<span lang="en">` + template.HTMLEscapeString(text) + `</span>`) //nolint:gosec // escaped
		}
		text = french
	}
	return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
}

// cutAt leaves n characters of a text.
func cutAt(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimRight(string(r[:n-1]), " ") + "…"
	}
	return s
}
