package lab

import (
	"fmt"
	"path/filepath"
)

// The API server looks for whom it calls by the name of the host that a webhook's configuration has.
const (
	admissionConfiguration = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionWebhook
  configuration: &webhooks
    apiVersion: apiserver.config.k8s.io/v1
    kind: WebhookAdmissionConfiguration
    kubeConfigFile: %s
- name: MutatingAdmissionWebhook
  configuration: *webhooks
`
	webhookCredentials = `apiVersion: v1
kind: Config
users:
- name: %q
  user: {client-certificate: %s, client-key: %s}
`
)

// WriteAdmissionConfiguration writes files for --admission-control-config-file, and returns what to give that flag: to webhooks
// at `host` the API server shows this certificate, to others none.
func WriteAdmissionConfiguration(dir, host, certFile, keyFile string) (string, error) {
	credentials := filepath.Join(dir, "webhook-credentials.yaml")
	if err := writeFile(credentials, fmt.Appendf(nil, webhookCredentials, host, certFile, keyFile)); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "admission.yaml")
	return file, writeFile(file, fmt.Appendf(nil, admissionConfiguration, credentials))
}
