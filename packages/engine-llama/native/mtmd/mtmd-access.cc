// Includes mtmd.cpp, because mtmd.h does not show the fields of a context.
#include "mtmd.cpp" // NOLINT(bugprone-suspicious-include)

#include "clip-access.h"
#include "mtmd-access.h"

namespace waggle {

void setEncoderThreads(mtmd_context * context, int threads) {
    // mtmd sets these threads when the next encoding starts; the next line sets those of an encoding that runs.
    context->n_threads = threads;
    if (context->ctx_v != nullptr) setClipThreads(context->ctx_v, threads);
}

bool dependsOnPlace(const mtmd_context * context) {
    const auto type = context->proj_type_v();
    // DeepSeek pads a picture to a multiple of positions in the prompt; Hunyuan's positions count the earlier pictures.
    return type == PROJECTOR_TYPE_DEEPSEEK4V || type == PROJECTOR_TYPE_HUNYUANVL;
}

} // namespace waggle
