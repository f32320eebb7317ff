// Watches of file descriptors on the environment's own event loop (uv_poll_t). Several environments (the main
// thread and workers) may live in one process, so nothing here is static: the table of open watches belongs to
// the environment, and an asynchronous cleanup hook closes a watch when its worker ends. The table is by descriptor,
// because every close asks it.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "arguments.h"
#include "functions.h"

typedef struct Watch Watch;

/// What this environment keeps: its open watches, by the numbers of their descriptors.
typedef struct {
  Watch **watches;
  size_t count;
} WatchTable;

struct Watch {
  uv_poll_t poll;  // Must be first: libuv hands back a pointer to it.
  napi_env env;
  WatchTable *table;
  napi_ref callback;
  napi_ref object;  // Holds the JavaScript object, so that a forgotten watch is not collected while it works.
  napi_async_cleanup_hook_handle hook;
  int fd;
  bool closing;
  // The memory has two owners, the event loop until the handle is closed and the JavaScript object until it
  // is collected. The last one to leave frees it.
  int owners;
};

/// Marks our objects, so that an object of another kind is refused instead of being believed.
static const napi_type_tag WATCH_TAG = {0x7669706477617463ull, 0x9f3c5b2e81d04a67ull};

static void release(Watch *watch) {
  if (--watch->owners == 0) free(watch);
}

static void on_closed(uv_handle_t *handle) {
  Watch *watch = (Watch *)handle;
  if (watch->hook != NULL) napi_remove_async_cleanup_hook(watch->hook);
  release(watch);
}

static void close_watch(Watch *watch) {
  if (watch->closing) return;
  watch->closing = true;
  watch->table->watches[watch->fd] = NULL;
  uv_poll_stop(&watch->poll);
  napi_delete_reference(watch->env, watch->callback);
  napi_delete_reference(watch->env, watch->object);
  uv_close((uv_handle_t *)&watch->poll, on_closed);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  Watch *watch = data;
  // Removing the hook, once the handle is closed, tells the environment that it may go on with its end.
  watch->hook = hook;
  close_watch(watch);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  release(data);
}

static void on_table_end(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  WatchTable *table = data;
  free(table->watches);
  free(table);
}

bool poll_setup(napi_env env) {
  WatchTable *table = calloc(1, sizeof *table);
  if (table == NULL) return false;
  if (napi_set_instance_data(env, table, on_table_end, NULL) == napi_ok) return true;
  free(table);
  return false;
}

static WatchTable *watch_table(napi_env env) {
  void *table = NULL;
  napi_get_instance_data(env, &table);
  return table;
}

/// Makes room for the descriptor, which is open: the kernel's limit of descriptors bounds the table.
static bool has_room(WatchTable *table, int fd) {
  size_t needed = (size_t)fd + 1;
  if (needed <= table->count) return true;
  size_t count = table->count == 0 ? 64 : table->count;
  while (count < needed) count *= 2;
  Watch **watches = realloc(table->watches, count * sizeof *watches);
  if (watches == NULL) return false;
  memset(watches + table->count, 0, (count - table->count) * sizeof *watches);
  table->watches = watches;
  table->count = count;
  return true;
}

bool poll_watches(napi_env env, int fd) {
  const WatchTable *table = watch_table(env);
  return fd >= 0 && (size_t)fd < table->count && table->watches[fd] != NULL;
}

static void on_events(uv_poll_t *handle, int status, int events) {
  Watch *watch = (Watch *)handle;
  napi_env env = watch->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = NULL;
  napi_value receiver = NULL;
  napi_get_reference_value(env, watch->callback, &callback);
  napi_get_global(env, &receiver);
  napi_value argv[2] = {number_result(env, status), number_result(env, events)};
  if (callback != NULL && receiver != NULL && argv[0] != NULL && argv[1] != NULL &&
      napi_make_callback(env, NULL, receiver, callback, 2, argv, NULL) == napi_pending_exception) {
    // There is no JavaScript below us that could catch it: it becomes an uncaughtException.
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

/// Undoes what vipd_poll_new had done when a later step of it failed.
static napi_value give_up(Watch *watch) {
  if (watch->callback != NULL) napi_delete_reference(watch->env, watch->callback);
  if (watch->object != NULL) napi_delete_reference(watch->env, watch->object);
  watch->closing = true;
  uv_close((uv_handle_t *)&watch->poll, on_closed);
  return number_result(watch->env, -ENOMEM);
}

FUNCTION(vipd_poll_new) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  napi_value on_events_function = argument_function(&args, 1, "onEvents");
  if (args.failed) return NULL;
  // Two watches of one descriptor would share one epoll entry and steal each other's events.
  if (poll_watches(env, fd)) return number_result(env, -EEXIST);
  uv_loop_t *loop = NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return number_result(env, -EINVAL);
  Watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return number_result(env, -ENOMEM);
  int status = uv_poll_init(loop, &watch->poll, fd);
  if (status != 0) {
    free(watch);
    return number_result(env, status);
  }
  watch->env = env;
  watch->fd = fd;
  watch->owners = 1;
  watch->table = watch_table(env);
  if (!has_room(watch->table, fd)) return give_up(watch);
  napi_value object;
  if (napi_create_reference(env, on_events_function, 1, &watch->callback) != napi_ok) return give_up(watch);
  if (napi_create_object(env, &object) != napi_ok) return give_up(watch);
  if (napi_create_reference(env, object, 1, &watch->object) != napi_ok) return give_up(watch);
  if (napi_wrap(env, object, watch, on_collected, NULL, NULL) != napi_ok) return give_up(watch);
  watch->owners = 2;
  if (napi_type_tag_object(env, object, &WATCH_TAG) != napi_ok) return give_up(watch);
  if (napi_add_async_cleanup_hook(env, on_cleanup, watch, &watch->hook) != napi_ok) return give_up(watch);
  watch->table->watches[fd] = watch;
  return object;
}

static Watch *argument_watch(Arguments *args) {
  if (args->failed) return NULL;
  bool ours = false;
  void *watch = NULL;
  napi_env env = args->env;
  napi_value object = args->values[0];
  napi_valuetype type = napi_undefined;
  napi_typeof(env, object, &type);
  if (type != napi_object || napi_check_object_type_tag(env, object, &WATCH_TAG, &ours) != napi_ok || !ours ||
      napi_unwrap(env, object, &watch) != napi_ok)
    argument_type_error(args, "handle", "must come from pollNew");
  return watch;
}

FUNCTION(vipd_poll_start) {
  Arguments args = arguments_read(env, info);
  Watch *watch = argument_watch(&args);
  const int all = UV_READABLE | UV_WRITABLE | UV_DISCONNECT | UV_PRIORITIZED;
  int events = (int)argument_integer(&args, 1, "events", 0, all);
  if (args.failed) return NULL;
  // A descriptor that somebody else has closed would make libuv abort the process in its next turn.
  if (watch->closing || fcntl(watch->fd, F_GETFD) < 0) return number_result(env, -EBADF);
  return number_result(env, uv_poll_start(&watch->poll, events, on_events));
}

FUNCTION(vipd_poll_ref) {
  Arguments args = arguments_read(env, info);
  Watch *watch = argument_watch(&args);
  bool ref = argument_bool(&args, 1, "ref");
  if (args.failed) return NULL;
  if (watch->closing) return number_result(env, -EBADF);
  if (ref)
    uv_ref((uv_handle_t *)&watch->poll);
  else
    uv_unref((uv_handle_t *)&watch->poll);
  return number_result(env, 0);
}

FUNCTION(vipd_poll_free) {
  Arguments args = arguments_read(env, info);
  Watch *watch = argument_watch(&args);
  if (args.failed) return NULL;
  close_watch(watch);
  return number_result(env, 0);
}
