package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Queue acknowledges events at once and processes them after, for receivers that take longer than a
// sender should wait. It holds a bounded number of events and answers ErrBusy when it is full, so
// that Klarna delivers again.
//
// An acknowledged event is Klarna's no longer: one whose receiver fails or panics, or that still
// waited when the process died, is lost, because Klarna has no replay. Use a Queue only where
// something else looks after what is lost, such as reading the payment requests that are overdue.
// Put Once inside, around the receiver, and never around the Queue, where it would take an event
// for processed when it is queued:
//
//	queue, err := webhook.NewQueue(webhook.Once(store, lease, receive), webhook.QueueConfig{})
//	…
//	handler, err := webhook.NewHandler(verifier, queue.Receive)
type Queue struct {
	receive Receiver
	logger  *slog.Logger
	timeout time.Duration
	events  chan *Event
	workers sync.WaitGroup
	ctx     context.Context //nolint:containedctx // the lifetime of the workers, which belongs to the queue and to no call
	cancel  context.CancelFunc

	mu     sync.RWMutex // held to close events; held shared to send on it
	closed bool
}

// ErrBusy is the error of a Queue that is full or shut down.
var ErrBusy = errors.New("webhook: the queue has no room")

var errNoQueue = errors.New("webhook: the Queue was not made by NewQueue")

// QueueConfig are the bounds of a Queue.
type QueueConfig struct {
	// Size is how many events may wait; 1000 by default.
	Size int
	// Workers is how many are processed at once; 8 by default.
	Workers int
	// Timeout bounds one call of the receiver; a minute by default.
	Timeout time.Duration
	// Logger tells of receivers that fail or panic; slog.Default by default.
	Logger *slog.Logger
}

// NewQueue starts a Queue. Give its method Receive to NewHandler, and call Shutdown after the HTTP
// server's.
func NewQueue(receive Receiver, config QueueConfig) (*Queue, error) {
	if receive == nil {
		return nil, errors.New("webhook: a Queue needs a Receiver")
	}
	if config.Size < 0 || config.Workers < 0 || config.Timeout < 0 {
		return nil, errors.New("webhook: QueueConfig: a field is negative")
	}
	if config.Size == 0 {
		config.Size = 1000
	}
	if config.Workers == 0 {
		config.Workers = 8
	}
	if config.Timeout == 0 {
		config.Timeout = time.Minute
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	q := &Queue{receive: receive, logger: config.Logger, timeout: config.Timeout, events: make(chan *Event, config.Size)}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	for range config.Workers {
		q.workers.Go(q.work)
	}
	return q, nil
}

// Receive is the Queue's own Receiver: it takes the event, or returns ErrBusy.
func (q *Queue) Receive(_ context.Context, event *Event) error {
	if q == nil || q.events == nil {
		return errNoQueue
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return ErrBusy
	}
	select {
	case q.events <- event:
		return nil
	default:
		return ErrBusy
	}
}

// Shutdown takes no more events, processes those that wait, and returns when that is done. When ctx
// ends first, it cancels the receivers, waits for them to return, and returns the context's error;
// the events that still waited are lost.
func (q *Queue) Shutdown(ctx context.Context) error {
	if q == nil || q.events == nil {
		return errNoQueue
	}
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.events)
	}
	q.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		q.workers.Wait()
		close(drained)
	}()
	defer q.cancel()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		select {
		case <-drained: // before it ended
			return nil
		default:
		}
		q.cancel()
		<-drained
		return ctx.Err()
	}
}

func (q *Queue) work() {
	for event := range q.events {
		if q.ctx.Err() != nil {
			q.lost(event, q.ctx.Err())
			continue
		}
		if err := q.process(event); err != nil {
			q.lost(event, err)
		}
	}
}

// process keeps a panic from ending the worker.
func (q *Queue) process(event *Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	ctx, cancel := context.WithTimeout(q.ctx, q.timeout)
	defer cancel()
	return q.receive(ctx, event)
}

func (q *Queue) lost(event *Event, err error) {
	if errors.Is(err, ErrInFlight) {
		return // a duplicate: the one in work decides
	}
	q.logger.ErrorContext(q.ctx, "klarna webhook lost after it was acknowledged",
		"event_type", event.Metadata.EventType, "event_id", event.Metadata.EventID, "error", err)
}
