// Reserves the memory of KV caches without taking it: a page of a cache becomes real memory when its first cell is written, and goes back to the
// system when its cells are freed. So the streams of a context share the memory, although each has room for the longest job.
#pragma once

#include <cstddef>
#include <vector>

namespace waggle {

/**
 * A tensor of a KV cache: for each stream `cells` rows of `rowBytes`. Without flash attention values lie: the memory of a stream is then one row for each of
 * `channels`, with a number of every cell, so that a page holds some thousand cells of one channel (`get_v` of llama-kv-cache.cpp).
 */
struct CacheTensor {
    char * data;
    size_t rowBytes;
    size_t cells;
    size_t streams;
    /** 0 if each cell has a row. */
    size_t channels;
};

/**
 * From now on, reserves the buffers that ggml allocates in host memory for tensors, and records the tensors of KV caches in them. To be called
 * before a context is created, and `stopReserving` after it.
 * @param valuesLie whether the context is without flash attention
 */
void startReserving(bool valuesLie);

/** @returns the tensors recorded since `startReserving` */
std::vector<CacheTensor> stopReserving();

/** Gives the whole pages of the stream's cells from `from` on back to the system. Reading them yields zeros. */
void releaseCells(const std::vector<CacheTensor> & tensors, size_t stream, size_t from);

} // namespace waggle
