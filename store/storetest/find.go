package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version of PostgreSQL that the product's schema runs on.
const oldest = 14

// binOverride names a folder with initdb and postgres, to be used instead of any other.
const binOverride = "CHORISTE_PG_BIN"

// machine is where server binaries may be found or put. Tests use emptier ones than the real.
type machine struct {
	override   string   // CHORISTE_PG_BIN
	path       string   // PATH
	folders    []string // patterns of the distributions' folders
	cache      string   // where a download is kept
	repository string   // where a download comes from; "" means the library's default, Maven Central
}

func thisMachine() machine {
	return machine{
		override: os.Getenv(binOverride),
		path:     os.Getenv("PATH"),
		folders: []string{
			"/usr/lib/postgresql/*/bin",                       // Debian, Ubuntu
			"/usr/pgsql-*/bin",                                // Fedora, RHEL with the project's own packages
			"/usr/lib/postgresql*/bin",                        // SUSE
			"/usr/libexec/postgresql*",                        // Alpine
			"/usr/lib64/postgresql-*/bin",                     // Gentoo
			"/usr/local/pgsql/bin",                            // built from source
			"/opt/homebrew/opt/postgresql@*/bin",              // Homebrew on Apple's processors,
			"/usr/local/opt/postgresql@*/bin",                 // on Intel's,
			"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin", // and on Linux
			"/opt/local/lib/postgresql*/bin",                  // MacPorts
			"/Applications/Postgres.app/Contents/Versions/*/bin",
			"/Library/PostgreSQL/*/bin", // EDB's installer
		},
		cache: cacheFolder(),
	}
}

// Find returns the folder of the newest PostgreSQL server binaries on this machine, version 14 or newer, looking in PATH
// and in the distributions' folders. The environment variable CHORISTE_PG_BIN names a folder that is used instead.
func Find() (bindir string, err error) {
	return thisMachine().find(context.Background(), nil)
}

var errNoBinaries = errors.New("no PostgreSQL server found")

// find looks for binaries that a user can run; a nil user is the caller.
func (m machine) find(ctx context.Context, who *identity) (string, error) {
	if m.override != "" {
		major, err := serverVersion(ctx, m.override, who)
		if err == nil && major < oldest {
			err = fmt.Errorf("version %d is older than %d", major, oldest)
		}
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w", binOverride, m.override, err)
		}
		return m.override, nil
	}
	type server struct {
		bin   string
		major int
	}
	var usable []server
	var refused []string
	for _, bin := range m.candidates() {
		major, err := serverVersion(ctx, bin, who)
		switch {
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s: %v", bin, err))
		case major < oldest:
			refused = append(refused, fmt.Sprintf("%s: version %d is older than %d", bin, major, oldest))
		default:
			usable = append(usable, server{bin, major})
		}
	}
	if len(usable) == 0 {
		looked := append([]string{"PATH"}, m.folders...)
		err := fmt.Errorf("%w: looked for initdb and postgres in %s", errNoBinaries, strings.Join(looked, ", "))
		if len(refused) > 0 {
			err = fmt.Errorf("%w (not usable: %s)", err, strings.Join(refused, "; "))
		}
		return "", err
	}
	// Of the same version the first found wins, so that PATH does.
	return slices.MaxFunc(usable, func(a, b server) int { return cmp.Compare(a.major, b.major) }).bin, nil
}

// candidates are the folders that hold both programs, without repetition: PATH often links to a distribution's folder.
func (m machine) candidates() []string {
	folders := filepath.SplitList(m.path)
	for _, pattern := range m.folders {
		found, _ := filepath.Glob(pattern) // the patterns are constants, and well formed
		folders = append(folders, found...)
	}
	var bins []string
	for _, folder := range folders {
		if !filepath.IsAbs(folder) {
			continue
		}
		server, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
		if err != nil {
			continue
		}
		bin := filepath.Dir(server)
		if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
			continue
		}
		if !slices.Contains(bins, bin) {
			bins = append(bins, bin)
		}
	}
	return bins
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// serverVersion asks both programs for their version, as the user who would run them, which also proves that he can.
// It returns the server's major version.
func serverVersion(ctx context.Context, bin string, who *identity) (int, error) {
	var answer []byte
	for _, program := range []string{"initdb", "postgres"} {
		ask := exec.CommandContext(ctx, filepath.Join(bin, program), "-V") //nolint:gosec // the folder is the caller's own choice
		ask.Dir = "/"
		ask.Env = environment()
		ask.SysProcAttr = attributes(who, false)
		var err error
		if answer, err = ask.Output(); err != nil {
			return 0, fmt.Errorf("%s -V: %w", program, err)
		}
	}
	match := versionPattern.FindSubmatch(answer)
	if match == nil {
		return 0, errors.New("postgres -V gives no version")
	}
	return strconv.Atoi(string(match[1]))
}
