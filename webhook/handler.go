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

// Receiver does what an event causes. An error makes Klarna deliver the event again later.
type Receiver func(ctx context.Context, event *Event) error

// Handler answers Klarna's deliveries. Klarna takes 200, 201, 202 and 204 for received, and
// anything else for a reason to deliver again:
//
//	200  the Receiver returned nil
//	400  not Klarna's, or no event; the sender is not told which
//	405  not a POST
//	413  larger than allowed
//	415  not JSON
//	500  the Receiver failed or panicked, the signing keys could not be looked up, or the Handler was
//	     not made by NewHandler
//	503  the event is in work already (ErrInFlight), or there is no room for it (ErrBusy)
type Handler struct {
	verifier *Verifier
	receive  Receiver
	most     int64
	logger   *slog.Logger
}

// HandlerOption configures a Handler.
type HandlerOption func(*Handler)

// WithLogger logs refused deliveries at Warn, with the reason that the sender is not told;
// deliveries that Klarna signed and that cannot be read, and failed receivers, at Error; events
// that are in work already or find no room at Warn. Without it slog.Default does. No record holds a
// body or a signature.
func WithLogger(logger *slog.Logger) HandlerOption {
	return func(h *Handler) { h.logger = logger }
}

const defaultMaxBytes = 1 << 20

var errNoHandler = errors.New("webhook: the Handler was not made by NewHandler")

// WithMaxBytes bounds the size of a delivery's body; 1 MiB by default.
func WithMaxBytes(n int64) HandlerOption {
	return func(h *Handler) { h.most = n }
}

// NewHandler returns a Handler that hands verified events to receive, one call a delivery and as
// many at once as arrive. The context of a call ends when the sender leaves. Give receive through
// Once to have each event processed once, and through a Mux to have several.
func NewHandler(verifier *Verifier, receive Receiver, options ...HandlerOption) (*Handler, error) {
	switch {
	case verifier == nil || verifier.keys == nil:
		return nil, errors.New("webhook: NewHandler: the verifier is nil or was not made by NewVerifier")
	case receive == nil:
		return nil, errors.New("webhook: NewHandler: the receiver is nil")
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
	ctx := r.Context()
	if h == nil || h.verifier == nil {
		slog.Default().ErrorContext(ctx, "klarna webhook refused", "status", http.StatusInternalServerError, "reason", errNoHandler.Error())
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(ctx, w, http.StatusMethodNotAllowed, "its method is not POST")
		return
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		h.refuse(ctx, w, http.StatusUnsupportedMediaType, "its content type is not JSON")
		return
	}
	if r.Body == nil {
		r.Body = http.NoBody // as an adapter that is not net/http may leave it
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.most))
	if err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		h.refuse(ctx, w, status, "its body cannot be read")
		return
	}
	event, err := h.verifier.Parse(ctx, r.Header, body)
	switch {
	case errors.Is(err, ErrKeySource), err != nil && ctx.Err() != nil:
		h.refuse(ctx, w, http.StatusInternalServerError, err.Error())
		return
	case errors.Is(err, ErrNoEvent):
		// Klarna's own, and lost after its last retry: more than the noise of the internet.
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

// isJSON lets through what is said to be JSON and what is said to be nothing.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	// Parameters do not matter, not even wrong ones: the signature says whose the body is.
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "application/json" || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

func (h *Handler) refuse(ctx context.Context, w http.ResponseWriter, status int, why string) {
	h.logger.WarnContext(ctx, "klarna webhook refused", "status", status, "reason", why)
	http.Error(w, http.StatusText(status), status)
}

// deliver keeps a panic in one delivery from being more than that delivery's failure.
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

// panicked tells the type alone: the value may be anything, a token included.
func panicked(value any) error { return fmt.Errorf("webhook: the receiver panicked with a %T", value) }
