package fifo

import "testing"

func TestAQueueIsEmptiedInOrder(t *testing.T) {
	var q Queue[int]
	next := 0
	for i := range 1000 {
		q.Push(i)
		if i%3 != 0 {
			if got := q.Pop(); got != next {
				t.Fatalf("popped %d, want %d", got, next)
			}
			next++
		}
		if q.Len() != i+1-next || len(q.All()) != q.Len() || q.taken > q.Len() {
			t.Fatalf("%d left, of %d", q.Len(), len(q.items))
		}
	}
	for ; q.Len() > 0; next++ {
		if got := q.Pop(); got != next {
			t.Fatalf("popped %d, want %d", got, next)
		}
	}
	if next != 1000 || cap(q.items) > 0 {
		t.Errorf("popped %d, and kept room for %d", next, cap(q.items))
	}
}
