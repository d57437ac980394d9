package loopback

import "testing"

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "128.0.0.1": false, "::2": false, "127.0.0.1:80": false, "[::1]": false, "0.0.0.0": false,
	} {
		if Is(host) != want {
			t.Errorf("Is(%q) is %t", host, !want)
		}
	}
}
