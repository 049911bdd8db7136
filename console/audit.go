package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/operate"
)

const (
	// mostActs is how many acts a page shows.
	mostActs = 50
	// mostActorsNamed is how many people the form proposes.
	mostActorsNamed = 200
)

// auditPage is what choriste audit prints.
type auditPage struct {
	Actor, Kind, Invoice, Since, Until string // as they were asked for
	Wrong                              string
	Kinds                              []operate.ActKind
	Actors                             []string
	List                               []operate.Act
	Next, First, CSV                   string
}

// address is the same selection, elsewhere; after is the event that the page before ended with.
func (p auditPage) address(path string, after int64) string {
	q := url.Values{}
	for name, text := range map[string]string{"actor": p.Actor, "kind": p.Kind, "invoice": p.Invoice, "since": p.Since, "until": p.Until} {
		if text != "" {
			q.Set(name, text)
		}
	}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// auditFilter reads what the address selects.
func (c *console) auditFilter(ctx context.Context, v view) (p auditPage, f operate.ActFilter, err error) {
	q := v.URL.Query()
	p = auditPage{Kinds: operate.ActKinds()}
	for _, field := range []struct {
		name string
		to   *string
	}{{"actor", &p.Actor}, {"kind", &p.Kind}, {"invoice", &p.Invoice}, {"since", &p.Since}, {"until", &p.Until}} {
		*field.to = strings.TrimSpace(q.Get(field.name))
		if len(*field.to) > 200 || strings.ContainsRune(*field.to, 0) {
			return p, f, wrongInput(v.t("A field has 200 characters at most.", "Un champ a au plus 200 caractères."))
		}
	}
	f.Actor = p.Actor
	if p.Kind != "" {
		f.Kinds = []string{p.Kind}
	}
	if err := f.Check(); err != nil {
		return p, f, v.wrong(err)
	}
	for _, d := range []struct {
		text string
		to   *time.Time
	}{{p.Since, &f.Since}, {p.Until, &f.Until}} {
		if *d.to, err = v.day(d.text); err != nil {
			return p, f, err
		}
	}
	if text := q.Get("after"); text != "" {
		if f.After, err = strconv.ParseInt(text, 10, 64); err != nil || f.After < 1 {
			return p, f, wrongInput(v.t("This is no place in this list.", "Ce n'est pas une place dans cette liste."))
		}
	}
	if p.Invoice == "" {
		return p, f, nil
	}
	found, err := operate.Find(ctx, c.reads(ctx).Pool(), p.Invoice)
	if err == nil && len(found) == 0 {
		err = wrongInput(v.t("There is no such invoice.", "Cette facture n'existe pas."))
	}
	for _, i := range found {
		f.Invoices = append(f.Invoices, i.ID)
	}
	return p, f, err
}

// day reads what a field of a day sends; nothing is the zero time.
func (v view) day(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.DateOnly, text); err != nil || t.Year() < 1 {
		return t, wrongInput(v.t("A day is written as 2026-11-23.", "Un jour s'écrit comme 2026-11-23."))
	}
	return t, nil
}

// audit shows who did what, when, why, and to what.
func (c *console) audit(ctx context.Context, v view) (content, error) {
	body := content{page: "audit", title: v.t("Audit trail", "Journal d'audit")}
	p, f, err := c.auditFilter(ctx, v)
	var wrong wrongInput
	if errors.As(err, &wrong) {
		p.Wrong = wrong.Error()
		body.status, body.data = http.StatusBadRequest, p
		return body, nil
	}
	if err != nil {
		return content{}, err
	}
	f.Limit = mostActs + 1
	if p.List, err = operate.Acts(ctx, c.reads(ctx), f); err != nil {
		return content{}, v.wrong(err)
	}
	if p.Actors, err = operate.Actors(ctx, c.reads(ctx), "", mostActorsNamed); err != nil {
		return content{}, err
	}
	p.CSV = p.address("/audit.csv", 0)
	if f.After > 0 {
		p.First = p.address("/audit", 0)
	}
	if len(p.List) > mostActs {
		p.List = p.List[:mostActs]
		p.Next = p.address("/audit", p.List[mostActs-1].Event)
	}
	body.data = p
	return body, nil
}

// did is the name of an act.
func (v view) did(name string) string { return operate.ActText(name, v.lang) }

// why is the reason of an act.
func (v view) why(a operate.Act) string { return cutAt(shown(a.Why(v.lang)), 300) }

// personIn is what an actor says of the person: what stands after the login and its program.
func personIn(actor string) string {
	_, said, named := strings.Cut(actor, "/")
	if !named {
		return actor
	}
	if _, who, of := strings.Cut(said, ":"); of {
		return who
	}
	return said
}

// auditCSV writes what the address selects, batch by batch. A file that is not whole says so at its end, or breaks off.
func (c *console) auditCSV(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	var f operate.ActFilter
	read := func() (list []operate.Act, err error) {
		ctx, leave, err := c.enter(r)
		if err != nil {
			return nil, err
		}
		defer leave()
		if f.Limit == 0 {
			if _, f, err = c.auditFilter(ctx, v); err != nil {
				return nil, err
			}
			f.Limit = csvBatch
		}
		list, err = operate.Acts(ctx, c.reads(ctx), f)
		return list, v.wrong(err)
	}
	list, err := read()
	if err != nil {
		status, body := failed(v, err)
		http.Error(w, fmt.Sprint(body.data), status)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-%s.csv"`, time.Now().Format("2006-01-02-1504")))
	out, writer := operate.NewActsCSV(w, v.lang), http.NewResponseController(w)
	for written := 0; ; {
		_ = writer.SetWriteDeadline(time.Now().Add(csvWithin)) // what cannot be given one has the server's
		if written+len(list) > mostCSV {
			_ = out.Write(list[:mostCSV-written])
			out.Note(v.t("CUT: there are more. Narrow the selection down, or run choriste audit --csv --limit.", "COUPÉ : il y en a d'autres. Restreignez la sélection, ou lancez choriste audit --csv --limit."))
			return
		}
		if out.Write(list) != nil || len(list) < csvBatch {
			return
		}
		written += len(list)
		f.After = list[len(list)-1].Event
		if list, err = read(); err != nil {
			panic(http.ErrAbortHandler) // the client sees that it is not whole
		}
	}
}
