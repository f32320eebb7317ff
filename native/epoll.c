// Sets of descriptors that wait together (epoll(7)). A set is a descriptor itself: one watch of it tells that
// something in it is ready, and what that is costs one call for all. Each member carries a number of its owner's.

#include <errno.h>
#include <sys/epoll.h>

#include "arguments.h"
#include "epoll.h"
#include "functions.h"

int ready_members(int set, size_t room, struct epoll_event events[MOST_EVENTS]) {
  int ready;
  do ready = epoll_wait(set, events, room < MOST_EVENTS ? (int)room : MOST_EVENTS, 0);
  while (ready < 0 && errno == EINTR);
  return ready < 0 ? -errno : ready;
}

FUNCTION(vipd_epoll_create) {
  (void)info;
  return errno_result(env, epoll_create1(EPOLL_CLOEXEC));
}

FUNCTION(vipd_epoll_add) {
  Arguments args = arguments_read(env, info);
  int set = argument_fd(&args, 0);
  int fd = argument_fd(&args, 1);
  // EPOLLET is the sign bit of what JavaScript's operators give.
  struct epoll_event event = {.events = (uint32_t)argument_integer(&args, 2, "events", INT_LOW, UINT_HIGH)};
  event.data.u64 = (uint64_t)argument_integer(&args, 3, "data", 0, INT_HIGH);
  if (args.failed) return NULL;
  return errno_result(env, epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
}

FUNCTION(vipd_epoll_remove) {
  Arguments args = arguments_read(env, info);
  int set = argument_fd(&args, 0);
  int fd = argument_fd(&args, 1);
  if (args.failed) return NULL;
  return errno_result(env, epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
}

FUNCTION(vipd_epoll_wait) {
  Arguments args = arguments_read(env, info);
  int set = argument_fd(&args, 0);
  Ints out = argument_ints(&args, 1, "out", 2);
  if (args.failed) return NULL;
  struct epoll_event events[MOST_EVENTS];
  int ready = ready_members(set, out.count / 2, events);
  for (int i = 0; i < ready; i++) {
    out.data[2 * i] = (int32_t)events[i].data.u64;
    out.data[2 * i + 1] = (int32_t)events[i].events;
  }
  return number_result(env, ready);
}
