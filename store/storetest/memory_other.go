//go:build !linux

package storetest

import (
	"context"
	"syscall"
)

// memoryFolder: only Linux has a folder in memory in a known place.
func memoryFolder(context.Context, *syscall.Credential) string {
	return ""
}
