package chorus

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
)

// What a supplier may do about an invoice that waits for him: complete a suspended one, recycle one that went to the wrong place. These requests change
// something at the portal and have no idempotency key: OutcomeOf tells of their errors, too, what is known. Ambiguous may have been done; whoever wants
// to repeat it looks at the invoice's status first.

// Piece is a file to be attached to an invoice.
type Piece struct {
	Nom      string // with its extension
	TypeMime string
	Contenu  []byte
}

// MaxPiece is where the portal's limit for an attachment lies, in bytes (docs/chorus-pro.md §6.1).
const MaxPiece = 10 << 20

// maxNomPiece is the longest name of an attachment, with its extension (docs/chorus-pro.md §6.1).
const maxNomPiece = 50

// extensionsPiece are those that an attachment may have (docs/chorus-pro.md §6.1).
var extensionsPiece = strings.Fields(`BMP BZ2 CSV DOC DOCX FAX GIF GZ GZIP HTM HTML JPEG JPG ODP ODS ODT P7S PDF PNG PPS PPT PPTX RTF SVG TGZ TIF TIFF TXT
	XHTML XLC XLM XLS XLSX XML ZIP`)

// Extension is that of the piece's name, as the portal wants it.
func (p Piece) Extension() string { return strings.ToUpper(strings.TrimPrefix(path.Ext(p.Nom), ".")) }

// validate says what the portal would refuse; "" when nothing.
func (p Piece) validate() string {
	switch {
	case len([]rune(p.Nom)) > maxNomPiece:
		return "the attachment's name is longer than 50 characters"
	case !slices.Contains(extensionsPiece, p.Extension()):
		return "the attachment's extension is none that Chorus Pro takes"
	case len(p.Contenu) == 0:
		return "the attachment is empty"
	case len(p.Contenu) >= MaxPiece:
		return "the attachment has 10 MB or more"
	}
	return ""
}

// AjouterFichier uploads a file, which belongs to no invoice yet, and returns its pieceJointeId. Repeating it leaves one more file that nobody uses.
func (c *Client) AjouterFichier(ctx context.Context, lane Lane, p Piece) (int64, error) {
	if why := p.validate(); why != "" {
		return 0, before(ctx, opAjouter.name, FaultDocument, why, nil)
	}
	mime := p.TypeMime
	if mime == "" {
		mime = "application/octet-stream"
	}
	body, err := newFileBody("pieceJointeFichier", p.Contenu, struct {
		Nom       string `json:"pieceJointeNom"`
		TypeMime  string `json:"pieceJointeTypeMime"`
		Extension string `json:"pieceJointeExtension"`
	}{p.Nom, mime, p.Extension()})
	if err != nil {
		return 0, before(ctx, opAjouter.name, FaultDocument, "request cannot be encoded", nil)
	}
	v, err := c.callWith(ctx, opAjouter, lane, body)
	defer v.free()
	if err != nil {
		return 0, err
	}
	id, said := v.integer("pieceJointeId")
	if !said || id <= 0 {
		return 0, unusable(opAjouter, v, "success without pieceJointeId")
	}
	return id, nil
}

// PieceJointe names a file that was uploaded.
type PieceJointe struct {
	ID          int64
	Designation string
}

// Completement is what a suspended invoice is completed with.
type Completement struct {
	IdentifiantFactureCPP int64
	Pieces                []PieceJointe
	Commentaire           string
}

// Completer completes an invoice that its recipient has suspended (SUSPENDUE), and is refused for any other.
func (c *Client) Completer(ctx context.Context, lane Lane, in Completement) error {
	type piece struct {
		ID          int64  `json:"pieceJointeComplementaireId"`
		Designation string `json:"pieceJointeComplementaireDesignation,omitempty"`
	}
	body := struct {
		ID          int64   `json:"identifiantFactureCPP"`
		Pieces      []piece `json:"pieceJointeComplementaire,omitempty"`
		Commentaire string  `json:"commentaire,omitempty"`
	}{ID: in.IdentifiantFactureCPP, Commentaire: in.Commentaire}
	for _, p := range in.Pieces {
		body.Pieces = append(body.Pieces, piece(p))
	}
	v, err := c.call(ctx, opCompleter, lane, body)
	return done(opCompleter, v, err, in.IdentifiantFactureCPP)
}

// Recyclage is where an invoice is to go that went to the wrong place: number and document stay. An empty text is not sent.
type Recyclage struct {
	IdentifiantFactureCPP int64
	CodeDestinataire      string // SIRET
	CodeServiceExecutant  string
	NumeroBonCommande     string // the commitment (engagement)
	Commentaire           string
}

// Recycler routes an invoice anew that its recipient does not want (A_RECYCLER), and is refused for any other. The portal is withdrawing it
// (docs/chorus-pro.md §8).
func (c *Client) Recycler(ctx context.Context, lane Lane, in Recyclage) error {
	type destinataire struct {
		Code    string `json:"codeDestinataire,omitempty"`
		Service string `json:"codeServiceExecutant,omitempty"`
	}
	type reference struct {
		Engagement string `json:"numeroBonCommande"`
	}
	body := struct {
		ID           int64         `json:"identifiantFactureCPP"`
		Destinataire *destinataire `json:"destinataire,omitempty"`
		Reference    *reference    `json:"reference,omitempty"`
		Commentaire  string        `json:"commentaire,omitempty"`
	}{ID: in.IdentifiantFactureCPP, Commentaire: in.Commentaire}
	if in.CodeDestinataire != "" || in.CodeServiceExecutant != "" {
		body.Destinataire = &destinataire{in.CodeDestinataire, in.CodeServiceExecutant}
	}
	if in.NumeroBonCommande != "" {
		body.Reference = &reference{in.NumeroBonCommande}
	}
	v, err := c.call(ctx, opRecycler, lane, body)
	return done(opRecycler, v, err, in.IdentifiantFactureCPP)
}

// done holds a success against the invoice it should be about.
func done(op operation, v verdict, err error, asked int64) error {
	defer v.free()
	if err != nil {
		return err
	}
	if id, said := v.integer("identifiantFactureCPP"); !said || id != asked {
		return unusable(op, v, "success without this invoice's identifiantFactureCPP")
	}
	return nil
}

// Libelle is what the portal said in an error, in its own words; "" when it said nothing.
func Libelle(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Exchange.Libelle
	}
	return ""
}
