//go:build !unix

package storetest

import (
	"errors"
	"os"
	"syscall"
)

// identity is a user that programs run as; nil is the caller.
type identity struct{ Uid, Gid uint32 }

func attributes(*identity, bool) *syscall.SysProcAttr { return nil }

func killGroup(int) {}

func waitForLock(*os.File) error { return nil }

func ownerOf(os.FileInfo) *identity { return nil }

// unprivileged refuses: the programs that look after a private server are of Unix.
func unprivileged() (*identity, error) {
	return nil, errors.New("private PostgreSQL: not on this system; give TEST_DATABASE_URL, or DATABASE_URL to the demo, of a server that runs")
}
