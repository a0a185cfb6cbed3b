package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const signerVariable = "ISTIO_META_CERT_SIGNER"

// doors are acts at the kinds by which a signer is chosen before there is a CertificateSigningRequest. All are dry runs: the
// webhooks are asked and nothing is stored.
var doors = []act[*mesh]{
	{"ProxyConfig in foo that names its own", "foo", "foo", admitted, configures("foo", "foo")},
	{"ProxyConfig in bar that names another's", "bar", "foo", refused, configures("bar", "foo")},
	{"ProxyConfig in foo that names none", "foo", "-", filled, configures("foo", "")},
	{"ProxyConfig in the root namespace, the mesh's default", "everybody", "istio-system", admitted, configures("istio-system", "istio-system")},
	{"ProxyConfig in the root namespace, a tenant's", "everybody", "foo", refused, configures("istio-system", "foo")},
	{"Pod in bar whose annotation names another's", "bar", "foo", refused, runs("bar", annotated("foo"))},
	{"Pod in bar whose container names another's", "bar", "foo", refused, runs("bar", variable("foo"))},
	{"Pod in bar with the mesh's default", "bar", "istio-system", warned, runs("bar", variable("istio-system"))},
	{"cert-manager CertificateRequest in bar, ClusterIssuer foo", "bar", "foo", refused, goesAround},
}

var dry = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

func create(ctx context.Context, m *mesh, kind schema.GroupVersionResource, name, namespace string, spec map[string]any) (*unstructured.Unstructured, error) {
	return m.cluster.Dynamic().Resource(kind).Namespace(namespace).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kind.GroupVersion().String(), "kind": name, "metadata": map[string]any{"name": "demo"}, "spec": spec,
	}}, dry)
}

func configures(namespace, signer string) func(context.Context, *mesh) (result, error) {
	return func(ctx context.Context, m *mesh) (result, error) {
		variables := map[string]any{}
		if signer != "" {
			variables[signerVariable] = signer
		}
		created, err := create(ctx, m, lab.ProxyConfigs, "ProxyConfig", namespace, map[string]any{"environmentVariables": variables})
		if err != nil {
			return refusal(err, refused)
		}
		got, _, err := unstructured.NestedString(created.Object, "spec", "environmentVariables", signerVariable)
		if err != nil {
			return result{}, err
		}
		if got != signer {
			return result{happened: filled, why: signerVariable + "=" + got}, nil
		}
		return result{happened: admitted, why: signerVariable + "=" + got + " as it was written"}, nil
	}
}

func goesAround(ctx context.Context, m *mesh) (result, error) {
	_, err := create(ctx, m, lab.CertificateRequests, "CertificateRequest", "bar", map[string]any{
		"issuerRef": map[string]any{"name": "foo", "kind": "ClusterIssuer", "group": "cert-manager.io"}, "request": "Li4u",
	})
	if err != nil {
		return refusal(err, refused)
	}
	return result{happened: admitted}, nil
}

func annotated(signer string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Annotations = map[string]string{"proxy.istio.io/config": "proxyMetadata:\n  " + signerVariable + ": " + signer + "\n"}
	}
}

func variable(signer string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: signerVariable, Value: signer}}
	}
}

func runs(namespace string, change func(*corev1.Pod)) func(context.Context, *mesh) (result, error) {
	return func(ctx context.Context, m *mesh) (result, error) {
		automount := false
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "demo"}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Image: "example.com/app"}}, ServiceAccountName: "thief", AutomountServiceAccountToken: &automount,
		}}
		change(pod)
		heard := &warnings{}
		config := m.cluster.AdminConfig()
		config.WarningHandler = heard
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return result{}, err
		}
		if _, err := client.CoreV1().Pods(namespace).Create(ctx, pod, dry); err != nil {
			return refusal(err, refused)
		}
		if text := heard.ofSignet(); text != "" {
			return result{happened: warned, why: "Warning: " + text}, nil
		}
		return result{happened: admitted}, nil
	}
}

// warnings keeps what the API server warned of.
type warnings struct {
	lock sync.Mutex
	said []string
}

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.said = append(w.said, text)
}

func (w *warnings) ofSignet() string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return strings.Join(slices.DeleteFunc(w.said, func(text string) bool { return !strings.HasPrefix(text, "signet: ") }), "; ")
}
