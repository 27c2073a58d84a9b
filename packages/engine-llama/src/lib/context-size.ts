// Owns how large a slot's context is when nobody says. It knows memory as numbers only.

/** Longer contexts are asked for by name: their memory is spent whether or not anybody fills them. */
const defaultContextLimit = 8_192;
/** llama.cpp pads contexts to multiples of this. */
const contextStep = 256;
/** The cache may take this part of what is free: the rest is for the compute buffers, the worker and the neighbours. */
const memoryShare = 0.5;

/** Bytes in the memory of the CPU and of the GPU. */
export interface Bytes {
  readonly cpu: number;
  readonly gpu: number;
}

export interface ContextMemory {
  readonly free: Bytes;
  /** Of the KV cache of all slots together, for so many tokens per slot; grows with it. */
  readonly cacheOf: (contextSize: number) => Bytes;
}

/**
 * Tokens per slot: the trained size, 8,192 at most, then less until the KV cache of all slots fits into half of the free memory.
 * Undefined when not even the smallest one fits.
 */
export function defaultContextSize(trained: number, memory: ContextMemory): number | undefined {
  const wanted = Math.min(trained, defaultContextLimit);
  if (fits(wanted, memory, memoryShare)) return wanted;
  for (let size = Math.floor((wanted - 1) / contextStep) * contextStep; size >= contextStep; size -= contextStep) {
    if (fits(size, memory, memoryShare)) return size;
  }
  return undefined;
}

/** Whether the KV cache fits into this share of the free memory. */
export function fits(contextSize: number, { free, cacheOf }: ContextMemory, share = 1): boolean {
  const { cpu, gpu } = cacheOf(contextSize);
  return cpu <= free.cpu * share && gpu <= free.gpu * share;
}
