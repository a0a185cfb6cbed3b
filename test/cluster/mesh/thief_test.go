package mesh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"signet/test/cluster/lab"
)

// Every way that a tenant has of asking for another's signer, on the real way through istiod. The thief is in bar and wants a
// certificate by foo's CA.

const (
	signerVariable = "ISTIO_META_CERT_SIGNER"
	refusal        = `SignerNotAllowed: asked for signer "foo"; tenant "bar" may use "bar" (tenants[bar].signers)`
)

func TestConfigurationThatNamesAnothersSignerIsRefused(t *testing.T) {
	inEachSetting(t, configurationThatNamesAnothersSignerIsRefused)
}

func configurationThatNamesAnothersSignerIsRefused(t *testing.T, role string) {
	guarded(t, role)
	variables := map[string]any{"environmentVariables": map[string]any{signerVariable: "foo"}}
	selected := map[string]any{"environmentVariables": variables["environmentVariables"],
		"selector": map[string]any{"matchLabels": map[string]any{"app": "thief"}}}
	for name, create := range map[string]func() error{
		"ProxyConfig of the namespace":          func() error { return createProxyConfig(t, "bar", variables) },
		"ProxyConfig with a selector":           func() error { return createProxyConfig(t, "bar", selected) },
		"ProxyConfig in the root namespace":     func() error { return createProxyConfig(t, lab.IstioSystem, variables) },
		"annotation proxyMetadata":              func() error { return createThief(t, annotated("proxyMetadata")) },
		"annotation proxy_metadata":             func() error { return createThief(t, annotated("proxy_metadata")) },
		"environment of the proxy":              func() error { return createThief(t, withProxy(container("istio-proxy"))) },
		"environment of a sidecar that is init": func() error { return createThief(t, withInit(container("istio-proxy"))) },
		"environment of another init container": func() error { return createThief(t, withInit(container("init"))) },
	} {
		t.Run(name, func(t *testing.T) {
			err := create()
			if err == nil || !strings.Contains(err.Error(), "denied the request: signet: SignerNotAllowed: ") {
				t.Errorf("%v; want SignerNotAllowed", err)
			}
		})
	}
}

// The doors above let everything pass while nobody answers, so that no pod waits for Signet. What leads to a certificate does not.
func TestAPodThatGotPastIsGivenNoCertificate(t *testing.T) {
	inEachSetting(t, aPodThatGotPastIsGivenNoCertificate)
}

func aPodThatGotPastIsGivenNoCertificate(t *testing.T, role string) {
	process := guarded(t, role)
	for name, change := range map[string]func(*corev1.Pod){
		"annotation":               annotated("proxyMetadata"),
		"environment of the proxy": withProxy(container("istio-proxy")),
	} {
		t.Run(name, func(t *testing.T) {
			process.Kill()
			pod, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), thief(change))
			process = serve(t, role)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { deletePod(t, pod) })
			if signer := pod.ProxyVariable(signerVariable); signer != "foo" {
				t.Fatalf("the agent is told to ask signer %q, not foo's", signer)
			}
			if err := pod.Launch(); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error {
				if said := pod.Process().Output(); !strings.Contains(said, refusal) {
					return fmt.Errorf("the agent has not heard why it is refused:\n%s", said)
				}
				return nil
			})
			expectNothing(t, pod)
		})
	}
}

func TestACallOfIstiodThatNamesAnothersSignerIsRefused(t *testing.T) {
	inEachSetting(t, aCallOfIstiodThatNamesAnothersSignerIsRefused)
}

func aCallOfIstiodThatNamesAnothersSignerIsRefused(t *testing.T, role string) {
	guarded(t, role)
	applyProxyConfigs(t)
	pod := createPod(t, "bar", "thief")
	own := lab.Workload("", "bar", "thief")
	foreign := lab.Workload("", "foo", "httpbin")
	const unlikeAnAgent = "unable to validate SAN Identities in CSR"
	for _, c := range []struct {
		name   string
		uris   []string
		signer string
		told   string // by whom the call is refused, and why; empty: it is granted
	}{
		{"its own signer", own.URIs, "bar", ""},
		{"another's signer", own.URIs, "foo", refusal},
		{"the mesh's signer", own.URIs, "istio-system", `SignerNotAllowed: asked for signer "istio-system"`},
		{"nobody's signer", own.URIs, "nobody", `SignerNotAllowed: asked for signer "nobody"`},
		{"an extension without a name in it", []string{}, "foo", "SubjectAltNameNotAllowed"},
		// istiod looks at these itself.
		{"no name at all", nil, "foo", unlikeAnAgent},
		{"its own name twice", append(own.URIs, own.URIs...), "foo", unlikeAnAgent},
		{"another's name", foreign.URIs, "foo", unlikeAnAgent},
		{"its own name and another's", append(own.URIs, foreign.URIs...), "foo", unlikeAnAgent},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := own
			request.URIs = c.uris
			chain, _, err := pod.CreateCertificate(patient(t), lab.CertificateCall{Request: request, CertSigner: c.signer})
			switch {
			case c.told == "" && err != nil:
				t.Error(err)
			case c.told == "":
				expectChain(t, chain[:1], "bar", "thief", c.signer)
			case err == nil || !strings.Contains(err.Error(), c.told):
				t.Errorf("%v; want %s", err, c.told)
			}
		})
	}
}

// What Signet is for: istiod passes the wish on and approves it, cert-manager signs, and the thief is let in.
func TestWithoutSignetTheThiefIsLetIn(t *testing.T) {
	letCertManagerSign(t)
	startIstio(t)
	applyProxyConfigs(t)
	httpbin := startPod(t, "foo", "httpbin")
	robber, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), thief(annotated("proxyMetadata")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deletePod(t, robber) })
	if err := robber.Launch(); err != nil {
		t.Fatal(err)
	}
	if _, err := robber.Await(patience); err != nil {
		t.Fatal(err)
	}
	expectIssuedBy(t, robber, "foo")
	if answer := call(t, robber, httpbin); answer.Status != http.StatusOK {
		t.Errorf("bar/thief to foo/httpbin: %+v", answer)
	}
}

// istiod creates and approves what nobody reviews. The signer judges by itself.
func TestWithoutTheWebhookTheSignerRefuses(t *testing.T) {
	guarded(t, "all") // istiod's own certificate needs the webhook, which shortens its lifetime
	if err := stage.signet.Unregister(patient(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return asksSignet(false) })
	pod, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), thief(annotated("proxyMetadata")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deletePod(t, pod) })
	if err := pod.Launch(); err != nil {
		t.Fatal(err)
	}
	requests := stage.plane.Admin().CertificatesV1().CertificateSigningRequests()
	eventually(t, func() error {
		list, err := requests.List(context.Background(), metav1.ListOptions{FieldSelector: "spec.signerName=" + signerFoo})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if lab.HasCertificate(&list.Items[i]) {
				t.Fatalf("%s was signed", list.Items[i].Name)
			}
			if failed := lab.FailedCondition(&list.Items[i]); failed != nil && strings.Contains(failed.Message, refusal) {
				return nil
			}
		}
		return fmt.Errorf("%d requests for foo's signer, none of them Failed for what it asks", len(list.Items))
	})
	expectNothing(t, pod)
}

func expectNothing(t *testing.T, pod *lab.MeshPod) {
	t.Helper()
	if svid, err := pod.SVID(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the thief has %v (%v)", svid, err)
	}
}

func createProxyConfig(t *testing.T, namespace string, spec map[string]any) error {
	resource := schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1beta1", Resource: "proxyconfigs"}
	_, err := dynamic.NewForConfigOrDie(stage.plane.AdminConfig()).Resource(resource).Namespace(namespace).Create(patient(t),
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "networking.istio.io/v1beta1", "kind": "ProxyConfig",
			"metadata": map[string]any{"generateName": "thief-"}, "spec": spec,
		}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

func createThief(t *testing.T, change func(*corev1.Pod)) error {
	pod := thief(change)
	_, err := stage.plane.Admin().CoreV1().Pods(pod.Namespace).Create(patient(t), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

func thief(change func(*corev1.Pod)) *corev1.Pod {
	pod := lab.PodOf("bar", "thief")
	change(pod)
	return pod
}

func annotated(key string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Annotations = map[string]string{"proxy.istio.io/config": key + ":\n  " + signerVariable + ": foo\n"}
	}
}

func container(name string) corev1.Container {
	image := "example.com/" + name
	if name == "istio-proxy" {
		image = "auto" // injection replaces it
	}
	return corev1.Container{Name: name, Image: image, Env: []corev1.EnvVar{{Name: signerVariable, Value: "foo"}}}
}

func withProxy(proxy corev1.Container) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers = append(pod.Spec.Containers, proxy) }
}

func withInit(init corev1.Container) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.InitContainers = append(pod.Spec.InitContainers, init) }
}
