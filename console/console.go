// Package console is what an operator sees in a browser. For now it is one page that only reads: what needs a person, how many
// invoices are in each state, and the ones that changed last. It shows no document and changes nothing.
package console

import (
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

//go:embed page.html
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"text": func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	},
	"help": func(i store.Status) []answers.Help {
		return answers.For(i.ReasonCode, i.Reason, i.StatutCourant, i.StatutCommentaire)
	},
	"more":   func(i store.Status, shown []store.RuleFinding) int { return max(0, i.Findings-len(shown)) },
	"clock":  store.Stamp,
	"minute": func(t time.Time) string { return t.Local().Format("2006-01-02 15:04") },
	"age": func(d time.Duration) string {
		if d < time.Second {
			return ""
		}
		return d.Round(time.Second).String()
	},
}).ParseFS(files, "page.html"))

// mostTodo is how many lines of what needs a person the page holds; the counts are of all.
const mostTodo = 50

// Handler serves the page at /. It has no sign-in: serve it to this machine alone, or behind something that has one.
func Handler(s *store.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		stats, err := s.Stats(r.Context())
		var accounts []store.AccountView
		if err == nil {
			accounts, err = s.Accounts(r.Context())
		}
		var breakers []store.Breaker
		if err == nil {
			breakers, err = s.Breakers(r.Context())
		}
		var closure *store.Window
		if err == nil {
			closure, err = s.Closure(r.Context())
		}
		var todo []operate.Todo
		if err == nil {
			todo, err = operate.Todos(r.Context(), s.Pool(), operate.TodoFilter{Limit: mostTodo})
		}
		var counts []operate.TodoCount
		if err == nil {
			counts, err = operate.TodoCounts(r.Context(), s.Pool(), operate.TodoFilter{})
		}
		if err == nil {
			var list []store.Status
			var found map[int64][]store.RuleFinding
			if list, err = s.Recent(r.Context(), 100); err == nil {
				found, err = s.RuleFindingsOf(r.Context(), withFindings(list), mostShown)
			}
			if err == nil {
				h := w.Header()
				h.Set("Content-Type", "text/html; charset=utf-8")
				h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
				h.Set("Cache-Control", "no-store")
				h.Set("X-Content-Type-Options", "nosniff")
				h.Set("Referrer-Policy", "no-referrer")
				err = page.Execute(w, map[string]any{"Stats": stats, "Accounts": accounts, "Breakers": breakers, "Closure": closure, "Invoices": list, "Findings": found, "Todo": todo, "Counts": counts, "Now": time.Now()})
			}
		}
		if err != nil {
			http.Error(w, store.Message(err), http.StatusServiceUnavailable)
		}
	})
	return mux
}

// mostShown is how many findings of an invoice the page shows.
const mostShown = 10

// withFindings are the invoices of whose documents the rules say something.
func withFindings(list []store.Status) []int64 {
	ids := []int64{}
	for _, i := range list {
		if i.Findings > 0 {
			ids = append(ids, i.ID)
		}
	}
	return ids
}
