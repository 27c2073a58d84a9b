#pragma once

struct clip_ctx;

namespace waggle {

/** Sets the number of threads with which the CPU computes the next graphs. */
void setClipThreads(clip_ctx * context, int threads);

} // namespace waggle
