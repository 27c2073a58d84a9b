// Owns the steps on a context of node-llama-cpp: decodes a batch and samples from it in one call on a thread of libuv's pool.
#pragma once

#include <cstdint>
#include <vector>

#include "cells.h"
#include "llama-functions.h"
#include "napi.h"

class AddonContext;

namespace waggle {

class Decoder : public Napi::ObjectWrap<Decoder> {
  public:
    static Napi::Function define(Napi::Env env);

    /** `new Decoder(context)`, with the AddonContext of node-llama-cpp. Takes the cache tensors recorded since `startReserving`. */
    explicit Decoder(const Napi::CallbackInfo & info);

    /** Null if node-llama-cpp has disposed the context. */
    llama_context * context() const;

    int32_t vocabularySize = 0;

  private:
    /** (tokens, sequences, positions, outputs, drawAt, samplers, seeds, topCounts) => Promise<Float64Array> */
    Napi::Value decode(const Napi::CallbackInfo & info);
    /** (at, top, tokens, total) => Float64Array */
    Napi::Value getLogits(const Napi::CallbackInfo & info);
    /** (sequence, embeddings, positions, causal) => Promise<void>: one position for each cell; with M-RoPE first the first dimension of all cells, then the other three */
    Napi::Value decodeEmbeddings(const Napi::CallbackInfo & info);
    /** (from, to, keep) => Promise<void> */
    Napi::Value copySequence(const Napi::CallbackInfo & info);
    /** (sequence, from) => void */
    void release(const Napi::CallbackInfo & info);

    AddonContext * wrapped;
    /** Keeps node-llama-cpp's context alive. */
    Napi::ObjectReference owner;
    std::vector<CacheTensor> cache;
};

} // namespace waggle
