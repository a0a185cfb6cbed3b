package mesh

import (
	"os"
	"path/filepath"
	"testing"
)

// inEachSetting runs the test with Signet in cert-manager's place and in front of it; role is Signet's.
func inEachSetting(t *testing.T, test func(t *testing.T, role string)) {
	t.Run("Signet signs", func(t *testing.T) { test(t, "all") })
	t.Run("cert-manager signs and Signet guards", func(t *testing.T) {
		letCertManagerSign(t)
		nameCertManagerAsIssuer(t)
		test(t, "webhook")
	})
}

// letCertManagerSign runs cert-manager with its signers until the test ends.
func letCertManagerSign(t *testing.T) {
	t.Helper()
	if err := stage.certManager.Start(true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("cert-manager's log:\n%s", stage.certManager.Process().Output())
		}
		if err := stage.certManager.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// nameCertManagerAsIssuer has Signet's policy say so until the test ends.
func nameCertManagerAsIssuer(t *testing.T) {
	t.Helper()
	before := stage.signet.Policy
	text, err := os.ReadFile(before)
	if err != nil {
		t.Fatal(err)
	}
	stage.signet.Policy = filepath.Join(t.TempDir(), "policy.yaml")
	t.Cleanup(func() { stage.signet.Policy = before })
	text = append(text, "  issuers: ["+stage.certManager.Account.Username()+"]\n"...)
	if err := os.WriteFile(stage.signet.Policy, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
