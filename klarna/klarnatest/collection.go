package klarnatest

import "slices"

// collection finds a thing by its id and remembers the order in which things came.
type collection[T comparable] struct {
	byID  map[string]T
	order []T
}

func newCollection[T comparable]() collection[T] { return collection[T]{byID: map[string]T{}} }

func (c *collection[T]) add(id string, v T) {
	c.byID[id] = v
	c.order = append(c.order, v)
}

func (c *collection[T]) remove(id string) {
	i := slices.Index(c.order, c.byID[id])
	c.order = slices.Delete(c.order, i, i+1)
	delete(c.byID, id)
}
