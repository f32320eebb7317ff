// What a netlink dump lists, as one number: to see in thousands of attributes that nothing has changed is all that most
// looks at a table are for, and JavaScript reads them a hundred times slower.

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "arguments.h"
#include "functions.h"

/// FNV-1a, 64 bits.
#define OFFSET_BASIS 0xcbf29ce484222325ULL
#define PRIME 0x100000001b3ULL

/// Numbers that the caller gets.
enum { END, LOW, HIGH, FLAGS, WORDS };

static uint64_t add(uint64_t hash, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * PRIME;
  return hash;
}

/// Gives the attribute's length with its header, or 0 when there is none.
static size_t attribute_at(const uint8_t *bytes, size_t length, unsigned *type) {
  struct nlattr header;
  if (length < sizeof header) return 0;
  memcpy(&header, bytes, sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > length) return 0;
  *type = header.nla_type & NLA_TYPE_MASK;
  return header.nla_len;
}

/// Of what is in a nest: all attributes but those of the mask.
static uint64_t add_nest(uint64_t hash, const uint8_t *bytes, size_t length, uint32_t ignored) {
  unsigned type;
  for (size_t size; (size = attribute_at(bytes, length, &type)) != 0;) {
    if (type > 31 || (ignored >> type & 1) == 0) hash = add(hash, bytes, size);
    size_t step = NLA_ALIGN(size);
    if (step >= length) break;
    bytes += step;
    length -= step;
  }
  return hash;
}

static uint64_t add_message(uint64_t hash, const uint8_t *bytes, size_t length, uint32_t ignored) {
  unsigned type;
  for (size_t size; (size = attribute_at(bytes, length, &type)) != 0;) {
    // That it is another nest, and of what: its type. The length has that of ignored attributes in it.
    hash = add(hash, bytes + sizeof(uint16_t), sizeof(uint16_t));
    hash = add_nest(hash, bytes + NLA_HDRLEN, size - NLA_HDRLEN, ignored);
    size_t step = NLA_ALIGN(size);
    if (step >= length) break;
    bytes += step;
    length -= step;
  }
  return hash;
}

FUNCTION(vipd_digest) {
  Arguments args = arguments_read(env, info);
  Bytes data = argument_bytes(&args, 0, "data", 0, INT_HIGH);
  size_t length = (size_t)argument_integer(&args, 1, "length", 0, (int64_t)data.length);
  uint16_t type = (uint16_t)argument_integer(&args, 2, "type", 0, UINT16_MAX);
  uint32_t sequence = (uint32_t)argument_integer(&args, 3, "sequence", 0, UINT_HIGH);
  uint32_t ignored = (uint32_t)argument_integer(&args, 4, "ignored", 0, UINT_HIGH);
  Ints out = argument_ints(&args, 5, "out", WORDS);
  if (args.failed) return NULL;
  uint64_t hash = (uint64_t)(uint32_t)out.data[HIGH] << 32 | (uint32_t)out.data[LOW];
  if (hash == 0) hash = OFFSET_BASIS;
  size_t at = 0;
  while (length - at >= NLMSG_HDRLEN) {
    struct nlmsghdr header;
    memcpy(&header, data.data + at, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length - at) break;
    if (header.nlmsg_seq == sequence) {
      if (header.nlmsg_type != type) break;
      out.data[FLAGS] |= header.nlmsg_flags;
      if (header.nlmsg_len > NLMSG_HDRLEN + GENL_HDRLEN)
        hash = add_message(hash, data.data + at + NLMSG_HDRLEN + GENL_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN,
                           ignored);
    }
    size_t step = NLMSG_ALIGN(header.nlmsg_len);
    at = step < length - at ? at + step : length;
  }
  out.data[END] = (int32_t)at;
  out.data[LOW] = (int32_t)(uint32_t)hash;
  out.data[HIGH] = (int32_t)(uint32_t)(hash >> 32);
  return number_result(env, 0);
}
