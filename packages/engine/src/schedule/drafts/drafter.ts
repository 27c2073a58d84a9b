// Guesses a job's next tokens from places where its last tokens occurred before. Each sampled token shows how often such guesses are right.
import type { Token } from "../../port/steps.ts";
import { createSuffixIndex, longestTail, longMatch, type Match } from "./suffix-index.ts";

export interface Draft {
  readonly tokens: readonly Token[];
  /** For each token, the probability that it is right if all tokens before it are. */
  readonly chances: readonly number[];
}

export interface Drafter {
  /** The sampled tokens. */
  readonly output: readonly Token[];
  /** Adds a sampled token. */
  push(token: Token): void;
  draft(most: number): Draft;
}

export interface DrafterOptions {
  readonly prompt: readonly Token[];
  /** The earlier output of a job that resumes or returns. */
  readonly output: readonly Token[];
  /** The records of earlier jobs, from which the job's own ones begin, and which its guesses are added to. */
  readonly records: DraftRecords;
  /** Looks for the last tokens in earlier answers. */
  readonly earlier: (tail: readonly Token[]) => Match | undefined;
}

/**
 * Match lengths from which on guesses have a separate record, because chance matches of few tokens say nothing about long ones: with one record
 * for all lengths, answers that repeat a part of their prompt gained a third less in simulations.
 */
const recordsFrom = [24, 12, 6, 0] as const;

/** How often guesses were right in earlier jobs, by the length of their matches: numbers of guesses only, and no text. */
export type DraftRecords = readonly DraftRecord[];

export function createDraftRecords(): DraftRecords {
  return recordsFrom.map(() => createRecord());
}

export function createDrafter({ prompt, output: prior, earlier, records: known }: DrafterOptions): Drafter {
  const text = createSuffixIndex(prompt.length + prior.length + 1_024);
  text.add(prompt);
  const output: Token[] = [];
  const records = known.map((record) => createRecord(record));
  /** The present match; undefined if the last tokens did not occur before. */
  let match: Match | undefined;

  function chanceOf(length: number): number {
    return recordOf(length)?.chance(Math.min(length, longestTail), 2) ?? 0;
  }

  function recordOf(length: number): DraftRecord | undefined {
    return records[recordsFrom.findIndex((from) => length >= from)];
  }

  function find(tail: readonly Token[]): Match | undefined {
    const own = text.find(tail);
    const other = earlier(tail);
    return other !== undefined && other.length > (own?.length ?? 0) ? other : own;
  }

  /** Counts whether the match predicted the token, and moves the match on or drops it. */
  function check(token: Token): void {
    if (match === undefined) return;
    const { source, position, length } = match;
    const predicted = source.at(position);
    if (predicted !== undefined) recordOf(length)?.add(predicted === token);
    match = predicted === token ? { source, position: position + 1, length: length + 1 } : undefined;
  }

  function push(token: Token): void {
    check(token);
    output.push(token);
    text.add([token]);
    // A short match may be a worse one than the latest place of more tokens.
    if (match === undefined || match.length <= longMatch) match = find(text.tail());
  }

  for (const token of prior) push(token);
  match ??= find(text.tail());

  return {
    output,
    push,
    draft(most) {
      if (match === undefined) return { tokens: [], chances: [] };
      const tokens: Token[] = [];
      const chances: number[] = [];
      const { source, position, length: matched } = match;
      for (let length = matched; tokens.length < most; length += 1) {
        const at = position + length - matched;
        // A place near the end continues with the draft itself: the text repeats.
        const token = source === text && at >= text.length ? tokens[at - text.length] : source.at(at);
        if (token === undefined) break;
        tokens.push(token);
        chances.push(chanceOf(length));
      }
      return { tokens, chances };
    },
  };
}

interface DraftRecord {
  readonly hits: number;
  readonly all: number;
  add(right: boolean): void;
  /** @param right, wrong what the record is taken to have seen before its first guess */
  chance(right: number, wrong: number): number;
}

/** The number of guesses that a record remembers, about, and the number that a job takes from earlier jobs at most. */
const [rememberedGuesses, inheritedGuesses] = [128, 48];

/** Creates a record, if need be with the part of another that a job inherits: what is added here is added there, too. */
function createRecord(earlier?: DraftRecord): DraftRecord {
  const share = earlier === undefined ? 0 : Math.min(1, inheritedGuesses / Math.max(1, earlier.all));
  let hits = share * (earlier?.hits ?? 0);
  let all = share * (earlier?.all ?? 0);
  return {
    get hits() {
      return hits;
    },
    get all() {
      return all;
    },
    add(right) {
      hits = hits * (1 - 1 / rememberedGuesses) + (right ? 1 : 0);
      all = all * (1 - 1 / rememberedGuesses) + 1;
      earlier?.add(right);
    },
    chance: (right, wrong) => (hits + right) / (all + right + wrong),
  };
}
