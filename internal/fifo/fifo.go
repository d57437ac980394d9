// Package fifo implements a first-in, first-out queue.
package fifo

// Queue is a first-in, first-out queue. Push and Pop take constant time on average. The memory of
// removed values is released. The zero value is an empty queue.
type Queue[T any] struct {
	items []T
	taken int // the number of items, from the front, that were removed
}

// Push adds v at the end.
func (q *Queue[T]) Push(v T) { q.items = append(q.items, v) }

// Len returns the number of values in the queue.
func (q *Queue[T]) Len() int { return len(q.items) - q.taken }

// All returns the values in the queue, the oldest first. The slice is valid until the next Push or
// Pop.
func (q *Queue[T]) All() []T { return q.items[q.taken:] }

// Pop removes and returns the oldest value. It panics if the queue is empty.
func (q *Queue[T]) Pop() T {
	first := q.items[q.taken]
	clear(q.items[q.taken : q.taken+1])
	q.taken++
	if q.taken > len(q.items)/2 {
		q.items, q.taken = append([]T(nil), q.items[q.taken:]...), 0
	}
	return first
}
