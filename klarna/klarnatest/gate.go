package klarnatest

// gate counts work in progress under the server's mutex. It replaces a sync.WaitGroup, which a
// testing/synctest bubble must not share with the outside.
type gate struct {
	inside int
	idle   []chan struct{}
}

func (g *gate) enter() { g.inside++ }

func (g *gate) leave() {
	g.inside--
	if g.inside == 0 {
		for _, ch := range g.idle {
			close(ch)
		}
		g.idle = nil
	}
}

// wait returns when no work is in progress at g. The caller holds the mutex, which is released
// while waiting.
func (s *Server) wait(g *gate) {
	for g.inside > 0 {
		ch := make(chan struct{})
		g.idle = append(g.idle, ch)
		s.mu.Unlock()
		<-ch
		s.mu.Lock()
	}
}
