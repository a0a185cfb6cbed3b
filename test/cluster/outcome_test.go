package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// What becomes of a request, in few words.

// outcomeOf has somebody make the request and istiod approve it. It tells whose CA signed, "signed by foo", or who would not have
// it and why: the webhook, "refused: NoTenant", or the signer, "failed: NoTenant". Signed, there is what was issued.
func outcomeOf(t *testing.T, by *lab.IstiodStandIn, request lab.Request) (string, *lab.Issued) {
	t.Helper()
	object, key, err := by.Create(patient(t), request)
	if err == nil {
		discard(t, object.Name)
		object, err = stage.istiod.Approve(patient(t), object)
	}
	if err != nil {
		_, told, found := strings.Cut(err.Error(), "denied the request: signet: ")
		reason, _, coded := strings.Cut(told, ": ")
		if !found || !coded {
			t.Fatalf("not by Signet: %v", err)
		}
		return "refused: " + reason, nil
	}
	object = await(t, object, lab.IsSettled)
	if failed := lab.FailedCondition(object); failed != nil {
		if lab.HasCertificate(object) {
			t.Errorf("%s has failed and a certificate", object.Name)
		}
		return "failed: " + failed.Reason, nil
	}
	return "signed by " + issuerOf(t, object), &lab.Issued{Object: object, Key: key}
}

// issuerOf is the signer whose CA signed the certificate.
func issuerOf(t *testing.T, object *csr) string {
	t.Helper()
	chain, err := lab.ParsePEM(object.Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for signer, authority := range stage.authorities {
		if chain[0].CheckSignatureFrom(authority.Certificate) == nil {
			return signer
		}
	}
	return "nobody"
}

// whereverItIsJudged runs the test twice: while no webhook is registered, so that the signer alone judges, and behind the
// webhooks. denied is how an outcome begins there of what is not granted.
func whereverItIsJudged(t *testing.T, test func(t *testing.T, denied string)) {
	t.Run("by the signer alone", func(t *testing.T) { test(t, "failed: ") })
	t.Run("at the door", func(t *testing.T) {
		register(t)
		test(t, "refused: ")
	})
}

// lately waits until this is what becomes of the request, made anew each time: of what was changed Signet hears a moment later.
func lately(t *testing.T, request lab.Request, want string) {
	t.Helper()
	eventually(t, func() error {
		if got, _ := outcomeOf(t, stage.istiod, request); got != want {
			return fmt.Errorf("%s, want %s", got, want)
		}
		return nil
	})
}

// awaitLog waits until the process has logged this.
func awaitLog(t *testing.T, process *lab.Process, text string) {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if output := process.Output(); !strings.Contains(output, string(quoted[1:len(quoted)-1])) {
			return fmt.Errorf("no %q in the log:\n%s", text, output)
		}
		return nil
	})
}
