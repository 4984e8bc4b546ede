/* Whether a program that is about to run can be observed.
 *
 * Where the object cannot do its work, it must not be asked for: the loader would complain on the program's standard error,
 * a sanitizer would refuse to start behind it, and a static program would find two variables more than it should. What
 * runs without it has an Exec and no Start in the log, and the reader knows what that means. */

#include "core.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "process.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

/* A few entries of a table are read at once: the stack may be small. */
#define CHUNK 256

union chunk {
    char bytes[CHUNK];
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[CHUNK / sizeof(ElfW(Phdr))];
    ElfW(Dyn) entries[CHUNK / sizeof(ElfW(Dyn))];
};

static size_t read_at(long fd, void *to, size_t size, uint64_t at) {
    long got = RAW(SYS_pread64, fd, to, size, at);
    return got > 0 ? (size_t)got : 0;
}

/* The run-time libraries of sanitizers insist on being loaded first, or call the kernel before all else and with all
 * signals blocked. Their names hold `asan`, `hwasan`, `lsan`, `msan` or `tsan`. The name ends before a separator of a list. */
static bool is_sanitizer(const char *library) {
    for (const char *at = library; *at && *at != ':' && *at != ' '; at++)
        if ((*at == 'a' || *at == 'l' || *at == 'm' || *at == 't') && starts_with(at + 1, "san")) return true;
    return false;
}

/* Whether a value of LD_PRELOAD names such a library. */
bool kache_names_sanitizer(const char *preload) {
    const char *name = preload;
    for (const char *at = preload;; at++) {
        if (*at == '/' || *at == '=') name = at + 1;
        if (*at && *at != ':' && *at != ' ') continue;
        if (is_sanitizer(name)) return true;
        if (!*at) return false;
        name = at + 1;
    }
}

/* ---- the object file ---- */

struct layout {
    ElfW(Off) segments;
    unsigned count;
    ElfW(Off) dynamic;
    size_t dynamic_size;
    bool has_loader;
};

static void find_parts(long fd, union chunk *chunk, struct layout *layout) {
    const unsigned at_once = sizeof chunk->segments / sizeof *chunk->segments;
    for (unsigned first = 0; first < layout->count; first += at_once) {
        size_t got = read_at(fd, chunk, sizeof chunk->segments, layout->segments + first * sizeof(ElfW(Phdr)));
        for (unsigned i = 0; i < at_once && first + i < layout->count && (i + 1) * sizeof(ElfW(Phdr)) <= got; i++) {
            const ElfW(Phdr) *segment = &chunk->segments[i];
            layout->has_loader |= segment->p_type == PT_INTERP;
            if (segment->p_type != PT_DYNAMIC) continue;
            layout->dynamic = segment->p_offset;
            layout->dynamic_size = segment->p_filesz;
        }
    }
}

/* Where in the file lies what will be at an address; zero where nothing does. */
static uint64_t place_of(long fd, union chunk *chunk, const struct layout *layout, uint64_t address) {
    const unsigned at_once = sizeof chunk->segments / sizeof *chunk->segments;
    for (unsigned first = 0; first < layout->count; first += at_once) {
        size_t got = read_at(fd, chunk, sizeof chunk->segments, layout->segments + first * sizeof(ElfW(Phdr)));
        for (unsigned i = 0; i < at_once && first + i < layout->count && (i + 1) * sizeof(ElfW(Phdr)) <= got; i++) {
            const ElfW(Phdr) *segment = &chunk->segments[i];
            if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
                address - segment->p_vaddr < segment->p_filesz)
                return segment->p_offset + (address - segment->p_vaddr);
        }
    }
    return 0;
}

/* Calls `visit` for each entry of the dynamic section until it returns true. */
static bool any_entry(long fd, union chunk *chunk, const struct layout *layout,
                      bool (*visit)(const ElfW(Dyn) *, void *), void *data) {
    for (size_t at = 0; at < layout->dynamic_size; at += sizeof chunk->entries) {
        size_t got = read_at(fd, chunk, sizeof chunk->entries, layout->dynamic + at);
        for (size_t i = 0; (i + 1) * sizeof(ElfW(Dyn)) <= got; i++) {
            if (chunk->entries[i].d_tag == DT_NULL) return false;
            if (visit(&chunk->entries[i], data)) return true;
        }
        if (got < sizeof chunk->entries) return false;
    }
    return false;
}

static bool is_strings(const ElfW(Dyn) *entry, void *data) {
    if (entry->d_tag != DT_STRTAB) return false;
    *(uint64_t *)data = entry->d_un.d_ptr;
    return true;
}

struct needed {
    long fd;
    uint64_t strings;
};

static bool needs_sanitizer(const ElfW(Dyn) *entry, void *data) {
    const struct needed *needed = data;
    if (entry->d_tag != DT_NEEDED) return false;
    char name[24] = "";
    read_at(needed->fd, name, sizeof name - 1, needed->strings + entry->d_un.d_val);
    return is_sanitizer(name);
}

static __attribute__((noinline)) bool object_can_be_observed(long fd, union chunk *chunk) {
    const ElfW(Ehdr) *header = &chunk->header;
    if (header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)) return false;
#ifdef MACHINE
    if (header->e_machine != MACHINE) return false;
#endif
    if (header->e_phentsize != sizeof(ElfW(Phdr))) return true;
    struct layout layout = {header->e_phoff, header->e_phnum, 0, 0, false};
    find_parts(fd, chunk, &layout);
    if (!layout.has_loader) return false;
    uint64_t address = 0;
    if (!any_entry(fd, chunk, &layout, is_strings, &address)) return true;
    struct needed needed = {fd, place_of(fd, chunk, &layout, address)};
    return !needed.strings || !any_entry(fd, chunk, &layout, needs_sanitizer, &needed);
}

/* ---- the file ---- */

/* Null where the file is no script. */
static const char *interpreter(union chunk *chunk, size_t size) {
    char *at = chunk->bytes + 2, *end = chunk->bytes + (size < CHUNK ? size : CHUNK - 1);
    if (size < 3 || chunk->bytes[0] != '#' || chunk->bytes[1] != '!') return NULL;
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    const char *name = at;
    while (at < end && *at != ' ' && *at != '\t' && *at != '\n' && *at) at++;
    *at = 0;
    return name;
}

static __attribute__((noinline)) bool runs_as_another(long fd, long user, long group) {
    struct stat st;
    if (RAW(SYS_fstat, fd, &st, 0, 0) != 0) return false;
    return (st.st_mode & S_ISUID && st.st_uid != (uid_t)user) || (st.st_mode & S_ISGID && st.st_gid != (gid_t)group);
}

static __attribute__((noinline)) bool file_can_be_observed(long fd, long user, long group) {
    union chunk chunk;
    /* As many as the kernel follows. */
    for (int depth = 0; depth < 5; depth++) {
        if (runs_as_another(fd, user, group)) return false;
        size_t size = read_at(fd, &chunk, sizeof chunk, 0);
        if (size >= sizeof(ElfW(Ehdr)) && !__builtin_memcmp(chunk.bytes, ELFMAG, SELFMAG))
            return object_can_be_observed(fd, &chunk);
        const char *next = interpreter(&chunk, size);
        if (!next) return true;
        long opened = RAW(SYS_openat, AT_FDCWD, next, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
        if (opened < 0) return true;
        /* The descriptor that the caller closes. */
        RAW(SYS_dup3, opened, fd, O_CLOEXEC, 0);
        RAW(SYS_close, opened, 0, 0, 0);
    }
    return true;
}

long kache_open_by_search(const char *program) {
    struct text path = kache_search_path();
    size_t length = __builtin_strlen(program);
    char *name = kache_scratch(PATH_ROOM);
    size_t used = 0;
    long fd = -ENOENT;
    for (const char *at = path.head, *end = at + path.head_len; name && fd < 0 && at <= end; at++) {
        const char *colon = at;
        while (colon < end && *colon != ':') colon++;
        size_t size = (size_t)(colon - at);
        if (size + length + 2 <= PATH_ROOM) {
            __builtin_memcpy(name, at, size);
            if (size) name[size++] = '/';
            __builtin_memcpy(name + size, program, length + 1);
            if (used < size + length) used = size + length;
            if (RAW(SYS_faccessat, AT_FDCWD, name, 1 /* X_OK */, 0) == 0)
                fd = RAW(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
        }
        at = colon;
    }
    if (name) kache_scratch_done(name, used);
    return fd;
}

/* Asked for in two ways: rights that end with this program (capabilities of one that is no longer root) do not count for
 * the first, and the rules of a sandbox do not for the second. */
static bool is_visible(const char *path) {
    if (RAW(SYS_faccessat, AT_FDCWD, path, 4 /* R_OK */, 0) != 0) return false;
    long fd = RAW(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) RAW(SYS_close, fd, 0, 0, 0);
    return fd >= 0;
}

bool kache_can_observe(int dirfd, const char *program, bool search) {
    /* A loader that runs for other rights than its caller's heeds no variable. */
    long user = RAW(SYS_geteuid, 0, 0, 0, 0), group = RAW(SYS_getegid, 0, 0, 0, 0);
    if (user != RAW(SYS_getuid, 0, 0, 0, 0) || group != RAW(SYS_getgid, 0, 0, 0, 0)) return false;
    /* Another user, another root or a sandbox may lie between us and our files by now. */
    if (!is_visible(kache_object) || !is_visible(kache_log_variable + sizeof LOG_VARIABLE - 1)) return false;
    long fd = search       ? kache_open_by_search(program)
              : program[0] ? RAW(SYS_openat, dirfd, program, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
                           : RAW(SYS_fcntl, dirfd, F_DUPFD_CLOEXEC, 0, 0);
    /* One that may be run and not read is left to the loader. */
    if (fd < 0) return true;
    bool can = file_can_be_observed(fd, user, group);
    RAW(SYS_close, fd, 0, 0, 0);
    return can;
}
