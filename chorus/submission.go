package chorus

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The way for an invoice that is a PDF without XML (docs/chorus-pro.md §5.2a): the file is uploaded (deposer/pdf), which changes nothing that counts and may be repeated; then the invoice
// itself is submitted with its fields (soumettre), which has no idempotency key and is a deposit like any other: prepared, sent once, in doubt when its answer is lost.

// Submission is an invoice as fields. Texts that are "" are not sent; amounts are sent as they are written.
type Submission struct {
	Numero            string
	Date              time.Time // of the invoice, a civil date
	Avoir             bool      // a credit note
	IDFournisseur     int64     // idStructureCPP of the supplier
	Destinataire      string    // SIRET
	CodeService       string
	Cadre             string // A1, A2, A9 or A12
	Devise            string
	TypeTVA           string // TVA_SUR_DEBIT, TVA_SUR_ENCAISSEMENT, EXONERATION or SANS_TVA
	MotifExoneration  string
	NumeroMarche      string
	Engagement        string
	NumeroOrigine     string // of the invoice that a credit note is about
	ModePaiement      string // CHEQUE, PRELEVEMENT, VIREMENT, ESPECE, AUTRE or REPORT
	LignesTVA         []LigneTVA
	HT, TVA           decimal.NullDecimal
	TTC, APayer       decimal.Decimal
	Commentaire       string
	PieceJointe       int64 // of the PDF, as DeposerPDF gave it
	PieceJointeNommee string
	Complementaires   []PieceJointe // more files, as AjouterFichier gave them
}

// LigneTVA is the tax of one rate.
type LigneTVA struct {
	Taux      decimal.Decimal // percent
	Base, TVA decimal.Decimal
}

// cadres are the values of codeCadreFacturation.
var cadres = map[string]string{
	"A1": "A1_FACTURE_FOURNISSEUR", "A2": "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE", "A9": "A9_FACTURE_SOUSTRAITANT", "A12": "A12_FACTURE_COTRAITANT",
}

// DeposerPDF uploads the PDF of an invoice and returns its pieceJointeId. What the portal reads out of it is not used. Repeating it leaves one more file that nobody uses.
func (c *Client) DeposerPDF(ctx context.Context, lane Lane, f File) (int64, error) {
	if problem := f.validate(); problem != "" {
		return 0, before(ctx, opPDF.name, FaultDocument, problem, nil)
	}
	body, err := newFileBody("fichierFacture", f.Contenu, struct {
		Nom    string `json:"nomFichier"`
		Format string `json:"formatDepot"`
	}{f.Nom, "PDF_NON_SIGNE"})
	if err != nil {
		return 0, before(ctx, opPDF.name, FaultDocument, "request cannot be encoded", nil)
	}
	v, err := c.callWith(ctx, opPDF, lane, body)
	defer v.free()
	if err != nil {
		return 0, err
	}
	id, said := v.integer("pieceJointeId")
	if !said || id <= 0 {
		return 0, unusable(opPDF, v, "success without pieceJointeId")
	}
	return id, nil
}

// PrepareSubmission builds the request for one invoice, as Prepare does for a file.
func (c *Client) PrepareSubmission(ctx context.Context, s Submission) (*Deposit, error) {
	if problem := s.validate(); problem != "" {
		return nil, before(ctx, opSoumettre.name, FaultDocument, problem, nil)
	}
	body, err := json.Marshal(s.fields())
	if err != nil {
		return nil, before(ctx, opSoumettre.name, FaultDocument, "request cannot be encoded", nil)
	}
	return c.prepare(ctx, opSoumettre, bytesBody{bytes.NewReader(body)})
}

func (s Submission) validate() string {
	switch {
	case s.Numero == "":
		return "numeroFactureSaisi is missing"
	case s.Date.IsZero():
		return "dateFacture is missing"
	case s.IDFournisseur <= 0:
		return "idFournisseur is missing"
	case s.PieceJointe <= 0:
		return "pieceJointePrincipaleId is missing"
	case cadres[s.Cadre] == "":
		return "codeCadreFacturation is none that this route takes"
	}
	return ""
}

// fields is the body, in the portal's words. pieceJointePrincipale is a list, as clients in production send it; the Swagger has one object.
func (s Submission) fields() map[string]any {
	kind := "FACTURE"
	if s.Avoir {
		kind = "AVOIR"
	}
	amount := func(d decimal.Decimal) json.Number { return json.Number(d.String()) }
	total := map[string]any{"montantTtcTotal": amount(s.TTC), "montantAPayer": amount(s.APayer)}
	if s.HT.Valid {
		total["montantHtTotal"] = amount(s.HT.Decimal)
	}
	if s.TVA.Valid {
		total["montantTVA"] = amount(s.TVA.Decimal)
	}
	body := map[string]any{
		"modeDepot": "DEPOT_PDF_API", "numeroFactureSaisi": s.Numero, "dateFacture": s.Date.Format(time.DateOnly),
		"destinataire":       filled(map[string]string{"codeDestinataire": s.Destinataire, "codeServiceExecutant": s.CodeService}),
		"fournisseur":        map[string]any{"idFournisseur": s.IDFournisseur},
		"cadreDeFacturation": map[string]any{"codeCadreFacturation": cadres[s.Cadre]},
		"references": filled(map[string]string{
			"deviseFacture": s.Devise, "typeFacture": kind, "typeTva": s.TypeTVA, "motifExonerationTva": s.MotifExoneration, "numeroMarche": s.NumeroMarche,
			"numeroBonCommande": s.Engagement, "numeroFactureOrigine": s.NumeroOrigine, "modePaiement": s.ModePaiement,
		}),
		"montantTotal": total,
		"pieceJointePrincipale": []map[string]any{
			{"pieceJointePrincipaleId": s.PieceJointe, "pieceJointePrincipaleDesignation": s.PieceJointeNommee},
		},
	}
	var files []map[string]any
	for _, p := range s.Complementaires {
		files = append(files, map[string]any{"pieceJointeComplementaireId": p.ID, "pieceJointeComplementaireDesignation": p.Designation})
	}
	if len(files) > 0 {
		body["pieceJointeComplementaire"] = files
	}
	if s.Commentaire != "" {
		body["commentaire"] = s.Commentaire
	}
	var lines []map[string]any
	for _, l := range s.LignesTVA {
		lines = append(lines, map[string]any{
			"ligneTvaTauxManuel": amount(l.Taux), "ligneTvaMontantBaseHtParTaux": amount(l.Base), "ligneTvaMontantTvaParTaux": amount(l.TVA),
		})
	}
	if len(lines) > 0 {
		body["ligneTva"] = lines
	}
	return body
}

// filled makes an object of texts by their names, and leaves out what is empty.
func filled(texts map[string]string) map[string]any {
	o := map[string]any{}
	for name, text := range texts {
		if strings.TrimSpace(text) != "" {
			o[name] = text
		}
	}
	return o
}
