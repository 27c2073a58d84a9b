// Owns the numbers of the benchmark: medians over rounds, and the table.

/** One round on one server. */
export interface Measured {
  /** Token events that reached a reader. */
  readonly tokens: number;
  readonly bytes: number;
  /** Of the server's main thread. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Side {
  readonly us_per_token: number;
  readonly us_per_token_rounds: readonly number[];
  readonly tokens_per_second: number;
  readonly bytes_per_token: number;
}

export interface ScenarioResult {
  readonly name: string;
  readonly daemon: Side;
  readonly bare: Side;
  /** Of the medians: how many times the bare server's cost the daemon's is. */
  readonly ratio: number;
}

export function summarize(
  name: string,
  daemonRounds: readonly Measured[],
  bareRounds: readonly Measured[],
): ScenarioResult {
  const [daemon, bare] = [sideOf(daemonRounds), sideOf(bareRounds)];
  return { name, daemon, bare, ratio: round(daemon.us_per_token / bare.us_per_token) };
}

function sideOf(rounds: readonly Measured[]): Side {
  const costs = rounds.map(({ cpuMs, tokens }) => round((cpuMs * 1000) / tokens));
  return {
    us_per_token: round(median(costs)),
    us_per_token_rounds: costs,
    tokens_per_second: round(median(rounds.map(({ tokens, wallMs }) => (tokens * 1000) / wallMs))),
    bytes_per_token: round(median(rounds.map(({ bytes, tokens }) => bytes / tokens))),
  };
}

export function printTable(streams: number, rounds: number, results: readonly ScenarioResult[]): void {
  console.log(`CPU of the main thread per token event; ${streams} streams, medians of ${rounds} rounds.\n`);
  console.log("| load | daemon | bare node:http | ratio | tokens/s, daemon and bare |");
  console.log("|---|---|---|---|---|");
  for (const { name, daemon, bare, ratio } of results) {
    const pace = `${Math.round(daemon.tokens_per_second)}, ${Math.round(bare.tokens_per_second)}`;
    console.log(`| ${name} | ${daemon.us_per_token} us | ${bare.us_per_token} us | ${ratio} | ${pace} |`);
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
