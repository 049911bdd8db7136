package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// A process that dies while it reads a document (out of memory, stack overflow) cannot count its own death. But its claim stays on the row until it runs
// out, and whoever claims the row next counts that (store.SetClaims). Most such rows are innocent: they were read beside the guilty one, or somebody killed
// the process. So a row with a death is read apart, in a process of its own with limits of its own. Only one that dies there by itself is condemned, and
// nothing else is harmed by it.

// readEnv asks a program to be such a process; its value is what it is to judge by, as JSON.
const readEnv = "CHORISTE_READ_DOCUMENT"

// order is what such a process is told. Fields come before the document on its standard input.
type order struct {
	rules.Options
	Fields int // bytes; -1: there are none
}

const (
	apartTimeout = 20 * time.Second
	mostFacts    = 16 << 20 // bytes of the answer
)

// apart is what the other process answers.
type apart struct {
	Facts    store.Facts
	Findings []rules.Finding
}

var (
	apartReady bool       // this program may be started as a reader
	apartOne   sync.Mutex // one at a time
)

// ServeReading makes this program a reader of documents when it was started as one, and does not return then. Otherwise it notes that this program
// may be started so. It is the first thing that main does.
func ServeReading() {
	options, asked := os.LookupEnv(readEnv)
	if !asked {
		apartReady = true
		return
	}
	limitReader()
	if ReadFor(os.Stdin, os.Stdout, options) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// ReadFor reads one document and writes what is to be known of it.
func ReadFor(in io.Reader, out io.Writer, options string) error {
	var o order
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	doc, err := io.ReadAll(io.LimitReader(in, int64(max(o.Fields, 0))+invoice.MaxBytes+1))
	if err != nil {
		return err
	}
	var fields []byte
	if o.Fields >= 0 {
		n := min(o.Fields, len(doc))
		fields, doc = doc[:n:n], doc[n:]
	}
	var a apart
	a.Facts, a.Findings = read(doc, fields, o.Options)
	return json.NewEncoder(out).Encode(a)
}

// errDied says that the process that read the document died of it.
var errDied = errors.New("the process that read the document died of it")

// readApart reads a document in another process, or in this one, alone, when there can be no other.
func readApart(ctx context.Context, doc, fields []byte, o rules.Options) (store.Facts, []rules.Finding, error) {
	apartOne.Lock()
	defer apartOne.Unlock()
	limited, cancel := context.WithTimeout(ctx, apartTimeout)
	defer cancel()
	cmd, out, err := startReader(limited, doc, fields, o)
	if err != nil {
		facts, found := read(doc, fields, o)
		return facts, found, nil
	}
	err = cmd.Wait()
	var a apart
	switch {
	case ctx.Err() != nil:
		return a.Facts, nil, ctx.Err()
	case err == nil && json.Unmarshal(out.Bytes(), &a) == nil:
		return a.Facts, a.Findings, nil
	case forbidden(cmd.ProcessState):
		facts, found := read(doc, fields, o)
		return facts, found, nil
	case asked(cmd.ProcessState):
		return a.Facts, nil, errors.New("the process that read the document was asked to end")
	}
	return a.Facts, nil, errDied
}

// startReader starts this program as a reader. It gets nothing of the environment: it needs no secret.
func startReader(ctx context.Context, doc, fields []byte, o rules.Options) (*exec.Cmd, *bytes.Buffer, error) {
	if !apartReady {
		return nil, nil, errors.ErrUnsupported
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	told := order{o, -1}
	if fields != nil {
		told.Fields = len(fields)
	}
	options, err := json.Marshal(told)
	if err != nil {
		return nil, nil, err
	}
	out := &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, program) //nolint:gosec // this program itself
	cmd.Env = []string{readEnv + "=" + string(options), "GOMEMLIMIT=160MiB", "GOMAXPROCS=1", "GOTRACEBACK=none"}
	cmd.Stdin = io.MultiReader(bytes.NewReader(fields), bytes.NewReader(doc))
	cmd.Stdout = &capped{out, mostFacts}
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	return cmd, out, cmd.Start()
}

// capped takes no more than it has room for.
type capped struct {
	io.Writer
	left int
}

func (c *capped) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		return 0, io.ErrShortWrite
	}
	return c.Writer.Write(b)
}
