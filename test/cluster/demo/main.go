// Command demo tells the story of a thief in a mesh of two tenants: a real Istio with cert-manager, with and without Signet. Then,
// or alone with --quick, it tries every door to a tenant's signer, in a cluster of its own or in that of KUBECONFIG, which is
// as it was when the demo ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	records := flag.String("records", "", "folder for the audit files and logs (required)")
	quick := flag.Bool("quick", false, "leave Istio and cert-manager out")
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
	if err := run(ctx, *records, *quick, *yes); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, records string, quick, yes bool) (err error) {
	state, err := os.MkdirTemp("", "signet-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "" && !quick {
		quick = true
		say("KUBECONFIG is set: Istio and cert-manager, which get a control plane of their own, are left out")
	}
	if !quick {
		if err := tell(ctx, filepath.Join(state, "story"), filepath.Join(records, "story.md")); err != nil {
			return err
		}
	}
	place, err := choose(ctx, state, yes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.leave()) }()
	return play(ctx, place, state, records, append(requests, doors...))
}

// play sets the stage, plays the acts, takes everything away and says what came of it.
func play(ctx context.Context, place *place, state, records string, acts []act[*mesh]) (err error) {
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
	certificates, err := perform(ctx, m, acts, io.Discard)
	if err != nil {
		return err
	}
	if err := checkAudit(ctx, m.auditLog, certificates); err != nil {
		return err
	}
	fmt.Printf("  issuance records   %s\n  review records     %s\n  Signet's log       %s\n\n", m.auditLog, m.reviewLog, m.log)
	return nil
}

var began = time.Now()

func say(format string, args ...any) {
	fmt.Printf("demo: [%5.1fs] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
