// The first addon: decodes and samples a step in one call, and lets streams of a context share their memory. It uses the libraries of llama.cpp
// that node-llama-cpp has loaded from one of its packages. So node-llama-cpp's addon must be loaded first, and its version must be the same.
#include "AddonContext.h"
#include "AddonModel.h"
#include "attention.h"
#include "cells.h"
#include "decoder.h"
#include "llama-functions.h"
#include "sampler.h"

namespace waggle {

namespace {

/** (valuesLie) => void: see `startReserving` in cells.h. `new Decoder` or `stopReserving` ends it. */
void start(const Napi::CallbackInfo & info) {
    startReserving(info[0].As<Napi::Boolean>().Value());
}

void stop(const Napi::CallbackInfo &) {
    stopReserving();
}

/** (context, cells) => void: gives all sequences of a context one cache of this size. Must be called before node-llama-cpp's `init`. */
void unify(const Napi::CallbackInfo & info) {
    auto & params = Napi::ObjectWrap<AddonContext>::Unwrap(info[0].As<Napi::Object>())->context_params;
    params.kv_unified = true;
    params.n_ctx = info[1].As<Napi::Number>().Uint32Value();
}

/** (model) => void: makes the libraries of llama.cpp visible to addons that are loaded later. The model is node-llama-cpp's AddonModel. */
void share(const Napi::CallbackInfo & info) {
    shareLibraries(info.Env(), Napi::ObjectWrap<AddonModel>::Unwrap(info[0].As<Napi::Object>()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
    exports.Set("libraryVersion", WAGGLE_LIBRARY_VERSION);
    exports.Set("sourceHash", WAGGLE_SOURCE_HASH);
    exports.Set("Sampler", Sampler::define(env));
    exports.Set("Decoder", Decoder::define(env));
    exports.Set("startReserving", Napi::Function::New(env, start));
    exports.Set("stopReserving", Napi::Function::New(env, stop));
    exports.Set("shareLibraries", Napi::Function::New(env, share));
    exports.Set("measureAttention", Napi::Function::New(env, measureAttention));
    exports.Set("unify", Napi::Function::New(env, unify));
    return exports;
}

} // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)

} // namespace waggle
