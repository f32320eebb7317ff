// TCP connections, many a call: begun together, and closed here as soon as they are seen to be open or to have failed.
// Whoever only wants to know that pays for no descriptor of his own. A set (epoll_create1(2)) holds those that take
// longer; it must have no other members.

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "epoll.h"
#include "functions.h"

/// Connections of one call.
#define MOST_CONNECTIONS 256
/// A struct sockaddr_in6, which is the larger one.
#define ADDRESS_SLOT 28
/// Numbers that the caller gets for each.
#define WORDS 3

/// What there is in place of a descriptor when it is over.
enum { OVER = -1, NO_SOCKET = -2, NOT_WATCHED = -3 };

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/// -errno of what has happened to the connection, or 0.
static int failure_of(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

static void end(int32_t *words, int how, int result) {
  words[0] = how;
  words[1] = result;
}

/// Gives the descriptor, or -1 when it is over.
static int begin(const uint8_t *address, int32_t *words) {
  sa_family_t family;
  memcpy(&family, address, sizeof family);
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    end(words, NO_SOCKET, -errno);
    return -1;
  }
  socklen_t length = family == AF_INET6 ? ADDRESS_SLOT : 16;
  int result = connect(fd, (const struct sockaddr *)address, length) < 0 ? -errno : 0;
  words[0] = fd;
  words[1] = 0;
  if (result == -EINPROGRESS) return fd;
  close(fd);
  end(words, OVER, result);
  return -1;
}

FUNCTION(vipd_connect_many) {
  Arguments args = arguments_read(env, info);
  int set = argument_fd(&args, 0);
  size_t count = (size_t)argument_integer(&args, 1, "count", 1, MOST_CONNECTIONS);
  Bytes addresses = argument_bytes(&args, 2, "addresses", count * ADDRESS_SLOT, INT_HIGH);
  Ints numbers = argument_ints(&args, 3, "numbers", count);
  Ints out = argument_ints(&args, 4, "out", count * WORDS);
  if (args.failed) return NULL;
  struct pollfd polled[MOST_CONNECTIONS];
  int64_t began[MOST_CONNECTIONS];
  int64_t last = microseconds();
  for (size_t i = 0; i < count; i++) {
    began[i] = last;
    int fd = begin(addresses.data + i * ADDRESS_SLOT, out.data + i * WORDS);
    polled[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
    last = microseconds();
    out.data[i * WORDS + 2] = (int32_t)(last - began[i]);
  }
  // A server that is near has answered meanwhile, and then the set needs not know of it.
  while (poll(polled, (nfds_t)count, 0) < 0 && errno == EINTR) continue;
  int64_t now = microseconds();
  for (size_t i = 0; i < count; i++) {
    int fd = polled[i].fd;
    if (fd < 0) continue;
    int32_t *words = out.data + i * WORDS;
    words[2] = (int32_t)(now - began[i]);
    if (polled[i].revents != 0) {
      end(words, OVER, (polled[i].revents & (POLLERR | POLLHUP)) != 0 ? failure_of(fd) : 0);
      close(fd);
      continue;
    }
    struct epoll_event event = {.events = EPOLLOUT};
    event.data.u64 = ((uint64_t)(uint32_t)fd << 32) | (uint32_t)numbers.data[i];
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0) continue;
    end(words, NOT_WATCHED, -errno);
    close(fd);
  }
  return number_result(env, 0);
}

FUNCTION(vipd_reap) {
  Arguments args = arguments_read(env, info);
  int set = argument_fd(&args, 0);
  Ints out = argument_ints(&args, 1, "out", 2);
  if (args.failed) return NULL;
  struct epoll_event events[MOST_EVENTS];
  int ready = ready_members(set, out.count / 2, events);
  for (int i = 0; i < ready; i++) {
    int fd = (int)(events[i].data.u64 >> 32);
    out.data[2 * i] = (int32_t)(uint32_t)events[i].data.u64;
    out.data[2 * i + 1] = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? failure_of(fd) : 0;
    // Descriptor 0 would be that of a member that was added otherwise, and is not ours.
    if (fd > 0) close(fd);
  }
  return number_result(env, ready);
}
