package flow_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/chaos"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
)

// replicaVariable is the environment variable that makes this program a replica.
const replicaVariable = "CHAOS_REPLICA"

type replicaProcess struct {
	DSN          string
	Surroundings chaos.Surroundings
}

// Four processes on one PostgreSQL database are killed with SIGKILL at any moment and started
// again, or stopped with SIGSTOP and continued. Sometimes one of their connections to it stops
// answering.
func TestPaymentsSurviveKills(t *testing.T) {
	seed, purchases, full, err := chaos.Size(200)
	if err != nil {
		t.Fatal(err)
	}
	if full {
		purchases /= 3 // it runs on wall-clock time
	}
	server := dbtest.StartPostgres(t)
	name := server.NewDatabase(t)
	last, err := sqlstore.New(bounded(server.Open(t, name)), sqlstore.DialectPostgreSQL)
	if err != nil {
		t.Fatal(err)
	}
	if err := last.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy := startProxy(t, server.Port())
	result, err := chaos.KillAtRandom(t.Context(), chaos.Processes{
		Store: "PostgreSQL, processes", Seed: seed, Purchases: purchases, Replicas: 4, Last: last,
		Start: func(s chaos.Surroundings) (*chaos.Process, error) {
			return startReplica(t.Context(), replicaProcess{dbtest.DSN(proxy.port, name), s})
		},
		Silence: proxy.silenceOne,
	})
	if err != nil {
		t.Fatal(err)
	}
	examine(t, result)
	if n := proxy.silences.Load(); n == 0 {
		t.Error("no connection fell silent")
	}
}

// startReplica starts this program again as a replica.
func startReplica(ctx context.Context, p replicaProcess) (*chaos.Process, error) {
	settings, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestReplicaProcess$", "-test.v")
	command.Env = append(os.Environ(), replicaVariable+"="+string(settings))
	if _, err := command.StdinPipe(); err != nil { // it ends with this process
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	replica := &chaos.Process{
		Kill: func() {
			_ = command.Process.Kill() // SIGKILL
			_ = command.Wait()
		},
		Stop:     func() { _ = command.Process.Signal(syscall.SIGSTOP) },
		Continue: func() { _ = command.Process.Signal(syscall.SIGCONT) },
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			replica.Address = address
			return replica, nil
		}
	}
	replica.Kill()
	return nil, fmt.Errorf("a replica ended before it was ready: %v", lines.Err())
}

// TestReplicaProcess is a replica if this program was started as one.
func TestReplicaProcess(t *testing.T) {
	text, ok := os.LookupEnv(replicaVariable)
	if !ok {
		return
	}
	var p replicaProcess
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.New(bounded(db), sqlstore.DialectPostgreSQL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
		cancel()
	}()
	if err := chaos.Serve(ctx, p.Surroundings, store, func(address string) { fmt.Println("ready", address) }); err != nil {
		t.Fatal(err)
	}
}
