package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mostSecret is more than any secret has.
const mostSecret = 1 << 16

// mostMode is the most that a secret's file may allow: nothing to others than its owner.
func mostMode(getenv func(string) string, file string) os.FileMode {
	if dir := getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(file) == filepath.Clean(dir) {
		return 0o740 // systemd lets in the service alone by an access list, which shows as a right of the group
	}
	if getenv("KUBERNETES_SERVICE_HOST") != "" && exists(filepath.Join(filepath.Dir(file), "..data")) {
		return 0o740 // a Secret's volume: the kubelet lets in the pod alone by its group (fsGroup), and cannot do without that right
	}
	return 0o700
}

// readSecret reads a file that nobody but its owner may read: its mode is at most the one given. One line break at its end is not part of the secret.
func readSecret(name string, most os.FileMode) (string, error) {
	f, info, err := openRegular(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if info.Mode().Perm()&^most != 0 {
		return "", fmt.Errorf("others may read the file (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err != nil {
		return "", errors.New("the file cannot be read")
	}
	if len(b) > mostSecret {
		return "", fmt.Errorf("the file is larger than %d bytes: it holds something else than a secret", mostSecret)
	}
	v := withoutLineBreak(string(b))
	if v == "" {
		return "", errors.New("the file is empty")
	}
	return v, nil
}

func withoutLineBreak(v string) string {
	if n := len(v); n > 0 && v[n-1] == '\n' {
		v = v[:n-1]
		if n > 1 && v[n-2] == '\r' {
			v = v[:n-2]
		}
	}
	return v
}

// openRegular opens a file and nothing else: a pipe or a device could make us wait for ever.
func openRegular(name string) (*os.File, fs.FileInfo, error) {
	if name == "" {
		return nil, nil, errors.New("the name of a file is empty")
	}
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, errors.New("the file cannot be opened: there is none of this name")
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, errors.New("the file cannot be opened: this user may not read it")
	case err != nil:
		return nil, nil, errors.New("the file cannot be opened: check its name and that this user may read it")
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = errors.New("the file cannot be read")
	case info.IsDir():
		err = errors.New("this is a directory, not a file")
	case !info.Mode().IsRegular():
		err = errors.New("this is a pipe, a socket or a device, not a file")
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
