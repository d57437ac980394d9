package klarnatest

// fifo is a queue whose push and pop take amortized constant time.
type fifo[T any] struct {
	items []T
	taken int // number of items taken from the front
}

func (q *fifo[T]) push(v T) { q.items = append(q.items, v) }

func (q *fifo[T]) len() int { return len(q.items) - q.taken }

// all returns the items in the queue, oldest first. The slice is valid until the next push or pop.
func (q *fifo[T]) all() []T { return q.items[q.taken:] }

// pop removes and returns the oldest item. The queue must not be empty.
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
