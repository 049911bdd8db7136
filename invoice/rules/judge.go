package rules

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/invoice"
)

// Off is the level of a rule that is not asked.
const Off Severity = "off"

// Options are what the answer depends on, besides the document.
type Options struct {
	SyntaxeFlux string              // what the sender declares it to be; "" when it is to be recognised
	Levels      map[string]Severity // raised, lowered or Off, by code: an account's setting
	Now         time.Time           // when it would be sent; zero: whether it is dated ahead is not asked
}

// Report is what is to be said of a document before it is sent.
type Report struct {
	Document *invoice.Document // nil: unreadable
	Findings []Finding         // errors first
}

// OK tells whether nothing stands against sending.
func (r Report) OK() bool {
	return !Stops(r.Findings)
}

// Judge reads a document and says all that is to be said of it: what makes it unreadable, what Chorus Pro refuses, and what EN 16931 refuses.
func Judge(document []byte, o Options) Report {
	d, err := invoice.Read(document)
	if err != nil {
		var p *invoice.Problem
		if !errors.As(err, &p) {
			p = &invoice.Problem{Code: invoice.CodeXML, Message: err.Error(), MessageFR: err.Error()}
		}
		return Report{Findings: []Finding{OfProblem(p)}} // no setting makes it readable
	}
	found := explained(d, withTerms(d, judgeTree(d.Tree())))
	found = append(chorus(d, chorusGroups, withSums(d, withCreditNote(d, lenient(d, found)))), futureDate(d, o.Now)...)
	found = o.level(d, found)
	if o.SyntaxeFlux != "" && !invoice.Compatible(o.SyntaxeFlux, d.Syntaxe) {
		found = append(found, declared(o.SyntaxeFlux, d.Syntaxe))
	}
	errorsFirst(found)
	for k := range found {
		found[k].at = nil // the document is not kept alive by what is said of it
	}
	return Report{Document: d, Findings: found}
}

// errorsFirst sorts findings; "error" is before "warning".
func errorsFirst(found []Finding) {
	slices.SortStableFunc(found, func(a, b Finding) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
}

// level applies the account's setting. What names an invoice at the portal is needed to find it there, so that it is never sent twice: no setting does
// without.
func (o Options) level(d *invoice.Document, found []Finding) []Finding {
	needed := func(term string) bool {
		return term == "BT-1" && strings.TrimSpace(d.Numero) == "" || term == "BT-2" && d.Date.IsZero() || term == "BT-30" && d.SIREN() == ""
	}
	left := found[:0]
	for _, f := range found {
		if s, ok := o.Levels[f.Code]; ok && !(f.Severity == Error && needed(f.Term)) {
			f.Severity = s
		}
		if f.Severity != Off {
			left = append(left, f)
		}
	}
	return left
}

// OfProblem is the finding that a problem of reading makes.
func OfProblem(p *invoice.Problem) Finding {
	f := ruleOf(chCode(p.Code)).finding(hit{where: p.Where})
	f.Message, f.MessageFR = p.Message, p.MessageFR
	return f
}

// Rule is one rule, as docs/rules.md shows it.
type Rule struct {
	Code     string
	Severity Severity // by default
	Term     string   // of EN 16931; "" for the whole document
	Source   string   // where it is written
	Weight   string   // S official, P seen in production, L measured, C other clients, G a guess
	Text     string
	TextFR   string
	Remedy   string
	RemedyFR string
}

// Fixed tells a rule that no setting changes: without it the document cannot be read, or must not be sent by this account.
func Fixed(code string) bool {
	return slices.ContainsFunc(append(slices.Clone(outsideRules), readingRules...), func(r Rule) bool { return r.Code == code })
}

// Rules lists every rule: Chorus Pro's, then EN 16931's.
func Rules() []Rule {
	var all []Rule
	for _, r := range recipientRules {
		all = append(all, r.Rule)
	}
	all = append(all, outsideRules...)
	all = append(all, readingRules...)
	all = append(all, futureRule)
	for _, group := range append(slices.Clone(chorusGroups), fieldRules) {
		for _, r := range group {
			all = append(all, r.Rule)
		}
	}
	seen := map[string]bool{}
	for _, groups := range [][]group{ublGroups, ciiGroups} {
		for _, g := range groups {
			for _, r := range g.rules {
				seen[r.id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		t := textOf(id)
		all = append(all, Rule{
			Code: id, Severity: severityOf(id), Term: t.term, Source: "EN 16931, schematron 1.3.16", Weight: "S",
			Text: t.en, TextFR: t.fr, Remedy: t.remedy, RemedyFR: t.remedyFR,
		})
	}
	return all
}
