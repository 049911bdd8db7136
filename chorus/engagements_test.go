package chorus

import (
	"net/http"
	"testing"
)

func TestEngagementKnown(t *testing.T) {
	const head = `{"codeRetour":0,"libelle":"TRA_MSG_00.000"`
	for name, x := range map[string]struct {
		answer string
		known  bool
		fault  Fault
	}{
		"known":         {head + `,"listeEngagementJuridique":[{"numeroEngagementJuridique":"E-1"}]}`, true, ""},
		"empty list":    {head + `,"listeEngagementJuridique":[]}`, false, ""},
		"no list":       {head + `}`, false, ""},
		"no result":     {`{"codeRetour":20000,"libelle":"TRA_MSG_00.015 - x"}`, false, ""},
		"not a list":    {head + `,"listeEngagementJuridique":7}`, false, FaultPortal},
		"not entitled":  {`{"codeRetour":20001,"libelle":"GDP_MSG_11.005 - x"}`, false, FaultRights},
		"unknown codes": {`{"codeRetour":20099,"libelle":"x"}`, false, FaultUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPortal(t, answerJSON(http.StatusOK, x.answer))
			known, err := p.client(t).EngagementKnown(t.Context(), LaneSync, 25784152, "E-1")
			if known != x.known || FaultOf(err) != x.fault {
				t.Errorf("%v %v", known, err)
			}
			const want = `{"structureReceptriceEngagementJuridique":"25784152","numeroEngagementJuridique":"E-1","etatCourantEngagementJuridique":"COMMANDE"}`
			if got := p.arrived(); len(got) != 1 || string(got[0].body) != want {
				t.Errorf("sent %+v", got)
			}
		})
	}
}
