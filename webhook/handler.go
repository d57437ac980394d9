package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// Receiver does what an event causes. An error makes Klarna deliver the event again later.
type Receiver func(ctx context.Context, event *Event) error

// Handler answers Klarna's deliveries. The statuses are what Klarna acts on:
//
//	200  received, and the Receiver returned nil
//	400  not Klarna's, or no event; the sender is not told which
//	405  not a POST
//	413  larger than allowed
//	500  the Receiver failed or panicked: Klarna delivers again
type Handler struct {
	verifier *Verifier
	receive  Receiver
	most     int64
	logger   *slog.Logger
}

// HandlerOption configures a Handler.
type HandlerOption func(*Handler)

// WithLogger logs refused deliveries and failed receivers; without it slog.Default does. No record holds a body or a
// signature.
func WithLogger(logger *slog.Logger) HandlerOption {
	return func(h *Handler) { h.logger = logger }
}

const defaultMaxBytes = 1 << 20

// WithMaxBytes bounds the size of a delivery's body; 1 MiB by default.
func WithMaxBytes(n int64) HandlerOption {
	return func(h *Handler) { h.most = n }
}

// NewHandler returns a Handler that hands verified events to receive, one call a delivery and as many at once as
// arrive. The context of a call ends when the sender leaves.
func NewHandler(verifier *Verifier, receive Receiver, options ...HandlerOption) (*Handler, error) {
	if verifier == nil || receive == nil {
		return nil, errors.New("webhook: a Handler needs a Verifier and a Receiver")
	}
	h := &Handler{verifier: verifier, receive: receive, most: defaultMaxBytes}
	for _, o := range options {
		if o != nil {
			o(h)
		}
	}
	if h.most < 1 {
		return nil, errors.New("webhook: WithMaxBytes needs at least 1")
	}
	if h.logger == nil {
		h.logger = slog.Default()
	}
	return h, nil
}

// ServeHTTP answers one delivery.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.most))
	if err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		h.refuse(w, r, status, "its body cannot be read")
		return
	}
	event, err := h.verifier.Parse(r.Header, body)
	if err != nil {
		h.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if err := h.deliver(r.Context(), event); err != nil {
		h.logger.ErrorContext(r.Context(), "klarna webhook failed", "event_type", event.Metadata.EventType, "event_id", event.Metadata.EventID, "error", err)
		http.Error(w, "not processed", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	h.logger.WarnContext(r.Context(), "klarna webhook refused", "status", status, "reason", why)
	http.Error(w, http.StatusText(status), status)
}

// deliver keeps a panic in one delivery from being more than that delivery's failure.
func (h *Handler) deliver(ctx context.Context, event *Event) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			// The type alone: the value may be anything, a token included.
			err = fmt.Errorf("webhook: the receiver panicked with a %T", p)
		}
	}()
	return h.receive(ctx, event)
}
