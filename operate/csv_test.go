package operate_test

import (
	"testing"

	"github.com/choriste/choriste/operate"
)

// What a spreadsheet would reckon is text; an amount is an amount.
func TestCSVCell(t *testing.T) {
	for cell, want := range map[string]string{
		"F-1": "F-1", "-120,50": "-120,50", "-120.50": "-120.50", "-3": "-3", "12": "12",
		"=cmd()": "'=cmd()", "@SUM(1)": "'@SUM(1)", "+1": "'+1", "-1-1": "'-1-1", "-1,2,3": "'-1,2,3", "--1": "'--1", "-": "'-", "-2+cmd": "'-2+cmd",
		"\t=1": `\x09=1`, "": "",
	} {
		if got := operate.CSVCell(cell); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
	}
}
