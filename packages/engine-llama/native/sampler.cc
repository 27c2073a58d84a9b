#include "sampler.h"

#include "AddonModel.h"

namespace waggle {

namespace {

float floatOf(const Napi::Object & config, const char * name, float fallback) {
    const Napi::Value value = config.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().FloatValue() : fallback;
}

int32_t integerOf(const Napi::Object & config, const char * name, int32_t fallback) {
    const Napi::Value value = config.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : fallback;
}

SamplerPtr biasOf(const Napi::Object & config, int32_t vocabularySize) {
    const Napi::Value keys = config.Get("tokenBiasKeys");
    const Napi::Value values = config.Get("tokenBiasValues");
    if (!keys.IsTypedArray() || !values.IsTypedArray()) return nullptr;
    const auto tokens = keys.As<Napi::Uint32Array>();
    const auto biases = values.As<Napi::Float32Array>();
    std::vector<llama_logit_bias> all;
    for (size_t i = 0; i < tokens.ElementLength() && i < biases.ElementLength(); i++) {
        all.push_back({ static_cast<llama_token>(tokens[i]), biases[i] });
    }
    return SamplerPtr(llama_sampler_init_logit_bias(vocabularySize, all.size(), all.data()));
}

} // namespace

Napi::Function Sampler::define(Napi::Env env) {
    return DefineClass(env, "Sampler", {
        InstanceMethod("configure", &Sampler::configure),
        InstanceMethod("setRecent", &Sampler::setRecent),
    });
}

Sampler::Sampler(const Napi::CallbackInfo & info) : Napi::ObjectWrap<Sampler>(info) {
    const auto * model = Napi::ObjectWrap<AddonModel>::Unwrap(info[0].As<Napi::Object>());
    findLlama(info.Env(), model);
    vocabularySize = llama_vocab_n_tokens(model->vocab);
}

void Sampler::configure(const Napi::CallbackInfo & info) {
    const auto config = info[0].As<Napi::Object>();
    bias = biasOf(config, vocabularySize);

    filters.clear();
    const int32_t most = integerOf(config, "top_k", 0);
    // Without a limit, top-k is the size of the vocabulary, because it also sorts: the later samplers need sorted tokens.
    filters.emplace_back(llama_sampler_init_top_k(most <= 0 || most > vocabularySize ? vocabularySize : most));
    const float mass = floatOf(config, "top_p", 1);
    if (mass < 1) filters.emplace_back(llama_sampler_init_top_p(mass, 1));
    const float least = floatOf(config, "min_p", 0);
    if (least > 0) filters.emplace_back(llama_sampler_init_min_p(least, 1));

    xtcProbability = floatOf(config, "xtc_probability", 0);
    xtcThreshold = floatOf(config, "xtc_threshold", 0);
    const float heat = floatOf(config, "temperature", 0);
    temperature.reset(heat > 0 ? llama_sampler_init_temp(heat) : nullptr);

    const int32_t counted = integerOf(config, "repeat_last_n", 0);
    const float repeat = floatOf(config, "repeat_penalty", 1);
    const float frequency = floatOf(config, "frequency_penalty", 0);
    const float presence = floatOf(config, "presence_penalty", 0);
    const bool penalizes = counted > 0 && (repeat != 1 || frequency != 0 || presence != 0);
    penalties.reset(penalizes ? llama_sampler_init_penalties(vocabularySize, counted, repeat, frequency, presence) : nullptr);
}

void Sampler::setRecent(const Napi::CallbackInfo & info) {
    if (penalties == nullptr) return;
    const auto tokens = info[0].As<Napi::Uint32Array>();
    llama_sampler_reset(penalties.get());
    for (size_t i = 0; i < tokens.ElementLength(); i++) {
        llama_sampler_accept(penalties.get(), static_cast<llama_token>(tokens[i]));
    }
}

llama_token Sampler::sample(const float * logits, uint32_t seed) {
    candidates.resize(vocabularySize);
    for (llama_token token = 0; token < vocabularySize; token++) candidates[token] = { token, logits[token], 0 };
    llama_token_data_array array = { candidates.data(), candidates.size(), -1, false };

    const SamplerPtr xtc(xtcProbability > 0 ? llama_sampler_init_xtc(xtcProbability, xtcThreshold, 0, seed) : nullptr);
    apply(bias, array);
    apply(penalties, array);
    if (temperature == nullptr) {
        apply(xtc, array);
        apply(SamplerPtr(llama_sampler_init_greedy()), array);
    } else {
        for (const SamplerPtr & filter : filters) apply(filter, array);
        apply(xtc, array);
        apply(temperature, array);
        apply(SamplerPtr(llama_sampler_init_dist(seed)), array);
    }

    if (array.selected < 0 || static_cast<size_t>(array.selected) >= array.size) return LLAMA_TOKEN_NULL;
    const llama_token token = array.data[array.selected].id;
    if (penalties != nullptr) llama_sampler_accept(penalties.get(), token);
    return token;
}

void Sampler::apply(const SamplerPtr & sampler, llama_token_data_array & array) const {
    if (sampler != nullptr) llama_sampler_apply(sampler.get(), &array);
}

} // namespace waggle
