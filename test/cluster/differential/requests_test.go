package differential

import (
	"flag"
	"testing"
)

var opensslRuns = flag.Int("openssl", 300, "how many requests that Signet takes are shown to openssl, a process each")

// The shares of the mutants that must be taken and granted for the test to say anything.
const (
	minTaken   = 0.25
	minGranted = 0.08
)

// What Signet reads of a request Go and openssl read alike, and what it grants they can read: nobody who looks at the same
// request before or after it sees another name, key or usage.
func TestARequestThatIsTakenHasOneReading(t *testing.T) {
	reader, maker := startSignet(t, "requests"), newRequestMaker(t)
	taken, granted, shown, differing := 0, 0, 0, 0
	for i := range *mutants {
		text, done := maker.make(t, randomOf(i))
		var signet facts
		if err := reader.read(text, &signet); err != nil {
			t.Fatal(err)
		}
		if signet.Refused != "" {
			continue
		}
		taken++
		if signet.Granted {
			granted++
		}
		err := goDiffers(text, &signet)
		if err == nil && shown*(*mutants) < i*(*opensslRuns) {
			shown++
			err = opensslDiffers(t.Context(), text, &signet)
		}
		if err != nil {
			t.Errorf("-seed %d, mutant %d (%q): %v\n%s", *seed, i, done, err, text)
			if differing++; differing == 10 {
				t.Fatal("that is enough")
			}
		}
	}
	t.Logf("%d mutants: Signet takes %d and grants %d; openssl was shown %d", *mutants, taken, granted, shown)
	if share := float64(taken) / float64(*mutants); share < minTaken {
		t.Errorf("Signet takes %.2f of the mutants; with less than %.2f this test says little", share, minTaken)
	}
	if share := float64(granted) / float64(*mutants); share < minGranted {
		t.Errorf("Signet grants %.2f of the mutants; with less than %.2f this test says little", share, minGranted)
	}
}

// What would be said if Signet read something else. Were one of these not seen, the test above would pass for nothing.
func TestAnotherReadingIsSeen(t *testing.T) {
	reader, maker := startSignet(t, "requests"), newRequestMaker(t)
	by := maker.signers["P-256"]
	text := maker.signed(t, maker.infos["P-256"][2], by)
	var read facts
	if err := reader.read(text, &read); err != nil {
		t.Fatal(err)
	}
	if !read.Granted || goDiffers(text, &read) != nil || opensslDiffers(t.Context(), text, &read) != nil {
		t.Fatalf("read as %+v: go: %v, openssl: %v", read, goDiffers(text, &read), opensslDiffers(t.Context(), text, &read))
	}
	for what, falsify := range map[string]func(*facts){
		"a name too few":       func(f *facts) { f.Names = nil },
		"another name":         func(f *facts) { f.Names = []name{{"URI", "spiffe://cluster.local/ns/foo/sa/ap"}} },
		"another type":         func(f *facts) { f.Names = []name{{"DNS", f.Names[0].Value}} },
		"names in no place":    func(f *facts) { f.NameExtensions = 0 },
		"another key":          func(f *facts) { f.SPKI = append([]byte{0}, f.SPKI...) },
		"another subject":      func(f *facts) { f.Subject = append([]string{"CN=x"}, f.Subject[1:]...) },
		"a CA":                 func(f *facts) { f.CA = true },
		"a usage too few":      func(f *facts) { f.Usages = f.Usages[1:] },
		"a usage too many":     func(f *facts) { f.Usages = append(f.Usages, "key agreement") },
		"not the server usage": func(f *facts) { f.Usages = []string{"digital signature", "key encipherment", "client auth"} },
	} {
		falsified := read
		falsify(&falsified)
		if goDiffers(text, &falsified) == nil {
			t.Errorf("%s: not seen beside Go's reading", what)
		}
		if opensslDiffers(t.Context(), text, &falsified) == nil {
			t.Errorf("%s: not seen beside openssl's reading", what)
		}
	}
	spoiled := maker.signed(t, maker.infos["P-256"][2], maker.signers["P-384"])
	if read.Signature != verified || goDiffers(spoiled, &read) == nil || opensslDiffers(t.Context(), spoiled, &read) == nil {
		t.Error("another's signature: not seen")
	}
}
