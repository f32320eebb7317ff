// Datagrams, one or many a system call, with addresses and ancillary data. Messages of the "many" calls lie in
// slots of equal size in one array, so that JavaScript prepares them without allocating.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "arguments.h"
#include "functions.h"

/// Messages of one system call; their headers lie on the stack (20 KiB of them to send).
#define SEND_BATCH 256
#define RECEIVE_BATCH 64

/// The arrays of slots of sendMany and recvMany.
typedef struct {
  Bytes data;
  size_t slot;
  Ints lengths;
  Bytes addresses;
  size_t address_slot;
  Bytes controls;
  size_t control_slot;
} Slots;

/// Refuses an array that is shorter than `count` slots. Neither factor exceeds INT_MAX, so 64 bits hold the product.
static void check_slots(Arguments *args, Bytes array, size_t slot, size_t count, const char *name) {
  if (!args->failed && array.length < slot * count) argument_range_error(args, name, "is shorter than its slots");
}

static struct msghdr slot_header(const Slots *slots, size_t index, struct iovec *vector, size_t length) {
  *vector = (struct iovec){slots->data.data + index * slots->slot, length};
  struct msghdr header = {.msg_iov = vector, .msg_iovlen = 1};
  if (slots->addresses.data != NULL) {
    header.msg_name = slots->addresses.data + index * slots->address_slot;
    header.msg_namelen = (socklen_t)slots->address_slot;
  }
  if (slots->controls.data != NULL) {
    header.msg_control = slots->controls.data + index * slots->control_slot;
    header.msg_controllen = slots->control_slot;
  }
  return header;
}

/// Reads the addresses and controls that sendMany and recvMany share, from argument `first` on.
static void read_side_slots(Arguments *args, size_t first, Slots *slots) {
  slots->addresses = argument_optional_bytes(args, first, "addresses", 1, INT_HIGH);
  size_t low = slots->addresses.data == NULL ? 0 : 1;
  slots->address_slot = (size_t)argument_integer(args, first + 1, "addressSlot", (int64_t)low, sizeof(struct sockaddr_storage));
  slots->controls = argument_optional_bytes(args, first + 2, "controls", 1, INT_HIGH);
  low = slots->controls.data == NULL ? 0 : 1;
  slots->control_slot = (size_t)argument_integer(args, first + 3, "controlSlot", (int64_t)low, INT_HIGH);
}

FUNCTION(vipd_send) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  Bytes data = argument_bytes(&args, 1, "data", 0, INT_HIGH);
  int flags = (int)argument_integer(&args, 2, "flags", 0, INT_HIGH);
  Bytes address = argument_optional_bytes(&args, 3, "address", sizeof(sa_family_t), sizeof(struct sockaddr_storage));
  Bytes control = argument_optional_bytes(&args, 4, "control", 0, INT_HIGH);
  if (args.failed) return NULL;
  struct iovec vector = {data.data, data.length};
  struct msghdr header = {
      .msg_name = address.data,
      .msg_namelen = (socklen_t)address.length,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control.data,
      .msg_controllen = control.length,
  };
  ssize_t sent;
  do sent = sendmsg(fd, &header, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return errno_result(env, sent);
}

FUNCTION(vipd_send_many) {
  Arguments args = arguments_read(env, info);
  Slots slots;
  int fd = argument_fd(&args, 0);
  size_t count = (size_t)argument_integer(&args, 1, "count", 0, INT_HIGH);
  slots.data = argument_bytes(&args, 2, "data", 0, INT_HIGH);
  slots.slot = (size_t)argument_integer(&args, 3, "slot", 1, INT_HIGH);
  slots.lengths = argument_ints(&args, 4, "lengths", count);
  read_side_slots(&args, 5, &slots);
  int flags = (int)argument_integer(&args, 9, "flags", 0, INT_HIGH);
  check_slots(&args, slots.data, slots.slot, count, "data");
  if (slots.addresses.data != NULL) check_slots(&args, slots.addresses, slots.address_slot, count, "addresses");
  if (slots.controls.data != NULL) check_slots(&args, slots.controls, slots.control_slot, count, "controls");
  if (args.failed) return NULL;

  struct mmsghdr headers[SEND_BATCH];
  struct iovec vectors[SEND_BATCH];
  // Checked ahead of the first send, so that a wrong length in the middle sends nothing.
  for (size_t i = 0; i < count; i++) {
    if (slots.lengths.data[i] < 0 || (size_t)slots.lengths.data[i] > slots.slot) {
      argument_range_error(&args, "lengths", "holds a length that does not fit its slot");
      return NULL;
    }
  }
  unsigned batch = count < SEND_BATCH ? (unsigned)count : SEND_BATCH;
  for (unsigned i = 0; i < batch; i++) {
    // Read again and cut: in memory shared between threads it may have changed since the check.
    size_t length = (size_t)(uint32_t)slots.lengths.data[i];
    if (length > slots.slot) length = slots.slot;
    headers[i].msg_hdr = slot_header(&slots, i, &vectors[i], length);
  }
  int sent;
  do sent = sendmmsg(fd, headers, batch, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return errno_result(env, sent);
}

FUNCTION(vipd_recv) {
  Arguments args = arguments_read(env, info);
  int fd = argument_fd(&args, 0);
  Bytes data = argument_bytes(&args, 1, "data", 0, INT_HIGH);
  Bytes address = argument_optional_bytes(&args, 2, "address", 0, INT_HIGH);
  Bytes control = argument_optional_bytes(&args, 3, "control", 0, INT_HIGH);
  Ints meta = argument_optional_ints(&args, 4, "meta", 3);
  int flags = (int)argument_integer(&args, 5, "flags", 0, INT_HIGH);
  if (args.failed) return NULL;
  struct iovec vector = {data.data, data.length};
  struct msghdr header = {
      .msg_name = address.data,
      .msg_namelen = (socklen_t)address.length,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control.data,
      .msg_controllen = control.length,
  };
  ssize_t received;
  do received = recvmsg(fd, &header, flags | MSG_DONTWAIT);
  while (received < 0 && errno == EINTR);
  if (received >= 0 && meta.data != NULL) {
    meta.data[0] = (int32_t)header.msg_namelen;
    meta.data[1] = (int32_t)header.msg_controllen;
    meta.data[2] = header.msg_flags;
  }
  return errno_result(env, received);
}

FUNCTION(vipd_recv_many) {
  Arguments args = arguments_read(env, info);
  Slots slots;
  int fd = argument_fd(&args, 0);
  slots.data = argument_bytes(&args, 1, "data", 1, INT_HIGH);
  slots.slot = (size_t)argument_integer(&args, 2, "slot", 1, INT_HIGH);
  slots.lengths = argument_ints(&args, 3, "lengths", 1);
  read_side_slots(&args, 4, &slots);
  size_t count = slots.lengths.count < RECEIVE_BATCH ? slots.lengths.count : RECEIVE_BATCH;
  Ints control_lengths = argument_optional_ints(&args, 8, "controlLengths", count);
  check_slots(&args, slots.data, slots.slot, count, "data");
  if (slots.addresses.data != NULL) check_slots(&args, slots.addresses, slots.address_slot, count, "addresses");
  if (slots.controls.data != NULL) check_slots(&args, slots.controls, slots.control_slot, count, "controls");
  if (args.failed) return NULL;

  struct mmsghdr headers[RECEIVE_BATCH];
  struct iovec vectors[RECEIVE_BATCH];
  for (size_t i = 0; i < count; i++) headers[i].msg_hdr = slot_header(&slots, i, &vectors[i], slots.slot);
  int received;
  do received = recvmmsg(fd, headers, (unsigned)count, MSG_DONTWAIT, NULL);
  while (received < 0 && errno == EINTR);
  for (int i = 0; i < received; i++) {
    slots.lengths.data[i] = (int32_t)headers[i].msg_len;
    if (control_lengths.data != NULL) control_lengths.data[i] = (int32_t)headers[i].msg_hdr.msg_controllen;
  }
  return errno_result(env, received);
}
