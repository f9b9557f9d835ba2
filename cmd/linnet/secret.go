package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxInput is how many bytes of standard input are read: more than any message, and any secret, can have.
const maxInput = 64 << 10

// secret reads a secret: without echo from a terminal, otherwise a line of standard input, which may be empty but must be
// there. Ctrl-C ends the asking, and the terminal shows again what is typed.
func (t *talk) secret(ctx context.Context, question string) (string, error) {
	f, ok := t.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		if _, ok := t.in.(*bufio.Reader); !ok { // several secrets are lines of one input
			t.in = bufio.NewReader(io.LimitReader(t.in, maxInput))
		}
		line, err := t.in.(*bufio.Reader).ReadString('\n')
		switch {
		case errors.Is(err, io.EOF) && line == "":
			return "", &usageError{"a line is missing on standard input: " + strings.TrimSpace(question)}
		case err != nil && !errors.Is(err, io.EOF):
			return "", fmt.Errorf("reading a secret: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	problems := t.flags.ErrOrStderr()
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	fmt.Fprint(problems, question)
	defer fmt.Fprintln(problems)
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a read of a terminal cannot be ended: this one ends with the process
		text, err := term.ReadPassword(int(f.Fd()))
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("reading a secret: %w", a.err)
		}
		return string(a.text), nil
	case <-ctx.Done():
		return "", errors.Join(errInterrupted, term.Restore(int(f.Fd()), before))
	}
}

// newSecret reads a new passphrase: twice from a terminal, so that a slip of the fingers locks nobody out.
func (t *talk) newSecret(ctx context.Context, question string) (string, error) {
	text, err := t.secret(ctx, question)
	if f, ok := t.in.(*os.File); err != nil || text == "" || !ok || !term.IsTerminal(int(f.Fd())) {
		return text, err
	}
	again, err := t.secret(ctx, "Again: ")
	if err == nil && again != text {
		err = errors.New("these are two different passphrases; nothing was changed")
	}
	return text, err
}

// words reads the 24 words of an account: from a terminal until there are so many or a line is empty, otherwise all that is
// left of standard input. Numbers between them, as linnet words prints them, do not count.
func (t *talk) words(ctx context.Context) (string, error) {
	type answer struct {
		words []string
		err   error
	}
	terminal := isTerminal(t.in)
	if terminal {
		fmt.Fprint(t.flags.ErrOrStderr(), "Your 24 words: ")
	}
	answers := make(chan answer, 1)
	go func() { // a read of a terminal cannot be ended: this one ends with the process
		var a answer
		in, ok := t.in.(*bufio.Reader)
		if !ok {
			in = bufio.NewReader(io.LimitReader(t.in, maxInput))
		}
		for a.err == nil {
			var line string
			if line, a.err = in.ReadString('\n'); terminal && (line == "\n" || line == "\r\n") {
				break
			}
			for _, word := range strings.Fields(line) {
				if strings.Trim(word, "0123456789.)") != "" {
					a.words = append(a.words, word)
				}
			}
			if terminal && len(a.words) >= seedWords {
				break
			}
		}
		answers <- a
	}()
	select {
	case a := <-answers:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("reading the words: %w", a.err)
		}
		if len(a.words) != seedWords {
			return "", &usageError{fmt.Sprintf("these are %d words; an account has %d", len(a.words), seedWords)}
		}
		return strings.Join(a.words, " "), nil
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// seedWords is how many words an account has.
const seedWords = 24

// given returns a text of the arguments, or, if that is -, of standard input without the last line end.
func (t *talk) given(args []string) (string, error) {
	text := strings.Join(args, " ")
	if text != "-" {
		return text, nil
	}
	b, err := io.ReadAll(io.LimitReader(t.in, maxInput))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	if text = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"); text == "" {
		return "", &usageError{"standard input was empty"}
	}
	return text, nil
}

// toTerminal tells whether people look at what is printed.
func (t *talk) toTerminal() bool {
	f, ok := t.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
