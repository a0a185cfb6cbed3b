package main

import (
	"encoding/json"
	"net/http"
	"os"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// nullWebhookCommand has this program be a webhook that allows everything, in a process of its own: ADDRESS CERTIFICATE KEY.
const nullWebhookCommand = "null-webhook"

// serveNullWebhook returns only when it cannot serve.
func serveNullWebhook(address, certificate, key string) error {
	return http.ListenAndServeTLS(address, certificate, key, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil {
			http.Error(response, "not an AdmissionReview", http.StatusBadRequest)
			return
		}
		response.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(response).Encode(admissionv1.AdmissionReview{ // an error: who asked is gone
			TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
			Response: &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true},
		})
	}))
}

// startNullWebhook serves it where Signet would.
func startNullWebhook(dir string, signet *lab.Signet) (*lab.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, certificate, key := signet.Endpoint()
	return lab.StartProcess(nullWebhookCommand, dir, self, nullWebhookCommand, address, certificate, key)
}
