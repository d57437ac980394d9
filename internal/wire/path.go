package wire

import (
	"strconv"
	"strings"
)

// Path converts a JSON pointer (/line_items/2/name) to the form of Klarna's validation errors
// (line_items[2].name). Elements that are not plain names, which only a foreign body can contain,
// become "?".
func Path(pointer string) string {
	var b strings.Builder
	for element := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch {
		case element == "":
		case isIndex(element):
			b.WriteString("[" + element + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(plain(element))
		}
	}
	return b.String()
}

// memberPath is [Path] for a member of an object, which is the last element of the pointer.
func memberPath(pointer, name string) string {
	if object := Path(pointer[:strings.LastIndexByte(pointer, '/')]); object != "" {
		return object + "." + Name(name)
	}
	return Name(name)
}

// Name returns the name of a member as an element of a path: "?" for a name that is not plain, that
// is empty or that could be an index.
func Name(name string) string {
	if name == "" || isIndex(name) {
		return "?"
	}
	return plain(name)
}

func isIndex(element string) bool {
	_, err := strconv.ParseUint(element, 10, 32)
	return err == nil
}

func plain(element string) string {
	if len(element) > 64 {
		return "?"
	}
	for _, c := range []byte(element) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return "?"
		}
	}
	return element
}
