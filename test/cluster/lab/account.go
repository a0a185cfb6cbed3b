package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Account is a service account with a token of its own, as a pod would have it.
type Account struct {
	Namespace string
	Name      string
	token     string
	cluster   *Cluster
}

// Rules is short for what an account may do, cluster-wide.
type Rules = []rbacv1.PolicyRule

// CreateAccount makes the namespace and the service account, binds the rules to it and requests a token. An account that
// exists keeps its rules: call it once per name.
func (c *Cluster) CreateAccount(ctx context.Context, namespace, name string, rules Rules) (*Account, error) {
	admin := c.Admin()
	_, err := admin.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	object := metav1.ObjectMeta{Name: name, Namespace: namespace}
	if _, err := admin.CoreV1().ServiceAccounts(namespace).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: object}, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	role := metav1.ObjectMeta{Name: namespace + ":" + name}
	if _, err := admin.RbacV1().ClusterRoles().Create(ctx,
		&rbacv1.ClusterRole{ObjectMeta: role, Rules: rules}, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: role,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	request, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &Account{Namespace: namespace, Name: name, token: request.Status.Token, cluster: c}, nil
}

// BoundTo is the account with another token, as the kubelet gives it to that pod of the account: good while the pod is there.
func (a *Account) BoundTo(ctx context.Context, pod *corev1.Pod) (*Account, error) {
	request, err := a.cluster.Admin().CoreV1().ServiceAccounts(a.Namespace).CreateToken(ctx, a.Name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	bound := *a
	bound.token = request.Status.Token
	return &bound, nil
}

// Username as the API server knows it.
func (a *Account) Username() string {
	return fmt.Sprintf("system:serviceaccount:%s:%s", a.Namespace, a.Name)
}

// Client acts as this account.
func (a *Account) Client() *kubernetes.Clientset {
	return kubernetes.NewForConfigOrDie(a.Config())
}

// Config is for clients of other kinds that act as this account.
func (a *Account) Config() *rest.Config { return a.cluster.clientConfig(a.token) }

// Through is the same account, which reaches the API server by that link.
func (a *Account) Through(link *Link) *Account {
	linked := *a
	admin := a.cluster.AdminConfig()
	admin.Host = fmt.Sprintf("https://127.0.0.1:%d", link.Port())
	linked.cluster = &Cluster{admin: admin}
	return &linked
}

// Behind is the same account, which knows the API server as that proxy, and its CA by the file ClusterCAFile in the kubeconfig's
// folder.
func (a *Account) Behind(proxy *FaultyProxy) *Account {
	behind := *a
	admin := a.cluster.AdminConfig()
	admin.Host, admin.CAData = proxy.Server(), proxy.CA()
	behind.cluster = &Cluster{admin: admin, caInFile: true}
	return &behind
}

// WriteKubeconfig writes dir/kubeconfig and the token file that it names.
func (a *Account) WriteKubeconfig(dir string) (string, error) {
	tokenFile := filepath.Join(dir, "token")
	if err := writeFile(tokenFile, []byte(a.token)); err != nil {
		return "", err
	}
	return a.cluster.writeKubeconfig(dir, a.Name, &clientcmdapi.AuthInfo{TokenFile: tokenFile})
}

const csrGroup = "certificates.k8s.io"

// SignetRules is the least that Signet's account needs to sign for these signers.
func SignetRules(signers ...string) Rules {
	return Rules{
		{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests/status"}, Verbs: []string{"patch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"signers"}, ResourceNames: signers, Verbs: []string{"sign"}},
	}
}

// LabelRules is what Signet's account needs beside them under a policy that asks namespaces' labels.
func LabelRules() Rules {
	return Rules{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list", "watch"}}}
}

// LeaseRules is what Signet's account needs beside them as one of several replicas.
func LeaseRules() Rules {
	return Rules{{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "patch"}}}
}

// ApprovalRules is what Signet's account needs beside them to approve requests for these signers itself.
func ApprovalRules(signers ...string) Rules {
	return Rules{
		{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests/approval"}, Verbs: []string{"patch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"signers"}, ResourceNames: signers, Verbs: []string{"approve"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
	}
}

// ServingRules is what Signet's account needs beside them to keep its serving certificate in that Secret, and to make it.
func ServingRules(secret string) Rules {
	return Rules{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
		{APIGroups: []string{"admissionregistration.k8s.io"}, ResourceNames: []string{"signet"},
			Resources: []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}, Verbs: []string{"get", "patch"}},
	}
}

// RequesterRules lets an account ask for certificates, and no more.
func RequesterRules() Rules {
	return Rules{{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create"}}}
}

// IstiodRules is what Istio's chart grants istiod for a mesh whose signers live in that domain.
func IstiodRules(domain string) Rules {
	csr := "certificatesigningrequests"
	return Rules{
		{APIGroups: []string{csrGroup}, Resources: []string{csr, csr + "/approval", csr + "/status"},
			Verbs: []string{"update", "create", "get", "delete", "watch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"signers"}, ResourceNames: []string{domain + "/*"}, Verbs: []string{"approve"}},
	}
}

// ForgerRules lets an account do everything to requests for signers of these domains that RBAC can grant, so that only admission
// is left to stop it.
func ForgerRules(domains ...string) Rules {
	csr := "certificatesigningrequests"
	var signers []string
	for _, domain := range domains {
		signers = append(signers, domain+"/*")
	}
	return Rules{
		{APIGroups: []string{csrGroup}, Resources: []string{csr, csr + "/approval", csr + "/status"}, Verbs: []string{"*"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"signers"}, ResourceNames: signers, Verbs: []string{"sign", "approve"}},
	}
}

// Without returns the rules with one verb on one resource taken away.
func Without(rules Rules, verb, resource string) Rules {
	var kept Rules
	for _, rule := range rules {
		rule = *rule.DeepCopy()
		if strings.Join(rule.Resources, ",") == resource {
			var verbs []string
			for _, allowed := range rule.Verbs {
				if allowed != verb {
					verbs = append(verbs, allowed)
				}
			}
			rule.Verbs = verbs
		}
		if len(rule.Verbs) > 0 {
			kept = append(kept, rule)
		}
	}
	return kept
}
