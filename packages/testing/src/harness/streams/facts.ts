// Owns the results of one check: failed expectations and measured numbers. A check continues after a failed expectation.
import { isDeepStrictEqual } from "node:util";
import { endingOf, type Ending, type LiveStream } from "./live-stream.ts";
import { round } from "../figures/statistics.ts";
import { waitFor } from "../wait.ts";

export interface Facts {
  /** @param otherwise text of the failure, with the wrong values */
  expect(held: boolean, otherwise: string): void;
  equal(what: string, actual: unknown, due: unknown): void;
  number(name: string, value: number): void;
  /** Waits for the end of a stream, and checks its rules, its ending, the end of its connection and, if given, its text. */
  ended(what: string, stream: LiveStream, due: Ending, text?: string): Promise<void>;
}

export interface FactsRecord extends Facts {
  readonly failures: readonly string[];
  readonly numbers: Readonly<Record<string, number>>;
}

/** Often the same expectation fails many times. */
const failuresLimit = 6;
const valueCharsLimit = 160;

export function createFacts(): FactsRecord {
  const failures: string[] = [];
  const numbers: Record<string, number> = {};

  function expect(held: boolean, otherwise: string): void {
    if (!held && failures.length < failuresLimit) failures.push(otherwise);
  }

  function equal(what: string, actual: unknown, due: unknown): void {
    expect(isDeepStrictEqual(actual, due), `${what} is ${shown(actual)} where ${shown(due)} was due`);
  }

  return {
    failures,
    numbers,
    expect,
    equal,
    number(name, value) {
      numbers[name] = round(value);
    },
    async ended(what, { over, judge }, due, text) {
      const { how } = await waitFor(`the end of ${what}`, over);
      // After an error the connection is destroyed, so that no client takes the stream for a complete answer.
      const [connection, done] = due.startsWith("error ") ? ["broken", false] : ["complete", true];
      equal(`what is wrong with ${what}`, judge.problems, []);
      const seen = [endingOf(judge.terminal), how, judge.done];
      equal(`the end of ${what}, of its connection, and [DONE]`, seen, [due, connection, done]);
      if (text !== undefined) equal(`the text of ${what}`, judge.text, text);
    },
  };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, valueCharsLimit);
}
