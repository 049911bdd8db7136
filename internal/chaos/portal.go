package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// portal is the other side: a process of its own, whose ledger is a file.
type portal struct {
	API    string `json:"api"`
	Token  string `json:"token"`
	Manage string `json:"manage"` // empty: it has no such door

	cmd    *exec.Cmd
	stdin  io.Closer
	ledger string
}

// credentials of the one PISTE application and its two technical accounts. Each secret is a canary: it may be seen nowhere but in its file. They hold
// characters that every encoding changes.
type credentials struct {
	ClientID, ClientSecret, Login, Password, SmallLogin, SmallPassword, Database string
	OtherID, OtherSecret                                                         string // of a second application
}

// startPortal starts the simulator, or the foreign portal.
func startPortal(ctx context.Context, cfg Config, dir, bin string, c credentials) (*portal, error) {
	p := &portal{ledger: filepath.Join(dir, "ledger.jsonl")}
	var args []string
	program := filepath.Join(bin, "chorus-sim")
	if cfg.Portal == "foreign" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
		args = []string{foreignArg, p.ledger, strconv.FormatUint(cfg.Seed, 10), c.ClientID, c.ClientSecret, c.Login, c.Password, cfg.Profile}
	} else {
		profile := cfg.Profile
		if profile == "quota" {
			profile = "calm"
		}
		args = []string{
			"-listen", "127.0.0.1:0", "-manage", "127.0.0.1:0", "-with-stdin", "-ledger", p.ledger, "-profile", profile, "-seed", strconv.FormatUint(cfg.Seed, 10), "-quota", strconv.Itoa(cfg.Quota),
			"-client", c.ClientID + ":" + c.ClientSecret, "-client", c.OtherID + ":" + c.OtherSecret, "-account", c.Login + ":" + c.Password, "-account", c.SmallLogin + ":" + c.SmallPassword,
			// Within the D and V that the workers are told, but not by much.
			"-late", "2500ms", "-visibility", "2500ms", "-late-after-d", "14s", "-max-page", "1000", "-hidden", "100ms", "-integration", cfg.integration.String(), "-step", "250ms", "-hang-for", "10s",
			"-accept-future-dates",
		}
		if cfg.Uniqueness == "off" {
			args = append(args, "-accept-duplicates")
		}
	}
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Cancel = nil // it ends when its standard input closes
	log, err := os.Create(filepath.Join(dir, "portal.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p.cmd.Stderr = log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		_ = p.stop()
		return nil, fmt.Errorf("the portal did not start: %w", err)
	}
	return p, nil
}

func (p *portal) stop() error {
	_ = p.stdin.Close()
	return p.cmd.Wait()
}

// calm ends the weather.
func (p *portal) calm(ctx context.Context) error {
	if p.Manage == "" {
		return p.cmd.Process.Signal(calmSignal)
	}
	return p.manage(ctx, "/profile", map[string]bool{"on": false})
}

// manage asks the management door for something.
func (p *portal) manage(ctx context.Context, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return p.ask(ctx, http.MethodPost, path, b, nil)
}

// forget empties what stands at the management door.
func (p *portal) forget(ctx context.Context, path string) error {
	return p.ask(ctx, http.MethodDelete, path, nil, nil)
}

// faultsLeft lists the scripted faults that have not struck.
func (p *portal) faultsLeft(ctx context.Context) ([]fault, error) {
	var said struct{ Queue []fault }
	err := p.ask(ctx, http.MethodGet, "/faults", nil, &said)
	return said.Queue, err
}

// ask reads the answer into what is given for it, if anything is.
func (p *portal) ask(ctx context.Context, method, path string, body []byte, into any) error {
	if p.Manage == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.Manage+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("%s: %s: %s", path, res.Status, said)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}
