// Checked conversion of JavaScript values; see arguments.h. Knows nothing of sockets.

#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void throw_once(Arguments *args, bool range, const char *name, const char *problem) {
  if (args->failed) return;
  args->failed = true;
  char message[160];
  snprintf(message, sizeof message, "vipd native: %s: %s", name, problem);
  if (range)
    napi_throw_range_error(args->env, "ERR_OUT_OF_RANGE", message);
  else
    napi_throw_type_error(args->env, "ERR_INVALID_ARG_TYPE", message);
}

void argument_range_error(Arguments *args, const char *name, const char *problem) {
  throw_once(args, true, name, problem);
}

void argument_type_error(Arguments *args, const char *name, const char *problem) {
  throw_once(args, false, name, problem);
}

Arguments arguments_read(napi_env env, napi_callback_info info) {
  Arguments args = {.env = env};
  size_t count = MOST_ARGUMENTS;
  // Arguments that were not given are filled in as undefined, which every reader below refuses.
  if (napi_get_cb_info(env, info, &count, args.values, NULL, NULL) != napi_ok) args.failed = true;
  return args;
}

static napi_valuetype type_of(Arguments *args, size_t index) {
  napi_valuetype type = napi_undefined;
  if (!args->failed) napi_typeof(args->env, args->values[index], &type);
  return type;
}

bool argument_is_number(Arguments *args, size_t index) { return type_of(args, index) == napi_number; }

double argument_double(Arguments *args, size_t index, const char *name) {
  if (args->failed) return 0;
  double value;
  if (napi_get_value_double(args->env, args->values[index], &value) != napi_ok) {
    argument_type_error(args, name, "must be a number");
    return 0;
  }
  // NaN - NaN and Infinity - Infinity are both NaN, which equals nothing.
  if (value - value != 0) {
    argument_range_error(args, name, "must be a finite number");
    return 0;
  }
  return value;
}

int64_t argument_integer(Arguments *args, size_t index, const char *name, int64_t low, int64_t high) {
  double value = argument_double(args, index, name);
  if (args->failed) return 0;
  // Compared before the conversion, because converting a double that does not fit is undefined in C.
  if (value < (double)low || value > (double)high || value != (double)(int64_t)value) {
    char problem[100];
    snprintf(problem, sizeof problem, "must be a whole number from %lld to %lld", (long long)low, (long long)high);
    argument_range_error(args, name, problem);
    return 0;
  }
  return (int64_t)value;
}

int argument_fd(Arguments *args, size_t index) { return (int)argument_integer(args, index, "fd", 0, INT_HIGH); }

bool argument_bool(Arguments *args, size_t index, const char *name) {
  bool value = false;
  if (!args->failed && napi_get_value_bool(args->env, args->values[index], &value) != napi_ok)
    argument_type_error(args, name, "must be true or false");
  return value;
}

/// Fills `data` and `count` when the value is a typed array of `type`.
static bool typed_array(Arguments *args, size_t index, napi_typedarray_type type, void **data, size_t *count) {
  bool is = false;
  napi_value value = args->values[index];
  if (napi_is_typedarray(args->env, value, &is) != napi_ok || !is) return false;
  napi_typedarray_type found;
  napi_status status = napi_get_typedarray_info(args->env, value, &found, count, data, NULL, NULL);
  return status == napi_ok && found == type;
}

Bytes argument_bytes(Arguments *args, size_t index, const char *name, size_t low, size_t high) {
  const Bytes none = {NULL, 0};
  if (args->failed) return none;
  void *data = NULL;
  size_t length = 0;
  if (!typed_array(args, index, napi_uint8_array, &data, &length)) {
    argument_type_error(args, name, "must be a Uint8Array");
    return none;
  }
  if (length < low || length > high) {
    char problem[100];
    snprintf(problem, sizeof problem, "has %zu bytes, must have %zu to %zu", length, low, high);
    argument_range_error(args, name, problem);
    return none;
  }
  return (Bytes){data, length};
}

Bytes argument_optional_bytes(Arguments *args, size_t index, const char *name, size_t low, size_t high) {
  if (type_of(args, index) == napi_null) return (Bytes){NULL, 0};
  return argument_bytes(args, index, name, low, high);
}

Ints argument_ints(Arguments *args, size_t index, const char *name, size_t low) {
  const Ints none = {NULL, 0};
  if (args->failed) return none;
  void *data = NULL;
  size_t count = 0;
  if (!typed_array(args, index, napi_int32_array, &data, &count)) {
    argument_type_error(args, name, "must be an Int32Array");
    return none;
  }
  if (count < low) {
    char problem[100];
    snprintf(problem, sizeof problem, "has %zu elements, must have at least %zu", count, low);
    argument_range_error(args, name, problem);
    return none;
  }
  return (Ints){data, count};
}

Ints argument_optional_ints(Arguments *args, size_t index, const char *name, size_t low) {
  if (type_of(args, index) == napi_null) return (Ints){NULL, 0};
  return argument_ints(args, index, name, low);
}

void argument_text(Arguments *args, size_t index, const char *name, char *out, size_t capacity) {
  out[0] = 0;
  if (args->failed) return;
  size_t length = 0;
  if (napi_get_value_string_utf8(args->env, args->values[index], NULL, 0, &length) != napi_ok) {
    argument_type_error(args, name, "must be a string");
    return;
  }
  if (length >= capacity) {
    argument_range_error(args, name, "is too long");
    return;
  }
  napi_get_value_string_utf8(args->env, args->values[index], out, capacity, &length);
  // A name cut short at a NUL would silently mean another interface or file.
  if (strlen(out) != length) argument_range_error(args, name, "must not contain a NUL character");
}

napi_value argument_function(Arguments *args, size_t index, const char *name) {
  if (type_of(args, index) != napi_function) argument_type_error(args, name, "must be a function");
  return args->values[index];
}

napi_value number_result(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value errno_result(napi_env env, int64_t result) { return number_result(env, result < 0 ? -(int64_t)errno : result); }
