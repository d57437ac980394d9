//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package klarnatest

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("is locked")

// lockFile takes a lock that ends with the process. The lock file remains: if it were removed, two
// processes that opened it before and after the removal could both lock it.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // beside the caller's file
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { _ = file.Close() }, nil
}
