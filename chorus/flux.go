package chorus

import (
	"context"

	"github.com/choriste/choriste/chorus/answers"
)

// FluxClass is what a state of a flux means for us.
type FluxClass string

// The classes of docs/chorus-pro.md §7.
const (
	FluxPending    FluxClass = "pending"    // ask again
	FluxIntegrated FluxClass = "integrated" // final: every invoice is in
	FluxPartial    FluxClass = "partial"    // final: some are; with one invoice a flux it should not occur
	FluxRejected   FluxClass = "rejected"   // final: none is
	FluxResend     FluxClass = "resend"     // lost on their side: may be sent again once a search shows that it is not there
	FluxUnknown    FluxClass = "unknown"    // ask again, and tell a person; neither success nor failure
)

// fluxStates holds etatCourantDepotFlux as far as it is known; no official list exists. The mark is that of the value in §7.
var fluxStates = map[string]struct {
	class FluxClass
	mark  string
}{
	"IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP": {FluxPending, "L"},
	"IN_RECU":                        {FluxPending, "P"},
	"IN_TRAITE_SE_CPP":               {FluxPending, "P"},
	"IN_EN_ATTENTE_TRAITEMENT_CPP":   {FluxPending, "P"},
	"IN_EN_COURS_TRAITEMENT_CPP":     {FluxPending, "P"},
	"IN_EN_ATTENTE_RETRAITEMENT_CPP": {FluxPending, "P"}, // waits for a person at AIFE
	"IN_INTEGRE":                     {FluxIntegrated, "P L"},
	"IN_INTEGRE_PARTIEL":             {FluxPartial, "P L"},
	"IN_REJETE":                      {FluxRejected, "P L"},
	"IN_INCIDENTE":                   {FluxResend, "P"},
	"IN_A_RELANCER":                  {FluxResend, "C"},
	"IN_ERREUR_INTERNE":              {FluxResend, "C"},
	"QP_IRRECEVABLE":                 {FluxRejected, "C"},
	"QP_RECEVABLE":                   {FluxPending, "C"},
	"QP_RECEVABLE_AVEC_ERREUR":       {FluxUnknown, "C"}, // admissible with errors: nobody says what follows
}

// FluxState classifies etatCourantDepotFlux. A value it does not know is FluxUnknown.
func FluxState(etat string) FluxClass {
	if s, known := fluxStates[etat]; known {
		return s.class
	}
	return FluxUnknown
}

// Report is the integration report of a flux (consulterCRDetaille).
type Report struct {
	EtatCourantDepotFlux     string // never empty; see FluxState
	DateDepotFlux            Date
	DateHeureEtatCourantFlux Date
	NomFichier               string // Chorus Pro's own name, not the one deposited
	CodeInterfaceDepotFlux   string
	ErreursTechniques        []ErreurTechnique // the file is malformed
	ErreursDP                []ErreurDP        // one per refused invoice
	Exchange                 Exchange
}

// ErreurTechnique says why a file is inadmissible.
type ErreurTechnique struct{ NatureErreur, CodeErreur, LibelleErreur string }

// ErreurDP says why one invoice was refused. LibelleErreurDP joins several messages by "|" and is cut at about 200
// characters by the portal; there is no code. NumeroDP, the invoice's number, may be missing (docs/chorus-pro.md §7.1).
type ErreurDP struct{ IdentifiantFournisseur, IdentifiantDestinataire, NumeroDP, LibelleErreurDP string }

// State classifies the report's state.
func (r Report) State() FluxClass { return FluxState(r.EtatCourantDepotFlux) }

// Duplicate tells that the flux was refused because the invoice is there already, as far as words can tell: the original
// is then to be looked up, and the invoice is not rejected (docs/chorus-pro.md §10).
func (r Report) Duplicate() bool {
	if class := r.State(); class != FluxRejected && class != FluxPartial {
		return false
	}
	for _, e := range r.ErreursDP {
		if answers.Duplicate(e.LibelleErreurDP) {
			return true
		}
	}
	return false
}

// Report asks for the integration report of a flux. Right after a deposit the flux may not be known yet: see NotYet.
func (c *Client) Report(ctx context.Context, lane Lane, numeroFlux string) (Report, error) {
	v, err := c.call(ctx, opReport, lane, struct {
		Numero string `json:"numeroFluxDepot"`
	}{numeroFlux})
	defer v.free()
	if err != nil {
		return Report{}, err
	}
	return readReport(v)
}

func readReport(v verdict) (Report, error) {
	r := Report{
		EtatCourantDepotFlux:     v.text("etatCourantDepotFlux"),
		DateDepotFlux:            v.date("dateDepotFlux"),
		DateHeureEtatCourantFlux: v.date("dateHeureEtatCourantFlux"),
		NomFichier:               v.text("nomFichier"),
		CodeInterfaceDepotFlux:   v.text("codeInterfaceDepotFlux"),
		Exchange:                 v.Exchange,
	}
	if r.EtatCourantDepotFlux == "" {
		return Report{}, unusable(opReport, v, "report without etatCourantDepotFlux")
	}
	err := v.each("listeErreurTechnique", func(o object) {
		r.ErreursTechniques = append(r.ErreursTechniques, ErreurTechnique{
			NatureErreur:  o.text("natureErreur"),
			CodeErreur:    o.text("codeErreur"),
			LibelleErreur: o.text("libelleErreur"),
		})
	})
	if err != nil {
		return Report{}, unusable(opReport, v, "listeErreurTechnique is not a list of errors: "+err.Error())
	}
	err = v.each("listeErreurDP", func(o object) {
		r.ErreursDP = append(r.ErreursDP, ErreurDP{
			IdentifiantFournisseur:  o.siret("identifiantFournisseur"),
			IdentifiantDestinataire: o.siret("identifiantDestinataire"),
			NumeroDP:                o.text("numeroDP"),
			LibelleErreurDP:         o.text("libelleErreurDP"),
		})
	})
	if err != nil {
		return Report{}, unusable(opReport, v, "listeErreurDP is not a list of errors: "+err.Error())
	}
	return r, nil
}
