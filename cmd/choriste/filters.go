package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/choriste/choriste/chorus/answers"
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
}

// filter reads the selection. A value that no invoice can have is an error that lists the right ones: an empty list would look like good news.
func (s selection) filter(ctx context.Context, st *store.Store) (store.Filter, error) {
	f := store.Filter{Account: s.Account, ReasonCode: s.ReasonCode, Numero: s.Numero, Ref: s.Ref, Statut: s.Statut}
	for _, state := range s.State {
		f.States = append(f.States, store.State(state))
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

// among says which values there are, for one that is none of them.
func among(what, value string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("there is no %s %s, and no other", what, value)
	}
	return fmt.Errorf("there is no %s %s: there are %s", what, value, strings.Join(known, ", "))
}

// reasonCodes are those of the dictionary and those of rules, sorted.
var reasonCodes = slices.Sorted(slices.Values(append(answers.Codes(answers.Reason), ruleCodes()...)))
