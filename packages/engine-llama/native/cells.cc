#include "cells.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ggml-backend-impl.h"
#include "ggml.h"

namespace waggle {

namespace {

using AllocateBuffer = ggml_backend_buffer_t (*)(ggml_backend_buffer_type_t, size_t);

AllocateBuffer allocateAtOnce = nullptr;
std::vector<CacheTensor> recorded;
bool lying = false;

constexpr int readWrite = PROT_READ | PROT_WRITE;
constexpr int reservation = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/** Gives pages back to the system. They contain zeros when they are next used. */
bool releasePages(void * from, size_t size) {
#if defined(__APPLE__)
    // On macOS, MADV_DONTNEED frees nothing.
    return mmap(from, size, readWrite, reservation | MAP_FIXED, -1, 0) != MAP_FAILED;
#else
    return madvise(from, size, MADV_DONTNEED) == 0;
#endif
}

/** The pages that are completely within a range of memory. */
struct Pages {
    char * first;
    size_t bytes;
};

Pages pagesWithin(char * from, char * end) {
    static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t first = (reinterpret_cast<uintptr_t>(from) + page - 1) / page * page;
    const uintptr_t last = reinterpret_cast<uintptr_t>(end) / page * page;
    return { reinterpret_cast<char *>(first), first < last ? last - first : 0 };
}

void releaseWithin(char * from, char * end) {
    const Pages pages = pagesWithin(from, end);
    if (pages.bytes > 0) releasePages(pages.first, pages.bytes);
}

/** Whether any page within the range is real memory. True if the system does not report it. */
bool isAnyResident(char * from, char * end) {
    const Pages pages = pagesWithin(from, end);
    if (pages.bytes == 0) return false;
#if defined(__linux__)
    std::vector<unsigned char> resident(pages.bytes / static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    if (mincore(pages.first, pages.bytes, resident.data()) != 0) return true;
    return std::any_of(resident.begin(), resident.end(), [](unsigned char state) { return (state & 1) != 0; });
#else
    return true;
#endif
}

// A reserved buffer is an ordinary buffer of the CPU, except for the next three functions.
void freeReserved(ggml_backend_buffer_t buffer) {
    munmap(ggml_backend_buffer_get_base(buffer), buffer->size);
}

void clearReserved(ggml_backend_buffer_t buffer, uint8_t value) {
    void * base = ggml_backend_buffer_get_base(buffer);
    // To write zeros would take the memory of all pages. Pages that are given back are zero too.
    if (value != 0 || !releasePages(base, buffer->size)) memset(base, value, buffer->size);
}

ggml_status recordTensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    // Results of operations on a cache, such as views, also have names that begin so.
    const bool isCache = tensor->op == GGML_OP_NONE && strncmp(tensor->name, "cache_", 6) == 0;
    if (isCache) {
        const bool isLying = lying && strncmp(tensor->name, "cache_v_", 8) == 0;
        recorded.push_back({
            static_cast<char *>(tensor->data),
            tensor->nb[1],
            static_cast<size_t>(tensor->ne[1]),
            static_cast<size_t>(tensor->ne[2]),
            isLying ? static_cast<size_t>(tensor->ne[0]) : 0,
        });
    }
    return GGML_STATUS_SUCCESS;
}

ggml_backend_buffer_t allocateReserved(ggml_backend_buffer_type_t type, size_t size) {
    if (size == 0) return allocateAtOnce(type, size);
    void * base = mmap(nullptr, size, readWrite, reservation, -1, 0);
    if (base == MAP_FAILED) return nullptr;
#if defined(MADV_NOHUGEPAGE)
    // With huge pages, the first cell would take 2 MiB in each tensor of each stream.
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

void startReserving(bool valuesLie) {
    lying = valuesLie;
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
    for (const auto & tensor : tensors) {
        if (stream >= tensor.streams || from >= tensor.cells) continue;
        const size_t streamBytes = tensor.cells * tensor.rowBytes;
        char * start = tensor.data + stream * streamBytes;
        // If each cell has a row, or if all cells are released, the memory is one piece.
        if (tensor.channels == 0 || from == 0) {
            releaseWithin(start + from * tensor.rowBytes, start + streamBytes);
            continue;
        }
        const size_t rowBytes = streamBytes / tensor.channels;
        const size_t before = from * (rowBytes / tensor.cells);
        // A cell is written in all channels, so the first channel shows whether any page can be released. That saves a call for each channel.
        if (!isAnyResident(start + before, start + rowBytes)) continue;
        for (size_t channel = 0; channel < tensor.channels; channel++) {
            releaseWithin(start + channel * rowBytes + before, start + (channel + 1) * rowBytes);
        }
    }
}

} // namespace waggle
