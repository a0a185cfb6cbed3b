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
	once    sync.Once
	process *Process // run's alone until done
	failed  error    // run's alone until done: of a start
}

// Supervise starts the program, returns once it runs, and keeps it running until Stop.
func Supervise(start func() (*Process, error)) (*Supervised, error) {
	process, err := start()
	if err != nil {
		return nil, err
	}
	s := &Supervised{start: start, process: process, stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s, nil
}

func (s *Supervised) run() {
	defer close(s.done)
	for {
		select {
		case <-s.stop:
			return
		case <-s.process.Exited():
		}
		select {
		case <-s.stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
		process, err := s.start()
		if err != nil {
			s.failed = err
			return
		}
		s.process = process
	}
}

// Stop ends the program and what keeps it running; it may be called twice. The error is that of a start that failed, or of the
// stop.
func (s *Supervised) Stop() error {
	s.once.Do(func() { close(s.stop) })
	<-s.done
	return errors.Join(s.failed, s.process.Stop(20*time.Second))
}
