// Owns what the model says in a simulation to requests with MCP tools: texts with calls, and the text that a step's tokens must have.
import type { Job } from "@waggle/jobs";
import type { StreamEvent } from "@waggle/protocol";
import { call, say } from "../inline-turns.ts";
import type { Random } from "./random.ts";

/** Ends each text. Without the grammar of its tools, which a thread compiles, the model does not end an answer itself. */
export const endOfText = "$";

/** A marker with what the model says next. @param key names the request in its calls */
export function randomSay(random: Random, key: number): string {
  const names = ["s__free", "s__free", "s__free", "s__asked", "s__asked", "own"] as const;
  const calls = Array.from({ length: random.pick([0, 1, 1, 1, 2]) }, () => call(random.pick(names), { k: key }));
  return say(`${random.pick(["Well", "Bees and trees"])}${calls.join("")}${endOfText}`);
}

/** What the model says to a conversation with this text at its end; undefined if the text has no such marker. */
function saidIn(text: string): string | undefined {
  const marker = [...text.matchAll(/\[say:([^\]]*)\]/g)].at(-1)?.[1];
  return marker === undefined ? undefined : decodeURIComponent(marker).replace(endOfText, "");
}

/** The names of the called functions. */
function namesIn(said: string): readonly string[] {
  return [...said.matchAll(/"name":"(\w+)"/g)].map(([, name = ""]) => name);
}

/** The texts of the token events together: a call has its arguments only. */
function scriptTokens(said: string): string {
  return said.replaceAll(/<tool_call>.*?"arguments":(\{.*?\})\}<\/tool_call>/g, "$1");
}

/** Whether the tokens of a cancelled answer may have this text: the beginning of a call is text until the call's name has come. */
function isBeginning(text: string, said: string): boolean {
  return scriptTokens(said).startsWith(text) || [...said].some((_, at) => scriptTokens(said.slice(0, at)) === text);
}

/** Follows the steps of a job with MCP tools. */
export interface Steps {
  take(event: StreamEvent): void;
  /** The text of each step so far. */
  readonly texts: readonly string[];
  /** @param outcome the job's outcome, for example `finished stop` */
  conclude(outcome: string): void;
}

/** @param accuse reports a broken rule */
export function createSteps(job: Job, prompt: string, accuse: (message: string) => void): Steps {
  const { calls } = job.spec;
  const texts = [""];
  let said = saidIn(prompt) ?? "";
  let next = said;
  const ran = new Set<string>();
  const results = new Set<string>();
  let resultsBefore = 0;

  const hasTools = (): boolean => texts.length <= (calls?.steps ?? 0);
  const names = (): readonly string[] => (hasTools() ? namesIn(said) : []);
  const due = (): string => (hasTools() ? scriptTokens(said) : said);

  /** All calls of the step that the worker runs have a result. */
  function checkResults(): void {
    const own = names().filter((name) => name.startsWith("s__")).length;
    const made = results.size - resultsBefore;
    if (made !== own) accuse(`step ${texts.length - 1} has ${made} results of ${own} calls`);
    for (const id of ran) if (!results.has(id)) accuse(`the call ${id} ran and has no result`);
  }

  function begin(index: number): void {
    if (index !== texts.length) accuse(`step ${index} follows step ${texts.length - 1}`);
    if (texts.at(-1) !== due()) accuse(`step ${texts.length - 1} has the text "${texts.at(-1)}" instead of "${due()}"`);
    checkResults();
    resultsBefore = results.size;
    said = next;
    texts.push("");
  }

  return {
    texts,
    take(event) {
      const { index } = job.state.step;
      if (index !== texts.length - 1) begin(index);
      switch (event.type) {
        case "token":
          texts[index] += event.text;
          return;
        case "tool_call":
          if (event.state === "waits_for_consent") return;
          if (ran.has(event.call_id)) accuse(`the call ${event.call_id} runs twice`);
          ran.add(event.call_id);
          return;
        case "tool_result":
          if (results.has(event.call_id)) accuse(`the call ${event.call_id} has two results`);
          results.add(event.call_id);
          next = saidIn(event.text) ?? next;
          return;
        case "queued":
        case "status":
        case "started":
        case "end":
        case "error":
          return;
      }
    },
    conclude(outcome) {
      const text = texts.at(-1) ?? "";
      if (!due().startsWith(text) && !(hasTools() && isBeginning(text, said)))
        accuse(`has the text "${text}", which is no beginning of "${due()}"`);
      if (outcome !== "finished stop") return;
      if (text !== due()) accuse(`has the text "${text}" instead of "${due()}"`);
      checkResults();
      const isMine = names().length > 0 && !names().includes("own");
      if (isMine) accuse(`ended with calls that the worker runs: "${said}"`);
    },
  };
}
