package chaos

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// settings are the environments of the workers. Secrets come in files, as in production.
type settings struct {
	program string
	secrets string                // the folder of the files
	most    uint64                // bytes of address space; 0: any
	common  []string              // of every worker
	ports   []int                 // of each slot
	state   func(slot int) string // its CHORISTE_STATE_DIR; nil: none has one

	mu      sync.Mutex
	changed map[int][]string // what an episode adds for the next lives of a slot; the last word on a name wins
}

func (t *trial) newSettings(bin string) (*settings, error) {
	s := &settings{most: t.cfg.most, program: filepath.Join(bin, "choriste"), secrets: filepath.Join(t.dir, "secrets"), ports: make([]int, t.cfg.Workers), changed: map[int][]string{}}
	if err := os.MkdirAll(s.secrets, 0o700); err != nil {
		return nil, err
	}
	files := map[string]string{"small": t.secrets.SmallPassword, "PISTE_CLIENT_SECRET": t.secrets.ClientSecret, "CHORUS_PASSWORD": t.secrets.Password}
	for slot := range t.cfg.Workers {
		u, err := url.Parse(withLogin(t.url, "chaos_worker", t.secrets.Database))
		if err != nil {
			return nil, err
		}
		u.Host = t.network.database[slot].Addr()
		files[databaseFile(slot)] = u.String()
		if s.ports[slot], err = freePort(); err != nil {
			return nil, err
		}
	}
	for name, text := range files {
		if err := s.secret(name, text); err != nil {
			return nil, err
		}
	}
	s.common = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"CHORUS_API_URL=" + t.network.API, "CHORUS_TOKEN_URL=" + t.network.Token,
		"PISTE_CLIENT_ID=" + t.secrets.ClientID, "CHORUS_LOGIN=" + t.secrets.Login,
		"PISTE_CLIENT_SECRET_FILE=" + filepath.Join(s.secrets, "PISTE_CLIENT_SECRET"), "CHORUS_PASSWORD_FILE=" + filepath.Join(s.secrets, "CHORUS_PASSWORD"),
		fmt.Sprintf("CHORISTE_QUOTA=%d", t.cfg.Quota), "CHORISTE_INDOUBT_RESUBMIT=" + t.cfg.Policy,
		"CHORISTE_SEND_WITHIN=" + tSend.String(), "CHORISTE_HTTP_TIMEOUT=" + tHTTP.String(),
		"CHORISTE_LANDING_DELAY=" + delay.String(), "CHORISTE_VISIBILITY_DELAY=" + t.cfg.visibility.String(),
		"CHORISTE_RESOLVE_AFTER=" + t.cfg.lookAfter.String(), "CHORISTE_REPORT_AFTER=500ms", "CHORISTE_SYNC_EVERY=500ms", "CHORISTE_QUIET_PERIOD=3s",
		"CHORISTE_REAP_EVERY=1s", "CHORISTE_SWEEP_EVERY=1s", "CHORISTE_SHUTDOWN_TIMEOUT=5s", "CHORISTE_LOG=json",
		"CHORISTE_MUTANT=" + t.cfg.Mutant, "CHORISTE_CRASH=" + t.cfg.crash,
	}
	if t.cfg.Portal == "simulator" {
		file := filepath.Join(t.dir, "accounts.yaml")
		text := fmt.Sprintf("accounts:\n  - {name: %s, application: default, login: %s, password_file: secrets/small}\n", accountSmall, t.secrets.SmallLogin)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		s.common = append(s.common, "CHORISTE_ACCOUNTS_FILE="+file)
	}
	if !t.cfg.stateless {
		for slot := range t.cfg.Workers {
			if err := os.MkdirAll(t.stateDir(slot), 0o700); err != nil {
				return nil, err
			}
		}
		s.state = t.stateDir
	}
	return s, nil
}

func databaseFile(slot int) string { return fmt.Sprintf("DATABASE_URL-%d", slot) }

// stateDir is where the worker of a slot keeps what it knows to have been committed.
func (t *trial) stateDir(slot int) string { return filepath.Join(t.dir, fmt.Sprintf("state-%d", slot)) }

// secret writes a file that only we may read.
func (s *settings) secret(name, text string) error {
	return os.WriteFile(filepath.Join(s.secrets, name), []byte(text), 0o600)
}

// change adds settings to the next lives of the worker in a slot, until reset.
func (s *settings) change(slot int, env ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed[slot] = append(s.changed[slot], env...)
}

func (s *settings) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.changed)
}

// command starts the worker of a slot.
func (s *settings) command(slot int) *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := exec.Command(s.program, "work")
	if s.most > 0 {
		cmd = exec.Command("sh", "-c", fmt.Sprintf(`ulimit -v %d && exec "$0" work`, s.most>>10), s.program)
	}
	cmd.Env = append([]string{}, s.common...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("CHORISTE_LISTEN=127.0.0.1:%d", s.ports[slot]), "DATABASE_URL_FILE="+filepath.Join(s.secrets, databaseFile(slot)))
	if s.state != nil {
		cmd.Env = append(cmd.Env, "CHORISTE_STATE_DIR="+s.state(slot))
	}
	cmd.Env = append(cmd.Env, s.changed[slot]...)
	return cmd
}
