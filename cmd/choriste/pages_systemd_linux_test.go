package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// machine gives the scene a server of its own, and what an administrator has beside it: sudo and systemctl. Both are stand-ins: systemctl does what the units of the Debian package say.
func (s *stage) machine() {
	s.t.Helper()
	var err error
	if s.cluster, err = storetest.Start(s.t.Context(), storetest.Options{Dir: filepath.Join(s.dir, "postgresql"), Settings: map[string]string{
		"archive_mode": "on", "archive_timeout": "60", "archive_command": "test ! -f " + s.dir + "/backup/wal/%f && cp %p " + s.dir + "/backup/wal/%f",
	}}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.cluster.Stop() })
	admin, err := url.Parse(s.cluster.URL(""))
	if err != nil {
		s.t.Fatal(err)
	}
	password, _ := admin.User.Password()
	own := s.systemd()
	s.env = append(s.env, "PATH="+own+":"+s.bin+":"+pgBin()+os.Getenv("PATH"), "PGHOST="+admin.Hostname(), "PGPORT="+admin.Port(), "PGUSER="+admin.User.Username(), "PGPASSWORD="+password)
	for _, dir := range []string{"backup", "backup/wal", "home", "etc", "state"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o777); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(s.dir, dir), 0o777); err != nil {
			s.t.Fatal(err)
		}
	}
	s.put = append(s.put, "/etc/choriste", s.dir+"/etc/choriste", "/srv/backup", s.dir+"/backup", "/var/lib/postgresql/17", filepath.Dir(s.cluster.Data()), "127.0.0.1:5432", admin.Host)
}

// openFolder is a folder for programs, which other users may run: in memory nothing may be run on some machines.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "choriste-pages-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pgBin is the folder of the server's programs, which Debian's wrappers in /usr/bin stand for.
func pgBin() string {
	bin, err := storetest.Find()
	if err != nil {
		return ""
	}
	return bin + ":"
}

// systemd gives the scene sudo and systemctl, in a folder that is returned.
func (s *stage) systemd() string {
	s.t.Helper()
	door := http.NewServeMux()
	door.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		if err := s.systemctl(strings.Fields(string(b))); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := &http.Server{Handler: door, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	s.t.Cleanup(func() { _ = server.Close() })
	own := openFolder(s.t)
	for name, text := range map[string]string{
		"systemctl": "#!/bin/sh\nexec curl -s --fail-with-body --max-time 80 -d \"$*\" http://" + listener.Addr().String() + "/\n",
		"sudo":      "#!/bin/sh\nshift 2\nexec \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	s.env = append(s.env, "PATH="+own+":"+s.bin+":"+os.Getenv("PATH"))
	return own
}

// systemctl does what systemd does with the units of the package: what they start, with which settings, before what.
func (s *stage) systemctl(args []string) error {
	verb, unit := "", ""
	for _, a := range args {
		switch {
		case a == "--now":
		case verb == "":
			verb = a
		default:
			unit = strings.TrimSuffix(a, ".service")
		}
	}
	switch verb + " " + unit {
	case "stop choriste":
		s.stopWork()
		return nil
	case "start choriste", "enable choriste":
		return s.startUnit()
	case "stop postgresql":
		return s.cluster.Shutdown()
	case "start postgresql":
		return s.cluster.Restart(s.t.Context())
	}
	switch {
	case verb == "enable" && strings.HasSuffix(unit, ".timer"):
		b, err := os.ReadFile("../../deploy/package/" + unit)
		if err != nil || !strings.Contains(string(b), "\nOnCalendar=") || !strings.Contains(string(b), "\nWantedBy=timers.target\n") {
			return fmt.Errorf("%s: %w\n%s", unit, err, b)
		}
		return nil
	case verb == "start":
		return s.once(unit)
	}
	return fmt.Errorf("no stand-in for systemctl %s", strings.Join(args, " "))
}

// unit is what a unit of the package starts, and with which settings: those of its file, and its credential.
func (s *stage) unit(name string) (args, env []string, err error) {
	b, err := os.ReadFile("../../deploy/package/" + name + ".service")
	if err != nil {
		return nil, nil, err
	}
	etc := filepath.Join(s.dir, "etc/choriste")
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		file := strings.Replace(value, "/etc/choriste", etc, 1)
		switch key {
		case "ExecStart":
			args = append(args, strings.Fields(value)[1:]...)
		case "EnvironmentFile":
			vars, err := readEnvironment(file)
			if err != nil {
				return nil, nil, err
			}
			for name, v := range vars {
				env = append(env, name+"="+v)
			}
		case "LoadCredential":
			_, file, _ = strings.Cut(file, ":")
			env = append(env, "DATABASE_URL_FILE="+file)
		case "StateDirectory":
			env = append(env, "STATE_DIRECTORY="+s.dir+"/state")
		case "ConditionPathExists":
			if !exists(file) {
				return nil, nil, fmt.Errorf("%s: there is no %s", name, file)
			}
		}
	}
	if len(args) == 0 {
		return nil, nil, fmt.Errorf("%s starts nothing", name)
	}
	return args, append(env, "PATH="+os.Getenv("PATH")), nil
}

// once runs a unit of the kind oneshot.
func (s *stage) once(name string) error {
	args, env, err := s.unit(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(s.bin, "choriste"), args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// startUnit starts the worker, after the migration that it requires.
func (s *stage) startUnit() error {
	if err := s.once("choriste-migrate"); err != nil {
		return err
	}
	args, env, err := s.unit("choriste")
	if err == nil {
		s.start(env, args...)
	}
	return err
}

// admin has statements carried out by PostgreSQL's administrator.
func (s *stage) admin(statements ...string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.cluster.URL(""))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) }()
	for _, sql := range statements {
		if _, err := conn.Exec(s.t.Context(), sql); err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
	}
}
