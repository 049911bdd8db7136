package answers_test

import (
	"slices"
	"testing"

	"github.com/choriste/choriste/chorus/answers"
)

func ptr(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// What a row says is explained in the order in which it is read; what nobody knows is said to be so.
func TestFor(t *testing.T) {
	for _, c := range []struct {
		reasonCode, reason, statut, comment string
		want                                []string
	}{
		{"", "", "", "", nil},
		{"FLUX_REJECTED", "L'engagement juridique (….BuyerReference.value) est obligatoire. | Un texte nouveau", "", "", []string{"reason FLUX_REJECTED", "error SERVICE_CODE_MISSING", "error UNCLASSIFIED"}},
		{"REFUSED", "GDP_MSG_11.022 - Le fichier dépasse la taille maximale autorisée.", "", "", []string{"reason REFUSED", "error FILE_TOO_LARGE", "codeRetour 20001 GDP_MSG_11.022"}},
		{"RECIPIENT", "MONTANT_ERR - Montant de la facture erroné", "REJETEE", "MONTANT_ERR - Montant de la facture erroné", []string{"reason RECIPIENT", "statut REJETEE", "motif MONTANT_ERR"}},
		{"RECIPIENT", "Prestation contestée", "REJETEE", "", []string{"reason RECIPIENT", "statut REJETEE"}},
		{"", "", "SUSPENDUE", "JUSTIF_ABS : bon de livraison", []string{"statut SUSPENDUE", "motif JUSTIF_ABS"}},
		{"", "", "STATUT_FUTUR", "", []string{"statut UNCLASSIFIED"}},
		{"STATUT", "", "DEPOSEE", "", []string{"statut DEPOSEE"}},                          // an event
		{"OPERATOR", "MONTANT_ERR typed by a person", "", "", []string{"reason OPERATOR"}}, // not the recipient's words
	} {
		var got []string
		for _, h := range answers.For(ptr(c.reasonCode), ptr(c.reason), ptr(c.statut), ptr(c.comment)) {
			got = append(got, string(h.Kind)+" "+h.Code)
			if h.Text == "" || h.TextFR == "" || h.Remedy == "" || h.RemedyFR == "" || h.Who == "" || h.Retry == "" {
				t.Errorf("%s has no words: %+v", h.Code, h)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s %s %s\n got %q\nwant %q", c.reasonCode, c.reason, c.statut, c.comment, got, c.want)
		}
	}
}

func TestNotKnown(t *testing.T) {
	for _, c := range []struct {
		kind answers.Kind
		said string
		want []string
	}{
		{answers.Error, "L'element (CreditNote.DocumentCurrencyCode.value) est obligatoire|Un texte nouveau|Un autre", []string{"Un texte nouveau", "Un autre"}},
		{answers.Error, "Chorus Pro rejected the flux without saying why", nil},
		{answers.Motive, "MOTIF_NOUVEAU : texte", []string{"MOTIF_NOUVEAU : texte"}},
		{answers.Motive, "MONTANT_ERR", nil},
		{answers.Motive, "Prestation non conforme", nil},
		{answers.Motive, "BON DE COMMANDE manquant", nil},
		{answers.Return, "20001 GDP_MSG_11.022", nil},
		{answers.Return, "20299 GDP_MSG_99.999", []string{"20299 GDP_MSG_99.999"}},
		{answers.Return, "20299", []string{"20299"}},
		{answers.Flux, "IN_REJETE", nil},
		{answers.Flux, "IN_FUTUR", []string{"IN_FUTUR"}},
		{answers.Statut, "SUSPENDUE", nil},
		{answers.Statut, "IN_REJETE", []string{"IN_REJETE"}}, // known as something else
	} {
		if got := answers.NotKnown(c.kind, c.said); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q, want %q", c.kind, c.said, got, c.want)
		}
	}
}
