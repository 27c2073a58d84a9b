// Owns how large a slot's context is when nobody says. It knows memory as numbers only.

/** Longer contexts are asked for by name: their memory is spent whether or not anybody fills them. */
const defaultContextLimit = 8_192;
/** llama.cpp pads contexts to multiples of this. */
const contextStep = 256;
/** A context may take this part of what is free: the rest is for the worker and the neighbours. */
const memoryShare = 0.5;

/** Bytes in the memory of the host and of the GPU. */
export interface Bytes {
  readonly host: number;
  readonly gpu: number;
}

export interface ContextMemory {
  readonly free: Bytes;
  /** By all slots together and what computes them, for so many tokens per slot; grows with it. */
  readonly takenBy: (contextSize: number) => Bytes;
}

/**
 * Tokens per slot: the trained size, 8,192 at most, then less until the context of all slots fits into half of the free memory.
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

/** Whether the context fits into this share of the free memory. */
export function fits(contextSize: number, { free, takenBy }: ContextMemory, share = 1): boolean {
  const { host, gpu } = takenBy(contextSize);
  return host <= free.host * share && gpu <= free.gpu * share;
}
