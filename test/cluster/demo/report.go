package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"signet/test/cluster/lab"
)

// table prints rows with columns of fixed width; long cells are wrapped at words.
type table struct{ rows [][]string }

var columns = []struct {
	title string
	width int
}{{"WHO ASKS", 30}, {"FOR", 14}, {"SIGNER", 13}, {"WHAT HAPPENED", 18}, {"WHY", 66}}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(out io.Writer) {
	var titles, rule []string
	for _, column := range columns {
		titles = append(titles, column.title)
		rule = append(rule, strings.Repeat("-", column.width))
	}
	printRow(out, titles)
	for _, row := range t.rows {
		printRow(out, rule)
		printRow(out, row)
	}
}

// markdown prints the same as a Markdown table.
func (t *table) markdown(out io.Writer) {
	var titles, rule []string
	for _, column := range columns {
		titles = append(titles, strings.ToLower(column.title))
		rule = append(rule, "---")
	}
	for _, row := range append([][]string{titles, rule}, t.rows...) {
		fmt.Fprintf(out, "| %s |\n", strings.ReplaceAll(strings.Join(row, " | "), "\n", "<br>"))
	}
}

func printRow(out io.Writer, cells []string) {
	wrapped := make([][]string, len(cells))
	height := 0
	for i, cell := range cells {
		wrapped[i] = wrap(cell, columns[i].width)
		height = max(height, len(wrapped[i]))
	}
	for line := range height {
		var text strings.Builder
		for i, column := range columns {
			part := ""
			if line < len(wrapped[i]) {
				part = wrapped[i][line]
			}
			fmt.Fprintf(&text, "%-*s  ", column.width, part)
		}
		fmt.Fprintln(out, strings.TrimRight(text.String(), " "))
	}
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// perform plays the acts and prints what came of each, as Markdown to transcript too. It is an error if one of them did not end
// as it should.
func perform[Stage any](ctx context.Context, stage Stage, acts []act[Stage], transcript io.Writer) ([]certificate, error) {
	var table table
	var certificates []certificate
	failures := 0
	for _, act := range acts {
		result, err := act.play(ctx, stage)
		if err != nil {
			return nil, fmt.Errorf("%s, %s from %s: %w", act.who, act.identity, act.signer, err)
		}
		if result.happened != act.expected {
			failures++
			result.happened = fmt.Sprintf("%s, BUT EXPECTED: %s", result.happened, act.expected)
		}
		table.add(act.who, act.identity, act.signer, result.happened, result.why)
		certificates = append(certificates, result.certificates...)
	}
	fmt.Println()
	table.print(os.Stdout)
	fmt.Println()
	table.markdown(transcript)
	if failures > 0 {
		return nil, fmt.Errorf("%d of %d acts did not end as they should", failures, len(acts))
	}
	return certificates, nil
}

// checkAudit wants, for every certificate that a client got, the record of its issuance and, after it, of its publication.
// The latter follows the write, so it is waited for.
func checkAudit(ctx context.Context, path string, certificates []certificate) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		records, err := lab.ReadAudit(path)
		if err != nil {
			return err
		}
		if err := lab.CheckChain(records); err != nil {
			return err
		}
		if err = recorded(records, certificates); err == nil {
			fmt.Printf("%d certificates were seen by clients; each has its record, issued and then published, in an unbroken chain of %d:\n",
				len(certificates), len(records))
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func recorded(records []lab.AuditRecord, certificates []certificate) error {
	ends, err := lab.Ends(records)
	if err != nil {
		return err
	}
	for _, certificate := range certificates {
		if end := ends[certificate.sha256]; end != "published" {
			return fmt.Errorf("the record says of the certificate of %s %q, not published", certificate.request, end)
		}
	}
	return nil
}
