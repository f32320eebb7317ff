// The functions of the addon, by source file. What each takes and gives is written once, in src/linux/native.ts.
#ifndef VIPD_FUNCTIONS_H
#define VIPD_FUNCTIONS_H

#include <node_api.h>
#include <stdbool.h>

#define FUNCTION(name) napi_value name(napi_env env, napi_callback_info info)

// socket.c
FUNCTION(vipd_socket);
FUNCTION(vipd_close);
FUNCTION(vipd_bind);
FUNCTION(vipd_connect);
FUNCTION(vipd_setsockopt);
FUNCTION(vipd_getsockopt);
FUNCTION(vipd_attach_filter);

// message.c
FUNCTION(vipd_send);
FUNCTION(vipd_send_many);
FUNCTION(vipd_recv);
FUNCTION(vipd_recv_many);

// poll.c
FUNCTION(vipd_poll_new);
FUNCTION(vipd_poll_start);
FUNCTION(vipd_poll_ref);
FUNCTION(vipd_poll_free);
/// Prepares the table of watches of this environment. Gives false when memory is short.
bool poll_setup(napi_env env);
/// Whether an open watch of this environment holds the descriptor.
bool poll_watches(napi_env env, int fd);

// epoll.c
FUNCTION(vipd_epoll_create);
FUNCTION(vipd_epoll_add);
FUNCTION(vipd_epoll_remove);
FUNCTION(vipd_epoll_wait);

// connect.c
FUNCTION(vipd_connect_many);
FUNCTION(vipd_reap);

// digest.c
FUNCTION(vipd_digest);

// time.c
FUNCTION(vipd_now);
FUNCTION(vipd_timerfd_create);
FUNCTION(vipd_timerfd_set);
FUNCTION(vipd_timerfd_read);

// system.c
FUNCTION(vipd_if_index);
FUNCTION(vipd_if_name);
FUNCTION(vipd_set_realtime);
FUNCTION(vipd_set_netns);
FUNCTION(vipd_effective_capabilities);

#endif
