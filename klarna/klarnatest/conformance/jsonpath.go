package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// object and list are JSON values in cases and in decoded answers.
type (
	object = map[string]any
	list   = []any
)

// readJSON decodes exactly one JSON value. Numbers keep their notation.
func readJSON(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// at returns the values at a dotted path: "validation_errors.0.parameter". A step "*" matches every
// element of an array, so that there may be several values. The empty path is the value itself.
// null counts as absent.
func at(value any, path string) list {
	found := there(value)
	if path == "" {
		return found
	}
	for step := range strings.SplitSeq(path, ".") {
		var next list
		for _, v := range found {
			switch v := v.(type) {
			case object:
				next = append(next, there(v[step])...)
			case list:
				if step == "*" {
					next = append(next, there(v...)...)
				} else if i, err := strconv.ParseUint(step, 10, 31); err == nil && i < uint64(len(v)) {
					next = append(next, there(v[i])...)
				}
			}
		}
		found = next
	}
	return found
}

func there(values ...any) list {
	return slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v == nil })
}
