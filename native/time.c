// The monotonic clock and timer descriptors on it. Times are absolute milliseconds with fractions: a double
// holds the nanoseconds of 104 days exactly and is good to a microsecond for centuries.

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "functions.h"

/// Later than any clock will show, and small enough for every conversion below.
#define FAR_FUTURE_MS 9e15

FUNCTION(vipd_now) {
  (void)info;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  napi_value result = NULL;
  napi_create_double(env, (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6, &result);
  return result;
}

FUNCTION(vipd_timerfd_create) {
  (void)info;
  return errno_result(env, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

FUNCTION(vipd_timerfd_set) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  double deadline = argument_double(&args, 1, "deadlineMs");
  if (args.failed) return NULL;
  struct itimerspec timer = {0};
  if (deadline != 0) {
    if (deadline < 0) deadline = 0;
    if (deadline > FAR_FUTURE_MS) deadline = FAR_FUTURE_MS;
    timer.it_value.tv_sec = (time_t)(deadline / 1e3);
    long nanoseconds = (long)((deadline - (double)timer.it_value.tv_sec * 1e3) * 1e6);
    if (nanoseconds < 0) nanoseconds = 0;
    if (nanoseconds > 999999999) nanoseconds = 999999999;
    timer.it_value.tv_nsec = nanoseconds;
    // All zero would disarm, but a time in the past has to fire.
    if (timer.it_value.tv_sec == 0 && nanoseconds == 0) timer.it_value.tv_nsec = 1;
  }
  return errno_result(env, timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, NULL));
}

FUNCTION(vipd_timerfd_read) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  if (args.failed) return NULL;
  uint64_t expirations = 0;
  ssize_t got;
  do got = read(fd, &expirations, sizeof expirations);
  while (got < 0 && errno == EINTR);
  if (got < 0) return number_result(env, -errno);
  // Anything but eight bytes means that the descriptor is no timer.
  if (got != sizeof expirations) return number_result(env, -EINVAL);
  return number_result(env, (int64_t)expirations);
}
