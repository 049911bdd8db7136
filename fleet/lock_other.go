//go:build !unix

package fleet

import "os"

// tryLock: elsewhere, two workers that share the directory may lose what one of them wrote, until it writes again.
func tryLock(*os.File) bool { return true }
