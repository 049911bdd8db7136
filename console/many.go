package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// An act on several invoices takes three pages. The list sends what was ticked, or its query, and is led to the address of the confirmation, which only reads: to how many it would be done,
// and their sum. The confirmation sends the number that it showed, and a run begins (run.go). A selection is always a query: ids that were ticked are one, too.

const (
	// manyByItself and mostMany are the cap of one act on several invoices: if nothing is said, and at most.
	manyByItself, mostMany = 1000, 50_000
	// mostPreviewed is how many of them the confirmation shows.
	mostPreviewed = 20
	// spreadFrom is from how many on an act is spread over time if nobody says otherwise, at gently a minute: half of what PISTE grants an account. Invoices are given out in the order of
	// their ids, so that old ones that come back at once would go before all that was inserted since.
	spreadFrom, gently = 1000, 600
)

// many is an act on several invoices, before it is confirmed.
type many struct {
	Act     act
	Query   string
	Limit   int
	Ticked  int // ids that the query names; 0: none
	Count   int
	HowMany string
	Sums    map[string]decimal.Decimal
	Capped  bool
	First   []store.Status
	Once    string // begins one run, however often it is sent
	Seen    string // stands for these very invoices, as they are
	Form    string
	Back    string
	Most    int
	Fastest int

	Wrong     string
	Reason    string
	PerMinute string

	list []operate.Chosen
}

// severalActs are the acts that may be done to several invoices.
func severalActs() []act {
	return slices.DeleteFunc(slices.Clone(acts), func(a act) bool { return a.many == nil })
}

// Choosable tells whether an invoice of the list can be ticked.
func (l invoiceList) Choosable(i store.Status) bool {
	return slices.ContainsFunc(l.Acts, func(a act) bool { return a.when(i) && l.mayOn(i.Account) })
}

// choose takes what was ticked on the list, or its query, and leads to the confirmation.
func (c *console) choose(_ context.Context, v view) (content, error) {
	name, query := v.PostForm.Get("all"), v.PostForm.Get("q")
	if ids := v.PostForm["id"]; name == "" {
		name = v.PostForm.Get("chosen")
		if len(ids) == 0 || len(ids) > mostListed {
			return content{}, wrongInput(v.t("Tick the invoices that are meant, at most ", "Cochez les factures visées, au plus ") + strconv.Itoa(mostListed) + ".")
		}
		q, err := operate.Query{}.Add("id", ids...)
		if err != nil {
			return content{}, v.wrong(err)
		}
		query = q.String()
	}
	return content{to: manyAt(name, query, 0)}, nil
}

// manyAt is the address of a confirmation.
func manyAt(act, query string, limit int) string {
	q := url.Values{"act": {act}, "q": {query}}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return "/acts?" + q.Encode()
}

// confirm shows to what it would be done; without an act, what goes on.
func (c *console) confirm(ctx context.Context, v view) (content, error) {
	if !c.may(v.Request, Operator) {
		return v.forbidden(Operator), nil
	}
	ctx = c.as(ctx, v.Request, Operator)
	if !v.URL.Query().Has("act") {
		return c.goingOn(ctx, v), nil
	}
	m, err := c.selected(ctx, v, v.URL.Query())
	if err != nil {
		return content{}, err
	}
	m.Once = secret()
	return v.confirmation(m, http.StatusOK, ""), nil
}

// confirmation is the page of it.
func (v view) confirmation(m many, status int, wrong string) content {
	m.Wrong = wrong
	return content{page: "many", status: status, title: v.word(m.Act.Label) + v.t(": ", " : ") + m.HowMany, data: m, at: manyAt(m.Act.Name, m.Query, m.Limit)}
}

func (v view) howMany(n int) string {
	if n == 1 || n == 0 && v.lang == "fr" {
		return v.count(n) + v.t(" invoice", " facture")
	}
	return v.count(n) + v.t(" invoices", " factures")
}

// selected reads which act is meant, on which invoices, and finds them as the operator's login sees them. What the act is not for is not among them.
func (c *console) selected(ctx context.Context, v view, p url.Values) (many, error) {
	m := many{Limit: manyByItself, Form: c.formOf(personOf(v.Request)), Most: mostMany, Fastest: operate.MostPerMinute, PerMinute: "0"}
	k := slices.IndexFunc(acts, func(a act) bool { return a.many != nil && a.Name == p.Get("act") })
	if k < 0 {
		return m, errNotFound
	}
	m.Act = acts[k]
	if text := p.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostMany {
			return m, wrongInput(v.t("At once it is done to 1 invoice at least, and at most to ", "En une fois, cela vise au moins 1 facture, et au plus ") + v.count(mostMany) + ".")
		}
		m.Limit = n
	}
	q, err := operate.ParseQuery(p.Get("q"))
	if err == nil {
		err = q.Check(ctx, c.operator)
	}
	if err != nil {
		return m, v.wrong(err)
	}
	if q.Empty() {
		return m, wrongInput(v.t("An act on several invoices needs a query that says which.", "Agir sur plusieurs factures demande une requête qui dise lesquelles."))
	}
	m.Query, m.Ticked = q.String(), len(q.Values("id"))
	m.Back = addresses{query: m.Query}.to("/invoices", "", "")
	if m.list, err = m.Act.many.Select(ctx, c.operator, q, m.Limit); err != nil {
		return m, err
	}
	hash := sha256.New()
	for _, i := range m.list {
		fmt.Fprintln(hash, i.ID, i.UpdatedAt.UnixMicro())
	}
	m.Seen = hex.EncodeToString(hash.Sum(nil)[:16])
	m.Count, m.Sums = len(m.list), operate.SumsOf(m.list)
	m.HowMany, m.Capped = v.howMany(m.Count), len(m.list) == m.Limit
	if m.Count > spreadFrom {
		m.PerMinute = strconv.Itoa(gently)
	}
	m.First, err = c.previewed(ctx, m.list)
	return m, err
}

// previewed lists the first of those that are chosen.
func (c *console) previewed(ctx context.Context, list []operate.Chosen) ([]store.Status, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var ids []string
	for _, i := range list[:min(len(list), mostPreviewed)] {
		ids = append(ids, strconv.FormatInt(i.ID, 10))
	}
	q, err := operate.Query{}.Add("id", ids...)
	if err != nil {
		return nil, err
	}
	return operate.Invoices(ctx, c.operator, operate.Listing{Query: q, Sort: operate.Sort{Key: "id", Ascending: true}, Limit: len(ids)})
}

// start begins what was confirmed, unless other invoices are selected by now than were shown, or one of them has changed.
func (c *console) start(ctx context.Context, v view) (content, error) {
	once := v.PostForm.Get("once")
	if at := c.runs.begunBy(once); at != "" {
		return content{to: at}, nil
	}
	m, err := c.selected(ctx, v, v.PostForm)
	if err != nil {
		return content{}, err
	}
	m.Once, m.Reason, m.PerMinute = once, strings.TrimSpace(v.PostForm.Get("reason")), v.PostForm.Get("per_minute")
	if m.PerMinute == "" {
		m.PerMinute = "0"
	}
	perMinute, err := strconv.Atoi(m.PerMinute)
	switch {
	case err != nil || perMinute < 0 || perMinute > operate.MostPerMinute:
		return v.confirmation(m, http.StatusBadRequest, v.t("So many a minute: a number from 0 to 100,000.", "Par minute : un nombre de 0 à 100 000.")), nil
	case m.Reason == "" || len(m.Reason) > mostReason:
		return v.confirmation(m, http.StatusBadRequest, v.sayWhy()), nil
	case v.PostForm.Get("expect") != strconv.Itoa(len(m.list)) || v.PostForm.Get("seen") != m.Seen:
		return v.confirmation(m, http.StatusConflict, v.t(
			"Nothing was done: other invoices are selected by now than were shown, or one of them has changed. Look at them, and confirm again.",
			"Rien n'a été fait : les factures sélectionnées ne sont plus celles qui ont été affichées, ou l'une d'elles a changé. Regardez-les, et confirmez de nouveau.")), nil
	case len(m.list) == 0:
		return v.confirmation(m, http.StatusBadRequest, v.t("There is nothing to be done.", "Il n'y a rien à faire.")), nil
	case perMinute > 0 && len(m.list) > perMinute*int(runWithin.Minutes()):
		return v.confirmation(m, http.StatusBadRequest, v.t("So slowly it does not end within the 8 hours that an act may take: do fewer, or more a minute.",
			"Si lentement, cela ne finit pas dans les 8 heures que peut durer une action : faites-en moins, ou davantage par minute.")), nil
	}
	at, err := c.begin(ctx, v, m, perMinute)
	return content{to: at}, err
}
