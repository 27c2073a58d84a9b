// Owns the functions of llama.cpp that the addon calls. They are looked up while the addon runs, because it cannot be linked to libllama: each of
// node-llama-cpp's packages (for the CPU, CUDA, Vulkan, a build from source) gives libllama another name.
#pragma once

#include "ggml-backend.h"
#include "llama.h"
#include "napi.h"

#define WAGGLE_LLAMA_FUNCTIONS(each)    \
    each(ggml_backend_init_by_type)     \
    each(llama_decode)                  \
    each(llama_get_logits_ith)          \
    each(llama_get_memory)              \
    each(llama_get_model)               \
    each(llama_memory_seq_rm)           \
    each(llama_model_get_vocab)         \
    each(llama_model_n_embd_inp)        \
    each(llama_model_rope_type)         \
    each(llama_n_batch)                 \
    each(llama_n_ubatch)                \
    each(llama_sampler_accept)          \
    each(llama_sampler_apply)           \
    each(llama_sampler_free)            \
    each(llama_sampler_init_dist)       \
    each(llama_sampler_init_greedy)     \
    each(llama_sampler_init_logit_bias) \
    each(llama_sampler_init_min_p)      \
    each(llama_sampler_init_penalties)  \
    each(llama_sampler_init_temp)       \
    each(llama_sampler_init_top_k)      \
    each(llama_sampler_init_top_p)      \
    each(llama_sampler_init_xtc)        \
    each(llama_sampler_reset)           \
    each(llama_set_causal_attn)         \
    each(llama_state_seq_get_data)      \
    each(llama_state_seq_get_size)      \
    each(llama_state_seq_set_data)      \
    each(llama_synchronize)             \
    each(llama_vocab_n_tokens)

namespace waggle {

// In this namespace, the name of a function is a pointer to it.
#define WAGGLE_POINTER(name) inline decltype(&::name) name = nullptr;
WAGGLE_LLAMA_FUNCTIONS(WAGGLE_POINTER)
#undef WAGGLE_POINTER

/**
 * Finds the functions in the libraries of the node-llama-cpp addon that made an object.
 * @param object an instance of one of its classes, which has virtual functions
 * @throws Napi::Error if a function is missing, or if the functions found before belong to another addon
 */
void findLlama(Napi::Env env, const void * object);

/**
 * Makes the symbols of the addon's libraries visible to libraries that are loaded later.
 * @param object as for `findLlama`
 */
void shareLibraries(Napi::Env env, const void * object);

} // namespace waggle
