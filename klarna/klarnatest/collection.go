package klarnatest

import "slices"

// collection finds a thing by its id and remembers the order in which things came. A removal costs
// the same however much is there.
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

// remove takes a thing away; an id that is not there is none.
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

// all is everything there is, in order, until the next remove.
func (c *collection[T]) all() []T {
	if len(c.removed) > 0 {
		c.compact()
	}
	return c.ordered
}
