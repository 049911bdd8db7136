package operate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// paris is midday in Paris, so many days ago.
func paris(days int) string {
	return fmt.Sprintf(`((clock_timestamp() AT TIME ZONE 'Europe/Paris')::date - %d + time '12:00') AT TIME ZONE 'Europe/Paris'`, days)
}

// walk is the SQL that inserts an invoice of an amount to a recipient, and takes it through statuts, each so many days ago.
func walk(number, amount, recipient string, statuts ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
		INSERT INTO chorus.invoices (external_ref, document) VALUES ('%[1]s', 'x');
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices
		SET state = 'deposited', numero_facture = '%[1]s', montant_ttc = %[2]s, devise = 'EUR', destinataire_siret = '%[3]s', identifiant_facture_cpp = id
		WHERE external_ref = '%[1]s';
		SET LOCAL session_replication_role = origin;`, number, amount, recipient)
	for k := 0; k < len(statuts); k += 2 {
		state := "integrated"
		if s := statuts[k].(string); s == "MISE_EN_PAIEMENT" || s == "ABANDONNEE" || s == "SUPPRIMEE" {
			state = "settled"
		}
		fmt.Fprintf(&b, `
		UPDATE chorus.invoices SET state = '%s', statut_courant = '%s', statut_courant_date = %s WHERE external_ref = '%s';`, state, statuts[k], paris(statuts[k+1].(int)), number)
	}
	return b.String()
}

// script executes statements as the owner in one transaction.
func (d *desk) script(statements ...string) {
	d.Helper()
	if _, err := d.owner.Exec(d.Context(), strings.Join(statements, ";"), pgx.QueryExecModeSimpleProtocol); err != nil {
		d.Fatal(err)
	}
}

// accountant is a desk with an invoice for each way of the clock. The rate of the half-year in which each runs is the test's own.
func accountant(t *testing.T) *desk {
	d := newDesk(t)
	d.script(`UPDATE chorus.ecb_rates SET rate = 2.15`, `INSERT INTO chorus.payment_delays VALUES ('333333333', 50)`,
		walk("NEW", "100.00", "11111111100011"),
		walk("ON ITS WAY", "100.00", "11111111100011", "DEPOSEE", 70),
		walk("FRESH", "200.00", "11111111100011", "MISE_A_DISPOSITION", 14),
		walk("SOON", "300.00", "11111111100011", "MISE_A_DISPOSITION", 16, "MANDATEE", 2),
		walk("LAST DAY", "400.00", "11111111100011", "MISE_A_DISPOSITION", 30),
		walk("LATE", "1200.00", "22222222200022", "DEPOSEE", 46, "MISE_A_DISPOSITION", 45),                                    // 15 days
		walk("VERY LATE", "999.99", "22222222200022", "MISE_A_DISPOSITION", 130),                                              // 100 days
		walk("HOSPITAL", "500.00", "33333333300033", "MISE_A_DISPOSITION", 50),                                                // 50 days: the last one
		walk("SUSPENDED", "600.00", "11111111100011", "MISE_A_DISPOSITION", 90, "SUSPENDUE", 80),                              // stopped
		walk("COMPLETED", "700.00", "11111111100011", "MISE_A_DISPOSITION", 90, "SUSPENDUE", 80, "COMPLETEE", 31),             // a new delay: 1 day late
		walk("ONCE", "800.00", "11111111100011", "MISE_A_DISPOSITION", 90, "SUSPENDUE", 80, "COMPLETEE", 40, "SUSPENDUE", 35), // it stops once only: 10 days late
		walk("ROUTED", "900.00", "11111111100011", "MISE_A_DISPOSITION", 90, "A_RECYCLER", 80, "MISE_A_DISPOSITION", 20),
		walk("PAID", "1000.00", "22222222200022", "MISE_A_DISPOSITION", 50, "MISE_EN_PAIEMENT", 20),      // on the last day
		walk("PAID LATE", "2000.00", "22222222200022", "MISE_A_DISPOSITION", 50, "MISE_EN_PAIEMENT", 10), // 10 days
		walk("LONG AGO", "10.00", "22222222200022", "MISE_A_DISPOSITION", 300, "MISE_EN_PAIEMENT", 31),
		walk("DROPPED", "20.00", "22222222200022", "MISE_A_DISPOSITION", 50, "ABANDONNEE", 5),
		walk("DELETED", "30.00", "22222222200022", "DEPOSEE", 9, "SUPPRIMEE", 5),
		walk("QUIET", "40.00", "22222222200022", "MISE_A_DISPOSITION", 29),
		walk("CREDIT", "50.00", "22222222200022", "MISE_A_DISPOSITION", 45),
		walk("DOLLARS", "60.00", "22222222200022", "MISE_A_DISPOSITION", 45),
		`UPDATE chorus.invoices SET state = 'settled', reason_code = 'QUIET' WHERE external_ref = 'QUIET'`, `SET LOCAL session_replication_role = replica`,
		`UPDATE chorus.invoices SET type_facture = '381' WHERE external_ref = 'CREDIT'`, `UPDATE chorus.invoices SET devise = 'USD' WHERE external_ref = 'DOLLARS'`)
	d.invoice("REFUSED", "rejected", `statut_courant = 'REJETEE'`)
	d.invoice("READY", "ready", "")
	return d
}

func of(m operate.Money) string {
	return fmt.Sprintf("%d %s %s late %d interest %s indemnity %s", m.Invoices, m.Amount.StringFixed(2), *m.Devise, m.Late, m.Interest.StringFixed(2), m.Indemnity)
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwanted:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMoney holds every figure of the accountant's to the cent.
func TestMoney(t *testing.T) {
	d := accountant(t)
	look := func(f operate.MoneyFilter) (open, recipients, settled []string) {
		t.Helper()
		a, b, err := operate.Open(t.Context(), d.owner, f, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range a {
			open = append(open, o.Stage+": "+of(o.Money))
		}
		for _, r := range b {
			recipients = append(recipients, *r.SIRET+": "+of(r.Money))
		}
		c, _, err := operate.Settled(t.Context(), d.owner, f, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c {
			settled = append(settled, strings.TrimSpace(s.Settled+" "+s.Days.Decimal.String())+": "+of(s.Money))
		}
		return open, recipients, settled
	}
	open, recipients, settled := look(operate.MoneyFilter{})
	compare(t, "open", open, []string{
		"not_started: 2 200.00 EUR late 0 interest 0.00 indemnity 0",
		"stopped: 1 600.00 EUR late 0 interest 0.00 indemnity 0",
		"in_time: 1 200.00 EUR late 0 interest 0.00 indemnity 0",
		"due_soon: 4 2100.00 EUR late 0 interest 0.00 indemnity 0",
		// 1200 × 15 × 10.15 % / 365 = 5.0055, 700 × 1 × … = 0.1947, 800 × 10 × … = 2.2247; the credit note of 50 costs nothing.
		"late_30: 4 2650.00 EUR late 3 interest 7.42 indemnity 120",
		"late_30: 1 60.00 USD late 1 interest 0.25 indemnity 40",
		"late_more: 1 999.99 EUR late 1 interest 27.81 indemnity 40",
	})
	compare(t, "by recipient", recipients, []string{
		"11111111100011: 9 4100.00 EUR late 2 interest 2.41 indemnity 80",
		"22222222200022: 3 2149.99 EUR late 2 interest 32.82 indemnity 80",
		"33333333300033: 1 500.00 EUR late 0 interest 0.00 indemnity 0",
	})
	compare(t, "settled", settled, []string{
		"paid 35: 2 3000.00 EUR late 1 interest 5.56 indemnity 40",
		"quiet 0: 1 40.00 EUR late 0 interest 0.00 indemnity 0",
		"given_up 0: 1 20.00 EUR late 0 interest 0.00 indemnity 0",
		"deleted 0: 1 30.00 EUR late 0 interest 0.00 indemnity 0",
	})
	open, _, settled = look(operate.MoneyFilter{
		Recipient: "222222222", Account: "default", ECBRate: decimal.NullDecimal{Decimal: decimal.RequireFromString("4"), Valid: true},
		Since: time.Now().AddDate(0, 0, -40), Until: time.Now().AddDate(0, 0, -15),
	})
	compare(t, "open of one recipient", open, []string{
		"late_30: 2 1150.00 EUR late 1 interest 5.92 indemnity 40",
		"late_30: 1 60.00 USD late 1 interest 0.30 indemnity 40",
		"late_more: 1 999.99 EUR late 1 interest 32.88 indemnity 40",
	})
	compare(t, "settled in a period", settled, []string{
		"paid 149.5: 2 1010.00 EUR late 1 interest 0.79 indemnity 40",
		"quiet 0: 1 40.00 EUR late 0 interest 0.00 indemnity 0",
	})
	if lines, err := operate.MoneyLines(t.Context(), d.owner, operate.MoneyFilter{}, 1000); err != nil || len(lines) != 19 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

// TestMoneyOfAccounts: a login that is mapped to one account sees its money and no other, and an application sees none.
func TestMoneyOfAccounts(t *testing.T) {
	d := newDesk(t)
	d.script(`INSERT INTO chorus.accounts (name) VALUES ('lyon')`,
		walk("OURS", "100.00", "11111111100011", "MISE_A_DISPOSITION", 1), walk("THEIRS", "1000.00", "11111111100011", "MISE_A_DISPOSITION", 1),
		`SET LOCAL session_replication_role = replica`, `UPDATE chorus.invoices SET account = 'lyon' WHERE external_ref = 'THEIRS'`)
	operator, err := store.Connect(t.Context(), d.db.OperatorURL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	sum := func() string {
		t.Helper()
		_, list, err := operate.Open(t.Context(), operator, operate.MoneyFilter{}, 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return list[0].Amount.String()
	}
	if got := sum(); got != "1100" {
		t.Errorf("who sees all sees %s", got)
	}
	if _, err := d.owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ($1, 'default')`, operator.Config().ConnConfig.User); err != nil {
		t.Fatal(err)
	}
	if got := sum(); got != "100" {
		t.Errorf("who is mapped to default sees %s", got)
	}
	app, err := store.Connect(t.Context(), d.db.AppURL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if _, _, err := operate.Settled(t.Context(), app, operate.MoneyFilter{}, 0); store.SQLState(err) != "42501" {
		t.Errorf("an application reads the view: %v", err)
	}
}

// TestClockFromHistory: the portal's own history corrects when the recipient was told.
func TestClockFromHistory(t *testing.T) {
	d := newDesk(t)
	d.script(walk("F-1", "100.00", "11111111100011", "SUSPENDUE", 5), `UPDATE chorus.invoices SET claim = 7, claimed_until = 'infinity'`)
	if _, err := d.owner.Exec(t.Context(), `
		SELECT chorus.earlier_statuts(1, 7, '{MISE_A_DISPOSITION,A_RECYCLER,MISE_A_DISPOSITION,MISE_A_DISPOSITION}',
		    ARRAY[now() - interval '40 days', now() - interval '30 days', now() - interval '20 days', now() - interval '10 days'], '{"","","",""}')`); err != nil {
		t.Fatal(err)
	}
	var ago int
	if err := d.owner.QueryRow(t.Context(), `SELECT (now() AT TIME ZONE 'Europe/Paris')::date - available_on FROM chorus.invoices`).Scan(&ago); err != nil || ago != 20 {
		t.Errorf("told %d days ago, %v", ago, err)
	}
}

// A row whose days or amount nobody can reckon with hides no other, and costs nobody interest of two thousand years. What the portal or a worker's login writes by the rules starts the clock today.
func TestMoneyWithoutBounds(t *testing.T) {
	d := newDesk(t)
	d.script(walk("GOOD", "100.00", "11111111100011", "MISE_A_DISPOSITION", 40))
	for k, day := range []string{"infinity", "-infinity", "4000-01-01 BC", "0001-01-01", "9999-12-31", "294000-12-31"} {
		number := fmt.Sprint("BY THE RULES ", k)
		d.script(walk(number, "1500.00", "11111111100011"),
			`UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'MISE_A_DISPOSITION', statut_courant_date = '`+day+`' WHERE external_ref = '`+number+`'`)
		number = fmt.Sprint("PAID ", k)
		d.script(walk(number, "1500.00", "11111111100011", "MISE_A_DISPOSITION", 50),
			`UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = '`+day+`' WHERE external_ref = '`+number+`'`)
		if strings.Contains(day, "infinity") {
			d.script(walk(fmt.Sprint("PAST THE RULES ", k), "1", "11111111100011", "SUSPENDUE", 40), `SET LOCAL session_replication_role = replica`,
				`UPDATE chorus.invoices SET available_on = '`+day+`', date_facture = '`+day+`', montant_ttc = 'NaN' WHERE external_ref = 'PAST THE RULES `+fmt.Sprint(k)+`'`)
		}
	}
	lines, err := operate.MoneyLines(t.Context(), d.owner, operate.MoneyFilter{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, l := range lines {
		if strings.HasPrefix(*l.Numero, "BY THE RULES") {
			seen++
			if l.AvailableOn == nil || time.Since(l.AvailableOn.Time).Abs() > 48*time.Hour || l.Interest.Valid {
				t.Errorf("%s: available on %v, interest %v", *l.Numero, l.AvailableOn, l.Interest.Decimal)
			}
		}
	}
	if seen != 6 {
		t.Errorf("%d lines of 6", seen)
	}
	open, _, err := operate.Open(t.Context(), d.owner, operate.MoneyFilter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range open {
		if o.Stage == "late_30" && of(o.Money) != "1 100.00 EUR late 1 interest 0.28 indemnity 40" {
			t.Errorf("%s: %s", o.Stage, of(o.Money))
		}
	}
	if _, _, err := operate.Settled(t.Context(), d.owner, operate.MoneyFilter{Since: time.Unix(0, 0)}, 0); err != nil {
		t.Error(err)
	}
	if _, err := d.owner.Exec(t.Context(), `SELECT sum(interest), max(days_late) FROM chorus.money`); err != nil {
		t.Error(err)
	}
}

// TestADayIsInOneLetter: what was settled is in the letter of the first morning after its day, and in no other.
func TestADayIsInOneLetter(t *testing.T) {
	d := newDesk(t)
	for days, amount := range map[int]string{0: "1.00", 1: "20.00", 2: "300.00"} {
		d.script(walk("DAY "+amount, amount, "11111111100011", "MISE_A_DISPOSITION", 5, "MISE_EN_PAIEMENT", days))
	}
	for age, want := range map[time.Duration]string{24 * time.Hour: "20", 48 * time.Hour: "320"} {
		letter, err := operate.ReadDigest(t.Context(), d.owner, "", age, 10)
		if err != nil || len(letter.Settled) != 1 || letter.Settled[0].Amount.String() != want {
			t.Errorf("of %s: %+v, %v; wanted %s", age, letter.Settled, err, want)
		}
	}
}
