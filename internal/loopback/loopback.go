// Package loopback recognizes loopback hosts.
package loopback

import (
	"net/netip"
	"strings"
)

// Is reports whether a host, without a port, is localhost or a loopback address. It does not
// resolve names.
func Is(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
