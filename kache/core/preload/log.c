/* The log: one sparse file in memory that the whole process tree appends to with an atomic add.
 *
 * A process maps the part that it writes to and no more: the address space of what is observed may be limited. Paths that
 * only the kernel knows are asked for with their place in the log as the buffer: the stack below a hook may be a signal's
 * or that of the smallest thread. */

#include "core.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "front.h"
#include "identity.h"
#include "log.h"

#define MAGIC "KACHELG3"
#define MEMFD_NAME "/memfd:kache-observe"

struct header {
    char magic[8];
    uint64_t capacity;
    uint64_t tail;
    uint32_t overflow;
    /* A process has seen another fail. */
    uint32_t trouble;
    /* A process of the tree has loaded code after its start. */
    uint32_t plugins;
    /* How many files, pipes and sockets the run was given open. */
    uint32_t given_count;
    /* The first record holds what `front.h` says. */
    uint32_t has_front;
    /* Nothing is to be recorded. */
    uint32_t is_quiet;
    /* The relative paths in the command's arguments stay as they are. */
    uint32_t keeps_spelling;
    uint32_t rest[3];
    struct given given[128];
};

/* As much of it as says whether a file is a log. */
struct beginning {
    char magic[8];
    uint64_t capacity;
    uint64_t tail;
};

struct record {
    uint32_t total;
    uint8_t kind;
    uint8_t flags;
    uint16_t err;
    uint32_t pid;
    uint32_t tid;
    uint32_t module;
    uint8_t unasked; /* F_UNASKED */
    uint8_t pad[3];
    int64_t aux;
};

_Static_assert(sizeof(struct header) == 2112, "the reader knows this layout");
_Static_assert(sizeof(struct record) == 32, "the reader knows this layout");

#define RECORD_MAX (sizeof(struct record) + 2 * (TEXT_MAX + PATH_ROOM + 2) + 8)

/* A window begins at each segment and reaches into the next, so that a record lies whole in the window that it begins in. */
#define SEGMENT ((uint64_t)1 << 20)
#define OVERLAP ((RECORD_MAX + 4095) & ~(uint64_t)4095)
#define SEGMENTS 256

static struct header *header;
static uint64_t capacity;
static char *windows[SEGMENTS];

/* ---- the mapping ---- */

static long open_file(void) {
    const char *path = kache_log_variable + sizeof LOG_VARIABLE - 1;
    if (!kache_log_variable[0]) return -1;
    /* The launcher may be gone and its id another's: what is opened here must not be just any file. */
    char target[sizeof MEMFD_NAME];
    long got = RAW(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
    if (got < (long)sizeof MEMFD_NAME - 1 || !!__builtin_memcmp(target, MEMFD_NAME, sizeof MEMFD_NAME - 1)) return -1;
    return RAW(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
}

static char *map_window(long fd, uint64_t segment) {
    uint64_t from = segment * SEGMENT;
    uint64_t size = capacity - from < SEGMENT + OVERLAP ? capacity - from : SEGMENT + OVERLAP;
    long mapped = kache_raw(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (long)from);
    if (mapped < 0 && mapped >= -4095) return NULL;
    char *none = NULL;
    if (__atomic_compare_exchange_n(&windows[segment], &none, (char *)mapped, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        return (char *)mapped;
    RAW(SYS_munmap, mapped, size, 0, 0);
    return none;
}

bool kache_open_log(void) {
    long fd = open_file();
    if (fd < 0) return false;
    struct beginning probe;
    if (RAW(SYS_pread64, fd, &probe, sizeof probe, 0) == sizeof probe && !__builtin_memcmp(probe.magic, MAGIC, 8) &&
        probe.capacity <= SEGMENTS * SEGMENT) {
        capacity = probe.capacity;
        header = (struct header *)map_window(fd, 0);
    }
    if (header && header->given_count <= sizeof header->given / sizeof *header->given) {
        kache_given = header->given;
        kache_given_count = header->given_count;
    }
    if (header && header->has_front) kache_set_front((const char *)(header + 1) + sizeof(struct record));
    kache_quiet = header && header->is_quiet;
    kache_keeps_spelling = header && header->keeps_spelling;
    RAW(SYS_close, fd, 0, 0, 0);
    return header != NULL;
}

static __attribute__((noinline)) char *open_window(uint64_t segment) {
    long fd = open_file();
    if (fd < 0) return NULL;
    /* Its id may be another launcher's by now. */
    struct beginning probe;
    bool same = RAW(SYS_pread64, fd, &probe, sizeof probe, 0) == sizeof probe && probe.capacity == capacity &&
                (kache_quiet || probe.tail >= segment * SEGMENT);
    char *window = same ? map_window(fd, segment) : NULL;
    RAW(SYS_close, fd, 0, 0, 0);
    return window;
}

/* ---- room ---- */

struct claim {
    struct record *record;
    uint64_t at;
    size_t total;
};

static bool claim(struct claim *claimed, size_t payload, bool unasked) {
    claimed->total = (sizeof(struct record) + payload + 7) & ~(size_t)7;
    claimed->at = __atomic_fetch_add(&header->tail, claimed->total, __ATOMIC_RELAXED);
    claimed->record = NULL;
    if (claimed->at <= capacity && claimed->total <= capacity - claimed->at && claimed->total <= OVERLAP) {
        uint64_t segment = claimed->at / SEGMENT;
        char *window = __atomic_load_n(&windows[segment], __ATOMIC_ACQUIRE);
        if (!window) window = open_window(segment);
        if (window) claimed->record = (struct record *)(window + claimed->at % SEGMENT);
    }
    if (!claimed->record) {
        __atomic_store_n(&header->overflow, 1, __ATOMIC_RELAXED);
        return false;
    }
    claimed->record->unasked = unasked;
    __atomic_store_n(&claimed->record->total, (uint32_t)claimed->total, __ATOMIC_RELEASE);
    return true;
}

/* Gives back what the record does not need, unless another has been appended since. */
static void trim(struct claim *claimed, const char *end) {
    size_t needed = ((size_t)(end - (char *)claimed->record) + 7) & ~(size_t)7;
    if (needed >= claimed->total) return;
    uint64_t tail = claimed->at + claimed->total;
    if (__atomic_compare_exchange_n(&header->tail, &tail, claimed->at + needed, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        __atomic_store_n(&claimed->record->total, (uint32_t)needed, __ATOMIC_RELAXED);
}

static inline void publish(struct record *record, enum kind kind) {
    __atomic_store_n(&record->kind, (uint8_t)kind, __ATOMIC_RELEASE);
}

/* Where nothing is recorded, nothing is kept either: a few segments are used again and again. What was taken longest ago is
 * in use no more, as an exec copies it. */
#define QUIET_SEGMENTS 4

static void *quiet_scratch(size_t size) {
    size_t total = (size + 15) & ~(size_t)15;
    if (total > OVERLAP) return NULL;
    uint64_t at = __atomic_fetch_add(&header->tail, total, __ATOMIC_RELAXED) % (QUIET_SEGMENTS * SEGMENT);
    if (at < SEGMENT) at += SEGMENT;
    uint64_t segment = at / SEGMENT;
    char *window = __atomic_load_n(&windows[segment], __ATOMIC_ACQUIRE);
    if (!window) window = open_window(segment);
    return window ? window + at % SEGMENT : NULL;
}

void *kache_scratch(size_t size) {
    if (kache_quiet) return quiet_scratch(size);
    struct claim claimed;
    if (!claim(&claimed, size, false)) return NULL;
    publish(claimed.record, K_VOID);
    return claimed.record + 1;
}

/* Gives the room back if nothing has been appended since. What is given back must be zero again: a reader tells gaps by
 * that. */
void kache_scratch_done(void *room, size_t used) {
    if (kache_quiet) return;
    struct record *record = (struct record *)room - 1;
    uint64_t tail = __atomic_load_n(&header->tail, __ATOMIC_RELAXED), at = tail - record->total;
    char *window = at < capacity ? __atomic_load_n(&windows[at / SEGMENT], __ATOMIC_ACQUIRE) : NULL;
    if (!window || (char *)record != window + at % SEGMENT) return;
    __builtin_memset(room, 0, used);
    struct claim claimed = {record, at, record->total};
    trim(&claimed, room);
}

void kache_note_trouble(void) {
    __atomic_store_n(&header->trouble, 1, __ATOMIC_RELAXED);
}

/* ---- texts ---- */

static inline size_t room(struct text *text) {
    if (text->head_len > TEXT_MAX) text->head_len = TEXT_MAX;
    if (text->tail_len > TEXT_MAX - text->head_len) text->tail_len = TEXT_MAX - text->head_len;
    size_t head = text->source == IN_MEMORY ? text->head_len : PATH_ROOM;
    return head + (text->tail ? 1 + text->tail_len : 0) + 1;
}

static long link_of_fd(int fd, char *at) {
    char link[32] = "/proc/self/fd/";
    char digits[12];
    int count = 0;
    unsigned value = (unsigned)fd;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    size_t end = sizeof "/proc/self/fd/" - 1;
    while (count) link[end++] = digits[--count];
    link[end] = 0;
    return fd < 0 ? -EBADF : RAW(SYS_readlinkat, AT_FDCWD, link, at, PATH_ROOM);
}

/* The working directory is asked for each time. A cached one would be wrong after a vforked child's chdir, a
 * bare system call or an unshared thread, and asking costs less than the open that it belongs to. */
static long working_directory(char *at) {
    long got = RAW(SYS_getcwd, at, PATH_ROOM, 0, 0);
    /* One that lies outside of the root begins with "(unreachable)". */
    return got > 1 && at[0] == '/' ? got - 1 : -1;
}

/* Returns the end, or null where the kernel does not say. */
static inline char *put_text(char *at, const struct text *text) {
    if (text->source == IN_MEMORY) {
        __builtin_memcpy(at, text->head, text->head_len);
        at += text->head_len;
    } else {
        long got;
        if (text->source == FROM_CWD)
            got = working_directory(at);
        else if (text->source == FROM_FD)
            got = link_of_fd(text->fd, at);
        else
            got = RAW(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", at, PATH_ROOM);
        if (got < 0) return NULL;
        at += got == 1 && text->tail ? 0 : got;
    }
    if (text->tail) {
        *at++ = '/';
        __builtin_memcpy(at, text->tail, text->tail_len);
        at += text->tail_len;
    }
    *at++ = 0;
    return at;
}

/* ---- records ---- */

static void describe(struct record *record, unsigned flags, int err, uint32_t pid, uint32_t module, int64_t aux) {
    record->flags = (uint8_t)flags;
    record->err = (uint16_t)err;
    record->pid = pid;
    record->tid = kache_thread();
    record->module = module;
    record->aux = aux;
}

/* What was looked at is not known, and neither is what it was to the run. */
static void put_unlocated(struct claim *claimed, enum kind kind) {
    struct record *record = claimed->record;
    record->aux = kind;
    char *payload = (char *)(record + 1);
    payload[0] = payload[1] = 0;
    publish(record, record->err == EBADF ? K_VOID : K_UNLOCATED);
}

char *kache_append(enum kind kind, unsigned flags, int err, uint32_t pid, uint32_t module, int64_t aux, struct text a,
                   struct text b) {
    struct claim claimed;
    if (!claim(&claimed, room(&a) + room(&b), flags & F_UNASKED)) return NULL;
    describe(claimed.record, flags, err, pid, module, aux);
    char *payload = (char *)(claimed.record + 1);
    char *end = put_text(payload, &a);
    if (end) end = put_text(end, &b);
    if (!end) {
        put_unlocated(&claimed, kind);
        return NULL;
    }
    trim(&claimed, end);
    publish(claimed.record, kind);
    return payload;
}

void kache_hold_room(struct held *held) {
    struct claim claimed;
    held->record = NULL;
    if (!claim(&claimed, 2 * PATH_ROOM + 2, false)) return;
    held->record = claimed.record;
    held->at = claimed.at;
    held->total = claimed.total;
    held->length = working_directory((char *)(claimed.record + 1));
}

void kache_fill_held(struct held *held, enum kind kind, unsigned flags, int err, uint32_t pid, uint32_t module,
                     int64_t aux, const char *path) {
    struct claim claimed = {held->record, held->at, held->total};
    size_t length = path ? __builtin_strlen(path) : 0;
    char *payload = (char *)(claimed.record + 1);
    char *end = payload + (held->length < 0 ? 0 : held->length);
    describe(claimed.record, flags, err, pid, module, aux);
    if (!path || length > PATH_ROOM) {
        /* What the kernel wrote ends with a zero, and no more was touched. */
        trim(&claimed, end + 1);
        return publish(claimed.record, K_VOID);
    }
    if (held->length < 0) return put_unlocated(&claimed, kind);
    if (held->length > 1) *end++ = '/';
    __builtin_memcpy(end, path, length);
    end += length;
    *end++ = 0;
    *end++ = 0;
    trim(&claimed, end);
    publish(claimed.record, kind);
}

void kache_note_plugins(void) {
    __atomic_store_n(&header->plugins, 1, __ATOMIC_RELAXED);
}

bool kache_plugins_loaded(void) {
    return kache_active && __atomic_load_n(&header->plugins, __ATOMIC_RELAXED);
}
