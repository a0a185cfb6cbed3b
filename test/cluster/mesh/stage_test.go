// Package mesh tests Signet in a mesh: a real istiod, its injection, pilot-agents and Envoys.
package mesh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

const (
	domain     = "clusterissuers.cert-manager.io"
	signerFoo  = domain + "/foo"
	signerBar  = domain + "/bar"
	signerMesh = domain + "/istio-system"
	// Longer than anything takes, shorter than anyone waits.
	patience = 90 * time.Second
)

// stage is what all tests share: a control plane with Istio installed as Signet renders it, and a CA for each signer. Nothing of
// Signet and Istio is running between tests, and no webhook of Signet is registered.
var stage struct {
	dir         string
	plane       *lab.ControlPlane
	istio       *lab.Istio
	signet      *lab.Signet
	authorities map[string]*lab.Authority
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "signet-mesh-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	err = setStage(dir)
	if err == nil {
		code = m.Run()
	}
	if err = errors.Join(err, stage.plane.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "logs are in", dir)
	} else if err = os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func setStage(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	stage.dir = dir
	project, err := lab.Project()
	if err != nil {
		return err
	}
	if stage.plane, err = lab.StartControlPlane(dir); err != nil {
		return err
	}
	account, err := stage.plane.CreateAccount(ctx, "signet", "signet", lab.SignetRules(signerFoo, signerBar, signerMesh))
	if err != nil {
		return err
	}
	stage.authorities = map[string]*lab.Authority{}
	for _, signer := range []string{"foo", "bar", "istio-system"} {
		if stage.authorities[signer], err = lab.NewRoot(signer); err != nil {
			return err
		}
	}
	policy := filepath.Join(project, "test", "testdata", "mesh", "policy.yaml")
	if stage.signet, err = lab.NewSignet(filepath.Join(dir, "signet"), policy, account, stage.authorities); err != nil {
		return err
	}
	operator, err := render(ctx, "istio-operator", "--ca-dir", filepath.Join(stage.signet.Dir, "ca-public"))
	if err != nil {
		return err
	}
	if stage.istio, err = stage.plane.InstallIstio(ctx, filepath.Join(dir, "istio"), operator); err != nil {
		return err
	}
	for namespace, accounts := range map[string][]string{"foo": {"curl", "httpbin"}, "bar": {"httpbin", "thief"}} {
		if err := stage.plane.MakeNamespace(ctx, namespace, accounts...); err != nil {
			return err
		}
	}
	return nil
}

// render writes what `signet render WHAT` prints for the stage's policy to a file.
func render(ctx context.Context, what string, arguments ...string) (string, error) {
	binary, err := lab.SignetBinary()
	if err != nil {
		return "", err
	}
	file := filepath.Join(stage.dir, what+".yaml")
	command := exec.CommandContext(ctx, binary, append([]string{"render", what, "--policy", stage.signet.Policy}, arguments...)...)
	var complained strings.Builder
	command.Stderr = &complained
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", command.Args, err, complained.String())
	}
	return file, os.WriteFile(file, printed, 0o600)
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

// register has the API server ask Signet until the test ends.
func register(t *testing.T) {
	t.Helper()
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.signet.Unregister(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// startIstio runs istiod until the test ends.
func startIstio(t *testing.T, variables ...string) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.istio.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := stage.istio.Start(patient(t), variables...); err != nil {
		t.Fatal(err)
	}
}
