package chorustest

import (
	"encoding/base64"
	"path"
	"strings"
)

// extensions that an attachment may have (docs/chorus-pro.md §6.1).
const extensions = " BMP BZ2 CSV DOC DOCX FAX GIF GZ GZIP HTM HTML JPEG JPG ODP ODS ODT P7S PDF PNG PPS PPT PPTX RTF SVG TGZ TIF TIFF TXT XHTML XLC XLM XLS XLSX XML ZIP "

const firstPiece = 55120043

// POST transverses/v1/ajouter/fichier
func (s *Sim) ajouterFichier(c *call) answer {
	file, err := base64.StdEncoding.DecodeString(c.body.text("pieceJointeFichier"))
	nom, extension := c.body.text("pieceJointeNom"), strings.ToUpper(c.body.text("pieceJointeExtension"))
	reason := checkNom(nom)
	switch {
	case err != nil:
		reason = "pieceJointeFichier is not base64"
	case len(file) == 0:
		reason = "pieceJointeFichier is empty"
	case !strings.Contains(extensions, " "+extension+" "):
		reason = "pieceJointeExtension is not allowed: " + extension
	case reason == "" && !strings.EqualFold(path.Ext(nom), "."+extension):
		reason = "pieceJointeNom and pieceJointeExtension disagree"
	}
	if reason != "" {
		s.violateLocked(c, reason)
		return refusal(20002, "TRA_MSG_00.999 - La pièce jointe est invalide.")
	}
	if len(file) > maxFile {
		return refusal(20003, "La taille du fichier dépasse 10 Mo.")
	}
	id := max(firstPiece, s.lastPiece) + 1
	s.record(Entry{Type: "piece", Request: c.id, Piece: id, Bytes: int64(len(file)), FileSHA256: sum(file)})
	s.keep(id, nom, file)
	a := ok(object{"pieceJointeId": id})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// POST factures/v1/completer: for a suspended invoice, and only then.
func (s *Sim) completer(c *call) answer {
	f, refused, is := s.remediable(c, "SUSPENDUE", 20002, "GDP_MSG_11.033 - La facture n'est pas au statut « Suspendue ».")
	if is {
		return refused
	}
	for _, x := range c.body.list("pieceJointeComplementaire") {
		o, _ := x.(map[string]any)
		if id := object(o).integer("pieceJointeComplementaireId"); s.pieces[id] == (piece{}) {
			return refusal(20003, "GDP_MSG_11.999 - La pièce jointe n'existe pas.")
		}
	}
	now := s.now()
	s.moveTo(f, Move{"COMPLETEE", c.body.text("commentaire")}, now)
	a := ok(object{"identifiantFactureCPP": f.number(), "numeroFacture": f.facts().Numero, "dateTraitement": dayOf(now)})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// POST factures/v1/recycler: for an invoice to be sent to another recipient, service or commitment.
func (s *Sim) recycler(c *call) answer {
	f, refused, is := s.remediable(c, "A_RECYCLER", 20004, "GDP_MSG_11.001 - L'état de la facture ne permet pas cette action.")
	if is {
		return refused
	}
	facts := *f.facts()
	to, reference := c.body.object("destinataire"), c.body.object("reference")
	if siret := to.text("codeDestinataire"); siret != "" && siret != facts.Destinataire {
		facts.Destinataire, facts.Service = siret, ""
	}
	if to.has("codeServiceExecutant") {
		facts.Service = to.text("codeServiceExecutant")
	}
	if reference.has("numeroBonCommande") {
		facts.Engagement = reference.text("numeroBonCommande")
	}
	if reason := s.judgeStructures(&facts); reason != "" {
		return refusal(20005, "GDP_MSG_11.999 - "+reason)
	}
	now := s.now()
	s.record(
		Entry{At: now, Type: "recycled", Facture: f.number(), Facts: &facts},
		Entry{At: now, Type: "statut", Facture: f.number(), Facts: &Facts{Numero: f.facts().Numero}, Statut: "DEPOSEE", Commentaire: c.body.text("commentaire")},
	)
	a := ok(object{"identifiantFactureCPP": f.number(), "numeroFacture": f.facts().Numero, "statutFacture": "DEPOSEE", "dateDepot": dayOf(now)})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// remediable finds the invoice of a remedy; is tells that it is refused.
func (s *Sim) remediable(c *call, statut string, code int, libelle string) (f *facture, refused answer, is bool) {
	f = s.facture(c.body.integer("identifiantFactureCPP"))
	switch {
	case f == nil:
		return nil, refusal(20000, "GDP_MSG_11.008 - La facture n'existe pas."), true
	case !c.account.sees(f.supplier()):
		return nil, refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité."), true
	case f.current() != statut:
		return nil, refusal(code, libelle), true
	}
	return f, answer{}, false
}

// GET transverses/v1/health-check
func (s *Sim) healthCheck(*call) answer {
	return answer{status: 200, body: object{
		"statusCodeValue": 200, "statusCode": "OK", "body": "L'API CPRO est actuellement disponible et fonctionnel.",
	}}
}
