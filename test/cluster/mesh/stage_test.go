// Package mesh tests Signet in a mesh: a real istiod, its injection, pilot-agents and Envoys.
package mesh

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

const (
	signerFoo = "clusterissuers.cert-manager.io/foo"
	// Longer than anything takes, shorter than anyone waits.
	patience = 90 * time.Second
)

// stage is what all tests share. Nothing of it runs between tests.
var stage struct {
	*lab.CustomCATask
	plane  *lab.ControlPlane
	signet *lab.Signet // as the setting at hand has it
}

func TestMain(m *testing.M) {
	os.Exit(lab.RunOnStage("signet-mesh-", setStage, m.Run, func() error { return stage.plane.Stop() }))
}

func setStage(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if stage.plane, err = lab.StartControlPlane(dir); err != nil {
		return err
	}
	if stage.CustomCATask, err = stage.plane.SetUpCustomCATask(ctx, dir); err != nil {
		return err
	}
	stage.signet = stage.Signet
	return nil
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	over := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// guarded runs a mesh whose signers are guarded by Signet until the test ends: serve, registered, istiod, in that order, because
// istiod's own certificate is the first that is asked for.
func guarded(t *testing.T, role string) *lab.Process {
	t.Helper()
	process := serve(t, role)
	register(t)
	startIstio(t)
	return process
}

// serve runs Signet until the test ends.
func serve(t *testing.T, role string) *lab.Process {
	t.Helper()
	process, err := stage.signet.Serve(role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("signet's log:\n%s", process.Output())
		}
		if err := process.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return process
}

// register has the API server ask Signet until the test ends; it returns when it does.
func register(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.signet.Unregister(context.Background()); err != nil {
			t.Error(err)
		}
		eventually(t, func() error { return asksSignet(false) })
	})
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return asksSignet(true) })
}

// asksSignet wants the API server to ask Signet, or not to.
func asksSignet(wanted bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	asked, err := stage.plane.IsAsked(ctx)
	if err != nil {
		return err
	}
	if asked != wanted {
		return fmt.Errorf("the API server asks Signet: %v; want %v", asked, wanted)
	}
	return nil
}

// startIstio runs istiod until the test ends.
func startIstio(t *testing.T, variables ...string) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.Istio.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := stage.Istio.Start(patient(t), variables...); err != nil {
		t.Fatal(err)
	}
}
