// Decides whether to transfer a KV cache, by the measured times of transfers and of computing the tokens. Knows no clock. Decision 017.

/** Least tokens that are worth a transfer before transfers and computing are measured. */
const leastTokens = 32;
/** Computing must take this many times as long as the transfer: a transfer stops every stream, and computing shares steps with streams. */
const leastGain = 2;
const measuredTransfers = 9;
/** A transfer that takes so long stops streams noticeably. */
const slowMs = 1_000;

export interface Transfer {
  /** Whether pictures are among the gained entries: to encode one again takes far longer than any transfer. */
  readonly pictures?: boolean;
  /** Tokens that would have to be computed without the transfer. */
  readonly gained: number;
  /** Tokens of the snapshot to load. */
  readonly loaded?: number;
  /** Tokens of the slot that must be saved first. */
  readonly saved?: number;
  /** Tokens of the slot to copy. */
  readonly copied?: number;
}

export interface TransferCost {
  addSave(tokens: number, ms: number): void;
  addLoad(tokens: number, ms: number): void;
  addCopy(tokens: number, ms: number): void;
  /** @param tokenMs time to compute a prompt token; undefined before the first measurement */
  pays(transfer: Transfer, tokenMs: number | undefined): boolean;
}

/** @param transferMs milliseconds per token in an earlier engine */
export function createTransferCost(transferMs?: number): TransferCost {
  const saveMs = createRecentMedian(measuredTransfers);
  const loadMs = createRecentMedian(measuredTransfers);
  const copyMs = createRecentMedian(measuredTransfers);
  if (transferMs !== undefined) saveMs.add(transferMs);
  return {
    addSave: (tokens, ms) => saveMs.add(ms / Math.max(1, tokens)),
    addLoad: (tokens, ms) => loadMs.add(ms / Math.max(1, tokens)),
    addCopy: (tokens, ms) => copyMs.add(ms / Math.max(1, tokens)),
    pays({ gained, loaded = 0, saved = 0, copied = 0 }, tokenMs) {
      if (gained <= 0) return false;
      const { value: readMs } = loadMs;
      const isMeasured = (loaded === 0 || readMs !== undefined) && (copied === 0 || copyMs.value !== undefined);
      if ((tokenMs === undefined || !isMeasured) && gained < leastTokens) return false;
      const writeMs = saveMs.value ?? 0;
      // Before a load is measured it counts as a save that takes long: such a folder is slow for both. A short load is tried.
      const unreadMs = loaded * writeMs < slowMs ? 0 : writeMs;
      const ms = loaded * (readMs ?? unreadMs) + saved * writeMs + copied * (copyMs.value ?? 0);
      return gained * (tokenMs ?? Infinity) >= leastGain * ms;
    },
  };
}

/** A mean would follow outliers: a pass takes many times as long while another process has the core. */
function createRecentMedian(count: number) {
  const values: number[] = [];
  return {
    add(value: number): void {
      values.push(value);
      if (values.length > count) values.shift();
    },
    /** Undefined before the first value. */
    get value(): number | undefined {
      return values.toSorted((a, b) => a - b)[values.length >> 1];
    },
  };
}
