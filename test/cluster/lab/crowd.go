package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Crowd is strangers at a port, each with a connection of his own that is there to stand in others' way. Those who were shown out
// come back.
type Crowd struct {
	Address   string
	Count     int
	Strangers string        // their kind
	Texts     []string      // what these say
	Pause     time.Duration // before one comes back
	// From how many addresses they come, none of them 127.0.0.1, as a pod's is not the API server's; 0: from 127.0.0.1.
	Sources int
}

// Harm is what a crowd did.
type Harm struct {
	Came     int         // how often one of them knocked
	Answered map[int]int // status to how many answers, of kinds that hear them
}

// GatheredCrowd is a crowd in a process of its own.
type GatheredCrowd struct {
	process *exec.Cmd
	stay    io.Closer
	harm    io.Reader
}

const crowdVariable = "SIGNET_TEST_CROWD"

// Gather brings the strangers, in a process that gives way to all others: what is seen to be slow is then what they make so, and
// not a machine that has more to do. A program that gathers a crowd must call BeCrowd when it begins.
func (c Crowd) Gather() (*GatheredCrowd, error) {
	g := &GatheredCrowd{process: exec.Command("nice", "-n", "19", os.Args[0])}
	g.process.Env = append(os.Environ(), crowdVariable+"=1")
	g.process.Stderr = os.Stderr
	stay, err := g.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	g.stay = stay
	if g.harm, err = g.process.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := g.process.Start(); err != nil {
		return nil, err
	}
	return g, json.NewEncoder(stay).Encode(c)
}

// Leave ends the strangers' connections and returns when all are gone.
func (g *GatheredCrowd) Leave() (Harm, error) {
	_ = g.stay.Close()
	var harm Harm
	if err := json.NewDecoder(g.harm).Decode(&harm); err != nil {
		return harm, fmt.Errorf("crowd: %w", err)
	}
	return harm, g.process.Wait()
}

// BeCrowd does not return where this process is a gathered crowd.
func BeCrowd() {
	if os.Getenv(crowdVariable) == "" {
		return
	}
	var crowd Crowd
	err := json.NewDecoder(os.Stdin).Decode(&crowd)
	if err == nil {
		err = allowConnections()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(crowd.stand(os.Stdin))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// stand is the crowd until nothing more can be read.
func (c Crowd) stand(stay io.Reader) Harm {
	ctx, leave := context.WithCancel(context.Background())
	harm := Harm{Answered: map[int]int{}}
	var lock sync.Mutex
	one := strangers[c.Strangers](c.Texts, func(status int) {
		lock.Lock()
		defer lock.Unlock()
		harm.Answered[status]++
	})
	var members sync.WaitGroup
	for i := range c.Count {
		at := door{address: c.Address, source: net.IPv4(127, 0, 0, 1)}
		if c.Sources > 0 {
			source := i % c.Sources
			at.source = net.IPv4(127, 7, byte(source/250), byte(source%250+1))
		}
		members.Go(func() {
			for ctx.Err() == nil {
				lock.Lock()
				harm.Came++
				lock.Unlock()
				one(ctx, at)
				select {
				case <-ctx.Done():
				case <-time.After(c.Pause):
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, stay)
	leave()
	members.Wait()
	return harm
}

// allowConnections has this process hold as many connections as the machine lets it.
func allowConnections() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
