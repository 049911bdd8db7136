//go:build unix

package chorustest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the file for this process alone. The lock ends with the process, however it dies.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another chorus-sim is using it: give this one a file of its own, or end the other")
	}
	if err != nil {
		return fmt.Errorf("it cannot be locked: %w", err)
	}
	return nil
}
