// Runs a chat in a terminal: reads a message, shows its answer, and repeats until the user leaves.
import { showAnswer, statsOf } from "../answer/show-answer.ts";
import { linkSignals, unlessAborted } from "@waggle/async";
import { BrokenStreamError } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import { CliError, failureOf } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { createStatusLine, createStyle, printable } from "@waggle/daemon/terminal";
import { createWordWrap } from "../terminal/word-wrap.ts";
import type { ChatModels } from "./chat-models.ts";
import { createComposer } from "./composer.ts";
import { requestFor, withTurn, type Conversation } from "./conversation.ts";
import type { ChatHistory } from "./history.ts";
import { createKeyboard } from "./keyboard.ts";
import { readLine, type TypedLine } from "./line-input.ts";
import { createPastes } from "./pastes.ts";
import { completeSlash, isSlashCommand, runSlashCommand } from "./slash-commands.ts";

export interface TerminalChatOptions {
  readonly context: Context;
  readonly output: NodeJS.WritableStream;
  readonly models: ChatModels;
  readonly conversation: Conversation;
  readonly history: ChatHistory;
}

export async function chatInTerminal(options: TerminalChatOptions): Promise<void> {
  const { context, output, models, history } = options;
  const { out, signal } = context;
  const pastes = createPastes();
  const composer = createComposer();
  const keyboard = createKeyboard({ stdin: context.stdin, write: out.control, collapse: pastes.collapse });
  const status = createStatusLine(out);
  // Node's line editor writes the prompt.
  const promptStyle = createStyle(context.config.colors);
  let conversation = options.conversation;
  let { modelName } = models.session;
  let names: readonly string[] = [];
  let stats = "";

  async function askModels(): Promise<void> {
    names = await models.names().catch(() => [modelName]);
  }

  function next(): Promise<TypedLine> {
    return readLine(keyboard, output, {
      prompt: composer.open ? promptStyle.dim("... ") : promptStyle.cyan("> "),
      history: history.entries.map(pastes.collapse).toReversed(),
      complete: (line) => completeSlash(line, names),
    });
  }

  async function answer(prompt: string): Promise<void> {
    const stop = new AbortController();
    const release = keyboard.hold(() => stop.abort());
    using whole = linkSignals(stop.signal, signal);
    try {
      const { events } = models.session.waggle.ask({ fields: requestFor(conversation, prompt), signal: whole });
      const outcome = await showAnswer(events, { out, status, forPerson: true, signal: whole });
      signal.throwIfAborted();
      conversation = withTurn(conversation, prompt, outcome);
      stats = statsOf(outcome);
      if (outcome.error !== undefined) complain(outcome.error);
      else say(outcome.stopped ? "Stopped." : stats);
    } finally {
      release();
    }
  }

  async function switchTo(name: string): Promise<void> {
    const stop = new AbortController();
    const release = keyboard.hold(() => stop.abort());
    try {
      await models.use(name, stop.signal);
    } finally {
      release();
    }
  }

  function say(text: string): void {
    if (text !== "") out.control(`${out.style.dim(createWordWrap(out.columns).push(printable(text)))}\n`);
  }

  function complain(error: unknown): void {
    const text = failureOf(error).message ?? "";
    out.control(`${out.style.red(createWordWrap(out.columns).push(printable(text)))}\n`);
  }

  /** Runs a slash command, or sends the message. Returns whether the chat continues. */
  async function obey(message: string): Promise<boolean> {
    if (!isSlashCommand(message)) {
      await answer(message);
      out.write("\n");
      return true;
    }
    if (/^\/model( |$)/.test(message)) await askModels();
    const outcome = runSlashCommand(message, { conversation, modelName, models: names, stats });
    if (outcome.modelName !== undefined) await switchTo(outcome.modelName);
    conversation = outcome.conversation ?? conversation;
    modelName = outcome.modelName ?? modelName;
    say(outcome.say ?? "");
    return outcome.leave !== true;
  }

  try {
    await askModels();
    const { session } = models;
    const where = session.ownWorker ? ", in a private worker" : ` at ${session.url}`;
    say(`${modelName}${where}. /help lists the commands, Ctrl-D leaves.\n`);
    let interrupted = false;
    for (;;) {
      const typed = await unlessAborted(next(), signal);
      if (typed.kind === "end") {
        out.write("\n");
        return;
      }
      if (typed.kind === "interrupt") {
        const again: boolean = interrupted && typed.empty;
        interrupted = typed.empty && !composer.open;
        composer.reset();
        out.write("\n");
        if (again) return;
        if (interrupted) say("Ctrl-C once more leaves the chat, and so does Ctrl-D.");
        continue;
      }
      interrupted = false;
      const message = composer.add(pastes.expand(typed.text))?.trim() ?? "";
      if (message === "") continue;
      history.add(message);
      try {
        if (!(await obey(message))) return;
      } catch (error) {
        if (signal.aborted || !isShown(error)) throw error;
        complain(error);
      }
    }
  } finally {
    status.clear();
    keyboard.close();
  }
}

/** Whether the user can act on the error. If so, the chat shows the error and continues. */
function isShown(error: unknown): boolean {
  return error instanceof CliError || error instanceof WaggleError || error instanceof BrokenStreamError;
}
