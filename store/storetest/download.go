package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// packaged is the version that is downloaded, the newest that the library knows.
const packaged = embeddedpostgres.V18

// packagedFrom is the library's default repository.
const packagedFrom = "https://repo1.maven.org/maven2"

const (
	answerWithin   = 10 * time.Second // the repository's first word
	downloadWithin = 5 * time.Minute  // some 20 MB, unpacked
)

const install = "install the server (Debian, Ubuntu: apt install postgresql; Fedora, RHEL: dnf install postgresql-server; " +
	"Alpine: apk add postgresql; macOS: brew install postgresql@17), or set DATABASE_URL (demo) or TEST_DATABASE_URL (tests) " +
	"to a running one, or " + binOverride + " to a folder with initdb and postgres"

// binaries are what the machine has, else a download, else an error that says what to install.
func (m machine) binaries(ctx context.Context, who *identity) (string, error) {
	bin, missing := m.find(ctx, who)
	if missing == nil {
		return bin, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if !errors.Is(missing, errNoBinaries) {
		return "", missing
	}
	bin, failed := m.download(ctx, who)
	if failed == nil {
		return bin, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", fmt.Errorf("%w; downloading PostgreSQL %s: %w; %s", missing, packaged, failed, install)
}

// cacheFolder is where downloads are kept. Root's own cache cannot be read by the user who runs the server for root.
func cacheFolder() string {
	if os.Geteuid() == 0 {
		return "/var/cache/choriste"
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home: as good as any
	}
	return filepath.Join(cache, "choriste")
}

// download returns the cached binaries, fetching them when they are not there yet.
func (m machine) download(ctx context.Context, who *identity) (string, error) {
	if err := os.MkdirAll(m.cache, 0o755); err != nil { //nolint:gosec // public binaries
		return "", err
	}
	if who != nil {
		if err := os.Chmod(m.cache, 0o755); err != nil { //nolint:gosec // as meant above, whatever the umask is
			return "", err
		}
	}
	// Several test processes may come here at once, and one of them may be killed half-way: only the holder of the lock
	// fetches, and a folder gets its final name when it is complete.
	lock, err := os.OpenFile(filepath.Join(m.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := waitForLock(lock); err != nil {
		return "", fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	final := filepath.Join(m.cache, "postgresql-"+string(packaged))
	bin := filepath.Join(final, "bin")
	if _, err := serverVersion(ctx, bin, who); err == nil {
		return bin, nil
	}
	partial := filepath.Join(m.cache, "unpacking")
	if err := errors.Join(os.RemoveAll(partial), os.RemoveAll(final)); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	if err := m.fetch(ctx, partial); err != nil {
		return "", err
	}
	if err := publish(partial); err != nil {
		return "", err
	}
	if err := os.Rename(partial, final); err != nil {
		return "", err
	}
	if _, err := serverVersion(ctx, bin, who); err != nil {
		return "", fmt.Errorf("the downloaded binaries do not run: %w", err)
	}
	return bin, nil
}

// fetch lets the library download and unpack. It offers that only as the first step of starting a server of its own,
// which nobody would stop if we were killed; a locale that does not exist makes it give up between the two.
func (m machine) fetch(ctx context.Context, into string) error {
	repository := m.repository
	if repository == "" {
		repository = packagedFrom
	}
	if err := answers(ctx, repository); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "choriste-pg-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(packaged).
		BinaryRepositoryURL(repository).
		BinariesPath(into).
		CachePath(filepath.Join(scratch, "archive")).
		RuntimePath(filepath.Join(scratch, "runtime")).
		Port(uint32(port)). //nolint:gosec // below 32768
		Locale("no-such-locale").
		Logger(io.Discard))
	defer removeNew(filepath.Join(os.TempDir(), "embedded_postgres_log*"))()
	done := make(chan error, 1)
	go func() { done <- library.Start() }()
	// The library cannot be interrupted: after a timeout it goes on in the background, until the program ends.
	slow := time.NewTimer(downloadWithin)
	defer slow.Stop()
	select {
	case err = <-done:
	case <-slow.C:
		return fmt.Errorf("not finished within %s", downloadWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, missing := os.Stat(filepath.Join(into, "bin", "postgres")); missing != nil {
		return errors.Join(err, missing)
	}
	return nil
}

// removeNew notes which files match a pattern and returns a function that removes those that have come since: the library
// leaves its log behind. We hold the lock, so that no other process of ours is using one.
func removeNew(pattern string) func() {
	old, _ := filepath.Glob(pattern) // the pattern is well formed
	return func() {
		now, _ := filepath.Glob(pattern)
		for _, name := range now {
			if !slices.Contains(old, name) {
				_ = os.Remove(name)
			}
		}
	}
}

// answers asks for one word of the repository, since the library would wait for a silent network without end.
func answers(ctx context.Context, repository string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodHead, repository, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// publish lets every user of the machine read and run what was unpacked, whatever the umask is.
func publish(folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return root.Chmod(path, mode)
	})
}
