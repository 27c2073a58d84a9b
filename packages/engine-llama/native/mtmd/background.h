// Owns work on separate threads. libuv's pool cannot do it: the pool has one thread, which computes the steps.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "napi.h"

namespace waggle {

/**
 * Runs `compute` on a new thread, then `result` on the main thread, and resolves a promise with its value.
 * @param owner kept alive until then
 * @param ended called on the main thread before the promise settles
 */
inline Napi::Promise inBackground(
    const Napi::Object & owner,
    std::function<void()> compute,
    std::function<Napi::Value(Napi::Env)> result,
    std::function<void()> ended = [] {}
) {
    struct Work {
        explicit Work(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

        Napi::Promise::Deferred deferred;
        Napi::ObjectReference owner;
        std::function<Napi::Value(Napi::Env)> result;
        std::function<void()> ended;
        /** Why the computation failed; empty if it did not. */
        std::string error;
    };

    const Napi::Env env = owner.Env();
    auto work = std::make_shared<Work>(env);
    work->owner = Napi::Persistent(owner);
    work->result = std::move(result);
    work->ended = std::move(ended);
    auto main = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo &) {}), "waggle", 0, 1);
    const Napi::Promise promise = work->deferred.Promise();

    std::thread([work, main, compute = std::move(compute)]() mutable {
        try {
            compute();
        } catch (const std::exception & error) {
            work->error = error.what();
        } catch (...) {
            work->error = "mtmd failed";
        }
        const auto settle = [work = std::move(work)](Napi::Env inner, Napi::Function) {
            work->ended();
            if (work->error.empty()) work->deferred.Resolve(work->result(inner));
            else work->deferred.Reject(Napi::Error::New(inner, work->error).Value());
            work->owner.Reset();
        };
        main.BlockingCall(settle);
        main.Release();
    }).detach();
    return promise;
}

} // namespace waggle
