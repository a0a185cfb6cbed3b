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
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"signet/test/cluster/lab"
)

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
	if _, err := stage.plane.Kubectl(ctx, dir, "delete", "secrets,configmaps", "--all", "--namespace", signetSystem); err != nil {
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

// installation is what the pods of an installed folder would have been given, for processes.
type installation struct {
	dir     string
	binary  string
	objects []runtime.Object
	serving *x509.CertPool
	port    int
}

func (i *installation) in(path ...string) string {
	return filepath.Join(append([]string{i.dir}, path...)...)
}

// prepare makes the CAs and the serving certificate as README.md says.
func prepare(t *testing.T, folder string) *installation {
	t.Helper()
	i := &installation{dir: t.TempDir(), objects: render(t, folder)}
	var err error
	if i.binary, err = lab.SignetBinary(); err != nil {
		t.Fatal(err)
	}
	if i.port, err = lab.FreePort(); err != nil {
		t.Fatal(err)
	}
	admin, err := stage.plane.WriteAdminKubeconfig(i.in("admin"))
	if err != nil {
		t.Fatal(err)
	}
	runCommand(t, i.binary, "ca", "init", "--policy", inProject(t, "manifests/base/policy.yaml"), "--ca-namespace", signetSystem, "--kubeconfig", admin)
	runCommand(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
		"-keyout", i.in("tls.key"), "-out", i.in("tls.crt"), "-subj", "/CN=signet.signet-system.svc",
		"-addext", "subjectAltName=DNS:signet.signet-system.svc,IP:127.0.0.1")
	if _, err := stage.plane.Kubectl(patient(t), i.dir, "create", "secret", "tls", "signet-serving", "--namespace", signetSystem,
		"--cert", i.in("tls.crt"), "--key", i.in("tls.key")); err != nil {
		t.Fatal(err)
	}
	certificate, err := os.ReadFile(i.in("tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	i.serving = x509.NewCertPool()
	i.serving.AppendCertsFromPEM(certificate)
	return i
}

// publishIssuers copies what is public of the CAs to where the split webhook reads it.
func publishIssuers(t *testing.T, dir string, signers ...string) {
	t.Helper()
	core := stage.plane.Admin().CoreV1()
	args := []string{"create", "configmap", "signet-issuers", "--namespace", signetSystem}
	for _, signer := range signers {
		secret, err := core.Secrets(signetSystem).Get(patient(t), signer+"-ca", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--from-literal="+signer+".crt="+string(secret.Data[corev1.TLSCertKey]))
	}
	if _, err := stage.plane.Kubectl(patient(t), dir, args...); err != nil {
		t.Fatal(err)
	}
}

func (i *installation) account(t *testing.T, name string) *lab.Account {
	t.Helper()
	account, err := stage.plane.ExistingAccount(patient(t), signetSystem, name)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// launch runs what a pod of that Deployment would, with its account, arguments and volumes; its ports are on loopback.
func (i *installation) launch(t *testing.T, deployment string) *lab.Process {
	t.Helper()
	var spec corev1.PodSpec
	for _, object := range i.objects {
		if found, is := object.(*appsv1.Deployment); is && found.Name == deployment {
			spec = found.Spec.Template.Spec
		}
	}
	mounts := map[string]string{} // path in the pod to folder
	for _, mount := range spec.Containers[0].VolumeMounts {
		mounts[mount.MountPath+"/"] = i.in(deployment, mount.Name) + "/"
		mounts[mount.MountPath] = i.in(deployment, mount.Name)
	}
	for _, volume := range spec.Volumes {
		i.write(t, volume, i.in(deployment, volume.Name))
	}
	kubeconfig, err := i.account(t, spec.ServiceAccountName).WriteKubeconfig(i.in(deployment))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{}
	for _, arg := range spec.Containers[0].Args {
		option, value, _ := strings.Cut(arg, "=")
		for path, folder := range mounts {
			if rest, inside := strings.CutPrefix(value, path); inside && (rest == "" || strings.HasSuffix(path, "/")) {
				arg = option + "=" + folder + rest
			}
		}
		args = append(args, strings.Replace(arg, "0.0.0.0:9090", "127.0.0.1:0", 1))
	}
	args = append(args, "--kubeconfig", kubeconfig)
	if len(spec.Containers[0].Ports) > 0 {
		args = append(args, "--listen", fmt.Sprintf("127.0.0.1:%d", i.port))
	}
	process, err := lab.StartProcess(deployment, i.dir, i.binary, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

// write puts into dir what a kubelet would.
func (i *installation) write(t *testing.T, volume corev1.Volume, dir string) {
	t.Helper()
	core := stage.plane.Admin().CoreV1()
	files := map[string][]byte{}
	switch {
	case volume.ConfigMap != nil:
		config, err := core.ConfigMaps(signetSystem).Get(patient(t), volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for key, text := range config.Data {
			files[key] = []byte(text)
		}
		if items := volume.ConfigMap.Items; items != nil {
			chosen := map[string][]byte{}
			for _, item := range items {
				chosen[item.Path] = files[item.Key]
			}
			files = chosen
		}
	case volume.Secret != nil:
		secret, err := core.Secrets(signetSystem).Get(patient(t), volume.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		files = secret.Data
	default:
		t.Fatalf("volume %s is of a kind that nobody provides", volume.Name)
	}
	for path, data := range files {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o700), os.WriteFile(filepath.Join(dir, path), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
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
	webhooks := i.in("webhooks.yaml")
	printed := runCommand(t, i.binary, "render", "webhooks", "--policy", inProject(t, "manifests/base/policy.yaml"), "--ca-bundle", i.in("tls.crt"),
		"--url", fmt.Sprintf("https://127.0.0.1:%d", i.port))
	if err := os.WriteFile(webhooks, printed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stage.plane.Kubectl(patient(t), i.dir, "apply", "--server-side", "-f", webhooks); err != nil {
		t.Fatal(err)
	}
}

func (i *installation) unregister(t *testing.T) {
	t.Helper()
	if _, err := stage.plane.Kubectl(patient(t), i.dir, "delete", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "signet"); err != nil {
		t.Error(err)
	}
	awaitWebhooks(t, false)
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
