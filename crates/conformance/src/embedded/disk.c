/* A disk that hangs for as long as the working directory has a file `hang`, and refuses while it has one that is
   called `refuse`. Loaded before the C library, in whose place it stands. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(void)
{
    while (access("hang", F_OK) == 0)
        usleep(5000);
    if (access("refuse", F_OK) != 0)
        return 0;
    errno = EIO;
    return 1;
}

int fsync(int file) { return refused() ? -1 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return refused() ? -1 : (int)syscall(SYS_fdatasync, file); }
int msync(void *start, size_t length, int flags)
{
    return refused() ? -1 : (int)syscall(SYS_msync, start, length, flags);
}
