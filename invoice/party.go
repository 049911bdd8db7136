package invoice

import (
	"slices"
	"strings"
	"unicode"

	"github.com/choriste/choriste/invoice/tree"
)

// Party is a seller, a buyer, a payee or a tax representative.
type Party struct {
	Name        string  `bt:"BT-27,BT-44,BT-62,,BT-59" ubl:"cac:PartyLegalEntity/cbc:RegistrationName|cac:PartyName/cbc:Name" cii:"ram:Name" json:"name,omitzero"` // line breaks taken out
	TradingName string  `bt:"BT-28,BT-45" ubl:"cac:PartyName/cbc:Name" cii:"ram:SpecifiedLegalOrganization/ram:TradingBusinessName" json:"trading_name,omitzero"`  // where it is another one
	IDs         []ID    `bt:"BT-29,BT-46,,,BT-60" ubl:"cac:PartyIdentification/cbc:ID[@schemeID!=SEPA]|../cbc:CustomerAssignedAccountID" cii:"ram:GlobalID|ram:ID" json:"ids,omitzero"`
	LegalID     ID      `bt:"BT-30,BT-47,,,BT-61" ubl:"cac:PartyLegalEntity/cbc:CompanyID" cii:"ram:SpecifiedLegalOrganization/ram:ID" json:"legal_id,omitzero"`
	VATID       Value   `bt:"BT-31,BT-48,BT-63" ubl:"cac:PartyTaxScheme[cac:TaxScheme/cbc:ID=VAT]/cbc:CompanyID" cii:"ram:SpecifiedTaxRegistration/ram:ID[@schemeID=VA]" json:"vat_id,omitzero"`
	TaxID       string  `bt:"BT-32" ubl:"cac:PartyTaxScheme[cac:TaxScheme/cbc:ID!=VAT]/cbc:CompanyID" cii:"ram:SpecifiedTaxRegistration/ram:ID[@schemeID=FC]" json:"tax_id,omitzero"`
	LegalInfo   string  `bt:"BT-33" ubl:"cac:PartyLegalEntity/cbc:CompanyLegalForm" cii:"ram:Description" json:"legal_info,omitzero"`
	Endpoint    ID      `bt:"BT-34,BT-49" ubl:"cbc:EndpointID" cii:"ram:URIUniversalCommunication/ram:URIID" json:"endpoint,omitzero"` // the electronic address
	Address     Address `ubl:"cac:PostalAddress" cii:"ram:PostalTradeAddress" json:"address,omitzero"`
	Contact     Contact `ubl:"cac:Contact" cii:"ram:DefinedTradeContact" json:"contact,omitzero"`

	// What follows is found for the seller and the buyer only.

	// ID is the identifier that counts: the SIRET, else what comes nearest.
	ID          ID     `json:"identified_by,omitzero"`
	NameAt      Value  `json:"-"` // where the name stands
	Country     string `json:"-"` // BT-40 or BT-55, in capitals
	Identifiers []ID   `json:"-"` // every one, the legal registration first
	// Kind is Chorus Pro's typeIdentifiantStructure when a scheme says that the party is identified by something else than a SIRET: UE_HORS_FRANCE,
	// HORS_UE, RIDET, TAHITI, PARTICULIER; else "".
	Kind string `json:"kind,omitzero"`

	siret string
}

// SIRET is the party's SIRET; "" when it has none that is usable.
func (p Party) SIRET() string { return p.siret }

// siretSchemes are the identifier schemes that say SIRET: ISO 6523 0009, Chorus Pro's own type 1, and their names.
var siretSchemes = []string{"0009", "1", "SIRET", "FR:SIRET"}

// sirenSchemes say SIREN, and in practice a SIRET stands under them too.
var sirenSchemes = []string{"0002", "SIREN", "SIRENE", "FR:SIREN"}

// OtherScheme tells a scheme that says neither SIRET nor SIREN.
func OtherScheme(scheme string) bool {
	scheme = strings.ToUpper(scheme)
	return scheme != "" && !slices.Contains(siretSchemes, scheme) && !slices.Contains(sirenSchemes, scheme)
}

// kinds are the schemes of those who have no SIRET (ISO 6523, and Chorus Pro's own types in UBL), as typeIdentifiantStructure.
var kinds = map[string]string{
	"0223": "UE_HORS_FRANCE", "UE_HORS_FRANCE": "UE_HORS_FRANCE", "2": "UE_HORS_FRANCE",
	"0227": "HORS_UE", "HORS_UE": "HORS_UE", "3": "HORS_UE",
	"0228": "RIDET", "RIDET": "RIDET", "4": "RIDET",
	"0229": "TAHITI", "TAHITI": "TAHITI", "5": "TAHITI",
	"0226": "PARTICULIER", "PARTICULIER": "PARTICULIER",
}

// RoutingAddress is the electronic address under which every public body is reached: it names the portal, not a recipient.
const RoutingAddress = "11000201100044"

// partyTerms are the terms by which a party is known: its identifiers in the order in which they are listed.
type partyTerms struct {
	name, country string
	identifiers   []string
}

var (
	sellerTerms = partyTerms{"BT-27", "BT-40", []string{"BT-30", "BT-29", "BT-34"}}
	buyerTerms  = partyTerms{"BT-44", "BT-55", []string{"BT-47", "BT-46", "BT-49"}}
)

// identify finds the identifier that counts. Nothing is repaired: Chorus Pro refuses a SIRET with a blank in it.
func (p *Party) identify(s *syntax, t *tree.Tree, terms partyTerms, recipient bool) {
	p.NameAt = filled(s.values(t, terms.name))
	p.Name = strings.Join(strings.FieldsFunc(p.NameAt.Text, isBlank), " ")
	p.Country = strings.ToUpper(filled(s.values(t, terms.country)).Trimmed())
	for _, term := range terms.identifiers {
		for _, v := range s.values(t, term) {
			if v.Text != "" {
				p.Identifiers = append(p.Identifiers, ID{v})
			}
		}
	}
	best := 0
	others := slices.ContainsFunc(p.Identifiers, func(v ID) bool { return !isAddress(v.Value) })
	for _, v := range p.Identifiers {
		if r := rank(v.Value, recipient, others); r > best {
			best, p.ID = r, v
		}
	}
	if p.Kind = kinds[strings.ToUpper(p.ID.Scheme)]; p.Kind == "" && best >= rankSIRET {
		p.siret = p.ID.Text
	}
}

func isBlank(r rune) bool { return strings.ContainsRune(blanks, r) }

// isAddress tells an electronic address.
func isAddress(v Value) bool { return v.Term == "BT-34" || v.Term == "BT-49" }

// rankSIRET is the lowest rank of a SIRET.
const rankSIRET = 60

// rank says how good an identifier is as the one that counts; 0: not at all. A SIRET that says so comes before one that does not, and what was meant as a SIRET
// before what is none. An electronic address counts only when it says SIRET, and for a recipient only where nothing else says who it is.
func rank(v Value, recipient, others bool) int {
	scheme := strings.ToUpper(v.Scheme)
	said, siren := slices.Contains(siretSchemes, scheme), slices.Contains(sirenSchemes, scheme)
	form := digitsOf(v.Text)
	switch {
	case isAddress(v):
		if scheme != "0009" || recipient && (others || form == RoutingAddress) {
			return 0
		}
		if isSIRET(v.Text) {
			return rankSIRET
		}
		return 5
	case kinds[scheme] != "":
		return 65
	case isSIRET(v.Text) && said:
		return 100
	case isSIRET(v.Text) && siren:
		return 90
	case isSIRET(v.Text) && scheme == "":
		return 80
	case said && form != "":
		return 50 // written wrongly
	case siren && len(form) == 14:
		return 45
	case scheme == "" && len(form) == 14:
		return 40
	case siren && form != "":
		return 30
	case said, siren:
		return 25
	case scheme == "":
		return 20
	}
	return 10 // of a scheme that has nothing to do with it
}

// digitsOf is a text of digits without the blanks between them; "" for any other.
func digitsOf(s string) string {
	solid := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if strings.Trim(solid, "0123456789") != "" {
		return ""
	}
	return solid
}

func isSIRET(s string) bool {
	return len(s) == 14 && strings.Trim(s, "0123456789") == ""
}
