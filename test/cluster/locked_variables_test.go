package cluster

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

func TestLockedVariablesAreNotForTenantsToSet(t *testing.T) {
	const provider, address, istiod = "PILOT_CERT_PROVIDER", "CA_ADDR", "istiod.istio-system.svc:15012"
	withPolicy(t, "lockedVariables: [{name: "+provider+"}, {name: "+address+", values: ['"+istiod+"']}]")
	proxyConfigs := installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeNamespaces(t, "foo", "elsewhere")
	serve(t, "webhook")
	register(t)

	configured := func(namespace, name, value string) func(t *testing.T) error {
		return func(t *testing.T) error {
			_, err := proxyConfigs.Namespace(namespace).Create(patient(t), proxyConfig(map[string]any{name: value}), metav1.CreateOptions{DryRun: dryRunAll})
			return err
		}
	}
	run := func(namespace string, change func(*corev1.Pod)) func(t *testing.T) error {
		return func(t *testing.T) error {
			_, err := stage.plane.Admin().CoreV1().Pods(namespace).Create(patient(t), pod(change), metav1.CreateOptions{DryRun: dryRunAll})
			return err
		}
	}
	annotated := func(text string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Annotations = map[string]string{"proxy.istio.io/config": text} }
	}
	container := func(name string, variable corev1.EnvVar) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: "example.com/x", Env: []corev1.EnvVar{variable}})
		}
	}
	sidecar := func(variable corev1.EnvVar) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "istio-proxy", Image: "example.com/x", Env: []corev1.EnvVar{variable}}}
		}
	}
	fromElsewhere := &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}
	for _, c := range []struct {
		name    string
		attempt func(t *testing.T) error
		refused bool
	}{
		{"a ProxyConfig that sets it", configured("foo", provider, "custom"), true},
		{"a ProxyConfig with the value it may have", configured("foo", address, istiod), false},
		{"a ProxyConfig with another", configured("foo", address, "evil.example:15012"), true},
		{"a ProxyConfig with another variable", configured("foo", "OTHER", "x"), false},
		{"a ProxyConfig of the root namespace", configured("istio-system", provider, "custom"), true},
		{"a ProxyConfig in nobody's namespace", configured("elsewhere", provider, "custom"), false},
		{"an annotation that sets it", run("foo", annotated("proxyMetadata: {"+provider+": custom}")), true},
		{"an annotation in the other spelling", run("foo", annotated("proxy_metadata: {"+address+": evil.example:15012}")), true},
		{"an annotation with the value it may have", run("foo", annotated("proxyMetadata: {"+address+": '"+istiod+"'}")), false},
		{"an annotation with another variable", run("foo", annotated("proxyMetadata: {OTHER: x}")), false},
		{"the proxy's environment", run("foo", container("istio-proxy", corev1.EnvVar{Name: provider, Value: "custom"})), true},
		{"the proxy's environment, from elsewhere", run("foo", container("istio-proxy", corev1.EnvVar{Name: address, ValueFrom: fromElsewhere})), true},
		{"the proxy's environment, of another variable", run("foo", container("istio-proxy", corev1.EnvVar{Name: address, Value: "$(OTHER)"})), true},
		{"the proxy's environment, as a sidecar", run("foo", sidecar(corev1.EnvVar{Name: provider, Value: "custom"})), true},
		{"the proxy's environment with the value it may have", run("foo", container("istio-proxy", corev1.EnvVar{Name: address, Value: istiod})), false},
		{"an application's environment", run("foo", container("x", corev1.EnvVar{Name: provider, Value: "custom"})), false},
		{"a pod in nobody's namespace", run("elsewhere", annotated("proxyMetadata: {"+provider+": custom}")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.attempt(t); c.refused {
				expectRefused(t, err, "VariableLocked")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
