package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newAPI() *cobra.Command {
	return asking("api METHOD PATH [JSON|-]", "Make a call of the local API", `Api makes a call of the daemon's API as it is, and prints the answer: linnet api GET /v1/status. For what
calls there are: linnet api GET /v1/openapi.json.`, 2, 3, func(ctx context.Context, t *talk, args []string) error {
		var body []byte
		if len(args) == 3 {
			text, err := t.given(args[2:])
			if err != nil {
				return err
			}
			body = []byte(text)
		}
		if !strings.HasPrefix(args[1], "/v1/") {
			return &usageError{"paths begin with /v1/"}
		}
		answer, err := t.Raw(ctx, strings.ToUpper(args[0]), args[1], body)
		if err != nil {
			return err
		}
		defer answer.Close()
		b, err := io.ReadAll(answer)
		if err != nil {
			return errors.Join(errors.New("reading the answer"), err)
		}
		_, err = fmt.Fprintln(t.out, escaped(strings.TrimSpace(string(b))))
		return err
	})
}
