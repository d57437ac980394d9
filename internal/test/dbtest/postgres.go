package dbtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Postgres is a PostgreSQL server for one test, on a free port of the loopback interface, with its
// data in a temporary directory. It does not protect the data from a power failure.
type Postgres struct {
	port  int
	admin *sql.DB
}

// StartPostgres starts a server that stops when the test ends. If PostgreSQL is not installed, it
// skips the test, or fails it if the environment has CI=true. Settings such as "fsync=on" override
// the defaults of this package.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	folder, err := binaries()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("PostgreSQL is missing:", err)
	}
	account, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataFolder(t, account)
	if err != nil {
		t.Fatal(err)
	}
	initdb := account.command(t.Context(), filepath.Join(folder, "initdb"), "--pgdata", data, "--username=test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	// Another program may take the free port before the server does.
	for range 3 {
		var p *Postgres
		if p, err = start(t, account, filepath.Join(folder, "postgres"), data, settings); err == nil {
			return p
		}
	}
	t.Fatal(err)
	return nil
}

// NewDatabase creates an empty database and returns its name for [Postgres.Open].
func (p *Postgres) NewDatabase(t testing.TB) (name string) {
	t.Helper()
	name = "test_" + strings.ToLower(rand.Text())
	if _, err := p.admin.ExecContext(t.Context(), `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Open opens a database with a pool of its own, as a replica of a program does. The pool is closed
// when the test ends.
func (p *Postgres) Open(t testing.TB, database string) *sql.DB {
	t.Helper()
	return open(t, "pgx", p.DSN(database))
}

// Port returns the server's port on the loopback interface.
func (p *Postgres) Port() int { return p.port }

// DSN returns the data source name with which another process opens a database with the driver pgx.
func (p *Postgres) DSN(database string) string { return DSN(p.port, database) }

// DSN returns the data source name of a database at a port, which may be that of a proxy.
func DSN(port int, database string) string {
	return fmt.Sprintf("postgres://test@127.0.0.1:%d/%s?sslmode=disable", port, database)
}

// binaries returns the directory of initdb and postgres: Debian's with the newest version, or one
// of PATH.
func binaries() (folder string, err error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	newest, folder := -1, ""
	for _, f := range folders {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err == nil && version > newest && executable(f, "initdb") && executable(f, "postgres") {
			newest, folder = version, f
		}
	}
	if folder != "" {
		return folder, nil
	}
	for _, f := range filepath.SplitList(os.Getenv("PATH")) {
		if executable(f, "initdb") && executable(f, "postgres") {
			return f, nil
		}
	}
	return "", errors.New("initdb and postgres are neither in /usr/lib/postgresql nor in PATH")
}

func executable(folder, name string) bool {
	_, err := exec.LookPath(filepath.Join(folder, name))
	return err == nil
}

// account is the user of the server: PostgreSQL refuses to run as root.
type account struct{ credential *syscall.Credential }

func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return account{}, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(postgres.Uid, 10, 32)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.ParseUint(postgres.Gid, 10, 32)
	if err != nil {
		return account{}, err
	}
	return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func (a account) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // PostgreSQL's, from its installation
	// The account may not have access to the working directory.
	c.Dir = "/"
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	endWithParent(c.SysProcAttr)
	return c
}

// dataFolder creates a directory outside the test's TempDir, which only its owner can enter.
func dataFolder(t testing.TB, a account) (string, error) {
	folder, err := os.MkdirTemp("", "klarna-go-dbtest-") //nolint:usetesting // for the reason above
	if err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if a.credential != nil {
		return folder, os.Chown(folder, int(a.credential.Uid), int(a.credential.Gid))
	}
	return folder, nil
}

// start starts the server and waits until it answers.
func start(t testing.TB, a account, program, data string, settings []string) (*Postgres, error) {
	port, err := freePort(t.Context())
	if err != nil {
		return nil, err
	}
	// The test's context would end before its cleanups. The server must stop after the pools are
	// closed.
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context()))
	var output bytes.Buffer
	arguments := []string{"-D", data, "-p", strconv.Itoa(port)}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=100",
	}, settings...) {
		arguments = append(arguments, "-c", setting)
	}
	server := a.command(ctx, program, arguments...)
	server.Stdout, server.Stderr = &output, &output
	// This is an immediate shutdown that includes the children.
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGQUIT) }
	server.WaitDelay = 10 * time.Second
	if err := server.Start(); err != nil {
		kill()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	stop := func() error {
		kill()
		return <-ended
	}
	p := &Postgres{port: port}
	if p.admin, err = sql.Open("pgx", p.DSN("postgres")); err != nil {
		return nil, errors.Join(err, stop())
	}
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if err = p.admin.PingContext(patience); err == nil {
			t.Cleanup(func() {
				if err := p.admin.Close(); err != nil {
					t.Error(err)
				}
				_ = stop() // it returns an error because a signal stopped the server
			})
			return p, nil
		}
		select {
		case <-again.C:
		case end := <-ended:
			kill()
			return nil, errors.Join(fmt.Errorf("postgres ended: %w\n%s", end, output.String()), p.admin.Close())
		case <-patience.Done():
			return nil, errors.Join(err, stop(), p.admin.Close())
		}
	}
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
