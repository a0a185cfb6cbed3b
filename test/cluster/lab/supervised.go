package lab

import (
	"errors"
	"sync"
	"time"
)

// Supervised is a program that is started again whenever it ends, as a kubelet does with a container, without the kubelet's
// growing pauses.
type Supervised struct {
	start   func() (*Process, error)
	stop    chan struct{}
	done    chan struct{}
	lock    sync.Mutex
	process *Process // guarded by lock
	failed  error    // guarded by lock: of a start
}

// Supervise starts the program and keeps it running until Stop.
func Supervise(start func() (*Process, error)) *Supervised {
	s := &Supervised{start: start, stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *Supervised) run() {
	defer close(s.done)
	for {
		process, err := s.start()
		s.lock.Lock()
		s.process, s.failed = process, errors.Join(s.failed, err)
		s.lock.Unlock()
		if err != nil {
			return
		}
		select {
		case <-s.stop:
			return
		case <-process.Exited():
		}
		select {
		case <-s.stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Stop ends the program and what keeps it running. The error is that of a start that failed, or of a stop.
func (s *Supervised) Stop() error {
	close(s.stop)
	<-s.done
	s.lock.Lock()
	defer s.lock.Unlock()
	return errors.Join(s.failed, s.process.Stop(20*time.Second))
}
