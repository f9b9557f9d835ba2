//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// startForeign serves a page of somebody else, on this machine.
func startForeign(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>evil</title><body>evil")
	}))
	t.Cleanup(s.Close)
	return s.URL
}
