package main

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// sample is one invoice that the application inserts, what happens to it at the portal, and what must become of it.
type sample struct {
	ref      string // external_ref
	numero   string // BT-1
	about    string // what it is there to show
	document []byte
	metadata string // JSON; "" is none
	later    bool   // not_before is tomorrow, and the application cancels it meanwhile

	fault  string            // what goes wrong with its first deposit
	script []chorustest.Move // what its recipient does with it; nil is the usual way

	want want
}

// want is what a sample expects in the end.
type want struct {
	State      string   `json:"state"`
	Statut     string   `json:"statut_courant,omitempty"`
	ReasonCode string   `json:"reason_code,omitempty"`
	Text       string   `json:"text,omitempty"` // in the reason, or in the recipient's comment
	Via        []string `json:"via,omitempty"`  // states on the way, in this order
	Deposits   int      `json:"deposits"`       // of this very document that the portal holds, whatever went wrong meanwhile
}

// Recipients of the simulator, and what they ask for.
const (
	commune    = "99999999700023" // nothing
	syndicat   = "99999999700031" // service code or commitment; never reports a payment
	engagement = "12345678200036" // a commitment
	both       = "12345678200044" // service code and commitment
)

// paid is where an ordinary invoice ends.
var paid = want{State: "settled", Statut: "MISE_EN_PAIEMENT", Deposits: 1}

// makeSamples writes today's invoices. Their order matters a little: one whose first deposit never arrives is proven absent only if the portal has not
// failed us since, so it comes after the other fault.
func makeSamples(today time.Time) ([]sample, error) {
	numero := func(n int) string { return fmt.Sprintf("DEMO-%d-%04d", today.Year(), n) }
	var all []sample
	add := func(s sample, i invoicetest.Invoice, write func(invoicetest.Invoice) []byte) {
		s.ref = numero(len(all) + 1)
		if i.Numero == "" {
			i.Numero = s.ref
		}
		i.Date = today
		s.numero, s.document = i.Numero, write(i)
		all = append(all, s)
	}
	cii, ubl := invoicetest.Invoice.CII, invoicetest.Invoice.UBL
	var failure error
	facturX := func(i invoicetest.Invoice) []byte {
		pdf, err := i.FacturX()
		if err != nil {
			failure = err
		}
		return pdf
	}
	way := func(w want, via ...string) want {
		w.Via = via
		return w
	}

	add(sample{about: "CII", want: paid}, invoicetest.Invoice{DestinataireSIRET: commune}, cii)
	add(sample{
		about: "the answer is lost after it arrived: found again, not sent twice", fault: "commit_then_drop",
		want: way(paid, "sending", "in_doubt", "deposited", "integrated"),
	}, invoicetest.Invoice{}, ubl)
	add(sample{about: "Factur-X PDF, with a service code", want: paid}, invoicetest.Invoice{
		CodeService: "SERV_TECH",
		Lignes: []invoicetest.Ligne{
			{Designation: "Réparation de la chaudière", PrixUnitaire: money("480.00")},
			{Designation: "Déplacement", Quantite: money("2"), PrixUnitaire: money("45.50"), TVA: money("10")},
		},
	}, facturX)
	add(sample{
		about: "never arrived: proven absent, then sent once more", fault: "drop_before_commit",
		want: way(paid, "sending", "in_doubt", "ready", "sending", "deposited", "integrated"),
	}, invoicetest.Invoice{}, cii)
	add(sample{about: "UBL, with service code and commitment", want: paid}, invoicetest.Invoice{
		DestinataireSIRET: both, DestinataireNom: "DESTINATAIRE SERVICE ET ENGAGEMENT", CodeService: "SERVICE_DEST_SERV_OBL", Engagement: "EJ-4711",
	}, ubl)
	add(sample{
		about: "the commitment that the recipient requires is missing",
		want:  want{State: "rejected", ReasonCode: "FLUX_REJECTED", Text: "engagement", Deposits: 1},
	}, invoicetest.Invoice{DestinataireSIRET: engagement, DestinataireNom: "DESTINATAIRE ENGAGEMENT"}, ubl)
	add(sample{about: "UBL credit note", want: paid}, invoicetest.Invoice{FactureOrigine: fmt.Sprintf("F-%d-0042", today.Year()), Sans: []string{"BT-81"}}, invoicetest.Invoice.CreditNote)
	add(sample{
		about: "a number of 21 characters: refused before sending",
		want:  want{State: "invalid", ReasonCode: "CH-NUMBER-LENGTH", Text: "BT-1"},
	}, invoicetest.Invoice{Numero: numero(len(all)+1) + "-LONGUE"}, cii)
	add(sample{
		about: "the recipient suspends it and says why", script: []chorustest.Move{
			{Statut: "EN_COURS_ACHEMINEMENT"},
			{Statut: "MISE_A_DISPOSITION"},
			{Statut: "SUSPENDUE", Commentaire: "Bon de livraison manquant"},
		},
		want: want{State: "integrated", Statut: "SUSPENDUE", Text: "Bon de livraison", Deposits: 1},
	}, invoicetest.Invoice{}, cii)
	add(sample{
		about: "the recipient refuses it", script: []chorustest.Move{
			{Statut: "EN_COURS_ACHEMINEMENT"},
			{Statut: "MISE_A_DISPOSITION"},
			{Statut: "REJETEE", Commentaire: "Prestation non commandée"},
		},
		want: way(want{State: "rejected", Statut: "REJETEE", ReasonCode: "RECIPIENT", Text: "Prestation", Deposits: 1}, "integrated"),
	}, invoicetest.Invoice{}, ubl)
	add(sample{
		about: "the number of another invoice: refused before sending",
		want:  want{State: "invalid", ReasonCode: "DUPLICATE_NUMBER", Text: "BT-1"},
	}, invoicetest.Invoice{Numero: numero(1), DestinataireSIRET: commune, Engagement: "EJ-0815"}, cii)
	add(sample{
		about: "cancelled by the application before its day came", later: true,
		want: way(want{State: "cancelled"}, "ready"),
	}, invoicetest.Invoice{}, ubl)
	add(sample{
		about: "the recipient never reports payments",
		want:  way(want{State: "settled", Statut: "COMPTABILISEE", ReasonCode: "QUIET", Text: "quiet period", Deposits: 1}, "integrated"),
	}, invoicetest.Invoice{DestinataireSIRET: syndicat, DestinataireNom: "SYNDICAT D'EXEMPLE", CodeService: "SERV_TECH"}, cii)
	add(sample{about: "with the application's own metadata", metadata: `{"order": 4711, "clerk": "Ada"}`, want: paid}, invoicetest.Invoice{}, facturX)
	add(sample{
		about: "not an invoice at all", want: want{State: "invalid", ReasonCode: "CH-NOT-AN-INVOICE"},
	}, invoicetest.Invoice{}, func(invoicetest.Invoice) []byte { return []byte("Bonjour, veuillez trouver ci-joint notre facture.\n") })
	return all, failure
}

func money(s string) decimal.NullDecimal { return decimal.NewNullDecimal(decimal.RequireFromString(s)) }
