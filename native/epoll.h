// What waits in a set of descriptors, for whoever keeps one (epoll.c, connect.c).
#ifndef VIPD_EPOLL_H
#define VIPD_EPOLL_H

#include <stddef.h>
#include <sys/epoll.h>

/// What one call hands out; the rest stays ready.
#define MOST_EVENTS 256

/// Members that are ready now, `room` of them at most: gives how many, or -errno.
int ready_members(int set, size_t room, struct epoll_event events[MOST_EVENTS]);

#endif
