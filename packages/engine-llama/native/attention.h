// Measures what attention costs behind a context, with and without flash attention: computes the attention of one layer after the other, as llama.cpp
// does it on this processor, without a context.
#pragma once

#include "napi.h"

namespace waggle {

/**
 * (model, options) => Promise<number>: milliseconds of the attention of `layers` layers, the least of `repetitions`. The options are integers: `heads`,
 * `keyHeads`, `keyLength`, `valueLength`, `typeK` and `typeV` (ggml types), `cells` (tokens that the layer's cache holds), `tokens` (the last of them, which
 * are computed), `flash` (0 or 1), `layers`, `threads`, `repetitions`.
 */
Napi::Value measureAttention(const Napi::CallbackInfo & info);

} // namespace waggle
