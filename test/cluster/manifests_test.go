package cluster

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"signet/test/cluster/lab"
)

const signetSystem = "signet-system"

// The ways to install Signet, as `kubectl apply -k` takes them.
var installations = []string{"manifests", "manifests/overlays/durable-audit", "manifests/overlays/split"}

func TestManifestsAreWhatTheAPIServerTakes(t *testing.T) {
	for _, folder := range installations {
		t.Run(folder, func(t *testing.T) {
			before := everything(t)
			install(t, folder)
			workloads := 0
			for _, object := range render(t, folder) {
				template, found := podTemplate(object)
				if !found {
					continue
				}
				workloads++
				pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
				pod.GenerateName = "pod-"
				// The namespace enforces the restricted Pod Security Standard.
				if _, err := stage.plane.Admin().CoreV1().Pods(signetSystem).Create(patient(t), pod,
					metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
					t.Error(err)
				}
			}
			if workloads == 0 {
				t.Error("nothing runs")
			}
			uninstall(t, folder)
			if after := everything(t); !slices.Equal(before, after) {
				t.Errorf("the cluster is not as it was: %v before, %v after", without(before, after), without(after, before))
			}
		})
	}
}

func TestSignetRunsAsTheManifestsSay(t *testing.T) {
	before := everything(t)
	install(t, "manifests")
	installed := prepare(t, "manifests")

	process := installed.launch(t)
	eventually(t, installed.ready)
	installed.register(t)
	awaitWebhooks(t, true)
	for _, request := range []lab.Request{
		lab.Workload(signerFoo, "foo", "httpbin"), lab.Workload(signerBar, "bar", "httpbin"), lab.Workload(signerMesh, "istio-system", "gateway"),
	} {
		if _, err := stage.istiod.Sign(patient(t), request); err != nil {
			t.Error(err)
		}
	}
	_, _, err := stage.istiod.Create(patient(t), thief())
	expectRefused(t, err, "SignerNotAllowed")
	stop(t, process)

	admin := stage.plane.Admin().RbacV1()
	clusterRole, err := admin.ClusterRoles().Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role, err := admin.Roles(signetSystem).Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set := func(rules, local []rbacv1.PolicyRule) {
		t.Helper()
		changed, changedLocal := clusterRole.DeepCopy(), role.DeepCopy()
		changed.Rules, changedLocal.Rules = rules, local
		changed.ResourceVersion, changedLocal.ResourceVersion = "", ""
		if _, err := admin.ClusterRoles().Update(patient(t), changed, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Roles(signetSystem).Update(patient(t), changedLocal, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range append(permissions(clusterRole.Rules, ""), permissions(role.Rules, signetSystem)...) {
		t.Run("without "+p.String(), func(t *testing.T) {
			if p.namespace == "" {
				set(p.takenFrom(clusterRole.Rules), role.Rules)
			} else {
				set(clusterRole.Rules, p.takenFrom(role.Rules))
			}
			eventually(t, func() error { return installed.allowed(p, false) })
			crippled := installed.launch(t)
			select {
			case <-crippled.Exited():
			case <-time.After(patience):
				t.Fatalf("runs all the same:\n%s", crippled.Output())
			}
			if crippled.ExitCode() == 0 || !strings.Contains(crippled.Output(), p.name) {
				t.Errorf("exit code %d; want an error that names %q:\n%s", crippled.ExitCode(), p.name, crippled.Output())
			}
			set(clusterRole.Rules, role.Rules)
			eventually(t, func() error { return installed.allowed(p, true) })
		})
	}

	if _, err := stage.plane.Kubectl(patient(t), installed.dir, "delete",
		"validatingwebhookconfigurations,mutatingwebhookconfigurations", "signet"); err != nil {
		t.Error(err)
	}
	awaitWebhooks(t, false)
	uninstall(t, "manifests")
	if after := everything(t); !slices.Equal(before, after) {
		t.Errorf("the cluster is not as it was: %v before, %v after", without(before, after), without(after, before))
	}
}

func TestTheSplitWebhookMayDoNothing(t *testing.T) {
	install(t, "manifests/overlays/split")
	defer uninstall(t, "manifests/overlays/split")
	account, err := stage.plane.ExistingAccount(patient(t), signetSystem, "signet-webhook")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range render(t, "manifests/overlays/split") {
		var rules []permission
		switch role := object.(type) {
		case *rbacv1.ClusterRole:
			rules = permissions(role.Rules, "")
		case *rbacv1.Role:
			rules = permissions(role.Rules, signetSystem)
		}
		for _, p := range rules {
			if err := (&installation{account: account}).allowed(p, false); err != nil {
				t.Error(err)
			}
		}
	}
}

// install applies the folder; the test takes it away again, and a failed one's remains are taken away after it.
func install(t *testing.T, folder string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			unregister(t)
			uninstall(t, folder)
		}
	})
	if _, err := stage.plane.Kubectl(patient(t), t.TempDir(), "apply", "-k", inProject(t, folder)); err != nil {
		t.Fatal(err)
	}
}

// uninstall does what `kubectl delete -k` and the namespace controller, which does not run here, do together.
func uninstall(t *testing.T, folder string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir := t.TempDir()
	if _, err := stage.plane.Kubectl(ctx, dir, "delete", "-k", inProject(t, folder), "--wait=false", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if _, err := stage.plane.Kubectl(ctx, dir, "delete", "secrets", "--all", "--namespace", signetSystem); err != nil {
		t.Error(err)
	}
	namespaces := stage.plane.Admin().CoreV1().Namespaces()
	eventually(t, func() error {
		namespace, err := namespaces.Get(ctx, signetSystem, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			namespace.Spec.Finalizers = nil
			_, err = namespaces.Finalize(ctx, namespace, metav1.UpdateOptions{})
		}
		return fmt.Errorf("namespace %s is still there: %v", signetSystem, err)
	})
}

// installation is what a pod of the Deployment would have been given, for a process.
type installation struct {
	dir     string
	binary  string
	policy  string
	account *lab.Account
	serving *x509.CertPool
	args    []string
	port    int
}

// prepare makes the CAs and the serving certificate as README.md says, and the files that the Deployment mounts.
func prepare(t *testing.T, folder string) *installation {
	t.Helper()
	made := &installation{dir: t.TempDir()}
	in := func(path ...string) string { return filepath.Join(append([]string{made.dir}, path...)...) }
	var err error
	if made.binary, err = lab.SignetBinary(); err != nil {
		t.Fatal(err)
	}
	if made.port, err = lab.FreePort(); err != nil {
		t.Fatal(err)
	}
	admin, err := stage.plane.WriteAdminKubeconfig(in("admin"))
	if err != nil {
		t.Fatal(err)
	}
	if made.account, err = stage.plane.ExistingAccount(patient(t), signetSystem, "signet"); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := made.account.WriteKubeconfig(in("account"))
	if err != nil {
		t.Fatal(err)
	}

	var template corev1.PodTemplateSpec
	for _, object := range render(t, folder) {
		if found, is := podTemplate(object); is {
			template = found
		}
	}
	core := stage.plane.Admin().CoreV1()
	for _, volume := range template.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		config, err := core.ConfigMaps(signetSystem).Get(patient(t), volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range config.Data {
			if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	made.policy = in("policy.yaml")

	runCommand(t, made.binary, "ca", "init", "--policy", made.policy, "--ca-namespace", signetSystem, "--kubeconfig", admin)
	runCommand(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
		"-keyout", in("tls.key"), "-out", in("tls.crt"), "-subj", "/CN=signet.signet-system.svc",
		"-addext", "subjectAltName=DNS:signet.signet-system.svc,IP:127.0.0.1")
	if _, err := stage.plane.Kubectl(patient(t), made.dir, "create", "secret", "tls", "signet-serving", "--namespace", signetSystem,
		"--cert", in("tls.crt"), "--key", in("tls.key")); err != nil {
		t.Fatal(err)
	}
	certificate, err := os.ReadFile(in("tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	made.serving = x509.NewCertPool()
	made.serving.AppendCertsFromPEM(certificate)

	for _, arg := range template.Spec.Containers[0].Args {
		arg = strings.Replace(arg, "/etc/signet/policy/", in()+"/", 1)
		arg = strings.Replace(arg, "/etc/signet/serving/", in()+"/", 1)
		made.args = append(made.args, strings.Replace(arg, "0.0.0.0:9090", "127.0.0.1:0", 1))
	}
	made.args = append(made.args, "--kubeconfig", kubeconfig, "--listen", fmt.Sprintf("127.0.0.1:%d", made.port))
	return made
}

func (i *installation) launch(t *testing.T) *lab.Process {
	t.Helper()
	process, err := lab.StartProcess("signet", i.dir, i.binary, i.args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

func (i *installation) ready() error {
	client := &http.Client{Timeout: 5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: i.serving}, DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", i.port))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	return nil
}

// register applies what is rendered for the account that the manifests give by default.
func (i *installation) register(t *testing.T) {
	t.Helper()
	webhooks := filepath.Join(i.dir, "webhooks.yaml")
	printed := runCommand(t, i.binary, "render", "webhooks", "--policy", i.policy, "--ca-bundle", filepath.Join(i.dir, "tls.crt"),
		"--url", fmt.Sprintf("https://127.0.0.1:%d", i.port))
	if err := os.WriteFile(webhooks, printed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stage.plane.Kubectl(patient(t), i.dir, "apply", "--server-side", "-f", webhooks); err != nil {
		t.Fatal(err)
	}
}

// permission is one verb on one resource or one named object of it: the least that can be taken away.
type permission struct {
	verb, group, resource, name string
	namespace                   string // empty: in the cluster
	rule                        int
}

func (p permission) String() string {
	return strings.TrimSpace(p.verb + " " + p.resource + " " + p.name)
}

func permissions(rules []rbacv1.PolicyRule, namespace string) []permission {
	var all []permission
	for i, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, name := range append(slices.Clone(rule.ResourceNames), "")[:max(1, len(rule.ResourceNames))] {
				all = append(all, permission{verb, rule.APIGroups[0], rule.Resources[0], name, namespace, i})
			}
		}
	}
	return all
}

// takenFrom is the rules without this permission.
func (p permission) takenFrom(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var left []rbacv1.PolicyRule
	for i, rule := range rules {
		rule = *rule.DeepCopy()
		if i == p.rule && p.name != "" {
			rule.ResourceNames = without(rule.ResourceNames, []string{p.name})
		} else if i == p.rule {
			rule.Verbs = without(rule.Verbs, []string{p.verb})
		}
		if len(rule.Verbs) > 0 {
			left = append(left, rule)
		}
	}
	return left
}

// allowed is an error if the account may do it and should not, or the other way round.
func (i *installation) allowed(p permission, wanted bool) error {
	resource, subresource, _ := strings.Cut(p.resource, "/")
	review, err := i.account.Client().AuthorizationV1().SelfSubjectAccessReviews().Create(context.Background(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: p.namespace, Verb: p.verb, Group: p.group, Resource: resource, Subresource: subresource, Name: p.name}},
	}, metav1.CreateOptions{})
	if err == nil && review.Status.Allowed != wanted {
		err = fmt.Errorf("%s: %s may: %v, want %v", i.account.Username(), p, review.Status.Allowed, wanted)
	}
	return err
}

// render is what `kubectl kustomize` prints, decoded strictly.
func render(t *testing.T, folder string) []runtime.Object {
	t.Helper()
	printed, err := stage.plane.Kubectl(patient(t), t.TempDir(), "kustomize", inProject(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(printed))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := strict.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		objects = append(objects, object)
	}
}

func podTemplate(object runtime.Object) (corev1.PodTemplateSpec, bool) {
	switch workload := object.(type) {
	case *appsv1.Deployment:
		return workload.Spec.Template, true
	case *appsv1.StatefulSet:
		template := workload.Spec.Template
		for _, claim := range workload.Spec.VolumeClaimTemplates { // as the StatefulSet controller does
			template.Spec.Volumes = append(template.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
		}
		return template, true
	}
	return corev1.PodTemplateSpec{}, false
}

// everything is the kind, namespace and name of every object that the API server has, but for events.
func everything(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	kinds, err := stage.plane.Kubectl(patient(t), dir, "api-resources", "--verbs=list", "--output=name")
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.DeleteFunc(strings.Fields(kinds), func(kind string) bool {
		return kind == "componentstatuses" || strings.HasPrefix(kind, "events")
	})
	objects, err := stage.plane.Kubectl(patient(t), dir, "get", strings.Join(listed, ","), "--all-namespaces",
		`--output=jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(objects)
	slices.Sort(names)
	return names
}

func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

func inProject(t *testing.T, path string) string {
	t.Helper()
	project, err := lab.Project()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(project, path)
}

// runCommand wants the command to succeed and returns what it printed.
func runCommand(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var printed, complained bytes.Buffer
	command := exec.CommandContext(patient(t), name, args...)
	command.Stdout, command.Stderr = &printed, &complained
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v: %s", command.Args, err, complained.String())
	}
	return printed.Bytes()
}
