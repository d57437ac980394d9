// Package klarna provides the client for Klarna's server API (Klarna Network, version 2). The
// packages presentation, authorization and webhook/subscription make their calls through it.
//
// [NewClient] returns a [Client] for an API key, which decides the environment. An Acquiring
// Partner binds it to the account of a Partner with [Client.ForAccount]:
//
//	client, err := klarna.NewClient(os.Getenv("KLARNA_API_KEY"))
//	…
//	authorizations := authorization.New(client.ForAccount(partnerAccountID))
//
// All calls go through [Client.Do]. It handles credentials, headers, idempotency keys, retries,
// rate limits, size limits, decoding, errors and logging. Use it directly for endpoints that have
// no method yet.
//
// # Errors
//
// A call that fails returns an [*Error]. Compare it with Klarna's error codes:
//
//	if errors.Is(err, klarna.CodeResourceConflict) { … }
//
// Its [Outcome] says what may have happened at Klarna: the request was not sent, Klarna rejected
// it, or its outcome is unknown. Check the outcome before the code: a conflict reported by the last
// attempt may be caused by an earlier attempt of the same call. A declined payment is a result, not
// an error.
//
// # Retries
//
// A call makes one attempt or several. [RetryRules] returns the table that decides after which
// attempts a call is retried, and [RetryPolicy] bounds the retries. All attempts of a call have the
// same idempotency key and the same body. Each POST and PATCH has a key.
//
// # Secrets
//
// Keys and tokens have the type [Secret], raw bodies the type [RawJSON]. Each formatting verb and
// log/slog print a placeholder for them, and for each type that holds personal data.
//
// Encoding a request or a body as JSON gives its content. This includes the JSON that a log handler
// makes of a struct of your own that contains one. Only a Secret stays redacted there.
//
// An [Error] prints codes, ids and the names of refused parameters. It does not print Klarna's
// messages, which may quote what was sent. Read them from its fields.
//
// This package is independent of Klarna: Klarna neither made nor endorses it.
package klarna
