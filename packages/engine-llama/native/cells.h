// Reserves address space for KV caches: a page of a cache becomes real memory when its first cell is written, and is given back to the system when
// its cells are freed. So the streams of a context share the memory, although each has cells for the longest job.
#pragma once

#include <cstddef>
#include <vector>

namespace waggle {

/**
 * A tensor of a KV cache: for each stream, `cells` rows of `rowBytes`. Without flash attention the values are transposed ("lie"): a stream then has a row
 * for each of `channels`, with one number of every cell, and a page holds thousands of cells of one channel (`get_v` of llama-kv-cache.cpp).
 */
struct CacheTensor {
    char * data;
    size_t rowBytes;
    size_t cells;
    size_t streams;
    /** 0 if each cell has a row; otherwise the number of rows of a stream. */
    size_t channels;
};

/**
 * From this call on, buffers that ggml allocates in host memory are reserved only, and the tensors of KV caches in them are recorded. Call this
 * before a context is created, and `stopReserving` after it.
 * @param valuesLie true if the context has no flash attention
 */
void startReserving(bool valuesLie);

/** @returns the tensors recorded since `startReserving` */
std::vector<CacheTensor> stopReserving();

/** Gives the memory of a stream's cells back to the system, from the cell `from` to the last, in whole pages. Reading these yields zeros. */
void releaseCells(const std::vector<CacheTensor> & tensors, size_t stream, size_t from);

} // namespace waggle
