/* SPDX-License-Identifier: Apache-2.0 */
/* base/wire: whatever comes on a stream, a frame lies within it and is written back the same. */
#include "fuzz.h"

#include "base/wire.h"

#include <countersign/error.h>
#include <countersign/protocol.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_buf out = CS_BUF_INIT(size + CS_FRAME_HEADER);
    struct cs_bytes left = CS_BYTES(data, size);
    struct cs_frame frame;
    size_t taken = 0, at;
    int r;

    while ((r = cs_frame_parse(left, &frame, &taken)) == 1) {
        FUZZ_CHECK(taken <= left.len && taken == CS_FRAME_HEADER + frame.body.len);
        FUZZ_CHECK(frame.body.len <= CS_FRAME_MAX);
        at = cs_frame_begin(&out, frame.type, frame.id);
        cs_buf_put(&out, frame.body.data, frame.body.len);
        FUZZ_CHECK(cs_frame_end(&out, at) == 0);
        left = CS_BYTES(left.data + taken, left.len - taken);
    }
    FUZZ_CHECK(r == 0 || r == CS_ERR_PROTOCOL || r == CS_ERR_TOO_LARGE);
    FUZZ_CHECK(cs_bytes_equal(cs_buf_bytes(&out), CS_BYTES(data, size - left.len)));
    cs_buf_deinit(&out);
    return 0;
}
