#include "attention.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "AddonModel.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "llama-functions.h"

namespace waggle {

namespace {

struct Options {
    int64_t heads, keyHeads, keyLength, valueLength, cells, tokens, layers;
    ggml_type typeK, typeV;
    bool flash;
    int threads, repetitions;
};

/** Fills the inputs: these bytes are small numbers in every type. */
constexpr uint8_t filling = 0x2c;

struct Freed {
    void operator()(ggml_context * context) const { ggml_free(context); }
    void operator()(ggml_backend * backend) const { ggml_backend_free(backend); }
    void operator()(ggml_backend_buffer * buffer) const { ggml_backend_buffer_free(buffer); }
};
template <typename T> using Owned = std::unique_ptr<T, Freed>;

/** The attention of one layer (`build_attn` and `build_attn_mha` of llama-graph.cpp, and `cpy_v` of llama-kv-cache.cpp). */
ggml_tensor * layerOf(ggml_context * c, ggml_cgraph * graph, const Options & o, ggml_tensor * rows, ggml_tensor * mask, ggml_tensor * query, ggml_tensor * value) {
    const int64_t keys = o.keyLength * o.keyHeads;
    const int64_t values = o.valueLength * o.keyHeads;
    ggml_tensor * cacheK = ggml_new_tensor_2d(c, o.typeK, keys, o.cells);
    ggml_tensor * cacheV = ggml_new_tensor_2d(c, o.typeV, values, o.cells);

    // Without flash attention, each number of a value is a separate row.
    ggml_tensor * stored = o.flash ? cacheV : ggml_reshape_2d(c, cacheV, 1, values * o.cells);
    ggml_tensor * given = o.flash ? value : ggml_reshape_2d(c, value, 1, values * o.tokens);
    ggml_build_forward_expand(graph, ggml_set_rows(c, stored, given, rows));

    ggml_tensor * q = ggml_permute(c, query, 0, 2, 1, 3);
    ggml_tensor * k = ggml_permute(c, ggml_view_3d(c, cacheK, o.keyLength, o.keyHeads, o.cells, ggml_row_size(o.typeK, o.keyLength), cacheK->nb[1], 0), 0, 2, 1, 3);
    const float scale = 1.0f / std::sqrt(static_cast<float>(o.keyLength));
    if (o.flash) {
        ggml_tensor * v = ggml_permute(c, ggml_view_3d(c, cacheV, o.valueLength, o.keyHeads, o.cells, ggml_row_size(o.typeV, o.valueLength), cacheV->nb[1], 0), 0, 2, 1, 3);
        ggml_tensor * result = ggml_flash_attn_ext(c, q, k, v, mask, scale, 0.0f, 0.0f);
        ggml_prec_set_acc(result, GGML_PREC_F32);
        return result;
    }
    const size_t row = ggml_row_size(o.typeV, o.cells);
    ggml_tensor * v = ggml_view_3d(c, cacheV, o.cells, o.valueLength, o.keyHeads, row, row * o.valueLength, 0);
    ggml_tensor * scores = ggml_mul_mat(c, k, q);
    ggml_prec_set_acc(scores, GGML_PREC_F32);
    ggml_tensor * mixed = ggml_mul_mat(c, v, ggml_soft_max_ext_inplace(c, scores, mask, scale, 0.0f));
    return ggml_cont_2d(c, ggml_permute(c, mixed, 0, 2, 1, 3), o.valueLength * o.heads, o.tokens);
}

double measure(const Options & o) {
    const Owned<ggml_backend> backend(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
    if (backend == nullptr) throw std::runtime_error("llama.cpp has no backend for the CPU");
    auto * registry = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend.get()));
    const auto setThreads = reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
    if (setThreads != nullptr) setThreads(backend.get(), o.threads);

    const size_t nodes = 32 * static_cast<size_t>(o.layers) + 64;
    const Owned<ggml_context> owned(ggml_init({ nodes * ggml_tensor_overhead() + ggml_graph_overhead_custom(nodes, false), nullptr, true }));
    ggml_context * c = owned.get();
    ggml_cgraph * graph = ggml_new_graph_custom(c, nodes, false);
    const int64_t values = o.valueLength * o.keyHeads;
    ggml_tensor * rows = ggml_new_tensor_1d(c, GGML_TYPE_I64, o.flash ? o.tokens : o.tokens * values);
    ggml_tensor * mask = ggml_new_tensor_2d(c, o.flash ? GGML_TYPE_F16 : GGML_TYPE_F32, o.cells, o.tokens);
    ggml_tensor * query = ggml_new_tensor_3d(c, GGML_TYPE_F32, o.keyLength, o.heads, o.tokens);
    ggml_tensor * value = ggml_new_tensor_2d(c, GGML_TYPE_F32, values, o.tokens);
    for (int64_t i = 0; i < o.layers; i++) ggml_build_forward_expand(graph, layerOf(c, graph, o, rows, mask, query, value));

    const Owned<ggml_backend_buffer> buffer(ggml_backend_alloc_ctx_tensors(c, backend.get()));
    if (buffer == nullptr) throw std::runtime_error("there is no memory to measure attention");
    ggml_backend_buffer_clear(buffer.get(), filling);
    std::vector<int64_t> places(static_cast<size_t>(rows->ne[0]));
    // The tokens are in the last cells: of the cache with flash attention, else of each channel.
    for (size_t i = 0; i < places.size(); i++) {
        const auto token = static_cast<int64_t>(o.flash ? i : i / static_cast<size_t>(values));
        const auto channel = static_cast<int64_t>(o.flash ? 0 : i % static_cast<size_t>(values));
        places[i] = channel * o.cells + o.cells - o.tokens + token;
    }
    ggml_backend_tensor_set(rows, places.data(), 0, ggml_nbytes(rows));

    double leastMs = std::numeric_limits<double>::infinity();
    for (int i = 0; i < o.repetitions; i++) {
        const auto start = std::chrono::steady_clock::now();
        if (ggml_backend_graph_compute(backend.get(), graph) != GGML_STATUS_SUCCESS) throw std::runtime_error("llama.cpp cannot compute attention");
        const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
        leastMs = std::min(leastMs, taken.count());
    }
    return leastMs;
}

/** Measures on a thread of libuv's pool. */
class Measurement : public Napi::AsyncWorker {
  public:
    Measurement(Napi::Env env, const Options & options) : Napi::AsyncWorker(env), options(options), deferred(Napi::Promise::Deferred::New(env)) {}

    Napi::Promise start() {
        Queue();
        return deferred.Promise();
    }

  protected:
    void Execute() override {
        try {
            ms = measure(options);
        } catch (const std::exception & error) {
            SetError(error.what());
        }
    }
    void OnOK() override { deferred.Resolve(Napi::Number::New(Env(), ms)); }
    void OnError(const Napi::Error & error) override { deferred.Reject(error.Value()); }

  private:
    const Options options;
    Napi::Promise::Deferred deferred;
    double ms = 0;
};

} // namespace

Napi::Value measureAttention(const Napi::CallbackInfo & info) {
    findLlama(info.Env(), Napi::ObjectWrap<AddonModel>::Unwrap(info[0].As<Napi::Object>()));
    const auto given = info[1].As<Napi::Object>();
    const auto number = [&given](const char * name) { return given.Get(name).As<Napi::Number>().Int64Value(); };
    const Options options = {
        number("heads"), number("keyHeads"), number("keyLength"), number("valueLength"), number("cells"), number("tokens"), number("layers"),
        static_cast<ggml_type>(number("typeK")), static_cast<ggml_type>(number("typeV")),
        number("flash") != 0,
        static_cast<int>(number("threads")), static_cast<int>(number("repetitions")),
    };
    const bool isPossible = options.keyHeads > 0 && options.heads % options.keyHeads == 0 && options.tokens > 0 && options.tokens <= options.cells
        && options.keyLength > 0 && options.valueLength > 0 && options.layers > 0;
    if (!isPossible) throw Napi::RangeError::New(info.Env(), "Cannot measure attention of this shape");
    return (new Measurement(info.Env(), options))->start();
}

} // namespace waggle
