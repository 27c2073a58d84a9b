// Runs a chat in a terminal: reads a message, shows its answer, and repeats until the user leaves.
import { showAnswer, statsOf } from "../answer/show-answer.ts";
import { linkSignals, unlessAborted } from "@waggle/async";
import { BrokenStreamError } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import { CliError, failureOf } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { createStatusLine, printable } from "@waggle/daemon/terminal";
import { createWordWrap } from "../terminal/word-wrap.ts";
import type { ChatModels } from "./chat-models.ts";
import { requestFor, withTurn, type Conversation } from "./conversation.ts";
import type { ChatHistory } from "./history.ts";
import { createPrompt, type TypedMessage } from "./prompt.ts";
import { isSlashCommand, runSlashCommand } from "./slash-commands.ts";

export interface TerminalChatOptions {
  readonly context: Context;
  readonly models: ChatModels;
  readonly conversation: Conversation;
  readonly history: ChatHistory;
}

export async function chatInTerminal(options: TerminalChatOptions): Promise<void> {
  const { context, models, history } = options;
  const { out, signal } = context;
  const prompt = createPrompt({ stdin: context.stdin, out, history });
  const status = createStatusLine(out);
  let conversation = options.conversation;
  let { modelName } = models.session;
  let stats = "";

  async function answer({ text, stop }: TypedMessage): Promise<void> {
    using whole = linkSignals(stop, signal);
    const { events } = models.session.waggle.ask({ fields: requestFor(conversation, text), signal: whole });
    const outcome = await showAnswer(events, { out, status, forPerson: true, signal: whole });
    signal.throwIfAborted();
    conversation = withTurn(conversation, text, outcome);
    stats = statsOf(outcome);
    if (outcome.error !== undefined) complain(outcome.error);
    else say(outcome.stopped ? "Stopped." : stats);
    out.write("\n");
  }

  function say(text: string): void {
    if (text !== "") out.control(`${out.style.dim(createWordWrap(out.columns).push(printable(text)))}\n`);
  }

  function complain(error: unknown): void {
    const text = failureOf(error).message ?? "";
    out.control(`${out.style.red(createWordWrap(out.columns).push(printable(text)))}\n`);
  }

  /** Returns whether the chat continues. */
  async function runCommand({ text, stop }: TypedMessage): Promise<boolean> {
    const names = /^\/model( |$)/.test(text) ? await models.names().catch(() => [modelName]) : [];
    const outcome = runSlashCommand(text, { conversation, modelName, models: names, stats });
    if (outcome.modelName !== undefined) await models.use(outcome.modelName, stop);
    conversation = outcome.conversation ?? conversation;
    modelName = outcome.modelName ?? modelName;
    say(outcome.say ?? "");
    return outcome.leave !== true;
  }

  try {
    const { session } = models;
    const where = session.ownWorker ? ", in a private worker" : ` at ${session.url}`;
    say(`${modelName}${where}. /help lists the commands, Ctrl-D leaves.\n`);
    for (;;) {
      const message = await unlessAborted(prompt.next(), signal);
      if (message === undefined) {
        out.write("\n");
        return;
      }
      try {
        if (!isSlashCommand(message.text)) await answer(message);
        else if (!(await runCommand(message))) return;
      } catch (error) {
        if (signal.aborted || !isShown(error)) throw error;
        complain(error);
      }
    }
  } finally {
    status.clear();
    prompt.close();
  }
}

/** Whether the user can act on the error. If so, the chat shows the error and continues. */
function isShown(error: unknown): boolean {
  return error instanceof CliError || error instanceof WaggleError || error instanceof BrokenStreamError;
}
