// Runs one page as a reader would: block after block in one folder, comparing the output, and checking that nothing is left at the end.
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createLeftoverCheck, endLeftovers, killGroup, errorText, openProxy, stopwatch } from "@waggle/testing/harness";
import { missingLine } from "./expected.ts";
import type { Newcomer } from "./newcomer.ts";
import { readPage, type BlockStep, type Step } from "./read-page.ts";
import {
  folderOf,
  interrupt,
  openTerminal,
  toItsEnd,
  untilItSays,
  type BlockPlace,
  type Terminal,
} from "./terminal.ts";

export type Outcome = "passed" | "failed" | "not run";

export interface StepResult {
  readonly line: number;
  readonly what: string;
  readonly outcome: Outcome;
  /** Why the step failed or was not run; for a step that passed, the replacements in its block. */
  readonly reason?: string;
  readonly seconds: number;
}

export interface PageRun {
  readonly text: string;
  readonly newcomer: Newcomer;
  readonly place: BlockPlace;
  readonly signal: AbortSignal;
  readonly onResult: (result: StepResult) => void;
  /** Called for each way in which this run differs from what a reader would do. */
  readonly onNote: (note: string) => void;
}

const usualLimitS = 120;
/** The address of the server in every page. */
const usualUrl = "http://127.0.0.1:7711";
/** Connections of a block that are cut. */
const mostCuts = 3;
const leaveLine = 0;

/** Stops at the first failed block, because later blocks depend on earlier ones. */
export async function runPage({ text, newcomer, place, signal, onResult, onNote }: PageRun): Promise<void> {
  const leaders: number[] = [];
  const onLeader = (pid: number): void => {
    leaders.push(pid);
    place.onLeader(pid);
  };
  const reader = createReader(newcomer, { ...place, onLeader });
  const leftovers = createLeftoverCheck();
  const ports = portsIn(text);
  let broken = "";
  try {
    for (const step of readPage(text)) {
      signal.throwIfAborted();
      const took = stopwatch();
      const common = { line: step.line, what: whatOf(step) };
      const say = (outcome: Outcome, reason?: string): void =>
        onResult({ ...common, outcome, seconds: took() / 1_000, ...(reason === undefined ? {} : { reason }) });
      if (broken !== "") {
        if (counts(step)) say("not run", broken);
        continue;
      }
      try {
        for (const model of modelsOf(step)) onNote(`${model} is not downloaded: a made-up model replaces it`);
        if (step.kind === "page") await demandFree(ports);
        const unable = await reader.follow(step);
        if (counts(step)) say(unable === undefined ? "passed" : "not run", unable ?? step.options.instead);
        await leftovers.observe(leaders);
      } catch (error) {
        say("failed", errorText(error));
        broken = `line ${step.line} failed`;
      }
    }
    const left = [...(await leftUnstopped(reader)), ...endLeftovers(await leftovers.check())];
    if (broken === "") onResult(leavingResult(left));
  } finally {
    leaders.forEach(killGroup);
    // Killing our groups does not reach processes with another terminal, and a worker survives the end of its terminal.
    endLeftovers(await leftovers.check());
    reader.leave();
  }
}

/** Whether the step's result is reported. Writing a file proves nothing by itself. */
function counts({ kind, ...step }: Step): boolean {
  if (kind === "file") return "language" in step && step.language === "json";
  return kind !== "page" && kind !== "stop";
}

/** The models of a page that made-up models replace. */
function modelsOf({ options }: Step): readonly string[] {
  return options.model?.split(",") ?? [];
}

function leavingResult(left: readonly string[]): StepResult {
  const common = { line: leaveLine, what: "nothing is left behind", seconds: 0 };
  return left.length === 0
    ? { ...common, outcome: "passed" }
    : { ...common, outcome: "failed", reason: left.join("; ") };
}

async function leftUnstopped(reader: Reader): Promise<readonly string[]> {
  const open = reader.open();
  return open === 0 ? [] : [`The page starts ${open} programs that it does not stop`];
}

interface Reader {
  /** Runs the step; returns why it cannot be run here, or undefined. @throws Error when it fails */
  follow(step: Step): Promise<string | undefined>;
  open(): number;
  leave(): void;
}

function createReader(newcomer: Newcomer, place: BlockPlace): Reader {
  const terminals: (Terminal | undefined)[] = [];
  const standIns: Disposable[] = [];
  let output = "";
  /** Why the page, or the last block, cannot be run here. */
  let pageUnable: string | undefined;
  let unable: string | undefined;

  async function run(step: BlockStep): Promise<void> {
    const { options } = step;
    const limitMs = Number(options.within ?? usualLimitS) * 1_000;
    const typed = options.type?.replaceAll(String.raw`\n`, "\n") ?? (step.kind === "background" ? "" : undefined);
    if (options.cut !== undefined) return await runThroughCuts(step, Number(options.cut), limitMs);
    const terminal = openTerminal(commandOf(step), place, typed);
    if (step.kind === "run") output = await toItsEnd(terminal, Number(options.exit ?? 0), limitMs);
    else {
      terminals.push(terminal);
      output = await untilItSays(terminal, options.until ?? "", limitMs);
    }
  }

  /** Runs a program against a proxy to the usual port. @throws Error when the program needed too few connections to lose one */
  async function runThroughCuts(step: BlockStep, bytes: number, limitMs: number): Promise<void> {
    await using proxy = await openProxy(usualUrl);
    proxy.cutAfter = () => (proxy.cuts < mostCuts ? bytes : undefined);
    const block = `export WAGGLE_URL=${proxy.url}\n${commandOf(step)}unset WAGGLE_URL\n`;
    output = await toItsEnd(openTerminal(block, place), Number(step.options.exit ?? 0), limitMs);
    if (proxy.cuts === 0) throw new Error(`No connection was cut: none had ${bytes} bytes\n${output}`);
  }

  async function block(step: BlockStep): Promise<string | undefined> {
    if (step.kind === "expect") {
      if (unable !== undefined) return unable;
      const missing = missingLine(step.text, output, step.options.numbers === "any");
      if (missing !== undefined) throw new Error(`The output has no line "${missing}":\n${output.slice(-1_500)}`);
      return undefined;
    }
    unable = pageUnable ?? unableTo(step, newcomer);
    if (unable !== undefined) {
      if (step.kind === "background") terminals.push(undefined);
      return unable;
    }
    if (step.kind === "file") demandReadable(step);
    if (step.kind === "file") write(join(folderOf(place), step.options.name ?? ""), step.text);
    else await run(step);
    return undefined;
  }

  return {
    async follow(step) {
      if (step.kind === "stop") {
        if (terminals.length === 0) throw new Error("Cannot stop a program: no program is running");
        const terminal = terminals.pop();
        if (terminal !== undefined) await interrupt(terminal);
      } else if (step.kind === "page") {
        pageUnable = unableTo(step, newcomer);
        for (const model of modelsOf(step)) standIns.push(newcomer.standIn(model));
      } else if ("text" in step) return await block(step);
      return undefined;
    },
    open: () => terminals.filter((terminal) => terminal !== undefined).length,
    leave: () => standIns.forEach((standIn) => standIn[Symbol.dispose]()),
  };
}

function unableTo({ kind, options }: Step, newcomer: Newcomer): string | undefined {
  if (kind === "skip") return options.why;
  const missing = options.needs?.split(",").filter((command) => !newcomer.has(command)) ?? [];
  return missing.length === 0 ? undefined : `there is no ${missing.join(", no ")} on this machine`;
}

function commandOf({ language, line, text, options }: BlockStep): string {
  if (language !== "sh") throw new Error(`Line ${line}: cannot run a block of ${language}; only sh can be run`);
  const replacements = options.instead?.split("|").map((one) => one.split("=")) ?? [];
  return replacements.reduce((command, [usual = "", that = ""]) => command.replaceAll(usual, that), text);
}

/** Checks the syntax of JSON files. @throws Error for invalid JSON */
function demandReadable({ language, text }: BlockStep): void {
  if (language === "json") JSON.parse(text);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function whatOf(step: Step): string {
  if (!("text" in step)) return step.kind;
  if (step.kind === "file") return `writes ${step.options.name}`;
  const [first = ""] = step.text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return `${step.kind === "expect" ? "shows" : step.kind === "background" ? "starts" : step.kind}: ${first.slice(0, 70)}`;
}

/** The ports of this machine that the page mentions. */
function portsIn(text: string): readonly number[] {
  const found = text.matchAll(/(?:127\.0\.0\.1|localhost):(\d{4,5})\b/g);
  return [...new Set(Array.from(found, ([, port]) => Number(port)))];
}

/** @throws Error when one of the ports is in use, because the page's programs need it */
async function demandFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (await answers(port)) throw new Error(`Port ${port}, which this page uses, is already in use`);
  }
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const done = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
}
