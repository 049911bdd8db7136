//go:build !linux

package storetest

import "context"

// memoryFolder: only Linux has a folder in memory in a known place.
func memoryFolder(context.Context, *identity) string {
	return ""
}
