package rules

import (
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice"
)

// chorusRule is a rule of Chorus Pro, or ours: where Chorus Pro demands more than EN 16931, or something else.
type chorusRule struct {
	Rule
	// instead are the official rules that name the same fault in vaguer words: they keep silent at its term where this one speaks.
	instead []string
	// unless are official rules that name the same fault: where one of them has spoken, this one keeps silent.
	unless []string
	find   func(d *invoice.Document) []hit
}

// hit is one place where a rule is broken. What it leaves out is the rule's own.
type hit struct {
	term, value, where string
	en, fr             string
	remedy, remedyFR   string
	counts             bool // it says that something is missing, or there too often, as an official rule of the same term may have said
}

// at is a hit at a value.
func at(v invoice.Value) hit { return hit{term: v.Term, value: v.Text, where: v.Where()} }

// onlyIf is a hit at a value where it is wrong.
func onlyIf(v invoice.Value, wrong bool) []hit {
	if !wrong {
		return nil
	}
	return []hit{at(v)}
}

// saying gives hits the rule's text with something of the document in it.
func saying(h hit, en, fr string) []hit {
	h.en, h.fr = en, fr
	return []hit{h}
}

// chorusGroups are the rows, by subject.
var chorusGroups = [][]chorusRule{schemaRules, headerRules, placeRules, partyRules, paymentRules, totalRules, attachmentRules, facturXRules}

// chorus judges a document by these of Chorus Pro's rules, and takes out of found what they say better.
func chorus(d *invoice.Document, groups [][]chorusRule, found []Finding) []Finding {
	var ours []Finding
	for _, group := range groups {
		for _, r := range group {
			hits := slices.DeleteFunc(r.find(d), func(h hit) bool { return h.counts && counted(found, h) })
			if len(hits) == 0 || spoken(found, r.unless) {
				continue
			}
			for _, h := range hits[:min(len(hits), maxPlaces)] {
				ours = append(ours, r.finding(h))
			}
			left := found[:0]
			for _, f := range found {
				if !contains(r.instead, f.Code) || f.Term != ours[len(ours)-1].Term {
					left = append(left, f)
				}
			}
			found = left
		}
	}
	return append(ours, found...) // a total that is no amount comes before the sums that it spoils
}

// counted tells whether an official rule says of the same term, or of the same place, that something is missing or there too often.
func counted(found []Finding, h hit) bool {
	return slices.ContainsFunc(found, func(f Finding) bool {
		return countRules[f.Code] && f.Severity == Error && (f.Term == h.term && h.term != "" || f.Where == h.where)
	})
}

// countRules are the official rules about what is missing, or there too often.
var countRules = func() map[string]bool {
	all := map[string]bool{"BR-CL-03": true} // a currency that is missing is none
	for _, r := range textRows {
		if r.kind == missing || r.kind == once {
			all[r.id] = true
		}
	}
	return all
}()

// spoken tells whether one of these rules is among the findings.
func spoken(found []Finding, codes []string) bool {
	for _, f := range found {
		if contains(codes, f.Code) {
			return true
		}
	}
	return false
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

func (r chorusRule) finding(h hit) Finding {
	f := Finding{
		Code: r.Code, Severity: r.Severity, Term: r.Term, Value: cut(strings.TrimSpace(h.value)), Where: h.where,
		Message: r.Text, MessageFR: r.TextFR, Remedy: r.Remedy, RemedyFR: r.RemedyFR,
	}
	if h.term != "" {
		f.Term = h.term
	}
	if h.remedy != "" {
		f.Remedy, f.RemedyFR = h.remedy, h.remedyFR
	}
	if h.en != "" {
		f.Message, f.MessageFR = h.en, h.fr
	} else if f.Value != "" {
		f.Message += ": " + quote(f.Value)
		f.MessageFR += " : " + quote(f.Value)
	}
	return f
}

// isCredit tells a credit note.
func isCredit(d *invoice.Document) bool {
	return d.Tree().Root.Name == "cn:CreditNote" || d.Type == "AVOIR" || codeLists["creditnotes"].Has(d.Type)
}

// isMinimum tells Factur-X's smallest profile, which has no place for most of an invoice.
func isMinimum(d *invoice.Document) bool {
	return d.Syntaxe != invoice.SyntaxeUBL && profileOf(d.Tree().Root) == profileMinimum
}
