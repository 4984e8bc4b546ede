#include "raw.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    char buffer[4096];
    struct stat st;
    struct statx sx;
    unlink("soft");
    errno = 0;
    long fd = raw(SYS_openat, AT_FDCWD, "in", O_RDONLY, 0);
    if (fd < 0 || raw(SYS_read, fd, buffer, 4) != 4 || memcmp(buffer, "text", 4)) return 1;
    raw(SYS_close, fd);
    if (raw(SYS_openat, AT_FDCWD, "absent", O_RDONLY, 0) != -ENOENT || errno) return 2;
    if (raw(SYS_newfstatat, AT_FDCWD, "in", &st, AT_SYMLINK_NOFOLLOW) || st.st_size != 4) return 3;
    if (raw(SYS_statx, AT_FDCWD, "in", 0, STATX_SIZE, &sx) || sx.stx_size != 4) return 4;
    if (raw(SYS_faccessat, AT_FDCWD, "accessed", 0, 0) != -ENOENT) return 5;
    if (raw(SYS_readlinkat, AT_FDCWD, "to-in", buffer, sizeof buffer) != 2) return 6;
    if (raw(SYS_mkdirat, AT_FDCWD, "d", 0755)) return 7;
    fd = raw(SYS_openat, AT_FDCWD, "d/made", O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || raw(SYS_write, fd, "x", 1) != 1 || raw(SYS_close, fd)) return 8;
    if (raw(SYS_renameat2, AT_FDCWD, "d/made", AT_FDCWD, "d/made2", 0)) return 9;
    if (raw(SYS_linkat, AT_FDCWD, "d/made2", AT_FDCWD, "d/hard", 0)) return 10;
    if (raw(SYS_symlinkat, "some/where", AT_FDCWD, "soft")) return 11;
    fd = raw(SYS_openat, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY, 0);
    if (raw(SYS_getdents64, fd, buffer, sizeof buffer) <= 0) return 12;
    if (raw(SYS_unlinkat, AT_FDCWD, "d/hard", 0) || raw(SYS_unlinkat, AT_FDCWD, "d/made2", 0)) return 13;
    if (raw(SYS_unlinkat, AT_FDCWD, "d", AT_REMOVEDIR)) return 14;
    if (raw(SYS_chdir, "nowhere") != -ENOENT || raw(SYS_chdir, "into")) return 17;
    if (raw(SYS_openat, AT_FDCWD, (char *)8, O_RDONLY, 0) != -EFAULT) return 15;
    return raw(9999, 1, 2, 3) == -ENOSYS ? 0 : 16;
}
