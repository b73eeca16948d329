/* SPDX-License-Identifier: Apache-2.0 */
/* Octets that an input holds, and how they go out, for the targets that hold an end of a socket. */
#ifndef CS_TESTS_FUZZ_OCTETS_H
#define CS_TESTS_FUZZ_OCTETS_H

#include "fuzz.h"
#include "base/buf.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define FUZZ_DESCRIPTORS_MAX 8 /* that go with octets */

/* Its length comes first: one octet, or two from 0xf0 on. */
static inline struct cs_bytes fuzz_octets(struct fuzz_input *input)
{
    size_t size = fuzz_next(input);
    struct cs_bytes octets;

    if (size >= 0xf0)
        size = (size & 0xf) << 8 | fuzz_next(input);
    if (size > input->left)
        size = input->left;
    octets = CS_BYTES(input->data, size);
    input->data += size;
    input->left -= size;
    return octets;
}

/* Whether all of it went at once. The descriptors are of standard input. */
static inline bool fuzz_send(int fd, struct cs_bytes octets, size_t n_fds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(FUZZ_DESCRIPTORS_MAX * sizeof(int))];
    } control = {0};
    struct iovec vector = {(void *)octets.data, octets.len};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (n_fds > 0 && octets.len > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memset(CMSG_DATA(&control.header), STDIN_FILENO, n_fds * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)octets.len;
}

#endif
