package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// The transports of one call, from none to a new connection.
const (
	noWire    = "no network"
	plainWire = "a kept connection"
	tlsWire   = "a kept TLS connection"
	newWire   = "a new TLS connection"
)

// wire makes the same GET without a network and over loopback, to compare the cost of the network
// and TLS with that of the library.
func wire(p plan) (result, error) {
	body := presentationBody()
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	fresh, ok := secure.Client().Transport.(*http.Transport)
	if !ok {
		return result{}, fmt.Errorf("httptest has a %T for a transport", secure.Client().Transport)
	}
	fresh = fresh.Clone()
	fresh.DisableKeepAlives = true
	c := contest{
		title: "Where the time of a call goes",
		shape: "klarna-go reads a presentation of 1536 bytes, one call after the other. The client and the server share the machine.",
	}
	for _, way := range []struct {
		name, url string
		transport http.RoundTripper
	}{
		{noWire, stubbedURL, stubbed(variants(body)...)},
		{plainWire, plain.URL, plain.Client().Transport},
		{tlsWire, secure.URL, secure.Client().Transport},
		{newWire, secure.URL, fresh},
	} {
		client, err := ourClient(way.url, way.transport)
		if err != nil {
			return result{}, err
		}
		c.contenders = append(c.contenders, contender{way.name, background(client.get)})
	}
	return hold(c, p)
}

func printWire(w io.Writer, r *result) {
	fmt.Fprintf(w, "\n%s\n%s\n\n", r.contest.title, r.contest.shape)
	for i := range r.figures {
		fmt.Fprintf(w, "  %-34s %12s\n", r.figures[i].name, nanos(median(r.figures[i].nanos)))
	}
}
