/* Hooks for facts that have names: users and groups, services and protocols, network interfaces.
 *
 * libc finds them in files and by services that no hook sees: the entry that it answers with is what counts. */

#include "facts.h"

#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <pwd.h>
#include <sys/socket.h>

#include "files.h"

/* ---- entries ---- */

static void add_list(struct answer *answer, char *const *list) {
    for (; list && *list; list++) add_text(answer, *list);
    add_text(answer, "");
}

static struct answer of_user(const struct passwd *entry) {
    struct answer answer = NEW_ANSWER;
    if (!entry) return answer;
    add_text(&answer, entry->pw_name);
    add_text(&answer, entry->pw_passwd);
    add_number(&answer, entry->pw_uid);
    add_number(&answer, entry->pw_gid);
    add_text(&answer, entry->pw_gecos);
    add_text(&answer, entry->pw_dir);
    add_text(&answer, entry->pw_shell);
    return answer;
}

static struct answer of_group(const struct group *entry) {
    struct answer answer = NEW_ANSWER;
    if (!entry) return answer;
    add_text(&answer, entry->gr_name);
    add_text(&answer, entry->gr_passwd);
    add_number(&answer, entry->gr_gid);
    add_list(&answer, entry->gr_mem);
    return answer;
}

static struct answer of_service(const struct servent *entry) {
    struct answer answer = NEW_ANSWER;
    if (!entry) return answer;
    add_text(&answer, entry->s_name);
    add_list(&answer, entry->s_aliases);
    add_number(&answer, entry->s_port);
    add_text(&answer, entry->s_proto);
    return answer;
}

static struct answer of_protocol(const struct protoent *entry) {
    struct answer answer = NEW_ANSWER;
    if (!entry) return answer;
    add_text(&answer, entry->p_name);
    add_list(&answer, entry->p_aliases);
    add_number(&answer, entry->p_proto);
    return answer;
}

/* ---- by what they are asked for ---- */

static void note_by_name(unsigned flags, const char *fact_name, const char *name, const char *about,
                         struct answer answer, uint32_t module) {
    if (name) kache_note_fact(flags, module, fact(fact_name, name), text_of(about), answer);
}

static void note_by_number(unsigned flags, const char *fact_name, int64_t number, const char *about,
                           struct answer answer, uint32_t module) {
    struct digits digits;
    kache_note_fact(flags, module, fact(fact_name, print_number(&digits, number)), text_of(about), answer);
}

/* Without an entry there is nothing to compare but that: a caller's buffer may have been too small. */
#define WITHOUT(found, err) ((found) || (err) != ERANGE ? 0 : F_UNANSWERED)

#define ENTRY(name, parameter, argument, entry, of, note_by, fact_name)                                      \
    HOOK(struct entry *, name, parameter) {                                                                  \
        struct entry *found = REAL_POINTER(name)(argument);                                                  \
        if (kache_active) note_by(0, fact_name, argument, NULL, of(found), kache_module(CALLER));            \
        return found;                                                                                        \
    }                                                                                                        \
    HOOK(int, name##_r, parameter, struct entry *room, char *buffer, size_t size, struct entry **result) {   \
        int err = REAL(name##_r)(argument, room, buffer, size, result);                                      \
        if (!kache_active || !result) return err;                                                            \
        struct entry *found = err ? NULL : *result;                                                          \
        note_by(WITHOUT(found, err), fact_name, argument, NULL, of(found), kache_module(CALLER));            \
        return err;                                                                                          \
    }
ENTRY(getpwuid, uid_t user, user, passwd, of_user, note_by_number, "pwuid")
ENTRY(getpwnam, const char *user, user, passwd, of_user, note_by_name, "pwnam")
ENTRY(getgrgid, gid_t group, group, group, of_group, note_by_number, "grgid")
ENTRY(getgrnam, const char *group, group, group, of_group, note_by_name, "grnam")
ENTRY(getprotobyname, const char *protocol, protocol, protoent, of_protocol, note_by_name, "protocol")
ENTRY(getprotobynumber, int protocol, protocol, protoent, of_protocol, note_by_number, "protonumber")

#define SERVICE(name, type, note_by, fact_name)                                                              \
    HOOK(struct servent *, name, type service, const char *protocol) {                                       \
        struct servent *found = REAL_POINTER(name)(service, protocol);                                       \
        if (kache_active) note_by(0, fact_name, service, protocol, of_service(found), kache_module(CALLER)); \
        return found;                                                                                        \
    }                                                                                                        \
    HOOK(int, name##_r, type service, const char *protocol, struct servent *room, char *buffer, size_t size, \
         struct servent **result) {                                                                          \
        int err = REAL(name##_r)(service, protocol, room, buffer, size, result);                             \
        if (!kache_active || !result) return err;                                                            \
        struct servent *found = err ? NULL : *result;                                                        \
        note_by(WITHOUT(found, err), fact_name, service, protocol, of_service(found), kache_module(CALLER)); \
        return err;                                                                                          \
    }
SERVICE(getservbyname, const char *, note_by_name, "service")
SERVICE(getservbyport, int, note_by_number, "port")

HOOK(int, getgrouplist, const char *user, gid_t group, gid_t *groups, int *count) {
    int result = REAL(getgrouplist)(user, group, groups, count);
    if (!kache_active) return result;
    struct answer answer = NEW_ANSWER;
    for (int i = 0; i < result; i++) add_number(&answer, groups[i]);
    struct digits digits;
    note_by_name(result < 0 ? F_UNANSWERED : 0, "grouplist", user, print_number(&digits, group), answer,
                 kache_module(CALLER));
    return result;
}

static void note_login(const char *name, bool whole, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    if (name) add_text(&answer, name);
    kache_note_fact(whole ? 0 : F_UNANSWERED, module, text_of("login"), NO_TEXT, answer);
}

HOOK(char *, getlogin, void) {
    char *name = REAL_POINTER(getlogin)();
    if (kache_active) note_login(name, true, kache_module(CALLER));
    return name;
}
HOOK(int, getlogin_r, char *name, size_t size) {
    int err = REAL(getlogin_r)(name, size);
    if (kache_active) note_login(err ? NULL : name, err != ERANGE, kache_module(CALLER));
    return err;
}
HOOK(int, __getlogin_r_chk, char *name, size_t size, size_t limit) {
    int err = REAL(__getlogin_r_chk)(name, size, limit);
    if (kache_active) note_login(err ? NULL : name, err != ERANGE, kache_module(CALLER));
    return err;
}

/* ---- whole databases ---- */

/* An entry after another, of which no question is left that could be asked again. */
#define DATABASE(type, name, real, parameters, ...)                                                          \
    HOOK(type, name, parameters) {                                                                           \
        if (kache_active) kache_note_volatile(#name, kache_module(CALLER), FIRST_OTHERS);                    \
        return real(name)(__VA_ARGS__);                                                                      \
    }
#define ENTRIES(name)                                                                                        \
    DATABASE(void *, name, REAL_POINTER, void, )                                                             \
    DATABASE(int, name##_r, REAL, void *room COMMA char *buffer COMMA size_t size COMMA void **result, room, \
             buffer, size, result)
ENTRIES(getpwent)
ENTRIES(getgrent)
ENTRIES(getspent)
ENTRIES(getservent)
ENTRIES(getprotoent)
ENTRIES(getrpcent)
DATABASE(void *, getspnam, REAL_POINTER, const char *user, user)
DATABASE(int, getspnam_r, REAL,
         const char *user COMMA void *room COMMA char *buffer COMMA size_t size COMMA void **result, user, room, buffer,
         size, result)
DATABASE(void *, getrpcbyname, REAL_POINTER, const char *name, name)
DATABASE(void *, getrpcbynumber, REAL_POINTER, int number, number)
DATABASE(int, getpw, REAL, uid_t user COMMA char *line, user, line)
DATABASE(char *, cuserid, REAL_POINTER, char *room, room)
DATABASE(char *, getusershell, REAL_POINTER, void, )
DATABASE(void *, getutent, REAL_POINTER, void, )
DATABASE(void *, getutxent, REAL_POINTER, void, )
DATABASE(void *, getutid, REAL_POINTER, const void *like, like)
DATABASE(void *, getutxid, REAL_POINTER, const void *like, like)
DATABASE(void *, getutline, REAL_POINTER, const void *like, like)
DATABASE(void *, getutxline, REAL_POINTER, const void *like, like)
DATABASE(int, innetgr, REAL, const char *group COMMA const char *host COMMA const char *user COMMA const char *domain, group,
         host, user, domain)
DATABASE(int, setnetgrent, REAL, const char *group, group)
DATABASE(int, initgroups, REAL, const char *user COMMA gid_t group, user, group)

/* libc opens the list of mounts by itself. */
HOOK(void *, setmntent, const char *path, const char *how) {
    void *stream = REAL_POINTER(setmntent)(path, how);
    int saved = errno;
    if (kache_active && path) kache_note_open(stream ? 0 : saved, kache_module(CALLER), AT_FDCWD, path, O_RDONLY, 0, -1);
    errno = saved;
    return stream;
}

/* ---- network interfaces ---- */

static void add_address(struct answer *answer, const struct sockaddr *address) {
    size_t size = 0;
    if (address && address->sa_family == AF_INET) size = sizeof(struct sockaddr_in);
    if (address && address->sa_family == AF_INET6) size = sizeof(struct sockaddr_in6);
    if (address && address->sa_family == AF_PACKET) size = sizeof(struct sockaddr_ll);
    add_number(answer, address ? address->sa_family : -1);
    for (size_t i = 0; i < size; i++) add_number(answer, ((const uint8_t *)address)[i]);
    add_text(answer, "");
}

HOOK(int, getifaddrs, struct ifaddrs **list) {
    int result = REAL(getifaddrs)(list);
    if (!kache_active || result) return result;
    struct answer answer = NEW_ANSWER;
    for (struct ifaddrs *each = *list; each; each = each->ifa_next) {
        add_text(&answer, each->ifa_name);
        add_number(&answer, each->ifa_flags);
        add_address(&answer, each->ifa_addr);
        add_address(&answer, each->ifa_netmask);
        add_address(&answer, each->ifa_broadaddr);
    }
    kache_note_fact(0, kache_module(CALLER), text_of("interfaces"), NO_TEXT, answer);
    return result;
}
HOOK(struct if_nameindex *, if_nameindex, void) {
    struct if_nameindex *list = REAL_POINTER(if_nameindex)();
    if (!kache_active) return list;
    struct answer answer = NEW_ANSWER;
    for (struct if_nameindex *each = list; each && each->if_index; each++) {
        add_number(&answer, each->if_index);
        add_text(&answer, each->if_name);
    }
    kache_note_fact(0, kache_module(CALLER), text_of("nameindex"), NO_TEXT, answer);
    return list;
}
HOOK(unsigned, if_nametoindex, const char *name) {
    unsigned index = REAL(if_nametoindex)(name);
    if (kache_active)
        note_by_name(0, "nametoindex", name, NULL, kache_of_number(index), kache_module(CALLER));
    return index;
}
HOOK(char *, if_indextoname, unsigned index, char *room) {
    char *name = REAL_POINTER(if_indextoname)(index, room);
    struct answer answer = NEW_ANSWER;
    if (name) add_text(&answer, name);
    if (kache_active) note_by_number(0, "indextoname", index, NULL, answer, kache_module(CALLER));
    return name;
}
