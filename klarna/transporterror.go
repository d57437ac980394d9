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

// transportError is a failure of the connection. Its own text is made of known parts alone:
// net/http quotes addresses, which may hold tokens, and bytes that the other side sent. The cause
// stays reachable for errors.Is and errors.As.
type transportError struct {
	text  string
	cause error
	// ended tells that a context of the caller's is part of the cause. net and net/http call their own
	// time-outs context.DeadlineExceeded, too; such a one must not look like the caller's.
	ended bool
}

func (e *transportError) Error() string { return e.text }

// Is and As stand in for Unwrap, which would let every cause through.
func (e *transportError) Is(target error) bool {
	if !e.ended && (target == context.DeadlineExceeded || target == context.Canceled) {
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

// attemptError tells the attempt's own time limit from the caller's deadline: it must not look like
// the caller's.
func attemptError(ctx, bounded context.Context, err error) error {
	if bounded.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return errAttemptTimeout
	}
	return err
}

// causeOf is err as a caller sees it: with the context's error where that ended it, and without
// what must not be printed.
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
		return &transportError{text: ended.Error(), cause: errors.Join(ended, err), ended: true}
	}
	if err == nil || isOwn(err) {
		return err
	}
	return &transportError{text: describeTransport(err), cause: err}
}

// joinCauses is both errors as one that prints in one line; either may be nil.
func joinCauses(first, second error) error {
	switch {
	case first == nil || errors.Is(second, first):
		return second
	case second == nil || errors.Is(first, second):
		return first
	}
	return &transportError{text: first.Error() + "; then " + second.Error(), cause: errors.Join(first, second), ended: true}
}

func isOwn(err error) bool {
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
		return "the connection was cut before the whole answer came"
	case errors.As(err, &timeout) && timeout.Timeout():
		return text + ": time-out"
	default:
		return fmt.Sprintf("%s (%T)", text, err)
	}
}

// isDialError reports an error that says by itself that no connection came about.
func isDialError(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op == "dial" || errors.As(err, new(*net.DNSError))
}
