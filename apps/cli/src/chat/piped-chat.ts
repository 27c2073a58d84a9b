// Runs a chat without a terminal: sends each line of stdin as a message, and writes only the answers to stdout. The output of slash
// commands goes to stderr.
import { createInterface } from "node:readline";
import { showAnswer, statsOf } from "../answer/show-answer.ts";
import { InterruptedError } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { createStatusLine } from "@waggle/daemon/terminal";
import type { Session } from "../worker/open-session.ts";
import { requestFor, withTurn, type Conversation } from "./conversation.ts";
import { isSlashCommand, runSlashCommand } from "./slash-commands.ts";

/** @throws WaggleError at the first answer that fails, CliError at an invalid command */
export async function chatThroughPipes(context: Context, session: Session, begin: Conversation): Promise<void> {
  const { out, signal } = context;
  /** The lines before the current one that ended with a backslash. */
  let begun = "";
  let conversation = begin;
  let stats = "";
  const lines = createInterface({ input: context.stdin, crlfDelay: Infinity, signal });
  for await (const line of lines) {
    if (line.endsWith("\\")) {
      begun += `${line.slice(0, -1)}\n`;
      continue;
    }
    const message = begun + line;
    begun = "";
    if (message.trim() === "") continue;
    if (isSlashCommand(message.trim())) {
      // Throws for an invalid command, because no user is there to correct the command.
      const outcome = runSlashCommand(message.trim(), {
        conversation,
        modelName: session.modelName,
        models: [session.modelName],
        stats,
      });
      if (outcome.say !== undefined) context.err.write(`${outcome.say}\n`);
      if (outcome.leave === true) break;
      conversation = outcome.conversation ?? conversation;
      continue;
    }
    const { events } = session.waggle.ask({ fields: requestFor(conversation, message), signal });
    const outcome = await showAnswer(events, { out, status: createStatusLine(out), forPerson: false, signal });
    if (outcome.stopped) break;
    if (outcome.error !== undefined) throw outcome.error;
    conversation = withTurn(conversation, message, outcome);
    stats = statsOf(outcome);
  }
  if (signal.aborted) throw new InterruptedError();
}
