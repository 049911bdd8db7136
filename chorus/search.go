package chorus

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// Facture is an invoice as the search of the supplier's invoices shows it. Texts are cleaned; an absent one is "".
type Facture struct {
	IdentifiantFactureCPP   int64 // 0 when absent
	NumeroFacture           string
	Statut                  string // see StatutInfo; any text may come
	DateHeureEtatCourant    Date
	CommentaireEtatCourant  string // the reason, in the recipient's words
	DateDepot               Date
	DateFacture             Date
	NumeroFluxDepot         string
	ModeDepot               string
	TypeFacture             string
	TypeDemandePaiement     string
	CodeFournisseur         string // SIRET
	DesignationFournisseur  string
	IDDestinataire          int64
	CodeDestinataire        string // SIRET
	DesignationDestinataire string
	CodeServiceExecutant    string
	NumeroBonCommande       string
	NumeroMarche            string
	MontantHT               decimal.NullDecimal
	MontantTTC              decimal.NullDecimal
	MontantAPayer           decimal.NullDecimal
	Devise                  string
}

// Query filters a search; a zero field filters nothing. The portal cannot search for several numbers at once, and whether
// it matches a number exactly is not known: compare the results (docs/chorus-pro.md §5.1).
type Query struct {
	NumeroFacture   string
	NumeroFluxDepot string
	IDFournisseur   int64 // idStructureCPP of the supplier's structure

	DepotDu, DepotAu             time.Time // days, in Paris, both included
	FactureDu, FactureAu         time.Time // days, in Paris, both included
	EtatCourantDu, EtatCourantAu time.Time // moments of the last change of status; keep an overlap of a day
	PageSize                     int       // asked for, not necessarily granted; 100 by default, at most 1000
	TypeFacture, ModeDepot       string
	Statuts                      []string // any of them

	// MayGrow takes counts that grow from page to page for right: what is deposited meanwhile comes last. For a period by day of deposit, which nothing leaves.
	MayGrow bool
}

// Page is one page of a search, as really granted.
type Page struct {
	Number   int // 1, 2, …
	Pages    int // of the whole search; -1 when not said
	Total    int // rows of the whole search; -1 when not said
	Granted  int // rows that a page may have; -1 when not said
	Factures []Facture
	Last     bool
	Doubt    string // why the pages so far do not add up; "" while they do
	Exchange Exchange

	vague bool // neither a list nor a count: empty, perhaps
}

// Listing is the result of a search over all its pages.
type Listing struct {
	Factures []Facture
	Pages    int // read
	Total    int // as said by the portal; -1 when not said
	// Complete: absence from Factures means absence from the portal's own answer. Every page was a success or one of
	// the known "no result" answers, the page counts agreed, no row came twice (repeated rows are dropped), the rows are
	// as many as announced, and not more than maxListing.
	Complete  bool
	Exchanges []Exchange // one a page
}

// The bounds of a search whose pages never end.
const (
	maxPages    = 10_000
	maxSearched = 1_000_000 // invoices, of which the numbers are remembered
	maxListing  = 50_000    // invoices that Search gives at once
)

// Search reads all pages. With an error it gives what was read until then, never Complete.
func (c *Client) Search(ctx context.Context, lane Lane, q Query) (Listing, error) {
	l := Listing{Total: -1}
	for p, err := range c.SearchPages(ctx, lane, q) {
		if FaultOf(err) == FaultIncomplete {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		l.Pages, l.Total = p.Number, p.Total
		l.Factures = append(l.Factures, p.Factures...)
		l.Exchanges = append(l.Exchanges, p.Exchange)
		if len(l.Factures) > maxListing {
			return l, nil
		}
	}
	l.Complete = true
	return l, nil
}

// SearchPages gives one page at a time, ordered by deposit date, the only stable order the portal offers. The sequence ends
// with its last page, or with an error: that of a request, or one of FaultIncomplete when the pages do not add up. Whoever
// concludes anything from what is missing, as a change feed does that moves its mark, must have seen the end without one.
func (c *Client) SearchPages(ctx context.Context, lane Lane, q Query) iter.Seq2[Page, error] {
	return c.SearchPagesAfter(ctx, lane, q, Read{})
}

// Read is what of a search has been read already, for going on later with the page that follows. The zero value is nothing.
type Read struct {
	Page         int     // the last one
	Pages, Total int     // as page 1 said
	IDs          []int64 // of its invoices
	Doubt        string  // as the last page said
}

// SearchPagesAfter gives the pages after those that have been read, as SearchPages would have.
func (c *Client) SearchPagesAfter(ctx context.Context, lane Lane, q Query, read Read) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		sum := tally{mayGrow: q.MayGrow, pages: read.Pages, total: read.Total, rows: len(read.IDs), seen: make(map[int64]struct{}, len(read.IDs)), first: read.Doubt}
		for _, id := range read.IDs {
			sum.seen[id] = struct{}{}
		}
		for n := read.Page + 1; ; n++ {
			p, err := c.searchPage(ctx, lane, q, n)
			if err != nil {
				yield(Page{}, err)
				return
			}
			more := sum.add(&p, n)
			p.Last, p.Doubt = !more, sum.first
			if p.Last {
				p.Doubt = sum.doubt()
			}
			if !yield(p, nil) {
				return
			}
			if !more {
				break
			}
		}
		if doubt := sum.doubt(); doubt != "" {
			yield(Page{}, &Error{Op: opSearch.name, Fault: FaultIncomplete, RetryAfter: -1, Detail: doubt})
		}
	}
}

// tally adds the pages up and notes the first thing that does not fit.
type tally struct {
	mayGrow      bool // Query.MayGrow
	pages, total int
	rows         int
	seen         map[int64]struct{}
	first        string // doubt
}

func (t *tally) doubtful(format string, args ...any) {
	if t.first == "" {
		t.first = fmt.Sprintf(format, args...)
	}
}

// add takes page n, drops the rows that came before and those of two invoices under one number of the portal, and tells whether another page is to be read.
func (t *tally) add(p *Page, n int) bool {
	if n == 1 {
		t.pages, t.total, t.seen = p.Pages, p.Total, map[int64]struct{}{}
	}
	if p.Number != n {
		t.doubtful("asked for page %d, got %d", n, p.Number)
	}
	if t.mayGrow && p.Pages >= t.pages && p.Total >= t.total && t.pages >= 0 && t.total >= 0 {
		t.pages, t.total = p.Pages, p.Total
	}
	if p.Pages != t.pages || p.Total != t.total {
		t.doubtful("page %d counts otherwise than page 1", n)
	}
	if p.vague {
		t.doubtful("page %d has neither a list nor a count", n)
	}
	var fresh []Facture
	wrong := map[int64]bool{} // of two invoices on this page: which is it?
	numero := make(map[int64]string, len(p.Factures))
	for _, f := range p.Factures {
		id := f.IdentifiantFactureCPP
		if _, again := t.seen[id]; again {
			first, here := numero[id]
			wrong[id] = wrong[id] || here && first != f.NumeroFacture
			continue
		}
		fresh = append(fresh, f)
		numero[id] = f.NumeroFacture
		if id != 0 { // one without cannot be told from another
			t.seen[id] = struct{}{}
		}
	}
	rows := len(p.Factures)
	if len(fresh) < rows {
		t.doubtful("page %d repeats rows", n)
	}
	p.Factures = slices.DeleteFunc(fresh, func(f Facture) bool { return wrong[f.IdentifiantFactureCPP] })
	t.rows += rows
	switch {
	case t.rows > maxSearched:
		t.doubtful("more than %d invoices", maxSearched)
		return false
	case n >= maxPages:
		t.doubtful("more than %d pages", maxPages)
		return false
	case len(fresh) == 0: // the end, or a server that ignores paging
		if t.pages > n {
			t.doubtful("page %d of %d brings nothing", n, t.pages)
		}
		return false
	case t.pages >= 0:
		if t.pages < n {
			t.doubtful("page %d of %d", n, t.pages)
		}
		return n < t.pages
	case t.total >= 0:
		return t.rows < t.total
	}
	return true
}

func (t *tally) doubt() string {
	if t.total >= 0 && t.rows != t.total {
		t.doubtful("%d rows of %d", t.rows, t.total)
	}
	return t.first
}

type searchRequest struct {
	NumeroFacture   string       `json:"numeroFacture,omitempty"`
	NumeroFluxDepot string       `json:"numeroFluxDepot,omitempty"`
	IDFournisseur   int64        `json:"idFournisseur,omitempty"`
	TypeFacture     string       `json:"typeFacture,omitempty"`
	ModeDepot       string       `json:"modeDepot,omitempty"`
	StatutCourant   []string     `json:"statutCourant,omitempty"`
	DepotDu         string       `json:"periodeDateDepotDu,omitempty"`
	DepotAu         string       `json:"periodeDateDepotAu,omitempty"`
	FactureDu       string       `json:"periodeDateFactureDu,omitempty"`
	FactureAu       string       `json:"periodeDateFactureAu,omitempty"`
	EtatCourantDu   string       `json:"periodeDateHeureEtatCourantDu,omitempty"`
	EtatCourantAu   string       `json:"periodeDateHeureEtatCourantAu,omitempty"`
	Paging          searchPaging `json:"rechercheFactureParFournisseur"`
}

type searchPaging struct {
	Page    int    `json:"pageResultatDemandee"`
	Size    int    `json:"nbResultatsParPage"`
	Sens    string `json:"triSens"`
	Colonne string `json:"triColonne"`
}

func (q Query) request(page int) searchRequest {
	size := q.PageSize
	if size <= 0 {
		size = 100
	}
	return searchRequest{
		NumeroFacture: q.NumeroFacture, NumeroFluxDepot: q.NumeroFluxDepot, IDFournisseur: q.IDFournisseur,
		TypeFacture: q.TypeFacture, ModeDepot: q.ModeDepot, StatutCourant: q.Statuts,
		DepotDu: dayFrom(q.DepotDu), DepotAu: dayTo(q.DepotAu),
		FactureDu: dayFrom(q.FactureDu), FactureAu: dayTo(q.FactureAu),
		EtatCourantDu: moment(q.EtatCourantDu), EtatCourantAu: moment(q.EtatCourantAu),
		Paging: searchPaging{Page: page, Size: min(size, 1000), Sens: "Ascendant", Colonne: "DateDepot"},
	}
}

func (c *Client) searchPage(ctx context.Context, lane Lane, q Query, n int) (Page, error) {
	v, err := c.call(ctx, opSearch, lane, q.request(n))
	defer v.free()
	if FaultOf(err) == FaultEmpty {
		p := Page{Number: n, Pages: 0, Total: 0, Exchange: v.Exchange}
		if n > 1 { // the end of pages that nobody counted; beside counters it contradicts them
			p.Pages, p.Total = -1, -1
		}
		return p, nil
	}
	if err != nil {
		return Page{}, err
	}
	return readPage(v, n)
}

// readPage reads a successful answer. The counters stand in parametresRetour, or at the root in older operations.
func readPage(v verdict, n int) (Page, error) {
	counters := v.child("parametresRetour")
	if counters.none() {
		counters = v.object
	}
	p := Page{Number: n, Pages: counters.count("pages"), Total: counters.count("total"), Granted: counters.count("nbResultatsParPage"), Exchange: v.Exchange}
	if at := counters.count("pageCourante"); at > 0 {
		p.Number = at
	}
	p.vague = !v.holds("listeFactures") && p.Total != 0 && p.Pages != 0
	err := v.each("listeFactures", func(row object) {
		f := readFacture(row)
		p.vague = p.vague || f.IdentifiantFactureCPP == 0 // a row that cannot be told from another
		p.Factures = append(p.Factures, f)
	})
	if err != nil {
		return Page{}, unusable(opSearch, v, "listeFactures is not a list of invoices: "+err.Error())
	}
	return p, nil
}

func readFacture(o object) Facture {
	return Facture{
		IdentifiantFactureCPP:   o.id("identifiantFactureCPP"),
		NumeroFacture:           o.text("numeroFacture"),
		Statut:                  o.text("statut"),
		DateHeureEtatCourant:    o.date("dateHeureEtatCourant"),
		CommentaireEtatCourant:  o.text("commentaireEtatCourant"),
		DateDepot:               o.date("dateDepot"),
		DateFacture:             o.date("dateFacture"),
		NumeroFluxDepot:         o.text(keyFlux),
		ModeDepot:               o.text("modeDepot"),
		TypeFacture:             o.text("typeFacture"),
		TypeDemandePaiement:     o.text("typeDemandePaiement"),
		CodeFournisseur:         o.siret("codeFournisseur"),
		DesignationFournisseur:  o.text("designationFournisseur"),
		IDDestinataire:          o.id("idDestinataire"),
		CodeDestinataire:        o.siret("codeDestinataire"),
		DesignationDestinataire: o.text("designationDestinataire"),
		CodeServiceExecutant:    o.text("codeServiceExecutant"),
		NumeroBonCommande:       o.text("numeroBonCommande"),
		NumeroMarche:            o.text("numeroMarche"),
		MontantHT:               o.money("montantHT"),
		MontantTTC:              o.money("montantTTC"),
		MontantAPayer:           o.money("montantAPayer"),
		Devise:                  o.text("devise"),
	}
}
