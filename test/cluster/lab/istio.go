package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	utilyaml "sigs.k8s.io/yaml"
)

// IstioSystem is where Istio is installed.
const IstioSystem = "istio-system"

// Istio is the real one on a control plane: what istioctl renders from an IstioOperator file, applied, and istiod as a process
// under the service account and the RBAC that came with it.
type Istio struct {
	plane *ControlPlane
	dir   string

	istiod     corev1.PodTemplateSpec // as the chart renders it
	kubeconfig string
	process    *Process // of Start
	ports      istioPorts
}

type istioPorts struct{ discovery, webhooks, monitoring, plaintext, debug int }

// InstallIstio applies the IstioOperator file as it stands, but for addresses: there is no network here that would lead to
// istiod's Service, so proxies and the API server are told its ports on loopback. istiod is not started yet. State and logs are
// kept in dir.
func (c *ControlPlane) InstallIstio(ctx context.Context, dir, operator string) (*Istio, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	i := &Istio{plane: c, dir: dir, ports: istioPorts{ports[0], ports[1], ports[2], ports[3], ports[4]}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	manifests, err := i.render(ctx, operator)
	if err != nil {
		return nil, err
	}
	if i.istiod, err = istiodTemplate(manifests); err != nil {
		return nil, err
	}
	if _, err := c.Admin().CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: IstioSystem}}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	file := filepath.Join(dir, "istio-manifests.yaml")
	if err := writeFile(file, manifests); err != nil {
		return nil, err
	}
	if _, err := c.Kubectl(ctx, dir, "apply", "--server-side", "-f", file); err != nil {
		return nil, err
	}
	if err := i.leadWebhooksToLoopback(ctx); err != nil {
		return nil, err
	}
	account, err := c.ExistingAccount(ctx, IstioSystem, i.istiod.Spec.ServiceAccountName)
	if err != nil {
		return nil, err
	}
	i.kubeconfig, err = account.WriteKubeconfig(filepath.Join(dir, "istiod-account"))
	return i, err
}

// Address is istiod's for proxies: host and port.
func (i *Istio) Address() string { return fmt.Sprintf("localhost:%d", i.ports.discovery) }

func (i *Istio) render(ctx context.Context, operator string) ([]byte, error) {
	istioctl, err := builtProgram("istioctl")
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, istioctl, "manifest", "generate", "-f", operator,
		"--set", "meshConfig.defaultConfig.discoveryAddress="+i.Address(),
		"--set", "values.global.caAddress="+i.Address(),
		"--set", "values.pilot.env.ISTIOD_CUSTOM_HOST=localhost")
	var rendered, complained bytes.Buffer
	command.Stdout, command.Stderr = &rendered, &complained
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%v: %w: %s", command.Args, err, complained.String())
	}
	return rendered.Bytes(), nil
}

func istiodTemplate(manifests []byte) (corev1.PodTemplateSpec, error) {
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return corev1.PodTemplateSpec{}, errors.New("istioctl rendered no Deployment istiod")
		}
		if err != nil {
			return corev1.PodTemplateSpec{}, err
		}
		var deployment appsv1.Deployment
		if err := utilyaml.Unmarshal(document, &deployment); err == nil && deployment.Kind == "Deployment" && deployment.Name == "istiod" {
			return deployment.Spec.Template, nil
		}
	}
}

// leadWebhooksToLoopback replaces the Service in istiod's webhooks by its port; istiod itself fills in the CA.
func (i *Istio) leadWebhooksToLoopback(ctx context.Context) error {
	registrations := i.plane.Admin().AdmissionregistrationV1()
	injector, err := registrations.MutatingWebhookConfigurations().Get(ctx, "istio-sidecar-injector", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for n := range injector.Webhooks {
		i.leadToLoopback(&injector.Webhooks[n].ClientConfig)
	}
	if _, err := registrations.MutatingWebhookConfigurations().Update(ctx, injector, metav1.UpdateOptions{}); err != nil {
		return err
	}
	validator, err := registrations.ValidatingWebhookConfigurations().Get(ctx, "istio-validator-istio-system", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for n := range validator.Webhooks {
		i.leadToLoopback(&validator.Webhooks[n].ClientConfig)
	}
	_, err = registrations.ValidatingWebhookConfigurations().Update(ctx, validator, metav1.UpdateOptions{})
	return err
}

func (i *Istio) leadToLoopback(client *admissionv1.WebhookClientConfig) {
	if client.Service != nil {
		url := fmt.Sprintf("https://localhost:%d%s", i.ports.webhooks, *client.Service.Path)
		client.URL, client.Service = &url, nil
	}
}

// Launch starts istiod and returns at once. Its own serving certificate comes from the signer that the operator file names: it
// ends if that signer refuses it, and is not ready before it has it.
func (i *Istio) Launch(variables ...string) (*Process, error) {
	binary, err := builtProgram("pilot-discovery")
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{ObjectMeta: i.istiod.ObjectMeta, Spec: i.istiod.Spec}
	pod.Name, pod.Namespace = "istiod-lab", IstioSystem
	container := &pod.Spec.Containers[0]
	environment, err := podEnvironment(pod, container)
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary, "discovery", "--kubeconfig", i.kubeconfig,
		"--secureGRPCAddr", i.Address(), "--httpsAddr", fmt.Sprintf("localhost:%d", i.ports.webhooks),
		"--monitoringAddr", fmt.Sprintf("localhost:%d", i.ports.monitoring), "--grpcAddr", fmt.Sprintf("localhost:%d", i.ports.plaintext),
		"--httpAddr", fmt.Sprintf("localhost:%d", i.ports.debug), "--ctrlz_port", "0", "--domain", "cluster.local", "--log_output_level", "default:info")
	command.Dir = filepath.Join(i.dir, "istiod")
	if err := os.MkdirAll(command.Dir, 0o700); err != nil {
		return nil, err
	}
	command.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + command.Dir}, environment...), "KUBECONFIG="+i.kubeconfig)
	command.Env = append(command.Env, variables...)
	return startCommand("istiod", i.dir, command)
}

// Ready waits until istiod says so, whoever started it, and its injection webhook has a CA that the API server can trust.
func (i *Istio) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Until(ctx, func() error {
		response, err := http.Get(fmt.Sprintf("http://localhost:%d/ready", i.ports.debug))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("istiod: /ready: %s", response.Status)
		}
		injector, err := i.plane.Admin().AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, "istio-sidecar-injector", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, webhook := range injector.Webhooks {
			if len(webhook.ClientConfig.CABundle) == 0 {
				return fmt.Errorf("webhook %s has no CA yet", webhook.Name)
			}
		}
		return nil
	})
}

// Start launches istiod and waits until it is ready.
func (i *Istio) Start(ctx context.Context, variables ...string) (err error) {
	if i.process, err = i.Launch(variables...); err != nil {
		return err
	}
	if err = i.Ready(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(i.process.Output(), 20))
	}
	return nil
}

// Stop ends the istiod of Start; what it manages stays.
func (i *Istio) Stop() error { return i.process.Stop(20 * time.Second) }
