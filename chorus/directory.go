package chorus

import (
	"bytes"
	"context"
	"time"

	"github.com/choriste/choriste/chorus/annuaire"
)

// Found is a structure as a search by SIRET shows it.
type Found struct {
	IDStructureCPP int64 // 0: the portal knows none
	Designation    string
	Active         bool
}

// Service is a service of a structure, under which it receives invoices.
type Service struct {
	IDService int64
	Code      string
	Libelle   string
	Active    bool
}

type findRequest struct {
	Structure struct {
		Identifiant string `json:"identifiantStructure"`
		Type        string `json:"typeIdentifiantStructure"`
	} `json:"structure"`
	Paging findPaging `json:"parametres"`
}

type findPaging struct {
	Page int `json:"pageResultatDemandee"`
	Size int `json:"nbResultatsParPage"`
}

// FindStructure looks for the structure with this SIRET, a recipient as a rule. Of several the active one counts.
func (c *Client) FindStructure(ctx context.Context, lane Lane, siret string) (Found, error) {
	var q findRequest
	q.Structure.Identifiant, q.Structure.Type = siret, "SIRET"
	q.Paging = findPaging{1, 10}
	v, err := c.call(ctx, opFind, lane, q)
	defer v.free()
	if FaultOf(err) == FaultEmpty {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, err
	}
	var found Found
	others := false
	err = v.each("listeStructures", func(o object) {
		others = true
		active := o.text("statut") != "INACTIVE"
		if o.siret("identifiantStructure") == siret && (found.IDStructureCPP == 0 || active && !found.Active) {
			found = Found{o.id("idStructureCPP"), o.text("designationStructure"), active}
		}
	})
	if err != nil {
		return Found{}, unusable(opFind, v, "listeStructures is not a list of structures: "+err.Error())
	}
	if others && found.IDStructureCPP == 0 {
		return Found{}, unusable(opFind, v, "listeStructures has structures, and none with an idStructureCPP and the SIRET that was asked for")
	}
	return found, nil
}

type servicesRequest struct {
	ID     int64          `json:"idStructure"`
	Paging servicesPaging `json:"parametresRechercherServicesStructure"`
}

type servicesPaging struct {
	Page   int    `json:"pageResultatDemandee"`
	Size   int    `json:"nbResultatsParPage"`
	Column string `json:"triColonne"`
	Order  string `json:"triSens"`
}

const (
	servicesPage  = 100
	mostServices  = 5000 // of one structure; a ministry has some two thousand
	servicesPages = mostServices / servicesPage
)

// Services lists the services of a structure. complete tells that these are all of them: every page was read, and together they hold as many different ones as the
// portal counts. One that is repeated, because a page was sent twice or the list moved on between two pages, stands for another that was not shown.
func (c *Client) Services(ctx context.Context, lane Lane, idStructureCPP int64) (services []Service, complete bool, err error) {
	seen := map[int64]bool{}
	for page := 1; page <= servicesPages; page++ {
		v, err := c.call(ctx, opServices, lane, servicesRequest{idStructureCPP, servicesPaging{page, servicesPage, "CodeService", "Ascendant"}})
		if FaultOf(err) == FaultEmpty {
			v.free()
			return services, page == 1, nil
		}
		if err != nil {
			v.free()
			return nil, false, err
		}
		n := 0
		err = v.each("listeServices", func(o object) {
			if code, id := o.text("codeService"), o.id("idService"); code != "" && !seen[id] {
				seen[id] = true
				n++
				services = append(services, Service{id, code, o.text("libelleService"), o.absent("estActif") || o.boolean("estActif")})
			}
		})
		counters := v.child("parametresRetour")
		total, counted := counters.count("total"), counters.holds("total")
		v.free()
		switch {
		case err != nil:
			return nil, false, unusable(opServices, v, "listeServices is not a list of services: "+err.Error())
		case counted && len(services) == total:
			return services, true, nil
		case n == 0 || counted && len(services) > total:
			return services, false, nil
		}
	}
	return services, false, nil
}

// ServiceNeedsEngagement asks whether invoices to a service must bear a commitment number (BT-13).
func (c *Client) ServiceNeedsEngagement(ctx context.Context, lane Lane, idStructureCPP, idService int64) (bool, error) {
	v, err := c.call(ctx, opService, lane, struct {
		Structure int64  `json:"idStructure"`
		Service   int64  `json:"idService"`
		Langue    string `json:"codeLangue"`
	}{idStructureCPP, idService, "fr"})
	defer v.free()
	if err != nil {
		return false, err
	}
	demands := v.child("parametres")
	if demands.none() {
		return false, unusable(opService, v, "a service without content")
	}
	return demands.boolean("numeroEngagement"), nil
}

// downloadTimeout is for the file of all recipients: some tens of megabytes.
const downloadTimeout = 5 * time.Minute

// Annuaire downloads the file of all public recipients, a zip of annuaire.MostPacked bytes at most (docs/chorus-pro.md §5.3a).
func (c *Client) Annuaire(ctx context.Context, lane Lane) ([]byte, error) {
	file := &lift{field: "fichierResultat", most: annuaire.MostPacked}
	v, err := c.exchange(ctx, opAnnuaire, lane, bytesBody{bytes.NewReader([]byte("{}"))}, c.reads, downloadTimeout, file)
	v.free()
	if err != nil {
		return nil, err
	}
	if len(file.file) == 0 {
		return nil, unusable(opAnnuaire, v, "success without fichierResultat")
	}
	return file.file, nil
}
