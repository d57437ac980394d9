package klarna

import "github.com/klarna-go/klarna-go/internal/strictjson"

// errorBody is Klarna's error answer. Its texts differ between versions, so each member is read by itself: one of
// an unexpected shape must not lose the others.
type errorBody struct {
	id, kind, code, message, docURL string
	problems                        []ValidationError
}

func parseErrorBody(text []byte) errorBody {
	var members map[string]RawJSON
	if strictjson.Unmarshal(text, &members) != nil {
		// Not Klarna's JSON: a proxy's page, a DDoS protection's 403, a cut answer. The status has to do.
		return errorBody{}
	}
	body := errorBody{
		id:      jsonString(members["error_id"]),
		kind:    jsonString(members["error_type"]),
		code:    jsonString(members["error_code"]),
		message: jsonString(members["error_message"]),
		docURL:  jsonString(members["doc_url"]),
	}
	for _, name := range []string{"validation_errors", "errors"} {
		var problems []RawJSON
		if strictjson.Unmarshal(members[name], &problems) != nil {
			continue
		}
		for _, problem := range problems {
			var p map[string]RawJSON
			if strictjson.Unmarshal(problem, &p) != nil || p == nil {
				continue
			}
			body.problems = append(body.problems, ValidationError{
				Parameter: jsonString(p["parameter"]),
				Reasons:   append(jsonStrings(p["reason"]), jsonStrings(p["error_message"])...),
				DocURL:    jsonString(p["doc_url"]),
			})
		}
	}
	return body
}

func jsonString(text RawJSON) string {
	var s string
	if strictjson.Unmarshal(text, &s) != nil {
		return ""
	}
	return s
}

// jsonStrings reads a string or an array of strings: Klarna's texts show both.
func jsonStrings(text RawJSON) []string {
	var list []string
	if strictjson.Unmarshal(text, &list) == nil {
		return list
	}
	if s := jsonString(text); s != "" {
		return []string{s}
	}
	return nil
}
