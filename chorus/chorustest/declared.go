package chorustest

import (
	"slices"
	"strings"
)

// notSimulated are routes that the portal has, as clients use them, and the simulator has not.
var notSimulated = strings.Fields(`
	transverses/v1/rechercher/pj/structure transverses/v1/rechercher/pj/moncompte transverses/v1/consulter/information/siret
	transverses/v1/recuperer/etat/typedp transverses/v1/recuperer/etats/traitement
`)

// declaredOnly tells that a request is for a route of the portal that is not simulated.
func (c *call) declaredOnly() bool {
	route, own := strings.CutPrefix(c.path, "/cpro/")
	return own && c.method == "POST" && slices.Contains(notSimulated, route)
}

// statuts are the official values of statutCourantCode.
var statuts = enumerations["statut"]
