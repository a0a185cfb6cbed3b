// Command demo plays a mesh of two tenants against a real API server with Signet at its door, and says what happened. The API
// server is one of its own, or that of KUBECONFIG, which is as it was when the demo ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	records := flag.String("records", "", "folder for the audit files and logs (required)")
	yes := flag.Bool("yes", false, "ask nothing")
	flag.Parse()
	if *records == "" || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, *records, *yes); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, records string, yes bool) (err error) {
	state, err := os.MkdirTemp("", "signet-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	place, err := choose(ctx, state, yes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.leave()) }()
	return play(ctx, place, state, records, append(requests, doors...))
}

// play sets the stage, plays the acts, takes everything away and says what came of it.
func play(ctx context.Context, place *place, state, records string, acts []act) (err error) {
	m := &mesh{cluster: place.cluster}
	if m.before, err = place.objects(ctx, state); err != nil {
		return err
	}
	defer func() {
		say("taking away what was made: kubectl delete -k manifests")
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		if left := m.remove(clean, state); left != nil {
			err = errors.Join(err, left)
			return
		}
		err = errors.Join(err, place.asBefore(clean, state, m.before))
	}()
	if err := m.start(ctx, state, records); err != nil {
		return err
	}
	return report(ctx, m, acts)
}

var began = time.Now()

func say(format string, args ...any) {
	fmt.Printf("demo: [%5.1fs] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
