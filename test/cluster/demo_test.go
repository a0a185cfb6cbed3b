package cluster

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// The demo in a cluster of others: an API server with nothing of the other tests in it.
func TestTheDemoLeavesAClusterAsItWas(t *testing.T) {
	plane, err := lab.StartControlPlane(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := plane.WriteAdminKubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	powerless, err := plane.CreateAccount(patient(t), "visitors", "visitor", nil)
	if err != nil {
		t.Fatal(err)
	}
	visitor, err := powerless.WriteKubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "demo")
	if said, err := exec.Command("go", "build", "-o", binary, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	objects := func() []string {
		names, err := plane.Everything(patient(t), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	cases := []struct {
		name       string
		kubeconfig string
		namespace  string // is there already
		arguments  []string
		interrupt  string // the demo is interrupted once it says so
		says       []string
		succeeds   bool
	}{
		{"with nobody to ask", admin, "", []string{"--quick"}, "", []string{"standard input is no terminal"}, false},
		{"where Signet is installed", admin, lab.SignetNamespace, []string{"--quick", "--yes"}, "", []string{"it already has namespace signet-system"}, false},
		{"for one who may do nothing", visitor, "", []string{"--quick", "--yes"}, "", []string{"the user may not, in the whole cluster: "}, false},
		{"where nobody answers", unanswered(t, admin, plane.Server()), "", []string{"--quick", "--yes"}, "", []string{"the API server cannot be reached"}, false},
		{"far away", moved(t, admin, plane.Server(), "https://192.0.2.1:6443"), "", []string{"--quick", "--yes"}, "", []string{"is not on this machine's loopback"}, false},
		{"when it is interrupted", admin, "", []string{"--quick", "--yes"}, "kubectl apply -k manifests", []string{"the cluster is as it was"}, false},
		{"to its end", admin, "", []string{"--quick", "--yes"}, "", []string{
			"istiod's account for bar's pod", "ProxyConfig in foo", "Pod in bar with", "cert-manager", "in an unbroken chain", "the cluster is as it was"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.namespace != "" {
				if _, err := plane.Admin().CoreV1().Namespaces().Create(patient(t), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}},
					metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := plane.DeleteNamespace(patient(t), t.TempDir(), c.namespace); err != nil {
						t.Error(err)
					}
				}()
			}
			before := objects()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, binary, append([]string{"--records", t.TempDir()}, c.arguments...)...)
			command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
			said := &interrupter{at: c.interrupt, interrupt: func() error { return command.Process.Signal(os.Interrupt) }}
			command.Stdout, command.Stderr = said, said
			if err := command.Run(); (err == nil) != c.succeeds {
				t.Errorf("%v:\n%s", err, said.String())
			}
			for _, wanted := range c.says {
				if !strings.Contains(said.String(), wanted) {
					t.Errorf("does not say %q:\n%s", wanted, said.String())
				}
			}
			if after := objects(); !slices.Equal(before, after) {
				t.Errorf("the cluster is not as it was: gone %v, left %v", lab.Lacking(before, after), lab.Lacking(after, before))
			}
		})
	}
}

// interrupter keeps what is written, and calls interrupt once when at has been (never, if that is empty).
type interrupter struct {
	said      bytes.Buffer
	at        string
	interrupt func() error
}

func (i *interrupter) Write(text []byte) (int, error) {
	count, err := i.said.Write(text)
	if err == nil && i.at != "" && strings.Contains(i.said.String(), i.at) {
		i.at = ""
		err = i.interrupt()
	}
	return count, err
}

func (i *interrupter) String() string { return i.said.String() }

// moved is the kubeconfig with another server in it.
func moved(t *testing.T, kubeconfig, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(from)) {
		t.Fatalf("%s does not name %s", kubeconfig, from)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unanswered names a port of loopback that was listened on a moment ago.
func unanswered(t *testing.T, kubeconfig, server string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return moved(t, kubeconfig, server, "https://"+listener.Addr().String())
}
