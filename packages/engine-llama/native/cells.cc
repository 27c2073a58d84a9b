#include "cells.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "ggml-backend-impl.h"
#include "ggml.h"

namespace waggle {

namespace {

using AllocateBuffer = ggml_backend_buffer_t (*)(ggml_backend_buffer_type_t, size_t);

AllocateBuffer allocateAtOnce = nullptr;
std::vector<CacheTensor> recorded;

constexpr int readWrite = PROT_READ | PROT_WRITE;
constexpr int reservation = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/** Gives pages back to the system: they are zero when they are used again. */
bool releasePages(void * from, size_t size) {
#if defined(__APPLE__)
    // There, MADV_DONTNEED keeps the contents and the memory.
    return mmap(from, size, readWrite, reservation | MAP_FIXED, -1, 0) != MAP_FAILED;
#else
    return madvise(from, size, MADV_DONTNEED) == 0;
#endif
}

// A reserved buffer is an ordinary buffer of the CPU, except for these functions.
void freeReserved(ggml_backend_buffer_t buffer) {
    munmap(ggml_backend_buffer_get_base(buffer), buffer->size);
}

void clearReserved(ggml_backend_buffer_t buffer, uint8_t value) {
    void * base = ggml_backend_buffer_get_base(buffer);
    // New pages are zero already: only real memory has to be cleared.
    if (value != 0 || !releasePages(base, buffer->size)) memset(base, value, buffer->size);
}

ggml_status recordTensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    // The results of operations on caches, such as views, have names with the same beginning.
    const bool isCache = tensor->op == GGML_OP_NONE && strncmp(tensor->name, "cache_", 6) == 0;
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
    if (size == 0) return allocateAtOnce(type, size);
    void * base = mmap(nullptr, size, readWrite, reservation, -1, 0);
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

} // namespace

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
        if (first < end) releasePages(reinterpret_cast<void *>(first), end - first);
    }
}

} // namespace waggle
