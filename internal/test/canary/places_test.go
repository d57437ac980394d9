package canary

import "reflect"

// place is a way in which a program holds a value.
type place struct {
	name string
	of   any
	// zero is the same place with a zero value.
	zero any
}

type (
	exported[T any]          struct{ Field T }
	exportedPointer[T any]   struct{ Field *T }
	unexported[T any]        struct{ field T }
	unexportedPointer[T any] struct{ field *T }
	inInterface              struct{ Field any }
	unexportedInterface      struct{ field any }
	// wrapper is a user's generic type, such as an optional value.
	wrapper[T any] struct {
		Value T
		value T
		Is    bool
	}
)

// placesOf returns the places of a value. embedded returns a struct that embeds it.
func placesOf[T any](value T, embedded func(T) any) []place {
	var zero T
	places := []place{
		{"itself", value, zero},
		{"pointer", &value, &zero},
		{"field", exported[T]{value}, exported[T]{}},
		{"pointer in a field", exportedPointer[T]{&value}, exportedPointer[T]{&zero}},
		{"unexported field", unexported[T]{value}, unexported[T]{}},
		{"pointer in an unexported field", unexportedPointer[T]{&value}, unexportedPointer[T]{&zero}},
		{"interface", inInterface{value}, inInterface{zero}},
		{"unexported interface", unexportedInterface{value}, unexportedInterface{zero}},
		{"map value", map[string]T{"k": value}, map[string]T{"k": zero}},
		{"slice", []T{value}, []T{zero}},
		{"array", [1]T{value}, [1]T{}},
		{"generic type", wrapper[T]{Value: value, value: value}, wrapper[T]{}},
		{"embedded", embedded(value), embedded(zero)},
	}
	if reflect.TypeFor[T]().Comparable() {
		places = append(places, place{"map key", map[any]int{value: 1}, map[any]int{zero: 1}})
	}
	return places
}
