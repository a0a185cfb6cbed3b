// Command compare measures Signet beside what a user would pick instead, on this machine and in one go, and says which goals
// are reached. tools/bench builds what it runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"signet/test/cluster/lab"
)

var comparisons = []comparison{
	reviewsComparison,
	admissionComparison,
	tenantsComparison,
	startComparison,
	issuance(lab.P256),
	issuance(lab.RSA2048),
	issuanceGuarded,
	backlog,
	crowd,
	writing,
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == nullWebhookCommand {
		fmt.Fprintln(os.Stderr, serveNullWebhook(os.Args[2], os.Args[3], os.Args[4]))
		os.Exit(1)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 5, "how often each side has its turn")
	only := flag.String("only", "", "NAME,…: these comparisons alone")
	out := flag.String("out", "", "folder for results.json and chart.svg")
	opa := flag.String("opa", ".cache/bin/current/opa", "what Signet's reviews are measured against")
	controllerManager := flag.String("kube-controller-manager", ".cache/bin/current/kube-controller-manager", "Kubernetes' own signer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "signet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	report := newReport(*rounds)
	report.writeHead(os.Stdout)
	for _, c := range chosen {
		began := time.Now()
		fmt.Fprintf(os.Stderr, "bench: %s\n", c.name)
		scratch := filepath.Join(dir, c.name)
		if err := os.Mkdir(scratch, 0o700); err != nil {
			return err
		}
		result := report.begin(c)
		if err := c.run(ctx, terms{rounds: *rounds, dir: scratch, opa: *opa, controllerManager: *controllerManager}, result.record); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		result.Seconds = time.Since(began).Seconds()
		result.writeTable(os.Stdout)
	}
	if *out == "" {
		return nil
	}
	return report.writeTo(*out)
}

// choose takes comparisons by their names; all of them where none is named.
func choose(only string) ([]comparison, error) {
	if only == "" {
		return comparisons, nil
	}
	var chosen []comparison
	for _, name := range strings.Split(only, ",") {
		found := false
		for _, c := range comparisons {
			if c.name == name {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			var names []string
			for _, c := range comparisons {
				names = append(names, c.name)
			}
			return nil, fmt.Errorf("no comparison %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}
