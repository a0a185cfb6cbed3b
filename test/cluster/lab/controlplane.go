// Package lab runs a real Kubernetes control plane, Signet and the clients around them as processes on loopback. It needs no
// container engine, and the binaries that tools/setup builds.
package lab

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// ControlPlane is one etcd and one kube-apiserver. There is no controller manager: nothing but what is under test writes.
type ControlPlane struct {
	*Cluster
	etcd      *Process
	apiserver *Process
	// On the same addresses and data:
	startEtcd      func() (*Process, error)
	startAPIServer func(flags ...string) (*Process, error)
	etcdURL        string
}

// Project is the folder that holds this checkout.
func Project() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "CMakePresets.json")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no CMakePresets.json in this folder or above: run this inside the project")
}

func builtProgram(name string) (string, error) {
	cache := os.Getenv("SIGNET_CACHE")
	if !filepath.IsAbs(cache) {
		project, err := Project()
		if err != nil {
			return "", err
		}
		if cache == "" {
			cache = ".cache"
		}
		cache = filepath.Join(project, cache)
	}
	path := filepath.Join(cache, "bin", "current", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: run tools/setup first", err)
	}
	return path, nil
}

// StartControlPlane keeps all state and the logs in dir and returns when the API server is ready.
func StartControlPlane(dir string) (_ *ControlPlane, err error) {
	c := &ControlPlane{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	etcdBinary, err := builtProgram("etcd")
	if err != nil {
		return nil, err
	}
	apiserverBinary, err := builtProgram("kube-apiserver")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	etcdURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	c.etcdURL = etcdURL
	c.startEtcd = func() (*Process, error) {
		return StartProcess("etcd", dir, etcdBinary, "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
			"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
			"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=default="+peerURL)
	}
	if c.etcd, err = c.startEtcd(); err != nil {
		return nil, err
	}

	authority, err := NewRoot("control plane")
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, "apiserver", name) }
	if err := authority.WriteServing(in("tls.crt"), in("tls.key")); err != nil {
		return nil, err
	}
	if err := writeFile(in("ca.crt"), PEM(authority.Certificate)); err != nil {
		return nil, err
	}
	accountKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	// The API server finds the public key in the private one's file.
	if err := writeKey(in("accounts.key"), accountKey); err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails
	token := hex.EncodeToString(secret)
	if err := writeFile(in("tokens.csv"), []byte(token+",admin,admin,system:masters\n")); err != nil {
		return nil, err
	}

	if c.Cluster, err = NewCluster(&rest.Config{
		Host: fmt.Sprintf("https://127.0.0.1:%d", ports[2]), BearerToken: token,
		TLSClientConfig: rest.TLSClientConfig{CAData: PEM(authority.Certificate)},
	}); err != nil {
		return nil, err
	}
	flags := []string{
		"--etcd-servers=" + etcdURL, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[2]),
		"--cert-dir=" + in("generated"), "--tls-cert-file=" + in("tls.crt"), "--tls-private-key-file=" + in("tls.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + in("accounts.key"),
		"--service-account-signing-key-file=" + in("accounts.key"), "--token-auth-file=" + in("tokens.csv"),
		"--authorization-mode=Node,RBAC", "--service-cluster-ip-range=10.0.0.0/24", "--client-ca-file=" + in("ca.crt"),
	}
	c.startAPIServer = func(more ...string) (*Process, error) {
		return StartProcess("kube-apiserver", dir, apiserverBinary, append(slices.Clone(flags), more...)...)
	}
	return c, c.StartAPIServer()
}

// APIServer and Etcd are the processes that run now.
func (c *ControlPlane) APIServer() *Process { return c.apiserver }
func (c *ControlPlane) Etcd() *Process      { return c.etcd }

// StartAPIServer starts one on the state that etcd holds, after KillAPIServer, and returns when it is ready. It has these
// flags beside those that it always has.
func (c *ControlPlane) StartAPIServer(flags ...string) (err error) {
	if c.apiserver, err = c.startAPIServer(flags...); err != nil {
		return err
	}
	admin := c.Admin()
	return c.apiserver.waitUntil(time.Minute, func() error {
		return admin.Discovery().RESTClient().Get().AbsPath("/readyz").Do(context.Background()).Error()
	})
}

// APIServerLog is what the API server that runs has written so far.
func (c *ControlPlane) APIServerLog() string { return c.apiserver.Output() }

// LinkToAPIServer is a way to it beside the straight one.
func (c *ControlPlane) LinkToAPIServer() (*Link, error) {
	return NewLink(strings.TrimPrefix(c.Server(), "https://"))
}

// StopAPIServer sends it SIGTERM, on which it takes no more connections but waits for whoever has one, and ends it at once when
// that has taken as long as the patience.
func (c *ControlPlane) StopAPIServer(patience time.Duration) { _ = c.apiserver.Stop(patience) }

// Compact has etcd forget the past: every version of an object but the last.
func (c *ControlPlane) Compact(ctx context.Context) error {
	namespaces, err := c.Admin().CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	// The version of a list is the revision of the whole store.
	body := fmt.Sprintf(`{"revision": %q, "physical": true}`, namespaces.ResourceVersion)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+"/v3/kv/compaction", strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("compaction to %s: %s: %s", namespaces.ResourceVersion, answer.Status, text)
	}
	return nil
}

// KillAPIServer ends it at once: SIGTERM would wait for its watchers.
func (c *ControlPlane) KillAPIServer() { c.apiserver.Kill() }

// Kill ends the API server and etcd at once.
func (c *ControlPlane) Kill() {
	c.apiserver.Kill()
	c.etcd.Kill()
}

// Restart starts both on the state they had, after Kill, and returns when the API server is ready.
func (c *ControlPlane) Restart() (err error) {
	if c.etcd, err = c.startEtcd(); err != nil {
		return err
	}
	return c.StartAPIServer()
}

// Stop ends the API server, then etcd; it is safe after a failed start, when called twice, and on nil.
func (c *ControlPlane) Stop() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.apiserver.Stop(30*time.Second), c.etcd.Stop(30*time.Second))
}
