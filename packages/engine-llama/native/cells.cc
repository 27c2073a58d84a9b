#include "cells.h"

#include <cstdint>
#include <cstring>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "ggml-backend-impl.h"
#include "ggml.h"

namespace waggle {

namespace {

#if !defined(_WIN32)

using AllocateBuffer = ggml_backend_buffer_t (*)(ggml_backend_buffer_type_t, size_t);

AllocateBuffer allocateAtOnce = nullptr;
std::vector<CacheTensor> recorded;

// A reserved buffer is an ordinary buffer of the CPU, except for these functions.
void freeReserved(ggml_backend_buffer_t buffer) {
    munmap(ggml_backend_buffer_get_base(buffer), buffer->size);
}

void clearReserved(ggml_backend_buffer_t buffer, uint8_t value) {
    void * base = ggml_backend_buffer_get_base(buffer);
    // New pages are zero already: only real memory has to be cleared.
    if (value != 0 || madvise(base, buffer->size, MADV_DONTNEED) != 0) memset(base, value, buffer->size);
}

ggml_status recordTensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    const bool isCache = strncmp(tensor->name, "cache_", 6) == 0 && tensor->view_src == nullptr;
    if (isCache) {
        recorded.push_back({
            static_cast<char *>(tensor->data),
            tensor->nb[1],
            static_cast<size_t>(tensor->ne[1]),
            static_cast<size_t>(tensor->ne[2]),
        });
    }
    return GGML_STATUS_SUCCESS;
}

ggml_backend_buffer_t allocateReserved(ggml_backend_buffer_type_t type, size_t size) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS
#if defined(MAP_NORESERVE)
        | MAP_NORESERVE
#endif
        ;
    if (size == 0) return allocateAtOnce(type, size);
    void * base = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (base == MAP_FAILED) return nullptr;
#if defined(MADV_NOHUGEPAGE)
    // A huge page would take 2 MiB for the first cell in it, in each tensor of each stream.
    madvise(base, size, MADV_NOHUGEPAGE);
#endif
    ggml_backend_buffer_t buffer = ggml_backend_cpu_buffer_from_ptr(base, size);
    buffer->buft = type;
    buffer->iface.free_buffer = freeReserved;
    buffer->iface.clear = clearReserved;
    buffer->iface.init_tensor = recordTensor;
    return buffer;
}

#endif

} // namespace

#if defined(_WIN32)

const bool canReserve = false;

void startReserving() {}

std::vector<CacheTensor> stopReserving() {
    return {};
}

void releaseCells(const std::vector<CacheTensor> &, size_t, size_t) {}

#else

const bool canReserve = true;

void startReserving() {
    auto & interface = ggml_backend_cpu_buffer_type()->iface;
    recorded.clear();
    if (allocateAtOnce == nullptr) allocateAtOnce = interface.alloc_buffer;
    interface.alloc_buffer = allocateReserved;
}

std::vector<CacheTensor> stopReserving() {
    if (allocateAtOnce != nullptr) ggml_backend_cpu_buffer_type()->iface.alloc_buffer = allocateAtOnce;
    std::vector<CacheTensor> found;
    found.swap(recorded);
    return found;
}

void releaseCells(const std::vector<CacheTensor> & tensors, size_t stream, size_t from) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    for (const auto & tensor : tensors) {
        if (stream >= tensor.streams || from >= tensor.cells) continue;
        const auto start = reinterpret_cast<uintptr_t>(tensor.data + stream * tensor.cells * tensor.rowBytes);
        const uintptr_t first = (start + from * tensor.rowBytes + page - 1) / page * page;
        const uintptr_t end = (start + tensor.cells * tensor.rowBytes) / page * page;
        if (first < end) madvise(reinterpret_cast<void *>(first), end - first, MADV_DONTNEED);
    }
}

#endif

} // namespace waggle
