package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// AdminConfig is how to reach the API server as one who may do everything.
func (c *ControlPlane) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// ExistingAccount requests a token for a service account that is there, with whatever its bindings let it do.
func (c *ControlPlane) ExistingAccount(ctx context.Context, namespace, name string) (*Account, error) {
	request, err := c.Admin().CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &Account{Namespace: namespace, Name: name, token: request.Status.Token, plane: c}, nil
}

// Kubectl runs it as the administrator, with its kubeconfig in dir, and returns what it printed.
func (c *ControlPlane) Kubectl(ctx context.Context, dir string, args ...string) (string, error) {
	binary, err := controlPlaneBinary("kubectl")
	if err != nil {
		return "", err
	}
	kubeconfig, err := c.WriteAdminKubeconfig(filepath.Join(dir, "admin"))
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, append([]string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(dir, "discovery")}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %v: %w: %s", args, err, out)
	}
	return string(out), err
}

// WriteAdminKubeconfig writes dir/kubeconfig of one who may do everything.
func (c *ControlPlane) WriteAdminKubeconfig(dir string) (string, error) {
	return (&Account{Name: "admin", token: c.admin.BearerToken, plane: c}).WriteKubeconfig(dir)
}

// FreePort is one of loopback that nobody listens on.
func FreePort() (int, error) { return freePort() }
