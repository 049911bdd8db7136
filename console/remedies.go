package console

import (
	"context"
	"errors"
	"mime"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	reader "github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// Remedies on the page of an invoice: what choriste complete, recycle and replace do, by the same functions.

// remedy is one that a person may ask for.
type remedy struct {
	Name         string // in the address, as the command is called
	Label, About word
	Fields       []remedyField

	when func(invoice) bool
	// do returns the page that is led to.
	do func(ctx context.Context, c *console, v view, i store.Status, u upload) (to string, err error)
}

// remedyField is one of its form.
type remedyField struct {
	Name    string
	Label   word
	Most    int // characters
	Digits  int // as many, and nothing else; 0: any text
	Long    bool
	File    bool
	Several bool
	Needed  bool
	Accept  string
}

var commentField = remedyField{Name: "comment", Label: word{"What the recipient is told", "Message au destinataire"}, Most: 2000, Long: true}

var remedies = []remedy{
	{
		Name: "complete", Label: word{"Complete it", "La compléter"},
		About: word{
			"What the recipient asked for: a text, files, or both. Files have at most 10 MB together here (choriste complete takes more). It goes to Chorus Pro in a moment, and cannot be taken back.",
			"Ce que le destinataire a demandé : un texte, des fichiers, ou les deux. Les fichiers ont au plus 10 Mo ensemble ici (choriste complete en prend davantage). L'envoi à Chorus Pro suit dans un instant, sans retour possible.",
		},
		Fields: []remedyField{
			{Name: "file", Label: word{"Files", "Fichiers"}, File: true, Several: true},
			commentField,
		},
		when: func(p invoice) bool { return p.at("SUSPENDUE") && !p.underWay() },
		do: func(ctx context.Context, c *console, v view, i store.Status, u upload) (string, error) {
			comment, err := v.remedyText(u, "comment", commentField.Most)
			if err != nil {
				return "", err
			}
			if comment == "" && len(u.files) == 0 {
				return "", wrongInput(v.t("Complete it with what? Give a text, files, or both.", "La compléter avec quoi ? Donnez un texte, des fichiers, ou les deux."))
			}
			var files []store.Attachment
			for _, f := range u.files {
				if !utf8.ValidString(f.name) {
					return "", wrongInput(v.t("The name of a file is no text in UTF-8: rename it.", "Le nom d'un fichier n'est pas un texte UTF-8 : renommez-le."))
				}
				files = append(files, store.Attachment{Nom: f.name, Mime: mime.TypeByExtension(path.Ext(f.name)), Contenu: f.contents})
			}
			_, err = c.operator.CompleteInvoice(ctx, i.ID, comment, files)
			return invoiceAt(i.ID), err
		},
	},
	{
		Name: "recycle", Label: word{"Route it anew", "La réadresser"},
		About: word{
			"To the right recipient, service or commitment, under the same number; what is not given stays as it was. Chorus Pro is withdrawing this operation with the reform of 2026: where it is not offered any more, the refusal is kept, and the invoice is replaced.",
			"Au bon destinataire, service ou engagement, sous le même numéro ; ce qui n'est pas donné reste tel quel. Chorus Pro retire cette opération avec la réforme de 2026 : là où elle n'est plus proposée, le refus est gardé, et la facture est remplacée.",
		},
		Fields: []remedyField{
			{Name: "to", Label: word{"The right recipient (SIRET)", "Le bon destinataire (SIRET)"}, Most: 14, Digits: 14},
			{Name: "service", Label: word{"The right service code (BT-10)", "Le bon code service (BT-10)"}, Most: 100},
			{Name: "engagement", Label: word{"The right commitment number (BT-13)", "Le bon numéro d'engagement (BT-13)"}, Most: 50},
			commentField,
		},
		when: func(p invoice) bool { return p.at("A_RECYCLER") && !p.underWay() },
		do: func(ctx context.Context, c *console, v view, i store.Status, u upload) (string, error) {
			texts := map[string]string{}
			for name, most := range map[string]int{"to": 100, "service": 1000, "engagement": 1000, "comment": commentField.Most} { // the database knows what is too long for the portal
				var err error
				if texts[name], err = v.remedyText(u, name, most); err != nil {
					return "", err
				}
			}
			if texts["to"]+texts["service"]+texts["engagement"] == "" {
				return "", wrongInput(v.t("Route it where? Give a recipient, a service or a commitment.", "La réadresser où ? Donnez un destinataire, un service ou un engagement."))
			}
			_, err := c.operator.RecycleInvoice(ctx, i.ID, store.Routing{DestinataireSIRET: texts["to"], CodeService: texts["service"], Engagement: texts["engagement"]}, texts["comment"])
			return invoiceAt(i.ID), err
		},
	},
	{
		Name: "replace", Label: word{"Replace it", "La remplacer"},
		About: word{
			"By a new invoice with a new number, which is read, checked and sent as any other.",
			"Par une nouvelle facture, sous un nouveau numéro, qui est lue, vérifiée et envoyée comme toute autre.",
		},
		Fields: []remedyField{
			{Name: "file", Label: word{"The new invoice (UBL, CII or Factur-X)", "La nouvelle facture (UBL, CII ou Factur-X)"}, File: true, Needed: true, Accept: ".xml,.pdf"},
			{Name: "ref", Label: word{"external_ref, if the application wants one", "external_ref, si l'application en veut une"}, Most: 200},
		},
		when: func(p invoice) bool {
			return p.State == store.Rejected && p.IdentifiantFactureCPP != nil && !p.replaced
		},
		do: func(ctx context.Context, c *console, v view, i store.Status, u upload) (string, error) {
			ref, err := v.remedyText(u, "ref", 1000)
			if err != nil {
				return "", err
			}
			if len(u.files) != 1 {
				return "", wrongInput(v.t("Choose the file of the new invoice.", "Choisissez le fichier de la nouvelle facture."))
			}
			var wrong *reader.Problem
			if err := reader.Recognise(u.files[0].contents); errors.As(err, &wrong) {
				return "", wrongInput(v.t(wrong.Message, wrong.MessageFR))
			}
			id, err := operate.Insert(ctx, c.operator, store.Insertion{ExternalRef: ref, Account: i.Account, Document: u.files[0].contents, Replaces: i.ID})
			var taken *operate.RefTaken
			if errors.As(err, &taken) {
				return "", wrongInput(taken.Text(v.lang))
			}
			return invoiceAt(id), err
		},
	},
}

// at tells whether Chorus Pro holds the invoice in a status.
func (p invoice) at(statut string) bool {
	return p.State == store.Integrated && p.IdentifiantFactureCPP != nil && p.StatutCourant != nil && *p.StatutCourant == statut
}

// underWay tells whether a remedy has not ended yet.
func (p invoice) underWay() bool {
	return slices.ContainsFunc(p.Remedies, func(r store.RemedyView) bool { return r.State != store.RemedyDone && r.State != store.RemedyRefused })
}

// curesOf are the remedies that are possible for an invoice. What was taken off the list is put back first.
func curesOf(p invoice) (list []remedy) {
	for _, r := range remedies {
		if p.Dismissed == nil && r.when(p) {
			list = append(list, r)
		}
	}
	return list
}

func invoiceAt(id int64) string { return "/invoices/" + strconv.FormatInt(id, 10) }

// remedyText is a field of the form, without what stands around it.
func (v view) remedyText(u upload, name string, most int) (string, error) {
	text := strings.TrimSpace(strings.ReplaceAll(u.fields.Get(name), "\r\n", "\n"))
	if utf8.RuneCountInString(text) > most {
		return "", wrongInput(v.t("Nothing was done: a text is too long.", "Rien n'a été fait : un texte est trop long."))
	}
	return text, nil
}

// remedy asks for the one of a name, and leads back to the invoice, or to the new one.
func (c *console) remedy(name string) func(context.Context, view, upload) (content, error) {
	r := remedies[slices.IndexFunc(remedies, func(r remedy) bool { return r.Name == name })]
	return func(ctx context.Context, v view, u upload) (content, error) {
		i, err := c.actedOn(ctx, v)
		if err != nil {
			return content{}, err
		}
		if !seen(v.PostForm).Equal(i.UpdatedAt) {
			return content{}, wrongInput(v.t("Nothing was done: the invoice has changed since this page was shown. Look at it again.",
				"Rien n'a été fait : la facture a changé depuis l'affichage de cette page. Regardez-la de nouveau."))
		}
		to, err := r.do(ctx, c, v, i, u)
		if err != nil {
			return content{}, refusal(err)
		}
		return content{to: to}, nil
	}
}
