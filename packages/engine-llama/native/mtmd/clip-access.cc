// Includes clip.cpp, because clip.h does not show the fields of a context.
#include "clip.cpp" // NOLINT(bugprone-suspicious-include)

#include "clip-access.h"

namespace waggle {

void setClipThreads(clip_ctx * context, int threads) {
    ggml_backend_dev_t device = ggml_backend_get_device(context->backend_cpu);
    ggml_backend_reg_t registry = device == nullptr ? nullptr : ggml_backend_dev_backend_reg(device);
    if (registry == nullptr) return;
    const auto set = reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
    if (set != nullptr) set(context->backend_cpu, threads);
}

} // namespace waggle
