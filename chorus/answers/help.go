package answers

import "slices"

// Help is what is shown of an entry, to people and to programs.
type Help struct {
	Kind       Kind              `json:"kind"`
	Code       string            `json:"code"`
	Text       string            `json:"text"`
	TextFR     string            `json:"text_fr"`
	Remedy     string            `json:"remedy"`
	RemedyFR   string            `json:"remedy_fr"`
	Who        Who               `json:"who"`
	Retry      Retry             `json:"retry"`
	Term       string            `json:"term,omitempty"`
	Column     string            `json:"column,omitempty"`
	Message    string            `json:"message,omitempty"` // of a text: the message that is explained
	Values     map[string]string `json:"values,omitempty"`  // what it carries
	Operations []string          `json:"operations,omitempty"`
	Mark       string            `json:"mark,omitempty"`
	Source     string            `json:"source,omitempty"`
}

// Help gives the words of a match.
func (m Match) Help() Help {
	return Help{
		Kind: m.Kind, Code: m.Code, Text: m.EN.Means, TextFR: m.FR.Means, Remedy: m.EN.Do, RemedyFR: m.FR.Do, Who: m.Who, Retry: m.Retry,
		Term: m.Term, Column: m.Column, Message: m.Text, Values: m.Values, Operations: m.On, Mark: m.Mark, Source: m.Source,
	}
}

// Code of what no entry knows.
const CodeUnclassified = "UNCLASSIFIED"

// Unknown is the help for a text that no entry knows.
func Unknown(kind Kind, text string) Help {
	return Help{
		Kind: kind, Code: CodeUnclassified, Message: text, Who: Operator, Retry: Unclassified,
		Text:   "The dictionary does not know this answer. It is stored as it came and counted; nothing is sent again because of it.",
		TextFR: "Le dictionnaire ne connaît pas cette réponse. Elle est conservée telle quelle et comptée ; rien n'est renvoyé à cause d'elle.",
		Remedy: "Read it at the portal, and report the text to the makers of choriste.", RemedyFR: "La lire sur le portail, et signaler le texte aux auteurs de choriste.",
	}
}

// Row is what a row of chorus.invoices says of itself.
type Row struct{ ReasonCode, Reason, Statut, Comment string }

// texted are the reason codes whose reason is the portal's own text.
var texted = []string{"FLUX_REJECTED", "REFUSED"}

// For explains what a row says: its reason_code, the portal's messages in its reason, its statut, and the motive in the recipient's comment. Messages
// that nobody knows are there as unclassified; the free words of a recipient are not.
func For(r Row) []Help {
	var list []Help
	code := func(kind Kind, code string) {
		if e, ok := Find(kind, code); ok {
			list = append(list, Match{Entry: e}.Help())
		} else if code != "" {
			list = append(list, Unknown(kind, code))
		}
	}
	code(Reason, r.ReasonCode)
	if slices.Contains(texted, r.ReasonCode) {
		list = append(list, Report(r.Reason)...)
	}
	code(Statut, r.Statut)
	for _, text := range []string{r.Comment, r.Reason} {
		if text == r.Reason && r.ReasonCode != "RECIPIENT" {
			continue
		}
		for _, m := range codesIn(cut(text)) {
			twice := slices.ContainsFunc(list, func(h Help) bool { return h.Kind == m.Kind && h.Code == m.Code })
			if m.Kind == Motive && !twice {
				list = append(list, m.Help())
			}
		}
	}
	return list
}

// Report explains every message of an integration report, or of a refusal at the deposit. Each has at least one line.
func Report(text string) []Help {
	var list []Help
	for _, message := range Messages(text) {
		found := ExplainMessage(message)
		for _, m := range codesIn(message) {
			if m.Kind == Return || m.Kind == Motive {
				found = append(found, m)
			}
		}
		for _, m := range found {
			m.Text = message
			list = append(list, m.Help())
		}
		if len(found) == 0 {
			list = append(list, Unknown(Error, message))
		}
	}
	return list
}
