#pragma once

struct clip_ctx;

namespace waggle {

/** The number of threads with which the CPU computes its next graphs. */
void setClipThreads(clip_ctx * context, int threads);

} // namespace waggle
