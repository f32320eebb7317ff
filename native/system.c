// Interfaces, scheduling, namespaces, capabilities and randomness of this thread or process.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arguments.h"
#include "functions.h"

FUNCTION(vipd_if_index) {
  Arguments args = arguments_read(env, info);
  char name[256];
  argument_text(&args, 0, "name", name, sizeof name);
  if (args.failed) return NULL;
  unsigned index = if_nametoindex(name);
  return number_result(env, index == 0 ? -(int64_t)errno : (int64_t)index);
}

FUNCTION(vipd_if_name) {
  Arguments args = arguments_read(env, info);
  unsigned index = (unsigned)argument_integer(&args, 0, "index", 0, INT_HIGH);
  if (args.failed) return NULL;
  char name[IF_NAMESIZE];
  // Index 0 means no interface; the C library leaves errno alone for it.
  errno = ENXIO;
  if (index == 0 || if_indextoname(index, name) == NULL) return number_result(env, -errno);
  napi_value text = NULL;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
  return text;
}

FUNCTION(vipd_set_realtime) {
  Arguments args = arguments_read(env, info);
  pid_t tid = (pid_t)argument_integer(&args, 0, "tid", 0, INT_HIGH);
  struct sched_param parameters = {.sched_priority = (int)argument_integer(&args, 1, "priority", 0, 99)};
  if (args.failed) return NULL;
  // Children (scripts, other children) must not inherit a real-time class.
  int policy = parameters.sched_priority == 0 ? SCHED_OTHER : SCHED_FIFO | SCHED_RESET_ON_FORK;
  return errno_result(env, sched_setscheduler(tid, policy, &parameters));
}

FUNCTION(vipd_set_netns) {
  Arguments args = arguments_read(env, info);
  char path[PATH_MAX];
  argument_text(&args, 0, "path", path, sizeof path);
  if (args.failed) return NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return number_result(env, -errno);
  int result = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
  close(fd);
  return number_result(env, result);
}

FUNCTION(vipd_effective_capabilities) {
  (void)info;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  if (syscall(SYS_capget, &header, data) < 0) return number_result(env, -errno);
  napi_value result = NULL;
  napi_create_double(env, (double)data[1].effective * 4294967296.0 + (double)data[0].effective, &result);
  return result;
}

