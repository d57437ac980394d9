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

// delta is what changed in one moment, or all there is: a state file is a list of them, and a later
// one overwrites what an earlier one said of the same thing. In JSON it is an object with a member
// for each kind.
type delta struct {
	server *savedServer
	gone   map[string][]string // by kind: the keys of what was gone before the rest happened
	saved  map[string][]any    // by kind
}

// add notes how a thing stands now.
func (d *delta) add(thing any) {
	if s, ok := thing.(*Server); ok {
		d.server = s.save()
		return
	}
	if d.saved == nil {
		d.saved = make(map[string][]any)
	}
	k := kindOfType[reflect.TypeOf(thing)]
	d.saved[k.name] = append(d.saved[k.name], k.save(thing))
}

// remove notes that a thing is no longer there.
func (d *delta) remove(thing any) {
	if d.gone == nil {
		d.gone = make(map[string][]string)
	}
	k := kindOfType[reflect.TypeOf(thing)]
	d.gone[k.name] = append(d.gone[k.name], k.key(k.save(thing)))
}

// snapshot is all there is, always in the same order.
func (s *Server) snapshot() *delta {
	d := new(delta)
	d.add(s)
	for _, k := range kinds {
		for _, thing := range k.all(s) {
			d.add(thing)
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

// decodeStrictly refuses what into has no field for, and what follows it.
func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its JSON")
	}
	return nil
}

// state is what the deltas of a file say in the end.
type state struct {
	server *savedServer
	saved  map[*kind]*collection[*latest]
}

// latest is what was last said of a thing.
type latest struct{ saved any }

// apply lets a delta overwrite what was known before.
func (known *state) apply(d *delta) {
	if d.server != nil {
		known.server = d.server
	}
	for _, k := range kinds {
		things := known.saved[k]
		if things == nil {
			things = new(newCollection[*latest]())
			known.saved[k] = things
		}
		for _, key := range d.gone[k.name] {
			things.remove(key)
		}
		for _, saved := range d.saved[k.name] {
			key := strconv.Itoa(len(things.ordered)) // of a log, from which nothing is removed
			if k.key != nil {
				key = k.key(saved)
			}
			if thing := things.byID[key]; thing != nil {
				thing.saved = saved
			} else {
				things.add(key, &latest{saved})
			}
		}
	}
}

// restore makes the server what it was, and plans again what will happen by itself. The first thing
// that cannot be is the error.
func (s *Server) restore(known *state) error {
	err := s.restoreServer(known.server)
	for _, k := range kinds {
		for _, thing := range known.saved[k].all() {
			if err == nil {
				err = k.restore(s, thing.saved)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("is damaged: %w", err)
	}
	// They were saved in the order in which they were answered.
	slices.SortFunc(s.requests.All(), func(a, b *loggedRequest) int { return cmp.Compare(a.number, b.number) })
	s.trimLogs()
	return nil
}
