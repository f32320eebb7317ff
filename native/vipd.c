// The addon of vipd: Linux system calls that Node.js does not offer, as plain functions. It decides nothing:
// a call gives its result or -errno, and only a wrong argument throws. Plain Node-API version 8, so that one
// binary loads in Node.js 20, 22, 24 and later, in the main thread and in workers.

#include "arguments.h"
#include "functions.h"

#ifdef VIPD_SOURCES
/// Which sources this binary was built from; tools/build-native.mjs looks for it to tell whether it is current.
__attribute__((used)) static const char SOURCES[] = "vipd sources " VIPD_SOURCES;
#endif

typedef struct {
  const char *name;
  napi_callback function;
} Export;

static const Export EXPORTS[] = {
    {"now", vipd_now},
    {"socket", vipd_socket},
    {"close", vipd_close},
    {"bind", vipd_bind},
    {"connect", vipd_connect},
    {"setsockopt", vipd_setsockopt},
    {"getsockopt", vipd_getsockopt},
    {"attachFilter", vipd_attach_filter},
    {"send", vipd_send},
    {"sendMany", vipd_send_many},
    {"recv", vipd_recv},
    {"recvMany", vipd_recv_many},
    {"pollNew", vipd_poll_new},
    {"pollStart", vipd_poll_start},
    {"pollRef", vipd_poll_ref},
    {"pollFree", vipd_poll_free},
    {"epollCreate", vipd_epoll_create},
    {"epollAdd", vipd_epoll_add},
    {"epollRemove", vipd_epoll_remove},
    {"epollWait", vipd_epoll_wait},
    {"connectMany", vipd_connect_many},
    {"reap", vipd_reap},
    {"digest", vipd_digest},
    {"timerfdCreate", vipd_timerfd_create},
    {"timerfdSet", vipd_timerfd_set},
    {"timerfdRead", vipd_timerfd_read},
    {"ifIndex", vipd_if_index},
    {"ifName", vipd_if_name},
    {"setRealtime", vipd_set_realtime},
    {"setNetns", vipd_set_netns},
    {"effectiveCapabilities", vipd_effective_capabilities},
};

NAPI_MODULE_INIT() {
  if (!poll_setup(env)) {
    napi_throw_error(env, NULL, "vipd native: out of memory");
    return NULL;
  }
  for (size_t i = 0; i < sizeof EXPORTS / sizeof EXPORTS[0]; i++) {
    napi_value function;
    if (napi_create_function(env, EXPORTS[i].name, NAPI_AUTO_LENGTH, EXPORTS[i].function, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, EXPORTS[i].name, function) != napi_ok)
      return NULL;
  }
  return exports;
}
