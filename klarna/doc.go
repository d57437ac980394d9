// Package klarna is the client of Klarna's server API (Klarna Network, version 2) that the API
// packages presentation and authorization call through.
//
// A [Client] is made from an API key, which decides the environment, and is bound to one Partner's
// account with [Client.ForAccount] by an Acquiring Partner:
//
//	client, err := klarna.NewClient(os.Getenv("KLARNA_API_KEY"))
//	…
//	authorizations := authorization.New(client.ForAccount(partnerAccountID))
//
// Every call goes through one door, [Client.Do], which owns credentials, headers, idempotency keys,
// retries, rate limits, size limits, decoding, errors and logging. It is exported for endpoints
// that have no method yet.
//
// # Errors
//
// A call that fails returns an [*Error]. It compares with Klarna's error codes,
//
//	if errors.Is(err, klarna.CodeResourceConflict) { … }
//
// and its [Outcome] says what may have happened to the money: the request was never sent, Klarna
// refused it, or nobody knows. Ask for the outcome first: a conflict at the end of an unknown call
// may be about what the call itself did. A declined payment is not an error but a result.
//
// # Retries
//
// What is retried, and when, is one table of data, which [RetryRules] returns. Every attempt of a
// call carries the same idempotency key and the same bytes; a POST or PATCH without a key does not
// exist.
//
// # Secrets
//
// Keys and tokens are of type [Secret], raw bodies of type [RawJSON]: both print a stand-in in
// every formatting verb and as values of log/slog; so does every type that holds personal data.
// JSON is data and not print: encoding a request or a body gives what it holds, also where a JSON
// log handler does it inside a struct of your own. Only a Secret stays redacted there. An [Error]
// prints codes, ids and the names of refused parameters, never Klarna's messages, which may quote
// what was sent; read those from its fields.
//
// This package is independent of Klarna: it is neither made nor endorsed by Klarna.
package klarna
