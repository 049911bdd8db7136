package chorustest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says what to simulate. The zero value is a calm portal that integrates within a few milliseconds,
// shows invoices at once, and leaves their statut alone.
type Config struct {
	Listen string // API and token door, default 127.0.0.1:0
	Manage string // management door, default 127.0.0.1:0

	Seed    uint64
	Profile string // calm (default), hostile or late
	Quota   int    // requests per second and client, default 20; negative = none

	Ledger string // file; "" = in memory, gone at the end
	NoSync bool   // do not wait for the disk: survives a killed process, not a power cut

	Clients    []Client  // default DefaultClient
	Accounts   []Account // default DefaultAccount
	Structures []Structure

	// KnownSuppliersOnly refuses invoices of suppliers that are not among the structures. Otherwise a SIRET
	// that is not known yet is registered by its first invoice.
	KnownSuppliersOnly bool
	// AcceptDuplicates switches the uniqueness of year, SIREN and number off: assumption U of the design.
	// A harness that looks for double deposits wants it so, or the portal hides them.
	AcceptDuplicates bool
	// AcceptFutureDates takes invoices that are dated later than their deposit: a harness has no days to let pass.
	AcceptFutureDates bool

	// Virtual times.
	Hidden      time.Duration // a report is "introuvable" for so long after the deposit; default 2 ms
	Integration time.Duration // a deposit is integrated within (half of it at least); default 8 ms
	Visibility  time.Duration // V: search lags the deposit by up to this, drawn for each; default 0
	LagFrom     time.Duration // the search shows each integration and each statut so much later at least,
	Lag         time.Duration // and so much at most, drawn for each: a later one may show before an earlier one; see also Sim.SetLag
	Step        time.Duration // from one statut to the next; 0, or below = only when moved by hand
	Late        time.Duration // commit_late lands between half of this and this after arrival; default 2 min
	LateAfterD  time.Duration // late_after_D lands so long after arrival; default 20 min
	TokenLife   time.Duration // default 3600 s

	HangFor time.Duration // real time that a hanging answer holds a connection, default 5 min

	MaxPage          int    // most rows granted per page, default 100
	Empty            string // how an empty search answers: codeRetour "20000" (default), "0", or by "turns" (default of the hostile profile)
	SubstringNumbers bool   // the search matches numeroFacture anywhere, not exactly [G: unknown]

	// What the search makes of periodeDateHeureEtatCourant [G: unknown]; see also Sim.Periods.
	PeriodsByDay   bool          // ignores the time of day
	PeriodsIgnored bool          // ignores it
	PeriodsShift   time.Duration // takes changes for so much later than it says they were, as in another zone

	Scripts map[string][]Move // by invoice number, * for every other: the statuts after DEPOSEE

	// Scenario is played from the start, and again after a reset. What the fields above say comes before it.
	Scenario *Scenario

	Swagger            []string // official Swagger 2.0 files to check requests against
	TolerateViolations bool     // New does not fail the test for malformed requests

	// Tolerant takes what is only guessed to be refused, and records it (GET /tolerated).
	Tolerant bool
	// Log is called with one line for each request, when it has been answered; nil: nobody wants to know.
	Log func(line string)
	// Hosts are names by which browsers may call the management door, beside addresses, localhost and names without a dot.
	Hosts []string
}

// Client is a PISTE application.
type Client struct {
	ID, Secret   string
	Unsubscribed []string // APIs not ticked in PISTE: factures, transverses, structures, utilisateurs, engagementsJuridiques
}

// Account is a technical account of Chorus Pro.
type Account struct {
	Login, Password string
	Structures      []string  // SIRETs of the supplier structures it is attached to; empty = every one
	Expires         time.Time // of the password; default 424 days after the start
	Locked          bool
}

// The credentials that a simulator accepts when none are given.
var (
	DefaultClient  = Client{ID: "sim", Secret: "sim-secret"}
	DefaultAccount = Account{Login: "TECH_SIM@cpro.fr", Password: "sim-password"}
)

// UsageError says that a Config asks for something that does not exist. Field is the flag's name.
type UsageError struct{ Field, Reason string }

func (e *UsageError) Error() string { return e.Field + " " + e.Reason }

// check looks at what defaults has left.
func (c *Config) check() error {
	for name, d := range map[string]time.Duration{
		"hidden": c.Hidden, "integration": c.Integration, "visibility": c.Visibility, "lag-from": c.LagFrom, "lag": c.Lag, "late": c.Late,
		"late-after-d": c.LateAfterD, "token-life": c.TokenLife, "hang-for": c.HangFor,
	} {
		if d < 0 {
			return &UsageError{name, fmt.Sprintf("is %v: below nothing", d)}
		}
	}
	switch {
	case c.LagFrom > c.Lag:
		return &UsageError{"lag-from", fmt.Sprintf("is %v, and lag, which is the most, %v", c.LagFrom, c.Lag)}
	case !slices.Contains(profiles, c.Profile):
		return &UsageError{"profile", fmt.Sprintf("%q is none of %s", c.Profile, strings.Join(profiles, ", "))}
	case c.Empty != "0" && c.Empty != "20000" && c.Empty != "turns":
		return &UsageError{"empty", fmt.Sprintf("%q is none of 0, 20000, turns", c.Empty)}
	case c.MaxPage < 1:
		return &UsageError{"max-page", fmt.Sprintf("is %d: no row at all", c.MaxPage)}
	}
	return nil
}

func (c *Config) defaults() {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	text(&c.Listen, "127.0.0.1:0")
	text(&c.Manage, "127.0.0.1:0")
	text(&c.Profile, "calm")
	if c.Profile == "hostile" {
		text(&c.Empty, "turns")
	}
	text(&c.Empty, "20000")
	if c.Quota == 0 {
		c.Quota = 20
	}
	if c.MaxPage == 0 {
		c.MaxPage = 100
	}
	if len(c.Clients) == 0 {
		c.Clients = []Client{DefaultClient}
	}
	if len(c.Accounts) == 0 {
		c.Accounts = []Account{DefaultAccount}
	}
	duration(&c.Hidden, 2*time.Millisecond)
	duration(&c.Integration, 8*time.Millisecond)
	duration(&c.Late, 2*time.Minute)
	duration(&c.LateAfterD, 20*time.Minute)
	duration(&c.TokenLife, time.Hour)
	duration(&c.HangFor, 5*time.Minute)
}
