package klarnatest

import (
	"os"
	"strconv"
	"strings"
)

// StateInMemoryAndInFile returns the state of the server and that of its file after a restart. They
// are equal if a restart loses nothing.
func (s *Server) StateInMemoryAndInFile() (inMemory, inFile string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inMemory = string(s.snapshot().encode())
	data, err := os.ReadFile(s.state.path)
	if err != nil {
		return "", "", err
	}
	known, err := readState(data)
	if err != nil {
		return "", "", err
	}
	again := newServer(config{retention: s.retention, logLimit: s.logLimit})
	if err := again.restore(known); err != nil {
		return "", "", err
	}
	return inMemory, string(again.snapshot().encode()), nil
}

// BreakStateFile makes every write fail until repair is called.
func (s *Server) BreakStateFile() (repair func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	readOnly, err := os.Open(s.state.path)
	if err != nil {
		return nil, err
	}
	good := s.state.file
	s.state.file = readOnly
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state.file = good
		_ = readOnly.Close()
	}, nil
}

// StateFileOf returns a state file with these deltas and valid checksums.
func StateFileOf(version int, deltas ...string) []byte {
	var b strings.Builder
	b.WriteString(stateHeader + strconv.Itoa(version) + "\n")
	for _, text := range deltas {
		b.WriteString(checksum([]byte(text)) + " " + text + "\n")
	}
	return []byte(b.String())
}

// DeltasOf returns the deltas of a state file.
func DeltasOf(file []byte) (deltas []string) {
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")
	for _, line := range lines[1:] {
		_, text, _ := strings.Cut(line, " ")
		deltas = append(deltas, text)
	}
	return deltas
}
