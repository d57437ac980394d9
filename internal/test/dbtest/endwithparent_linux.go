package dbtest

import "syscall"

// endWithParent leaves no server behind where the test's process is killed, or ends because it took
// too long.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGQUIT }
