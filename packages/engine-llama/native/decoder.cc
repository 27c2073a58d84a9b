#include "decoder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "AddonContext.h"
#include "sampler.h"

namespace waggle {

namespace {

/** A token to sample. */
struct Draw {
    /** Index of the batch's token whose logits are sampled. */
    int32_t at;
    Sampler * sampler;
    uint32_t seed;
    /** With 0, the result is the token only. Otherwise it is also the token's logit, and those of the `topCount - 1` most probable tokens. */
    uint32_t topCount;
    /** Index of the draw's first number in the result. */
    size_t offset;
};

constexpr const char * disposed = "The context is disposed";

/** A draw with logprobs begins with four numbers, before the alternatives: token, its logit, greatest logit, sum of exp(logit - greatest). */
constexpr size_t logprobNumbers = 4;

/** Finds the tokens with the greatest logits, greatest first; if logits are equal, the lower token first. */
std::vector<llama_token> topTokens(const float * logits, int32_t vocabularySize, size_t count) {
    const auto isBetter = [logits](llama_token a, llama_token b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    };
    count = std::min(count, static_cast<size_t>(vocabularySize));
    // A heap with the worst token in front: most tokens are compared only with that one.
    std::vector<llama_token> heap;
    heap.reserve(count + 1);
    for (llama_token token = 0; token < vocabularySize && count > 0; token++) {
        if (heap.size() == count && !isBetter(token, heap.front())) continue;
        heap.push_back(token);
        std::push_heap(heap.begin(), heap.end(), isBetter);
        if (heap.size() <= count) continue;
        std::pop_heap(heap.begin(), heap.end(), isBetter);
        heap.pop_back();
    }
    std::sort_heap(heap.begin(), heap.end(), isBetter);
    return heap;
}

double weightOf(const float * logits, int32_t vocabularySize, float greatest) {
    double sum = 0;
    for (llama_token token = 0; token < vocabularySize; token++) sum += expf(logits[token] - greatest);
    return sum;
}

std::string problemOf(int32_t code) {
    switch (code) {
        case 1: return "Cannot decode the batch: no cells of the KV cache are free";
        case 2: return "Cannot decode the batch: the computation was stopped";
        default: return "Cannot decode the batch: llama_decode returned " + std::to_string(code);
    }
}

/** A batch in which each token belongs to one sequence. */
class Batch {
  public:
    void add(llama_token token, llama_seq_id sequence, llama_pos position, bool hasLogits) {
        tokens.push_back(token);
        sequences.push_back(sequence);
        positions.push_back(position);
        outputs.push_back(hasLogits ? 1 : 0);
    }

    int32_t size() const { return static_cast<int32_t>(tokens.size()); }

    /** The view is valid until the batch changes. */
    llama_batch view() {
        counts.assign(tokens.size(), 1);
        pointers.resize(tokens.size());
        for (size_t i = 0; i < tokens.size(); i++) pointers[i] = &sequences[i];
        return { size(), tokens.data(), nullptr, positions.data(), counts.data(), pointers.data(), outputs.data() };
    }

    llama_token tokenAt(int32_t index) const { return tokens[index]; }

    bool hasLogitsAt(int32_t index) const { return index >= 0 && index < size() && outputs[index] != 0; }

  private:
    std::vector<llama_token> tokens;
    std::vector<llama_seq_id> sequences;
    std::vector<llama_pos> positions;
    std::vector<int8_t> outputs;
    std::vector<int32_t> counts;
    std::vector<llama_seq_id *> pointers;
};

/** Runs on a thread of libuv's pool, and settles a promise. */
class Task : public Napi::AsyncWorker {
  public:
    Task(Napi::Env env, Decoder & decoder)
        : Napi::AsyncWorker(env), decoder(decoder), deferred(Napi::Promise::Deferred::New(env)) {
        decoder.Ref();
    }
    ~Task() override { decoder.Unref(); }

    Napi::Promise start() {
        Queue();
        return deferred.Promise();
    }

  protected:
    virtual void compute() = 0;

    void Execute() final {
        if (decoder.context() == nullptr) return SetError(disposed);
        try {
            compute();
        } catch (const std::exception & error) {
            SetError(error.what());
        } catch (...) {
            SetError("llama.cpp failed");
        }
    }
    void OnOK() override { deferred.Resolve(Env().Undefined()); }
    void OnError(const Napi::Error & error) final { deferred.Reject(error.Value()); }

    Decoder & decoder;
    Napi::Promise::Deferred deferred;
};

/** Decodes a batch and samples from it. */
class Step : public Task {
  public:
    Step(const Napi::CallbackInfo & info, Decoder & decoder) : Task(info.Env(), decoder) {}
    ~Step() override {
        for (const auto & draw : draws) draw.sampler->Unref();
    }

    /**
     * The draws of a sampler must be at consecutive tokens of the batch.
     * @throws Napi::Error if they are not, or if the lists differ in length
     */
    void addDraws(Napi::Env env, const Napi::Int32Array & at, const Napi::Value samplers, const Napi::Value seeds, const Napi::Value topCounts) {
        const auto samplerList = samplers.As<Napi::Array>();
        const auto seedList = seeds.As<Napi::Uint32Array>();
        const auto topList = topCounts.As<Napi::Uint32Array>();
        const size_t count = at.ElementLength();
        if (samplerList.Length() != count || seedList.ElementLength() != count || topList.ElementLength() != count) {
            throw Napi::RangeError::New(env, "The lists of draws must have the same length");
        }
        const auto mostTop = static_cast<uint32_t>(decoder.vocabularySize) + 1;
        size_t length = 0;
        for (uint32_t i = 0; i < count; i++) {
            auto * sampler = Napi::ObjectWrap<Sampler>::Unwrap(samplerList.Get(i).As<Napi::Object>());
            const bool isTaken = std::any_of(draws.begin(), draws.end(), [sampler](const Draw & draw) { return draw.sampler == sampler; });
            const bool follows = isTaken && draws.back().sampler == sampler && draws.back().at + 1 == at[i];
            if (isTaken && !follows) throw Napi::Error::New(env, "A sampler can draw at consecutive tokens only");
            if (topList[i] > mostTop) throw Napi::RangeError::New(env, "There are not so many tokens in the vocabulary");
            sampler->Ref();
            draws.push_back({ at[i], sampler, seedList[i], topList[i], length });
            length += topList[i] == 0 ? 1 : logprobNumbers + 2 * static_cast<size_t>(topList[i] - 1);
        }
        result.assign(length, NAN);
    }

    Batch batch;

  protected:
    void compute() override {
        const int32_t code = llama_decode(decoder.context(), batch.view());
        if (code != 0) throw std::runtime_error(problemOf(code));
        llama_synchronize(decoder.context());
        sample();
    }

  private:
    // On one thread, because sampling takes little time compared with decoding, and on a busy machine it takes longer to wake other threads.
    void sample() {
        std::vector<llama_token> sampled(draws.size(), LLAMA_TOKEN_NULL);
        for (size_t i = 0; i < draws.size(); i++) {
            const Draw & draw = draws[i];
            result[draw.offset] = LLAMA_TOKEN_NULL;
            // The token at this draw is a draft: a guess of the token that the sampler's last draw samples. After a wrong guess, the logits are useless.
            const bool isDraft = i > 0 && draws[i - 1].sampler == draw.sampler;
            if (isDraft && sampled[i - 1] != batch.tokenAt(draw.at)) continue;
            sampled[i] = sampleOne(draw);
        }
    }

    llama_token sampleOne(const Draw & draw) {
        double * numbers = result.data() + draw.offset;
        const float * logits = llama_get_logits_ith(decoder.context(), draw.at);
        if (logits == nullptr) return LLAMA_TOKEN_NULL;
        const llama_token token = draw.sampler->sample(logits, draw.seed);
        numbers[0] = token;
        if (token != LLAMA_TOKEN_NULL && draw.topCount > 0) describe(logits, token, draw.topCount - 1, numbers);
        return token;
    }

    void describe(const float * logits, llama_token token, size_t alternatives, double * numbers) const {
        const int32_t vocabularySize = decoder.vocabularySize;
        const auto top = topTokens(logits, vocabularySize, std::max<size_t>(alternatives, 1));
        const float greatest = logits[top[0]];
        numbers[1] = logits[token];
        numbers[2] = greatest;
        numbers[3] = weightOf(logits, vocabularySize, greatest);
        for (size_t i = 0; i < alternatives; i++) {
            numbers[logprobNumbers + 2 * i] = top[i];
            numbers[logprobNumbers + 2 * i + 1] = logits[top[i]];
        }
    }

    void OnOK() override {
        auto numbers = Napi::Float64Array::New(Env(), result.size());
        std::copy(result.begin(), result.end(), numbers.Data());
        deferred.Resolve(numbers);
    }

    std::vector<Draw> draws;
    std::vector<double> result;
};

/** Decodes embeddings, for example of a picture, without logits. */
class Embeddings : public Task {
  public:
    Embeddings(const Napi::CallbackInfo & info, Decoder & decoder)
        : Task(info.Env(), decoder), sequence(info[0].As<Napi::Number>().Int32Value()), isCausal(info[3].As<Napi::Boolean>().Value()) {
        const auto given = info[1].As<Napi::Float32Array>();
        const auto places = info[2].As<Napi::Int32Array>();
        const llama_model * model = llama_get_model(decoder.context());
        const auto rope = llama_model_rope_type(model);
        const size_t width = static_cast<size_t>(llama_model_n_embd_inp(model));
        count = given.ElementLength() / width;
        const size_t dimensions = rope == LLAMA_ROPE_TYPE_MROPE || rope == LLAMA_ROPE_TYPE_IMROPE ? 4 : 1;
        if (count == 0 || given.ElementLength() != count * width || places.ElementLength() != count * dimensions) {
            throw Napi::RangeError::New(info.Env(), "Embeddings and positions do not fit each other");
        }
        // With more embeddings, llama.cpp would end the process: without causal attention, all must be in one pass.
        const uint32_t most = isCausal ? llama_n_batch(decoder.context()) : llama_n_ubatch(decoder.context());
        if (count > most) throw Napi::RangeError::New(info.Env(), "The batch has no room for so many embeddings");
        values.assign(given.Data(), given.Data() + given.ElementLength());
        positions.assign(places.Data(), places.Data() + places.ElementLength());
    }

  protected:
    void compute() override {
        std::vector<int32_t> counts(count, 1);
        std::vector<llama_seq_id *> sequences(count, &sequence);
        std::vector<int8_t> outputs(count, 0);
        const llama_batch batch = { static_cast<int32_t>(count), nullptr, values.data(), positions.data(), counts.data(), sequences.data(), outputs.data() };
        if (!isCausal) llama_set_causal_attn(decoder.context(), false);
        const int32_t code = llama_decode(decoder.context(), batch);
        if (code == 0) llama_synchronize(decoder.context());
        if (!isCausal) llama_set_causal_attn(decoder.context(), true);
        if (code != 0) throw std::runtime_error(problemOf(code));
    }

  private:
    llama_seq_id sequence;
    const bool isCausal;
    size_t count = 0;
    std::vector<float> values;
    std::vector<llama_pos> positions;
};

/** Copies a sequence's cells into another sequence. */
class Copy : public Task {
  public:
    Copy(const Napi::CallbackInfo & info, Decoder & decoder)
        : Task(info.Env(), decoder), from(info[0].As<Napi::Number>().Int32Value()), to(info[1].As<Napi::Number>().Int32Value()),
          keep(info[2].As<Napi::Number>().Int32Value()) {}

  protected:
    void compute() override {
        llama_context * context = decoder.context();
        std::vector<uint8_t> cells(llama_state_seq_get_size(context, from));
        const size_t written = llama_state_seq_get_data(context, cells.data(), cells.size(), from);
        if (written == 0 || llama_state_seq_set_data(context, cells.data(), written, to) == 0) {
            throw std::runtime_error("Cannot copy the cells of a sequence");
        }
        if (!llama_memory_seq_rm(llama_get_memory(context), to, keep, -1)) throw std::runtime_error("Cannot cut the copy of a sequence");
    }

  private:
    const llama_seq_id from;
    const llama_seq_id to;
    const llama_pos keep;
};

} // namespace

Napi::Function Decoder::define(Napi::Env env) {
    return DefineClass(env, "Decoder", {
        InstanceMethod("decode", &Decoder::decode),
        InstanceMethod("getLogits", &Decoder::getLogits),
        InstanceMethod("decodeEmbeddings", &Decoder::decodeEmbeddings),
        InstanceMethod("copySequence", &Decoder::copySequence),
        InstanceMethod("release", &Decoder::release),
    });
}

Decoder::Decoder(const Napi::CallbackInfo & info)
    : Napi::ObjectWrap<Decoder>(info), wrapped(Napi::ObjectWrap<AddonContext>::Unwrap(info[0].As<Napi::Object>())),
      owner(Napi::Persistent(info[0].As<Napi::Object>())), cache(stopReserving()) {
    findLlama(info.Env(), wrapped);
    if (context() == nullptr) throw Napi::Error::New(info.Env(), disposed);
    vocabularySize = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context())));
}

llama_context * Decoder::context() const {
    return wrapped->ctx;
}

Napi::Value Decoder::decode(const Napi::CallbackInfo & info) {
    const auto tokens = info[0].As<Napi::Int32Array>();
    const auto sequences = info[1].As<Napi::Int32Array>();
    const auto positions = info[2].As<Napi::Int32Array>();
    const auto outputs = info[3].As<Napi::Int32Array>();
    const auto drawAt = info[4].As<Napi::Int32Array>();
    const size_t count = tokens.ElementLength();
    if (count == 0 || sequences.ElementLength() != count || positions.ElementLength() != count) {
        throw Napi::RangeError::New(info.Env(), "Tokens, sequences and positions must have the same length, and not be empty");
    }

    auto step = std::make_unique<Step>(info, *this);
    for (size_t i = 0, next = 0; i < count; i++) {
        const bool hasLogits = next < outputs.ElementLength() && outputs[next] == static_cast<int32_t>(i);
        if (hasLogits) next++;
        step->batch.add(tokens[i], sequences[i], positions[i], hasLogits);
    }
    for (size_t i = 0; i < drawAt.ElementLength(); i++) {
        if (!step->batch.hasLogitsAt(drawAt[i])) throw Napi::RangeError::New(info.Env(), "A draw is at a token without logits");
    }
    step->addDraws(info.Env(), drawAt, info[5], info[6], info[7]);
    return step.release()->start();
}

Napi::Value Decoder::getLogits(const Napi::CallbackInfo & info) {
    const auto at = info[0].As<Napi::Number>().Int32Value();
    const auto top = info[1].As<Napi::Number>().Uint32Value();
    const auto tokens = info[2].As<Napi::Uint32Array>();
    const bool total = info[3].As<Napi::Boolean>().Value();
    if (context() == nullptr) throw Napi::Error::New(info.Env(), disposed);
    const float * logits = llama_get_logits_ith(context(), at);
    if (logits == nullptr) throw Napi::RangeError::New(info.Env(), "The last batch has no logits there");

    // Logprobs need the greatest logit.
    const auto found = topTokens(logits, vocabularySize, std::max<size_t>(top, total ? 1 : 0));
    auto numbers = Napi::Float64Array::New(info.Env(), 2 + 2 * found.size() + tokens.ElementLength());
    numbers[0] = total ? weightOf(logits, vocabularySize, logits[found[0]]) : NAN;
    numbers[1] = static_cast<double>(found.size());
    size_t next = 2;
    for (const llama_token token : found) {
        numbers[next++] = token;
        numbers[next++] = logits[token];
    }
    for (size_t i = 0; i < tokens.ElementLength(); i++) {
        const auto token = static_cast<int32_t>(tokens[i]);
        if (token < 0 || token >= vocabularySize) throw Napi::RangeError::New(info.Env(), "The vocabulary has no such token");
        numbers[next++] = logits[token];
    }
    return numbers;
}

Napi::Value Decoder::decodeEmbeddings(const Napi::CallbackInfo & info) {
    if (context() == nullptr) throw Napi::Error::New(info.Env(), disposed);
    return (new Embeddings(info, *this))->start();
}

Napi::Value Decoder::copySequence(const Napi::CallbackInfo & info) {
    return (new Copy(info, *this))->start();
}

void Decoder::release(const Napi::CallbackInfo & info) {
    releaseCells(cache, info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value());
}

} // namespace waggle
