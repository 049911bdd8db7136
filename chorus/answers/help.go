package answers

import (
	"encoding/json"
	"slices"
)

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
func Unknown(kind Kind, message string) Help {
	return Help{
		Kind: kind, Code: CodeUnclassified, Message: message, Who: Operator, Retry: Unclassified,
		Text:   "The dictionary does not know this answer. It is stored as it came and counted; nothing is sent again because of it.",
		TextFR: "Le dictionnaire ne connaît pas cette réponse. Elle est conservée telle quelle et comptée ; rien n'est renvoyé à cause d'elle.",
		Remedy: "Read it at the portal, and report the text to the makers of choriste.", RemedyFR: "La lire sur le portail, et signaler le texte aux auteurs de choriste.",
	}
}

// texted are the reason codes whose reason is the portal's own text.
var texted = []string{"FLUX_REJECTED", "REFUSED"}

// For explains what a row or an event says: its reason_code, the portal's messages in its reason, its statut, and the motive in the recipient's comment.
// Messages and statuts that nobody knows are there as unclassified; the free words of a recipient are not.
func For(reasonCode, reason, statut, comment *string) []Help {
	var list []Help
	if e, known := Find(Reason, text(reasonCode)); known {
		list = append(list, Match{Entry: e}.Help())
	}
	if slices.Contains(texted, text(reasonCode)) {
		list = append(list, Report(text(reason))...)
	}
	if e, known := Find(Statut, text(statut)); known {
		list = append(list, Match{Entry: e}.Help())
	} else if text(statut) != "" {
		list = append(list, Unknown(Statut, *statut))
	}
	said := text(comment)
	if text(reasonCode) == "RECIPIENT" {
		said += " | " + text(reason)
	}
	for _, message := range Messages(said) {
		for _, m := range codesIn(message) {
			if m.Kind == Motive && !slices.ContainsFunc(list, func(h Help) bool { return h.Kind == Motive && h.Code == m.Code }) {
				list = append(list, m.Help())
			}
		}
	}
	return list
}

// ForEvent explains an event of the history by its reason_code and its detail.
func ForEvent(reasonCode *string, detail []byte) []Help {
	var d struct {
		Reason      *string `json:"reason"`
		Statut      *string `json:"statut_courant"`
		Commentaire *string `json:"statut_commentaire"`
	}
	_ = json.Unmarshal(detail, &d) // what is not there is not explained
	return For(reasonCode, d.Reason, d.Statut, d.Commentaire)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Report explains every message of an integration report, or of a refusal at the deposit. Each has at least one line.
func Report(whole string) []Help {
	var list []Help
	for _, message := range Messages(whole) {
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

// NotKnown gives what the dictionary does not know of something that was said: messages of a report, or the code itself.
func NotKnown(kind Kind, said string) []string {
	switch kind {
	case Error:
		var list []string
		for _, h := range Report(said) {
			if h.Retry == Unclassified {
				list = append(list, h.Message)
			}
		}
		return list
	case Motive:
		if code := UnknownMotive(said); code != "" {
			return []string{said}
		}
		return nil
	case Return, Flux, Statut, Reason, Gateway:
	}
	if slices.ContainsFunc(byCode(said), func(m Match) bool { return m.Kind == kind }) {
		return nil
	}
	return []string{said}
}
