package chorus

import (
	"context"
	"strconv"
)

// EngagementKnown asks whether a recipient knows a commitment number (BT-13) as an order. The portal holds those of the State only (docs/chorus-pro.md §5.4).
func (c *Client) EngagementKnown(ctx context.Context, lane Lane, idStructureCPP int64, numero string) (bool, error) {
	v, err := c.call(ctx, opEngagement, lane, struct {
		Structure string `json:"structureReceptriceEngagementJuridique"`
		Numero    string `json:"numeroEngagementJuridique"`
		Etat      string `json:"etatCourantEngagementJuridique"`
	}{strconv.FormatInt(idStructureCPP, 10), numero, "COMMANDE"})
	defer v.free()
	if FaultOf(err) == FaultEmpty {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n := 0
	if err := v.each("listeEngagementJuridique", func(object) { n++ }); err != nil {
		return false, unusable(opEngagement, v, "listeEngagementJuridique is not a list of commitments: "+err.Error())
	}
	return n > 0, nil
}
