package chorustest

import (
	"fmt"
	"net/http"
	"time"
)

// POST /revoke {"client":"sim"}, or {} for all.
func (s *Sim) postRevoke(r *http.Request) (any, error) {
	var in struct {
		Client string `json:"client"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	known := in.Client == "" || s.clients[in.Client] != nil
	s.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("client: there is no application %.60q", in.Client)
	}
	s.Revoke(in.Client)
	return object{}, nil
}

// POST /accounts {"login":…,"password":…,"locked":false,"expires":"2027-01-01","structures":[…]}
func (s *Sim) postAccount(r *http.Request) (any, error) {
	var in struct {
		Login      string    `json:"login"`
		Password   *string   `json:"password"`
		Locked     *bool     `json:"locked"`
		Expires    *string   `json:"expires"`
		Structures *[]string `json:"structures"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Login == "" {
		return nil, fmt.Errorf("login is missing")
	}
	var expires time.Time
	if in.Expires != nil {
		var ok bool
		if expires, _, ok = parseDate(*in.Expires); !ok {
			return nil, fmt.Errorf("expires: %q is not a date", *in.Expires)
		}
	}
	if in.Structures != nil {
		for _, siret := range *in.Structures {
			if !siretForm.MatchString(siret) {
				return nil, fmt.Errorf("structures: %.40q is not a SIRET of 14 digits", siret)
			}
		}
	}
	err := s.SetAccount(in.Login, func(a *Account) {
		if in.Password != nil {
			a.Password = *in.Password
		}
		if in.Locked != nil {
			a.Locked = *in.Locked
		}
		if in.Expires != nil {
			a.Expires = expires
		}
		if in.Structures != nil {
			a.Structures = *in.Structures
		}
	})
	return object{"login": in.Login}, err
}

// SetAccount adds or changes a technical account and forgives its failures. It is not in the ledger.
func (s *Sim) SetAccount(login string, change func(*Account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[login]
	if a == nil {
		a = &account{Account: Account{Login: login, Expires: defaultExpiry(s.now())}}
	}
	updated := a.Account
	change(&updated)
	if updated.Password == "" {
		return fmt.Errorf("account %s has no password", login)
	}
	updated.Login = login
	s.accounts[login] = &account{Account: updated}
	s.attach(updated)
	return nil
}

// SetClient adds or changes a PISTE application: a new secret ends the old one at once, tokens that were given live on. It is not in the ledger.
func (s *Sim) SetClient(id string, change func(*Client)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	updated := Client{ID: id}
	if c := s.clients[id]; c != nil {
		updated = *c
	}
	change(&updated)
	if updated.Secret == "" {
		return fmt.Errorf("client %s has no secret", id)
	}
	updated.ID = id
	s.clients[id] = &updated
	return nil
}
