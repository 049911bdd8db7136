package operate

import (
	"fmt"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// KindRule is the kind of a help that is about a rule of documents (docs/rules.md). The dictionary of answers has no such kind.
const KindRule answers.Kind = "rule"

// AboutRule explains a rule.
func AboutRule(r rules.Rule) answers.Help {
	return answers.Help{
		Kind: KindRule, Code: r.Code, Text: sentence(r.Text), TextFR: sentence(r.TextFR), Remedy: r.Remedy, RemedyFR: r.RemedyFR, Who: answers.Supplier,
		Retry: answers.Never, Term: r.Term, Mark: r.Weight, Source: r.Source,
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// HelpOfEvent explains an event: by the rule that its reason code names, or else by the dictionary.
func HelpOfEvent(e store.Event) []answers.Help {
	if e.ReasonCode != nil {
		if r, known := rules.About(*e.ReasonCode); known {
			return []answers.Help{AboutRule(r)}
		}
	}
	return answers.ForEvent(e.ReasonCode, e.Detail)
}

// LookupText says in words, in English or French (fr), what one search for an invoice in doubt found.
func LookupText(l store.Lookup, lang string) string {
	age := l.Age.Round(time.Second)
	switch fr := lang == "fr"; {
	case l.Code != "" && fr:
		return "recherche impossible : " + l.Code
	case l.Code != "":
		return "could not search: " + l.Code
	case l.Found > 0 && fr:
		return fmt.Sprintf("trouvé %d, flux %s", l.Found, l.Flux)
	case l.Found > 0:
		return fmt.Sprintf("found %d, flux %s", l.Found, l.Flux)
	case l.Absent && fr:
		return fmt.Sprintf("rien trouvé, %s après l'envoi", age)
	case l.Absent:
		return fmt.Sprintf("found nothing, %s after it was sent", age)
	case l.Complete && fr:
		return "rien trouvé, mais aucun dépôt ultérieur n'est visible non plus"
	case l.Complete:
		return "found nothing, but no later deposit can be found either"
	case fr:
		return "rien trouvé, dans une réponse incomplète"
	default:
		return "found nothing in an incomplete answer"
	}
}
