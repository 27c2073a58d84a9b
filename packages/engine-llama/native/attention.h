// Measures the time of attention over many cells, with and without flash attention. Computes the attention of one layer after the other, as llama.cpp
// does on this processor, but without a llama.cpp context.
#pragma once

#include "napi.h"

namespace waggle {

/**
 * (model, options) => Promise<number>: milliseconds of the attention of `layers` layers in the fastest of `repetitions`. The options are integers: `heads`,
 * `keyHeads`, `keyLength`, `valueLength`, `typeK` and `typeV` (ggml types), `cells` (size of a layer's cache), `tokens` (how many of the last cells are
 * computed), `flash` (0 or 1), `layers`, `threads`, `repetitions`.
 */
Napi::Value measureAttention(const Napi::CallbackInfo & info);

} // namespace waggle
