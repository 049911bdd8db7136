// Package record keeps what a client and the portal say to each other, without anybody's secrets or data, and compares the portal's answers with the simulator's.
// docs/simulator.md is its manual.
package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// version is of the file's form.
const version = 1

// head is the first line of a recording.
type head struct {
	Version int       `json:"chorus_sim_recording"`
	To      string    `json:"to"` // the portal's address, which is no secret
	Began   time.Time `json:"began"`
}

// Exchange is one request and its answer.
type Exchange struct {
	N      int      `json:"n"`
	AtMS   int64    `json:"at_ms"` // since the beginning
	TookMS int64    `json:"took_ms"`
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Query  string   `json:"query,omitempty"`
	Asked  Message  `json:"asked"`
	Said   *Message `json:"said"` // null: no answer, or none to its end
	Why    string   `json:"why,omitempty"`
}

// Message is what went one way.
type Message struct {
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers"`
	Others  []string          `json:"other_headers,omitempty"` // whose values are left out
	Bytes   int64             `json:"bytes"`                   // of the body as it was
	JSON    any               `json:"json,omitempty"`
	Form    map[string]string `json:"form,omitempty"`
	Text    string            `json:"text,omitempty"`     // of a page
	LeftOut string            `json:"left_out,omitempty"` // why the body is not here
}

// File stands in the place of a file in base64.
type File struct {
	LeftOut     string              `json:"left_out"`
	Bytes       int                 `json:"bytes"`
	Fingerprint string              `json:"fingerprint"` // equal for equal files, within one recording
	Documents   []*chorustest.Facts `json:"documents,omitempty"`
}

// most that is read of one line.
const maxLine = 32 << 20

// Read reads a recording.
func Read(r io.Reader) (began time.Time, to string, all []Exchange, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	var h head
	if !in.Scan() || json.Unmarshal(in.Bytes(), &h) != nil || h.Version == 0 {
		return began, "", nil, errors.Join(in.Err(), errors.New("this is no recording of chorus-sim record"))
	}
	if h.Version != version {
		return began, "", nil, fmt.Errorf("the recording is of version %d, and this program reads %d", h.Version, version)
	}
	for in.Scan() {
		var x Exchange
		d := json.NewDecoder(bytes.NewReader(in.Bytes()))
		d.UseNumber()
		if err := d.Decode(&x); err != nil {
			return began, "", nil, fmt.Errorf("line %d: %w", len(all)+2, err)
		}
		all = append(all, x)
	}
	return h.Began, h.To, all, in.Err()
}
