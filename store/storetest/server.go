package storetest

import (
	"context"
	"net/url"
	"os"
	"strings"
)

// Handle is a server that may or may not be ours.
type Handle struct {
	given   string   // the address from the environment, when there is one
	cluster *Cluster // else our own
}

// Server uses the server that the environment variable names (DATABASE_URL for the demo, TEST_DATABASE_URL for tests),
// and starts a private cluster when it is not set. The address may be a URL or a list of key=value.
func Server(ctx context.Context, environment string, o Options) (*Handle, error) {
	if given := os.Getenv(environment); given != "" {
		return &Handle{given: given}, nil
	}
	cluster, err := Start(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Handle{cluster: cluster}, nil
}

// URL is the way into a database of the server, as the user that the environment names, or as the superuser of a private
// cluster. "" means the database that the environment names, or postgres.
func (h *Handle) URL(database string) string {
	if h.cluster != nil {
		return h.cluster.URL(database)
	}
	if database == "" {
		return h.given
	}
	return WithDatabase(h.given, database)
}

// URLAs is the way into a database of the server as another login.
func (h *Handle) URLAs(database, login, password string) string {
	return withUser(h.URL(database), login, password)
}

// Cluster is the private cluster, or nil when the server belongs to somebody else.
func (h *Handle) Cluster() *Cluster {
	return h.cluster
}

// Stop ends a private cluster, and leaves anybody else's server alone.
func (h *Handle) Stop() error {
	if h.cluster == nil {
		return nil
	}
	return h.cluster.Stop()
}

// withDatabase is the same address with another database. In the list form the last word on a key wins.
func WithDatabase(address, database string) string {
	if u, ok := asURL(address); ok {
		u.Path = "/" + database
		return u.String()
	}
	return address + " dbname=" + database
}

// withUser is the same address with another login.
func withUser(address, name, password string) string {
	if u, ok := asURL(address); ok {
		u.User = url.UserPassword(name, password)
		return u.String()
	}
	return address + " user=" + name + " password=" + password
}

func asURL(address string) (*url.URL, bool) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, false
	}
	u, err := url.Parse(address)
	return u, err == nil
}
