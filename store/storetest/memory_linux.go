package storetest

import (
	"context"
	"syscall"
)

const (
	sharedMemory = "/dev/shm"
	roomy        = 2 << 30 // bytes; containers often have 64 MB there, which is too little
)

// memoryFolder is a folder in memory with room for the databases of one test process, or "". Making a database means
// making 300 files: 12 ms there, 28 ms on a virtual machine's disk.
func memoryFolder(ctx context.Context, who *identity) string {
	const tmpfs = 0x01021994
	var fs syscall.Statfs_t
	if err := syscall.Statfs(sharedMemory, &fs); err != nil || fs.Type != tmpfs {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < roomy || !may(ctx, who, "wx", sharedMemory) { //nolint:gosec // block sizes are small and positive
		return ""
	}
	return sharedMemory
}
