package chorus

import (
	"fmt"
	"testing"
	"time"
)

// TestSamples runs every sample exchange through the client, or says why not.
func TestSamples(t *testing.T) {
	all := samples(t)
	deposit := func(want Outcome, fault Fault) func(*Client) string {
		return func(c *Client) string {
			r, err := depositOnce(t, c)
			if OutcomeOf(err) != want || FaultOf(err) != fault {
				return fmt.Sprint(r, err)
			}
			return ""
		}
	}
	report := func(etat string, class FluxClass, technical, dp int, duplicate bool) func(*Client) string {
		return func(c *Client) string {
			r, err := c.Report(t.Context(), LaneReport, "CPP0011117000000000912345")
			if err != nil || r.EtatCourantDepotFlux != etat || r.State() != class || len(r.ErreursTechniques) != technical ||
				len(r.ErreursDP) != dp || r.Duplicate() != duplicate || r.DateDepotFlux.Time.IsZero() || r.DateHeureEtatCourantFlux.Time.IsZero() {
				return fmt.Sprintf("%+v, %v", r, err)
			}
			return ""
		}
	}
	reportFault := func(fault Fault) func(*Client) string {
		return func(c *Client) string {
			if _, err := c.Report(t.Context(), LaneReport, "CPP1"); FaultOf(err) != fault || NotYet(err) != (fault == FaultNotYet) {
				return fmt.Sprint(err)
			}
			return ""
		}
	}
	quota := func(want time.Duration, said bool) func(*Client) string {
		return func(c *Client) string {
			_, err := c.Report(t.Context(), LaneReport, "CPP1")
			if d, ok := RetryAfter(err); FaultOf(err) != FaultQuota || d != want || ok != said {
				return fmt.Sprint(d, ok, err)
			}
			return ""
		}
	}
	search := func(complete bool, numbers ...string) func(*Client) string {
		return func(c *Client) string {
			l, err := c.Search(t.Context(), LaneResolve, Query{NumeroFacture: "FAC-1"})
			var got []string
			for _, f := range l.Factures {
				got = append(got, fmt.Sprint(f.IdentifiantFactureCPP, f.NumeroFacture, f.Statut))
				if f.MontantTTC.Decimal.String() != "1500" || f.DateFacture.Time.IsZero() || f.DateHeureEtatCourant.Time.IsZero() || f.CodeFournisseur != "99999999800012" {
					return fmt.Sprintf("%+v", f)
				}
			}
			if err != nil || l.Complete != complete || fmt.Sprint(got) != fmt.Sprint(numbers) {
				return fmt.Sprintf("%v, complete %t, %v", got, l.Complete, err)
			}
			return ""
		}
	}
	history := func(statut string, rows int) func(*Client) string {
		return func(c *Client) string {
			h, err := c.History(t.Context(), LaneSync, 41207733)
			if err != nil || h.StatutCourantCode != statut || len(h.Statuts) != rows || !h.Complete || h.Statuts[0].DatePassage.Time.IsZero() {
				return fmt.Sprintf("%+v, %v", h, err)
			}
			return ""
		}
	}

	cases := map[string]func(*Client) string{
		"10": reportFault(FaultConfiguration), "11": reportFault(FaultToken), "12": reportFault(FaultAccount), "13": reportFault(FaultSubscription),
		"14": quota(time.Second, true), "15": quota(23410*time.Second, true), "16": quota(0, false),
		"17": deposit(Ambiguous, FaultPortal), "18": deposit(Ambiguous, FaultPortal),
		"19": func(c *Client) string {
			if err := c.Health(t.Context()); err != nil {
				return err.Error()
			}
			return ""
		},
		"20": func(c *Client) string {
			r, err := depositOnce(t, c)
			if err != nil || r.NumeroFluxDepot != "CPP0011117000000000912345" || r.DateDepot.Time.Format(time.RFC3339) != "2026-11-20T00:00:00+01:00" || r.SyntaxeFlux != "IN_DP_E2_CII_FACTURX" {
				return fmt.Sprintf("%+v %v", r, err)
			}
			return ""
		},
		"21": deposit(Refused, FaultDocument), "22": deposit(Ambiguous, FaultUnknown), "23": deposit(Ambiguous, FaultPortal), "24": deposit(Accepted, ""),
		"30": report("IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", FluxPending, 0, 0, false),
		"31": report("IN_EN_COURS_TRAITEMENT_CPP", FluxPending, 0, 0, false),
		"32": report("IN_INTEGRE", FluxIntegrated, 0, 0, false),
		"33": report("IN_REJETE", FluxRejected, 0, 1, false),
		"34": report("IN_REJETE", FluxRejected, 0, 1, true),
		"35": report("IN_REJETE", FluxRejected, 1, 0, false),
		"36": report("IN_INTEGRE_PARTIEL", FluxPartial, 0, 1, false),
		"37": report("IN_REJETE", FluxRejected, 0, 1, false),
		"38": report("IN_REJETE", FluxRejected, 0, 1, false),
		"39": reportFault(FaultNotYet),
		"3a": report("IN_INCIDENTE", FluxResend, 0, 0, false),
		"3b": report("IN_NOUVEL_ETAT_2027", FluxUnknown, 0, 0, false),
		"40": search(true, "41207733FAC-2026-00417DEPOSEE"),
		"41": search(false, "41180021FAC-2026-00388MISE_A_DISPOSITION", "41180444FAC-2026-00390SUSPENDUE"), // page 2 repeats page 1
		"42": search(true), "43": search(true),
		"44": func(c *Client) string {
			if l, err := c.Search(t.Context(), LaneSync, Query{}); FaultOf(err) != FaultRights || l.Complete {
				return fmt.Sprint(err)
			}
			return ""
		},
		"45": search(true, "30991200FAC-00417MISE_EN_PAIEMENT", "41207733FAC-00417DEPOSEE"),
		"50": history("SUSPENDUE", 3), "51": history("REJETEE", 3), "52": history("MISE_A_DISPOSITION", 3),
		"53": history("MISE_EN_PAIEMENT", 3), "54": history("STATUT_FUTUR", 1),
		"62": func(c *Client) string {
			s, err := c.Structure(t.Context(), LaneSync, 25784152)
			if err != nil || !s.GestionNumeroEJOuCodeService || s.CodeServiceDoitEtreRenseigne || !s.StatutMiseEnPaiementNestPasRemonte ||
				s.IdentifiantStructure != "99999999700023" || s.DateExpirationMotPasseCompteTech.Time.Year() != 2027 {
				return fmt.Sprintf("%+v %v", s, err)
			}
			return ""
		},
		"65": func(c *Client) string {
			s, err := c.Structures(t.Context(), LaneSync)
			if err != nil || len(s) != 1 || s[0] != (Structure{26300991, "99999999800012", "ATELIER EXEMPLE SARL"}) {
				return fmt.Sprint(s, err)
			}
			return ""
		},
	}
	add := func(c *Client) (int64, error) { return c.AjouterFichier(t.Context(), LaneSubmit, aPiece) }
	cases["70"] = func(c *Client) string {
		if id, err := add(c); err != nil || id == 0 {
			return fmt.Sprint(id, err)
		}
		return ""
	}
	cases["71"] = func(c *Client) string {
		if _, err := add(c); FaultOf(err) != FaultDocument || OutcomeOf(err) != Refused {
			return fmt.Sprint(err)
		}
		return ""
	}
	complete := func(want Outcome, fault Fault) func(*Client) string {
		return func(c *Client) string {
			if err := c.Completer(t.Context(), LaneSubmit, Completement{IdentifiantFactureCPP: 41180444}); OutcomeOf(err) != want || FaultOf(err) != fault {
				return fmt.Sprint(err)
			}
			return ""
		}
	}
	cases["72"], cases["73"] = complete(Accepted, ""), complete(Refused, FaultStatut)
	elsewhere := map[string]string{
		"01": "TestTokenAnswers", "02": "TestTokenAnswers", "03": "TestTokenAnswers",
		"60": "operation not used", "61": "operation not used; its shapes are in TestLenient", "63": "operation not used",
		"64": "operation not used", "66": "operation not used", "74": "operation not used", "75": "operation not used",
	}
	for number, s := range all {
		run := cases[number]
		if run == nil {
			if elsewhere[number] == "" {
				t.Errorf("sample %s is not tested", number)
			}
			continue
		}
		if problem := run(newPortal(t, s.serve).client(t)); problem != "" {
			t.Errorf("sample %s: %s", number, problem)
		}
	}
	if got := len(cases) + len(elsewhere); got != len(all) {
		t.Errorf("%d cases for %d samples", got, len(all))
	}
}

func TestLenient(t *testing.T) {
	o, err := parseObject([]byte(`{"s":"x\u0000\u202ey\n","n":41207733,"q":"41207733","siret":99999999700023,"zero":5420001000012,
		"tahiti":123456,"one":{"a":1},"list":[{"a":1},{"a":2}],"none":null,"bad":[1],"m":1250.10,"ms":"1250.10","big":1e999999999,
		"nan":"NaN","b":true,"bs":"OUI","d":"2018-04-19 11:08"}`), redactor{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("text", o.text("s"), `x\x00\u202ey\n`)
	check("number as text", o.text("n"), "41207733")
	check("id", o.id("n"), 41207733)
	check("id in quotes", o.id("q"), 41207733)
	check("no id", o.id("s"), 0)
	check("no count", o.count("none"), -1)
	check("siret", o.siret("siret"), "99999999700023")
	check("siret without its zero", o.siret("zero"), "05420001000012")
	check("short identifier", o.siret("tahiti"), "123456")
	check("money", o.money("m").Decimal, "1250.1")
	check("money in quotes", o.money("ms").Decimal, "1250.1")
	check("absurd money", o.money("big").Valid, false)
	check("no money", o.money("nan").Valid, false)
	check("boolean", o.boolean("b"), true)
	check("boolean in words", o.boolean("bs"), true)
	list := func(key string) (all []object, err error) {
		err = o.each(key, func(item object) { all = append(all, item) })
		return all, err
	}
	one, err := list("one")
	check("object for list", len(one), 1)
	check("object for list", err, nil)
	many, _ := list("list")
	check("list", many[1].id("a"), 2)
	none, err := list("none")
	check("null for list", fmt.Sprint(none, err), "[] <nil>")
	_, err = list("bad")
	check("list of numbers", err, errNotObject)
}

func TestDates(t *testing.T) {
	for raw, want := range map[string]string{
		"2026-09-14":                    "2026-09-13T22:00:00Z",
		"2026-01-14":                    "2026-01-13T23:00:00Z",
		"2018-02-16T15:10:25.536+01:00": "2018-02-16T14:10:25.536Z",
		"2026-11-20T09:31:07.512+0100":  "2026-11-20T08:31:07.512Z",
		"2026-11-20T09:31:07Z":          "2026-11-20T09:31:07Z",
		"2026-07-20T09:31:07.5":         "2026-07-20T07:31:07.5Z",
		"2016-10-25 17:42":              "2016-10-25T15:42:00Z",
		"2016-10-25 17:42:01":           "2016-10-25T15:42:01Z",
		"":                              "0001-01-01T00:00:00Z",
		"25/10/2016":                    "0001-01-01T00:00:00Z",
	} {
		if d := parseDate(raw); d.Time.UTC().Format(time.RFC3339Nano) != want || d.Raw != raw {
			t.Errorf("%q: %s", raw, d.Time.UTC().Format(time.RFC3339Nano))
		}
	}
}

func TestStatuts(t *testing.T) {
	if len(statuts) != 56 {
		t.Errorf("%d statuses, the official list has 56", len(statuts))
	}
	seen := map[string]bool{}
	for _, s := range statuts {
		if seen[s.Code] || s.EN == "" || s.FR == "" || s.Next == "" || s.Mark == "" {
			t.Errorf("%+v", s)
		}
		seen[s.Code] = true
	}
	if s, known := StatutInfo("STATUT_FUTUR"); known || s.Next != ActorUnknown || s.Terminal() {
		t.Errorf("%+v", s)
	}
	if s, known := StatutInfo("SUSPENDUE"); !known || s.Next != ActorSupplier || s.Terminal() {
		t.Errorf("%+v", s)
	}
}
