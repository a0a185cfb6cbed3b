package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"signet/test/cluster/lab"
)

// policy is one that make_policy printed, as far as the comparisons read it.
type policy struct {
	file string
	Spec struct {
		TrustDomains []string `json:"trustDomains"`
		SignerDomain string   `json:"signerDomain"`
		Requesters   []string `json:"requesters"`
		Certificate  struct {
			Keys        []string `json:"keys"`
			Usages      []string `json:"usages"`
			MaxDuration string   `json:"maxDuration"`
		} `json:"certificate"`
		Tenants []tenant `json:"tenants"`
	} `json:"spec"`
}

type tenant struct {
	Name       string   `json:"name"`
	Namespaces []string `json:"namespaces"`
	Signers    []string `json:"signers"`
}

// makePolicy writes dir/TENANTS-by-BY.yaml: so many tenants with a signer each, and namespaces by name, pattern or label.
func makePolicy(ctx context.Context, dir string, tenants int, by string) (*policy, error) {
	project, err := lab.Project()
	if err != nil {
		return nil, err
	}
	text, err := exec.CommandContext(ctx, filepath.Join(project, "test", "bench", "make_policy"), strconv.Itoa(tenants), by).Output()
	if err != nil {
		return nil, err
	}
	made := &policy{file: filepath.Join(dir, fmt.Sprintf("%d-by-%s.yaml", tenants, by))}
	if err := os.WriteFile(made.file, text, 0o600); err != nil {
		return nil, err
	}
	return made, yaml.Unmarshal(text, made)
}

// signerNames are the whole names of all signers.
func (p *policy) signerNames() []string {
	var names []string
	for _, t := range p.Spec.Tenants {
		for _, signer := range t.Signers {
			names = append(names, p.signerName(signer))
		}
	}
	return names
}

func (p *policy) signerName(signer string) string { return p.Spec.SignerDomain + "/" + signer }

// authorities are a root for each signer.
func (p *policy) authorities() (map[string]*lab.Authority, error) {
	roots := map[string]*lab.Authority{}
	for _, t := range p.Spec.Tenants {
		for _, signer := range t.Signers {
			root, err := lab.NewRoot(signer + " root")
			if err != nil {
				return nil, err
			}
			roots[signer] = root
		}
	}
	return roots, nil
}

// How each SubjectPublicKeyInfo of the kind begins, as test/bench/opa/signet.rego looks it up.
var keyPrefixes = map[string]string{
	lab.P256:    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQg",
	lab.RSA2048: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMI",
}

// writeRegoData writes the same policy as the data of test/bench/opa/signet.rego: everything is found by looking it up.
func (p *policy) writeRegoData(file string) error {
	set := func(members []string) map[string]bool {
		of := map[string]bool{}
		for _, member := range members {
			of[member] = true
		}
		return of
	}
	longest, err := time.ParseDuration(p.Spec.Certificate.MaxDuration)
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, kind := range p.Spec.Certificate.Keys {
		keys[keyPrefixes[kind]] = kind
	}
	type place struct {
		Tenant  string          `json:"tenant"`
		Signers map[string]bool `json:"signers"`
	}
	namespaces := map[string]place{}
	for _, t := range p.Spec.Tenants {
		var signers []string
		for _, signer := range t.Signers {
			signers = append(signers, p.signerName(signer))
		}
		for _, namespace := range t.Namespaces {
			namespaces[namespace] = place{Tenant: t.Name, Signers: set(signers)}
		}
	}
	data, err := json.Marshal(map[string]any{"signet": map[string]any{
		"trustDomains": set(p.Spec.TrustDomains),
		"requesters":   set(p.Spec.Requesters),
		"usages":       set(p.Spec.Certificate.Usages),
		"keys":         keys,
		"minDuration":  int(shortestLifetime.Seconds()),
		"maxDuration":  int(longest.Seconds()),
		"namespaces":   namespaces,
	}})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// What Signet grants at least where the policy says nothing.
const shortestLifetime = 10 * time.Minute
