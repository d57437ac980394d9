package klarnatest

// fifo is a queue whose both ends cost the same however long it is.
type fifo[T any] struct {
	items []T
	taken int // of items, from the front
}

func (q *fifo[T]) push(v T) { q.items = append(q.items, v) }

func (q *fifo[T]) len() int { return len(q.items) - q.taken }

// all is what waits, first come first, until the next push or pop.
func (q *fifo[T]) all() []T { return q.items[q.taken:] }

// pop takes the first; there must be one.
func (q *fifo[T]) pop() T {
	first := q.items[q.taken]
	clear(q.items[q.taken : q.taken+1])
	q.taken++
	if q.taken > len(q.items)/2 {
		n := copy(q.items, q.items[q.taken:])
		clear(q.items[n:])
		q.items, q.taken = q.items[:n], 0
	}
	return first
}
