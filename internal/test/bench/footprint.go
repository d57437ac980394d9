package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// footprintFigures holds what an import adds to a program on net/http.
type footprintFigures struct {
	name  string
	size  float64 // bytes of the stripped binary
	build time.Duration
	start time.Duration
}

// The programs. Each uses what a user of the packages would use, so that the linker keeps it.
const (
	emptyProgram = `package main

import (
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		response, err := new(http.Client).Get(os.Args[1])
		if err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		panic(http.ListenAndServe(os.Args[1], nil))
	}
}
`
	modulesProgram = `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"

	"github.com/google/uuid"
	"github.com/hashicorp/go-retryablehttp"
)

func main() {
	if len(os.Args) > 1 {
		response, err := retryablehttp.NewClient().Get(os.Args[1])
		if err != nil {
			panic(err)
		}
		var answer struct{ State string }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		text, err := json.Marshal(answer)
		if err != nil {
			panic(err)
		}
		hmac.New(sha256.New, text).Write(text)
		slog.Info(answer.State, "id", uuid.NewSHA1(uuid.New(), text).String())
		panic(http.ListenAndServe(os.Args[1], nil))
	}
}
`
	receivingProgram = `package main

import (
	"context"
	"net/http"
	"os"

	"github.com/klarna-go/klarna-go/webhook"
)

func main() {
	if len(os.Args) > 1 {
		response, err := new(http.Client).Get(os.Args[1])
		if err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		verifier, err := webhook.NewVerifier(webhook.Key{Secret: webhook.NewSecret(os.Args[1])})
		if err != nil {
			panic(err)
		}
		handler, err := webhook.NewHandler(verifier, func(_ context.Context, e *webhook.Event) error {
			_, err := e.PaymentRequest()
			return err
		})
		if err != nil {
			panic(err)
		}
		panic(http.ListenAndServe(os.Args[1], handler))
	}
}
`
	wholeProgram = `package main

import (
	"context"
	"net/http"
	"os"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
⟨imports⟩)

func main() {
	if len(os.Args) > 1 {
		response, err := new(http.Client).Get(os.Args[1])
		if err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		client, err := klarna.NewClient(os.Args[1])
		if err != nil {
			panic(err)
		}
		ctx := context.Background()
		if _, err := presentation.New(client).GetPresentation(ctx, presentation.GetPresentationParams{}); err != nil {
			panic(err)
		}
		authorizations := authorization.New(client)
		if _, err := authorizations.Authorize(ctx, authorization.AuthorizeParams{}); err != nil {
			panic(err)
		}
		if _, err := authorizations.Finalize(ctx, authorization.AuthorizeParams{}, authorization.Approval{}); err != nil {
			panic(err)
		}
		if _, err := authorizations.GetTransaction(ctx, os.Args[1]); err != nil {
			panic(err)
		}
		if _, err := subscription.New(client).CreateSigningKey(ctx); err != nil {
			panic(err)
		}
		verifier, err := webhook.NewVerifier(webhook.Key{Secret: webhook.NewSecret(os.Args[1])})
		if err != nil {
			panic(err)
		}
		handler, err := webhook.NewHandler(verifier, func(_ context.Context, e *webhook.Event) error {
			_, err := e.PaymentRequest()
			return err
		})
		if err != nil {
			panic(err)
		}
		panic(http.ListenAndServe(os.Args[1], handler))
	}
}
`
)

// footprint builds and starts the programs.
func footprint(ctx context.Context, rounds int) (_ []footprintFigures, err error) {
	root, err := goCommand(ctx, ".", nil, "list", "-m", "-f", "{{.Dir}}", "github.com/klarna-go/klarna-go")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "footprint")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := builder{root: strings.TrimSpace(root), dir: dir}
	rest, err := b.otherPackages(ctx)
	if err != nil {
		return nil, err
	}
	figures := []footprintFigures{{name: "net/http alone"}, {name: "webhook"}, {name: "all packages"}, {name: "hand-written on encoding/json, log/slog and go-retryablehttp"}}
	programs := []string{emptyProgram, receivingProgram, strings.ReplaceAll(wholeProgram, "⟨imports⟩", rest), modulesProgram}
	if err := b.prime(ctx, programs); err != nil {
		return nil, err
	}
	builds := make([][]float64, len(programs))
	starts := make([][]float64, len(programs))
	for range rounds {
		for i, program := range programs {
			took, err := b.build(ctx, program, i)
			if err != nil {
				return nil, err
			}
			builds[i] = append(builds[i], float64(took))
		}
	}
	for i := range programs {
		info, err := os.Stat(b.binary(i))
		if err != nil {
			return nil, err
		}
		figures[i].size = float64(info.Size())
	}
	for range 20 * rounds {
		for i := range programs {
			began := time.Now()
			if err := exec.CommandContext(ctx, b.binary(i)).Run(); err != nil { //nolint:gosec // this program built it
				return nil, err
			}
			starts[i] = append(starts[i], float64(time.Since(began)))
		}
	}
	for i := range programs {
		figures[i].build = time.Duration(quantile(builds[i], 0))
		figures[i].start = time.Duration(median(starts[i]))
	}
	return figures, nil
}

// builder builds programs within the root module, without the workspace and without writing into
// the module.
type builder struct{ root, dir string }

func (b *builder) binary(i int) string { return filepath.Join(b.dir, fmt.Sprint("program", i)) }

// otherPackages returns blank imports of the packages that the program does not use: all packages
// of the module that are not for tests.
func (b *builder) otherPackages(ctx context.Context) (string, error) {
	list, err := goCommand(ctx, b.root, nil, "list", "./...")
	if err != nil {
		return "", err
	}
	var imports strings.Builder
	for name := range strings.FieldsSeq(list) {
		if !strings.Contains(name, "/internal/") && !strings.HasSuffix(name, "test") &&
			!strings.Contains(name, "test/") && !strings.Contains(wholeProgram, `"`+name+`"`) {
			fmt.Fprintf(&imports, "\t_ %q\n", name)
		}
	}
	return imports.String(), nil
}

// prime compiles what the programs need of the standard library into a separate cache.
func (b *builder) prime(ctx context.Context, programs []string) error {
	var standard []string
	for i := range programs {
		overlay, err := b.overlay(programs[i], i)
		if err != nil {
			return err
		}
		list, err := goCommand(ctx, b.root, nil, "list", "-overlay", overlay, "-deps", "-f", "{{if .Standard}}{{.ImportPath}}{{end}}", "./footprint")
		if err != nil {
			return err
		}
		standard = append(standard, strings.Fields(list)...)
	}
	slices.Sort(standard)
	args := append([]string{"build", "-trimpath"}, slices.Compact(standard)...)
	_, err := goCommand(ctx, b.root, []string{"GOCACHE=" + filepath.Join(b.dir, "primed")}, args...)
	return err
}

// overlay returns an overlay that adds the program to the module for the go command.
func (b *builder) overlay(program string, i int) (string, error) {
	source := filepath.Join(b.dir, fmt.Sprint("main", i, ".go"))
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(b.root, "footprint", "main.go"): source}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(b.dir, fmt.Sprint("overlay", i, ".json"))
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// build compiles everything but the standard library, and links.
func (b *builder) build(ctx context.Context, program string, i int) (time.Duration, error) {
	overlay, err := b.overlay(program, i)
	if err != nil {
		return 0, err
	}
	cache := filepath.Join(b.dir, "cache")
	if err := os.CopyFS(cache, os.DirFS(filepath.Join(b.dir, "primed"))); err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = goCommand(ctx, b.root, []string{"GOCACHE=" + cache}, "build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay, "-o", b.binary(i), "./footprint")
	return time.Since(began), errors.Join(err, os.RemoveAll(cache))
}

func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are this program's
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if dir != "." {
		cmd.Env = append(cmd.Env, "GOWORK=off", "GOFLAGS=-mod=readonly")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.String())
	}
	return string(out), nil
}

func printFootprint(w io.Writer, figures []footprintFigures) {
	fmt.Fprintf(w, "\nThe cost of an import\nStripped programs that use the packages. The build starts with the standard library compiled.\n\n")
	fmt.Fprintf(w, "  %-34s %10s %10s %10s\n", "", "size", "build", "start")
	for i, f := range figures {
		if i == 0 {
			fmt.Fprintf(w, "  %-34s %7.2f MB %10s %10s\n", f.name, f.size/1e6, f.build.Round(10*time.Millisecond), nanos(float64(f.start)))
			continue
		}
		fmt.Fprintf(w, "  %-34s %+7.2f MB %+9.2fs %+7.2f ms\n", f.name, (f.size-figures[0].size)/1e6, (f.build - figures[0].build).Seconds(),
			float64(f.start-figures[0].start)/1e6)
	}
}
