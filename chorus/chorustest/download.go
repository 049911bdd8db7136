package chorustest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"path"
	"strings"
)

// What can be fetched. Documents are not kept, only their facts: the files are made of those. Attachments are kept in memory as long as there is room.

const (
	maxKept       = 64 << 20 // bytes of attachments that can be fetched again; not in the ledger
	maxDownloaded = 500      // invoices at once
)

// POST factures/v1/telecharger/groupe: PDF and PIVOT of one invoice as it is, of several in a zip, as ZIP both [G].
func (s *Sim) telechargerGroupe(c *call) answer {
	format := c.body.text("format")
	if format == "" {
		format = "PDF"
	}
	list := c.body.list("listeFacture")
	switch {
	case !isOneOf(format, []string{"PDF", "PIVOT", "ZIP"}):
		c.why = "format is none of PDF, PIVOT, ZIP"
		return refusal(20002, "GDP_MSG_11.999 - Le format n'est pas connu.")
	case len(list) == 0 || len(list) > maxDownloaded:
		return refusal(20003, "GDP_MSG_11.999 - La liste des factures est vide ou trop longue.")
	}
	var all []*facture
	for _, x := range list {
		o := objectOf(x)
		id := o.integer("idFacture")
		f, sees := s.facture(id), func(f *facture) bool { return c.account.sees(f.supplier()) }
		if received := s.facture(id - onRecipientsSide); f == nil && received != nil {
			f, sees = received, func(f *facture) bool { return c.account.sees(f.recipient()) }
			if !received.telechargee() && sees(received) {
				s.record(Entry{Type: "telechargee", Request: c.id, Facture: received.number(), Facts: &Facts{Numero: received.facts().Numero}})
			}
		}
		if refused, is := s.unseen(f, func() bool { return sees(f) }); is {
			return refused
		}
		all = append(all, f)
	}
	var file bytes.Buffer
	if len(all) == 1 && format != "ZIP" {
		file.Write(s.rendered(all[0], format))
	} else {
		z := zip.NewWriter(&file)
		for _, f := range all {
			for _, x := range []string{"PDF", "PIVOT"} {
				if format != x && format != "ZIP" {
					continue
				}
				name := strings.ReplaceAll(f.facts().Numero, "/", "-") + map[string]string{"PDF": ".pdf", "PIVOT": ".xml"}[x]
				if w, err := z.Create(fmt.Sprintf("%d_%s", f.number(), name)); err == nil {
					_, _ = w.Write(s.rendered(f, x)) // into memory
				}
			}
		}
		_ = z.Close()
	}
	return ok(object{"fichierResultat": base64.StdEncoding.EncodeToString(file.Bytes())})
}

// rendered is an invoice's facts as a page, or as an XML of the simulator's own [G: the pivot format is not documented here].
func (s *Sim) rendered(f *facture, format string) []byte {
	if format == "PIVOT" {
		out, _ := xml.MarshalIndent(struct {
			XMLName xml.Name `xml:"Facture"`
			Facts   *Facts
			Statut  string
			ID      int64 `xml:"IdentifiantFactureCPP"`
		}{Facts: f.facts(), Statut: f.current(), ID: f.number()}, "", " ")
		return append([]byte(xml.Header), out...)
	}
	return onePage([]string{
		"Facture " + f.facts().Numero, "Date " + f.facts().Date, "Fournisseur " + f.supplier(), "Destinataire " + f.recipient(), "TTC " + f.facts().TTC + " " + f.facts().Devise,
		"Statut " + f.current(), "chorus-sim",
	})
}

// onePage is a PDF of some lines.
func onePage(lines []string) []byte {
	var text strings.Builder
	text.WriteString("BT /F1 12 Tf 60 780 Td 18 TL\n")
	for _, line := range lines {
		fmt.Fprintf(&text, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(line))
	}
	text.WriteString("ET")
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", text.Len(), text.String()), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
	return b.Bytes()
}

// keep remembers what an attachment holds, while there is room.
func (s *Sim) keep(id int64, name string, file []byte) {
	if s.keptBytes+len(file) <= maxKept {
		s.kept[id], s.keptBytes = keptPiece{name, file}, s.keptBytes+len(file)
	}
}

type keptPiece struct {
	name string
	file []byte
}

// POST transverses/v1/telecharger/pieceJointe
func (s *Sim) telechargerPieceJointe(c *call) answer {
	id := c.body.integer("pieceJointeId")
	p, there := s.kept[id]
	switch {
	case there:
		return ok(object{
			"pieceJointeFichier": base64.StdEncoding.EncodeToString(p.file), "pieceJointeNom": p.name,
			"pieceJointeExtension": strings.ToUpper(strings.TrimPrefix(path.Ext(p.name), ".")),
		})
	case s.pieces[id] != piece{}:
		c.why = "this attachment was taken before a restart, or beyond 64 MB of them: chorus-sim has not kept its bytes"
	}
	return refusal(20000, "TRA_MSG_00.999 - La pièce jointe n'existe pas.")
}

// POST transverses/v1/detacherPieceJointe
func (s *Sim) detacherPieceJointe(c *call) answer {
	id := c.body.integer("pieceJointeId")
	if s.pieces[id] == (piece{}) {
		return refusal(20000, "TRA_MSG_00.999 - La pièce jointe n'existe pas.")
	}
	s.record(Entry{Type: "detached", Request: c.id, Piece: id})
	return written(object{})
}
