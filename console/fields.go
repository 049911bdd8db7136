package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// fields are those of the form beside the query: each stands for a key of it. The form is sent as an address, which leads on to the one with the query alone.
type fields struct {
	given  bool
	States []choice
	Values map[string]string // by key
}

// choice is a state that may be selected.
type choice struct {
	State store.State
	Here  bool
}

// fieldKeys are the keys that have a field of their own, beside state and the range of days.
var fieldKeys = []string{"number", "recipient", "supplier", "statut", "reason", "account", "older"}

// fieldsOf reads the form, if it was sent.
func fieldsOf(p url.Values) fields {
	f := fields{given: p.Has("fields"), Values: map[string]string{}}
	for _, s := range store.States {
		f.States = append(f.States, choice{s, slices.Contains(p["state"], string(s))})
	}
	for _, key := range append([]string{"from", "to"}, fieldKeys...) {
		f.Values[key] = strings.TrimSpace(p.Get(key))
	}
	return f
}

// shownFields are the fields as a query has them. What has no field stays in the query alone.
func shownFields(q operate.Query) fields {
	f := fields{Values: map[string]string{}}
	for _, s := range store.States {
		f.States = append(f.States, choice{s, slices.Contains(q.Values("state"), string(s))})
	}
	for _, key := range fieldKeys {
		if list := q.Values(key); len(list) == 1 {
			f.Values[key] = list[0]
		}
	}
	if list := q.Values("inserted"); len(list) == 1 {
		from, to, ranged := strings.Cut(list[0], "..")
		switch {
		case ranged:
			f.Values["from"], f.Values["to"] = from, to
		case strings.HasPrefix(from, ">="):
			f.Values["from"] = from[2:]
		case strings.HasPrefix(from, "<="):
			f.Values["to"] = from[2:]
		}
	}
	return f
}

// compose puts the form's fields into the query, in place of what it said of them.
func (v view) compose(p url.Values, f fields) (content, error) {
	q, err := operate.ParseQuery(p.Get("q"))
	if err != nil {
		return content{}, v.wrong(err)
	}
	var states []string
	for _, s := range f.States {
		if s.Here {
			states = append(states, string(s.State))
		}
	}
	for _, key := range append([]string{"state", "inserted"}, fieldKeys...) {
		if _, several := f.Values[key]; several && len(q.Values(key)) > 1 && f.Values[key] == "" {
			continue // the field could not show them
		}
		if q, err = q.Set(key, ""); err != nil {
			return content{}, v.wrong(err)
		}
	}
	terms := []string{q.String()}
	if len(states) > 0 {
		terms = append(terms, "state:"+strings.Join(states, ","))
	}
	for _, key := range fieldKeys {
		if text := f.Values[key]; text != "" {
			terms = append(terms, key+":"+quoted(text))
		}
	}
	switch from, to := f.Values["from"], f.Values["to"]; {
	case from != "" && to != "":
		terms = append(terms, "inserted:"+quoted(from)+".."+quoted(to))
	case from != "":
		terms = append(terms, "inserted:>="+quoted(from))
	case to != "":
		terms = append(terms, "inserted:<="+quoted(to))
	}
	q, err = operate.ParseQuery(strings.TrimSpace(strings.Join(terms, " ")))
	if err != nil {
		return content{}, v.wrong(err)
	}
	return content{to: addresses{query: q.String(), sort: p.Get("sort")}.to("/invoices", "", "")}, nil
}

// quoted takes everything in a value but its stars as it is.
func quoted(text string) string {
	parts := strings.Split(text, "*")
	for k, part := range parts {
		if part != "" {
			parts[k] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(part) + `"`
		}
	}
	return strings.Join(parts, "*")
}
