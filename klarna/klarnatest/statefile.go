package klarnatest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
)

// WithStateFile keeps the server's state in the file at path. A server that is started on the file
// later continues where this one ended, even if this one was killed: the file contains what a
// client was answered before the answer is sent. It holds keys, accounts, payments, tokens,
// idempotency keys with their answers, webhooks and those still to be delivered with their
// attempts, the last 1000 requests and deliveries ([WithLogLimit]), and the clock with the time by
// which it was moved. At the start, overdue actions run and interrupted deliveries are repeated.
// Scripted faults and answers are not kept. payment_request_url follows the server's present
// address; answers and webhooks that were sent before do not change.
//
// A missing file is created, with mode 0600, because it holds keys, tokens and customer data. The
// start fails if the file is damaged, has another version of the format, or is in use by another
// server. A lock file with the suffix ".lock" marks a file in use. Sometimes the server writes a
// new file with the suffix ".new" and renames it.
//
// A change costs one write of its own size. It survives the process, even if the process is killed.
// It is not forced to the disk, so the last changes may be lost if the machine fails. While the
// file cannot be written, as on a full disk, every request is answered with 500.
func WithStateFile(path string) Option { return func(c *config) { c.state = path } }

const (
	stateHeader  = "klarnatest state, version "
	stateVersion = 1
	// stateLogs is the default number of requests and of deliveries that a server with a state file
	// remembers.
	stateLogs = 1000
	// stateSlack is the number of bytes by which a file may exceed twice its live contents before
	// it is rewritten.
	stateSlack = 1 << 20
)

// stateFile is an open state file. The file has a header and a line for each delta, of which the
// first is a snapshot. A line is a checksum in eight hexadecimal digits, a space, and JSON.
type stateFile struct {
	path    string
	unlock  func()
	file    *os.File // open for appending
	size    int64    // of the complete lines
	floor   int64    // size after the last rewrite
	changed []any
	seen    map[any]bool // in changed
	gone    []any
	err     error // of the last write
}

// stateMutex saves the changes made under it before it is released, so that no client learns of an
// unsaved change.
type stateMutex struct {
	sync.Mutex
	save func() // nil without a state file
}

// Unlock saves and unlocks.
func (m *stateMutex) Unlock() {
	if m.save != nil {
		m.save()
	}
	m.Mutex.Unlock()
}

// touch records that values are new or changed. The caller holds the mutex. A change without a call
// of touch is lost with the process.
func (s *Server) touch(things ...any) {
	if s.state == nil {
		return
	}
	for _, v := range things {
		if !s.state.seen[v] {
			s.state.seen[v] = true
			s.state.changed = append(s.state.changed, v)
		}
	}
}

// drop records that a value was removed.
func (s *Server) drop(thing any) {
	if s.state == nil {
		return
	}
	delete(s.state.seen, thing)
	s.state.gone = append(s.state.gone, thing)
}

// openState restores the state in the file, or creates the file.
func (s *Server) openState(path string) error {
	unlock, err := lockFile(path + ".lock")
	if errors.Is(err, errLocked) {
		return fmt.Errorf("klarnatest: the state file %s is in use by another server", path)
	} else if err != nil {
		return fmt.Errorf("klarnatest: state file: %w", err)
	}
	s.state = &stateFile{path: path, unlock: unlock, seen: map[any]bool{}}
	data, err := os.ReadFile(path) //nolint:gosec // the caller's own choice
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("klarnatest: state file: %w", err)
	default:
		known, err := readState(data)
		if err == nil {
			err = s.restore(known)
		}
		if err != nil {
			return fmt.Errorf("klarnatest: state file %s: %w", path, err)
		}
	}
	if err := s.state.rewrite(s.snapshot()); err != nil {
		return fmt.Errorf("klarnatest: state file: %w", err)
	}
	s.mu.save = s.saveState
	return nil
}

// saveState writes what was touched since the last time.
func (s *Server) saveState() {
	f := s.state
	if len(f.changed) == 0 && len(f.gone) == 0 || f.file == nil {
		return
	}
	var d delta
	for _, v := range f.changed {
		if f.seen[v] {
			d.add(v)
		}
	}
	for _, v := range f.gone {
		d.remove(v)
	}
	if f.err = f.append(&d); f.err != nil {
		return // the next change tries again
	}
	f.changed, f.gone = f.changed[:0], f.gone[:0]
	clear(f.seen)
	if f.size > 2*f.floor+stateSlack && f.rewrite(s.snapshot()) != nil {
		// Nothing is lost: the old file remains in use, and is rewritten when it is larger still.
		f.floor = f.size
	}
}

// unsaved returns the error of the last write, or nil if the file is complete.
func (s *Server) unsaved() error {
	if s.state == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.err
}

// closeState releases the file for the next server.
func (s *Server) closeState() {
	if s.state == nil || s.state.unlock == nil {
		return
	}
	if s.state.file != nil {
		s.saveState()
		_ = s.state.file.Close()
	}
	s.state.unlock()
	s.state.file, s.state.unlock = nil, nil
}

func (f *stateFile) append(d *delta) error {
	line := stateLine(d)
	if _, err := f.file.WriteAt(line, f.size); err != nil {
		_ = f.file.Truncate(f.size) // otherwise the rest of a longer line would follow the next one
		return err
	}
	f.size += int64(len(line))
	return nil
}

// rewrite writes a new file with the whole state.
func (f *stateFile) rewrite(all *delta) error {
	whole := append([]byte(stateHeader+strconv.Itoa(stateVersion)+"\n"), stateLine(all)...)
	temporary := f.path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // next to the caller's file
	if err != nil {
		return err
	}
	_, err = file.Write(whole)
	if err == nil {
		err = file.Sync() // if the machine fails, either the old file or the new one remains
	}
	if err == nil {
		err = os.Rename(temporary, f.path)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.size, f.floor = file, int64(len(whole)), int64(len(whole))
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func stateLine(d *delta) []byte {
	text := d.encode()
	return fmt.Appendf(nil, "%s %s\n", checksum(text), text)
}

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) }

// readState reads the deltas of a file. It ignores an incomplete last line: the server was killed
// during the write, before it answered a client.
func readState(data []byte) (*state, error) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	version, ours := strings.CutPrefix(string(first), stateHeader)
	switch {
	case !ours:
		return nil, errors.New("is not a state file")
	case version != strconv.Itoa(stateVersion):
		return nil, fmt.Errorf("is of version %q, and this klarnatest reads version %d", version, stateVersion)
	}
	known := &state{saved: make(map[*kind]*collection[*lastSaved])}
	number := 1
	for line := range bytes.Lines(rest) {
		number++
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole && number > 2 {
			break
		}
		d, err := readDelta(text)
		if !whole {
			err = errors.New("the line is incomplete")
		}
		if err != nil {
			return nil, fmt.Errorf("is damaged: line %d: %w", number, err)
		}
		known.apply(d)
	}
	if known.server == nil {
		return nil, errors.New("is damaged: it has no server")
	}
	return known, nil
}

func readDelta(line []byte) (*delta, error) {
	sum, text, _ := bytes.Cut(line, []byte(" "))
	if string(sum) != checksum(text) {
		return nil, errors.New("the checksum is wrong")
	}
	return decodeDelta(text)
}
