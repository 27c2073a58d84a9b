#include "llama-functions.h"

#include <dlfcn.h>

#include <string>

namespace waggle {

namespace {

/** Gets a handle of node-llama-cpp's addon, which is loaded already. */
void * openAddon(Napi::Env env, const void * object, int flags) {
    // An object points to its virtual functions, which are in the file that defines its class.
    Dl_info file;
    if (dladdr(*static_cast<void * const *>(object), &file) == 0) throw Napi::Error::New(env, "Cannot find node-llama-cpp's addon");
    void * addon = dlopen(file.dli_fname, RTLD_LAZY | RTLD_NOLOAD | flags);
    if (addon == nullptr) throw Napi::Error::New(env, std::string("Cannot open node-llama-cpp's addon: ") + file.dli_fname);
    return addon;
}

} // namespace

void shareLibraries(Napi::Env env, const void * object) {
    // The flag also makes the libraries visible that the addon needs.
    openAddon(env, object, RTLD_GLOBAL);
}

void findLlama(Napi::Env env, const void * object) {
    static void * found = nullptr;
    void * addon = openAddon(env, object, 0);
    if (addon == found) return;
    if (found != nullptr) throw Napi::Error::New(env, "Another addon of node-llama-cpp is in use in this process");

#define WAGGLE_FIND(name)                                                  \
    name = reinterpret_cast<decltype(&::name)>(dlsym(addon, #name));       \
    if (name == nullptr) throw Napi::Error::New(env, "llama.cpp has no function " #name);
    WAGGLE_LLAMA_FUNCTIONS(WAGGLE_FIND)
#undef WAGGLE_FIND
    found = addon;
}

} // namespace waggle
