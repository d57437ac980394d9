package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Queue acknowledges events immediately and processes them afterwards. It is for receivers that
// take longer than Klarna should wait. It holds a limited number of events. When it is full,
// [Queue.Receive] returns [ErrBusy], so that Klarna delivers again.
//
// Klarna does not deliver an acknowledged event again. The event is lost if its receiver fails or
// panics, or if the process ends while the event waits. Use a Queue only if the program recovers
// lost events by other means, for example by reading overdue payment requests.
//
// Put [Once] inside the Queue. Outside, it would record an event when it is queued, not when it is
// processed.
//
//	once := webhook.Once(store, lease, receive)
//	queue, err := webhook.NewQueue(once, webhook.QueueConfig{})
//	…
//	handler, err := webhook.NewHandler(verifier, queue.Receive)
//
// The methods of the zero Queue return an error.
type Queue struct {
	receive Receiver
	logger  *slog.Logger
	timeout time.Duration
	events  chan *Event
	workers sync.WaitGroup
	ctx     context.Context //nolint:containedctx // the lifetime of the workers is that of the queue
	cancel  context.CancelFunc

	mu     sync.RWMutex // locked to close events, read-locked to send on it
	closed bool
}

// ErrBusy reports that a [Queue] is full or shut down.
var ErrBusy = errors.New("webhook: the queue has no room")

var errNoQueue = errors.New("webhook: the Queue was not made by NewQueue")

// QueueConfig configures a [Queue]. A zero field has its default.
type QueueConfig struct {
	// Size is the number of events that can wait, 1000 by default.
	Size int
	// Workers is the number of events that are processed concurrently, 8 by default.
	Workers int
	// Timeout is the timeout of one call of the receiver, one minute by default.
	Timeout time.Duration
	// Logger logs each lost event at Error. It is [slog.Default] by default.
	Logger *slog.Logger
}

// NewQueue returns a running [Queue]. Give its method [Queue.Receive] to [NewHandler]. Call
// [Queue.Shutdown] after the Shutdown of the HTTP server. NewQueue returns an error if receive is
// nil or a field of config is negative.
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
		q.workers.Go(q.processEvents)
	}
	return q, nil
}

// Receive adds the event to the queue. The error is [ErrBusy] if the queue is full or shut down.
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

// Shutdown stops the queue: it refuses new events, processes the waiting ones, and returns. If ctx
// ends first, Shutdown cancels the context of the receivers, waits for them to return, and returns
// the error of ctx. The events that still wait are lost and logged.
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
		case <-drained: // both happened; the events are processed
			return nil
		default:
		}
		q.cancel()
		<-drained
		return ctx.Err()
	}
}

func (q *Queue) processEvents() {
	for event := range q.events {
		if q.ctx.Err() != nil {
			q.logLost(event, q.ctx.Err())
			continue
		}
		if err := q.process(event); err != nil {
			q.logLost(event, err)
		}
	}
}

// process calls the receiver and turns its panic into an error, so that the worker continues.
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

func (q *Queue) logLost(event *Event, err error) {
	if errors.Is(err, ErrInFlight) {
		return // a duplicate of an event that is being processed
	}
	q.logger.ErrorContext(q.ctx, "klarna webhook lost after acknowledgment",
		"event_type", event.Metadata.EventType, "event_id", event.Metadata.EventID, "error", err)
}
