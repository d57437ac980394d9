package klarna

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
)

// transportError is a failure of the connection. Its text consists of known parts only, because the
// errors of net/http quote URLs, which may contain tokens, and bytes that the server sent.
// errors.Is and errors.As find the cause.
type transportError struct {
	text  string
	cause error
	// byContext reports whether the caller's context is part of the cause. net and net/http return
	// context.DeadlineExceeded for their own time-outs, too, which must not look like the caller's.
	byContext bool
}

func (e *transportError) Error() string { return e.text }

// Is finds target in the cause. Is and As replace Unwrap, which would also find a context error
// that is not the caller's.
func (e *transportError) Is(target error) bool {
	if !e.byContext && (target == context.DeadlineExceeded || target == context.Canceled) {
		return false
	}
	return errors.Is(e.cause, target)
}

// As finds target in the cause.
func (e *transportError) As(target any) bool { return errors.As(e.cause, target) }

// Format keeps %+v and %#v from printing the cause.
func (e *transportError) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.text) }

// Timeout reports whether a time-out ended the attempt.
func (e *transportError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.cause, &timeout) && timeout.Timeout()
}

var errAttemptTimeout = errors.New("the attempt took longer than allowed")

// attemptError returns err, or errAttemptTimeout if the attempt's own time limit ended the attempt,
// so that it does not look like the caller's deadline.
func attemptError(ctx, bounded context.Context, err error) error {
	if bounded.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return errAttemptTimeout
	}
	return err
}

// causeOf returns err as the caller gets it: with the context's error, if the context ended the
// attempt, and without text that must not be printed.
func causeOf(ctx context.Context, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if already, ok := errors.AsType[*transportError](err); ok {
		return already
	}
	if ended := ctx.Err(); ended != nil {
		if err == nil || errors.Is(err, ended) {
			return ended
		}
		return &transportError{text: ended.Error(), cause: errors.Join(ended, err), byContext: true}
	}
	if err == nil || isOwnError(err) {
		return err
	}
	return &transportError{text: describeTransport(err), cause: err}
}

// joinCauses returns an error with both causes and a text of one line. Either cause may be nil.
func joinCauses(first, second error) error {
	switch {
	case first == nil || errors.Is(second, first):
		return second
	case second == nil || errors.Is(first, second):
		return first
	}
	return &transportError{text: first.Error() + "; then " + second.Error(), cause: errors.Join(first, second), byContext: true}
}

func isOwnError(err error) bool {
	for _, own := range []error{errAttemptTimeout, errTooLarge, errSwitched, errNoAnswer, errNoTime, ErrForeignAnswer} {
		if errors.Is(err, own) {
			return true
		}
	}
	return errors.As(err, new(notSent))
}

func describeTransport(err error) string {
	text := "the connection failed"
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		text = "the connection failed (" + operation.Op + ")"
	}
	var (
		number  syscall.Errno
		timeout net.Error
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, new(*net.DNSError)):
		return "the host was not found"
	case errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)), errors.As(err, new(x509.CertificateInvalidError)):
		return "the server's certificate is not trusted"
	case errors.As(err, &alert):
		return "TLS: " + alert.Error()
	case errors.As(err, &number):
		return text + ": " + number.Error()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection was closed before the complete answer arrived"
	case errors.As(err, &timeout) && timeout.Timeout():
		return text + ": time-out"
	default:
		return fmt.Sprintf("%s (%T)", text, err)
	}
}

// isDialError reports whether an error shows that no connection was established.
func isDialError(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op == "dial" || errors.As(err, new(*net.DNSError))
}
