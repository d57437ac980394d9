package strictjson

import "github.com/klarna-go/klarna-go/internal/redact"

// UnmarshalMembers decodes an object into a T without those of its members that do not fit, and returns those. What is no
// object at all is the zero T: the answer that it came in keeps it in its raw JSON.
func UnmarshalMembers[T any](text []byte) (value T, misfits redact.Fields, err error) {
	var zero T
	if Unmarshal(text, &value) == nil {
		return value, nil, nil
	}
	if len(text) == 0 || text[0] != '{' {
		return zero, nil, nil
	}
	var members redact.Fields
	if err := Unmarshal(text, &members); err != nil {
		return zero, nil, err
	}
	misfits = make(redact.Fields)
	for name, member := range members {
		var trial T
		alone, err := Marshal(redact.Fields{name: member})
		if err != nil || Unmarshal(alone, &trial) != nil {
			misfits[name] = member
			delete(members, name)
		}
	}
	value = zero
	fitting, err := Marshal(members)
	if err != nil {
		return zero, nil, err
	}
	return value, misfits, Unmarshal(fitting, &value)
}
