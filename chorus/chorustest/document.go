package chorustest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"unicode/utf8"
)

const (
	maxFile    = 10 << 20  // one file, not compressed [C: API annex V5.00 through a third party]
	maxUnpack  = 120 << 20 // what an archive may hold
	maxInFlux  = 500       // AIFE advises no more invoices per flux
	maxLibelle = 200       // runes: where Chorus Pro cuts libelleErreurDP
)

// readFile reads a decoded fichierFlux: one document, or a tar.gz of several (as OCA sends them).
// It always returns at least one element; a file that cannot be read has a technical defect.
func readFile(file []byte) []*Facts {
	if !bytes.HasPrefix(file, []byte{0x1f, 0x8b}) {
		return []*Facts{readDocument(file)}
	}
	all, err := readArchive(file)
	if err != nil {
		return []*Facts{{Defect: "IRRECEVABILITE: archive illisible", DefectKind: refusedTechnical, SHA256: sum(file), Octets: int64(len(file))}}
	}
	return all
}

func readArchive(file []byte) ([]*Facts, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(io.LimitReader(unzip, maxUnpack))
	var all []*Facts
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		document, err := io.ReadAll(io.LimitReader(archive, maxFile+1))
		if err != nil {
			return nil, err
		}
		all = append(all, readDocument(document))
		if len(all) > maxInFlux {
			return nil, errors.New("too many documents")
		}
	}
}

// cut shortens a text to the 200 characters that Chorus Pro keeps of the joined messages.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxLibelle {
		return text
	}
	return string([]rune(text)[:maxLibelle])
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
