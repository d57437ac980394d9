package answers

import (
	"strings"

	"github.com/klarna-go/klarna-go/internal/operation"
)

// Leads reports whether the value at path is the member, or an object or a list that contains it.
func Leads(path, member string) bool {
	if path == member {
		return true
	}
	rest, ok := strings.CutPrefix(member, path)
	return ok && (rest[0] == '.' || rest[0] == '[')
}

// General returns a path with [] in place of each index.
func General(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, "[") {
		if _, after, ok := strings.Cut(part, "]"); ok {
			b.WriteString("[]" + after)
			continue
		}
		b.WriteString(part)
	}
	return b.String()
}

// Listed returns the members of an operation that may cause an error.
func Listed(o *operation.Operation) []string {
	var list []string
	for _, members := range [][]operation.Member{o.Decides, o.Single, o.Excludes, o.Links} {
		for _, m := range members {
			list = append(list, strings.Split(m.Path, operation.Or)...)
			if m.When.Path != "" {
				list = append(list, m.When.Path)
			}
		}
	}
	if o.ID != "" {
		list = append(list, o.ID)
	}
	return list
}
