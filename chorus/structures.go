package chorus

import "context"

// Structure is a supplier structure on whose behalf the technical account may act.
type Structure struct {
	IDStructureCPP       int64
	Identifiant          string // SIRET
	DesignationStructure string
}

// StructureDetail is what the portal says of one structure: what a recipient demands of an invoice and, for the own
// structure, when the technical account's password expires.
type StructureDetail struct {
	IDStructureCPP           int64
	IdentifiantStructure     string // SIRET
	TypeIdentifiantStructure string
	RaisonSocialeStructure   string
	NumeroTVA                string

	CodeServiceDoitEtreRenseigne       bool // a service code is required
	NumeroEJDoitEtreRenseigne          bool // a commitment number is required
	GestionNumeroEJOuCodeService       bool // at least one of the two is
	StatutMiseEnPaiementNestPasRemonte bool // MISE_EN_PAIEMENT will never come: do not wait for it
	EstMoaUniquement                   bool

	// DateExpirationMotPasseCompteTech: the password lasts 424 days, docs/chorus-pro.md §3.6.
	DateExpirationMotPasseCompteTech Date
	Exchange                         Exchange
}

// Health asks whether the portal is there for this account; it proves token and account, too.
func (c *Client) Health(ctx context.Context) error {
	v, err := c.call(ctx, opHealth, LaneSubmit, nil)
	v.free()
	return err
}

// Structures lists the supplier structures of the technical account.
func (c *Client) Structures(ctx context.Context, lane Lane) ([]Structure, error) {
	v, err := c.call(ctx, opStructures, lane, struct{}{})
	defer v.free()
	if err != nil {
		return nil, err
	}
	var structures []Structure
	err = v.each("listeStructures", func(o object) {
		structures = append(structures, Structure{
			IDStructureCPP:       o.id("idStructureCPP"),
			Identifiant:          o.siret("identifiant"),
			DesignationStructure: o.text("designationStructure"),
		})
	})
	if err != nil {
		return nil, unusable(opStructures, v, "listeStructures is not a list of structures: "+err.Error())
	}
	return structures, nil
}

// Structure asks for one structure by its idStructureCPP.
func (c *Client) Structure(ctx context.Context, lane Lane, idStructureCPP int64) (StructureDetail, error) {
	v, err := c.call(ctx, opStructure, lane, struct {
		ID     int64  `json:"idStructureCPP"`
		Langue string `json:"codeLangue"`
	}{idStructureCPP, "fr"})
	defer v.free()
	if err != nil {
		return StructureDetail{}, err
	}
	demands, general := v.child("parametres"), v.child("informationGenerales")
	if len(demands.fields) == 0 && len(general.fields) == 0 {
		return StructureDetail{}, unusable(opStructure, v, "a structure without content")
	}
	id := general.id("idStructureCPP")
	if id == 0 {
		id = idStructureCPP
	}
	if id != idStructureCPP {
		return StructureDetail{}, unusable(opStructure, v, "another structure than the one asked for")
	}
	return StructureDetail{
		IDStructureCPP:           id,
		IdentifiantStructure:     general.siret("identifiantStructure"),
		TypeIdentifiantStructure: general.text("typeIdentifiantStructure"),
		RaisonSocialeStructure:   general.text("raisonSocialeStructure"),
		NumeroTVA:                general.text("numeroTVA"),

		CodeServiceDoitEtreRenseigne:       demands.boolean("codeServiceDoitEtreRenseigne"),
		NumeroEJDoitEtreRenseigne:          demands.boolean("numeroEJDoitEtreRenseigne"),
		GestionNumeroEJOuCodeService:       demands.boolean("gestionNumeroEJOuCodeService"),
		StatutMiseEnPaiementNestPasRemonte: demands.boolean("statutMiseEnPaiementNestPasRemonte"),
		EstMoaUniquement:                   demands.boolean("estMoaUniquement"),

		DateExpirationMotPasseCompteTech: general.date("dateExpirationMotPasseCompteTech"),
		Exchange:                         v.Exchange,
	}, nil
}
