package storetest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWithoutBinariesAndNetworkTheErrorSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	cache := openFolder(t)
	child := exec.Command(os.Args[0])
	// A proxy that refuses everything is a network that is not there.
	child.Env = append(os.Environ(), childMode+"=no binaries", "STORETEST_CACHE="+cache,
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
	out, err := child.Output()
	if err != nil {
		t.Fatal(err)
	}
	took, message, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if d, err := time.ParseDuration(took); err != nil || d > 20*time.Second {
		t.Errorf("it took %s (%v)", took, err)
	}
	for _, want := range []string{
		"no PostgreSQL server found", "PATH", "downloading PostgreSQL 18", "connection refused",
		"apt install postgresql", "dnf install postgresql-server", "brew install postgresql", "TEST_DATABASE_URL", "DATABASE_URL", binOverride,
	} {
		if !strings.Contains(message, want) {
			t.Errorf("%q is not in: %s", want, message)
		}
	}
	if strings.Contains(message, "\n") {
		t.Errorf("more than one line: %s", message)
	}
}

// The repository is ours, the way from there to binaries that run is the library's.
func TestDownload(t *testing.T) {
	t.Parallel()
	jar := fakeJar(t)
	var asked atomic.Int64
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case r.Method == http.MethodHead:
		case strings.HasSuffix(r.URL.Path, ".jar"):
			_, _ = w.Write(jar)
		case strings.HasSuffix(r.URL.Path, ".jar.sha256"):
			sum := sha256.Sum256(jar)
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
		default:
			http.NotFound(w, r)
		}
	}))
	defer repository.Close()

	// What a process that was killed half-way leaves is of no use, and must not be used.
	m := machine{cache: filepath.Join(openFolder(t), "cache"), repository: repository.URL}
	fakeServer(t, m.cache, "unpacking/bin", "18.1", "postgres", "initdb", "pg_ctl")
	if err := os.Chmod(m.cache, 0o700); err != nil { // as a strict umask would make it
		t.Fatal(err)
	}
	user, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := m.binaries(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if major, err := serverVersion(t.Context(), bin, user); err != nil || major != 18 {
		t.Errorf("the server in %s is of version %d: %v", bin, major, err)
	}
	if _, err := os.Stat(filepath.Join(m.cache, "unpacking")); !os.IsNotExist(err) {
		t.Errorf("half a download is still there: %v", err)
	}
	before := asked.Load()
	again, err := m.binaries(t.Context(), user)
	if err != nil || again != bin {
		t.Errorf("the second time: %s, %v", again, err)
	}
	if asked.Load() != before {
		t.Error("the second time something was downloaded again")
	}
}

// fakeJar is a package as the library expects it, holding programs that only know their version.
func fakeJar(t *testing.T) []byte {
	t.Helper()
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
		text := fakeProgram(program, "18.3")
		// Modes that a strict umask would leave.
		err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/" + program, Mode: 0o700, Size: int64(len(text))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	entry, err := z.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(xzStored(files.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// xzStored wraps bytes as an .xz file without compressing them (The .xz File Format 1.1.0), with CRC32 checks.
func xzStored(data []byte) []byte {
	crc := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	pad := func(b []byte) []byte {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	flags := []byte{0, 1} // check: CRC32
	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = append(out, crc(flags)...)

	header := []byte{2, 0, 0x21, 1, 0, 0, 0, 0} // (2+1)*4 bytes with its checksum; one filter, LZMA2, dictionary of 4 KiB
	block := append(header, crc(header)...)
	for first, rest := true, data; len(rest) > 0; first = false {
		n := min(len(rest), 1<<16)
		control := byte(2) // uncompressed chunk
		if first {
			control = 1 // which resets the dictionary
		}
		block = append(block, control)
		block = binary.BigEndian.AppendUint16(block, uint16(n-1))
		block = append(block, rest[:n]...)
		rest = rest[n:]
	}
	block = append(block, 0)
	unpadded := len(block) + 4
	block = append(pad(block), crc(data)...)
	out = append(out, block...)

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = pad(binary.AppendUvarint(index, uint64(len(data))))
	index = append(index, crc(index)...)
	out = append(out, index...)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	footer = append(footer, flags...)
	out = append(out, crc(footer)...)
	out = append(out, footer...)
	return append(out, 'Y', 'Z')
}
