// Package differential asks Signet and the readers that others use for the same bytes, and looks for what Signet takes and
// another reads otherwise. What Signet refuses may be anything. Neither a cluster nor a mesh is needed, only the release
// build. To look for longer:
//
//	go test ./differential -mutants 1000000 -openssl 10000 -seed 2 -timeout 3h
package differential

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"signet/test/cluster/lab"
)

var (
	mutants = flag.Int("mutants", 4000, "how many inputs each test makes")
	seed    = flag.Uint64("seed", 1, "the same seed makes the same inputs, but for an RSA key")
)

// signet is a process that tells how Signet reads what it is asked.
type signet struct {
	in  io.Writer
	out *bufio.Reader
}

func startSignet(t *testing.T, kind string) *signet {
	t.Helper()
	project, err := lab.Project()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(project, "build", "release", "test", "differential", "signet_reads")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: build the release preset first", err)
	}
	command := exec.Command(program, kind, filepath.Join(project, "test", "testdata", "policy.yaml"))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("signet_reads: %v", err)
		}
	})
	return &signet{in, bufio.NewReader(out)}
}

// read fills in how Signet reads the input.
func (s *signet) read(input []byte, how any) error {
	if _, err := s.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(input))), input...)); err != nil {
		return err
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("signet_reads ended: %w", err)
	}
	return json.Unmarshal(line, how)
}

// randomOf gives each input its own numbers, so that one can be made again without those before it.
func randomOf(input int) *rand.Rand { return rand.New(rand.NewPCG(*seed, uint64(input))) }
