// Owns a chat without a terminal: each message on stdin is asked in its turn, and the answers stand on stdout one after the other.
import { createInterface } from "node:readline";
import { showAnswer } from "../answer/show-answer.ts";
import { CliError, InterruptedError } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { createStatusLine } from "@waggle/terminal";
import type { Session } from "../worker/open-session.ts";
import { createComposer } from "./composer.ts";
import { requestFor, withTurn, type Conversation } from "./conversation.ts";

/** @throws CliError at the first answer that fails */
export async function chatThroughPipes(context: Context, session: Session, begin: Conversation): Promise<void> {
  const { out, signal } = context;
  const composer = createComposer();
  let conversation = begin;
  const lines = createInterface({ input: context.stdin, crlfDelay: Infinity, signal });
  for await (const line of lines) {
    const message = composer.add(line);
    if (message === undefined || message.trim() === "") continue;
    const events = session.client.inference(requestFor(conversation, message), { signal });
    const outcome = await showAnswer(events, { out, status: createStatusLine(out), forPerson: false, signal });
    if (outcome.error !== undefined) throw new CliError(outcome.error.message);
    if (outcome.stopped) break;
    conversation = withTurn(conversation, message, outcome);
  }
  if (signal.aborted) throw new InterruptedError();
}
