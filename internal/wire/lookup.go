package wire

import (
	"maps"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
)

// Lookup calls yield for each value at a path in value, which is a pointer to a struct whose tags
// name its members. "[]" after a name stands for each element of a list. If a member cannot be
// reached because an object in its path is missing, or if the type does not have the member, Lookup
// yields the zero [reflect.Value].
func Lookup(value any, path string, yield func(reflect.Value)) {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		yield(reflect.Value{})
		return
	}
	follow(v, steps(v.Type(), path), yield)
}

// TextAt returns the text at a path without lists in value, or "" if it does not exist.
func TextAt(value any, path string) string {
	if v := At(value, path); v.IsValid() && v.Kind() == reflect.String {
		return v.String()
	}
	return ""
}

// At returns the value at a path without lists in value, as [Lookup] does. It does not allocate.
func At(value any, path string) reflect.Value {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return v
	}
	list := steps(v.Type(), path)
	if list == nil {
		return reflect.Value{}
	}
	for _, step := range list {
		for v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(step.field)
	}
	return v
}

// IsThere reports whether a value from [Lookup] is neither zero nor a pointer to the number zero.
func IsThere(v reflect.Value) bool {
	if v.IsValid() && v.Type() == reflect.TypeFor[*int64]() && !v.IsNil() {
		v = v.Elem()
	}
	return v.IsValid() && !v.IsZero()
}

// step is a field in the path of a member.
type step struct {
	field int
	each  bool
}

// paths holds the steps for the paths of a type, nil for a path that does not exist. The map is
// never changed but replaced.
type paths struct {
	steps atomic.Pointer[map[string][]step]
}

var known sync.Map // reflect.Type: *paths

func steps(of reflect.Type, path string) []step {
	entry, ok := known.Load(of)
	if !ok {
		entry, _ = known.LoadOrStore(of, new(paths))
	}
	p := entry.(*paths) //nolint:forcetypeassert // nothing else is stored
	for {
		old := p.steps.Load()
		if old != nil {
			if list, ok := (*old)[path]; ok {
				return list
			}
		}
		more := map[string][]step{path: findSteps(of, path)}
		if old != nil {
			maps.Copy(more, *old)
		}
		p.steps.CompareAndSwap(old, &more)
	}
}

func findSteps(of reflect.Type, path string) []step {
	var list []step
	for name := range strings.SplitSeq(path, ".") {
		name, each := strings.CutSuffix(name, "[]")
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return nil
		}
		field := -1
		for i := range of.NumField() {
			if tag, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); tag == name && name != "" {
				field = i
			}
		}
		if field < 0 {
			return nil
		}
		if of = of.Field(field).Type; each {
			of = of.Elem()
		}
		list = append(list, step{field, each})
	}
	return list
}

func follow(v reflect.Value, path []step, yield func(reflect.Value)) {
	if path == nil {
		yield(reflect.Value{})
		return
	}
	for len(path) > 0 {
		for v.Kind() == reflect.Pointer {
			if v.IsNil() {
				yield(reflect.Value{})
				return
			}
			v = v.Elem()
		}
		v = v.Field(path[0].field)
		each := path[0].each
		path = path[1:]
		if each {
			for i := range v.Len() {
				follow(v.Index(i), path, yield)
			}
			return
		}
	}
	yield(v)
}
