// Package answers is the dictionary of answers, as data: every codeRetour and message code, every state of a flux, the texts of the integration report,
// the motives that recipients give, the statuts of an invoice, what PISTE's gateway says, and choriste's own reason codes. Each entry says in English and
// French what it means, who must act and what to do, and whether the same request may be made again.
//
// The data decides nothing at run time: chorus/classify.go and chorus/flux.go decide, and a test holds the two together.
package answers

import (
	"slices"
	"sync"
)

// Kind says what answers so.
type Kind string

// The kinds.
const (
	Return  Kind = "codeRetour" // an operation of Chorus Pro: codeRetour, message code, or both
	Gateway Kind = "gateway"    // PISTE's gateway or its token endpoint
	Flux    Kind = "etat_flux"  // etatCourantDepotFlux
	Error   Kind = "error"      // a text of listeErreurDP, listeErreurTechnique, or of a libelle
	Motive  Kind = "motif"      // what a recipient gives as his reason, in the comment of a statut
	Statut  Kind = "statut"     // statutCourant of an invoice
	Reason  Kind = "reason"     // our own reason_code
)

// Kinds lists them in the order of docs/answers.md.
var Kinds = []Kind{Reason, Error, Return, Flux, Statut, Motive, Gateway}

// Who must act.
type Who string

// Those who may have to act.
const (
	Supplier  Who = "supplier"  // the invoice's data, or its author
	Recipient Who = "recipient" // the public body: its decision or its settings
	Portal    Who = "portal"    // AIFE, which runs Chorus Pro, or PISTE
	Operator  Who = "operator"  // whoever runs choriste, or the program itself
	Nobody    Who = "nobody"    // nothing is to be done
)

// Retry says whether the same request may be made again.
type Retry string

// The classes.
const (
	Never        Retry = "never"        // it would be refused again: correct the document and insert it anew
	AfterChange  Retry = "after_change" // the same document may go again once somebody has changed what stands in the way
	LookUp       Retry = "look_up"      // only after a search has shown that the portal does not hold it
	Automatic    Retry = "automatic"    // choriste asks or sends again by itself
	None         Retry = "none"         // there is nothing to repeat
	Unclassified Retry = "unclassified" // nobody knows: never repeated blindly
)

// Words are the texts of one language.
type Words struct{ Means, Do string }

// Entry is one answer.
type Entry struct {
	Kind  Kind
	Code  string // unique within its kind; of a text it is a name of ours
	Who   Who
	Retry Retry

	On      []string // of a codeRetour: the operations that answer so; none: any
	Number  int      // of a codeRetour; 0 is success or any
	Message string   // message code, with a dot before the last number; "" any

	// Pattern is a regular expression of the subset that Go and PostgreSQL read alike, matched in any case against one message of a text after Fold.
	// It begins with ^ unless the words may stand anywhere. Named parts are values that the text carries.
	Pattern string
	General bool // shown only where no other entry matches the same message

	Term   string // of EN 16931
	Column string // of chorus.invoices
	EN, FR Words
	Mark   string // weight of the source, as in docs/chorus-pro.md
	Source string // where it is known from

	Example string // one text that matches; of a code, the code
	Not     string // of a text: one that looks like it and does not match
}

// All lists every entry, in the order of Kinds.
func All() []Entry { return slices.Clone(table()) }

// Of lists the entries of one kind.
func Of(kind Kind) []Entry {
	var list []Entry
	for _, e := range table() {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// Codes lists the codes of one kind, sorted.
func Codes(kind Kind) []string {
	var list []string
	for _, e := range Of(kind) {
		list = append(list, e.Code)
	}
	slices.Sort(list)
	return list
}

// Find gives the entry of a kind and code.
func Find(kind Kind, code string) (Entry, bool) {
	for _, e := range table() {
		if e.Kind == kind && e.Code == code {
			return e, true
		}
	}
	return Entry{}, false
}

var table = sync.OnceValue(func() []Entry {
	var all []Entry
	for _, part := range []struct {
		kind Kind
		list []Entry
	}{{Reason, reasons()}, {Error, errorTexts}, {Return, returns}, {Flux, fluxStates}, {Statut, statuts()}, {Motive, motives()}, {Gateway, gateway}} {
		for _, e := range part.list {
			e.Kind = part.kind
			if e.Example == "" {
				e.Example = e.Code
			}
			all = append(all, e)
		}
	}
	return all
})
