// Command demo plays a mesh of two tenants against a real API server with Signet at its door, and says what happened.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const (
	domain     = "clusterissuers.cert-manager.io"
	signerFoo  = domain + "/foo"
	signerBar  = domain + "/bar"
	signerMesh = domain + "/istio-system"
)

// mesh is everything that the demo starts.
type mesh struct {
	plane       *lab.ControlPlane
	signet      *lab.Signet
	process     *lab.Process
	istiod      *lab.Istiod
	istiodUser  *lab.Account
	thief       *kubernetes.Clientset // a service account of bar whose RBAC on requests is as broad as it can be
	authorities map[string]*x509.Certificate
}

func main() {
	records := flag.String("records", "", "folder for the audit files and logs (required)")
	flag.Parse()
	if *records == "" || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, *records); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, records string) (err error) {
	state, err := os.MkdirTemp("", "signet-demo-")
	if err != nil {
		return err
	}
	m := &mesh{}
	defer func() {
		say("stopping what was started")
		err = errors.Join(err, m.process.Stop(10*time.Second), m.plane.Stop(), os.RemoveAll(state))
	}()
	if err := m.start(ctx, state, records); err != nil {
		return err
	}

	var table table
	var certificates []certificate
	failures := 0
	for _, act := range acts {
		result, err := act.play(ctx, m)
		if err != nil {
			return fmt.Errorf("%s, %s from %s: %w", act.who, act.identity, act.signer, err)
		}
		if result.happened != act.expected {
			failures++
			result.happened = fmt.Sprintf("%s, BUT EXPECTED: %s", result.happened, act.expected)
		}
		table.add(act.who, act.identity, act.signer, result.happened, result.why)
		certificates = append(certificates, result.certificates...)
	}
	fmt.Println()
	table.print(os.Stdout)
	fmt.Println()
	if err := checkAudit(ctx, m.signet.AuditLog(), certificates); err != nil {
		return err
	}
	fmt.Printf("  issuance records   %s\n  review records     %s\n  Signet's log       %s\n\n", m.signet.AuditLog(), m.signet.ReviewLog(),
		filepath.Join(records, "signet-all.log"))
	if failures > 0 {
		return fmt.Errorf("%d of %d acts did not end as they should", failures, len(acts))
	}
	return nil
}

// start brings up the control plane, the accounts, the three CAs and Signet. The webhooks are not registered yet.
func (m *mesh) start(ctx context.Context, state, records string) (err error) {
	project, err := lab.Project()
	if err != nil {
		return err
	}
	say("starting etcd and kube-apiserver")
	if m.plane, err = lab.StartControlPlane(state); err != nil {
		return err
	}
	if m.istiodUser, err = m.plane.CreateAccount(ctx, "istio-system", "istiod", lab.IstiodRules(domain)); err != nil {
		return err
	}
	thief, err := m.plane.CreateAccount(ctx, "bar", "thief", lab.ForgerRules())
	if err != nil {
		return err
	}
	signet, err := m.plane.CreateAccount(ctx, "signet", "signet", lab.SignetRules(signerFoo, signerBar, signerMesh))
	if err != nil {
		return err
	}
	m.istiod, m.thief = lab.NewIstiod(m.istiodUser.Client()), thief.Client()

	policy := filepath.Join(project, "test", "testdata", "policy.yaml")
	if m.signet, err = lab.NewSignet(filepath.Join(state, "signet"), policy, signet, nil); err != nil {
		return err
	}
	say("creating the CAs of foo, bar and the mesh: signet ca init")
	if err = m.createAuthorities(ctx); err != nil {
		return err
	}
	say("starting Signet as %s", signet.Username())
	m.signet.Records = records
	m.process, err = m.signet.Serve("all")
	return err
}

func (m *mesh) createAuthorities(ctx context.Context) error {
	binary, err := lab.SignetBinary()
	if err != nil {
		return err
	}
	folder := filepath.Join(m.signet.Dir, "ca")
	command := exec.CommandContext(ctx, binary, "ca", "init", "--policy", m.signet.Policy, "--ca-dir", folder)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", command.Args, err, said)
	}
	m.authorities = map[string]*x509.Certificate{}
	for _, signer := range []string{"foo", "bar", "istio-system"} {
		root, err := os.ReadFile(filepath.Join(folder, signer, "ca.crt"))
		if err != nil {
			return err
		}
		certificates, err := lab.ParsePEM(root)
		if err != nil {
			return err
		}
		m.authorities[signer] = certificates[0]
	}
	return nil
}

var began = time.Now()

func say(format string, args ...any) {
	fmt.Printf("demo: [%5.1fs] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
