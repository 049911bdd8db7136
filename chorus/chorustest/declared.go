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

// meant says which route a request for one that there is not may have meant; "" when nothing is near.
func (c *call) meant() string {
	if method := map[string]string{"GET": "POST", "POST": "GET"}[c.method]; operations[method+" "+c.path] != nil {
		return ": this one takes " + method
	}
	path := "/" + strings.Trim(c.path, "/")
	for _, prefix := range []string{"", "/cpro", "/cpro/factures/v1", "/cpro/transverses/v1", "/cpro/structures/v1"} {
		for route := range operations {
			if method, known, _ := strings.Cut(route, " "); strings.EqualFold(known, prefix+path) {
				return ": it is " + method + " " + known
			}
		}
	}
	return ": GET / lists those that there are"
}

// statuts are the official values of statutCourantCode.
var statuts = enumerations["statut"]
