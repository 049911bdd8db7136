package chorustest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// A test of one's own client: the answer to its deposit is lost, and what the portal has accepted is counted. In a test, New takes the place of Start and Close.
func Example() {
	sim, err := chorustest.Start(chorustest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sim.Close() }()
	sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "F-1"})

	// From here on it is a client's own code.
	res, err := http.PostForm(sim.TokenURL(), url.Values{"grant_type": {"client_credentials"}, "client_id": {"sim"}, "client_secret": {"sim-secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var token struct {
		Access string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&token)
	_ = res.Body.Close()
	if err != nil {
		fmt.Println(err)
		return
	}
	file := base64.StdEncoding.EncodeToString(invoicetest.Invoice{Numero: "F-1"}.UBL())
	req, err := http.NewRequest(http.MethodPost, sim.APIURL()+"/cpro/factures/v1/deposer/flux",
		strings.NewReader(`{"fichierFlux":"`+file+`","nomFichier":"F-1.xml","syntaxeFlux":"IN_DP_E1_UBL_INVOICE"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte("TECH_SIM@cpro.fr:sim-password")))
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	if res, err := http.DefaultClient.Do(req); err != nil {
		fmt.Println("no answer")
	} else {
		_ = res.Body.Close()
	}

	fmt.Println("accepted:", len(sim.Deposits("F-1")))
	// Output:
	// no answer
	// accepted: 1
}
