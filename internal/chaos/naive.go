package chaos

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/choriste/choriste/internal/lab/naive"
)

// naiveFleet prepares the tables and says how a naive worker is started.
func (t *trial) naiveFleet(ctx context.Context) (*naive.Queue, func(int) *exec.Cmd, error) {
	if _, err := t.pool.Exec(ctx, naive.Schema); err != nil {
		return nil, nil, err
	}
	queue, err := naive.NewQueue()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	t.in.url = t.url // it writes River's tables too
	setup := naive.Setup{
		Database: withLogin(t.url, "chaos_worker", t.secrets.Database), API: t.portal.API, Token: t.portal.Token,
		ClientID: t.secrets.ClientID, ClientSecret: t.secrets.ClientSecret, Account: t.secrets.Login + ":" + t.secrets.Password,
		AtOnce: 10, Cooldown: 100 * time.Millisecond,
	}
	return queue, func(int) *exec.Cmd {
		cmd := exec.Command(self, naive.Command)
		cmd.Env = append(os.Environ(), setup.Environment()...)
		return cmd
	}, nil
}

// naiveLineSQL is lineSQL for the naive worker, which tells nothing of what it does.
const naiveLineSQL = `
	SELECT count(*), count(*) FILTER (WHERE acknowledged), count(*) FILTER (WHERE held), 0, 0, 0, 0, count(*) FILTER (WHERE acknowledged AND NOT held)
	FROM (SELECT x.acknowledged, EXISTS (SELECT FROM chaos.held h WHERE h.key = x.key) AS held FROM chaos.inserts x) i`
