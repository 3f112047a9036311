/* Loaded into a server before libc: makes its disk and its clock behave as the harness says.
 *
 *  fsync, fdatasync      of a file: copies what it holds to the shadow folder; of the folder: what names there are.
 *                        The shadow is what a power cut leaves. The real disk is not waited for.
 *  write, open, ...      in the data folder fail with the error in the control page, if one is there.
 *  clock_gettime, ...    of the time of day are off by as much as the control page says.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* As shim/mod.rs writes it. */
static volatile struct {
    int64_t clock_ms;
    int32_t refuse;
    int32_t loaded;
} *control;
static char data[4096], shadow[4096];
static pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;

static void broken(const char *what) {
    fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *page = getenv("SHIM_CONTROL"), *of = getenv("SHIM_DATA"), *to = getenv("SHIM_SHADOW");
    if (!page || !of || !to) return;
    snprintf(data, sizeof data, "%s", of);
    snprintf(shadow, sizeof shadow, "%s", to);
    int fd = syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) broken(page);
    void *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) broken(page);
    close(fd);
    control = map;
    control->loaded = 1;
}

static int inside(const char *path) {
    size_t length = strlen(data);
    return length && !strncmp(path, data, length) && (path[length] == '/' || !path[length]);
}

static int of_data(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return inside(path);
}

/* Whether this call is to fail, with errno set. */
static int refused(int fd) {
    if (!control || !control->refuse || !of_data(fd)) return 0;
    errno = control->refuse;
    return 1;
}

/* Only a file system that is read-only refuses names. */
static int name_refused(const char *path) {
    if (!control || control->refuse != EROFS || !inside(path)) return 0;
    errno = EROFS;
    return 1;
}

/* ---- what has been synced ---- */

/* Written beside and renamed, so that a kill leaves the old one or the new one. */
static int begin_copy(char *half, size_t size) {
    snprintf(half, size, "%s/half", shadow);
    int out = syscall(SYS_openat, AT_FDCWD, half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) broken(half);
    return out;
}

static void write_out(int out, const char *bytes, size_t length) {
    while (length) {
        ssize_t done = syscall(SYS_write, out, bytes, length);
        if (done < 0) broken("write");
        bytes += done, length -= done;
    }
}

static void keep_file(int fd, ino_t inode) {
    char half[4200], whole[4200];
    static char bytes[1 << 20];
    int out = begin_copy(half, sizeof half);
    /* A descriptor of its own, as the server's may be open for writing only. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int in = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (in < 0) broken(link);
    ssize_t length;
    while ((length = syscall(SYS_read, in, bytes, sizeof bytes)) > 0) write_out(out, bytes, length);
    if (length < 0) broken("read");
    close(in);
    close(out);
    snprintf(whole, sizeof whole, "%s/%llu", shadow, (unsigned long long)inode);
    if (syscall(SYS_renameat, AT_FDCWD, half, AT_FDCWD, whole)) broken(whole);
}

static void keep_names(void) {
    char half[4200], whole[4200], line[4200];
    int out = begin_copy(half, sizeof half);
    DIR *folder = opendir(data);
    if (!folder) broken(data);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_type != DT_REG) continue;
        int length = snprintf(line, sizeof line, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name);
        write_out(out, line, length);
    }
    closedir(folder);
    close(out);
    snprintf(whole, sizeof whole, "%s/names", shadow);
    if (syscall(SYS_renameat, AT_FDCWD, half, AT_FDCWD, whole)) broken(whole);
}

static int sync_fd(int fd) {
    struct stat what;
    if (refused(fd)) return -1;
    if (!control || !of_data(fd) || fstat(fd, &what)) return syscall(SYS_fsync, fd);
    pthread_mutex_lock(&copying);
    if (S_ISDIR(what.st_mode)) keep_names();
    else keep_file(fd, what.st_ino);
    pthread_mutex_unlock(&copying);
    return 0;
}

int fsync(int fd) { return sync_fd(fd); }
int fdatasync(int fd) { return sync_fd(fd); }

/* ---- what is refused ---- */

ssize_t write(int fd, const void *bytes, size_t length) {
    return refused(fd) ? -1 : syscall(SYS_write, fd, bytes, length);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return refused(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }
int ftruncate64(int fd, off64_t length) { return refused(fd) ? -1 : syscall(SYS_ftruncate, fd, length); }
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int unlink(const char *path) {
    return name_refused(path) ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int rename(const char *from, const char *to) {
    return name_refused(from) ? -1 : syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

static int open_path(const char *path, int how, va_list more) {
    mode_t mode = how & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    if (how & (O_WRONLY | O_RDWR | O_CREAT) && name_refused(path)) return -1;
    return syscall(SYS_openat, AT_FDCWD, path, how, mode);
}
int open64(const char *path, int how, ...) {
    va_list more;
    va_start(more, how);
    int fd = open_path(path, how, more);
    va_end(more);
    return fd;
}
int open(const char *path, int how, ...) {
    va_list more;
    va_start(more, how);
    int fd = open_path(path, how, more);
    va_end(more);
    return fd;
}

/* ---- what time it is ---- */

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(which, now);
    if (control && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t nanos = now->tv_nsec + control->clock_ms % 1000 * 1000000;
        now->tv_sec += control->clock_ms / 1000 + (nanos < 0 ? -1 : nanos / 1000000000);
        now->tv_nsec = nanos < 0 ? nanos + 1000000000 : nanos % 1000000000;
    }
    return status;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
