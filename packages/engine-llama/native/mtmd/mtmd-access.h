// Declares what Waggle needs of llama.cpp's mtmd and mtmd.h does not offer: threads of an encoding that runs, and facts about projectors.
#pragma once

#include "mtmd.h"

namespace waggle {

/** Takes effect from the next graph on. To be called on the thread that encodes: before an encoding starts, or in `cb_eval` while it runs. */
void setEncoderThreads(mtmd_context * context, int threads);

/** Whether the cells of a picture depend on its place in the prompt, so that they cannot be computed without the prompt. */
bool dependsOnPlace(const mtmd_context * context);

} // namespace waggle
