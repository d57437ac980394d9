package klarnatest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// delta is a change of the state, or the whole state. A state file is a list of deltas. A later one
// replaces the values of an earlier one. In JSON, a delta is an object with a member for each kind.
type delta struct {
	server *savedServer
	gone   map[string][]string // by kind: keys of values that are removed before the others are set
	saved  map[string][]any    // by kind
}

// add adds the present state of a value.
func (d *delta) add(value any) {
	if s, ok := value.(*Server); ok {
		d.server = s.save()
		return
	}
	if d.saved == nil {
		d.saved = make(map[string][]any)
	}
	k := kindOfType[reflect.TypeOf(value)]
	d.saved[k.name] = append(d.saved[k.name], k.save(value))
}

// remove adds the removal of a value.
func (d *delta) remove(value any) {
	if d.gone == nil {
		d.gone = make(map[string][]string)
	}
	k := kindOfType[reflect.TypeOf(value)]
	d.gone[k.name] = append(d.gone[k.name], k.key(k.save(value)))
}

// snapshot returns the whole state. The same state gives the same snapshot.
func (s *Server) snapshot() *delta {
	d := new(delta)
	d.add(s)
	for _, k := range kinds {
		for _, value := range k.all(s) {
			d.add(value)
		}
	}
	return d
}

// encode writes the delta as JSON.
func (d *delta) encode() []byte {
	members := make(map[string]any)
	for name, list := range d.saved {
		members[name] = list
	}
	if d.server != nil {
		members["server"] = d.server
	}
	if d.gone != nil {
		members["gone"] = d.gone
	}
	return encode(members)
}

func decodeDelta(text []byte) (*delta, error) {
	var members map[string]json.RawMessage
	if err := decodeStrictly(text, &members); err != nil {
		return nil, err
	}
	d := &delta{saved: make(map[string][]any)}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var err error
		switch k := kindOfName(name); {
		case k != nil:
			d.saved[name], err = k.decode(members[name])
		case name == "server":
			err = decodeStrictly(members[name], &d.server)
		case name == "gone":
			err = decodeStrictly(members[name], &d.gone)
		default:
			err = fmt.Errorf("unknown field %q", name)
		}
		if err != nil {
			return nil, err
		}
	}
	for name := range d.gone {
		if k := kindOfName(name); k == nil || k.key == nil {
			return nil, fmt.Errorf("unknown field %q", name)
		}
	}
	return d, nil
}

// decodeStrictly returns an error for a member without a field, and for anything after the value.
func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is data after the JSON")
	}
	return nil
}

// state is the result of the deltas of a file.
type state struct {
	server *savedServer
	saved  map[*kind]*collection[*lastSaved]
}

// lastSaved has the value as it was last saved.
type lastSaved struct{ saved any }

// apply applies a delta.
func (known *state) apply(d *delta) {
	if d.server != nil {
		known.server = d.server
	}
	for _, k := range kinds {
		values := known.saved[k]
		if values == nil {
			values = new(newCollection[*lastSaved]())
			known.saved[k] = values
		}
		for _, key := range d.gone[k.name] {
			values.remove(key)
		}
		for _, saved := range d.saved[k.name] {
			key := strconv.Itoa(len(values.ordered)) // values of a log have no key and are never removed
			if k.key != nil {
				key = k.key(saved)
			}
			if v := values.byID[key]; v != nil {
				v.saved = saved
			} else {
				values.add(key, &lastSaved{saved})
			}
		}
	}
}

// restore restores the server and schedules its future actions. It returns an error for the first
// value that is not valid.
func (s *Server) restore(known *state) error {
	err := s.restoreServer(known.server)
	for _, k := range kinds {
		for _, v := range known.saved[k].all() {
			if err == nil {
				err = k.restore(s, v.saved)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("is damaged: %w", err)
	}
	// Requests were saved in the order of their answers.
	slices.SortFunc(s.requests.All(), func(a, b *loggedRequest) int { return cmp.Compare(a.number, b.number) })
	s.trimLogs()
	return nil
}
