package operate

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Bounds of an archive that is read.
const (
	mostArchiveFiles = MostEvidence * 60
	mostArchiveFile  = 16 << 20
)

// VerifyArchive reads an archive that WriteEvidence wrote, and names everything in it that is not as it was: nothing is as it should be. It says whether the archive agrees with
// itself; whether it is the one that was written, the hashes of its events tell (CompareWithDatabase), and its head, when it was announced.
func VerifyArchive(r io.ReaderAt, size int64) (m Manifest, events map[int64]string, wrong []string) {
	events = map[int64]string{} // by seq: the hash
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	z, err := zip.NewReader(r, size)
	if err != nil {
		return m, nil, []string{"the archive cannot be read: its container was altered, or it is none"}
	}
	if len(z.File) > mostArchiveFiles {
		return m, nil, []string{"the archive holds more files than any that was written"}
	}
	files := map[string][]byte{}
	var names []string
	for _, f := range z.File {
		data, err := readFile(f)
		if err != nil {
			bad("%s: it cannot be read as it was written", f.Name)
		}
		if _, twice := files[f.Name]; twice {
			bad("%s: it is there twice", f.Name)
		}
		files[f.Name] = data
		names = append(names, f.Name)
	}
	manifest := files["manifest.json"]
	if string(files["manifest.sha256"]) != hexSum(manifest)+"\n" {
		bad("manifest.json: it is not what manifest.sha256 says")
	}
	if err := json.Unmarshal(manifest, &m); err != nil || m.Format != evidenceFormat {
		bad("manifest.json: it is not that of an evidence file")
		return m, nil, wrong
	}
	var listed []string
	for _, f := range m.Files {
		listed = append(listed, f.Name)
		switch data, there := files[f.Name]; {
		case !there:
			bad("%s: it is missing", f.Name)
		case len(data) != f.Bytes || hexSum(data) != f.SHA256:
			bad("%s: it was altered", f.Name)
		}
	}
	listed = append(listed, "manifest.json", "manifest.sha256")
	for _, name := range names {
		if !slices.Contains(listed, name) {
			bad("%s: it was added", name)
		}
	}
	var dirs []string
	for _, f := range m.Files {
		if dir := path.Dir(f.Name); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
			wrong = append(wrong, verifyInvoice(dir, files, events)...)
		}
	}
	if len(wrong) == 0 && !rebuilt(r, size, listed, files) {
		bad("the container was altered, around its files")
	}
	return m, events, wrong
}

func readFile(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > mostArchiveFile {
		return nil, errors.New("larger than any that was written")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, mostArchiveFile))
}

// rebuilt writes the archive again and compares every byte.
func rebuilt(r io.ReaderAt, size int64, names []string, files map[string][]byte) bool {
	c := &comparing{r: r}
	z := zip.NewWriter(c)
	for _, name := range names {
		if addFile(z, name, files[name]) != nil {
			return false
		}
	}
	return z.Close() == nil && c.at == size
}

// comparing is a writer that takes only what stands at its place.
type comparing struct {
	r  io.ReaderAt
	at int64
}

func (c *comparing) Write(p []byte) (int, error) {
	was := make([]byte, len(p))
	if n, _ := c.r.ReadAt(was, c.at); n < len(p) || !bytes.Equal(was, p) {
		return 0, errors.New("it differs")
	}
	c.at += int64(len(p))
	return len(p), nil
}

// told is what the check needs of an event's text.
type told struct {
	Seq           int64  `json:"seq"`
	Attempt       int    `json:"attempt"`
	AttemptSHA256 string `json:"attempt_sha256"`
	AttemptLooks  int    `json:"attempt_looks"`
	InvoiceSHA256 string `json:"invoice_sha256"`
}

// verifyInvoice checks what the files of one invoice say of each other.
func verifyInvoice(dir string, files map[string][]byte, events map[int64]string) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	attempts := map[int]string{} // by number: the hash that its last event says
	looks := map[int]int{}
	var before told
	var last string
	for k, line := range bytes.Split(bytes.TrimSuffix(files[dir+"/events.jsonl"], []byte("\n")), []byte("\n")) {
		var e ChainedEvent
		var t told
		if json.Unmarshal(line, &e) != nil || json.Unmarshal([]byte(e.Text), &t) != nil {
			bad("%s/events.jsonl: line %d cannot be read", dir, k+1)
			continue
		}
		prior, err := hex.DecodeString(e.Before)
		if sum := sha256.Sum256(append(prior, e.Text...)); err != nil || hex.EncodeToString(sum[:]) != e.Hash {
			bad("%s/events.jsonl: event %d was altered", dir, t.Seq)
		}
		if t.Seq <= before.Seq || t.Seq == before.Seq+1 && e.Before != last {
			bad("%s/events.jsonl: event %d does not follow on the one before it", dir, t.Seq)
		}
		before, last, events[t.Seq] = t, e.Hash, e.Hash
		if t.AttemptSHA256 != "" {
			attempts[t.Attempt], looks[t.Attempt] = t.AttemptSHA256, t.AttemptLooks
		}
		if t.InvoiceSHA256 != "" && t.InvoiceSHA256 != hexSum(files[dir+"/invoice.json"]) {
			bad("%s/invoice.json: it is not what was sent, by event %d", dir, t.Seq)
		}
	}
	for n, sum := range attempts {
		name := fmt.Sprintf("%s/attempt-%d.json", dir, n)
		var a struct {
			Lookups  []json.RawMessage `json:"lookups"`
			Evidence struct {
				Exchange string `json:"exchange_sha256"`
			} `json:"evidence"`
			SHA256 string `json:"sha256"`
		}
		if json.Unmarshal(files[name], &a) != nil || len(a.Lookups) == looks[n] && hexSum(files[name]) != sum {
			bad("%s: it is not what history says", name)
		}
		exchange := fmt.Sprintf("%s/exchange-%d.json", dir, n)
		if x, there := files[exchange]; there && hexSum(x) != a.Evidence.Exchange {
			bad("%s: it is not the exchange of this attempt", exchange)
		}
		if a.SHA256 != documentSum(dir, files) {
			bad("%s/document: it is not what attempt %d sent", dir, n)
		}
	}
	return wrong
}

func documentSum(dir string, files map[string][]byte) string {
	for name, data := range files {
		if strings.HasPrefix(name, dir+"/document.") {
			return hexSum(data)
		}
	}
	return ""
}
