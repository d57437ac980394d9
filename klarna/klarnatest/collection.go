package klarnatest

// collection finds a thing by its id and remembers the order in which things came.
type collection[T any] struct {
	byID  map[string]T
	order []T
}

func newCollection[T any]() collection[T] { return collection[T]{byID: map[string]T{}} }

func (c *collection[T]) add(id string, v T) {
	c.byID[id] = v
	c.order = append(c.order, v)
}
