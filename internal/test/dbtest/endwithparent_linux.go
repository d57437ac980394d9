package dbtest

import "syscall"

// endWithParent ends the server if the test's process is killed or ends at its time limit.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGQUIT }
