// Owns a projector, which lets a model read pictures: divides a picture into chunks, and encodes chunks to embeddings.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "mtmd.h"
#include "napi.h"

class AddonModel;

namespace waggle {

class Projector : public Napi::ObjectWrap<Projector> {
  public:
    static Napi::Function define(Napi::Env env);

    /** `new Projector(model)`, with the AddonModel of node-llama-cpp. Loads nothing yet. */
    explicit Projector(const Napi::CallbackInfo & info);

  private:
    using ContextPtr = std::shared_ptr<mtmd_context>;
    using ChunkPtr = std::shared_ptr<mtmd_input_chunk>;

    /** Read by the encoding thread while it computes. */
    struct Control {
        std::atomic<bool> isStopped{ false };
        std::atomic<int> threads{ 1 };
        /** Number of nodes since the last check of the other fields. Used by the encoding thread only. */
        int nodes = 0;
        int usedThreads = 1;
        mtmd_context * context = nullptr;
    };

    /** (path, useGpu, flashAttention: "on", "off" or "auto") => Promise<{ width, vision, dependsOnPlace }>: `width` is the number of floats of a cell. */
    Napi::Value load(const Napi::CallbackInfo & info);
    /** (rgb, width, height) => Promise<({ tokens } | { chunk, cells, positions, causal, places })[]>: see `NativePart` in projector.ts. */
    Napi::Value divide(const Napi::CallbackInfo & info);
    /** (chunk, threads) => Promise<Float32Array | undefined>: the embeddings of all cells, or undefined after `stop`. One call at a time. */
    Napi::Value encode(const Napi::CallbackInfo & info);
    /** (threads) => void: sets the threads of the running encoding. */
    void setThreads(const Napi::CallbackInfo & info);
    /** () => void: makes the running encoding end at its next check. */
    void stop(const Napi::CallbackInfo & info);
    /** (chunk) => void: frees a chunk. */
    void drop(const Napi::CallbackInfo & info);
    /** () => void: stops the running encoding, and then frees the projector. */
    void free(const Napi::CallbackInfo & info);

    mtmd_context * loaded(Napi::Env env) const;
    static Napi::Value describe(Napi::Env env, const mtmd_context * context, const mtmd_input_chunk * chunk, int64_t number);
    static bool onNode(ggml_tensor * node, bool isAsked, void * control);

    AddonModel * model;
    /** Keeps node-llama-cpp's model alive. */
    Napi::ObjectReference owner;
    ContextPtr context;
    size_t width = 0;
    std::map<int64_t, ChunkPtr> chunks;
    int64_t nextChunk = 0;
    std::shared_ptr<Control> control = std::make_shared<Control>();
    bool isEncoding = false;
};

} // namespace waggle
