// Owns bytes that arrive in pieces, in one buffer that grows: a list of small pieces would need memory that no limit counts.

export interface GrowingBuffer {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** The bytes so far, without a copy. */
  bytes(): Buffer;
  /** Frees the memory. */
  clear(): void;
}

export interface GrowingBufferOptions {
  /** The expected length, which is not exceeded by doubling. */
  readonly expected: number;
  /** Called with the bytes of memory that are taken, or with a negative number when they are freed. */
  readonly onGrow: (bytes: number) => void;
}

const firstBytes = 4_096;

export function createGrowingBuffer({ expected, onGrow }: GrowingBufferOptions): GrowingBuffer {
  let held = Buffer.alloc(0);
  let length = 0;

  function makeRoom(more: number): void {
    if (length + more <= held.length) return;
    const roomy = Math.min(expected, Math.max(firstBytes, 2 * held.length));
    const grown = Buffer.allocUnsafeSlow(Math.max(length + more, roomy));
    held.copy(grown, 0, 0, length);
    onGrow(grown.length - held.length);
    held = grown;
  }

  return {
    get length() {
      return length;
    },
    append(bytes) {
      makeRoom(bytes.length);
      held.set(bytes, length);
      length += bytes.length;
    },
    bytes: () => held.subarray(0, length),
    clear() {
      onGrow(-held.length);
      held = Buffer.alloc(0);
      length = 0;
    },
  };
}
