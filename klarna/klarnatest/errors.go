package klarnatest

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

const (
	codeValidation   = "VALIDATION_ERROR"
	codeContentType  = "INVALID_CONTENT_TYPE"
	codeUnauthorized = "UNAUTHORIZED"
	codeForbidden    = "OPERATION_FORBIDDEN"
	codeNoRoute      = "NOT_FOUND"
	codeNotFound     = "RESOURCE_NOT_FOUND"
	codeConflict     = "RESOURCE_CONFLICT"
	codeRateLimited  = "RATE_LIMITED"
	codeInternal     = "INTERNAL_ERROR"
	codeTimeout      = "TIMEOUT"
	codeMisconfig    = "SERVER_CONFIGURATION_ERROR"
	codeUnavailable  = "TEMPORARY_UNAVAILABLE"
)

// errorTypes maps an error_code to its error_type. NOT_FOUND has none.
var errorTypes = map[string]string{
	codeValidation:   "INPUT_ERROR",
	codeContentType:  "INPUT_ERROR",
	codeUnauthorized: "ACCESS_ERROR",
	codeForbidden:    "RESOURCE_ERROR",
	codeNotFound:     "RESOURCE_ERROR",
	codeConflict:     "RESOURCE_ERROR",
	codeRateLimited:  "ACCESS_ERROR",
	codeInternal:     "TECHNICAL_ERROR",
	codeTimeout:      "TECHNICAL_ERROR",
	codeMisconfig:    "TECHNICAL_ERROR",
	codeUnavailable:  "TECHNICAL_ERROR",
}

// usualCodes maps a scripted status to the error_code that it has if the test names none.
var usualCodes = map[int]string{
	http.StatusBadRequest:          codeValidation,
	http.StatusUnauthorized:        codeUnauthorized,
	http.StatusForbidden:           codeForbidden,
	http.StatusNotFound:            codeNotFound,
	http.StatusConflict:            codeConflict,
	http.StatusTooManyRequests:     codeRateLimited,
	http.StatusInternalServerError: codeInternal,
	http.StatusBadGateway:          codeUnavailable,
	http.StatusServiceUnavailable:  codeUnavailable,
	http.StatusGatewayTimeout:      codeUnavailable,
}

type errorBody struct {
	ID               string   `json:"error_id"`
	Type             string   `json:"error_type,omitempty"`
	Code             string   `json:"error_code,omitempty"`
	Message          string   `json:"error_message"`
	DocURL           string   `json:"doc_url"`
	ValidationErrors problems `json:"validation_errors,omitempty"`
}

func failure(status int, code, message string, found ...problem) answer {
	return reply(status, errorBody{
		ID:               uuid.NewString(),
		Type:             errorTypes[code],
		Code:             code,
		Message:          message,
		DocURL:           "https://docs.klarna.com/",
		ValidationErrors: found,
	})
}

func invalid(found ...problem) answer {
	return failure(http.StatusBadRequest, codeValidation, "the request is not valid", found...)
}

func conflict(message string) answer {
	return failure(http.StatusConflict, codeConflict, message)
}

func forbidden(format string, args ...any) answer {
	return failure(http.StatusForbidden, codeForbidden, fmt.Sprintf(format, args...))
}

func notFound(what string) answer {
	return failure(http.StatusNotFound, codeNotFound, what+" not found")
}
