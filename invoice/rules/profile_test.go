package rules

import "testing"

// TestProfiles: the profile of a PDF's metadata is that of BT-24, or it is not; what is of the whole norm may have rules of its own besides.
func TestProfiles(t *testing.T) {
	t.Parallel()
	const norm = "urn:cen.eu:en16931:2017"
	for _, c := range []struct {
		level, id string
		fits      bool
	}{
		{"EN 16931", norm, true},
		{"en 16931", norm + " ", true},
		{"COMFORT", norm, true},
		{"EN 16931", norm + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", true},
		{"XRECHNUNG", norm + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", true},
		{"EN 16931", norm + "#compliant#urn:factur-x.eu:1p0:basic", false},
		{"EN 16931", norm + "#conformant#urn:factur-x.eu:1p0:extended", false},
		{"BASIC", norm + "#compliant#urn:factur-x.eu:1p0:basic", true},
		{"BASIC", norm + "#compliant#urn:zugferd.de:2p0:basic", true},
		{"BASIC", "urn:factur-x.eu:1p0:basicwl", false},
		{"BASIC", norm, false},
		{"BASIC WL", "urn:factur-x.eu:1p0:basicwl", true},
		{"EXTENDED", norm + "#conformant#urn:factur-x.eu:1p0:extended", true},
		{"EXTENDED", norm, false},
		{"MINIMUM", "urn:factur-x.eu:1p0:minimum", true},
		{"MINIMUM", norm, false},
		{"EN16931", norm, false},
	} {
		if fits(c.level, c.id) != c.fits {
			t.Errorf("%s, %s: %v", c.level, c.id, !c.fits)
		}
	}
}
