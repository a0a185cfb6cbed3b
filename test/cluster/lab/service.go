package lab

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// How often a Service asks its endpoints whether they are ready: a cluster takes about as long to hear of it.
const probeEvery = 200 * time.Millisecond

// Service is one address for several servers, as a Service of a cluster is: new connections go in turn to those that say on
// /readyz that they are ready. What is connected stays with whom it has.
type Service struct {
	link *Link
	stop chan struct{}
	done sync.WaitGroup

	lock      sync.Mutex
	endpoints map[*Signet]bool // ready
	turn      int
}

// NewService has no endpoints yet.
func NewService() (_ *Service, err error) {
	s := &Service{stop: make(chan struct{}), endpoints: map[*Signet]bool{}}
	if s.link, err = newLink(s.next); err != nil {
		return nil, err
	}
	s.done.Go(s.probe)
	return s, nil
}

// Port is where it listens.
func (s *Service) Port() int { return s.link.Port() }

// Add makes it an endpoint, from when it is ready.
func (s *Service) Add(signet *Signet) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.endpoints[signet] = false
}

// Remove forgets one that has ended.
func (s *Service) Remove(signet *Signet) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.endpoints, signet)
}

// Close ends it and every connection.
func (s *Service) Close() {
	close(s.stop)
	s.link.Close()
	s.done.Wait()
}

// Ready is how many of its endpoints are.
func (s *Service) Ready() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.ports())
}

func (s *Service) ports() []int {
	var ready []int
	for signet, is := range s.endpoints {
		if is {
			ready = append(ready, signet.port)
		}
	}
	slices.Sort(ready)
	return ready
}

func (s *Service) next() (string, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	ready := s.ports()
	if len(ready) == 0 {
		return "", false
	}
	s.turn++
	return fmt.Sprintf("127.0.0.1:%d", ready[s.turn%len(ready)]), true
}

func (s *Service) probe() {
	for {
		s.lock.Lock()
		var endpoints []*Signet
		for signet := range s.endpoints {
			endpoints = append(endpoints, signet)
		}
		s.lock.Unlock()
		for _, signet := range endpoints {
			ready := signet.answersReady() == nil
			s.lock.Lock()
			if _, there := s.endpoints[signet]; there {
				s.endpoints[signet] = ready
			}
			s.lock.Unlock()
		}
		select {
		case <-s.stop:
			return
		case <-time.After(probeEvery):
		}
	}
}
