// Sockets and their options: one system call a function, checked arguments in, result or -errno out.

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "functions.h"

FUNCTION(vipd_socket) {
  Arguments args = arguments_read(env, info);
  int family = (int)argument_integer(&args, 0, "family", 0, INT_HIGH);
  int type = (int)argument_integer(&args, 1, "type", 0, INT_HIGH);
  int protocol = (int)argument_integer(&args, 2, "protocol", 0, INT_HIGH);
  if (args.failed) return NULL;
  return errno_result(env, socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

FUNCTION(vipd_close) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  if (args.failed) return NULL;
  // libuv aborts the process when a descriptor it is about to watch has been closed.
  if (poll_watches(env, fd)) return number_result(env, -EBUSY);
  // Not repeated on EINTR: Linux has released the descriptor by then, and another thread may own its number.
  return errno_result(env, close(fd));
}

FUNCTION(vipd_bind) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  Bytes address = argument_bytes(&args, 1, "address", sizeof(sa_family_t), sizeof(struct sockaddr_storage));
  if (args.failed) return NULL;
  return errno_result(env, bind(fd, (const struct sockaddr *)address.data, (socklen_t)address.length));
}

FUNCTION(vipd_connect) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  Bytes address = argument_bytes(&args, 1, "address", sizeof(sa_family_t), sizeof(struct sockaddr_storage));
  if (args.failed) return NULL;
  return errno_result(env, connect(fd, (const struct sockaddr *)address.data, (socklen_t)address.length));
}

FUNCTION(vipd_setsockopt) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  int level = (int)argument_integer(&args, 1, "level", 0, INT_HIGH);
  int name = (int)argument_integer(&args, 2, "name", 0, INT_HIGH);
  int number = 0;
  Bytes value = {(uint8_t *)&number, sizeof number};
  if (argument_is_number(&args, 3))
    number = (int)(uint32_t)argument_integer(&args, 3, "value", INT_LOW, UINT_HIGH);
  else
    value = argument_bytes(&args, 3, "value", 0, INT_HIGH);
  if (args.failed) return NULL;
  return errno_result(env, setsockopt(fd, level, name, value.data, (socklen_t)value.length));
}

FUNCTION(vipd_getsockopt) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  int level = (int)argument_integer(&args, 1, "level", 0, INT_HIGH);
  int name = (int)argument_integer(&args, 2, "name", 0, INT_HIGH);
  Bytes out = argument_bytes(&args, 3, "out", 1, INT_HIGH);
  if (args.failed) return NULL;
  socklen_t length = (socklen_t)out.length;
  if (getsockopt(fd, level, name, out.data, &length) < 0) return number_result(env, -errno);
  return number_result(env, length);
}

FUNCTION(vipd_attach_filter) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  Bytes program =
      argument_bytes(&args, 1, "program", sizeof(struct sock_filter), BPF_MAXINSNS * sizeof(struct sock_filter));
  if (!args.failed && program.length % sizeof(struct sock_filter) != 0)
    argument_range_error(&args, "program", "must be whole instructions of 8 bytes");
  if (args.failed) return NULL;
  struct sock_fprog filter = {
      .len = (unsigned short)(program.length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(void *)program.data,
  };
  return errno_result(env, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}
