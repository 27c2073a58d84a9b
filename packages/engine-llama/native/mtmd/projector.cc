#include "projector.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "AddonModel.h"
#include "background.h"
#include "mtmd-access.h"

namespace waggle {

namespace {

/** After so many nodes of a graph, an encoding checks whether to stop. A picture's graph has hundreds of nodes. */
constexpr int nodesPerLook = 8;

/** A picture's chunks and the separators between them. */
using Chunks = std::unique_ptr<mtmd_input_chunks, decltype(&mtmd_input_chunks_free)>;

/** The last error that mtmd logged. mtmd's functions return numbers only, so the reason of a failure is in its log. */
class LastError {
  public:
    void add(const char * text) {
        const std::lock_guard<std::mutex> guard(mutex);
        last = text;
        while (!last.empty() && last.back() == '\n') last.pop_back();
    }

    std::string take(const std::string & otherwise) {
        const std::lock_guard<std::mutex> guard(mutex);
        std::string taken = last.empty() ? otherwise : last;
        last.clear();
        return taken;
    }

  private:
    std::mutex mutex;
    std::string last;
};

LastError lastError;

void onLog(ggml_log_level level, const char * text, void *) {
    if (level == GGML_LOG_LEVEL_ERROR) lastError.add(text);
}

} // namespace

Napi::Function Projector::define(Napi::Env env) {
    mtmd_log_set(onLog, nullptr);
    return DefineClass(env, "Projector", {
        InstanceMethod("load", &Projector::load),
        InstanceMethod("divide", &Projector::divide),
        InstanceMethod("encode", &Projector::encode),
        InstanceMethod("setThreads", &Projector::setThreads),
        InstanceMethod("stop", &Projector::stop),
        InstanceMethod("drop", &Projector::drop),
        InstanceMethod("free", &Projector::free),
    });
}

Projector::Projector(const Napi::CallbackInfo & info)
    : Napi::ObjectWrap<Projector>(info), model(Napi::ObjectWrap<AddonModel>::Unwrap(info[0].As<Napi::Object>())),
      owner(Napi::Persistent(info[0].As<Napi::Object>())) {}

/** Called for each node of a graph before it is computed, and again after the last node of each piece of the graph. */
bool Projector::onNode(ggml_tensor *, bool isAsked, void * data) {
    auto & control = *static_cast<Control *>(data);
    if (isAsked) {
        if (++control.nodes < nodesPerLook) return false;
        control.nodes = 0;
        return true;
    }
    const int threads = control.threads;
    if (threads != control.usedThreads) setEncoderThreads(control.context, threads);
    control.usedThreads = threads;
    return !control.isStopped;
}

mtmd_context * Projector::loaded(Napi::Env env) const {
    if (context == nullptr) throw Napi::Error::New(env, "The projector is not loaded");
    return context.get();
}

Napi::Value Projector::load(const Napi::CallbackInfo & info) {
    const std::string path = info[0].As<Napi::String>();
    const bool useGpu = info[1].As<Napi::Boolean>();
    const std::string flashAttention = info[2].As<Napi::String>();
    const llama_model * text = model->model;
    if (text == nullptr) throw Napi::Error::New(info.Env(), "The model is disposed");

    const auto compute = [this, path, useGpu, flashAttention, text] {
        mtmd_context_params params = mtmd_context_params_default();
        params.use_gpu = useGpu;
        params.flash_attn_type = flashAttention == "on" ? LLAMA_FLASH_ATTN_TYPE_ENABLED
            : flashAttention == "off" ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
        params.print_timings = false;
        params.cb_eval = onNode;
        params.cb_eval_user_data = control.get();
        // The callback's data must live as long as the context.
        context = ContextPtr(mtmd_init_from_file(path.c_str(), text, params), [control = control](mtmd_context * gone) {
            if (gone != nullptr) mtmd_free(gone);
        });
        if (context == nullptr) throw std::runtime_error(lastError.take("mtmd cannot read it"));
        control->context = context.get();
        width = static_cast<size_t>(llama_model_n_embd_inp(text));
    };
    return inBackground(Value(), compute, [this](Napi::Env env) -> Napi::Value {
        auto facts = Napi::Object::New(env);
        facts.Set("width", static_cast<double>(width));
        facts.Set("vision", mtmd_support_vision(context.get()));
        facts.Set("dependsOnPlace", mtmd_support_vision(context.get()) && waggle::dependsOnPlace(context.get()));
        return facts;
    });
}

Napi::Value Projector::divide(const Napi::CallbackInfo & info) {
    const auto rgb = info[0].As<Napi::Uint8Array>();
    const uint32_t columns = info[1].As<Napi::Number>();
    const uint32_t rows = info[2].As<Napi::Number>();
    if (columns == 0 || rows == 0 || rgb.ByteLength() != size_t{ 3 } * columns * rows) {
        throw Napi::RangeError::New(info.Env(), "A picture has three bytes for each pixel");
    }
    loaded(info.Env());

    auto pixels = std::make_shared<std::vector<uint8_t>>(rgb.Data(), rgb.Data() + rgb.ByteLength());
    auto divided = std::make_shared<Chunks>(mtmd_input_chunks_init(), mtmd_input_chunks_free);
    const auto compute = [held = context, pixels, divided, columns, rows] {
        const std::unique_ptr<mtmd_bitmap, decltype(&mtmd_bitmap_free)> bitmap(mtmd_bitmap_init(columns, rows, pixels->data()), mtmd_bitmap_free);
        const mtmd_input_part part = { nullptr, bitmap.get() };
        const mtmd_input_part * parts[] = { &part };
        if (mtmd_tokenize_from_parts(held.get(), divided->get(), parts, 1, false) != 0) {
            throw std::runtime_error(lastError.take("mtmd cannot divide it"));
        }
    };
    return inBackground(Value(), compute, [this, held = context, divided](Napi::Env env) -> Napi::Value {
        auto list = Napi::Array::New(env);
        for (size_t i = 0; i < mtmd_input_chunks_size(divided->get()); i++) {
            const mtmd_input_chunk * chunk = mtmd_input_chunks_get(divided->get(), i);
            if (mtmd_input_chunk_get_type(chunk) == MTMD_INPUT_CHUNK_TYPE_TEXT) {
                size_t count = 0;
                const llama_token * tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
                auto copy = Napi::Int32Array::New(env, count);
                std::copy(tokens, tokens + count, copy.Data());
                auto part = Napi::Object::New(env);
                part.Set("tokens", copy);
                list.Set(i, part);
                continue;
            }
            const int64_t number = nextChunk++;
            list.Set(i, describe(env, held.get(), chunk, number));
            chunks[number] = ChunkPtr(mtmd_input_chunk_copy(chunk), mtmd_input_chunk_free);
        }
        return list;
    });
}

Napi::Value Projector::describe(Napi::Env env, const mtmd_context * context, const mtmd_input_chunk * chunk, int64_t number) {
    const size_t cells = mtmd_input_chunk_get_n_tokens(chunk);
    const mtmd_image_tokens * image = mtmd_input_chunk_get_tokens_image(chunk);
    auto part = Napi::Object::New(env);
    part.Set("chunk", static_cast<double>(number));
    part.Set("cells", static_cast<double>(cells));
    part.Set("positions", static_cast<double>(mtmd_input_chunk_get_n_pos(chunk)));
    part.Set("causal", !mtmd_decode_use_non_causal(context, chunk));
    if (!mtmd_decode_use_mrope(context) || image == nullptr) return part;
    auto places = Napi::Int32Array::New(env, 4 * cells);
    for (size_t i = 0; i < cells; i++) {
        const mtmd_decoder_pos place = mtmd_image_tokens_get_decoder_pos(image, 0, i);
        places[i] = static_cast<int32_t>(place.t);
        places[cells + i] = static_cast<int32_t>(place.y);
        places[2 * cells + i] = static_cast<int32_t>(place.x);
        places[3 * cells + i] = static_cast<int32_t>(place.z);
    }
    part.Set("places", places);
    return part;
}

Napi::Value Projector::encode(const Napi::CallbackInfo & info) {
    const auto found = chunks.find(info[0].As<Napi::Number>().Int64Value());
    if (found == chunks.end()) throw Napi::RangeError::New(info.Env(), "There is no such chunk");
    if (isEncoding) throw Napi::Error::New(info.Env(), "A picture is being encoded");
    loaded(info.Env());
    const int threads = std::max(1, info[1].As<Napi::Number>().Int32Value());
    isEncoding = true;
    control->isStopped = false;
    control->threads = threads;

    auto embeddings = std::make_shared<std::vector<float>>();
    const auto compute = [held = context, chunk = found->second, control = control, embeddings, width = width, threads] {
        control->nodes = 0;
        control->usedThreads = threads;
        setEncoderThreads(held.get(), threads);
        const bool isEncoded = mtmd_encode_chunk(held.get(), chunk.get()) == 0;
        if (control->isStopped) return;
        if (!isEncoded) throw std::runtime_error(lastError.take("mtmd cannot encode it"));
        const float * output = mtmd_get_output_embd(held.get());
        embeddings->assign(output, output + width * mtmd_input_chunk_get_n_tokens(chunk.get()));
    };
    const auto result = [embeddings](Napi::Env env) -> Napi::Value {
        if (embeddings->empty()) return env.Undefined();
        const auto release = [kept = embeddings](Napi::Env, void *) mutable { kept.reset(); };
        auto buffer = Napi::ArrayBuffer::New(env, embeddings->data(), embeddings->size() * sizeof(float), release);
        return Napi::Float32Array::New(env, embeddings->size(), buffer, 0);
    };
    return inBackground(Value(), compute, result, [this] { isEncoding = false; });
}

void Projector::setThreads(const Napi::CallbackInfo & info) {
    control->threads = std::max(1, info[0].As<Napi::Number>().Int32Value());
}

void Projector::stop(const Napi::CallbackInfo &) {
    control->isStopped = true;
}

void Projector::drop(const Napi::CallbackInfo & info) {
    chunks.erase(info[0].As<Napi::Number>().Int64Value());
}

void Projector::free(const Napi::CallbackInfo &) {
    control->isStopped = true;
    chunks.clear();
    context.reset();
}

} // namespace waggle
