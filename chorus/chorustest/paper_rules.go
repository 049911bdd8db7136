package chorustest

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
)

// The rules that make the portal refuse a document, whoever sends and receives it, and its way of wording: an element that is
// missing and one whose value is not taken are both "obligatoire", which is what makes these messages so hard to understand.

var (
	numeroForm = regexp.MustCompile(`^[A-Za-z0-9+_/-]([A-Za-z0-9 +_/-]{0,18}[A-Za-z0-9+_/-])?$`)
	cadreForm  = regexp.MustCompile(`^A([1-9]|1[0-9]|2[0-5])$`)
	siretForm  = regexp.MustCompile(`^[0-9]{14}$`)
	genreForm  = regexp.MustCompile(`^[0-9]{2,3}$`)
)

var (
	paiements  = strings.Fields("01 1 10 20 30 31 42 48 49 58 59 97") // of BT-81
	virements  = strings.Fields("30 31 42")                           // those that need an IBAN
	exonerated = strings.Fields("E AE K G O")                         // categories of VAT that need a reason
)

// judge lists the portal's messages about the document, in its order; facts are what was read. guessed are those of which it is only guessed that this
// channel has them.
func (p *paper) judge(f *Facts) (messages, guessed []string) {
	must := func(path string, fine bool) bool {
		if !fine {
			messages = append(messages, "L'element "+p.form.balise(path)+" est obligatoire.")
		}
		return fine
	}
	v := func(path string) string { return p.root.value(path) }
	raw := func(path string) string {
		if n := p.root.one(path); n != nil {
			return string(n.text)
		}
		return ""
	}
	must(p.form.numero, numeroForm.MatchString(raw(p.form.numero)))
	_, dated := p.date()
	must(p.form.date, dated)
	must(p.form.genre, genreForm.MatchString(v(p.form.genre)))
	if !must(p.form.devise, isCurrency(f.Devise)) {
		return messages, nil
	}
	if p.form.profil != "" {
		must(p.form.profil, v(p.form.profil) != "")
	}
	if !cadreForm.MatchString(f.Cadre) {
		messages = append(messages, fmt.Sprintf("La valeur de %s (%.20s) n'est pas autorisee.", p.form.balise(p.form.cadre), f.Cadre))
	}
	for _, x := range []struct {
		path string
		most int
	}{{p.form.engagement, 50}, {p.form.marche, 50}, {p.form.fournisseurNom, 99}, {p.form.destinataireNom, 99}, {p.form.notes, 1024}} {
		for _, n := range p.root.all(x.path) {
			if utf8.RuneCountInString(n.trimmed()) > x.most {
				guessed = append(guessed, "L'element "+p.form.balise(x.path)+" est obligatoire.")
			}
		}
	}
	if !siretForm.MatchString(p.fournisseur) {
		messages = append(messages, "L'identifiant fournisseur de la demande de paiement (balise : "+tag(p.form.fournisseurBalise)+") n'est pas reference dans notre systeme.")
	}
	if !siretForm.MatchString(p.destinataire) {
		messages = append(messages, "L'identifiant destinataire de la demande de paiement (balise : "+tag(p.form.destinataireName)+") n'est pas reference dans notre systeme.")
	}
	messages = append(messages, p.judgePayment(f)...)
	messages = append(messages, p.judgeMoney(f)...)
	return append(messages, p.judgePieces()...), guessed
}

func isCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && code == strings.ToUpper(code)
}

// judgePayment: an invoice says how it is to be paid, a credit note must not (OCA #414 and #612).
func (p *paper) judgePayment(f *Facts) (messages []string) {
	all := p.root.all(p.form.paiement)
	fine := f.Type == "AVOIR" && len(all) == 0 || f.Type != "AVOIR" && len(all) > 0
	transfer := false
	for _, n := range all {
		fine = fine && slices.Contains(paiements, n.trimmed())
		transfer = transfer || slices.Contains(virements, n.trimmed())
	}
	if !fine {
		messages = append(messages, "L'element "+p.form.balise(p.form.paiement)+" est obligatoire.")
	}
	if transfer && fine && p.root.value(p.form.iban) == "" && p.root.value(p.form.compte) == "" {
		messages = append(messages, "L'element ("+tag(p.form.iban)+") est obligatoire si le mode de paiement est un virement.")
	}
	return messages
}

// amount is a total in the invoice's currency.
func (p *paper) amount(path string) (decimal.Decimal, bool) {
	devise := p.root.value(p.form.devise)
	for _, n := range p.root.all(path) {
		if c := n.attr("currencyID"); c == "" || c == devise {
			d, err := decimal.NewFromString(n.trimmed())
			return d, err == nil
		}
	}
	return decimal.Decimal{}, false
}

// minimum tells that the document has no place for what was paid before.
func (p *paper) minimum() bool {
	return p.form.profil != "" && strings.HasSuffix(p.root.value(p.form.profil), ":minimum")
}

// judgeMoney adds up: lines, allowances and charges, VAT, what is to be paid. What the document does not have is not asked for, except the total.
func (p *paper) judgeMoney(f *Facts) (messages []string) {
	or0 := func(path string) decimal.Decimal { d, _ := p.amount(path); return d }
	wrong := func(what, path string) {
		messages = append(messages, "Le montant "+what+" ("+p.form.balise(path)+") est incorrect.")
	}
	ttc, there := p.amount(p.form.ttc)
	if !there {
		return []string{"L'element " + p.form.balise(p.form.ttc) + " est obligatoire."}
	}
	if len(p.root.all(p.form.tva)) > 0 {
		if _, own := p.amount(p.form.tva); !own {
			wrong("de la TVA", p.form.tva)
		}
	}
	ht, net := p.amount(p.form.ht)
	tva := or0(p.form.tva)
	if net && !ht.Add(tva).Equal(ttc) {
		messages = append(messages, fmt.Sprintf("Le montant TTC (%s) n'est pas égal à la somme du montant HT et de la TVA.", ttc.StringFixed(2)))
	}
	if due, said := p.amount(p.form.apayer); said && !p.minimum() && !ttc.Sub(or0(p.form.acomptes)).Add(or0(p.form.arrondi)).Equal(due) {
		wrong("à payer", p.form.apayer)
	}
	if lines, said := p.amount(p.form.lignes); said {
		if net && !lines.Sub(or0(p.form.remises)).Add(or0(p.form.charges)).Equal(ht) {
			wrong("HT", p.form.ht)
		}
		added, all := decimal.Decimal{}, p.root.all(p.form.ligne)
		for _, n := range all {
			d, err := decimal.NewFromString(n.value(p.form.ligneMontant))
			if err != nil {
				all = nil
				break
			}
			added = added.Add(d)
		}
		if len(all) > 0 && !added.Equal(lines) {
			wrong("total des lignes", p.form.lignes)
		}
	}
	return append(messages, p.judgeVAT(tva)...)
}

func (p *paper) judgeVAT(tva decimal.Decimal) (messages []string) {
	added, complete := decimal.Decimal{}, len(p.breakdown) > 0
	one := decimal.NewFromInt(1)
	for _, x := range p.breakdown {
		base, bad := decimal.NewFromString(x.base)
		amount, worse := decimal.NewFromString(x.amount)
		if bad != nil || worse != nil {
			complete = false
			continue
		}
		added = added.Add(amount)
		if rate, err := decimal.NewFromString(x.rate); err == nil && base.Mul(rate).Shift(-2).Sub(amount).Abs().GreaterThanOrEqual(one) {
			messages = append(messages, fmt.Sprintf("Le montant de TVA au taux %.10s est incorrect.", x.rate))
		}
		if slices.Contains(exonerated, x.category) && x.reason == "" {
			messages = append(messages, "Le motif d'exonération est obligatoire.")
		}
	}
	if complete && !added.Equal(tva) {
		messages = append(messages, "Le montant de la TVA ("+p.form.balise(p.form.tva)+") est incorrect.")
	}
	return messages
}

// judgePieces looks at the files within the document (docs/chorus-pro.md §6.1).
func (p *paper) judgePieces() (messages []string) {
	for _, n := range p.root.all(p.form.pieces) {
		name := n.attr("filename")
		content, err := decodeFile(n.text)
		switch extension := strings.ToUpper(strings.TrimPrefix(path.Ext(name), ".")); {
		case checkNom(name) != "" || !strings.Contains(extensions, " "+extension+" "):
			messages = append(messages, fmt.Sprintf("La pièce jointe %.60s est invalide : nom ou extension non autorisé.", name))
		case err != nil || len(content) == 0:
			messages = append(messages, fmt.Sprintf("La pièce jointe %.60s est vide ou illisible : contenu incorrect.", name))
		case len(content) >= maxFile:
			messages = append(messages, "La taille de la pièce jointe dépasse 10 Mo.")
		}
	}
	return messages
}

// decodeFile reads xs:base64Binary.
func decodeFile(text []byte) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(string(text)))
}
