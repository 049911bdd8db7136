package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// selection is the filter that list and retry share.
type selection struct {
	State      []string `help:"Only these states." enum:"received,invalid,ready,sending,in_doubt,parked,deposited,integrated,rejected,settled,cancelled,abandoned" placeholder:"STATE"`
	Account    string   `help:"Only this account."`
	ReasonCode string   `name:"reason-code" help:"Only with this reason code."`
	Numero     string   `help:"Only this invoice number (BT-1)."`
	Ref        string   `help:"Only this external_ref."`
	Statut     string   `help:"Only with this status at Chorus Pro, as SUSPENDUE."`
	Recipient  string   `help:"Only to this recipient (BT-47): its SIRET, or the SIREN of all its establishments." placeholder:"SIRET"`
	Supplier   string   `help:"Only of this supplier (BT-30): its SIRET or SIREN." placeholder:"SIRET"`
	Since      string   `help:"Only inserted on this day of Paris or later, as 2026-11-01." placeholder:"DAY"`
	OlderThan  string   `help:"Only inserted longer ago than this, as 30d or 12h." placeholder:"AGE"`
	Unpaid     bool     `help:"Only what Chorus Pro holds and nobody has paid: deposited and integrated."`
}

// nothing tells that the selection selects everything.
func (s selection) nothing() bool {
	return len(s.State) == 0 && !s.Unpaid && s.Account+s.ReasonCode+s.Numero+s.Ref+s.Statut+s.Recipient+s.Supplier+s.Since+s.OlderThan == ""
}

// digits are the lengths of a SIREN and a SIRET.
var digits = regexp.MustCompile(`^([0-9]{9}|[0-9]{14})$`)

// age reads a number of days or hours.
func age(text string) (time.Duration, error) {
	n, err := strconv.Atoi(strings.TrimRight(text, "dh"))
	if unit := strings.TrimLeft(text, "0123456789"); err == nil && n <= 36500 && (unit == "d" || unit == "h") {
		return time.Duration(n) * map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour}[unit], nil
	}
	return 0, usageError{fmt.Errorf("--older-than: %q is not an age as 30d or 12h", text)}
}

// narrow reads what is neither a name nor a code.
func (s selection) narrow(f *store.Filter) (err error) {
	for flag, siret := range map[string]string{"--recipient": s.Recipient, "--supplier": s.Supplier} {
		if siret != "" && !digits.MatchString(siret) {
			return usageError{fmt.Errorf("%s: %q is neither a SIRET (14 digits) nor a SIREN (9)", flag, siret)}
		}
	}
	f.Recipient, f.Supplier = s.Recipient, s.Supplier
	if f.Since, err = dayOf("--since", s.Since); err != nil {
		return err
	}
	if s.OlderThan != "" {
		f.OlderThan, err = age(s.OlderThan)
	}
	if s.Unpaid {
		if len(s.State) > 0 {
			return usageError{errors.New("--unpaid stands for states: give it without --state")}
		}
		f.States = []store.State{store.Deposited, store.Integrated}
	}
	return err
}

// filter reads the selection. A value that no invoice can have is an error that lists the right ones: an empty list would look like good news.
func (s selection) filter(ctx context.Context, st *store.Store) (store.Filter, error) {
	f := store.Filter{Account: s.Account, ReasonCode: s.ReasonCode, Numero: s.Numero, Ref: s.Ref, Statut: s.Statut}
	for _, state := range s.State {
		f.States = append(f.States, store.State(state))
	}
	if err := s.narrow(&f); err != nil {
		return f, err
	}
	if s.Account+s.Statut+s.ReasonCode == "" {
		return f, nil
	}
	accounts, statuts, err := st.Known(ctx)
	if err != nil {
		return f, err
	}
	for _, x := range []struct {
		what, value string
		known       []string
		alone       store.Filter
	}{
		{"account", s.Account, accounts, store.Filter{Account: s.Account}},
		{"status", s.Statut, statuts, store.Filter{Statut: s.Statut}},
		{"reason code", s.ReasonCode, reasonCodes, store.Filter{ReasonCode: s.ReasonCode}},
	} {
		if x.value == "" || slices.Contains(x.known, x.value) {
			continue
		}
		x.alone.Limit = 1
		switch some, err := st.List(ctx, x.alone); { // a value that Chorus Pro has brought
		case err != nil:
			return f, err
		case len(some) == 0:
			return f, among(x.what, x.value, x.known)
		}
	}
	return f, nil
}

// mostListed is how many values an error lists.
const mostListed = 100

// among says which values there are, for one that is none of them.
func among(what, value string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("there is no %s %s, and no other", what, value)
	}
	if len(known) > mostListed {
		return fmt.Errorf("there is no %s %s: the nearest is %s (docs/states.md and docs/rules.md have all)", what, value, operate.Nearest(cutText(value, 40), known))
	}
	return fmt.Errorf("there is no %s %s: there are %s", what, value, strings.Join(known, ", "))
}

// reasonCodes are those of the dictionary and those of rules, sorted.
var reasonCodes = operate.ReasonCodes()

// mostRows is as much as one command lists or acts on.
const mostRows = 1_000_000

// within refuses a --limit that is none.
func within(limit int) error {
	if limit < 1 || limit > mostRows {
		return fmt.Errorf("--limit must be from 1 to %d", mostRows)
	}
	return nil
}
