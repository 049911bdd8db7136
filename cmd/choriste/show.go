package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// mostShown is how many findings show prints.
const mostShown = 20

// showWords are the labels of show in French. Names of columns and Chorus Pro's own words are the same.
var showWords = map[string]string{
	"invoice": "facture", "state": "état", "reason": "motif", "taken off the list": "retirée de la liste", "number (BT-1)": "numéro (BT-1)", "supplier": "fournisseur",
	"recipient": "destinataire", "amount": "montant", "deposited": "déposée", "status at Chorus Pro": "statut Chorus Pro", "since": "depuis", "comment": "commentaire", "replaces": "remplace",
	"replaced by": "remplacée par", "inserted": "insérée", "last change": "dernier changement", "attachment": "pièce jointe", "older history": "historique ancien", "complete": "complément", "recycle": "recyclage",
}

type showCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id int64
}

func (c showCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	i, attempts, err := st.Show(a.ctx, c.id)
	if err != nil {
		return err
	}
	remedies, replaces, replacedBy, err := st.Remedies(a.ctx, c.id)
	if err != nil {
		return err
	}
	attached, err := st.Attachments(a.ctx, c.id)
	if err != nil {
		return err
	}
	found, err := st.RuleFindings(a.ctx, c.id)
	if err != nil {
		return err
	}
	dismissed, err := operate.Dismissed(a.ctx, st, c.id)
	if err != nil {
		return err
	}
	archives, err := st.ArchivesOf(a.ctx, c.id)
	if err != nil {
		return err
	}
	help := answers.For(i.ReasonCode, i.Reason, i.StatutCourant, i.StatutCommentaire)
	if a.json {
		return a.print(struct {
			store.Status
			Findings   []store.RuleFinding `json:"findings"`
			Help       []answers.Help      `json:"help"`
			Replaces   int64               `json:"replaces,omitempty"`
			ReplacedBy int64               `json:"replaced_by,omitempty"`
			Requests   []store.AttemptView `json:"requests"`
			Remedies   []store.RemedyView  `json:"remedies"`

			Attachments []store.AttachmentView `json:"attachments,omitempty"`
			Dismissed   *operate.TakenOff      `json:"dismissed,omitempty"`
			Archives    []store.Archive        `json:"archives,omitempty"` // that hold a part of its history
		}{i, found, help, replaces, replacedBy, attempts, remedies, attached, dismissed, archives})
	}
	w := visible.NewTable(a.out)
	line := func(label, text string) {
		if text == "" {
			return
		}
		if fr := showWords[label]; fr != "" && a.lang == "fr" {
			label = fr
		}
		w.Printf("%s\t%s\n", label, text)
	}
	line("invoice", fmt.Sprintf(a.either("%d (%s, account %s)", "%d (%s, compte %s)"), i.ID, i.ExternalRef, i.Account))
	line("state", string(i.State))
	if i.State == store.Invalid && len(found) > 0 {
		line("reason", or(i.ReasonCode, "")) // the findings below say more, in either language
	} else {
		line("reason", reason(i, 0))
	}
	if dismissed != nil {
		line("taken off the list", fmt.Sprintf(a.either("%s by %s: %s", "%s par %s : %s"), stamp(dismissed.At), dismissed.Actor, dismissed.Reason))
	}
	line("number (BT-1)", or(i.NumeroFacture, ""))
	if i.DateFacture != nil {
		line("date (BT-2)", i.DateFacture.String())
	}
	line("supplier", or(i.FournisseurSIRET, ""))
	line("recipient", or(i.DestinataireSIRET, ""))
	line("amount", amount(i))
	line("flux", or(i.NumeroFluxDepot, ""))
	if i.DateDepot != nil {
		line("deposited", i.DateDepot.String())
	}
	if i.IdentifiantFactureCPP != nil {
		line("identifiantFactureCPP", fmt.Sprint(*i.IdentifiantFactureCPP))
	}
	line("status at Chorus Pro", or(i.StatutCourant, ""))
	if i.StatutCourantDate != nil {
		line("since", stamp(*i.StatutCourantDate))
	}
	line("comment", or(i.StatutCommentaire, ""))
	if i.PurgedAt != nil {
		line("document", fmt.Sprintf(a.either("purged %s; its hash and history stay", "supprimé %s ; son empreinte et son historique restent"), stamp(*i.PurgedAt)))
	}
	for _, h := range help {
		means, do := explainLines(a.lang, h)
		line(h.Code, means)
		line("", do)
	}
	for _, f := range found[:min(len(found), mostShown)] {
		message, remedy := f.Message, f.Remedy
		if a.lang == "fr" {
			message, remedy = f.MessageFR, f.RemedyFR
		}
		var head string // what the message does not say itself
		if !strings.Contains(message, f.Term) {
			head = f.Term
		}
		if v := strconv.Quote(f.Value); f.Value != "" && !strings.Contains(message, v) {
			head = strings.TrimSpace(head + " " + v)
		}
		line(checkWords[a.lang][f.Severity]+" "+f.Code, strings.TrimPrefix(head+": "+message, ": "))
		line("", rules.Place(f.Where, a.lang))
		line("", "→ "+remedy)
	}
	if more := i.Findings - min(len(found), mostShown); more > 0 {
		line("", fmt.Sprintf(map[string]string{"en": "and %d more (--json)", "fr": "et %d autres (--json)"}[a.lang], more))
	}
	if replaces != 0 {
		line("replaces", fmt.Sprintf(a.either("invoice %d", "facture %d"), replaces))
	}
	if replacedBy != 0 {
		line("replaced by", fmt.Sprintf(a.either("invoice %d", "facture %d"), replacedBy))
	}
	for _, x := range archives {
		line("older history", fmt.Sprintf(a.either("of %s, is in the archive %s (choriste partition attach)", "de %s, est dans l'archive %s (choriste partition attach)"), monthOf(x.Month), x.File))
	}
	line("inserted", stamp(i.CreatedAt))
	line("last change", stamp(i.UpdatedAt))
	for _, t := range attempts {
		line(fmt.Sprintf(a.either("attempt %d", "tentative %d"), t.N), fmt.Sprintf("%s  %s  %s  %s", stamp(t.ClaimedAt), or(t.Outcome, a.either("no answer yet", "pas encore de réponse")), t.NomFichier, t.Evidence))
	}
	for _, r := range remedies {
		line(string(r.Kind), fmt.Sprintf("%s  %s  %s", stamp(r.RequestedAt), r.State, or(r.Reason, "")))
	}
	for _, f := range attached {
		goes := a.either("goes when the recipient suspends the invoice", "part quand le destinataire suspend la facture")
		switch {
		case f.Goes == "submission":
			goes = a.either("goes with the invoice", "part avec la facture")
		case f.RemedyID != nil:
			goes = a.either("is in a completion", "est dans un complément")
		}
		line("attachment", fmt.Sprintf(a.either("%s  %d bytes  %s", "%s  %d octets  %s"), f.Nom, f.Octets, goes))
	}
	return w.Flush()
}
