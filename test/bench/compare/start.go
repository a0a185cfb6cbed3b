package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"signet/test/cluster/lab"
)

var startComparison = comparison{
	name:  "start",
	title: "from exec until /readyz answers 200, as guard and signer for 100 tenants with a CA each, the API server being up",
	goals: []goal{{metric: "exec to ready, ms", side: signetSide, atMost: 100}},
	run:   compareStarts,
}

func compareStarts(ctx context.Context, t terms, record record) error {
	const tenants = 100
	p, err := makePolicy(ctx, t.dir, tenants, "name")
	if err != nil {
		return err
	}
	plane, err := lab.StartControlPlane(t.dir)
	if err != nil {
		return err
	}
	defer plane.Stop()
	signet, err := prepareSignet(ctx, plane, t.dir, "signet", p)
	if err != nil {
		return err
	}
	// The first finds nothing in any cache.
	for round := range t.rounds + 1 {
		took, err := start(ctx, signet)
		if err != nil {
			return err
		}
		if round > 0 {
			record("exec to ready, ms", signetSide, float64(took.Microseconds())/1000)
		}
	}
	return nil
}

// start launches Signet, and ends it when it was ready.
func start(ctx context.Context, signet *lab.Signet) (time.Duration, error) {
	const patience, pause = 30 * time.Second, 500 * time.Microsecond
	w := &webhook{port: signet.Port(), ca: signet.ServingCA()}
	client, err := w.client()
	if err != nil {
		return 0, err
	}
	defer client.CloseIdleConnections()
	began := time.Now()
	if w.process, err = signet.Launch("all"); err != nil {
		return 0, err
	}
	defer w.stop()
	for {
		got, err := client.Get(w.url("/readyz"))
		taken := time.Since(began)
		if err == nil {
			got.Body.Close()
			if got.StatusCode == http.StatusOK {
				return taken, nil
			}
			err = fmt.Errorf("/readyz: %s", got.Status)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-w.process.Exited():
			return 0, fmt.Errorf("ended: %s", w.process.Output())
		case <-time.After(pause):
		}
		if taken > patience {
			return 0, fmt.Errorf("not ready after %v: %w", patience, err)
		}
	}
}
