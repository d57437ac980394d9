package klarnatest

import "slices"

// collection finds a resource by its id and remembers the order of insertion. A removal takes
// constant time on average.
type collection[T comparable] struct {
	byID    map[string]T
	ordered []T
	removed map[T]struct{} // still in ordered
}

func newCollection[T comparable]() collection[T] {
	return collection[T]{byID: map[string]T{}, removed: map[T]struct{}{}}
}

func (c *collection[T]) add(id string, v T) {
	c.byID[id] = v
	c.ordered = append(c.ordered, v)
}

// remove removes a resource. It does nothing if the id is unknown.
func (c *collection[T]) remove(id string) {
	v, ok := c.byID[id]
	if !ok {
		return
	}
	delete(c.byID, id)
	c.removed[v] = struct{}{}
	if len(c.removed) > len(c.ordered)/2 {
		c.compact()
	}
}

func (c *collection[T]) compact() {
	c.ordered = slices.DeleteFunc(c.ordered, func(v T) bool {
		_, gone := c.removed[v]
		return gone
	})
	clear(c.removed)
}

// all returns the resources in order of insertion. The slice is valid until the next remove.
func (c *collection[T]) all() []T {
	if len(c.removed) > 0 {
		c.compact()
	}
	return c.ordered
}
