package record

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// world is what the recorded portal must have known for its answers to be what they are.
type world struct {
	clients    map[string]string
	accounts   map[string]string
	structures map[string]*chorustest.Structure
	services   map[string]map[string]bool // by SIRET
	own        map[string]bool            // SIRETs that the account is attached to
	fates      map[string]string          // states in which fluxes ended, by their numbers
	fluxes     map[string]bool            // that the recording itself makes
	deposited  map[string]bool            // numbers of invoices that the recording itself deposits
	earlier    []earlier
}

// earlier is an invoice that was there before the recording began.
type earlier struct {
	chorustest.Facts
	id, statut string
}

func survey(all []Exchange) *world {
	w := &world{
		clients: map[string]string{}, accounts: map[string]string{}, structures: map[string]*chorustest.Structure{}, services: map[string]map[string]bool{},
		own: map[string]bool{}, fates: map[string]string{}, deposited: map[string]bool{}, fluxes: map[string]bool{},
	}
	for _, x := range all {
		w.documents(x.Asked.JSON)
	}
	seen := map[string]bool{}
	for _, x := range all {
		if x.Said == nil {
			continue
		}
		w.credentials(x)
		o, _ := x.Said.JSON.(map[string]any)
		if asked, is := x.Asked.JSON.(map[string]any); is && strings.HasSuffix(x.Path, "/consulterCRDetaille") && text(o["etatCourantDepotFlux"]) != "" {
			w.fates[text(asked["numeroFluxDepot"])] = text(o["etatCourantDepotFlux"])
		}
		if flux := text(o["numeroFluxDepot"]); flux != "" && strings.HasSuffix(x.Path, "/deposer/flux") {
			w.fluxes[flux] = true
		}
		w.rows(x, o, seen)
	}
	return w
}

// credentials that were good at the portal are good here.
func (w *world) credentials(x Exchange) {
	o, _ := x.Said.JSON.(map[string]any)
	if x.Path == tokenPath && o["access_token"] != nil {
		w.clients[x.Asked.Form["client_id"]] = x.Asked.Form["client_secret"]
	}
	if x.Said.Status == http.StatusOK && x.Path != tokenPath {
		if plain, err := base64.StdEncoding.DecodeString(x.Asked.Headers["Cpro-Account"]); err == nil {
			if login, password, found := strings.Cut(string(plain), ":"); found {
				w.accounts[login] = password
			}
		}
	}
}

// documents are the invoices that requests deposit.
func (w *world) documents(asked any) {
	o, _ := asked.(map[string]any)
	for _, value := range o {
		file, is := value.(map[string]any)
		if !is || file["documents"] == nil {
			continue
		}
		var f File
		if b, err := json.Marshal(file); err != nil || json.Unmarshal(b, &f) != nil {
			continue
		}
		for _, d := range f.Documents {
			w.deposited[d.Numero] = true
			w.structure(d.Fournisseur)
			w.recipient(d.Destinataire, d.Service)
		}
	}
}

func (w *world) structure(siret string) *chorustest.Structure {
	if len(siret) != 14 || !digits(siret) {
		return &chorustest.Structure{}
	}
	st := w.structures[siret]
	if st == nil {
		st = &chorustest.Structure{SIRET: siret, Designation: "STRUCTURE " + siret}
		w.structures[siret], w.services[siret] = st, map[string]bool{}
	}
	return st
}

func (w *world) recipient(siret, service string) {
	st := w.structure(siret)
	st.Publique = true
	if service != "" && st.SIRET != "" && !w.services[siret][service] {
		w.services[siret][service] = true
		st.Services = append(st.Services, chorustest.Service{Code: service, Libelle: service})
	}
}

// rows finds the structures and the invoices that answers list.
func (w *world) rows(x Exchange, v any, seen map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, row := range v {
			w.rows(x, row, seen)
		}
	case map[string]any:
		for _, name := range []string{"identifiantStructure", "identifiant"} {
			if siret, is := v[name].(string); is && len(siret) == 14 && digits(siret) {
				st := w.structure(siret)
				if id, is := first(v, "idStructureCPP", "idStructure").(json.Number); is && st.ID == 0 {
					st.ID, _ = id.Int64() // 0: the simulator gives one
				}
				if strings.HasSuffix(x.Path, "/structures/actives/fournisseur") || strings.HasSuffix(x.Path, "/structuresPourUtilisateur") {
					w.own[siret] = true
				}
			}
		}
		w.invoice(v, seen)
		for _, inner := range v {
			w.rows(x, inner, seen)
		}
	}
}

func first(o map[string]any, names ...string) any {
	for _, name := range names {
		if o[name] != nil {
			return o[name]
		}
	}
	return nil
}

// invoice notes a row of a search about an invoice that the recording has not deposited.
func (w *world) invoice(row map[string]any, seen map[string]bool) {
	numero, id := text(row["numeroFacture"]), text(row["identifiantFactureCPP"])
	supplier, buyer := text(row["codeFournisseur"]), text(row["codeDestinataire"])
	if numero == "" || id == "" || w.deposited[numero] || seen[id] || len(supplier) != 14 || len(buyer) != 14 {
		return
	}
	seen[id] = true
	w.structure(supplier)
	w.recipient(buyer, "")
	w.earlier = append(w.earlier, earlier{chorustest.Facts{
		Numero: numero, Date: text(row["dateFacture"]), Fournisseur: supplier, Destinataire: buyer, TTC: text(row["montantTTC"]), Type: text(row["typeFacture"]),
	}, id, text(row["statut"])})
}

// tooSoon tells that a report or a search knew nothing of what the recording itself deposits: when it does is the moment's affair.
func (w *world) tooSoon(x Exchange) bool {
	asked, _ := x.Asked.JSON.(map[string]any)
	said, _ := x.Said.JSON.(map[string]any)
	switch {
	case strings.HasSuffix(x.Path, "/consulterCRDetaille"):
		return w.fluxes[text(asked["numeroFluxDepot"])] && text(said["codeRetour"]) != "0"
	case strings.HasSuffix(x.Path, "/rechercher/fournisseur"):
		rows, _ := said["listeFactures"].([]any)
		return len(rows) == 0 && x.Said.Status == http.StatusOK && (w.deposited[text(asked["numeroFacture"])] || w.fluxes[text(asked["numeroFluxDepot"])])
	}
	return false
}

// config makes the simulator that knows all this. The quota and the delay to integration are not simulated: when they strike is the moment's affair.
func (w *world) config() chorustest.Config {
	cfg := chorustest.Config{Quota: -1, AcceptFutureDates: true, Hidden: time.Nanosecond, Integration: time.Nanosecond, Clients: []chorustest.Client{chorustest.DefaultClient}}
	for id, secret := range w.clients {
		cfg.Clients = append(cfg.Clients, chorustest.Client{ID: id, Secret: secret})
	}
	var own []string
	for siret := range w.own {
		own = append(own, siret)
	}
	for login, password := range w.accounts {
		cfg.Accounts = append(cfg.Accounts, chorustest.Account{Login: login, Password: password, Structures: own})
	}
	for _, st := range w.structures {
		if w.own[st.SIRET] {
			st.Publique = false
		}
		cfg.Structures = append(cfg.Structures, *st)
	}
	return cfg
}
