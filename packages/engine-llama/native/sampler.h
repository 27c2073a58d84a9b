// Owns a slot's sampler: the chain of llama.cpp's samplers for a job's settings, applied to the raw logits of a batch position.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "llama-functions.h"
#include "napi.h"

namespace waggle {

struct SamplerDeleter {
    void operator()(llama_sampler * sampler) const { llama_sampler_free(sampler); }
};
using SamplerPtr = std::unique_ptr<llama_sampler, SamplerDeleter>;

class Sampler : public Napi::ObjectWrap<Sampler> {
  public:
    static Napi::Function define(Napi::Env env);

    /** `new Sampler(model)`, with the AddonModel of node-llama-cpp. */
    explicit Sampler(const Napi::CallbackInfo & info);

    /** Samples a token, which the penalties count from now on. Returns LLAMA_TOKEN_NULL if the samplers leave no token. */
    llama_token sample(const float * logits, uint32_t seed);

  private:
    /** Replaces the settings. Must not be called while a step that uses the sampler runs. */
    void configure(const Napi::CallbackInfo & info);
    /** Sets the tokens that the penalties count, oldest first. */
    void setRecent(const Napi::CallbackInfo & info);

    void apply(const SamplerPtr & sampler, llama_token_data_array & candidates) const;

    int32_t vocabularySize;
    // In the order in which they are applied. A null pointer means a sampler without effect.
    SamplerPtr bias;
    SamplerPtr penalties;
    std::vector<SamplerPtr> filters;
    /** XTC draws random numbers, so each token gets a new XTC sampler with the token's seed. */
    float xtcProbability = 0;
    float xtcThreshold = 0;
    /** Null at temperature 0: then the most probable token is sampled. */
    SamplerPtr temperature;
    std::vector<llama_token_data> candidates;
};

} // namespace waggle
