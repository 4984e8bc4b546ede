/* What the generated cases share: how they note what they were answered. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <getopt.h>
#include <glob.h>
#include <grp.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <langinfo.h>
#include <libintl.h>
#include <link.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>
#include <wchar.h>

/* Functions that no header declares. */
int __open(const char *, int, ...), __open64(const char *, int, ...), __open_2(const char *, int);
int __open64_2(const char *, int), __openat_2(int, const char *, int), __openat64_2(int, const char *, int);
int __xmknod(int, const char *, mode_t, dev_t *), __xmknodat(int, int, const char *, mode_t, dev_t *);
int __xstat(int, const char *, void *), __xstat64(int, const char *, void *);
int __lxstat(int, const char *, void *), __lxstat64(int, const char *, void *);
int __fxstatat(int, int, const char *, void *, int), __fxstatat64(int, int, const char *, void *, int);
ssize_t __readlink_chk(const char *, char *, size_t, size_t), __readlinkat_chk(int, const char *, char *, size_t, size_t);
char *__realpath_chk(const char *, char *, size_t), *__getcwd_chk(char *, size_t, size_t), *__getwd_chk(char *, size_t);
locale_t __newlocale(int, const char *, locale_t);
size_t __strftime_l(char *, size_t, const char *, const struct tm *, locale_t);
size_t wcsftime_l(wchar_t *, size_t, const wchar_t *, const struct tm *, locale_t);
size_t __wcsftime_l(wchar_t *, size_t, const wchar_t *, const struct tm *, locale_t);
int __gethostname_chk(char *, size_t, size_t), __getdomainname_chk(char *, size_t, size_t);
long __sysconf(int);
int __ttyname_r_chk(int, char *, size_t, size_t), __getgroups_chk(int, gid_t *, size_t);
char *__dgettext(const char *, const char *), *__dcgettext(const char *, const char *, int);
int pidfd_spawn(), pidfd_spawnp();
int __sigaction(int, const struct sigaction *, struct sigaction *);
void (*bsd_signal(int, void (*)(int)))(int);

static char noted[8192];

static void text(const char *said) {
    size_t used = strlen(noted);
    snprintf(noted + used, sizeof noted - used, "%s ", said ? said : "none");
}

static void number(long count) {
    char digits[32];
    snprintf(digits, sizeof digits, "%ld", count);
    text(digits);
}

/* A result, or why there is none. The numbers of descriptors do not matter. */
static long answer(long result) {
    int why = errno;
    if (result < 0) text("error");
    number(result < 0 ? why : result);
    return result;
}

static void contents(int fd) {
    char bytes[1024];
    if (fd < 0) {
        answer(fd);
        return;
    }
    ssize_t count;
    while ((count = read(fd, bytes, sizeof bytes - 1)) > 0) {
        bytes[count] = 0;
        text(bytes);
    }
    close(fd);
}

static void stream(FILE *file) {
    char bytes[1024] = "";
    if (!file) {
        answer(-1);
        return;
    }
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = 0;
    text(bytes);
}

static void directory(DIR *dir) {
    long count = 0;
    while (dir && readdir(dir)) count++;
    number(dir ? count : -1);
}

static void tree(FTS *found) {
    long count = 0;
    while (found && fts_read(found)) count++;
    number(count);
}

static long walked;
static int walk(const char *path, const void *status, int kind) {
    walked++;
    return 0;
}
static int walk_more(const char *path, const void *status, int kind, struct FTW *place) {
    walked++;
    return 0;
}

static char *new_name(const char *path) {
    static char room[4096];
    snprintf(room, sizeof room, "%sXXXXXX", path);
    return room;
}

static locale_t c_locale(void) { return newlocale(LC_ALL_MASK, "C", (locale_t)0); }

static void use_catalog(const char *path) {
    char room[4096];
    setlocale(LC_ALL, "C.UTF-8");
    bindtextdomain("messages", realpath(path, room));
    textdomain("messages");
}

static void word_of(void *symbol) { text(symbol ? *(const char **)symbol : dlerror()); }

static const char *child_path;
static int child_end;
static int child_reads(void *none) {
    char bytes[64];
    int fd = open(child_path, O_RDONLY);
    ssize_t count = read(fd, bytes, sizeof bytes);
    write(child_end, bytes, count > 0 ? (size_t)count : 0);
    return 0;
}

/* A child that runs the statements with its output noted. */
#define CHILD(...)                           \
    int ends[2];                             \
    pipe(ends);                              \
    pid_t child = fork();                    \
    if (!child) {                            \
        dup2(ends[1], 1);                    \
        close(ends[0]);                      \
        close(ends[1]);                      \
        __VA_ARGS__;                         \
        _exit(9);                            \
    }                                        \
    close(ends[1]);                          \
    contents(ends[0]);                       \
    waitpid(child, NULL, 0)

/* A child that reads the subject and ends. */
#define FORKED(start, end)                   \
    int ends[2];                             \
    pipe(ends);                              \
    child_path = P;                          \
    child_end = ends[1];                     \
    pid_t child = start;                     \
    if (!child) {                            \
        child_reads(NULL);                   \
        end(0);                              \
    }                                        \
    close(ends[1]);                          \
    contents(ends[0]);                       \
    waitpid(child, NULL, 0)

/* Started with its output noted. */
#define SPAWN(...)                                               \
    int ends[2];                                                 \
    pipe(ends);                                                  \
    pid_t child = -1;                                            \
    posix_spawn_file_actions_t actions;                          \
    posix_spawn_file_actions_init(&actions);                     \
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);      \
    posix_spawn_file_actions_addclose(&actions, ends[0]);        \
    posix_spawn_file_actions_addclose(&actions, ends[1]);        \
    __VA_ARGS__;                                                 \
    close(ends[1]);                                              \
    contents(ends[0]);                                           \
    waitpid(child, NULL, 0)

static int names_object(struct dl_phdr_info *object, size_t size, void *none) {
    if (strstr(object->dlpi_name, "libm.so")) text(object->dlpi_name);
    return 0;
}

/* What the macro or the program calls. */
const char *run_case(const char *name, const char *path);

static void *own_object(void) {
    Dl_info found;
    dladdr(run_case, &found);
    return dlopen(found.dli_fname, RTLD_NOW | RTLD_NOLOAD);
}
