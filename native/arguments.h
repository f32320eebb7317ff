// Reading the arguments of a call from JavaScript, with every type, range and length checked. The first wrong
// one throws a TypeError or RangeError and marks the whole set as failed; later reads then give harmless
// values, so that a function reads all its arguments flatly and asks `failed` once, before the system call.
#ifndef VIPD_ARGUMENTS_H
#define VIPD_ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_ARGUMENTS 10

typedef struct {
  napi_env env;
  napi_value values[MOST_ARGUMENTS];
  bool failed;
} Arguments;

/// The memory of a typed array; valid until control returns to JavaScript.
typedef struct {
  uint8_t *data;
  size_t length;  // In bytes.
} Bytes;

typedef struct {
  int32_t *data;
  size_t count;
} Ints;

/// What goes to the kernel for a numeric option: any C int or unsigned int.
#define INT_LOW ((int64_t)INT32_MIN)
#define INT_HIGH ((int64_t)INT32_MAX)
#define UINT_HIGH ((int64_t)UINT32_MAX)

Arguments arguments_read(napi_env env, napi_callback_info info);
/// A whole number in low..high.
int64_t argument_integer(Arguments *args, size_t index, const char *name, int64_t low, int64_t high);
int argument_fd(Arguments *args, size_t index);
/// Any finite number.
double argument_double(Arguments *args, size_t index, const char *name);
bool argument_bool(Arguments *args, size_t index, const char *name);
bool argument_is_number(Arguments *args, size_t index);
/// A Uint8Array (a Buffer is one) of `low` to `high` bytes.
Bytes argument_bytes(Arguments *args, size_t index, const char *name, size_t low, size_t high);
/// The same, or null for none, which gives {NULL, 0}.
Bytes argument_optional_bytes(Arguments *args, size_t index, const char *name, size_t low, size_t high);
/// An Int32Array with at least `low` elements.
Ints argument_ints(Arguments *args, size_t index, const char *name, size_t low);
Ints argument_optional_ints(Arguments *args, size_t index, const char *name, size_t low);
/// Copies a string without NUL characters, of at most capacity - 1 bytes in UTF-8.
void argument_text(Arguments *args, size_t index, const char *name, char *out, size_t capacity);
napi_value argument_function(Arguments *args, size_t index, const char *name);

/// Throws a RangeError "<name>: <problem>" unless something was thrown before.
void argument_range_error(Arguments *args, const char *name, const char *problem);
void argument_type_error(Arguments *args, const char *name, const char *problem);

napi_value number_result(napi_env env, int64_t value);
/// `result` as a system call gives it: itself when >= 0, otherwise -errno.
napi_value errno_result(napi_env env, int64_t result);

#endif
