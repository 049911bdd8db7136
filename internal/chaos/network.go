package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/choriste/choriste/internal/lab/tcpproxy"
)

// network is what lies between the workers and the rest of the world: a way to the database for each worker, and one to the portal for all, since workers
// that name the portal differently would be workers of different portals.
type network struct {
	database   []*tcpproxy.Proxy // by slot
	portal     *tcpproxy.Proxy
	API, Token string // the portal's addresses on this way
}

func newNetwork(workers int, database string, p *portal) (n network, err error) {
	db, err := url.Parse(database)
	if err != nil {
		return n, err
	}
	for range workers {
		way, err := tcpproxy.Start("tcp", db.Host)
		if err != nil {
			return n, err
		}
		n.database = append(n.database, way)
	}
	api, err := url.Parse(p.API)
	if err != nil {
		return n, err
	}
	token, err := url.Parse(p.Token)
	if err != nil {
		return n, err
	}
	if api.Host != token.Host {
		return n, fmt.Errorf("the portal has its tokens at %s and the rest at %s: one way is laid", token.Host, api.Host)
	}
	if n.portal, err = tcpproxy.Start("tcp", api.Host); err != nil {
		return n, err
	}
	api.Host, token.Host = n.portal.Addr(), n.portal.Addr()
	n.API, n.Token = api.String(), token.String()
	return n, nil
}

func (n network) close() {
	for _, way := range n.database {
		way.Close()
	}
	if n.portal != nil {
		n.portal.Close()
	}
}

// blackedOut is how long a worker is cut off from its database: longer than /readyz may take to say so.
const blackedOut = 36 * time.Second

// blackholeDatabase breaks the ways to the database of up to three workers at once, each in another manner: nothing gets through for a while; what is open
// is dead, while new connections work; what is open stands still for a while.
func (t *trial) blackholeDatabase(ctx context.Context) error {
	began := time.Now()
	slots := t.hit(3)
	since := t.markLogs()
	for k, slot := range slots {
		way := t.network.database[slot]
		switch k {
		case 0:
			way.BlackHoleAll()
		case 1:
			way.BlackHole(tcpproxy.Every)
		case 2:
			way.Freeze(tcpproxy.Every)
		}
	}
	recorded := make(chan error, len(slots))
	for k, slot := range slots {
		go func() {
			end := began // dead connections: it works again when it has seen so
			switch k {
			case 0:
				if err := pause(ctx, blackedOut); err != nil {
					recorded <- err
					return
				}
				if err := t.network.database[slot].Pass(); err != nil {
					recorded <- err
					return
				}
				end = time.Now()
			case 2:
				if err := pause(ctx, blackedOut/2); err != nil {
					recorded <- err
					return
				}
				t.network.database[slot].Thaw()
			}
			t.cutOff(cut{slot: slot, began: began, ended: time.Now(), whole: k == 0})
			err := t.record(ctx, played{name: []string{"blackhole-database", "dead connections", "frozen connections"}[k], began: began, ended: end, slot: slot})
			t.cutOff(cut{slot: slot, began: began, ended: time.Now()})
			recorded <- err
		}()
	}
	var all error
	for range slots {
		all = errors.Join(all, <-recorded)
	}
	if err := t.listen("cut off from the database", since, began, fewLines); err != nil {
		return err
	}
	return all
}

// blackholePortal lets nothing through to the portal for a while. What was open then is dead for ever.
func (t *trial) blackholePortal(ctx context.Context) error {
	began := time.Now()
	t.network.portal.BlackHoleAll()
	if err := pause(ctx, 3*tHTTP); err != nil {
		return err
	}
	if err := t.network.portal.Pass(); err != nil {
		return err
	}
	return t.record(ctx, played{name: "blackhole-portal", began: began, slot: everyone})
}

// slow makes one worker's way to the database and everybody's way to the portal long and narrow. Deposits go on.
func (t *trial) slow(ctx context.Context) error {
	began := time.Now()
	for _, slot := range t.hit(1) {
		t.network.database[slot].Slow(20*time.Millisecond, 1<<20)
		defer t.network.database[slot].Slow(0, 0)
	}
	t.network.portal.Slow(100*time.Millisecond, 256<<10)
	defer t.network.portal.Slow(0, 0)
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	return t.record(ctx, played{name: "slow", began: began, ended: began, slot: everyone, still: true})
}
