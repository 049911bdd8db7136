package rules

import (
	"fmt"
	"strings"
	"time"
)

// Recipient is what the portal's directory says of the recipient of an invoice, and what the invoice names.
type Recipient struct {
	SIRET, Name        string
	Known, Active      bool
	ServiceRequired    bool // a service code (BT-10)
	EngagementRequired bool // a commitment number (BT-13)
	EitherRequired     bool // one of the two at least
	ServicesListed     bool // all its services are known: one that is not among them does not exist

	Service           string // that the invoice names, as it stands there; "" when it names none
	ServiceFiller     bool   // what stands there says that there is none ("NA"), unless the recipient has a service of that code
	ServiceKnown      bool
	ServiceActive     bool
	ServiceEngagement bool // this service demands a commitment number
	Engagement        string
	EngagementUnknown bool // the portal was asked for it, and does not know it

	CheckedAt time.Time // when the portal was asked
}

// named tells an invoice that names a service.
func (r Recipient) named() bool { return r.Service != "" && (!r.ServiceFiller || r.ServiceKnown) }

// recipientRule is one demand of a recipient. Its texts may hold %r (the recipient), %s (the service) and %e (the commitment).
type recipientRule struct {
	Rule
	broken func(r Recipient) bool
}

var recipientRules = []recipientRule{
	{Rule{
		Code: "CH-RECIPIENT-UNKNOWN", Severity: Error, Term: "BT-47", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text: "Chorus Pro knows no recipient %r", TextFR: "Chorus Pro ne connaît pas le destinataire %r",
		Remedy:   "Correct the recipient's SIRET: it is that of the public body's establishment that receives invoices, as its order says.",
		RemedyFR: "Corrigez le SIRET du destinataire : celui de l'établissement public qui reçoit les factures, tel que l'indique la commande.",
	}, func(r Recipient) bool { return !r.Known }},
	{Rule{
		Code: "CH-RECIPIENT-INACTIVE", Severity: Error, Term: "BT-47", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text: "the recipient %r is not active at Chorus Pro any more", TextFR: "le destinataire %r n'est plus actif dans Chorus Pro",
		Remedy:   "Ask the recipient for the SIRET that has taken over, and invoice that one.",
		RemedyFR: "Demandez au destinataire le SIRET qui l'a remplacé et facturez celui-ci.",
	}, func(r Recipient) bool { return r.Known && !r.Active }},
	{Rule{
		Code: "CH-SERVICE-REQUIRED", Severity: Error, Term: "BT-10", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text: "the recipient %r demands a service code (BT-10) and there is none", TextFR: "le destinataire %r exige un code service (BT-10) et il n'y en a pas",
		Remedy:   "Write the service code that the order names.",
		RemedyFR: "Renseignez le code service indiqué par la commande.",
	}, func(r Recipient) bool { return r.ServiceRequired && !r.named() }},
	{Rule{
		Code: "CH-SERVICE-UNKNOWN", Severity: Error, Term: "BT-10", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text: "the recipient %r has no service %s", TextFR: "le destinataire %r n'a pas de service %s",
		Remedy:   "Write a service code of this recipient, as the order names it, or leave it out where none is demanded.",
		RemedyFR: "Renseignez un code service de ce destinataire, celui de la commande, ou supprimez-le s'il n'est pas exigé.",
	}, func(r Recipient) bool {
		return r.Service != "" && r.ServicesListed && !r.ServiceKnown && (r.named() || !r.ServiceRequired)
	}},
	{Rule{
		Code: "CH-SERVICE-INACTIVE", Severity: Error, Term: "BT-10", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text: "the service %s of the recipient %r is not active any more", TextFR: "le service %s du destinataire %r n'est plus actif",
		Remedy:   "Ask the recipient which service has taken over.",
		RemedyFR: "Demandez au destinataire quel service l'a remplacé.",
	}, func(r Recipient) bool { return r.Service != "" && r.ServiceKnown && !r.ServiceActive }},
	{Rule{
		Code: "CH-ENGAGEMENT-REQUIRED", Severity: Error, Term: "BT-13", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text:     "the recipient %r demands a commitment number (BT-13) and there is none",
		TextFR:   "le destinataire %r exige un numéro d'engagement (BT-13) et il n'y en a pas",
		Remedy:   "Write the number of the order or contract (engagement juridique) that the recipient gave you.",
		RemedyFR: "Renseignez le numéro d'engagement juridique (bon de commande, marché) communiqué par le destinataire.",
	}, func(r Recipient) bool { return r.EngagementRequired && r.Engagement == "" }},
	{Rule{
		Code: "CH-SERVICE-ENGAGEMENT", Severity: Error, Term: "BT-13", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text:     "the service %s of the recipient %r demands a commitment number (BT-13) and there is none",
		TextFR:   "le service %s du destinataire %r exige un numéro d'engagement (BT-13) et il n'y en a pas",
		Remedy:   "Write the number of the order or contract (engagement juridique) that the service gave you.",
		RemedyFR: "Renseignez le numéro d'engagement juridique (bon de commande, marché) communiqué par le service.",
	}, func(r Recipient) bool {
		return r.Service != "" && r.ServiceEngagement && r.Engagement == "" && !r.EngagementRequired
	}},
	{Rule{
		Code: "CH-SERVICE-OR-ENGAGEMENT", Severity: Error, Term: "BT-10", Source: "docs/chorus-pro.md §5.3", Weight: "S",
		Text:     "the recipient %r demands a service code (BT-10) or a commitment number (BT-13), and there is neither",
		TextFR:   "le destinataire %r exige un code service (BT-10) ou un numéro d'engagement (BT-13), et il n'y a ni l'un ni l'autre",
		Remedy:   "Write the one that the order names.",
		RemedyFR: "Renseignez celui qu'indique la commande.",
	}, func(r Recipient) bool {
		return r.EitherRequired && !r.named() && r.Engagement == "" && !r.ServiceRequired && !r.EngagementRequired
	}},
	{Rule{
		Code: "CH-ENGAGEMENT-UNKNOWN", Severity: Warning, Term: "BT-13", Source: "docs/chorus-pro.md §5.4: as OCA asks; that the portal refuses such an invoice is a guess", Weight: "G",
		Text: "Chorus Pro knows no commitment %e (BT-13) of the recipient %r", TextFR: "Chorus Pro ne connaît pas d'engagement %e (BT-13) du destinataire %r",
		Remedy:   "Compare the number with the order: a letter O for a zero, a space, the number of another body.",
		RemedyFR: "Comparez le numéro avec le bon de commande : un O pour un zéro, une espace, le numéro d'un autre organisme.",
	}, func(r Recipient) bool { return r.EngagementUnknown }},
}

// JudgeRecipient says what an invoice lacks that its recipient demands. Of one that Chorus Pro does not know, or that is not active, nothing else is said.
func JudgeRecipient(r Recipient, levels map[string]Severity) []Finding {
	var found []Finding
	for _, rule := range recipientRules {
		if !rule.broken(r) {
			continue
		}
		severity, set := levels[rule.Code]
		if !set {
			severity = rule.Severity
		}
		if severity != Off {
			found = append(found, rule.finding(r, severity))
		}
		if !r.Known || !r.Active {
			break
		}
	}
	return found
}

func (rule recipientRule) finding(r Recipient, severity Severity) Finding {
	name := r.SIRET
	if r.Name != "" {
		name += " (" + cut(r.Name) + ")"
	}
	fill := strings.NewReplacer("%r", name, "%s", cut(r.Service), "%e", cut(r.Engagement)).Replace
	f := Finding{
		Code: rule.Code, Severity: severity, Term: rule.Term,
		Message: fill(rule.Text), MessageFR: fill(rule.TextFR), Remedy: rule.Remedy, RemedyFR: rule.RemedyFR,
		Where: fmt.Sprintf("the directory of Chorus Pro, on %s", r.CheckedAt.Format(time.DateOnly)),
	}
	switch rule.Term {
	case "BT-47":
		f.Value = r.SIRET
	case "BT-10":
		f.Value = cut(r.Service)
	case "BT-13":
		f.Value = cut(r.Engagement)
	}
	return f
}
