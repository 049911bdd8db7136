package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// output is where a command prints to. The first write that fails ends the command: nobody would see what it goes on to say.
type output struct {
	to  io.Writer
	end context.CancelCauseFunc

	mu     sync.Mutex
	failed error
}

// Write implements io.Writer. After a failure nothing more is written: a part that is missing in the middle would not be seen.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.to.Write(p)
	if err != nil {
		o.failed = outputError{err}
		o.end(o.failed)
		return n, o.failed
	}
	return n, nil
}

// result is that of the command: what went wrong with its output comes before what it says itself.
func (o *output) result(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.failed == nil:
		return err
	case err == nil, errors.As(err, new(outputError)), errors.Is(err, context.Canceled):
		return o.failed
	}
	return errors.Join(o.failed, err)
}

// outputError is a failed write of what a command prints.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

func (e outputError) Error() string {
	cause := e.error
	var named *fs.PathError
	if errors.As(cause, &named) { // its name is that of a file of the system's, as /dev/stdout
		cause = named.Err
	}
	return "the output cannot be written (" + cause.Error() + "): what was asked may have been done, and what follows was not printed"
}

// closedPipe tells that whoever read the output has seen enough, as head does: that is said to nobody.
func closedPipe(err error) bool {
	return errors.As(err, new(outputError)) && (errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe))
}

// ofFile tells that an error is that of a file, and not of a connection: system errors look alike.
func ofFile(err error) bool {
	var named *fs.PathError
	var renamed *os.LinkError
	return errors.As(err, new(outputError)) || errors.As(err, &named) || errors.As(err, &renamed)
}
