package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"signet/test/cluster/lab"
)

// The doors by which a signer is chosen, before there is a CertificateSigningRequest: ProxyConfigs and Pods.

const signerVariable = "ISTIO_META_CERT_SIGNER"

func TestProxyConfigsNameTheTenantsSigner(t *testing.T) {
	client := installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeNamespaces(t, "foo", "bar", "elsewhere")
	process := serve(t, "webhook")
	register(t)
	cases := []struct {
		name      string
		namespace string
		variables map[string]any // nil: no spec
		reason    string         // empty: admitted
		got       any            // the signer's name as it is stored
	}{
		{"its own", "foo", map[string]any{signerVariable: "foo"}, "", "foo"},
		{"another tenant's", "foo", map[string]any{signerVariable: "bar"}, "SignerNotAllowed", nil},
		{"nobody's", "foo", map[string]any{signerVariable: "baz"}, "SignerNotAllowed", nil},
		{"none, other variables", "foo", map[string]any{"OTHER": "x"}, "", "foo"},
		{"none, no spec", "bar", nil, "", "bar"},
		{"the mesh's default in the root namespace", "istio-system", map[string]any{signerVariable: "istio-system"}, "", "istio-system"},
		{"a tenant's in the root namespace", "istio-system", map[string]any{signerVariable: "foo"}, "SignerNotAllowed", nil},
		{"none in the root namespace", "istio-system", map[string]any{"OTHER": "x"}, "", nil},
		{"any in a namespace of no tenant", "elsewhere", map[string]any{signerVariable: "foo"}, "", "foo"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			created, err := client.Namespace(c.namespace).Create(patient(t), proxyConfig(c.variables), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if c.reason != "" {
				expectRefused(t, err, c.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _, _ := unstructured.NestedFieldNoCopy(created.Object, "spec", "environmentVariables", signerVariable); got != c.got {
				t.Errorf("signer %v, want %v", got, c.got)
			}
		})
	}
	t.Run("an update to another tenant's", func(t *testing.T) {
		created, err := client.Namespace("foo").Create(patient(t), proxyConfig(nil), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := unstructured.SetNestedField(created.Object, "bar", "spec", "environmentVariables", signerVariable); err != nil {
			t.Fatal(err)
		}
		_, err = client.Namespace("foo").Update(patient(t), created, metav1.UpdateOptions{})
		expectRefused(t, err, "SignerNotAllowed")
	})
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		if _, err := client.Namespace("foo").Create(patient(t), proxyConfig(map[string]any{signerVariable: "bar"}),
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			t.Errorf("a ProxyConfig waits for Signet: %v", err)
		}
	})
}

func TestPodsThatNameAnothersSignerAreRefused(t *testing.T) {
	makeNamespaces(t, "foo", "bar", "istio-system")
	process := serve(t, "webhook")
	register(t)
	var warnings warnings
	config := stage.plane.AdminConfig()
	config.WarningHandler = &warnings
	client := kubernetes.NewForConfigOrDie(config)
	create := func(t *testing.T, namespace string, change func(*corev1.Pod)) error {
		warnings.take()
		_, err := client.CoreV1().Pods(namespace).Create(patient(t), pod(change), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	variable := func(value string) []corev1.EnvVar {
		return []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: signerVariable, Value: value}}
	}
	annotation := func(signer string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Annotations = map[string]string{"proxy.istio.io/config": "proxyMetadata:\n  " + signerVariable + ": " + signer + "\n"}
		}
	}
	environment := func(signer string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Containers[0].Env = variable(signer) }
	}
	cases := []struct {
		name      string
		namespace string
		change    func(*corev1.Pod)
		reason    string // empty: admitted
		warned    bool
	}{
		{"no signer", "foo", func(*corev1.Pod) {}, "", false},
		{"its own, by annotation", "foo", annotation("foo"), "", false},
		{"its own, by variable", "foo", environment("foo"), "", false},
		{"another's, by annotation", "foo", annotation("bar"), "SignerNotAllowed", false},
		{"another's, by variable", "bar", environment("foo"), "SignerNotAllowed", false},
		{"another's, in an init container", "bar", func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "x", Env: variable("foo")}}
		}, "SignerNotAllowed", false},
		{"of unknown value", "foo", func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: signerVariable, ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}
		}, "SignerNotAllowed", false},
		{"the mesh's default", "foo", environment("istio-system"), "", true},
		{"in the root namespace", "istio-system", environment("foo"), "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := create(t, c.namespace, c.change)
			if c.reason != "" {
				expectRefused(t, err, c.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			said := warnings.take()
			if warned := slices.ContainsFunc(said, func(text string) bool { return strings.HasPrefix(text, "signet: ") }); warned != c.warned {
				t.Errorf("warnings %q; want one of Signet: %v", said, c.warned)
			}
		})
	}
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		for name, change := range map[string]func(*corev1.Pod){"no signer": func(*corev1.Pod) {}, "another's": environment("bar")} {
			if err := create(t, "foo", change); err != nil {
				t.Errorf("%s: a pod waits for Signet: %v", name, err)
			}
		}
	})
}

func TestPodsReachSignetWhereTheyMayChooseASigner(t *testing.T) {
	makeNamespaces(t, "foo", "team-1", "elsewhere", "istio-system", "kube-system")
	variables := func(container string, names ...string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: container, Image: "example.com/x"})
			for _, name := range names {
				env := &p.Spec.Containers[1].Env
				*env = append(*env, corev1.EnvVar{Name: name, Value: signerVariable})
			}
		}
	}
	names := func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: signerVariable, Value: "foo"}} }
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("A%d", i)
	}
	patterns := []string{"namespaceAdmins: [platform]", "- {name: patterned, namespaces: [team-*], signers: [foo]}"}
	locked := []string{"lockedVariables: [{name: PILOT_CERT_PROVIDER}]"}
	for _, c := range []struct {
		name      string
		policy    []string
		namespace string
		change    func(*corev1.Pod)
		reaches   bool
	}{
		{"nothing said", nil, "foo", func(*corev1.Pod) {}, false},
		{"a signer", nil, "foo", names, true},
		{"other variables and annotations, an init container", nil, "foo", func(p *corev1.Pod) {
			p.Annotations = map[string]string{"example.com/x": "y"}
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: signerVariable}}
			p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "x"}}
		}, false},
		{"more variables than are looked at", nil, "foo", variables("x", many...), true},
		{"a signer, by name in a policy with patterns", patterns, "foo", names, true},
		{"a signer, by pattern", patterns, "team-1", names, true},
		{"a signer, by no pattern", patterns, "elsewhere", names, false},
		{"a signer, in the root namespace", patterns, "istio-system", names, false},
		{"a signer, anywhere in a policy with labels", guarded, "elsewhere", names, true},
		{"a signer, in the root namespace of a policy with labels", guarded, "istio-system", names, false},
		{"a signer, in kube-system of a policy with labels", guarded, "kube-system", names, false},
		{"a locked variable of the proxy", locked, "foo", variables("istio-proxy", "PILOT_CERT_PROVIDER"), true},
		{"a locked variable of an application", locked, "foo", variables("x", "PILOT_CERT_PROVIDER"), false},
		{"another variable of the proxy", locked, "foo", variables("istio-proxy", "OTHER"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPolicy(t, c.policy...)
			t.Cleanup(func() { unregister(t) })
			if err := stage.signet.Register(patient(t)); err != nil {
				t.Fatal(err)
			}
			// Were it to fail closed, whoever reaches it would be told that nobody answers.
			failClosed(t)
			create := func(namespace string, change func(*corev1.Pod)) error {
				_, err := stage.plane.Admin().CoreV1().Pods(namespace).Create(context.Background(), pod(change), metav1.CreateOptions{DryRun: dryRunAll})
				return err
			}
			unanswered := func(err error) bool {
				return err != nil && strings.Contains(err.Error(), "failed calling webhook \"pods.validate.signet\"")
			}
			eventually(t, func() error {
				if err := create("foo", names); !unanswered(err) {
					return fmt.Errorf("a pod that names a signer: %v; want it to reach Signet", err)
				}
				return nil
			})
			if err := create(c.namespace, c.change); c.reaches != unanswered(err) || !c.reaches && err != nil {
				t.Errorf("%v; reaches Signet: want %v", err, c.reaches)
			}
		})
	}
}

// failClosed has the API server refuse whatever the webhooks are asked and do not answer.
func failClosed(t *testing.T) {
	t.Helper()
	registrations := stage.plane.Admin().AdmissionregistrationV1().ValidatingWebhookConfigurations()
	configuration, err := registrations.Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fail := admissionv1.Fail
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].FailurePolicy = &fail
	}
	if _, err := registrations.Update(patient(t), configuration, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestAPodWithMoreVariablesThanAConditionCanSeeIsJudged(t *testing.T) {
	makeNamespaces(t, "foo")
	serve(t, "webhook")
	register(t)
	// As many as a request has room for. Looking at each of them costs the API server more than it spends on a condition.
	env := make([]corev1.EnvVar, 165_000)
	for i := range env {
		env[i].Name = "A"
	}
	_, err := stage.plane.Admin().CoreV1().Pods("foo").Create(patient(t), pod(func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = append(env, corev1.EnvVar{Name: signerVariable, Value: "bar"})
	}), metav1.CreateOptions{DryRun: dryRunAll})
	expectRefused(t, err, "SignerNotAllowed")
}

func TestTenThousandTenantsFitIntoTheWebhooks(t *testing.T) {
	withPolicy(t, manyTenants(10_000))
	t.Cleanup(func() {
		if err := stage.signet.Unregister(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
}

// installKind makes the kind known to the API server, with no rules of its own for what it says, until the test ends.
func installKind(t *testing.T, resource schema.GroupVersionResource, kind string) dynamic.NamespaceableResourceInterface {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.plane.RemoveKind(context.Background(), resource); err != nil {
			t.Error(err)
		}
	})
	if err := stage.plane.InstallKind(patient(t), resource, kind); err != nil {
		t.Fatal(err)
	}
	return stage.plane.Dynamic().Resource(resource)
}

// makeNamespaces makes those that are not there, each with the service account that pods of these tests have.
func makeNamespaces(t *testing.T, names ...string) {
	t.Helper()
	core := stage.plane.Admin().CoreV1()
	for _, name := range names {
		_, err := core.Namespaces().Create(patient(t), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		_, err = core.ServiceAccounts(name).Create(patient(t), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "workload"}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
}

func proxyConfig(variables map[string]any) *unstructured.Unstructured {
	object := map[string]any{
		"apiVersion": "networking.istio.io/v1beta1", "kind": "ProxyConfig", "metadata": map[string]any{"generateName": "config-"},
	}
	if variables != nil {
		object["spec"] = map[string]any{"environmentVariables": variables}
	}
	return &unstructured.Unstructured{Object: object}
}

func pod(change func(*corev1.Pod)) *corev1.Pod {
	automount := false
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec: corev1.PodSpec{
			Containers:                   []corev1.Container{{Name: "app", Image: "example.com/app"}},
			ServiceAccountName:           "workload",
			AutomountServiceAccountToken: &automount,
		},
	}
	change(p)
	return p
}

// warnings keeps what the API server warned of.
type warnings struct {
	lock sync.Mutex
	said []string
}

var _ rest.WarningHandler = (*warnings)(nil)

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.said = append(w.said, text)
}

func (w *warnings) take() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	said := w.said
	w.said = nil
	return said
}
