package klarna

import "strings"

// Code is Klarna's error_code. It implements error, so that errors.Is compares an [*Error] with it.
// A code that is listed here may come in another case. Another code is kept as it came, unless it
// quotes the request.
type Code string

// The codes of Klarna's documentation.
const (
	CodeValidationError          Code = "VALIDATION_ERROR"
	CodeInvalidContentType       Code = "INVALID_CONTENT_TYPE"
	CodeUnauthorized             Code = "UNAUTHORIZED"
	CodeOperationForbidden       Code = "OPERATION_FORBIDDEN"
	CodeNotFound                 Code = "NOT_FOUND"
	CodeResourceNotFound         Code = "RESOURCE_NOT_FOUND"
	CodeResourceConflict         Code = "RESOURCE_CONFLICT"
	CodeRateLimited              Code = "RATE_LIMITED"
	CodeInternalError            Code = "INTERNAL_ERROR"
	CodeTimeout                  Code = "TIMEOUT"
	CodeServerConfigurationError Code = "SERVER_CONFIGURATION_ERROR"
	// CodeTemporaryUnavailable also matches TEMPORARILY_UNAVAILABLE, a spelling that was observed,
	// too.
	CodeTemporaryUnavailable Code = "TEMPORARY_UNAVAILABLE"
)

const temporarilyUnavailable Code = "TEMPORARILY_UNAVAILABLE"

// Error returns the code.
func (c Code) Error() string { return string(c) }

// isDocumented reports whether c is a code of Klarna's documentation.
func isDocumented(c Code) bool {
	switch c.canonical() {
	case CodeValidationError, CodeInvalidContentType, CodeUnauthorized, CodeOperationForbidden, CodeNotFound, CodeResourceNotFound,
		CodeResourceConflict, CodeRateLimited, CodeInternalError, CodeTimeout, CodeServerConfigurationError, CodeTemporaryUnavailable:
		return true
	default:
		return false
	}
}

// readCode returns the code that a text says. A documented one may be in another case, as a state
// or a result may.
func readCode(text string) Code {
	if code := Code(strings.ToUpper(text)); isDocumented(code) {
		return code
	}
	return Code(text)
}

func (c Code) canonical() Code {
	if c == temporarilyUnavailable {
		return CodeTemporaryUnavailable
	}
	return c
}
