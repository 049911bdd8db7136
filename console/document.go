package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	reader "github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

const (
	// mostRendered is the size in bytes of a document that is shown; a larger one is downloaded. What is shown is read in the worker's own process.
	mostRendered = 2 << 20
	// mostLines is how many lines of it are shown, and mostOthers how many of what else there may be several of.
	mostLines, mostOthers = 500, 50
)

// first are n of a list at most.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// document is an invoice's document as a person reads it.
type document struct {
	store.Status
	*reader.Content
	Form    string
	Bytes   int
	Why     string // why it is not shown
	Parties []party
	More    int // lines that are not shown
}

// party is one, and what it is to the invoice.
type party struct {
	Role string
	reader.Party
}

// document shows what stands in an invoice's document. The reading goes into the history, so it is asked for by a form.
func (c *console) document(ctx context.Context, v view) (content, error) {
	i, err := c.actedOn(ctx, v)
	if err != nil {
		return content{}, err
	}
	select { // one at a time: reading takes several times the memory of a document, in the worker's own process
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return content{}, ctx.Err()
	}
	b, err := c.documentOf(ctx, v, i)
	if err != nil {
		return content{}, err
	}
	p := document{Status: i, Form: c.formOf(personOf(v.Request)), Bytes: len(b)}
	p.Content, p.Why = v.contentOf(i, b)
	if p.Content != nil {
		p.Parties = []party{
			{v.t("Supplier", "Fournisseur"), p.Seller},
			{v.t("Recipient", "Destinataire"), p.Buyer},
			{v.t("Paid to", "Bénéficiaire"), p.Payee},
			{v.t("Tax representative", "Représentant fiscal"), p.TaxRepresentative},
		}
		p.More = max(0, len(p.Lines)-mostLines)
		p.Lines = first(mostLines, p.Lines)
		for k := range p.Lines {
			p.Lines[k].Charges = first(mostOthers, p.Lines[k].Charges)
		}
		p.Charges, p.VAT, p.Payments = first(mostOthers, p.Charges), first(mostOthers, p.VAT), first(mostOthers, p.Payments)
		p.Preceding, p.Notes, p.Content.Attachments = first(mostOthers, p.Preceding), first(mostOthers, p.Notes), first(mostOthers, p.Content.Attachments)
	}
	title := v.t("Document of invoice ", "Document de la facture ") + strconv.FormatInt(i.ID, 10)
	if i.NumeroFacture != nil {
		title = v.t("Document of invoice ", "Document de la facture ") + shown(*i.NumeroFacture)
	}
	return content{page: "document", title: title, data: p, at: "/invoices/" + strconv.FormatInt(i.ID, 10)}, nil
}

// documentOf reads the document for who asks.
func (c *console) documentOf(ctx context.Context, v view, i store.Status) ([]byte, error) {
	b, err := operate.ReadDocument(ctx, c.operator.Pool(), i.ID)
	if err == nil && b == nil {
		err = wrongInput(v.t("The document was purged: its hash, size and date are kept.", "Le document a été purgé : son empreinte, sa taille et sa date sont conservées."))
	}
	return b, refusal(err)
}

// contentOf is what stands in a document, or why that is not shown.
func (v view) contentOf(i store.Status, b []byte) (*reader.Content, string) {
	switch {
	case i.ReasonCode != nil && *i.ReasonCode == store.ParkPoison:
		return nil, v.t("Reading it has ended workers, so it is not read here.", "Sa lecture a mis fin à des workers : il n'est pas lu ici.")
	case len(b) > mostRendered:
		return nil, v.t("It is larger than 2 MB.", "Il dépasse 2 Mo.")
	}
	d, err := reader.Read(b)
	var p *reader.Problem
	switch {
	case errors.As(err, &p):
		return nil, v.t(p.Message, p.MessageFR) + " (" + p.Code + ")."
	case d.Tree() == nil:
		return nil, v.t("It is a PDF without an invoice that a program can read.", "C'est un PDF sans facture lisible par un programme.")
	}
	return d.Content(), ""
}

// file hands out the document as it was inserted.
func (c *console) file(w http.ResponseWriter, r *http.Request) {
	c.download(w, r, "application/octet-stream", func(ctx context.Context, v view, i store.Status) (string, []byte, error) {
		b, err := c.documentOf(ctx, v, i)
		extension := "xml"
		if bytes.HasPrefix(b, []byte("%PDF-")) {
			extension = "pdf"
		}
		return fmt.Sprintf("%s-%d.%s", v.t("invoice", "facture"), i.ID, extension), b, err
	})
}

// units are the codes of UN/ECE Rec 20 that are met most, as people write them.
var units = map[string]string{
	"C62": "", "H87": "", "EA": "", "NAR": "", "HUR": "h", "DAY": "d", "MON": "mo", "ANN": "y", "KGM": "kg", "GRM": "g", "TNE": "t", "MTR": "m", "KMT": "km", "MTK": "m²", "MTQ": "m³",
	"LTR": "l", "KWH": "kWh", "MWH": "MWh",
}

// unit is the unit of a quantity.
func unit(code string) string {
	if u, known := units[code]; known {
		return u
	}
	return shown(code)
}
