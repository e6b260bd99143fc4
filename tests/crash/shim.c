/* Notes every write and every sync of one database and its write-ahead log: preload it, and name both files.
 *
 * POWERCUT_DATA is the database; its log is beside it with "-wal". POWERCUT_TRACE is where the records go: a header as
 * below in the machine's own byte order, followed by `length` bytes where something was written. A record is written
 * once its operation has returned, so the file system's order is the order of the records.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 3 };
enum { UNKNOWN = 0, OTHER = 1, DATABASE = 2, WAL = 3 };
enum { MOST_FILES = 4096, LONGEST_NAME = 4096 };

struct record {
    int64_t begun, done; /* CLOCK_MONOTONIC, nanoseconds */
    int64_t offset, length;
    int32_t kind, file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char files[MOST_FILES];
static int trace = -1;

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static int recognised(int fd) {
    char link[64], name[LONGEST_NAME];
    const char *data = getenv("POWERCUT_DATA");
    size_t length = data ? strlen(data) : 0;
    ssize_t got;
    char *end = link + sizeof link - 1;
    int rest = fd;
    *end = 0;
    do *--end = '0' + rest % 10; while (rest /= 10);
    end -= 14;
    memcpy(end, "/proc/self/fd/", 14);
    got = readlink(end, name, sizeof name - 1);
    if (!data || got < (ssize_t)length || memcmp(name, data, length)) return OTHER;
    name[got] = 0;
    if (!name[length]) return DATABASE;
    return strcmp(name + length, "-wal") ? OTHER : WAL;
}

static int file_of(int fd) {
    if (fd < 0 || fd >= MOST_FILES) return OTHER;
    if (files[fd] == UNKNOWN) files[fd] = recognised(fd);
    return files[fd];
}

/* The trace is written with bare system calls: nothing that is noted may pass through here again. */
static void pour(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length) {
        ssize_t done = syscall(SYS_write, trace, at, length);
        if (done < 0) abort();
        at += done;
        length -= done;
    }
}

static void note(int kind, int file, int64_t begun, int64_t offset, const void *bytes, int64_t length) {
    struct record record = {begun, now(), offset, length, kind, file};
    if (trace < 0) trace = open(getenv("POWERCUT_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pour(&record, sizeof record);
    if (bytes) pour(bytes, length);
}

static ssize_t noted_write(int fd, const void *bytes, size_t length, off_t offset) {
    int64_t begun;
    ssize_t done;
    pthread_mutex_lock(&lock);
    begun = now();
    done = syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (done > 0) note(WRITE, file_of(fd), begun, offset, bytes, done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    if (file_of(fd) <= OTHER) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    return noted_write(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
    if (file_of(fd) > OTHER) abort(); /* SQLite says where it writes; were that to change, the trace would be wrong */
    return syscall(SYS_write, fd, bytes, length);
}

static int synced(int fd, long number) {
    int64_t begun = now();
    int failed = syscall(number, fd);
    if (!failed && file_of(fd) > OTHER) {
        pthread_mutex_lock(&lock);
        note(SYNC, file_of(fd), begun, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return failed;
}

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
int fsync(int fd) { return synced(fd, SYS_fsync); }

int ftruncate64(int fd, off64_t length) {
    int64_t begun;
    int failed;
    pthread_mutex_lock(&lock);
    begun = now();
    failed = syscall(SYS_ftruncate, fd, length);
    if (!failed && file_of(fd) > OTHER) note(TRUNCATE, file_of(fd), begun, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int close(int fd) {
    if (fd >= 0 && fd < MOST_FILES) files[fd] = UNKNOWN;
    return syscall(SYS_close, fd);
}
