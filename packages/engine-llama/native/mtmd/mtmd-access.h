// What Waggle needs of llama.cpp's mtmd beyond mtmd.h: the number of threads of an encoding that runs.
#pragma once

#include "mtmd.h"

namespace waggle {

/** Takes effect with the next graph that is computed: at an encoding's start, or in `cb_eval` while it runs. Only from the thread that encodes. */
void setEncoderThreads(mtmd_context * context, int threads);

/** Whether the cells of a picture depend on where in the prompt the picture is, so that they cannot be computed without the prompt. */
bool dependsOnPlace(const mtmd_context * context);

} // namespace waggle
