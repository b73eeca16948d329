/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place of the socket. Its directory is the user's and nobody else's: whoever can write there
 * could put another socket in its place. One agent serves a path: it holds a lock on a file beside
 * the socket as long as it lives, so that a socket left behind by an agent that was killed is told
 * from one that is in use. A supervisor asks nobody: systemd replaces what lies at the path of its
 * socket unit. An agent that finds its socket replaced has lost the place and leaves; the one that
 * was handed the new socket waits for its lock. Called by the listener.
 */
#include "socket/place.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define BACKLOG 128
#define MAKE_AGAIN 10 /* the agent before may remove the directory it made */
#define PATIENCE 5000 /* milliseconds for the agent before to leave; clients wait longer */
#define MOMENT 100    /* milliseconds from a socket to one that listens */
#define STEP 10

static int refuse_errno(struct cs_fault *fault, const char *what, const char *path)
{
    return cs_fail(fault, CS_ERR_CONFIG, "cannot %s %s: %s", what, path, strerror(errno));
}

static void directory_of(const char *path, char *directory, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(directory, size, "%.*s", slash > path ? (int)(slash - path) : 1, path);
}

static void lock_of(const struct cs_place *place, char *path, size_t size)
{
    snprintf(path, size, "%s.lock", place->path);
}

int cs_place_init(struct cs_place *place, const char *path, struct cs_fault *fault)
{
    *place = (struct cs_place){.lock = -1};
    if (strlen(path) >= sizeof(place->path) || path[0] != '/')
        return cs_fail(fault, CS_ERR_CONFIG,
            "the socket needs an absolute path of less than %zu bytes: %s", sizeof(place->path),
            path);
    snprintf(place->path, sizeof(place->path), "%s", path);
    return 0;
}

/* The directory must be ours, closed to others, and no symbolic link to somewhere else. */
static int check_directory(const char *directory, struct cs_fault *fault)
{
    CS_AUTO(cs_closep)
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return CS_ERR_NOT_FOUND;
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s is a symbolic link or no directory: the socket must be in a directory of its own",
            directory);
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse_errno(fault, "open", directory);
    if (st.st_uid != geteuid())
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s belongs to another user: the socket must be in a directory of yours", directory);
    if (st.st_mode & 077)
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s is open to others: run 'chmod 700 %s', or choose a directory of its own", directory,
            directory);
    return 0;
}

static int make_directory(struct cs_place *place, struct cs_fault *fault)
{
    char directory[sizeof(place->path)];

    directory_of(place->path, directory, sizeof(directory));
    if (mkdir(directory, 0700) == 0)
        place->made_directory = true;
    else if (errno == ENOENT)
        return cs_fail(fault, CS_ERR_CONFIG,
            "there is no directory for %s: set XDG_RUNTIME_DIR, or use --socket", directory);
    else if (errno != EEXIST)
        return refuse_errno(fault, "make", directory);
    return check_directory(directory, fault);
}

static bool is_file(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* CS_ERR_NOT_FOUND when the directory is gone. */
static int take_lock(struct cs_place *place, struct cs_fault *fault)
{
    char path[sizeof(place->path) + 8];

    lock_of(place, path, sizeof(path));
    for (;;) {
        CS_AUTO(cs_closep)
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0 && errno == ENOENT)
            return CS_ERR_NOT_FOUND;
        if (fd < 0)
            return refuse_errno(fault, "open", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno != EWOULDBLOCK)
                return refuse_errno(fault, "lock", path);
            return cs_fail(fault, CS_ERR_BUSY,
                "another agent serves %s: stop it first, or use --socket", place->path);
        }
        /* The agent before may have removed the file between our opening and locking it. */
        if (!is_file(fd, path))
            continue;
        place->lock = cs_steal_fd(&fd);
        return 0;
    }
}

static int take(struct cs_place *place, struct cs_fault *fault)
{
    int r = CS_ERR_NOT_FOUND;

    for (int i = 0; i < MAKE_AGAIN && r == CS_ERR_NOT_FOUND; i++) {
        r = make_directory(place, fault);
        if (r == 0)
            r = take_lock(place, fault);
    }
    return r;
}

static void pause_step(void)
{
    const struct timespec step = {.tv_nsec = STEP * 1000000L};
    int error = errno;

    nanosleep(&step, NULL);
    errno = error;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

/* A connection to who listens there, or -1 with errno; EAGAIN when too many wait already. Where
 * that is a supervisor, it starts its agent. One that is about to listen removes the file that was
 * there, makes its own and listens, which takes it a moment. */
static int reach(const char *path)
{
    CS_AUTO(cs_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr_un address = address_of(path);

    if (fd < 0)
        return -1;
    for (int waited = 0; connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0;
         waited += STEP) {
        if ((errno != ECONNREFUSED && errno != ENOENT) || waited >= MOMENT)
            return -1;
        pause_step();
    }
    return cs_steal_fd(&fd);
}

/* Whoever listens is to start its agent now: there would be one now if it did not. */
static int refuse_taken(struct cs_fault *fault, const char *path)
{
    int fd = reach(path);

    cs_closep(&fd);
    return cs_fail(fault, CS_ERR_BUSY,
        "something listens at %s already: a systemd socket unit starts the agent by itself", path);
}

/* With the lock held, a socket that answers belongs to socket activation or to a stranger. */
static int clear(const char *path, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = -1;
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : refuse_errno(fault, "look at", path);
    if (!S_ISSOCK(st.st_mode))
        return cs_fail(fault, CS_ERR_CONFIG, "%s is there and is no socket: move it away", path);
    fd = reach(path);
    if (fd >= 0 || errno == EAGAIN)
        return refuse_taken(fault, path);
    if (errno != ECONNREFUSED && errno != ENOENT)
        return refuse_errno(fault, "connect to", path);
    cs_info("a socket left behind at %s is replaced", path);
    return unlink(path) == 0 || errno == ENOENT ? 0 : refuse_errno(fault, "remove", path);
}

/* Which file is our socket; what is bound keeps its inode, so that the number stays ours. */
static void remember(struct cs_place *place)
{
    struct stat st;

    if (lstat(place->path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    place->device = st.st_dev;
    place->inode = st.st_ino;
}

static bool is_ours(const struct cs_place *place)
{
    struct stat st;

    return lstat(place->path, &st) == 0 && st.st_dev == place->device && st.st_ino == place->inode;
}

/* A supervisor may replace the file as soon as it is there, before we know its inode. Who connects
 * learns who listens. Asked after remembering: then what we remember is ours if the answer is. */
static bool is_served_by_us(const char *path)
{
    CS_AUTO(cs_closep) int fd = reach(path);
    struct ucred who = {0};
    socklen_t len = sizeof(who);

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           who.pid == getpid();
}

int cs_place_bind(struct cs_place *place, int *fdp, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = -1;
    struct sockaddr_un address = address_of(place->path);
    int r = take(place, fault);

    if (r == 0)
        r = clear(place->path, fault);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The file gets the mode that the socket has before. */
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == EADDRINUSE ? refuse_taken(fault, place->path)
                                   : refuse_errno(fault, "listen at", place->path);
    if (listen(fd, BACKLOG) < 0)
        return refuse_errno(fault, "listen at", place->path);
    remember(place);
    if (!is_served_by_us(place->path))
        return refuse_taken(fault, place->path);
    place->made_socket = true;
    *fdp = cs_steal_fd(&fd);
    return 0;
}

/* Where a supervisor's directory is not ours, nobody could start an agent there by hand either. */
void cs_place_inherit(struct cs_place *place, const char *path)
{
    char directory[sizeof(place->path)];
    struct cs_fault unsaid = {0};
    int r;

    if (!path)
        return;
    snprintf(place->path, sizeof(place->path), "%s", path);
    remember(place);
    directory_of(place->path, directory, sizeof(directory));
    if (check_directory(directory, &unsaid) < 0)
        return;
    for (int waited = 0; (r = take_lock(place, &unsaid)) == CS_ERR_BUSY && waited < PATIENCE;
         waited += STEP) {
        if (waited == 0)
            cs_info("waits for the agent before to leave %s", place->path);
        pause_step();
    }
    if (r == CS_ERR_BUSY)
        cs_warn("another agent had %s and does not leave: look for it with 'pgrep -a "
                "countersign-agent', and stop it",
            place->path);
}

/* Who has the place now is to go on where we end: a call on the bus may wait for an agent. */
static void look(struct cs_place *place)
{
    CS_AUTO(cs_closep) int fd = -1;

    if (!place->watching || is_ours(place))
        return;
    fd = reach(place->path);
    cs_place_unwatch(place);
    place->lost(place->user);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    if (status == 0)
        look(watch->data);
}

void cs_place_watch(struct cs_place *place, uv_loop_t *loop, cs_place_lost *lost, void *user)
{
    char directory[sizeof(place->path)];
    int r;

    if (place->inode == 0)
        return;
    directory_of(place->path, directory, sizeof(directory));
    uv_fs_event_init(loop, &place->watch);
    place->watch.data = place;
    place->lost = lost;
    place->user = user;
    place->watching = true;
    r = uv_fs_event_start(&place->watch, on_change, directory, 0);
    if (r < 0)
        cs_warn("cannot watch %s: %s", directory, uv_strerror(r));
    look(place);
}

void cs_place_unwatch(struct cs_place *place)
{
    if (!place->watching)
        return;
    place->watching = false;
    uv_close((uv_handle_t *)&place->watch, NULL);
}

void cs_place_deinit(struct cs_place *place)
{
    char path[sizeof(place->path) + 8];

    if (place->made_socket && is_ours(place))
        unlink(place->path);
    if (place->lock >= 0) {
        lock_of(place, path, sizeof(path));
        unlink(path);
        close(place->lock);
    }
    if (place->made_directory) {
        directory_of(place->path, path, sizeof(path));
        rmdir(path);
    }
    place->lock = -1;
    place->made_socket = place->made_directory = false;
}
