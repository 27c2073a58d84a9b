// mtmd.h hides its context, so this file is compiled together with mtmd.cpp.
#include "mtmd.cpp" // NOLINT(bugprone-suspicious-include)

#include "clip-access.h"
#include "mtmd-access.h"

namespace waggle {

void setEncoderThreads(mtmd_context * context, int threads) {
    // mtmd passes this number on when the next encoding starts.
    context->n_threads = threads;
    if (context->ctx_v != nullptr) setClipThreads(context->ctx_v, threads);
}

bool dependsOnPlace(const mtmd_context * context) {
    const auto type = context->proj_type_v();
    // DeepSeek pads a picture to a multiple of positions in the prompt; Hunyuan's positions count the pictures before.
    return type == PROJECTOR_TYPE_DEEPSEEK4V || type == PROJECTOR_TYPE_HUNYUANVL;
}

} // namespace waggle
