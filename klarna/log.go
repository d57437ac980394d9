package klarna

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// logAttempt writes the record of an attempt, which WithLogger documents.
func (a *activeCall) logAttempt(ctx context.Context, attempt *Attempt) {
	if !a.client.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := slices.Concat(a.identity(), attempt.answer(), []slog.Attr{
		slog.Int("attempt", len(a.attempts)),
		slog.Bool("sent", attempt.Sent),
		slog.Duration("duration", attempt.Duration),
	})
	if attempt.Wait > 0 {
		attrs = append(attrs, slog.Duration("wait", attempt.Wait))
	}
	if attempt.Err != nil {
		attrs = append(attrs, slog.String("cause", attempt.Err.Error()))
	}
	a.client.logger.LogAttrs(ctx, slog.LevelDebug, "klarna attempt", attrs...)
}

// log writes the record of the call, which WithLogger documents.
func (a *activeCall) log(ctx context.Context, err *Error) {
	level := slog.LevelDebug
	if err != nil {
		level = slog.LevelWarn
	}
	if !a.client.logger.Enabled(ctx, level) {
		return
	}
	attrs := append(a.identity(), slog.Int("attempts", len(a.attempts)), slog.Duration("duration", time.Since(a.start)))
	if last := a.last(); last != nil {
		attrs = append(attrs, last.answer()...)
	}
	if err != nil {
		attrs = append(attrs, slog.String("outcome", err.Outcome.String()))
		if err.Err != nil {
			attrs = append(attrs, slog.String("cause", err.cause()))
		}
		if names := err.parameters(); len(names) > 0 {
			attrs = append(attrs, slog.Any("parameters", names))
		}
	}
	a.client.logger.LogAttrs(ctx, level, "klarna call", attrs...)
}

func (a *activeCall) identity() []slog.Attr {
	attrs := []slog.Attr{slog.String("operation", a.call.Operation), slog.String("method", a.call.Method)}
	if a.client.forAccount && !a.call.WithoutAccount {
		attrs = append(attrs, slog.String("partner_account_id", a.client.account))
	}
	if a.idempotencyKey != "" {
		attrs = append(attrs, slog.String("idempotency_key", a.idempotencyKey))
	}
	attrs = append(attrs, slog.String("partner_correlation_id", a.correlationID))
	return append(attrs, a.settings.logAttrs...)
}

func (a *Attempt) answer() []slog.Attr {
	if a.StatusCode == 0 {
		return nil
	}
	attrs := []slog.Attr{slog.Int("status", a.StatusCode), slog.String("correlation_id", printable(a.CorrelationID))}
	if a.Code != "" {
		attrs = append(attrs, slog.String("error_code", printableCode(a.Code)))
	}
	if a.ErrorID != "" {
		attrs = append(attrs, slog.String("error_id", printable(a.ErrorID)))
	}
	return attrs
}
