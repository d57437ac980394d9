//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package klarnatest

import (
	"errors"
	"io/fs"
	"os"
)

var errLocked = errors.New("is locked, or its server was killed: then remove the lock file")

// lockFile creates a file, which only one process can do. After a kill the user has to remove it.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // beside the caller's file
	if errors.Is(err, fs.ErrExist) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	_ = file.Close()
	return func() { _ = os.Remove(path) }, nil
}
