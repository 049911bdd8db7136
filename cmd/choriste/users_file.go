package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/console"
)

// Who may reach the console (docs/console.md): the file of CHORISTE_USERS_FILE, the certificate, and what an address that others reach asks for.

// mostUsers is how many people a file has at most.
const mostUsers = 1000

// The values of CHORISTE_CONSOLE.
const (
	consoleAuto    = "auto"    // without sign-in on this machine, with sign-in and TLS elsewhere
	consoleProxied = "proxied" // with sign-in; TLS ends before it
	consoleOpen    = "open"    // whoever reaches the address sees every page
	consoleOff     = "off"     // probes and metrics alone
)

// usersFile is the reading of the file of users.
type usersFile struct {
	yamlFile
	users   []console.User
	groups  []console.Group
	proxied bool // a proxy names people: they need no password

	confined bool // somebody may see some accounts only
}

// configureConsole reads who may sign in, and refuses an address that others reach and that nothing protects.
func (s *settings) configureConsole(getenv func(string) string) []error {
	f := usersFile{yamlFile: yamlFile{path: getenv("CHORISTE_USERS_FILE"), getenv: getenv}, proxied: s.Header.Name != ""}
	if f.path != "" {
		f.files = append(f.files, watch(f.path))
		f.read()
		s.Users, s.Groups = append([]console.User{}, f.users...), f.groups
		if len(f.groups) > 0 && s.OpenID.Issuer == "" && s.Header.Groups == "" {
			f.problems = append(f.problems, fmt.Errorf("%s has groups, and neither CHORISTE_OPENID_ISSUER nor CHORISTE_SIGNIN_GROUPS is set: nobody has any", f.path))
		}
	}
	if f.confined && s.ConsoleURL == "" {
		f.problems = append(f.problems, fmt.Errorf("%s confines people to accounts, and CHORISTE_CONSOLE_DATABASE_URL is not set: who sees some accounts only reads through that login, because the worker's sees all", f.path))
	}
	if s.SecondPerson && (s.OpenID.Issuer != "" || s.Header.Name != "") {
		for _, u := range f.users {
			if u.Hash != "" && u.Role != console.Reader && u.KnownAs == nil {
				f.problems = append(f.problems, fmt.Errorf("%s: user %s may sign in in two ways, and CHORISTE_SECOND_PERSON is resubmit: say under known_as what the provider or the proxy calls this person, or known_as: [] for nothing", f.path, u.Name))
			}
		}
	}
	problems := append(f.problems, s.configureSignIn(getenv)...)
	for _, name := range []string{"CHORISTE_TLS_CERT", "CHORISTE_TLS_KEY_FILE"} {
		if v := getenv(name); v != "" {
			f.files = append(f.files, watch(v))
		}
	}
	s.files = append(s.files, f.files...)
	if (s.TLSCert == "") != (s.TLSKey == "") {
		problems = append(problems, errors.New("CHORISTE_TLS_CERT and CHORISTE_TLS_KEY go together: set both or neither"))
	} else if s.TLSCert != "" {
		pair, err := readPair(s.TLSCert, s.TLSKey)
		if err != nil {
			problems = append(problems, err)
		}
		s.Certificate = pair
	}
	switch {
	case s.Console == consoleProxied && f.path == "":
		problems = append(problems, errors.New("CHORISTE_CONSOLE is proxied, and CHORISTE_USERS_FILE is not set: nobody would be asked who he is"))
	case (s.Console == consoleAuto || s.Console == "") && s.Listen != "" && !loopback(s.Listen) && (f.path == "" || s.TLSCert == ""):
		problems = append(problems, fmt.Errorf("CHORISTE_LISTEN %s can be reached from other machines: set CHORISTE_USERS_FILE, CHORISTE_TLS_CERT and CHORISTE_TLS_KEY, or CHORISTE_CONSOLE to "+
			"proxied (sign-in here, TLS ends before it), off (probes and metrics alone) or open (whoever reaches it sees every page)", s.Listen))
	}
	if s.ConsoleURL != "" && f.path == "" && s.Listen != "" && !loopback(s.Listen) {
		problems = append(problems, errors.New("CHORISTE_CONSOLE_DATABASE_URL lets people act, and CHORISTE_USERS_FILE is not set: nobody would be asked who he is"))
	}
	return problems
}

// loopback tells that an address leads to this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}

// mostCertificate is more than any chain of certificates has, in bytes.
const mostCertificate = 1 << 20

func readPair(file string, key chorus.Secret) (*tls.Certificate, error) {
	in, info, err := openRegular(file)
	if err != nil {
		return nil, fmt.Errorf("CHORISTE_TLS_CERT: %w", err)
	}
	_ = in.Close()
	if info.Size() > mostCertificate {
		return nil, fmt.Errorf("CHORISTE_TLS_CERT: the file is larger than %d bytes", mostCertificate)
	}
	cert, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, errors.New("CHORISTE_TLS_CERT: the file cannot be read")
	}
	pair, err := tls.X509KeyPair(cert, []byte(key.Reveal()))
	if err != nil { // its text may quote the key
		return nil, errors.New("CHORISTE_TLS_CERT and CHORISTE_TLS_KEY are no certificate in PEM and its key")
	}
	return &pair, nil
}

func (f *usersFile) read() {
	if _, info, err := openRegular(f.path); err == nil && info.Mode().Perm()&^mostMode(f.getenv, f.path) != 0 {
		f.problems = append(f.problems, fmt.Errorf("CHORISTE_USERS_FILE: others may read the file (mode %04o): chmod 600 it", info.Mode().Perm()))
		return
	}
	said := false // nobody may sign in, where the file says so in words: one that was cut off does not
	each := func(key string, read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			said = true
			list := f.list(n, key)
			if len(list) > mostUsers {
				f.wrong(n, "there are %d %s: at most %d are taken", len(list), key, mostUsers)
				return
			}
			for _, item := range list {
				read(item)
			}
		}
	}
	f.document("CHORISTE_USERS_FILE", map[string]func(*yaml.Node){"users": each("users", f.user), "groups": each("groups", f.group)})
	if !said && len(f.problems) == 0 {
		f.problems = append(f.problems, fmt.Errorf("%s: users is missing; users: [] lets nobody in", f.path))
	}
}

// mostGroup is how many bytes the name of a group has at most.
const mostGroup = 256

func (f *usersFile) group(n *yaml.Node) {
	var name, role string
	var accounts []string
	before := len(f.problems)
	f.fields(n, "a group", map[string]func(*yaml.Node){"name": f.text("name", &name), "role": f.text("role", &role), "accounts": f.accounts(&accounts)})
	if len(f.problems) > before {
		return
	}
	switch {
	case name == "" || len(name) > mostGroup || !console.CleanName(name) || name != strings.TrimSpace(name):
		f.wrong(n, "a group needs a name, of at most %d bytes that are seen", mostGroup)
	case slices.ContainsFunc(f.groups, func(g console.Group) bool { return g.Name == name }):
		f.wrong(n, "there is a group %s already", name)
	case !slices.Contains(console.Roles, console.Role(role)):
		f.wrong(n, "group %s needs a role: reader, operator or administrator", name)
	default:
		f.groups = append(f.groups, console.Group{Name: name, Role: console.Role(role), Accounts: accounts})
	}
}

func (f *usersFile) user(n *yaml.Node) {
	var name, role, hash string
	var accounts, known []string
	before := len(f.problems)
	f.fields(n, "a user", map[string]func(*yaml.Node){
		"name": f.text("name", &name),
		"role": f.text("role", &role),
		"hash": f.formed("hash", &hash, console.CheckHash),

		"accounts": f.accounts(&accounts),
		"known_as": f.knownAs(&known),
	})
	if len(f.problems) > before {
		return
	}
	switch {
	case !accountName.MatchString(name) && !(f.proxied && hash == "" && proxyName(name)):
		f.wrong(n, "a user needs a name, of letters, digits, _ . -")
	case slices.ContainsFunc(f.users, func(u console.User) bool { return u.Name == name }):
		f.wrong(n, "there is a user %s already", name)
	case !slices.Contains(console.Roles, console.Role(role)):
		f.wrong(n, "user %s needs a role: reader, operator or administrator", name)
	case hash == "" && !f.proxied:
		f.wrong(n, "user %s needs a hash: choriste password makes it", name)
	default:
		f.users = append(f.users, console.User{Name: name, Role: console.Role(role), Accounts: accounts, KnownAs: known, Hash: hash})
	}
}

// mostAccountsOf is how many accounts a person, or a group, is confined to at most.
const mostAccountsOf = 200

// accounts reads the accounts that somebody is confined to. None is a mistake: who is to see nothing has no role.
func (f *usersFile) accounts(into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		f.confined = true
		for _, item := range f.list(n, "accounts") {
			var name string
			f.text("accounts", &name)(item)
			switch {
			case name == "": // said
			case !accountName.MatchString(name):
				f.wrong(item, "accounts: an account's name has letters, digits, _ . -")
			case slices.Contains(*into, name):
				f.wrong(item, "accounts names %s twice", name)
			default:
				*into = append(*into, name)
			}
		}
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 || len(*into) > mostAccountsOf {
			f.wrong(n, "accounts names at least 1 account and at most %d; without it, the role holds for all", mostAccountsOf)
		}
	}
}

// mostNames is how many other names somebody has at most.
const mostNames = 20

// knownAs reads what else the same person is called; an empty list says that he is nothing else.
func (f *usersFile) knownAs(into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = []string{}
		for _, item := range f.list(n, "known_as") {
			var name string
			if f.text("known_as", &name)(item); name == "" {
				continue // said
			}
			if len(name) > mostGroup || !console.CleanName(name) || len(*into) >= mostNames {
				f.wrong(item, "known_as has at most %d names, of at most %d bytes that are seen", mostNames, mostGroup)
				return
			}
			*into = append(*into, name)
		}
	}
}

// proxyName is the form of a name that a proxy may say.
func proxyName(name string) bool {
	return name != "" && len(name) <= console.MostHeader && console.CleanName(name) && name == strings.TrimSpace(name) && !strings.Contains(name, ",")
}
