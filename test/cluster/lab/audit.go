package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// AuditRecord is one line of an audit log, as far as it is read here.
type AuditRecord struct {
	Time     string `json:"time"`
	Seq      int64  `json:"seq"`
	Event    string `json:"event"`
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
	CSR      struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"csr"`
	Requester   string `json:"requester"`
	Identity    string `json:"identity"`
	Tenant      string `json:"tenant"`
	Certificate struct {
		Serial    string `json:"serial"`
		NotBefore string `json:"notBefore"`
		NotAfter  string `json:"notAfter"`
		SHA256    string `json:"sha256"`
	} `json:"certificate"`
	Prev string `json:"prev"`
	Hash string `json:"hash"`

	line []byte
}

// ReadAudit reads the complete lines of a log; its writer may be at work on another, or not have begun.
func ReadAudit(path string) ([]AuditRecord, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var records []AuditRecord
	for line := 1; ; line++ {
		text, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return records, nil
		}
		var record AuditRecord
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		record.line = text
		records = append(records, record)
		data = rest
	}
}

// CheckChain wants a whole log: each line has its own hash, which is that of its bytes without the hash member, carries the hash
// of the line before it (zeros in the first), and counts on from 1.
func CheckChain(records []AuditRecord) error {
	seq, hash := int64(0), strings.Repeat("0", 2*sha256.Size)
	for i, record := range records {
		covered, _, found := bytes.Cut(record.line, []byte(`,"hash":"`))
		sum := sha256.Sum256(append(bytes.Clone(covered), '}'))
		switch {
		case !found || record.Hash != hex.EncodeToString(sum[:]):
			return fmt.Errorf("line %d: its hash is not its own", i+1)
		case record.Prev != hash:
			return fmt.Errorf("line %d: does not carry the hash of the line before", i+1)
		case record.Seq != seq+1:
			return fmt.Errorf("line %d: seq %d follows %d", i+1, record.Seq, seq)
		}
		seq, hash = record.Seq, record.Hash
	}
	return nil
}

// Ends tells what became of each certificate, by its SHA-256: the last of issued, published and discarded. It is an error for
// a certificate to be published or discarded that was not issued before.
func Ends(records []AuditRecord) (map[string]string, error) {
	ends := map[string]string{}
	for _, record := range records {
		switch fingerprint := record.Certificate.SHA256; record.Event {
		case "issued":
			ends[fingerprint] = record.Event
		case "published", "discarded":
			if ends[fingerprint] != "issued" {
				return nil, fmt.Errorf("record %d: %s without issued", record.Seq, record.Event)
			}
			ends[fingerprint] = record.Event
		}
	}
	return ends, nil
}
