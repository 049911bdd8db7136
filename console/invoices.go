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
	"github.com/choriste/choriste/store"
)

const (
	// mostListed is how many invoices a page shows.
	mostListed = 50
	// csvBatch is how many lines of a CSV are read at a time.
	csvBatch = 1000
)

// mostCSV is how many lines a CSV has at most.
var mostCSV = 100_000

// invoiceList is the list with the query that selected it.
type invoiceList struct {
	Query    string
	Wrong    string // what is wrong with the query
	Fields   fields
	Keys     []operate.QueryKey
	Accounts []string
	Columns  []column
	List     []store.Status
	Next     string // address of the next page
	First    string // of the first one, when this is another
	CSV      string
	SumLink  string
	Sums     []operate.Sum // when asked for
	Summed   bool
	Acts     []act  // what may be done to several of them, for who may act
	Form     string // what forms carry
	Views    []viewLink
	MayView  bool // save and delete views
	mayOn    func(account string) bool
}

// column is a head of the table: a link that sorts by it.
type column struct {
	Title, Link, Class string
	Sorted             string // ascending, descending, or "" when the list is sorted by another
}

func (c *console) invoices(ctx context.Context, v view) (content, error) {
	p := v.URL.Query()
	if f := fieldsOf(p); f.given {
		return v.compose(p, f)
	}
	l := invoiceList{Query: p.Get("q"), Keys: operate.QueryKeys(), Summed: p.Has("sum")}
	body := content{page: "invoices", title: v.t("Invoices", "Factures"), live: true}
	key := strings.Join([]string{"invoices", l.Query, p.Get("sort"), p.Get("after"), strconv.FormatBool(l.Summed)}, "\x00")
	read, err := current(ctx, c, v, key, func(ctx context.Context) (listRead, error) { return c.readList(ctx, v, l.Summed) })
	var wrong wrongInput
	if errors.As(err, &wrong) {
		l.Wrong = wrong.Error()
		body.status, body.data, body.live = http.StatusBadRequest, l, false
		return body, nil
	}
	if err != nil {
		return content{}, err
	}
	listing := read.Listing
	l.Query, l.Fields, l.List, l.Sums, l.Accounts = listing.Query.String(), shownFields(listing.Query), read.List, read.Sums, read.Accounts
	at := addresses{query: l.Query, sort: listing.Sort.String()}
	l.Views, l.MayView = viewLinks(read.Views, l.Query, nil), c.mayChangeViews(v)
	l.Columns, l.CSV, l.SumLink = v.columns(at, listing.Sort), addresses{query: l.Query}.to("/invoices.csv", "", ""), at.to("/invoices", "sum", "1")
	if listing.After.ID > 0 {
		l.First = at.to("/invoices", "", "")
	}
	if len(l.List) > mostListed {
		l.List = l.List[:mostListed]
		l.Next = at.to("/invoices", "after", listing.Sort.Place(l.List[mostListed-1]).String())
	}
	if c.may(v.Request, Operator) {
		l.mayOn = func(account string) bool { return c.mayOn(v.Request, Operator, account) }
		l.Acts, l.Form = severalActs(), c.formOf(personOf(v.Request))
	}
	body.data = l
	return body, nil
}

// listRead is what the database says of a list: one invoice more than the page shows, where there are more.
type listRead struct {
	Listing  operate.Listing
	List     []store.Status
	Sums     []operate.Sum
	Accounts []string
	Views    []operate.View
}

func (c *console) readList(ctx context.Context, v view, summed bool) (r listRead, err error) {
	if r.Listing, err = c.listing(ctx, v); err != nil {
		return r, err
	}
	if summed {
		if r.Sums, err = operate.Sums(ctx, c.reads(ctx), r.Listing.Query); err != nil {
			return r, err
		}
	}
	r.Listing.Limit = mostListed + 1
	if r.List, err = operate.Invoices(ctx, c.reads(ctx), r.Listing); err != nil {
		return r, v.wrong(err)
	}
	if r.Views, err = operate.Views(ctx, c.reads(ctx)); err != nil {
		return r, err
	}
	r.Accounts, _, err = c.reads(ctx).Known(ctx)
	return r, err
}

// listing reads what the address selects.
func (c *console) listing(ctx context.Context, v view) (operate.Listing, error) {
	p := v.URL.Query()
	var l operate.Listing
	var err error
	if l.Query, err = operate.ParseQuery(p.Get("q")); err == nil {
		l.Sort, err = operate.ParseSort(p.Get("sort"))
	}
	if err == nil {
		err = l.Query.Check(ctx, c.reads(ctx))
	}
	if err != nil {
		return l, v.wrong(err)
	}
	if text := p.Get("after"); text != "" {
		if l.After, err = operate.ParsePlace(text); err != nil {
			return l, v.wrong(err)
		}
	}
	return l, nil
}

// wrong says in the reader's language what is wrong with a query. Other errors stay as they are.
func (v view) wrong(err error) error {
	var q *operate.QueryError
	if !errors.As(err, &q) {
		return err
	}
	text := []rune(q.Text(v.lang))
	return wrongInput(strings.ToUpper(string(text[:1])) + string(text[1:]) + ".")
}

// addresses makes links to the same selection.
type addresses struct{ query, sort string }

func (a addresses) to(path, name, value string) string {
	q := url.Values{}
	for k, text := range map[string]string{"q": a.query, "sort": a.sort, name: value} {
		if text != "" {
			q.Set(k, text)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// columns are the heads of the table. A second click turns the order around.
func (v view) columns(at addresses, sorted operate.Sort) []column {
	list := []column{
		{v.t("Id", "Id"), "id", "", ""},
		{v.t("Number (BT-1)", "Numéro (BT-1)"), "number", "", ""},
		{v.t("State", "État"), "state", "", ""},
		{v.t("Recipient", "Destinataire"), "recipient", "", ""},
		{v.t("TTC", "TTC"), "amount", "n", ""},
		{v.t("Status at Chorus Pro", "Statut Chorus Pro"), "statut", "", ""},
		{v.t("Reason", "Motif"), "reason", "", ""},
		{v.t("Inserted", "Insérée"), "inserted", "", ""},
		{v.t("Last change", "Dernier changement"), "changed", "", ""},
	}
	for k := range list {
		key := list[k].Link
		next := operate.Sort{Key: key, Ascending: sorted.Key == key && !sorted.Ascending}
		switch {
		case sorted.Key != key:
		case sorted.Ascending:
			list[k].Sorted = "ascending"
		default:
			list[k].Sorted = "descending"
		}
		at.sort = next.String()
		list[k].Link = at.to("/invoices", "", "")
	}
	return list
}

// find leads to the one invoice that is meant by a text, or to a list of several.
func (c *console) find(ctx context.Context, v view) (content, error) {
	text := strings.TrimSpace(v.URL.Query().Get("q"))
	if text == "" || len(text) > 200 || strings.ContainsRune(text, 0) {
		return content{}, wrongInput(v.t("Give an id, a number (BT-1), an external_ref, a flux or an identifiantFactureCPP.",
			"Donnez un id, un numéro (BT-1), un external_ref, un flux ou un identifiantFactureCPP."))
	}
	list, err := operate.Find(ctx, c.reads(ctx).Pool(), text)
	if err != nil {
		return content{}, err
	}
	if len(list) == 1 {
		return content{to: fmt.Sprintf("/invoices/%d", list[0].ID)}, nil
	}
	return content{page: "found", title: v.t("Found: ", "Trouvé : ") + cutAt(shown(text), 60), data: list}, nil
}

// csvWithin is how long a browser may take to read one batch of a CSV. What is read slowly keeps nobody waiting: a batch has its turn while it is read from the database, and none while it is
// written.
const csvWithin = time.Minute

// invoicesCSV writes what the address selects, batch by batch, the newest first: an order that does not change meanwhile. A file that is not whole says so at its end, or breaks off.
func (c *console) invoicesCSV(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	l := operate.Listing{Limit: csvBatch}
	read := func() (list []store.Status, err error) {
		ctx, leave, err := c.enter(r)
		if err != nil {
			return nil, err
		}
		defer leave()
		if l.After.ID == 0 {
			selected, err := c.listing(ctx, v)
			if err != nil {
				return nil, err
			}
			l.Query = selected.Query
		}
		return operate.Invoices(ctx, c.reads(ctx), l)
	}
	list, err := read()
	if err != nil {
		status, body := failed(v, err)
		http.Error(w, fmt.Sprint(body.data), status)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.csv"`, v.t("invoices", "factures"), time.Now().Format("2006-01-02-1504")))
	out, writer := operate.NewInvoicesCSV(w), http.NewResponseController(w)
	for written := 0; ; {
		_ = writer.SetWriteDeadline(time.Now().Add(csvWithin)) // what cannot be given one has the server's
		if written+len(list) > mostCSV {
			list = list[:mostCSV-written]
			_ = out.Write(list)
			out.Note(v.t("CUT: there are more. Narrow the query down, or run choriste list --csv --limit.", "COUPÉ : il y en a d'autres. Restreignez la requête, ou lancez choriste list --csv --limit."))
			return
		}
		if out.Write(list) != nil || len(list) < csvBatch {
			return
		}
		written += len(list)
		l.After = l.Sort.Place(list[len(list)-1])
		if list, err = read(); err != nil {
			panic(http.ErrAbortHandler) // the client sees that it is not whole
		}
	}
}
