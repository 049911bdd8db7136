// Package invoice recognises an invoice file and reads from it what choriste needs to know: UBL 2.1 Invoice and
// CreditNote, CII D16B, Factur-X PDF, and a PDF without XML with its fields beside it. Package rules says what is wrong with it.
//
// Documents are hostile until proven otherwise: their size, depth and number of elements are bounded, a DTD is refused,
// no archive is unpacked, a PDF costs no more than a second of work, nothing is read from files or the network, and no
// message ever quotes more than 40 characters of a document. The bytes are never changed: what was inserted is what is sent.
package invoice

import (
	"bytes"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// MaxBytes is the largest document accepted, counted on the raw file (10 MB, docs/chorus-pro.md §6.1).
const MaxBytes = 10 * 1024 * 1024

// Document is what choriste needs to know of an invoice. Zero values mean "not in the document", or "there, but unusable":
// At, Amount and the parties' identifiers tell the two apart. Texts are cut at 4 KiB.
type Document struct {
	Syntaxe           string              // Chorus Pro's syntaxeFlux for these bytes: SyntaxeUBL, SyntaxeCII or SyntaxeFacturX; or SyntaxePDF
	Numero            string              // BT-1, exactly as written
	Date              time.Time           // BT-2, midnight UTC of the civil date
	Type              string              // BT-3, UNTDID 1001: 380, 381, ...; of fields FACTURE or AVOIR
	FournisseurSIRET  string              // the seller's SIRET, 14 digits, wherever it stands
	DestinataireSIRET string              // the buyer's
	FournisseurNom    string              // BT-27
	DestinataireNom   string              // BT-44
	MontantHT         decimal.NullDecimal // BT-109, in Devise
	MontantTVA        decimal.NullDecimal // BT-110, in Devise
	MontantTTC        decimal.NullDecimal // BT-112, in Devise
	MontantPaye       decimal.NullDecimal // BT-113, in Devise
	MontantAPayer     decimal.NullDecimal // BT-115, in Devise
	Devise            string              // BT-5, ISO 4217
	Cadre             string              // BT-23
	CodeService       string              // BT-10, or where Chorus Pro's own UBL or scheme 0224 has it
	ServiceFiller     string              // what stands there instead and says that there is none, as "NA"
	Engagement        string              // BT-13
	Profil            string              // BT-24
	Paiement          string              // BT-81, UNTDID 4461: the first one
	FactureOrigine    string              // BT-25: the first one

	Seller, Buyer Party
	Payments      []Payment    // BG-16
	Attachments   []Attachment // BG-24, those that are in the document itself
	PDF           *PDF         // of Factur-X: what the PDF says of itself
	Fields        *Fields      // of a PDF without XML: the rest of what is said beside it

	header map[string][]Value // what stands at each term of the header
	tree   *tree.Tree
	syntax *syntax
}

// Tree is the document as XML, for Factur-X that of the attached invoice, for fields a tree of their names.
func (d *Document) Tree() *tree.Tree { return d.tree }

// At is the value of a term of the header: the first that is filled.
func (d *Document) At(term string) Value { return filled(d.header[term]) }

// PaymentCode is the first means of payment (BT-81).
func (d *Document) PaymentCode() Value {
	if len(d.Payments) == 0 {
		return Value{}
	}
	return d.Payments[0].Code
}

// All are the values of a term of the header, also where the syntax allows only one.
func (d *Document) All(term string) []Value { return d.header[term] }

// Sum adds up all the amounts of a term; ok is false when one of them is no number. Of UBL and CII only.
func (d *Document) Sum(term string) (total decimal.Decimal, ok bool) {
	ok = true
	d.syntax.each(d.tree, term, func(v Value) bool {
		var n decimal.Decimal
		n, ok = tree.Decimal(v.Text)
		total = total.Add(n)
		return ok
	})
	return total, ok
}

// SIREN is the first nine digits of the supplier's SIRET, or "" when there is none. Chorus Pro's uniqueness is
// SIREN + issue year + number (docs/chorus-pro.md §10).
func (d *Document) SIREN() string {
	if !isSIRET(d.FournisseurSIRET) {
		return ""
	}
	return d.FournisseurSIRET[:9]
}

// Read recognises and reads b. It does not keep or change b. The error is always a *Problem: b is no invoice that
// Chorus Pro could read. A document that is read may still be refused: ask package rules.
func Read(b []byte) (*Document, error) {
	d, p := read(b)
	if p != nil {
		return nil, p
	}
	return d, nil
}

// TooLarge says what is wrong with a document of so many bytes, before anybody has it in memory; nil when nothing is.
func TooLarge(bytes int) *Problem {
	if bytes <= MaxBytes {
		return nil
	}
	return problemf(CodeTooLarge,
		"the document has %d bytes and Chorus Pro takes 10 MB (%d) at most: make its attachments smaller",
		"le document fait %d octets et Chorus Pro en accepte 10 Mo (%d) au plus : réduisez ses pièces jointes",
		bytes, MaxBytes)
}

func read(b []byte) (*Document, *Problem) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, problemf(CodeEmpty, "the document is empty", "le document est vide")
	}
	if p := TooLarge(len(b)); p != nil {
		return nil, p
	}
	switch form, what := sniff(b); form {
	case formXML:
		return readXML(b)
	case formPDF:
		x, facts, p := embeddedInvoice(b)
		if p != nil {
			return nil, p
		}
		d, p := readXML(x)
		if p != nil {
			p.Message = "the XML attached to the PDF: " + p.Message
			p.MessageFR = "le XML joint au PDF : " + p.MessageFR
			return nil, p
		}
		if d.Syntaxe != SyntaxeCII {
			return nil, problemf(CodePDFWithoutInvoice,
				"the XML attached to the PDF is not CII: a Factur-X PDF carries a CrossIndustryInvoice",
				"le XML joint au PDF n'est pas du CII : un PDF Factur-X porte un CrossIndustryInvoice")
		}
		d.Syntaxe, d.PDF = SyntaxeFacturX, facts
		return d, nil
	case formArchive:
		return nil, problemf(CodeArchive,
			"the document is an archive (%s), and archives are never unpacked: insert the invoice file itself",
			"le document est une archive (%s), et les archives ne sont jamais ouvertes : insérez le fichier de la facture lui-même",
			what)
	default:
		return nil, notAnInvoice(what)
	}
}

// notAnInvoice tells what was found instead, when that has a name.
func notAnInvoice(what string) *Problem {
	if what != "" {
		what = " (" + what + ")"
	}
	return problemf(CodeNotAnInvoice,
		"this is not an invoice%s: insert UBL 2.1, CII D16B or a Factur-X PDF",
		"ceci n'est pas une facture%s : insérez de l'UBL 2.1, du CII D16B ou un PDF Factur-X", what)
}
