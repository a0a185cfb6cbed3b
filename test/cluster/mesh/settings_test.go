package mesh

import "testing"

// inEachSetting runs the test with Signet in cert-manager's place and in front of it; role is Signet's.
func inEachSetting(t *testing.T, test func(t *testing.T, role string)) {
	t.Run("Signet signs", func(t *testing.T) { test(t, "all") })
	t.Run("cert-manager signs and Signet guards", func(t *testing.T) {
		letCertManagerSign(t)
		guard, err := stage.GuardCertManager()
		if err != nil {
			t.Fatal(err)
		}
		stage.signet = guard
		t.Cleanup(func() { stage.signet = stage.Signet })
		test(t, "webhook")
	})
}

// letCertManagerSign runs cert-manager with its signers until the test ends.
func letCertManagerSign(t *testing.T) {
	t.Helper()
	if err := stage.CertManager.Start(true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("cert-manager's log:\n%s", stage.CertManager.Process().Output())
		}
		if err := stage.CertManager.Stop(); err != nil {
			t.Error(err)
		}
	})
}
