package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/operate"
)

type explainCmd struct {
	What         []string `arg:"" optional:"" name:"code|text" help:"A codeRetour, a message code, a state of a flux, a status, a motive, a reason code, the id of a rule, or a message as the portal wrote it."`
	Unclassified bool     `help:"List what Chorus Pro and recipients said, in this database and within a year, that the dictionary does not know."`
}

func (c explainCmd) Run(a *app) error {
	what := strings.TrimSpace(strings.Join(c.What, " "))
	switch {
	case c.Unclassified != (what == ""):
		return usageError{inBoth("explain what? give a code or a text, or --unclassified alone", "expliquer quoi ? donnez un code ou un texte, ou --unclassified seul")}
	case c.Unclassified:
		return unclassified(a)
	}
	var found []answers.Help
	head, _, _ := strings.Cut(what, " ") // of a reason as it stands in a row, the code
	if r, known := rules.About(strings.ToUpper(strings.Trim(head, ":;,.\"'()"))); known {
		found = append(found, operate.AboutRule(r))
	}
	matches := answers.Explain(what)
	if len(matches) == 0 && len(found) == 0 {
		matches = answers.Explain(spoken(what))
	}
	for _, m := range matches {
		found = append(found, m.Help())
	}
	if messages := answers.Messages(what); len(found) > 0 && len(messages) > 1 {
		for _, m := range messages {
			if len(answers.Explain(m)) == 0 {
				found = append(found, answers.Unknown(answers.Error, m))
			}
		}
	}
	if len(found) == 0 {
		if a.json {
			if err := a.print(answers.Unknown(answers.Error, what)); err != nil {
				return err
			}
		}
		if a.lang == "fr" {
			return errors.New("non classé : le dictionnaire (docs/answers.md) ne connaît pas ceci. choriste conserve une telle réponse telle quelle (reason, statut_commentaire, " +
				"les preuves de la requête), la compte (choriste_unknown_values_total) et ne renvoie rien à cause d'elle. Signalez le texte aux auteurs de choriste")
		}
		return errors.New("unclassified: the dictionary (docs/answers.md) does not know this. choriste keeps such an answer as it came (reason, statut_commentaire, " +
			"the evidence of the request), counts it (choriste_unknown_values_total) and sends nothing again because of it. Report the text to the makers of choriste")
	}
	for k, h := range found {
		if a.json {
			if err := a.print(h); err != nil {
				return err
			}
			continue
		}
		if k > 0 {
			a.printf("\n")
		}
		c.show(a, h)
	}
	return nil
}

var (
	saidBefore = regexp.MustCompile(`^(?i:code ?retour|statut|motif|etat|code)[ :=]+`)
	notInCodes = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// spoken makes a code of one as people say or copy it: "Mise en paiement", "« rejetée »", "codeRetour=20001".
func spoken(what string) string {
	if len(what) > 100 {
		return ""
	}
	s := saidBefore.ReplaceAllString(strings.TrimSpace(answers.Fold(what)), "")
	return strings.ToUpper(strings.Trim(notInCodes.ReplaceAllString(s, "_"), "_"))
}

// explainWords are the labels, and what the words for programs mean to people.
var explainWords = map[string]map[string]string{
	"en": {
		"means": "means", "do": "do", "who": "who", "again": "again", "where": "where", "on": "answered by", "source": "source", "message": "message",
		"supplier": "the supplier: the invoice's data", "recipient": "the recipient", "portal": "AIFE (Chorus Pro, PISTE)", "operator": "whoever runs choriste", "nobody": "nobody",
		"never": "no: the same document would be refused again", "after_change": "yes, once somebody has changed what stands in the way", "look_up": "only after a search has shown that the portal does not hold it",
		"automatic": "by itself", "none": "there is nothing to repeat", "unclassified": "nobody knows: never by itself",
	},
	"fr": {
		"means": "sens", "do": "que faire", "who": "qui agit", "again": "renvoi", "where": "où", "on": "réponse de", "source": "source", "message": "message",
		"supplier": "le fournisseur : les données de la facture", "recipient": "le destinataire", "portal": "l'AIFE (Chorus Pro, PISTE)", "operator": "l'exploitation de choriste", "nobody": "personne",
		"never": "non : le même document serait refusé de nouveau", "after_change": "oui, une fois levé ce qui s'y oppose", "look_up": "seulement si une recherche montre que le portail ne la détient pas",
		"automatic": "de lui-même", "none": "il n'y a rien à répéter", "unclassified": "nul ne sait : jamais de lui-même",
	},
}

func (c explainCmd) show(a *app, h answers.Help) {
	words := explainWords[a.lang]
	means, do := h.Text, h.Remedy
	if a.lang == "fr" {
		means, do = h.TextFR, h.RemedyFR
	}
	line := func(label, text string) {
		if text != "" {
			a.printf("  %s%s\n", words[label]+strings.Repeat(" ", max(1, 13-len([]rune(words[label])))), text)
		}
	}
	a.printf("%s %s\n", string(h.Kind), h.Code)
	line("message", h.Message)
	line("means", means)
	line("do", do)
	line("who", words[string(h.Who)])
	line("again", words[string(h.Retry)])
	where := h.Term
	if h.Column != "" {
		where = strings.TrimPrefix(where+", chorus.invoices."+h.Column, ", ")
	}
	line("where", where)
	for _, name := range slices.Sorted(maps.Keys(h.Values)) {
		a.printf("  %s%s\n", name+strings.Repeat(" ", max(1, 13-len(name))), h.Values[name])
	}
	line("on", strings.Join(h.Operations, ", "))
	if h.Source != "" {
		line("source", fmt.Sprintf("%s: %s", h.Mark, h.Source))
	}
}

// unclassified lists what nobody has recorded yet, so that it can be reported.
func unclassified(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	all, err := st.Said(a.ctx)
	if err != nil {
		return err
	}
	w := visible.NewTable(a.out)
	for _, said := range all {
		for _, text := range answers.NotKnown(answers.Kind(said.Kind), said.Text) {
			said.Text = text
			if a.json {
				if err := a.print(said); err != nil {
					return err
				}
				continue
			}
			w.Printf("%s\t%d times, last of invoice %d\t%s\n", said.Kind, said.Count, said.Invoice, text)
		}
	}
	return w.Flush()
}

// explainLines are what a command shows of an entry beside something else: what it means, and what to do; "" when nothing is to be done.
func explainLines(lang string, h answers.Help) (means, do string) {
	means, do = h.Text, h.Remedy
	if lang == "fr" {
		means, do = h.TextFR, h.RemedyFR
	}
	if h.Code == answers.CodeUnclassified {
		means = h.Message + ": " + means
	}
	if h.Term != "" && !strings.Contains(means, h.Term) {
		means += " (" + h.Term + ")"
	}
	if h.Who == answers.Nobody {
		return means, ""
	}
	return means, "→ " + do
}
