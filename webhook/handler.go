package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Receiver processes an event. If it returns an error, Klarna delivers the event again later.
type Receiver func(ctx context.Context, event *Event) error

// Handler is an [http.Handler] that receives Klarna's deliveries. Klarna accepts the answers 200,
// 201, 202 and 204. After any other answer it delivers the event again. The Handler answers:
//
//	200  the Receiver returned nil
//	400  the signature is not valid, or the body is not an event
//	405  the method is not POST
//	413  the body is larger than the limit
//	415  the content type is not JSON
//	500  the Receiver failed or panicked, the signing keys could not be looked up, or this is
//	     the zero Handler
//	503  the event is being processed already (ErrInFlight), or the queue is full (ErrBusy)
type Handler struct {
	verifier *Verifier
	receive  Receiver
	maxBytes int64
	logger   *slog.Logger
}

// HandlerOption configures a [Handler].
type HandlerOption func(*Handler)

// WithLogger sets the logger, [slog.Default] by default. The Handler logs
//
//   - at Warn, refused deliveries with the reason, which the answer does not contain,
//   - at Warn, events that are being processed already and events that the queue has no room for,
//   - at Error, deliveries with a valid signature that cannot be decoded,
//   - at Error, events whose receiver failed or panicked.
//
// No record contains a body or a signature.
func WithLogger(logger *slog.Logger) HandlerOption {
	return func(h *Handler) { h.logger = logger }
}

const defaultMaxBytes = 1 << 20

var errNoHandler = errors.New("webhook: the Handler was not made by NewHandler")

// WithMaxBytes sets the limit of a delivery's body in bytes, 1 MiB by default.
func WithMaxBytes(n int64) HandlerOption {
	return func(h *Handler) { h.maxBytes = n }
}

// NewHandler returns a [Handler] that passes each verified event to receive. It makes one call per
// delivery, and concurrent calls for concurrent deliveries. The context of a call ends when the
// sender closes the connection. Wrap receive in [Once] to process each event once, and use a [Mux]
// for several receivers. NewHandler returns an error if receive is nil, or if verifier is nil or
// the zero Verifier.
func NewHandler(verifier *Verifier, receive Receiver, options ...HandlerOption) (*Handler, error) {
	switch {
	case verifier == nil || verifier.keys == nil:
		return nil, errors.New("webhook: NewHandler: the verifier is nil or was not made by NewVerifier")
	case receive == nil:
		return nil, errors.New("webhook: NewHandler: the receiver is nil")
	}
	h := &Handler{verifier: verifier, receive: receive, maxBytes: defaultMaxBytes}
	for _, o := range options {
		if o != nil {
			o(h)
		}
	}
	if h.maxBytes < 1 {
		return nil, errors.New("webhook: WithMaxBytes: want at least 1")
	}
	if h.logger == nil {
		h.logger = slog.Default()
	}
	return h, nil
}

// ServeHTTP answers one delivery.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if h == nil || h.verifier == nil {
		slog.Default().ErrorContext(ctx, "klarna webhook refused", "status", http.StatusInternalServerError, "reason", errNoHandler.Error())
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(ctx, w, http.StatusMethodNotAllowed, "the method is not POST")
		return
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		h.refuse(ctx, w, http.StatusUnsupportedMediaType, "the content type is not JSON")
		return
	}
	if r.Body == nil {
		r.Body = http.NoBody // only net/http guarantees a body; an adapter may leave it nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.maxBytes))
	if err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		h.refuse(ctx, w, status, "the body cannot be read")
		return
	}
	event, err := h.verifier.Parse(ctx, r.Header, body)
	switch {
	case errors.Is(err, ErrKeySource), err != nil && ctx.Err() != nil:
		h.refuse(ctx, w, http.StatusInternalServerError, err.Error())
		return
	case errors.Is(err, ErrNoEvent):
		// At Error: Klarna signed this event, and it is lost after the last retry.
		h.logger.ErrorContext(ctx, "klarna webhook unreadable", "status", http.StatusBadRequest, "reason", err.Error())
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	case err != nil:
		h.refuse(ctx, w, http.StatusBadRequest, err.Error())
		return
	}
	if err := h.deliver(ctx, event); err != nil {
		status, level := http.StatusInternalServerError, slog.LevelError
		if errors.Is(err, ErrInFlight) || errors.Is(err, ErrBusy) {
			status, level = http.StatusServiceUnavailable, slog.LevelWarn
		}
		h.logger.Log(ctx, level, "klarna webhook failed", "status", status,
			"event_type", event.Metadata.EventType, "event_id", event.Metadata.EventID, "error", err)
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// isJSON accepts JSON media types and a missing content type.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	// Parameters are ignored, even malformed ones: the signature alone authenticates the body.
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "application/json" || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

func (h *Handler) refuse(ctx context.Context, w http.ResponseWriter, status int, reason string) {
	h.logger.WarnContext(ctx, "klarna webhook refused", "status", status, "reason", reason)
	http.Error(w, http.StatusText(status), status)
}

// deliver calls the receiver and turns its panic into an error.
func (h *Handler) deliver(ctx context.Context, event *Event) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if errors.Is(p, http.ErrAbortHandler) {
				panic(p)
			}
			err = panicked(p)
		default:
			err = panicked(p)
		}
	}()
	return h.receive(ctx, event)
}

// panicked returns an error with the type of the value alone, because the value may contain a
// token.
func panicked(value any) error { return fmt.Errorf("webhook: the receiver panicked with a %T", value) }
