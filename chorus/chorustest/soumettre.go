package chorustest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The way for an invoice that is a PDF without XML (docs/chorus-pro.md §5.2a): the file is uploaded, and the invoice is then submitted with fields beside it. Unlike a flux
// it is judged at once, and has no flux number.

// modePDF is the only way of submitting that keeps the supplier's own number.
const modePDF = "DEPOT_PDF_API"

// POST factures/v1/deposer/pdf: the file becomes an attachment, and belongs to no invoice yet. Nothing is read out of it here: real answers have null as well.
func (s *Sim) deposerPDF(c *call) answer {
	file, err := base64.StdEncoding.DecodeString(c.body.text("fichierFacture"))
	reason := checkNom(c.body.text("nomFichier"))
	switch {
	case err != nil:
		reason = "fichierFacture is not base64"
	case !bytes.HasPrefix(file, []byte("%PDF-")):
		reason = "fichierFacture is not a PDF"
	}
	if reason != "" {
		s.violateLocked(c, reason)
		return refusal(20002, "GDP_MSG_11.999 - Le fichier est vide ou illisible.")
	}
	if len(file) > maxFile {
		return plain(413)
	}
	id := max(firstPiece, s.lastPiece) + 1
	s.record(Entry{Type: "piece", Request: c.id, Piece: id, Bytes: int64(len(file)), FileSHA256: sum(file), NomFichier: c.body.text("nomFichier")})
	s.keep(id, c.body.text("nomFichier"), file)
	a := ok(object{"pieceJointeId": id})
	for _, name := range []string{
		"numeroFacture", "dateFacture", "codeDestinataire", "codeServiceExecutant", "codeFournisseur", "codeDeviseFacture", "typeFacture", "typeTva",
		"numeroBonCommande", "montantTtcAvantRemiseGlobalTTC", "montantAPayer", "montantHtTotal", "montantTVA",
	} {
		a.body[name] = nil
	}
	return a
}

// POST factures/v1/soumettre: judged at once. The texts of its refusals are not known [G].
func (s *Sim) soumettre(c *call) answer {
	f, refused := s.submission(c)
	if refused != "" {
		return refusal(20010, "GDP_MSG_11.999 - "+refused)
	}
	t := Entry{Request: c.id, Op: c.op.name, Client: c.client, Account: c.login, Documents: []*Facts{f}}
	now := s.now()
	if c.fault != nil {
		if late := c.fault.landing(s, c.id); late > 0 {
			at := now.Add(late)
			t.Type, t.Due, t.At = "scheduled", &at, now
			s.record(t)
			return answer{}
		}
	}
	id := s.submit(t, now)
	if id == 0 {
		return refusal(20020, "GDP_MSG_11.999 - "+TexteDoublon)
	}
	a := ok(object{
		"identifiantFactureCPP": id, "numeroFacture": f.Numero, "statutFacture": "DEPOSEE", "dateDepot": dayOf(now),
		"identifiantStructure": f.Fournisseur, "empreinteCertificatDepot": nil,
	})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// submit takes the invoice in and returns its number; 0 when its key is taken.
func (s *Sim) submit(t Entry, at time.Time) int64 {
	f := t.Documents[0]
	e := Entry{At: at, Type: "submitted", Request: t.Request, Client: t.Client, Account: t.Account, Facts: f, Key: f.key()}
	if s.isTaken(f.key()) && !s.cfg.AcceptDuplicates {
		e.RefusedAs = refusedDuplicate
		s.record(e)
		return 0
	}
	e.Facture = s.nextFacture + 1
	search := at.Add(between(s.draw("depot", t.Request), s.cfg.Visibility)).Truncate(time.Microsecond)
	if lagged := s.lagged(e.Facture, 0, at); lagged != nil && lagged.After(search) {
		search = *lagged
	}
	e.SearchAt = &search
	s.record(e)
	return e.Facture
}

// applySubmitted changes the state by a line "submitted".
func (s *Sim) applySubmitted(e *Entry, at int64) {
	delete(s.landings, e.Request)
	if e.RefusedAs != "" {
		return
	}
	s.register(e.Facts)
	n := s.addAlone(e, at)
	s.documents.at(n).is.set(isSubmitted, true)
	s.addFacture(e, n)
}

// submission reads the invoice that a request submits; refused says why it cannot be taken in.
func (s *Sim) submission(c *call) (f *Facts, refused string) {
	in := c.body
	if in.text("modeDepot") != modePDF {
		return nil, "Le mode de dépôt n'est pas simulé."
	}
	to, from, ref, total := in.object("destinataire"), in.object("fournisseur"), in.object("references"), in.object("montantTotal")
	f = &Facts{
		Numero: in.text("numeroFactureSaisi"), Type: ref.text("typeFacture"), Destinataire: to.text("codeDestinataire"), Service: to.text("codeServiceExecutant"),
		Engagement: ref.text("numeroBonCommande"), Devise: ref.text("deviseFacture"), Mode: modePDF, Syntaxe: "",
	}
	f.Cadre, _, _ = strings.Cut(in.object("cadreDeFacturation").text("codeCadreFacturation"), "_")
	supplier := s.structuresByID[from.integer("idFournisseur")]
	date, _, ok := parseDate(in.text("dateFacture"))
	switch {
	case supplier == nil || !c.account.sees(supplier.SIRET):
		return nil, "Le fournisseur n'existe pas ou n'est pas rattaché à l'utilisateur."
	case !numeroForm.MatchString(f.Numero):
		return nil, "Le numéro de facture est obligatoire et limité à 20 caractères."
	case !ok:
		return nil, "La date de la facture est obligatoire."
	case date.After(s.now().AddDate(0, 0, 1)) && !s.cfg.AcceptFutureDates && !s.cfg.Tolerant:
		return nil, "La date de facture est postérieure à la date de dépôt."
	case !isCurrency(f.Devise):
		return nil, "La devise est incorrecte."
	case ref.text("typeTva") == "EXONERATION" && ref.text("motifExonerationTva") == "":
		return nil, "Le motif d'exonération est obligatoire."
	}
	f.Fournisseur, f.Siren, f.Date, f.Annee = supplier.SIRET, supplier.SIRET[:9], date.Format(time.DateOnly), date.Year()
	amounts := map[string]*big.Rat{}
	for _, name := range []string{"montantHtTotal", "montantTVA", "montantTtcTotal", "montantAPayer"} {
		if n, is := total[name].(json.Number); is {
			if r, ok := new(big.Rat).SetString(n.String()); ok {
				amounts[name] = r
			}
		}
	}
	ht, tva, ttc := amounts["montantHtTotal"], amounts["montantTVA"], amounts["montantTtcTotal"]
	if ttc == nil || amounts["montantAPayer"] == nil {
		return nil, "Les montants TTC et à payer sont obligatoires."
	}
	if ht != nil && tva != nil && new(big.Rat).Add(ht, tva).Cmp(ttc) != 0 {
		return nil, "Le montant TTC n'est pas la somme du montant HT et de la TVA."
	}
	if ht != nil {
		f.HT = ht.FloatString(2)
	}
	f.TTC, f.APayer = ttc.FloatString(2), amounts["montantAPayer"].FloatString(2)
	principal := in.object("pieceJointePrincipale")
	if pieces := in.list("pieceJointePrincipale"); len(pieces) == 1 {
		o, _ := pieces[0].(map[string]any)
		principal = o
	}
	file, there := s.pieces[principal.integer("pieceJointePrincipaleId")]
	if !there {
		return nil, fmt.Sprintf("La pièce jointe %d n'existe pas.", principal.integer("pieceJointePrincipaleId"))
	}
	f.SHA256, f.Octets = file.sha256, file.octets
	for _, x := range in.list("pieceJointeComplementaire") {
		id := objectOf(x).integer("pieceJointeComplementaireId")
		more, there := s.pieces[id]
		if !there {
			return nil, fmt.Sprintf("La pièce jointe %d n'existe pas.", id)
		}
		f.Pieces = append(f.Pieces, more.sha256)
	}
	if reason := s.judgeStructures(f); reason != "" {
		return nil, reason
	}
	return f, ""
}

// piece is a file that was uploaded.
type piece struct {
	sha256 string
	octets int64
}
