// The second addon: reads pictures with mtmd, a library of llama.cpp. It uses the libraries that node-llama-cpp has loaded, so the first addon must
// make their symbols visible before (`shareLibraries`).
#include "projector.h"

namespace waggle {

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
    exports.Set("libraryVersion", WAGGLE_LIBRARY_VERSION);
    exports.Set("sourceHash", WAGGLE_SOURCE_HASH);
    exports.Set("Projector", Projector::define(env));
    return exports;
}

} // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)

} // namespace waggle
