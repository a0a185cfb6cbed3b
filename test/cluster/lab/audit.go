package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		records = append(records, record)
		data = rest
	}
}

// CheckChain wants every record to carry the hash of the one before it, and the sequence to have no holes.
func CheckChain(records []AuditRecord) error {
	for i := 1; i < len(records); i++ {
		if before, record := records[i-1], records[i]; record.Prev != before.Hash || record.Seq != before.Seq+1 {
			return fmt.Errorf("record %d (%s) does not follow record %d (%s)", record.Seq, record.Prev, before.Seq, before.Hash)
		}
	}
	return nil
}
