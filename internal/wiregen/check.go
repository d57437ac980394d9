package main

import (
	"fmt"
	"go/types"
	"strings"
)

// check returns an error if no code can be generated for a wire type.
func (s *source) check(object *types.Struct) error {
	names := map[string]bool{}
	for i := range object.NumFields() {
		field, tag := object.Field(i), newTag(object.Tag(i))
		member, option, _ := strings.Cut(tag.get("json"), ",")
		_, pointer := types.Unalias(field.Type()).(*types.Pointer)
		switch show, of := tag.get("wire"), field.Type(); {
		case show != "" && show != "show":
			return fmt.Errorf("%s: wire:%q is unknown", field.Name(), show)
		case show == "show" && !isText(of) && !isInt(of) && !isIntPointer(of):
			return fmt.Errorf("%s: a %s cannot be shown", field.Name(), of)
		case option == "embed":
			if field.Name() != "Unknown" {
				return fmt.Errorf("%s: the embedded type must be Unknown", field.Name())
			}
			continue
		case member == "-":
			continue
		case member == "":
			if field.Exported() {
				return fmt.Errorf("%s has no name in JSON", field.Name())
			}
			continue
		case option != "" && option != "omitzero":
			return fmt.Errorf("%s: %s is an unknown option", field.Name(), option)
		case names[member]:
			return fmt.Errorf("%s: %s is the name of another member", field.Name(), member)
		case pointer && option != "omitzero":
			return fmt.Errorf("%s: a pointer needs omitzero", field.Name())
		}
		names[member] = true
		if err := s.checkType(field.Type()); err != nil {
			return fmt.Errorf("%s: %w", field.Name(), err)
		}
	}
	if len(names) > 64 {
		return fmt.Errorf("it has %d members, more than 64", len(names))
	}
	return nil
}

// checkType returns an error if a member cannot have that type.
func (s *source) checkType(of types.Type) error {
	element := of
	switch t := types.Unalias(of).(type) {
	case *types.Pointer:
		element = t.Elem()
	case *types.Slice:
		element = t.Elem()
	}
	if named, ok := types.Unalias(element).(*types.Named); ok {
		object, isStruct := named.Underlying().(*types.Struct)
		switch own := named.Obj().Pkg() == s.pkg; {
		case isFrom(named, "time", "Time"), isFrom(named, redactPath, "Secret"), isFrom(named, redactPath, "RawJSON"):
			return nil
		case own && isStruct && isWire(object), s.twin(named) != "":
			return nil
		case !own && isText(named):
			return nil
		case !own && hasMethod(named, "MarshalJSON") && hasMethod(types.NewPointer(named), "UnmarshalJSON"):
			return nil
		case own && !isStruct && (isText(named) || isInt(named) || isKind(named, types.Bool, types.Float64)):
			return nil
		}
	} else if isText(element) || isInt(element) || isKind(element, types.Bool, types.Float64) {
		return nil
	}
	return fmt.Errorf("a %s cannot be encoded", of)
}

const redactPath = "github.com/klarna-go/klarna-go/internal/redact"

func isFrom(named *types.Named, path, name string) bool {
	object := named.Obj()
	return object.Name() == name && object.Pkg() != nil && object.Pkg().Path() == path
}

func hasMethod(of types.Type, name string) bool {
	return types.NewMethodSet(of).Lookup(nil, name) != nil
}

func isText(of types.Type) bool { return isKind(of, types.String) }

func isIntPointer(of types.Type) bool {
	pointer, ok := types.Unalias(of).(*types.Pointer)
	return ok && isInt(pointer.Elem())
}

func isInt(of types.Type) bool { return isKind(of, types.Int, types.Int64) }

func isKind(of types.Type, kinds ...types.BasicKind) bool {
	basic, ok := of.Underlying().(*types.Basic)
	if !ok {
		return false
	}
	for _, kind := range kinds {
		if basic.Kind() == kind {
			return true
		}
	}
	return false
}
