package lab

import (
	"context"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SigningController is Kubernetes' own signer: kube-controller-manager with that controller alone, which has one CA for all that it
// signs. It signs for its own signers only, of which ControllerSigner takes any names.
type SigningController struct {
	dir        string
	binary     string
	kubeconfig string
}

// ControllerSigner takes requests for client authentication, for whatever names.
const ControllerSigner = "kubernetes.io/kube-apiserver-client"

// InstallSigningController makes its account, which may do what Kubernetes' own role for it says. It is not started yet. Logs are
// kept in dir.
func (c *ControlPlane) InstallSigningController(ctx context.Context, dir, binary string, authority *Authority) (*SigningController, error) {
	s := &SigningController{dir: dir, binary: binary}
	account, err := c.CreateAccount(ctx, "kube-system", "certificate-controller", nil)
	if err != nil {
		return nil, err
	}
	if _, err := c.Admin().RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "lab:certificate-controller"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:controller:certificate-controller"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	if s.kubeconfig, err = account.WriteKubeconfig(filepath.Join(dir, "account")); err != nil {
		return nil, err
	}
	return s, authority.WriteTo(filepath.Join(dir, "ca"))
}

// Start runs it without a throttle of its own and returns at once.
func (s *SigningController) Start() (*Process, error) {
	ca := filepath.Join(s.dir, "ca")
	return StartProcess("kube-controller-manager", s.dir, s.binary, "--kubeconfig="+s.kubeconfig,
		"--controllers=certificatesigningrequest-signing-controller", "--leader-elect=false", "--use-service-account-credentials=false",
		"--cluster-signing-kube-apiserver-client-cert-file="+filepath.Join(ca, "tls.crt"),
		"--cluster-signing-kube-apiserver-client-key-file="+filepath.Join(ca, "tls.key"),
		"--kube-api-qps=10000", "--kube-api-burst=10000", "--secure-port=0")
}
