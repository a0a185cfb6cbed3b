package main

import (
	"context"
	"strings"
)

// act is one row of a table: who asks whom for what, and how it must end. Stage is what it is played on.
type act[Stage any] struct {
	who, identity, signer string
	expected              string
	play                  func(context.Context, Stage) (result, error)
}

type result struct {
	happened     string
	why          string
	certificates []certificate
}

type certificate struct{ request, sha256 string }

const (
	signed    = "certificate issued"
	refused   = "refused when it was created"
	failed    = "let in, approved, NOT signed"
	stopped   = "refused when it was written"
	untouched = "passed, untouched"
	admitted  = "admitted"
	warned    = "admitted, with a warning"
	filled    = "admitted, signer filled in"
)

// refusal is a result if Signet refused, the error itself if anything else went wrong.
func refusal(err error, happened string) (result, error) {
	if _, why, found := strings.Cut(err.Error(), "denied the request: "); found {
		return result{happened: happened, why: why}, nil
	}
	return result{}, err
}
