package chorustest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/choriste/choriste/invoice"
)

const (
	maxFile    = 10 << 20  // one file, not compressed [C: API annex V5.00 through a third party]
	maxUnpack  = 120 << 20 // what an archive may hold
	maxInFlux  = 500       // AIFE advises no more invoices per flux
	maxLibelle = 200       // runes: where Chorus Pro cuts libelleErreurDP
)

// paiements are the values of BT-81 that Chorus Pro takes (docs/chorus-pro.md §11).
const paiements = " 01 10 20 30 31 42 48 49 58 59 97 "

// readFile reads a decoded fichierFlux: one document, or a tar.gz of several (as OCA sends them).
// It always returns at least one element; a file that cannot be read has a technical defect.
func readFile(file []byte) []*Facts {
	if !bytes.HasPrefix(file, []byte{0x1f, 0x8b}) {
		return []*Facts{readDocument(file)}
	}
	all, err := readArchive(file)
	if err != nil {
		return []*Facts{{Defect: "IRRECEVABILITE: archive illisible", DefectKind: refusedTechnical, SHA256: sum(file), Octets: int64(len(file))}}
	}
	return all
}

func readArchive(file []byte) ([]*Facts, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(io.LimitReader(unzip, maxUnpack))
	var all []*Facts
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		document, err := io.ReadAll(io.LimitReader(archive, maxFile+1))
		if err != nil {
			return nil, err
		}
		all = append(all, readDocument(document))
		if len(all) > maxInFlux {
			return nil, errors.New("too many documents")
		}
	}
}

// readDocument takes the facts out of a document and notes what is wrong with the document itself. What
// depends on the portal's own knowledge (structures, numbers already taken) is judged later.
func readDocument(b []byte) *Facts {
	f := &Facts{SHA256: sum(b), Octets: int64(len(b))}
	d, err := invoice.Read(b)
	if err != nil {
		f.Defect, f.DefectKind = "IRRECEVABILITE: le document ne peut pas être lu", refusedTechnical
		return f
	}
	f.Numero = d.Numero
	f.Type = typeFacture(d.Type)
	f.Fournisseur, f.Destinataire = d.FournisseurSIRET, d.DestinataireSIRET
	f.Siren = d.SIREN()
	if !d.Date.IsZero() {
		f.Date, f.Annee = d.Date.Format("2006-01-02"), d.Date.Year()
	}
	f.Service, f.Engagement, f.Cadre, f.Devise = d.CodeService, d.Engagement, d.Cadre, d.Devise
	f.Syntaxe = d.Syntaxe
	if d.MontantHT.Valid {
		f.HT = d.MontantHT.Decimal.StringFixed(2)
	}
	if d.MontantTTC.Valid {
		f.TTC = d.MontantTTC.Decimal.StringFixed(2)
	}
	if d.MontantAPayer.Valid {
		f.APayer = d.MontantAPayer.Decimal.StringFixed(2)
	}
	var messages []string
	for _, p := range d.Check() {
		messages = append(messages, p.MessageFR)
	}
	if f.Type != "AVOIR" && !strings.Contains(paiements, " "+d.Paiement+" ") {
		messages = append(messages, "Le mode de paiement (FichierXml…SpecifiedTradeSettlementPaymentMeans.TypeCode.value) est obligatoire.")
	}
	if f.Cadre == "" {
		f.Cadre = "A1"
	}
	if len(messages) > 0 {
		f.Defect, f.DefectKind = cut(strings.Join(messages, "|")), refusedRules
	}
	return f
}

// typeFacture translates BT-3 (UNTDID 1001) into the three kinds of the search.
func typeFacture(code string) string {
	switch code {
	case "81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532":
		return "AVOIR"
	case "386", "500":
		return "ACOMPTE"
	}
	return "FACTURE"
}

// cut shortens a text to the 200 characters that Chorus Pro keeps of the joined messages.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxLibelle {
		return text
	}
	return string([]rune(text)[:maxLibelle])
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
