// llama.cpp's pixtral.cpp multiplies memory that it has never written by 0 to clear it. Where that memory holds NaN, the whole answer is NaN. This file
// compiles pixtral.cpp with a call that writes zeros instead.
#include "models/models.h"

static ggml_tensor * scaleOrClear(ggml_context * context, ggml_tensor * tensor, float factor) {
    return factor == 0.0f ? ggml_fill(context, tensor, 0.0f) : ggml_scale(context, tensor, factor);
}

#define ggml_scale scaleOrClear
#include "models/pixtral.cpp" // NOLINT(bugprone-suspicious-include)
