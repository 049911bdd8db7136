package chorus

import "context"

// History is the life of one invoice (consulter/historique). The portal also sends the names, e-mail addresses and telephone
// numbers of the agents who acted: they are personal data nobody here needs, and are not decoded.
type History struct {
	IDFacture         int64
	NumeroFacture     string
	ModeDepot         string
	StatutCourantCode string
	Statuts           []HistoStatut // in the portal's order, newest first as far as seen
	Complete          bool          // all pages were read
	Exchange          Exchange      // of the last page
}

// HistoStatut is one status an invoice had.
type HistoStatut struct {
	ID          int64
	Code        string
	DatePassage Date
	Commentaire string
}

// maxHistoryPages of 100 statuses bound a history without end.
const maxHistoryPages = 20

type historyRequest struct {
	IDFacture int64         `json:"idFacture"`
	Paging    historyPaging `json:"paramRechercheHistoStatuts"`
}

type historyPaging struct {
	Page int `json:"pageResultatDemandeeListeHistoStatut"`
	Size int `json:"nbResultatsParPageListeHistoStatut"`
}

// History asks for the history of the invoice with this identifiantFactureCPP.
func (c *Client) History(ctx context.Context, lane Lane, identifiantFactureCPP int64) (History, error) {
	var h History
	for n := 1; n <= maxHistoryPages; n++ {
		v, err := c.call(ctx, opHistory, lane, historyRequest{identifiantFactureCPP, historyPaging{n, 100}})
		if err != nil {
			return h, err
		}
		page, pages, err := readHistory(v, identifiantFactureCPP)
		v.free()
		if err != nil {
			return h, err
		}
		if n > 1 && len(page.Statuts) > 0 && page.Statuts[0].ID == h.Statuts[0].ID {
			return h, nil // a server that ignores paging
		}
		page.Statuts = append(h.Statuts, page.Statuts...)
		h = page
		if n >= pages {
			h.Complete = true
			return h, nil
		}
		if len(h.Statuts) == 0 {
			return h, nil
		}
	}
	return h, nil
}

// readHistory reads one page and says of how many.
func readHistory(v verdict, asked int64) (h History, pages int, err error) {
	h = History{
		IDFacture:         v.id("idFacture"),
		NumeroFacture:     v.text("numeroFacture"),
		ModeDepot:         v.text("modeDepot"),
		StatutCourantCode: v.text("statutCourantCode"),
		Exchange:          v.Exchange,
	}
	if h.IDFacture != asked {
		return History{}, 0, unusable(opHistory, v, "history of another invoice")
	}
	if h.StatutCourantCode == "" {
		return History{}, 0, unusable(opHistory, v, "history without statutCourantCode")
	}
	statuts := v.child("historiquesDesStatuts")
	err = statuts.each("histoStatut", func(o object) {
		h.Statuts = append(h.Statuts, HistoStatut{
			ID:          o.id("histoStatutId"),
			Code:        o.text("histoStatutCode"),
			DatePassage: o.date("histoStatutDatePassage"),
			Commentaire: o.text("histoStatutCommentaire"),
		})
	})
	if err != nil {
		return History{}, 0, unusable(opHistory, v, "histoStatut is not a list of statuts: "+err.Error())
	}
	return h, statuts.count("pagesHistoStatut"), nil
}
