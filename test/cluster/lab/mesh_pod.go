package lab

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// MeshPod is a pod of the mesh: a Pod object as admission and injection left it, and its pilot-agent as a process, started with
// what a kubelet would have given the container istio-proxy.
type MeshPod struct {
	Pod *corev1.Pod

	dir     string
	istio   *Istio
	process *Process
}

// PodOf is a pod of one container, as its author writes it.
func PodOf(namespace, account string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: account + "-", Labels: map[string]string{"app": account}},
		Spec: corev1.PodSpec{
			ServiceAccountName: account,
			Containers:         []corev1.Container{{Name: account, Image: "example.com/" + account}},
		},
	}
}

// CreatePod creates the pod through that client and prepares what a kubelet would: a folder with a token bound to the
// pod and the root that istiod publishes to the pod's namespace. The agent is not started yet.
func (i *Istio) CreatePod(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (*MeshPod, error) {
	created, err := client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	w := &MeshPod{Pod: created, istio: i, dir: filepath.Join(i.dir, "workloads", created.Namespace+"-"+created.Name)}
	if w.proxy() == nil {
		return nil, fmt.Errorf("pod %s/%s was given no container istio-proxy", created.Namespace, created.Name)
	}
	token, err := w.Token(ctx)
	if err != nil {
		return nil, err
	}
	root, err := i.publishedRoot(ctx, created.Namespace)
	if err != nil {
		return nil, err
	}
	return w, errors.Join(
		writeFile(filepath.Join(w.dir, "var/run/secrets/tokens/istio-token"), []byte(token)),
		writeFile(filepath.Join(w.dir, "var/run/secrets/istio/root-cert.pem"), []byte(root)))
}

// Token is one of the pod's service account for istiod, bound to the pod.
func (w *MeshPod) Token(ctx context.Context) (string, error) {
	seconds := int64(3600)
	request, err := w.istio.plane.Admin().CoreV1().ServiceAccounts(w.Pod.Namespace).CreateToken(ctx, w.Pod.Spec.ServiceAccountName,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			Audiences: []string{"istio-ca"}, ExpirationSeconds: &seconds,
			BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: w.Pod.Name, UID: w.Pod.UID},
		}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// publishedRoot is what istiod writes to every namespace as ConfigMap istio-ca-root-cert: what istiod's own certificate is
// verified against.
func (i *Istio) publishedRoot(ctx context.Context, namespace string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var root string
	err := Until(ctx, func() error {
		published, err := i.plane.Admin().CoreV1().ConfigMaps(namespace).Get(ctx, "istio-ca-root-cert", metav1.GetOptions{})
		if err != nil {
			return err
		}
		root = published.Data["root-cert.pem"]
		return nil
	})
	return root, err
}

// proxy is where injection put it: a container, or an init container that goes on.
func (w *MeshPod) proxy() *corev1.Container {
	for _, containers := range [][]corev1.Container{w.Pod.Spec.Containers, w.Pod.Spec.InitContainers} {
		if n := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == "istio-proxy" }); n >= 0 {
			return &containers[n]
		}
	}
	return nil
}

// ProxyVariable is the value that the agent is given, empty where there is none.
func (w *MeshPod) ProxyVariable(name string) string {
	value := ""
	proxy := w.proxy()
	if proxy == nil {
		return value
	}
	for _, variable := range proxy.Env {
		if variable.Name == name {
			value = variable.Value
		}
	}
	return value
}

// Launch starts the agent and returns at once. It writes its certificates to files for an Envoy of our own: nothing else of
// its environment is changed, but for what the variables say.
func (w *MeshPod) Launch(variables ...string) error {
	binary, err := builtProgram("pilot-agent")
	if err != nil {
		return err
	}
	environment, err := podEnvironment(w.Pod, w.proxy())
	if err != nil {
		return err
	}
	command := exec.Command(binary, podArguments(w.proxy(), environment)...)
	command.Dir = w.dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}, environment...)
	command.Env = append(command.Env, "DISABLE_ENVOY=true", "OUTPUT_CERTS="+w.certificates(), "ENVOY_STATUS_PORT=0", "ENVOY_PROMETHEUS_PORT=0")
	command.Env = append(command.Env, variables...)
	if err := os.MkdirAll(w.certificates(), 0o700); err != nil {
		return err
	}
	w.process, err = startCommand("pilot-agent", w.dir, command)
	return err
}

func (w *MeshPod) certificates() string { return filepath.Join(w.dir, "certificates") }

// Process is the agent's, once launched.
func (w *MeshPod) Process() *Process { return w.process }

// Stop ends the agent; the Pod object and the certificates stay.
func (w *MeshPod) Stop() error { return w.process.Stop(20 * time.Second) }

// SVID is what the agent has for its workload now.
type SVID struct {
	Chain []*x509.Certificate // leaf first
	Roots []*x509.Certificate // what peers are verified against
}

// SVID reads the agent's files; it is an error as long as they are not there.
func (w *MeshPod) SVID() (*SVID, error) {
	var svid SVID
	for file, to := range map[string]*[]*x509.Certificate{"cert-chain.pem": &svid.Chain, "root-cert.pem": &svid.Roots} {
		data, err := os.ReadFile(filepath.Join(w.certificates(), file))
		if err != nil {
			return nil, err
		}
		if *to, err = ParsePEM(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return &svid, nil
}

// Await waits for the agent's first SVID. A refusal is in the agent's log, and the error carries its end.
func (w *MeshPod) Await(timeout time.Duration) (*SVID, error) {
	var svid *SVID
	err := w.process.waitUntil(timeout, func() (err error) {
		svid, err = w.SVID()
		return err
	})
	return svid, err
}

// InjectedSigner is the signer that injection would name to the proxy of such a pod, now.
func (i *Istio) InjectedSigner(ctx context.Context, pod *corev1.Pod) (string, error) {
	injected, err := i.plane.Admin().CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return "", err
	}
	return (&MeshPod{Pod: injected}).ProxyVariable("ISTIO_META_CERT_SIGNER"), nil
}

// CreateNodeProxy creates the pod of a node's ztunnel, which is not injected and whose agent is never started: it calls istiod for
// the workloads of its node.
func (i *Istio) CreateNodeProxy(ctx context.Context, node string) (*MeshPod, error) {
	core := i.plane.Admin().CoreV1()
	_, err := core.ServiceAccounts(IstioSystem).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "ztunnel"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	pod := PodOf(IstioSystem, "ztunnel")
	pod.Spec.NodeName = node
	created, err := core.Pods(IstioSystem).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &MeshPod{Pod: created, istio: i, dir: filepath.Join(i.dir, "workloads", created.Namespace+"-"+created.Name)}, nil
}
