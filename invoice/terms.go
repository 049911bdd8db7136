package invoice

import (
	"encoding/xml"
	"reflect"
	"slices"

	"github.com/choriste/choriste/invoice/tree"
)

// syntax is where one syntax keeps what Content holds.
type syntax struct {
	name    string
	content *plan                 // nil: of fields, whose terms alone are known
	terms   map[string][]location // where each term stands below the document's element
	header  []string              // the terms that are read of every document
	places  map[string][]placed   // the terms by the element that holds them
}

// The first steps of places, that many have: names for them.
var (
	ublAliases = map[string]string{"totals": "cac:LegalMonetaryTotal"}
	ciiAliases = map[string]string{
		"context":    "rsm:ExchangedDocumentContext",
		"document":   "rsm:ExchangedDocument",
		"agreement":  "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement",
		"delivery":   "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeDelivery",
		"settlement": "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement",
		"totals":     "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/ram:SpecifiedTradeSettlementHeaderMonetarySummation",
	}
)

func newSyntax(name, key string, aliases map[string]string) *syntax {
	s := &syntax{name: name, content: newPlan(reflect.TypeFor[Content](), key, 0, aliases), terms: map[string][]location{}, header: headerTerms}
	s.content.addTerms(s.terms, nil)
	s.places = byLastStep(s.terms)
	return s
}

// ubl and cii follow EN 16931-3-2 and EN 16931-3-3.
var (
	ubl = newSyntax(SyntaxeUBL, "ubl", ublAliases)
	cii = newSyntax(SyntaxeCII, "cii", ciiAliases)
)

// headerTerms are those of UBL and CII that choriste needs of every document.
var headerTerms = []string{
	"BT-1", "BT-2", "BT-3", "BT-5", "BT-6", "BT-10", "BT-12", "BT-13", "BT-22", "BT-23", "BT-24", "BT-25",
	"BT-106", "BT-107", "BT-108", "BT-109", "BT-110", "BT-112", "BT-113", "BT-114", "BT-115",
}

// fill reads one group of Content, by its name there.
func (s *syntax) fill(name string, t *tree.Tree, to any, r reader) {
	if s.content == nil {
		return
	}
	i := slices.IndexFunc(s.content.fields, func(x field) bool { return x.name == name })
	r.field(s, &s.content.fields[i], t.Root, reflect.ValueOf(to).Elem())
}

// each calls do for the elements of a term, until do returns false.
func (s *syntax) each(t *tree.Tree, term string, do func(Value) bool) {
	for _, l := range s.terms[term] {
		if !l.each(t.Root, func(e *tree.Element) bool {
			v := newValue(e, term)
			v.Text = l.text(e)
			return do(v)
		}) {
			return
		}
	}
}

// values are the elements of a term, the first ones, in order of preference and then of the document.
func (s *syntax) values(t *tree.Tree, term string) (all []Value) {
	s.each(t, term, func(v Value) bool {
		all = append(all, v)
		return len(all) < maxValues
	})
	return all
}

// namespaces are those that the root element of an invoice must be in.
var namespaces = map[string]string{ //nolint:gosec // names of XML, no credentials
	"Invoice":              "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
	"CreditNote":           "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
	"CrossIndustryInvoice": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
}

// recognise goes by the root element.
func recognise(root xml.Name) (*syntax, *Problem) {
	switch root {
	case xml.Name{Space: "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", Local: "Invoice"},
		xml.Name{Space: "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2", Local: "CreditNote"}:
		return ubl, nil
	case xml.Name{Space: "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100", Local: "CrossIndustryInvoice"}:
		return cii, nil
	}
	if want := namespaces[root.Local]; want != "" && root.Space == "" {
		return nil, problemf(CodeNotAnInvoice,
			"the element %s is in no namespace: write xmlns=%q in it, and the prefixes of the elements within as the standard has them",
			"l'élément %s n'a pas d'espace de noms : écrivez-y xmlns=%q, et les préfixes des éléments qu'il contient comme dans la norme",
			root.Local, want)
	}
	if root.Local == "CrossIndustryDocument" || root.Local == "CrossIndustryInvoice" {
		return nil, problemf(CodeVersion,
			"this is an older cross industry invoice (ZUGFeRD 1.0 or CII before D16B): write CII D16B",
			"ceci est une ancienne facture CII (ZUGFeRD 1.0 ou CII antérieur à D16B) : écrivez du CII D16B")
	}
	return nil, notAnInvoice("XML, " + quote(root.Local))
}
