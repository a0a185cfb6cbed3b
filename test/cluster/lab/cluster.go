package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clientcmdlatest "k8s.io/client-go/tools/clientcmd/api/latest"
)

// Cluster is an API server and its administrator, whoever runs it.
type Cluster struct {
	admin    *rest.Config
	caInFile bool // kubeconfigs name the file ClusterCAFile beside them
}

// NewCluster is the one that the configuration reaches. What it names in files is read now.
func NewCluster(admin *rest.Config) (*Cluster, error) {
	admin = rest.CopyConfig(admin)
	if err := rest.LoadTLSFiles(admin); err != nil {
		return nil, err
	}
	admin.QPS = -1 // client-go's own throttle would measure itself
	admin.WarningHandler = rest.NoWarnings{}
	return &Cluster{admin: admin}, nil
}

// Admin may do everything. It prepares the stage; nothing under test uses it.
func (c *Cluster) Admin() *kubernetes.Clientset { return kubernetes.NewForConfigOrDie(c.admin) }

// AdminConfig is how to reach the API server as one who may do everything.
func (c *Cluster) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// Server is the API server's address.
func (c *Cluster) Server() string { return c.admin.Host }

func (c *Cluster) clientConfig(token string) *rest.Config {
	config := rest.AnonymousClientConfig(c.admin)
	config.BearerToken = token
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	return config
}

// ExistingAccount requests a token for a service account that is there, with whatever its bindings let it do.
func (c *Cluster) ExistingAccount(ctx context.Context, namespace, name string) (*Account, error) {
	request, err := c.Admin().CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &Account{Namespace: namespace, Name: name, token: request.Status.Token, cluster: c}, nil
}

// Kubectl runs it as the administrator, with its kubeconfig in dir, and returns what it printed.
func (c *Cluster) Kubectl(ctx context.Context, dir string, args ...string) (string, error) {
	binary, err := builtProgram("kubectl")
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

// WriteAdminKubeconfig writes dir/kubeconfig of one who may do everything, by token or by client certificate.
func (c *Cluster) WriteAdminKubeconfig(dir string) (string, error) {
	if c.admin.BearerToken != "" {
		return (&Account{Name: "admin", token: c.admin.BearerToken, cluster: c}).WriteKubeconfig(dir)
	}
	return c.writeKubeconfig(dir, "admin", &clientcmdapi.AuthInfo{ClientCertificateData: c.admin.CertData, ClientKeyData: c.admin.KeyData})
}

// ClusterCAFile is in the folder of a kubeconfig that names its cluster's CA by a file.
const ClusterCAFile = "cluster-ca.crt"

func (c *Cluster) writeKubeconfig(dir, user string, credentials *clientcmdapi.AuthInfo) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{Server: c.admin.Host, CertificateAuthorityData: c.admin.CAData, TLSServerName: c.admin.ServerName}
	if c.caInFile {
		config.Clusters["lab"].CertificateAuthority, config.Clusters["lab"].CertificateAuthorityData = ClusterCAFile, nil
		if err := writeFile(filepath.Join(dir, ClusterCAFile), c.admin.CAData); err != nil {
			return "", err
		}
	}
	config.AuthInfos[user] = credentials
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: user}
	config.CurrentContext = "lab"
	data, err := runtime.Encode(clientcmdlatest.Codec, config)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kubeconfig")
	return path, writeFile(path, data)
}
