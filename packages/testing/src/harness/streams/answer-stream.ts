// Owns one streamed answer in any dialect, as a client sees it: its text, how it ended, which rules it broke, and leaving it.
import type { SseFrame } from "@waggle/protocol/sse";
import { createArrivals } from "../arrivals.ts";
import { RefusedError, send, type FrameStream } from "./http.ts";
import { objectIn } from "../processes/log.ts";
import type { AnswerRequest, FrameReading, StreamDialect } from "./dialects.ts";

export interface AnswerStream extends FrameStream {
  readonly judge: AnswerJudge;
  /** How its connection must end, by how the stream has ended. */
  readonly connectionDue: "complete" | "broken";
  /** Resolves when its first text has come. @throws Error when it is over before */
  begun(): Promise<void>;
}

/** Resolves when the headers have come. @throws RefusedError, or Error when no headers come */
export async function openAnswer(url: string, dialect: StreamDialect, request: AnswerRequest): Promise<AnswerStream> {
  const headers = request.sessionId === undefined ? {} : { "x-session-id": request.sessionId };
  const answer = await send({ url: `${url}${dialect.path}`, body: dialect.body(request), headers });
  if (answer.status !== 200) throw new RefusedError(answer.status, await answer.text());
  const readings = createArrivals<FrameReading>(`stream of ${dialect.name}`);
  const judge = createAnswerJudge(dialect);
  const { over, leave } = answer.frames({ onFrame: (frame) => readings.add(judge.take(frame)) }, dialect.encoding);
  void over.then(({ how, reason = "" }) => readings.end(`it is ${how}: ${reason}${judge.error ?? ""}`));
  return {
    ...{ over, leave, judge },
    get connectionDue() {
      return judge.ending === "error" && dialect.closesAfterError === undefined ? "broken" : "complete";
    },
    async begun() {
      await readings.first("its first words", ({ text }) => text !== undefined);
    },
  };
}

/** Takes a stream's frames one by one, and holds what every stream must keep to, however it ends. */
export interface AnswerJudge {
  take(frame: SseFrame): FrameReading;
  readonly text: string;
  /** How it has ended, once it has. */
  readonly ending: "end" | "error" | undefined;
  readonly finish: string | undefined;
  readonly error: string | undefined;
  /** Rules that were broken. */
  readonly problems: readonly string[];
}

/** One broken rule tends to be broken by each frame. */
const problemsLimit = 5;
const dataCharsShown = 100;

export function createAnswerJudge(dialect: StreamDialect): AnswerJudge {
  const problems: string[] = [];
  const judge = {
    text: "",
    ending: undefined as AnswerJudge["ending"],
    finish: undefined as string | undefined,
    error: undefined as string | undefined,
    problems,
    take,
  };

  function complain(problem: string): void {
    if (problems.length < problemsLimit) problems.push(problem);
  }

  function read({ event, data }: SseFrame): FrameReading {
    if (dialect.done === data) return { end: true };
    const payload = objectIn(data);
    if (payload === undefined) complain(`${JSON.stringify(data.slice(0, dataCharsShown))} is no object`);
    const name = payload?.["type"];
    if (dialect.named && event !== name) complain(`${String(name)} came under the name ${event ?? ""}`);
    const { end, ...reading } = dialect.read(payload ?? {});
    return { ...reading, end: end === true && dialect.done === undefined };
  }

  function take(frame: SseFrame): FrameReading {
    const reading = read(frame);
    const { text, finish, end, error } = reading;
    if (judge.ending !== undefined) complain(`${frame.data.slice(0, dataCharsShown)} came after its ${judge.ending}`);
    if (judge.finish !== undefined && (text ?? finish) !== undefined)
      complain(`${text ?? finish} came after its finish, ${judge.finish}`);
    judge.text += text ?? "";
    judge.finish ??= finish;
    judge.error ??= error;
    if (end && judge.finish === undefined) complain("it ended without a reason");
    if (error !== undefined) judge.ending ??= "error";
    else if (end) judge.ending ??= "end";
    return reading;
  }

  return judge;
}
