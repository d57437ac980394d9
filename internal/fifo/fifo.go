// Package fifo holds a first-in, first-out queue.
package fifo

// Queue is a queue whose ends both cost the same however long it is. It gives the memory of what
// was taken back. The zero value is empty.
type Queue[T any] struct {
	items []T
	taken int // of items, from the front
}

// Push adds v at the end.
func (q *Queue[T]) Push(v T) { q.items = append(q.items, v) }

// Len returns how many values wait.
func (q *Queue[T]) Len() int { return len(q.items) - q.taken }

// All returns what waits, first come first, until the next Push or Pop.
func (q *Queue[T]) All() []T { return q.items[q.taken:] }

// Pop takes the first value. It panics where there is none.
func (q *Queue[T]) Pop() T {
	first := q.items[q.taken]
	clear(q.items[q.taken : q.taken+1])
	q.taken++
	if q.taken > len(q.items)/2 {
		q.items, q.taken = append([]T(nil), q.items[q.taken:]...), 0
	}
	return first
}
