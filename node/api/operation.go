package api

import (
	"context"
	"net/http"
)

// Operation is a call of the API: In travels as path, query, header and body, as the tags of its fields say (those of
// huma); Out is the JSON body of the answer.
type Operation[In, Out any] struct {
	Name    string // of the call, in OpenAPI and documents
	Method  string
	Path    string
	Summary string // one line, imperative
	Scope   Scope
	Verb    string // of the command that makes the call, such as "send"; empty if Why says why there is none
	Why     string
	Body    int64 // bytes that a body has at most; 0: maxBody
}

// Described is an Operation without its types, for tests and documents.
type Described struct {
	Name, Method, Path, Verb, Why string
	Scope                         Scope
}

const (
	get   = http.MethodGet
	post  = http.MethodPost
	put   = http.MethodPut
	patch = http.MethodPatch
	del   = http.MethodDelete
)

// Call makes the call. The error is a *Problem, the context's, or that of a connection that broke: then it is not known
// whether it was done.
func (o *Operation[In, Out]) Call(ctx context.Context, c *Client, in In) (*Out, error) {
	out := new(Out)
	return out, c.call(ctx, o.Method, o.Path, &in, out)
}

func (o *Operation[In, Out]) describe() Described {
	return Described{o.Name, o.Method, o.Path, o.Verb, o.Why, o.Scope}
}
