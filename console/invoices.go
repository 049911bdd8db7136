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
	// mostCSV is how many lines a CSV has at most, read csvBatch at a time.
	mostCSV, csvBatch = 100_000, 1000
)

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
	Form     string // what their form carries
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
	l := invoiceList{Query: p.Get("q"), Keys: operate.QueryKeys()}
	body := content{page: "invoices", title: v.t("Invoices", "Factures")}
	listing, err := c.listing(ctx, v)
	var wrong wrongInput
	if errors.As(err, &wrong) {
		l.Wrong = wrong.Error()
		body.status, body.data = http.StatusBadRequest, l
		return body, nil
	}
	if err != nil {
		return content{}, err
	}
	l.Query, l.Fields = listing.Query.String(), shownFields(listing.Query)
	at := addresses{query: l.Query, sort: listing.Sort.String()}
	l.Columns, l.CSV, l.SumLink = v.columns(at, listing.Sort), at.to("/invoices.csv", "", ""), at.to("/invoices", "sum", "1")
	if listing.After > 0 {
		l.First = at.to("/invoices", "", "")
	}
	if l.Summed = p.Has("sum"); l.Summed {
		if l.Sums, err = operate.Sums(ctx, c.store, listing.Query); err != nil {
			return content{}, err
		}
	}
	listing.Limit = mostListed + 1
	if l.List, err = operate.Invoices(ctx, c.store, listing); err != nil {
		return content{}, err
	}
	if len(l.List) > mostListed {
		l.List = l.List[:mostListed]
		l.Next = at.to("/invoices", "after", strconv.FormatInt(l.List[mostListed-1].ID, 10))
	}
	if c.mayAct(v.Request) {
		l.Acts, l.Form = severalActs(), c.formOf(personOf(v.Request))
	}
	if l.Accounts, _, err = c.store.Known(ctx); err != nil {
		return content{}, err
	}
	body.data = l
	return body, nil
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
		err = l.Query.Check(ctx, c.store)
	}
	if err != nil {
		return l, v.wrong(err)
	}
	if text := p.Get("after"); text != "" {
		if l.After, err = strconv.ParseInt(text, 10, 64); err != nil || l.After < 1 {
			return l, wrongInput(v.t("This is no page of the list.", "Ce n'est pas une page de la liste."))
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
	list, err := operate.Find(ctx, c.store.Pool(), text)
	if err != nil {
		return content{}, err
	}
	if len(list) == 1 {
		return content{to: fmt.Sprintf("/invoices/%d", list[0].ID)}, nil
	}
	return content{page: "found", title: v.t("Found: ", "Trouvé : ") + cutAt(shown(text), 60), data: list}, nil
}

// invoicesCSV writes what the address selects, as it is read.
func (c *console) invoicesCSV(w http.ResponseWriter, r *http.Request) {
	v := view{r, languageOf(r)}
	refuse := func(err error) {
		status, body := failed(v, err)
		http.Error(w, fmt.Sprint(body.data), status)
	}
	ctx, leave, err := c.enter(r)
	if err != nil {
		refuse(err)
		return
	}
	defer leave()
	l, err := c.listing(ctx, v)
	var list []store.Status
	if err == nil {
		l.Limit = csvBatch
		list, err = operate.Invoices(ctx, c.store, l)
	}
	if err != nil {
		refuse(err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.csv"`, v.t("invoices", "factures"), time.Now().Format("2006-01-02-1504")))
	out := operate.NewInvoicesCSV(w)
	for written := 0; ; {
		if out.Write(list) != nil {
			return
		}
		written += len(list)
		if len(list) < csvBatch || written >= mostCSV {
			return
		}
		l.After = list[len(list)-1].ID
		if list, err = operate.Invoices(ctx, c.store, l); err != nil {
			panic(http.ErrAbortHandler) // the client sees that it is not whole
		}
	}
}
