// Defines the tool calls that the worker runs between two messages of a job, and the port that runs them. Decision 126.
import type { GenerateWork } from "@waggle/engine";
import type { AnswerMessage, TokenEvent, ToolCallEvent, ToolResultEvent } from "@waggle/protocol";
import type { Job } from "./job.ts";

/** The tool calls that the worker runs for a job. */
export interface JobCalls {
  /** Names the job in the journal of its client. A request with the same key continues the job. */
  readonly key: string;
  /** The tools by the names of their functions. */
  readonly tools: Readonly<Record<string, CallableTool>>;
  /** Number of messages with calls, after which the model gets no tools. */
  readonly steps: number;
  /** The answer's grammar in a later message, where no call is required, and in a message without tools. */
  readonly grammars: { readonly later: string | undefined; readonly last: string | undefined };
  /** Messages with calls that an earlier process has recorded. The job continues after them. */
  readonly recorded: readonly AnswerMessage[];
}

export interface CallableTool {
  readonly server: string;
  readonly name: string;
  /** Whether the operator lists the tool as needing no consent. */
  readonly allowed: boolean;
}

export type CallEvent = ToolCallEvent | ToolResultEvent;

/** Runs the calls of jobs. Implemented by the front, and no part of the engine's link. */
export interface Calls {
  /**
   * Runs the calls of the job's message, and passes their events to `on`. Resolves with the work of the next message: the job's work with the
   * message and the results added; undefined if the client has to run other calls of the message.
   * @throws WaggleError when the job cannot continue
   */
  run(job: Job, message: AnswerMessage, on: (event: CallEvent) => void): Promise<GenerateWork | undefined>;
  /** The job has ended. A call that runs may continue; its result is recorded and not used. */
  ended(job: Job): void;
}

/** Returns the tool of a call that the worker runs; undefined for another call. */
export function toolOf(
  calls: JobCalls | undefined,
  call: { readonly function: { readonly name: string } },
): CallableTool | undefined {
  return calls !== undefined && Object.hasOwn(calls.tools, call.function.name)
    ? calls.tools[call.function.name]
    : undefined;
}

/** Returns the token events of a recorded message. Its texts have no single tokens any more. @param firstCall number of the calls before it */
export function recordedTokens(
  { content, reasoning_content: reasoning = "", tool_calls: calls = [] }: AnswerMessage,
  keys: { readonly stream_id: string; readonly session_id?: string },
  from: { readonly token: number; readonly call: number },
): readonly TokenEvent[] {
  const parts: readonly (Pick<TokenEvent, "part" | "call"> & { readonly text: string })[] = [
    ...(reasoning === "" ? [] : [{ part: "reasoning" as const, text: reasoning }]),
    ...(content === null || content === "" ? [] : [{ part: "content" as const, text: content }]),
    ...calls.flatMap(({ id, function: { name, arguments: text } }, index) => [
      { part: "call" as const, text: "", call: { index: from.call + index, id, name } },
      { part: "arguments" as const, text, call: { index: from.call + index } },
    ]),
  ];
  return parts.map((part, at) => ({ type: "token", ...keys, index: from.token + at, t_ms: 0, ...part }));
}
