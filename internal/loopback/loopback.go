// Package loopback knows the hosts that are the machine itself.
package loopback

import (
	"net/netip"
	"strings"
)

// Is reports whether a host, without a port, is localhost or a loopback address. It resolves no
// name.
func Is(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
